// The kernels for processors with AVX-512 F, BW, DQ and VL.
#include "kernels_prelude.h"
#if defined(__x86_64__)
#define W 16
#define FF_LEVEL 2
#define FF_NAME_(x) x##_avx512
#define FF_NAME(x) FF_NAME_(x)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi2"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
