#include "firefinch.h"
static __thread uint32_t flags; static __thread void *slots[8];
void ff_parallel(int64_t tasks, void (*body)(int64_t, void *), void *context) { for (int64_t i = 0; i < tasks; i++) body(i, context); }
int ff_num_threads(void) { return 1; }
void ff_set_num_threads(int n) { (void)n; }
uint32_t *ff_tls_flags(void) { return &flags; }
void **ff_tls_slot(int i) { return &slots[i]; }
