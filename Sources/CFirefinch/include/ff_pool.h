// Windows of pooling over up to three spatial dims; unused dims have size, kernel and stride 1.
#pragma once
#include <stdint.h>
typedef struct ff_pool {
  int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
  int32_t count_include_pad;
  int64_t divisor;  // 0: the window's size
} ff_pool;
