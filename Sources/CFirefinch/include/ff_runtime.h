// Thread pool, thread-local flags, CPU facts.
#pragma once
#include <stdint.h>
#include <stddef.h>
void ff_parallel(int64_t tasks, void (*_Nonnull body)(int64_t task, void *_Nullable context), void *_Nullable context);
int ff_num_threads(void);
void ff_set_num_threads(int);
uint32_t *_Nonnull ff_tls_flags(void);
void *_Nullable *_Nonnull ff_tls_slot(int);
