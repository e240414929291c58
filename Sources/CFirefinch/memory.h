// Memory of the C side.
#pragma once
#include <stddef.h>

// A block of at least `bytes`, 64-aligned, for free(). Running out of memory aborts.
void *ff_block(size_t bytes);
// The calling thread's block for matrix products, 64-aligned; each call invalidates what the one before returned.
void *ff_blas_scratch(size_t bytes);
