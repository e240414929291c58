// Libraries opened by dlopen at first use: the program starts, and is right, without any of them.
#define _GNU_SOURCE
#include "include/firefinch.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct library {
  const char *name, *key;
  const char *files[4];
  void *handle;
  const char *file;
  char reason[256];
  int tried, hidden;
} library;

static library libraries[FF_LIB_COUNT] = {
    {"libgomp", "gomp", {"libgomp.so.1"}},
    {"oneDNN", "onednn", {"libdnnl.so.2", "libdnnl.so.3"}},
    {"OpenBLAS", "openblas", {"libopenblas.so.0"}},
    {"CUDA driver", "cuda", {"libcuda.so.1"}},
    {"libcurl", "curl", {"libcurl.so.4", "libcurl-gnutls.so.4"}},
};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int hidden_by_environment(const char *key) {
  const char *all = getenv("FIREFINCH_NO_LIBRARIES");
  if (all && strcmp(all, "0") != 0 && *all) return 1;
  const char *some = getenv("FIREFINCH_DISABLE");
  size_t length = strlen(key);
  for (const char *p = some; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
    if (strncmp(p, key, length) == 0 && (p[length] == ',' || p[length] == 0)) return 1;
  return 0;
}

static library *open_once(int which) {
  library *lib = &libraries[which];
  if (__atomic_load_n(&lib->tried, __ATOMIC_ACQUIRE)) return lib;
  pthread_mutex_lock(&mutex);
  if (!lib->tried) {
    lib->file = lib->files[0];
    if (hidden_by_environment(lib->key)) {
      snprintf(lib->reason, sizeof lib->reason, "disabled by the environment");
    } else {
      for (int i = 0; i < 4 && lib->files[i] && !lib->handle; i++) {
        lib->file = lib->files[i];
        lib->handle = dlopen(lib->file, RTLD_NOW | RTLD_LOCAL);
        const char *error = lib->handle ? NULL : dlerror();
        snprintf(lib->reason, sizeof lib->reason, "%s", error ? error : "");
      }
    }
    __atomic_store_n(&lib->tried, 1, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&mutex);
  return lib;
}

ff_library_info ff_library(int which) {
  library *lib = open_once(which);
  int loaded = lib->handle && !lib->hidden;
  return (ff_library_info){lib->name, lib->file, loaded ? "" : lib->hidden ? "switched off" : lib->reason, loaded};
}

void *ff_library_symbol(int which, const char *symbol) {
  library *lib = open_once(which);
  return lib->handle && !lib->hidden ? dlsym(lib->handle, symbol) : NULL;
}

void ff_library_enable(int which, int enabled) { open_once(which)->hidden = !enabled; }
