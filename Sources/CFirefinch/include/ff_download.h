// Files from the network, by libcurl.
#pragma once
#include <stdint.h>
#include <stddef.h>

/// Takes the next bytes of a download; `total` is the size of the whole file, or -1 when the server does not say.
/// A result other than 0 ends the download.
typedef int (*ff_download_sink)(void *_Nullable context, const void *_Nonnull bytes, size_t count, int64_t total);

typedef struct ff_download_result {
  /// libcurl's code; 0 when all went well, -1 when libcurl is not there.
  int code;
  /// HTTP's status, 0 for other protocols or when there was no answer.
  long status;
  /// What went wrong.
  char message[256];
} ff_download_result;

/// Fetches `url` (http, https or file) from byte `from` on; redirections are followed to http and https only.
ff_download_result ff_download(
    const char *_Nonnull url, int64_t from, ff_download_sink _Nonnull sink, void *_Nullable context);
