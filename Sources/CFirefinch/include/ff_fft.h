// Fourier transforms of lines of any length.
#pragma once
#include <stdint.h>

#define FF_FFT_PASSES 48

// What a length needs once: factors, roots of unity and, for lengths with large prime factors, Bluestein's convolution.
typedef struct ff_fft_plan {
  int64_t n;
  int32_t wide;                   // roots as double instead of float
  int32_t passes;                 // 0 when `convolution` is set
  int32_t radix[FF_FFT_PASSES];
  int64_t twiddle[FF_FFT_PASSES];  // where a pass's factors begin in `roots`, in numbers
  int64_t circle[FF_FFT_PASSES];   // where the `radix` roots of 1 begin, for radices without a butterfly of their own
  void *_Nullable roots;                   // re, im, re, im, ...
  struct ff_fft_plan *_Nullable convolution;  // the transform of the padded length, always wide
  double *_Nullable chirp;                 // exp(-pi i k^2 / n), n pairs
  double *_Nullable kernel;                // transform of the conjugate chirp divided by the padded length, in pairs
  struct ff_fft_plan *_Nullable half;      // of a real transform of even length: the complex transform of half the length
  void *_Nullable split;                   // exp(-2 pi i k / n) for k in 0...n / 2, with `half`
  int64_t bytes;                  // memory of all this
} ff_fft_plan;

typedef enum ff_fft_kind { FF_FFT_COMPLEX, FF_FFT_FROM_REAL, FF_FFT_TO_REAL } ff_fft_kind;

// Transforms of `lines` lines of length n, side by side in groups of `inner` lines: element k of line l is at
// (l / inner * length + k) * inner + l % inner, where length is n, or n / 2 + 1 on a half spectrum's side.
typedef struct ff_fft {
  const ff_fft_plan *_Nullable plan;
  int64_t n, lines, inner;
  int64_t lanes;      // lines that are transformed together
  double scale;       // of the results
  int32_t kind;       // ff_fft_kind
  int32_t backward;   // exponents with + instead of -
  int32_t onesided;   // FF_FFT_FROM_REAL: only the first n / 2 + 1 frequencies
} ff_fft;

// A plan for length n > 0; `real` for transforms from and to real numbers. Null when memory or numbers do not suffice.
ff_fft_plan *_Nullable ff_fft_plan_make(int64_t n, int32_t wide, int32_t real);
void ff_fft_plan_free(ff_fft_plan *_Nullable plan);
