// Matrix products and convolutions: oneDNN when found at run time, own kernels otherwise.
#pragma once
#include <stddef.h>
#include <stdint.h>

// c = alpha a b + beta c. a is m x k with element (i, p) at a[i * ars + p * acs]; b is k x n likewise; c is row-major with
// rows ldc apart. beta 0 never reads c. Results do not depend on the thread count.
void ff_gemm_f32(int64_t m, int64_t n, int64_t k, float alpha, const float *_Nonnull a, int64_t ars, int64_t acs,
                 const float *_Nonnull b, int64_t brs, int64_t bcs, float beta, float *_Nonnull c, int64_t ldc);
void ff_gemm_f64(int64_t m, int64_t n, int64_t k, double alpha, const double *_Nonnull a, int64_t ars, int64_t acs,
                 const double *_Nonnull b, int64_t brs, int64_t bcs, double beta, double *_Nonnull c, int64_t ldc);
// c = a b (+ bias, one for each column) in bfloat16, or of int8 into int32, for dense c; 0 when the processor or oneDNN has no
// instructions for it.
enum { FF_PRODUCT_BF16 = 1, FF_PRODUCT_INT8 = 2 };
int ff_product_reduced(int type, int64_t m, int64_t n, int64_t k, const void *_Nonnull a, int64_t ars, int64_t acs,
                       const void *_Nonnull b, int64_t brs, int64_t bcs, const void *_Nullable bias, void *_Nonnull c);
// y = x wᵀ + bias for dense x (rows, in), w (out, in), bias (out).
void ff_linear_f32(int64_t rows, int64_t in, int64_t out, const float *_Nonnull x, const float *_Nonnull w,
                   const float *_Nullable bias, float *_Nonnull y);
void ff_linear_f64(int64_t rows, int64_t in, int64_t out, const double *_Nonnull x, const double *_Nonnull w,
                   const double *_Nullable bias, double *_Nonnull y);
// `batch` products whose operands are abs, bbs and cbs elements apart (0 shares an operand).
void ff_gemm_batched_f32(int64_t batch, int64_t m, int64_t n, int64_t k, float alpha, const float *_Nonnull a, int64_t abs,
                         int64_t ars, int64_t acs, const float *_Nonnull b, int64_t bbs, int64_t brs, int64_t bcs,
                         float beta, float *_Nonnull c, int64_t cbs, int64_t ldc);
void ff_gemm_batched_f64(int64_t batch, int64_t m, int64_t n, int64_t k, double alpha, const double *_Nonnull a,
                         int64_t abs, int64_t ars, int64_t acs, const double *_Nonnull b, int64_t bbs, int64_t brs,
                         int64_t bcs, double beta, double *_Nonnull c, int64_t cbs, int64_t ldc);

// A convolution of (batch, in_channels, in...) with weights (out_channels, in_channels / groups, kernel...) into
// (batch, out_channels, out...), all dense row-major. Unused spatial dims have size 1, stride 1, padding 0.
typedef struct ff_conv {
  int32_t spatial;
  int64_t batch, in_channels, out_channels, groups;
  int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
} ff_conv;

void ff_conv_forward_f32(const ff_conv *_Nonnull conv, const float *_Nonnull x, const float *_Nonnull w,
                         const float *_Nullable bias, float *_Nonnull y);
// Inference with weights converted once: ff_conv_plan_f32 gives the bytes the converted weights take and a number that names
// their form, or returns 0 when converting does not help. The number changes when the form does (another thread count).
int ff_conv_plan_f32(const ff_conv *_Nonnull conv, int with_bias, uint64_t *_Nonnull form, size_t *_Nonnull bytes);
void ff_conv_pack_f32(const ff_conv *_Nonnull conv, int with_bias, const float *_Nonnull w, void *_Nonnull packed);
int ff_conv_forward_packed_f32(const ff_conv *_Nonnull conv, const float *_Nonnull x, const void *_Nonnull packed,
                               const float *_Nullable bias, float *_Nonnull y);
void ff_conv_backward_data_f32(const ff_conv *_Nonnull conv, const float *_Nonnull gy, const float *_Nonnull w,
                               float *_Nonnull gx);
void ff_conv_backward_weight_f32(const ff_conv *_Nonnull conv, const float *_Nonnull x, const float *_Nonnull gy,
                                 float *_Nonnull gw, float *_Nullable gbias);
void ff_conv_forward_f64(const ff_conv *_Nonnull conv, const double *_Nonnull x, const double *_Nonnull w,
                         const double *_Nullable bias, double *_Nonnull y);
void ff_conv_backward_data_f64(const ff_conv *_Nonnull conv, const double *_Nonnull gy, const double *_Nonnull w,
                               double *_Nonnull gx);
void ff_conv_backward_weight_f64(const ff_conv *_Nonnull conv, const double *_Nonnull x, const double *_Nonnull gy,
                                 double *_Nonnull gw, double *_Nullable gbias);
