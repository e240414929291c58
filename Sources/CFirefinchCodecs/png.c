// PNG by libpng.
#include "include/ff_codecs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <png.h>

typedef struct {
  const uint8_t *bytes;
  size_t left;
  char *message;
} source;

typedef struct {
  uint8_t *bytes;
  size_t count, room;
} target;

static void stop(png_structp png, png_const_charp text) {
  snprintf(png_get_error_ptr(png), FF_CODEC_MESSAGE, "%s", text);
  png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void take(png_structp png, png_bytep out, size_t count) {
  source *from = png_get_io_ptr(png);
  if (count > from->left) png_error(png, "the file ends too early");
  memcpy(out, from->bytes, count);
  from->bytes += count;
  from->left -= count;
}

static png_structp reader(source *from, png_infop *info) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, from->message, stop, ignore);
  if (!png) {
    snprintf(from->message, FF_CODEC_MESSAGE, "libpng cannot be started");
    return NULL;
  }
  *info = png_create_info_struct(png);
  if (!*info) {
    snprintf(from->message, FF_CODEC_MESSAGE, "no memory for the header");
    png_destroy_read_struct(&png, NULL, NULL);
    return NULL;
  }
  return png;
}

// Everything up to the first row; what the picture will be.
static void header(png_structp png, png_infop info, source *from, ff_picture *picture) {
  png_set_read_fn(png, from, take);
  // The caller has its own limit.
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  // Texts, profiles and times are neither unpacked nor kept.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(png, info);
  int color = png_get_color_type(png, info);
  int key = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  picture->width = png_get_image_width(png, info);
  picture->height = png_get_image_height(png, info);
  picture->channels = (color & PNG_COLOR_MASK_COLOR ? 3 : 1) + (color & PNG_COLOR_MASK_ALPHA || key ? 1 : 0);
  picture->depth = png_get_bit_depth(png, info) == 16 ? 16 : 8;
}

int32_t ff_png_probe(const void *bytes, size_t count, ff_picture *picture, char *message) {
  source from = {bytes, count, message};
  png_infop info = NULL;
  png_structp png = reader(&from, &info);
  if (!png) return 0;
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
  }
  header(png, info, &from, picture);
  png_destroy_read_struct(&png, &info, NULL);
  return 1;
}

int32_t ff_png_decode(const void *bytes, size_t count, const ff_picture *picture, void *pixels, char *message) {
  source from = {bytes, count, message};
  png_infop info = NULL;
  png_structp png = reader(&from, &info);
  if (!png) return 0;
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
  }
  ff_picture got;
  header(png, info, &from, &got);
  png_set_expand(png);
  if (got.depth == 16) png_set_swap(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t stride = (size_t)picture->width * picture->channels * (picture->depth / 8);
  if (got.width != picture->width || got.height != picture->height || png_get_rowbytes(png, info) != stride) {
    png_error(png, "the file changed while it was read");
  }
  for (int pass = 0; pass < passes; pass++) {
    for (uint32_t y = 0; y < got.height; y++) png_read_row(png, (png_bytep)pixels + stride * y, NULL);
  }
  png_read_end(png, NULL);
  png_colorp palette;
  int entries = 0;
  if (png_get_PLTE(png, info, &palette, &entries) && png_get_palette_max(png, info) >= entries) {
    png_error(png, "a pixel's palette entry does not exist");
  }
  png_destroy_read_struct(&png, &info, NULL);
  return 1;
}

static void give(png_structp png, png_bytep bytes, size_t count) {
  target *to = png_get_io_ptr(png);
  if (count > to->room - to->count) {
    size_t room = (to->count + count) * 3 / 2 + 4096;
    uint8_t *more = realloc(to->bytes, room);
    if (!more) png_error(png, "no memory for the compressed picture");
    to->bytes = more;
    to->room = room;
  }
  memcpy(to->bytes + to->count, bytes, count);
  to->count += count;
}

static void flush(png_structp png) { (void)png; }

int32_t ff_png_encode(
    const ff_picture *picture, const void *pixels, int32_t level, uint8_t **out, size_t *out_count, char *message) {
  static const int colors[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  target to = {NULL, 0, 0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, stop, ignore);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    snprintf(message, FF_CODEC_MESSAGE, "libpng cannot be started");
    png_destroy_write_struct(&png, NULL);
    return 0;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    free(to.bytes);
    return 0;
  }
  png_set_write_fn(png, &to, give, flush);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_compression_level(png, level);
  png_set_IHDR(png, info, picture->width, picture->height, picture->depth, colors[picture->channels], PNG_INTERLACE_NONE,
      PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (picture->depth == 16) png_set_swap(png);
  size_t stride = (size_t)picture->width * picture->channels * (picture->depth / 8);
  for (uint32_t y = 0; y < picture->height; y++) png_write_row(png, (png_const_bytep)pixels + stride * y);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  *out = to.bytes;
  *out_count = to.count;
  return 1;
}
