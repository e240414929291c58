// JPEG by libjpeg-turbo's jpeglib.h.
#include "include/ff_codecs.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

// Encoders write fewer than 30 scans; thousands of them over a large picture keep the decoder busy for hours.
enum { SCAN_LIMIT = 256 };

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf jump;
  char *message;
} errors;

static void stop(j_common_ptr info) {
  errors *self = (errors *)info->err;
  char text[JMSG_LENGTH_MAX];
  self->base.format_message(info, text);
  snprintf(self->message, FF_CODEC_MESSAGE, "%s", text);
  longjmp(self->jump, 1);
}

// libjpeg goes on with grey after damage. What does not touch the pixels (bytes between segments, an odd version number or
// Adobe's transform) stays allowed, since cameras write it.
static void note(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR: return;
    default: stop(info);
  }
}

static void silent(j_common_ptr info) { (void)info; }

static struct jpeg_error_mgr *manager(errors *self, char *message) {
  jpeg_std_error(&self->base);
  self->base.error_exit = stop;
  self->base.emit_message = note;
  self->base.output_message = silent;
  self->message = message;
  return &self->base;
}

static void count_scans(j_common_ptr info) {
  j_decompress_ptr reader = (j_decompress_ptr)info;
  if (reader->input_scan_number <= SCAN_LIMIT) return;
  errors *self = (errors *)info->err;
  snprintf(self->message, FF_CODEC_MESSAGE, "more than %d scans", SCAN_LIMIT);
  longjmp(self->jump, 1);
}

// Reads the header; says what the picture will be and sets the colour space to decode to.
static int header(j_decompress_ptr reader, const void *bytes, size_t count, ff_picture *picture) {
  errors *self = (errors *)reader->err;
  jpeg_mem_src(reader, bytes, count);
  jpeg_read_header(reader, TRUE);
  switch (reader->jpeg_color_space) {
    case JCS_GRAYSCALE: reader->out_color_space = JCS_GRAYSCALE; break;
    case JCS_YCbCr:
    case JCS_RGB: reader->out_color_space = JCS_RGB; break;
    case JCS_CMYK:
    case JCS_YCCK: reader->out_color_space = JCS_CMYK; break;
    default:
      snprintf(self->message, FF_CODEC_MESSAGE, "a picture of %d components, expected 1, 3 or 4", reader->num_components);
      return 0;
  }
  picture->width = reader->image_width;
  picture->height = reader->image_height;
  picture->channels = reader->out_color_space == JCS_GRAYSCALE ? 1 : 3;
  picture->depth = 8;
  // Huffman codes take at least a bit for a block of 64 samples, of which a component has at least a sixteenth of the pixels.
  uint64_t blocks = (uint64_t)picture->width * picture->height / (64 * 16);
  if (!reader->arith_code && blocks / 8 > count) {
    snprintf(self->message, FF_CODEC_MESSAGE, "%zu bytes cannot hold a picture of %u x %u", count, picture->width,
        picture->height);
    return 0;
  }
  return 1;
}

int32_t ff_jpeg_probe(const void *bytes, size_t count, ff_picture *picture, char *message) {
  struct jpeg_decompress_struct reader;
  errors handler;
  reader.err = manager(&handler, message);
  // Creating already may fail, and what it leaves is safe to destroy only when it was cleared.
  memset((char *)&reader + sizeof reader.err, 0, sizeof reader - sizeof reader.err);
  if (setjmp(handler.jump)) {
    jpeg_destroy_decompress(&reader);
    return 0;
  }
  jpeg_create_decompress(&reader);
  int ok = header(&reader, bytes, count, picture);
  jpeg_destroy_decompress(&reader);
  return ok;
}

static unsigned scaled(unsigned a, unsigned b) { return (a * b + 127) / 255; }

// Inverted CMYK, in which 255 is no ink, to RGB with PIL's rounding: white less ink is rounded, not the product.
static void to_rgb(const uint8_t *line, uint8_t *out, size_t width) {
  for (size_t x = 0; x < width; x++, line += 4, out += 3) {
    unsigned light = line[3];
    for (int c = 0; c < 3; c++) out[c] = (uint8_t)(light - scaled(255 - line[c], light));
  }
}

