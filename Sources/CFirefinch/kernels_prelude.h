// System headers of the kernels, included before a target attribute is pushed.
#pragma once
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "include/ff_types.h"
#include "special.h"
#include "include/ff_recurrent.h"

// A thread's scratch memory for the pointwise engine, 64-aligned, freed when the thread ends. Each call invalidates what
// the call before returned. Never null: running out of memory aborts.
void *ff_engine_scratch(size_t bytes);
