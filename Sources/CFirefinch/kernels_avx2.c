// The kernels for processors with AVX2, FMA and F16C.
#include "kernels_prelude.h"
#if defined(__x86_64__)
#define W 8
#define FF_LEVEL 1
#define FF_NAME_(x) x##_avx2
#define FF_NAME(x) FF_NAME_(x)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi2"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
