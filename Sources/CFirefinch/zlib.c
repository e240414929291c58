// zlib behind two whole-buffer calls, so that no zlib type reaches Swift.
#include "include/firefinch.h"
#include <limits.h>
#include <string.h>
#include <zlib.h>

uint32_t ff_crc32(uint32_t crc, const void *data, size_t count) {
  const unsigned char *p = data;
  while (count > 0) {
    uInt step = count > UINT_MAX ? UINT_MAX : (uInt)count;
    crc = (uint32_t)crc32(crc, p, step);
    p += step;
    count -= step;
  }
  return crc;
}

// zlib counts in 32 bits: hand it at most this much at a time.
static uInt piece(size_t left) { return left > 1u << 30 ? 1u << 30 : (uInt)left; }

int64_t ff_zlib_inflate(const void *in, size_t in_count, void *out, size_t out_count, int window_bits) {
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (inflateInit2(&stream, window_bits) != Z_OK) return -1;
  const unsigned char *source = in;
  unsigned char *target = out;
  size_t used = 0, made = 0;
  int64_t result;
  for (;;) {
    stream.next_in = (unsigned char *)source + used;
    stream.avail_in = piece(in_count - used);
    // One spare byte tells "full" from "done" when the output is exactly filled.
    unsigned char spare;
    int full = made == out_count;
    stream.next_out = full ? &spare : target + made;
    stream.avail_out = full ? 1 : piece(out_count - made);
    uInt in_before = stream.avail_in, out_before = stream.avail_out;
    int code = inflate(&stream, Z_NO_FLUSH);
    used += in_before - stream.avail_in;
    size_t produced = out_before - stream.avail_out;
    if (full && produced) { result = -2; break; }
    if (!full) made += produced;
    if (code == Z_STREAM_END) { result = (int64_t)made; break; }
    if (code != Z_OK && code != Z_BUF_ERROR) { result = -1; break; }
    if (used == in_count && produced == 0) { result = -3; break; }
  }
  inflateEnd(&stream);
  return result;
}

int64_t ff_zlib_deflate(const void *in, size_t in_count, void *out, size_t out_count, int window_bits, int level) {
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return -1;
  const unsigned char *source = in;
  unsigned char *target = out;
  size_t used = 0, made = 0;
  int64_t result;
  for (;;) {
    stream.next_in = (unsigned char *)source + used;
    stream.avail_in = piece(in_count - used);
    stream.next_out = target + made;
    stream.avail_out = piece(out_count - made);
    uInt in_before = stream.avail_in, out_before = stream.avail_out;
    int last = used + in_before == in_count;
    int code = deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
    used += in_before - stream.avail_in;
    made += out_before - stream.avail_out;
    if (code == Z_STREAM_END) { result = (int64_t)made; break; }
    if (made == out_count) { result = -2; break; }
    if (code != Z_OK) { result = -1; break; }
  }
  deflateEnd(&stream);
  return result;
}

size_t ff_zlib_bound(size_t in_count) { return in_count + (in_count >> 10) + (in_count >> 12) + 1024; }
