// oneDNN's convolutions behind one call, so that its types stay in dnnl.cpp.
#pragma once
#include "include/ff_blas.h"
#ifdef __cplusplus
extern "C" {
#endif
enum { FF_DNNL_FORWARD, FF_DNNL_BACKWARD_DATA, FF_DNNL_BACKWARD_WEIGHT, FF_DNNL_INFERENCE };
// FORWARD: a = x, b = weights, out = y. BACKWARD_DATA: a = gy, b = weights, out = gx. BACKWARD_WEIGHT: a = x, b = gy,
// out = gw. INFERENCE: as FORWARD, but b are weights that ff_conv_pack_f32 converted. Returns 0 when oneDNN is absent or refuses, and nothing was written.
int ff_dnnl_conv(const ff_conv *conv, int kind, const float *a, const void *b, const float *bias, float *out);
// c = a b (+ c when `adds`) (+ bias, one for each column); strides as for ff_gemm. Returns 0 when oneDNN is absent.
typedef struct ff_dnnl_product {
  int64_t m, n, k, ars, acs, brs, bcs, ldc;
  int adds;
  int type;  // 0 float32; FF_PRODUCT_BF16; FF_PRODUCT_INT8 with int32 results
  const void *a, *b, *bias;
  void *c;
} ff_dnnl_product;
int ff_dnnl_matmul(const ff_dnnl_product *product);
#ifdef __cplusplus
}
#endif
