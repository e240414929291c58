// Resampling of uint8 pictures along one dim with whole-number weights of 2^-precision and one rounding.
#pragma once
#include <stdint.h>
typedef struct ff_resize {
  int64_t in, out;            // elements along the dim
  const int64_t *_Nonnull start;  // of each output its first input; start + taps <= in
  const int16_t *_Nonnull weights;  // (out, taps)
  int64_t taps;
  int32_t precision;
  // Along rows: `lines` rows of `in * channels` bytes, channels interleaved, `pitch` bytes apart; results are planes of `lines`
  // rows of `out` bytes. Down columns: `lines` bytes in a row, rows `pitch` bytes apart on both sides; channels is 1.
  int64_t lines, channels, pitch;
} ff_resize;
