// Matrix products: choice of backend, threads and scratch memory.
#include "include/firefinch.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "dnnl_shim.h"
#include "memory.h"

// Scratch of the calling thread; grows, and is freed when the thread ends with it.
#include <pthread.h>
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
typedef struct scratch_block { size_t size; } scratch_block;
static void make_key(void) { pthread_key_create(&scratch_key, free); }

void *ff_blas_scratch(size_t bytes) {
  pthread_once(&scratch_once, make_key);
  scratch_block *block = pthread_getspecific(scratch_key);
  if (!block || block->size < bytes) {
    free(block);
    size_t total = (bytes + 64 + 4095) / 4096 * 4096;
    block = aligned_alloc(64, total);
    if (!block) abort();
    block->size = bytes;
    pthread_setspecific(scratch_key, block);
  }
  return (char *)block + 64;
}

#define T float
#define NAME(x) x##_f32
#define ONEDNN 1
#include "blas_body.inc"
#undef T
#undef NAME
#undef ONEDNN
#define T double
#define NAME(x) x##_f64
#define ONEDNN 0
#include "blas_body.inc"
