// Copies that move elements without looking at them, where memcpy is slow: elements one by one, and between addresses that
// are almost equal in their low bits.
#include "ff_rearrange.h"

#include <string.h>

typedef struct {
  uint64_t a, b;
} pair64;

#define REVERSE(type)                                                       \
  for (int64_t line = 0; line < lines; line++) {                            \
    const type *from = (const type *)x + line * n;                          \
    type *to = (type *)out + line * n;                                      \
    for (int64_t i = 0; i < n; i++) to[i] = from[n - 1 - i];                \
  }                                                                         \
  return

void ff_reverse(int size, int64_t lines, int64_t n, const void *restrict x, void *restrict out) {
  switch (size) {
    case 1: REVERSE(uint8_t);
    case 2: REVERSE(uint16_t);
    case 4: REVERSE(uint32_t);
    case 8: REVERSE(uint64_t);
    default: REVERSE(pair64);
  }
}

#define SPREAD(type)                                                        \
  for (int64_t i = 0; i < count; i++) ((type *)out)[i * step] = ((const type *)x)[i]; \
  return

void ff_spread(int size, int64_t count, int64_t step, const void *restrict x, void *restrict out) {
  switch (size) {
    case 1: SPREAD(uint8_t);
    case 2: SPREAD(uint16_t);
    case 4: SPREAD(uint32_t);
    case 8: SPREAD(uint64_t);
    default: SPREAD(pair64);
  }
}

int ff_copies_down(const void *out, const void *x) {
  size_t ahead = ((uintptr_t)out - (uintptr_t)x) & 4095;
  return ahead > 0 && ahead < 512;
}

void ff_copy_shifted(void *restrict out, const void *restrict x, size_t count) {
  if (!ff_copies_down(out, x)) {
    memcpy(out, x, count);
    return;
  }
  // Going up, each load would seem to read what was just stored. Going down, none does.
  typedef uint8_t block __attribute__((vector_size(64), aligned(1)));
  size_t left = count;
  for (; left >= 64; left -= 64) *(block *)((char *)out + left - 64) = *(const block *)((const char *)x + left - 64);
  memcpy(out, x, left);
}
