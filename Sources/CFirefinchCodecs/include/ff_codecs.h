// Decoders and encoders of pictures over libjpeg-turbo, libpng, libwebp and giflib, which are linked statically.
//
// A picture is decoded in two steps: `probe` reads the header and takes no memory for pixels, so that the caller can check the
// size against its limit; `decode` then fills the caller's buffer. All functions return 1, or 0 with a message in the library's
// words. No function keeps anything between calls, and all may run on several threads at once.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes of a message with its zero.
#define FF_CODEC_MESSAGE 256

/// What a decoded picture will be: rows from top to bottom, channels interleaved, nothing between rows.
typedef struct {
  uint32_t width;
  uint32_t height;
  /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
  int32_t channels;
  /// 8: samples are bytes. 16: samples are 16-bit numbers in the machine's order.
  int32_t depth;
} ff_picture;

/// Reads a header. `message` has room for FF_CODEC_MESSAGE bytes.
typedef int32_t ff_probe_function(const void *bytes, size_t count, ff_picture *picture, char *message);
/// Decodes into `pixels`, whose size is that of `picture`, the answer of the probe; a file that then turns out to be another
/// picture is refused.
typedef int32_t ff_decode_function(
    const void *bytes, size_t count, const ff_picture *picture, void *pixels, char *message);

/// JPEG: grey or RGB; CMYK and YCCK (inverted, as Adobe writes them) become RGB. Missing or damaged data are errors, not grey.
ff_probe_function ff_jpeg_probe;
ff_decode_function ff_jpeg_decode;
/// PNG: palettes become RGB, fewer than 8 bits become 8, a transparent colour becomes alpha. Wrong checksums are errors.
ff_probe_function ff_png_probe;
ff_decode_function ff_png_decode;
/// WebP: RGB, or RGBA when there is alpha. Of an animation the first frame on its canvas, always RGBA.
ff_probe_function ff_webp_probe;
ff_decode_function ff_webp_decode;
/// GIF: the first frame at its place on the screen, RGBA when an entry of the palette is transparent (what the frame leaves free
/// is transparent, too), otherwise RGB on the background colour.
ff_probe_function ff_gif_probe;
ff_decode_function ff_gif_decode;

/// Encodes a grey or RGB picture of 8 bits as baseline JPEG with quality 1 to 100, colour at half resolution.
/// `*out` is to be released with ff_codec_free.
int32_t ff_jpeg_encode(
    const ff_picture *picture, const void *pixels, int32_t quality, uint8_t **out, size_t *out_count, char *message);
/// Encodes a picture as PNG; `level` of the compression is 0 to 9. `*out` is to be released with ff_codec_free.
int32_t ff_png_encode(
    const ff_picture *picture, const void *pixels, int32_t level, uint8_t **out, size_t *out_count, char *message);

/// Releases an encoder's result.
void ff_codec_free(uint8_t *bytes);

#ifdef __cplusplus
}
#endif
