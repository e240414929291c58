// The C side of Firefinch: SIMD kernels, thread pool, accelerator libraries. Nothing here knows about tensors:
// raw buffers, element strides, and small plain structs. No library type (oneDNN, OpenBLAS, zlib) leaks through.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "ff_types.h"
#include "ff_recurrent.h"
#include "ff_kernels.h"
#include "ff_runtime.h"
#include "ff_blas.h"
#include "ff_lapack.h"
#include "ff_rearrange.h"
#include "ff_download.h"

#ifdef __cplusplus
}
#endif
