// Thread pool, thread-local words, libraries found at run time, compression.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Runs body(0) ... body(tasks - 1) on up to ff_num_threads() threads and returns when all are done. The threads are
// libgomp's, which oneDNN uses too. Nested calls, calls from threads limited to one, and calls while another thread's
// team is running execute in the caller.
void ff_parallel(int64_t tasks, void (*_Nonnull body)(int64_t task, void *_Nullable context), void *_Nullable context);
int ff_num_threads(void);
void ff_set_num_threads(int count);
// Threads that the calling thread may use; 0 means no limit of its own. DataLoader workers set 1.
int ff_thread_max(void);
void ff_set_thread_max(int count);
int ff_in_parallel(void);

// A word and eight pointers of the calling thread, all 0 at first.
uint32_t *_Nonnull ff_tls_flags(void);
void *_Nullable *_Nonnull ff_tls_slot(int index);

// Libraries that are opened when first needed and never linked.
enum { FF_LIB_GOMP = 0, FF_LIB_ONEDNN = 1, FF_LIB_OPENBLAS = 2, FF_LIB_CUDA = 3, FF_LIB_CURL = 4, FF_LIB_COUNT = 5 };
typedef struct ff_library_info {
  const char *_Nonnull name;
  const char *_Nonnull file;    // the file opened, or the last one tried
  const char *_Nonnull reason;  // why it is not used; "" when it is
  int loaded;
} ff_library_info;
// Opens library `which` if that was not tried yet. FIREFINCH_NO_LIBRARIES=1 hides all; FIREFINCH_DISABLE=onednn,gomp some.
ff_library_info ff_library(int which);
// A symbol of the library, or null when the library is not in use.
void *_Nullable ff_library_symbol(int which, const char *_Nonnull symbol);
// Hides or shows a loaded library, for tests that run with and without it.
void ff_library_enable(int which, int enabled);

// CRC-32 of zlib, gzip, zip and PNG; start with 0.
uint32_t ff_crc32(uint32_t crc, const void *_Nullable data, size_t count);
// Whole-buffer decompression. window_bits as in zlib: -15 raw, 15 zlib, 31 gzip. Bytes produced, or -1 corrupt, -2 output
// too small, -3 input ends early.
int64_t ff_zlib_inflate(const void *_Nullable in, size_t in_count, void *_Nullable out, size_t out_count, int window_bits);
// Whole-buffer compression; bytes produced, or -2 output too small. ff_zlib_bound says what is always enough.
int64_t ff_zlib_deflate(const void *_Nullable in, size_t in_count, void *_Nullable out, size_t out_count, int window_bits,
                        int level);
size_t ff_zlib_bound(size_t in_count);
