// GIF by giflib: the first frame, record by record, so that a file of a million frames costs no more than one of them.
#include "include/ff_codecs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gif_lib.h>

typedef struct {
  const uint8_t *bytes;
  size_t left;
} source;

static int take(GifFileType *gif, GifByteType *out, int count) {
  source *from = gif->UserData;
  size_t taken = (size_t)count < from->left ? (size_t)count : from->left;
  memcpy(out, from->bytes, taken);
  from->bytes += taken;
  from->left -= taken;
  return (int)taken;
}

static int refuse(int code, char *message) {
  const char *text = GifErrorString(code);
  snprintf(message, FF_CODEC_MESSAGE, "%s", text ? text : "the data are damaged");
  return 0;
}

// Everything up to the first frame's pixels. `*key` is the transparent entry or -1.
static int header(GifFileType *gif, ff_picture *picture, int *key, char *message) {
  *key = -1;
  for (;;) {
    GifRecordType record;
    if (DGifGetRecordType(gif, &record) == GIF_ERROR) return refuse(gif->Error, message);
    if (record == TERMINATE_RECORD_TYPE) {
      snprintf(message, FF_CODEC_MESSAGE, "there is no picture in the file");
      return 0;
    }
    if (record == IMAGE_DESC_RECORD_TYPE) break;
    int code;
    GifByteType *block;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return refuse(gif->Error, message);
    while (block) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
        *key = control.TransparentColor;
      }
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return refuse(gif->Error, message);
    }
  }
  if (DGifGetImageDesc(gif) == GIF_ERROR) return refuse(gif->Error, message);
  const GifImageDesc *frame = &gif->Image;
  if (!frame->ColorMap && !gif->SColorMap) {
    snprintf(message, FF_CODEC_MESSAGE, "the picture has no colours");
    return 0;
  }
  if (frame->Width <= 0 || frame->Height <= 0) {
    snprintf(message, FF_CODEC_MESSAGE, "the first frame has %d x %d pixels", frame->Width, frame->Height);
    return 0;
  }
  int right = frame->Left + frame->Width, bottom = frame->Top + frame->Height;
  picture->width = right > gif->SWidth ? right : gif->SWidth;
  picture->height = bottom > gif->SHeight ? bottom : gif->SHeight;
  picture->channels = *key >= 0 ? 4 : 3;
  picture->depth = 8;
  return 1;
}

// Transparent, in the transparent entry's colour as in PIL, or the background colour.
static void empty_canvas(GifFileType *gif, const ff_picture *picture, int key, uint8_t *pixels) {
  size_t count = (size_t)picture->width * picture->height, channels = picture->channels;
  const ColorMapObject *colors = key >= 0 && gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
  int entry = key >= 0 ? key : gif->SBackGroundColor;
  uint8_t back[4] = {0, 0, 0, 0};
  if (colors && entry < colors->ColorCount) memcpy(back, &colors->Colors[entry], 3);
  for (size_t i = 0; i < count; i++) memcpy(pixels + channels * i, back, channels);
}

static int frame(GifFileType *gif, const ff_picture *picture, int key, uint8_t *pixels, char *message) {
  static const struct rows { int first, step; } plain[] = {{0, 1}}, interlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  const GifImageDesc *place = &gif->Image;
  const ColorMapObject *colors = place->ColorMap ? place->ColorMap : gif->SColorMap;
  size_t channels = picture->channels;
  GifPixelType *line = malloc(place->Width);
  if (!line) return refuse(D_GIF_ERR_NOT_ENOUGH_MEM, message);
  int ok = 1;
  const struct rows *passes = place->Interlace ? interlaced : plain;
  for (int pass = 0; ok && pass < (place->Interlace ? 4 : 1); pass++) {
    for (int y = passes[pass].first; ok && y < place->Height; y += passes[pass].step) {
      if (DGifGetLine(gif, line, place->Width) == GIF_ERROR) {
        ok = refuse(gif->Error, message);
        break;
      }
      uint8_t *out = pixels + ((size_t)(place->Top + y) * picture->width + place->Left) * channels;
      for (int x = 0; x < place->Width; x++, out += channels) {
        int entry = line[x];
        if (entry != key && entry >= colors->ColorCount) {
          snprintf(message, FF_CODEC_MESSAGE, "colour %d of %d does not exist", entry, colors->ColorCount);
          ok = 0;
          break;
        }
        if (entry < colors->ColorCount) memcpy(out, &colors->Colors[entry], 3);
        if (channels == 4) out[3] = entry == key ? 0 : 255;
      }
    }
  }
  free(line);
  return ok;
}

static int32_t run(const void *bytes, size_t count, ff_picture *got, const ff_picture *want, uint8_t *pixels, char *message) {
  source from = {bytes, count};
  int code = 0, key;
  GifFileType *gif = DGifOpen(&from, take, &code);
  if (!gif) return refuse(code, message);
  int ok = header(gif, got, &key, message);
  if (ok && pixels) {
    if (got->width != want->width || got->height != want->height || got->channels != want->channels) {
      snprintf(message, FF_CODEC_MESSAGE, "the file changed while it was read");
      ok = 0;
    }
    if (ok) {
      empty_canvas(gif, got, key, pixels);
      ok = frame(gif, got, key, pixels, message);
    }
  }
  DGifCloseFile(gif, &code);
  return ok;
}

int32_t ff_gif_probe(const void *bytes, size_t count, ff_picture *picture, char *message) {
  return run(bytes, count, picture, NULL, NULL, message);
}

int32_t ff_gif_decode(const void *bytes, size_t count, const ff_picture *picture, void *pixels, char *message) {
  ff_picture got;
  return run(bytes, count, &got, picture, pixels, message);
}
