// Copies that move elements without looking at them, where memcpy is slow: elements one by one, and between addresses whose
// low bits are almost equal.
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

void ff_copy_shifted(void *restrict out, const void *restrict x, size_t count) {
  // Only lines that meet in the same set of the first cache: less than 64 bytes apart, not 0.
  size_t apart = ((uintptr_t)out - (uintptr_t)x + 63) & 4095;
  if (count < 1024 || apart == 63 || apart >= 127) {
    memcpy(out, x, count);
    return;
  }
  char chunk[1024];
  for (size_t done = 0; done < count; done += sizeof chunk) {
    size_t size = count - done < sizeof chunk ? count - done : sizeof chunk;
    memcpy(chunk, (const char *)x + done, size);
    memcpy((char *)out + done, chunk, size);
  }
}
