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
#ifdef __cplusplus
}
#endif
