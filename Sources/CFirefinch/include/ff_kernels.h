// Public entry points of the SIMD kernels. kernels.def is the one list: the three ISA builds define each kernel under a
// suffixed name, dispatch.c picks one at start, and this header declares the plain name.
#pragma once
#include "ff_types.h"

#define FF_KERNEL(ret, name, params, args) ret name params;
#include "kernels.def"
#undef FF_KERNEL

// 0 = SSE2 (baseline), 1 = AVX2+FMA, 2 = AVX-512. Chosen at start from the processor; setting a level the processor lacks is ignored.
int ff_isa_level(void);
void ff_isa_set(int level);
const char *_Nonnull ff_isa_name(void);
