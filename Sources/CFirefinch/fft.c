// Plans of Fourier transforms.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "include/firefinch.h"

// The largest prime factor that is transformed directly, by its square; larger ones go through a convolution.
#define LARGEST_FACTOR 31

// exp(-2 pi i j / n), exact to a rounding: the angle is brought into the first eighth of the circle as a fraction.
static void root(int64_t j, int64_t n, double *re, double *im) {
  int64_t quadrant = 4 * j / n, rest = 4 * j - quadrant * n;
  int mirrored = 2 * rest > n;
  if (mirrored) rest = n - rest;
  double angle = 1.57079632679489661923 * (double)rest / (double)n;
  double c = cos(angle), s = sin(angle);
  if (mirrored) {
    double t = c;
    c = s;
    s = t;
  }
  switch (quadrant & 3) {
    case 0: *re = c; *im = -s; break;
    case 1: *re = -s; *im = -c; break;
    case 2: *re = -c; *im = s; break;
    default: *re = s; *im = c; break;
  }
}

static void put(void *table, int32_t wide, int64_t at, double re, double im) {
  if (wide) {
    ((double *)table)[at] = re;
    ((double *)table)[at + 1] = im;
  } else {
    ((float *)table)[at] = (float)re;
    ((float *)table)[at + 1] = (float)im;
  }
}

// Factors of n, fours first; 0 when a prime factor is too large.
static int factor(int64_t n, int32_t *radix) {
  int count = 0;
  while (n % 4 == 0) {
    radix[count++] = 4;
    n /= 4;
  }
  for (int32_t r = 2; r <= LARGEST_FACTOR && n > 1; r++)
    while (n % r == 0) {
      radix[count++] = r;
      n /= r;
    }
  return n == 1 ? count : 0;
}

static int has_butterfly(int32_t radix) { return radix <= 5; }

static int make_passes(ff_fft_plan *p) {
  int64_t total = 0, rest = p->n;
  for (int i = 0; i < p->passes; i++) {
    int64_t r = p->radix[i];
    rest /= r;
    p->twiddle[i] = total;
    total += 2 * (r - 1) * rest;
    p->circle[i] = total;
    if (!has_butterfly((int32_t)r)) total += 2 * r;
  }
  size_t bytes = (size_t)(total + 2) * (p->wide ? 8 : 4);
  p->roots = malloc(bytes);
  if (!p->roots) return 0;
  p->bytes += (int64_t)bytes;
  rest = p->n;
  for (int i = 0; i < p->passes; i++) {
    int64_t r = p->radix[i], now = rest, at = p->twiddle[i];
    rest /= r;
    double re, im;
    for (int64_t q = 0; q < rest; q++)
      for (int64_t k = 1; k < r; k++, at += 2) {
        root(q * k, now, &re, &im);
        put(p->roots, p->wide, at, re, im);
      }
    if (has_butterfly((int32_t)r)) continue;
    for (int64_t k = 0; k < r; k++) {
      root(k, r, &re, &im);
      put(p->roots, p->wide, p->circle[i] + 2 * k, re, im);
    }
  }
  return 1;
}

// The smallest 2^a, 3 * 2^a or 5 * 2^a that is at least `least`.
static int64_t padded(int64_t least) {
  int64_t best = 1;
  while (best < least) best *= 2;
  for (int64_t odd = 3; odd <= 5; odd += 2) {
    int64_t size = odd;
    while (size < least) size *= 2;
    if (size < best) best = size;
  }
  return best;
}

// A transform as a convolution: jk = (j^2 + k^2 - (k - j)^2) / 2.
static int make_convolution(ff_fft_plan *p) {
  int64_t n = p->n, m = padded(2 * n - 1);
  p->convolution = ff_fft_plan_make(m, 1, 0);
  p->chirp = malloc((size_t)n * 16);
  p->kernel = calloc((size_t)m, 16);
  double *out = malloc((size_t)m * 16);
  if (!p->convolution || !p->chirp || !p->kernel || !out) {
    free(out);
    return 0;
  }
  p->bytes += (n + m) * 16 + p->convolution->bytes;
  int64_t square = 0;  // k^2 modulo 2n
  for (int64_t k = 0; k < n; k++) {
    double re, im;
    root(square, 2 * n, &re, &im);
    p->chirp[2 * k] = re;
    p->chirp[2 * k + 1] = im;
    p->kernel[2 * k] = re;
    p->kernel[2 * k + 1] = -im;
    if (k > 0) {
      p->kernel[2 * (m - k)] = re;
      p->kernel[2 * (m - k) + 1] = -im;
    }
    square = (square + 2 * k + 1) % (2 * n);
  }
  ff_fft job = {.plan = p->convolution, .n = m, .lines = 1, .inner = 1, .lanes = 1, .scale = 1.0 / (double)m,
                .kind = FF_FFT_COMPLEX};
  ff_fft_lines_f64(&job, 0, 1, p->kernel, out);
  memcpy(p->kernel, out, (size_t)m * 16);
  free(out);
  return 1;
}

static int make_half(ff_fft_plan *p) {
  p->half = ff_fft_plan_make(p->n / 2, p->wide, 0);
  size_t bytes = (size_t)(p->n / 2 + 1) * (p->wide ? 16 : 8);
  p->split = malloc(bytes);
  if (!p->half || !p->split) return 0;
  p->bytes += (int64_t)bytes + p->half->bytes;
  for (int64_t k = 0; k <= p->n / 2; k++) {
    double re, im;
    root(k, p->n, &re, &im);
    put(p->split, p->wide, 2 * k, re, im);
  }
  return 1;
}

ff_fft_plan *ff_fft_plan_make(int64_t n, int32_t wide, int32_t real) {
  if (n < 1 || n > (int64_t)1 << 40) return NULL;
  ff_fft_plan *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->n = n;
  p->wide = wide;
  p->bytes = sizeof *p;
  int made;
  if (real && n % 2 == 0) {
    made = make_half(p);
  } else {
    p->passes = factor(n, p->radix);
    made = p->passes > 0 || n == 1 ? make_passes(p) : make_convolution(p);
  }
  if (made) return p;
  ff_fft_plan_free(p);
  return NULL;
}

void ff_fft_plan_free(ff_fft_plan *p) {
  if (!p) return;
  ff_fft_plan_free(p->convolution);
  ff_fft_plan_free(p->half);
  free(p->roots);
  free(p->chirp);
  free(p->kernel);
  free(p->split);
  free(p);
}
