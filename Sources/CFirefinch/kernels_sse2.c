// The kernels that run everywhere: SSE2 on x86-64, four lanes of whatever the compiler finds on other processors.
#include "kernels_prelude.h"
#define W 4
#define FF_LEVEL 0
#define FF_NAME_(x) x##_sse2
#define FF_NAME(x) FF_NAME_(x)
#include "kernels.inc"
