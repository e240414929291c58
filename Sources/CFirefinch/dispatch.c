// Chooses the ISA build of every kernel: once at load time from the processor, lowered by FIREFINCH_ISA=sse2|avx2|avx512.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/ff_kernels.h"
#include "kernels_prelude.h"

#if defined(__x86_64__)
#define FF_KERNEL(ret, name, params, args) \
  ret name##_sse2 params;                  \
  ret name##_avx2 params;                  \
  ret name##_avx512 params;
#else
#define FF_KERNEL(ret, name, params, args) ret name##_sse2 params;
#endif
#include "kernels.def"
#undef FF_KERNEL

// Relaxed atomics: ff_isa_set may race with a running kernel, which then uses the old or the new level, both right.
static _Atomic int current_level = 0;

static int processor_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c") ||
      !__builtin_cpu_supports("bmi2"))
    return 0;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return 2;
  return 1;
#else
  return 0;
#endif
}

int ff_isa_level(void) { return atomic_load_explicit(&current_level, memory_order_relaxed); }

void ff_isa_set(int level) {
  if (level < 0 || level > processor_level()) return;
  atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

const char *ff_isa_name(void) {
#if defined(__x86_64__)
  static const char *const names[] = {"sse2", "avx2", "avx512"};
  return names[ff_isa_level()];
#else
  return "portable";
#endif
}

__attribute__((constructor)) static void choose_level(void) {
  int level = processor_level();
  const char *wanted = getenv("FIREFINCH_ISA");
  if (wanted && !strcmp(wanted, "sse2")) level = 0;
  if (wanted && !strcmp(wanted, "avx2") && level > 1) level = 1;
  atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

#if defined(__x86_64__)
#define FF_KERNEL(ret, name, params, args)    \
  ret name params {                           \
    int level = ff_isa_level();               \
    if (level == 2) return name##_avx512 args; \
    if (level == 1) return name##_avx2 args;  \
    return name##_sse2 args;                  \
  }
#else
#define FF_KERNEL(ret, name, params, args) \
  ret name params { return name##_sse2 args; }
#endif
#include "kernels.def"
#undef FF_KERNEL

// -- scratch memory, one block a thread

static _Thread_local void *scratch;
static _Thread_local size_t scratch_bytes;
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void make_scratch_key(void) { pthread_key_create(&scratch_key, free); }

static void *grow_scratch(size_t bytes) {
  pthread_once(&scratch_once, make_scratch_key);
  bytes = (bytes + 65535) & ~(size_t)65535;
  free(scratch);
  scratch = NULL;
  pthread_setspecific(scratch_key, NULL);
  if (posix_memalign(&scratch, 64, bytes) != 0) {
    fprintf(stderr, "firefinch: out of memory for %zu bytes of scratch\n", bytes);
    abort();
  }
  scratch_bytes = bytes;
  pthread_setspecific(scratch_key, scratch);
  return scratch;
}

void *ff_engine_scratch(size_t bytes) { return bytes <= scratch_bytes ? scratch : grow_scratch(bytes); }
