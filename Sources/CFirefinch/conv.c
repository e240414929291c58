// Convolutions: oneDNN where it can, else im2col and the own matrix product, image by image.
#include "include/firefinch.h"
#include <stdlib.h>
#include <string.h>
#include "dnnl_shim.h"
#include "memory.h"

void *ff_block(size_t bytes) {
  void *block = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
  if (!block) abort();
  return block;
}

#define T float
#define NAME(x) x##_f32
#define ONEDNN 1
#include "conv_body.inc"
#undef T
#undef NAME
#undef ONEDNN
#define T double
#define NAME(x) x##_f64
#define ONEDNN 0
#include "conv_body.inc"