int32_t ff_jpeg_decode(const void *bytes, size_t count, const ff_picture *picture, void *pixels, char *message) {
  struct jpeg_decompress_struct reader;
  struct jpeg_progress_mgr progress;
  errors handler;
  // Volatile: set after setjmp and read when a jump came back.
  uint8_t *volatile line = NULL;
  reader.err = manager(&handler, message);
  memset((char *)&reader + sizeof reader.err, 0, sizeof reader - sizeof reader.err);
  if (setjmp(handler.jump)) {
    jpeg_destroy_decompress(&reader);
    free(line);
    return 0;
  }
  jpeg_create_decompress(&reader);
  memset(&progress, 0, sizeof progress);
  progress.progress_monitor = count_scans;
  reader.progress = &progress;
  ff_picture got;
  int ok = header(&reader, bytes, count, &got);
  if (ok && (got.width != picture->width || got.height != picture->height || got.channels != picture->channels)) {
    snprintf(message, FF_CODEC_MESSAGE, "the file changed while it was read");
    ok = 0;
  }
  if (ok) {
    // Progressive pictures keep 2 bytes for every coefficient of up to 4 components in whole blocks.
    size_t whole = ((size_t)got.width + 63) / 32 * 32 * (((size_t)got.height + 63) / 32 * 32);
    reader.mem->max_memory_to_use = (long)(whole * 8 + (16 << 20));
    jpeg_start_decompress(&reader);
    size_t stride = (size_t)got.width * got.channels;
    if (reader.out_color_space == JCS_CMYK) {
      line = malloc((size_t)got.width * 4);
      ok = line != NULL;
      if (!ok) snprintf(message, FF_CODEC_MESSAGE, "no memory for a row of %u pixels", got.width);
    }
    while (ok && reader.output_scanline < reader.output_height) {
      uint8_t *row = (uint8_t *)pixels + stride * reader.output_scanline;
      JSAMPROW target = line ? line : row;
      if (jpeg_read_scanlines(&reader, &target, 1) == 1 && line) to_rgb(line, row, got.width);
    }
    if (ok) jpeg_finish_decompress(&reader);
  }
  jpeg_destroy_decompress(&reader);
  free(line);
  return ok;
}

int32_t ff_jpeg_encode(
    const ff_picture *picture, const void *pixels, int32_t quality, uint8_t **out, size_t *out_count, char *message) {
  struct jpeg_compress_struct writer;
  errors handler;
  unsigned char *volatile buffer = NULL;
  unsigned long size = 0;
  writer.err = manager(&handler, message);
  memset((char *)&writer + sizeof writer.err, 0, sizeof writer - sizeof writer.err);
  if (setjmp(handler.jump)) {
    // A buffer that has grown is known only to the destination until it ends.
    if (writer.dest) writer.dest->term_destination(&writer);
    jpeg_destroy_compress(&writer);
    free(buffer);
    return 0;
  }
  jpeg_create_compress(&writer);
  jpeg_mem_dest(&writer, (unsigned char **)&buffer, &size);
  writer.image_width = picture->width;
  writer.image_height = picture->height;
  writer.input_components = picture->channels;
  writer.in_color_space = picture->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&writer);
  jpeg_set_quality(&writer, quality, TRUE);
  jpeg_start_compress(&writer, TRUE);
  size_t stride = (size_t)picture->width * picture->channels;
  while (writer.next_scanline < writer.image_height) {
    JSAMPROW row = (JSAMPROW)pixels + stride * writer.next_scanline;
    jpeg_write_scanlines(&writer, &row, 1);
  }
  jpeg_finish_compress(&writer);
  jpeg_destroy_compress(&writer);
  *out = buffer;
  *out_count = size;
  return 1;
}

void ff_codec_free(uint8_t *bytes) { free(bytes); }
