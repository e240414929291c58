// libcurl's easy interface through dlopen. The numbers are its stable ABI (curl.h).
#include "include/firefinch.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
  OPT_WRITEDATA = 10001, OPT_URL = 10002, OPT_ERRORBUFFER = 10010, OPT_USERAGENT = 10018, OPT_PROTOCOLS_STR = 10318,
  OPT_REDIR_PROTOCOLS_STR = 10319, OPT_WRITEFUNCTION = 20011, OPT_LOW_SPEED_LIMIT = 19, OPT_LOW_SPEED_TIME = 20,
  OPT_FAILONERROR = 45, OPT_FOLLOWLOCATION = 52, OPT_MAXREDIRS = 68, OPT_CONNECTTIMEOUT = 78, OPT_NOSIGNAL = 99,
  OPT_RESUME_FROM_LARGE = 30116,
  INFO_RESPONSE_CODE = 0x200002, INFO_CONTENT_LENGTH_DOWNLOAD_T = 0x60000F,
};

typedef struct transfer {
  void *curl;
  int (*getinfo)(void *, int, ...);
  ff_download_sink sink;
  void *context;
  int64_t from;
} transfer;

static size_t receive(char *bytes, size_t size, size_t count, void *context) {
  transfer *t = context;
  int64_t length = -1;
  t->getinfo(t->curl, INFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  int64_t total = length < 0 ? -1 : length + t->from;
  return t->sink(t->context, bytes, size * count, total) == 0 ? size * count : 0;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void start(void) {
  int (*init)(long) = (int (*)(long))ff_library_symbol(FF_LIB_CURL, "curl_global_init");
  if (init) init(3);
}

ff_download_result ff_download(const char *url, int64_t from, ff_download_sink sink, void *context) {
  ff_download_result result = {-1, 0, ""};
  void *(*make)(void) = (void *(*)(void))ff_library_symbol(FF_LIB_CURL, "curl_easy_init");
  int (*set)(void *, int, ...) = (int (*)(void *, int, ...))ff_library_symbol(FF_LIB_CURL, "curl_easy_setopt");
  int (*perform)(void *) = (int (*)(void *))ff_library_symbol(FF_LIB_CURL, "curl_easy_perform");
  int (*getinfo)(void *, int, ...) = (int (*)(void *, int, ...))ff_library_symbol(FF_LIB_CURL, "curl_easy_getinfo");
  void (*cleanup)(void *) = (void (*)(void *))ff_library_symbol(FF_LIB_CURL, "curl_easy_cleanup");
  const char *(*explain)(int) = (const char *(*)(int))ff_library_symbol(FF_LIB_CURL, "curl_easy_strerror");
  if (!make || !set || !perform || !getinfo || !cleanup || !explain) {
    snprintf(result.message, sizeof result.message, "%s", ff_library(FF_LIB_CURL).reason);
    return result;
  }
  pthread_once(&once, start);
  void *curl = make();
  if (!curl) {
    snprintf(result.message, sizeof result.message, "libcurl could not be started");
    return result;
  }
  transfer t = {curl, getinfo, sink, context, from};
  char error[256] = "";  // CURL_ERROR_SIZE
  set(curl, OPT_URL, url);
  set(curl, OPT_USERAGENT, "firefinch");
  set(curl, OPT_PROTOCOLS_STR, "http,https,file");
  set(curl, OPT_REDIR_PROTOCOLS_STR, "http,https");
  set(curl, OPT_ERRORBUFFER, error);
  set(curl, OPT_WRITEFUNCTION, receive);
  set(curl, OPT_WRITEDATA, &t);
  set(curl, OPT_FOLLOWLOCATION, 1L);
  set(curl, OPT_MAXREDIRS, 10L);
  set(curl, OPT_FAILONERROR, 1L);
  set(curl, OPT_NOSIGNAL, 1L);
  set(curl, OPT_CONNECTTIMEOUT, 30L);
  // A connection that delivers less than 100 bytes a second for a minute is given up; the download can be resumed.
  set(curl, OPT_LOW_SPEED_LIMIT, 100L);
  set(curl, OPT_LOW_SPEED_TIME, 60L);
  if (from > 0) set(curl, OPT_RESUME_FROM_LARGE, from);
  result.code = perform(curl);
  getinfo(curl, INFO_RESPONSE_CODE, &result.status);
  if (result.code) snprintf(result.message, sizeof result.message, "%s", *error ? error : explain(result.code));
  cleanup(curl);
  return result;
}
