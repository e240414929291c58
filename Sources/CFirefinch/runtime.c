// The one thread pool: libgomp's, through GOMP_parallel, or plain pthreads where libgomp is missing.
#define _GNU_SOURCE
#include "include/firefinch.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

// Read by every operation: this model needs no call to find the address.
#define FAST_TLS static _Thread_local __attribute__((tls_model("initial-exec")))
FAST_TLS uint32_t flags;
FAST_TLS void *slots[8];
FAST_TLS int thread_max;
FAST_TLS int depth;

uint32_t *ff_tls_flags(void) { return &flags; }
void **ff_tls_slot(int index) { return &slots[index]; }
int ff_thread_max(void) { return thread_max; }
int ff_in_parallel(void) { return depth > 0; }

static atomic_int thread_count;

static int default_threads(void) {
  const char *text = getenv("OMP_NUM_THREADS");
  int wanted = text ? atoi(text) : 0;
  if (wanted > 0) return wanted;
  cpu_set_t set;
  int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return cpus > 0 ? cpus : 1;
}

int ff_num_threads(void) {
  int count = atomic_load_explicit(&thread_count, memory_order_relaxed);
  if (count == 0) {
    count = default_threads();
    atomic_store_explicit(&thread_count, count, memory_order_relaxed);
  }
  return thread_max > 0 && thread_max < count ? thread_max : count;
}

// libgomp keeps its thread count per calling thread: oneDNN reads it there.
static void tell_gomp(int count) {
  void (*set)(int) = (void (*)(int))ff_library_symbol(FF_LIB_GOMP, "omp_set_num_threads");
  if (set) set(count);
}

void ff_set_num_threads(int count) {
  if (count < 1) count = 1;
  atomic_store(&thread_count, count);
  tell_gomp(count);
}

void ff_set_thread_max(int count) {
  thread_max = count;
  if (count > 0) tell_gomp(count);
}

typedef struct region {
  void (*body)(int64_t, void *);
  void *context;
  int64_t tasks;
  _Atomic int64_t next;
} region;

// Every thread of the team takes the next task until none is left.
static void work(void *raw) {
  region *r = raw;
  depth++;
  for (;;) {
    int64_t task = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed);
    if (task >= r->tasks) break;
    r->body(task, r->context);
  }
  depth--;
}

static void *work_thread(void *raw) {
  work(raw);
  return NULL;
}

static void run_pthreads(region *r, int threads) {
  pthread_t helpers[64];
  int started = 0;
  for (; started < threads - 1 && started < 64; started++)
    if (pthread_create(&helpers[started], NULL, work_thread, r) != 0) break;
  work(r);
  for (int i = 0; i < started; i++) pthread_join(helpers[i], NULL);
}

void ff_parallel(int64_t tasks, void (*body)(int64_t, void *), void *context) {
  static atomic_flag busy = ATOMIC_FLAG_INIT;
  if (tasks == 1) {  // Alone, it may use all threads itself.
    body(0, context);
    return;
  }
  int threads = ff_num_threads();
  if (tasks < threads) threads = (int)tasks;
  if (threads <= 1 || depth > 0 || atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
    depth++;
    for (int64_t i = 0; i < tasks; i++) body(i, context);
    depth--;
    return;
  }
  region r = {body, context, tasks, 0};
  typedef void (*gomp_parallel)(void (*)(void *), void *, unsigned, unsigned);
  gomp_parallel parallel = (gomp_parallel)ff_library_symbol(FF_LIB_GOMP, "GOMP_parallel");
  if (parallel) parallel(work, &r, (unsigned)threads, 0);
  else run_pthreads(&r, threads);
  atomic_flag_clear_explicit(&busy, memory_order_release);
}
