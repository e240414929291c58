// Special functions from their series, integrals and recurrences: Abramowitz & Stegun, "Handbook of Mathematical Functions";
// DLMF (dlmf.nist.gov). Each formula is named where it is used.
#define _GNU_SOURCE
#include "special.h"
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define EULER_GAMMA 0.57721566490153286061
#define EPSILON 0x1p-54

// -- modified Bessel functions of the first kind

// Sum over k of (x²/4)^k / (k! (k+order)!), order 0 or 1 (DLMF 10.25.2): all terms positive.
static double ascending(double x, int order) {
  double t = x * x / 4, term = 1, sum = 1;
  for (int k = 1; term > EPSILON * sum; k++) sum += term *= t / ((double)k * (k + order));
  return sum;
}

// Sum of the asymptotic series in 1/x with mu = 4 nu² (DLMF 10.40.1 and 10.40.2); sign -1 for I, +1 for K. Up to its smallest term.
static double descending(double x, double mu, int sign) {
  double term = 1, sum = 1;
  for (int k = 1; k < 200; k++) {
    double odd = 2 * k - 1;
    double next = term * sign * (mu - odd * odd) / (8 * x * k);
    if (fabs(next) > fabs(term) || fabs(next) < EPSILON * fabs(sum)) break;
    sum += term = next;
  }
  return sum;
}

static double scaled_i(double a, int order) {
  if (isinf(a)) return 0;
  if (a <= 25) return exp(-a) * ascending(a, order) * (order ? a / 2 : 1);
  return descending(a, order ? 4 : 0, -1) / sqrt(2 * M_PI * a);
}
static double grown(double scaled, double a) {
  if (isinf(a)) return NAN;  // as PyTorch, where infinity meets 0
  double half = exp(a / 2);
  return half * scaled * half;
}
double ff_i0e(double x) { return scaled_i(fabs(x), 0); }
double ff_i1e(double x) { return copysign(scaled_i(fabs(x), 1), x); }
double ff_i0(double x) {
  double a = fabs(x);
  return a <= 25 ? ascending(a, 0) : grown(scaled_i(a, 0), a);
}
double ff_i1(double x) {
  double a = fabs(x);
  return copysign(a <= 25 ? ascending(a, 1) * a / 2 : grown(scaled_i(a, 1), a), x);
}

// -- modified Bessel functions of the second kind

// e^x K_nu(x) as the integral over u >= 0 of exp(-x (cosh u - 1)) cosh(nu u) (DLMF 10.32.9), by the trapezoidal rule, whose
// error falls exponentially for such integrands.
static double integral_k(double x, double nu) {
  const double step = 0.1;
  double sum = 0.5;
  for (int i = 1; i < 400; i++) {
    double u = i * step, s = sinh(u / 2);
    double value = exp(-2 * x * s * s) * cosh(nu * u);
    sum += value;
    if (value < EPSILON * sum) break;
  }
  return sum * step;
}
static double scaled_k(double x, double nu) {
  if (x <= 25) return integral_k(x, nu);
  return isinf(x) ? 0 : sqrt(M_PI / (2 * x)) * descending(x, 4 * nu * nu, 1);
}
// DLMF 10.31.2.
static double small_k0(double x) {
  double t = x * x / 4, term = 1, sum = 0, harmonic = 0;
  for (int k = 1; k < 40; k++) {
    harmonic += 1.0 / k;
    term *= t / ((double)k * k);
    sum += term * harmonic;
  }
  return sum - (log(x / 2) + EULER_GAMMA) * ascending(x, 0);
}
// DLMF 10.31.1 for n = 1.
static double small_k1(double x) {
  double t = x * x / 4, term = 1, sum = 0, digamma = -EULER_GAMMA;
  for (int k = 0; k < 40; k++) {
    if (k) term *= t / ((double)k * (k + 1));
    sum += term * (2 * digamma + 1.0 / (k + 1));
    digamma += 1.0 / (k + 1);
  }
  return 1 / x + log(x / 2) * ascending(x, 1) * x / 2 - x / 4 * sum;
}
double ff_modified_bessel_k0(double x) {
  if (!(x > 0)) return x == 0 ? INFINITY : NAN;
  return x <= 2 ? small_k0(x) : exp(-x) * scaled_k(x, 0);
}
double ff_modified_bessel_k1(double x) {
  if (!(x > 0)) return x == 0 ? INFINITY : NAN;
  return x <= 2 ? small_k1(x) : exp(-x) * scaled_k(x, 1);
}
double ff_scaled_modified_bessel_k0(double x) {
  if (!(x > 0)) return x == 0 ? INFINITY : NAN;
  return x <= 2 ? exp(x) * small_k0(x) : scaled_k(x, 0);
}
double ff_scaled_modified_bessel_k1(double x) {
  if (!(x > 0)) return x == 0 ? INFINITY : NAN;
  return x <= 2 ? exp(x) * small_k1(x) : scaled_k(x, 1);
}

// -- Bessel functions of libm, and spherical ones

// At infinity NaN, as in PyTorch.
double ff_bessel_j0(double x) { return isinf(x) ? NAN : j0(x); }
double ff_bessel_j1(double x) { return isinf(x) ? NAN : j1(x); }
double ff_bessel_y0(double x) { return x < 0 || isinf(x) ? NAN : x == 0 ? -INFINITY : y0(x); }
double ff_bessel_y1(double x) { return x < 0 || isinf(x) ? NAN : x == 0 ? -INFINITY : y1(x); }
double ff_spherical_bessel_j0(double x) {
  if (isinf(x)) return 0;
  if (fabs(x) < 0.5) {
    double t = x * x;
    return 1 - t / 6 * (1 - t / 20 * (1 - t / 42 * (1 - t / 72 * (1 - t / 110 * (1 - t / 156)))));
  }
  return sin(x) / x;
}

// -- Airy function of the first kind

double ff_airy_ai(double x) {
  if (isinf(x) || isnan(x)) return NAN;
  if (x > 103.892) return 0;
  double zeta = 2.0 / 3 * fabs(x) * sqrt(fabs(x));
  // DLMF 9.6.1.
  if (x > 2) return M_1_PI * sqrt(x / 3) * exp(-zeta) * scaled_k(zeta, 1.0 / 3);
  if (x >= -8) {
    // Maclaurin series, DLMF 9.4.1.
    double cube = x * x * x, f = 1, g = x, a = 1, b = x;
    for (int k = 1; k < 80; k++) {
      a *= cube / ((3.0 * k - 1) * (3 * k));
      b *= cube / ((3.0 * k) * (3 * k + 1));
      f += a;
      g += b;
      if (fabs(a) + fabs(b) < EPSILON * EPSILON) break;
    }
    return 0.355028053887817239260 * f - 0.258819403792806798405 * g;
  }
  // DLMF 9.7.9.
  double u = 1, sums[2] = {1, 0};
  for (int k = 1; k < 60; k++) {
    double next = u * (6.0 * k - 5) * (6.0 * k - 3) * (6.0 * k - 1) / (216.0 * k * (2.0 * k - 1)) / zeta;
    if (fabs(next) > fabs(u) || fabs(next) < EPSILON) break;
    u = next;
    sums[k & 1] += k / 2 & 1 ? -u : u;
  }
  double phase = zeta - M_PI_4;
  return (cos(phase) * sums[0] + sin(phase) * sums[1]) / (sqrt(M_PI) * sqrt(sqrt(-x)));
}

// -- functions of the normal distribution

double ff_erfcx(double x) {
  if (x < 25) return exp(x * x) * erfc(x);
  // DLMF 7.12.1.
  double t = 1 / (2 * x * x);
  return (1 - t * (1 - 3 * t * (1 - 5 * t * (1 - 7 * t)))) / (x * sqrt(M_PI));
}
double ff_log_ndtr(double x) {
  if (x < -1) return log(ff_erfcx(-x * M_SQRT1_2) / 2) - x * x / 2;
  return log1p(-erfc(x * M_SQRT1_2) / 2);
}
// Halley's steps on log_ndtr from the leading terms of its inverse.
double ff_ndtri(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
  bool upper = p > 0.5;
  double q = upper ? 1 - p : p, target = log(q), x;
  if (q > 0.02) {
    x = (q - 0.5) * sqrt(2 * M_PI);
  } else {
    double r = sqrt(-2 * target);
    x = -(r - (log(r) + 0.91893853320467274178) / r);
  }
  for (int i = 0; i < 8; i++) {
    double value = ff_log_ndtr(x), slope = exp(-x * x / 2 - value) / sqrt(2 * M_PI);
    double step = (value - target) / slope;
    // The second derivative over the first is -(x + slope).
    double next = x - step / (1 + step * (x + slope) / 2);
    bool done = fabs(next - x) <= 1e-15 * fabs(next);
    x = next;
    if (done) break;
  }
  return upper ? -x : x;
}

// -- zeta and gamma functions

// Hurwitz zeta by Euler-Maclaurin summation (DLMF 25.11.28): the first terms, then the tail's integral and corrections.
double ff_zeta(double s, double q) {
  if (s == 1) return INFINITY;
  if (s < 1 || isnan(q)) return NAN;
  if (q <= 0) {
    if (q == floor(q)) return INFINITY;
    if (s != floor(s)) return NAN;
  }
  if (isnan(s)) return NAN;
  if (isinf(s)) return q > 1 ? NAN : q == 1 ? 1 : INFINITY;
  if (isinf(q)) return NAN;
  double sum = 0;
  for (int i = 0; i < 10 || q < 10; i++, q += 1) {
    double term = pow(q, -s);
    sum += term;
    if (fabs(term) < EPSILON * fabs(sum)) return sum;
  }
  // Bernoulli numbers B2k / (2k)!.
  static const double bernoulli[] = {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160,
                                     -691.0 / 1307674368000, 1.0 / 74724249600, -3617.0 / 10670622842880000,
                                     43867.0 / 5109094217170944000};
  double power = pow(q, -s);
  sum += power * q / (s - 1) + power / 2;
  double factor = s * power / q;
  for (int k = 0; k < 9; k++) {
    double term = bernoulli[k] * factor;
    sum += term;
    if (fabs(term) < EPSILON * fabs(sum)) break;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / (q * q);
  }
  return sum;
}

// Recurrence up to 10, the asymptotic series there, reflection below 0.
double ff_digamma(double x) {
  if (x == 0) return copysign(INFINITY, -x);
  double r = 0;
  if (x < 0) {
    if (x == floor(x)) return NAN;
    r = -M_PI / tan(M_PI * (x - trunc(x)));
    x = 1 - x;
  }
  for (; x < 10; x += 1) r -= 1 / x;
  double z = 1 / (x * x);
  double series = z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 -
                  z * (691.0 / 32760 - z * (1.0 / 12)))))));
  return x == INFINITY ? x : r + log(x) - 0.5 / x - series;
}
double ff_polygamma(double n, double x) {
  if (n == 0) return ff_digamma(x);
  return (fmod(n, 2) == 1 ? 1 : -1) * tgamma(n + 1) * ff_zeta(n + 1, x);
}

static double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}
// x^a e^-x / Gamma(a + 1).
static double gamma_front(double a, double x) { return exp(a * log(x) - x - log_gamma(a + 1)); }
// DLMF 8.11.4.
static double gamma_series(double a, double x) {
  double term = 1, sum = 1;
  for (int n = 1; n < 100000 && term > EPSILON * sum; n++) sum += term *= x / (a + n);
  return gamma_front(a, x) * sum;
}
// The continued fraction DLMF 8.9.2 by the modified method of Lentz.
static double gamma_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (int i = 1; i < 100000; i++) {
    double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    if (fabs(d) < 1e-300) d = 1e-300;
    c = b + an / c;
    if (fabs(c) < 1e-300) c = 1e-300;
    d = 1 / d;
    h *= d * c;
    if (fabs(d * c - 1) < 1e-16) break;
  }
  return gamma_front(a, x) * a * h;
}
static double incomplete_gamma(double a, double x, bool upper) {
  if (x < 0 || a < 0) return NAN;
  if (a == 0) return x > 0 ? !upper : NAN;
  if (x == 0) return upper;
  if (isinf(a)) return isinf(x) ? NAN : upper;
  if (isinf(x)) return !upper;
  if (isnan(a) || isnan(x)) return NAN;
  if (x <= 1 || x <= a) {
    double lower = gamma_series(a, x);
    return upper ? 1 - lower : lower;
  }
  double tail = gamma_fraction(a, x);
  return upper ? tail : 1 - tail;
}
double ff_igamma(double a, double x) { return incomplete_gamma(a, x, false); }
double ff_igammac(double a, double x) { return incomplete_gamma(a, x, true); }

// -- orthogonal polynomials, by their three-term recurrences (DLMF 18.9.1)

static double chebyshev(double x, int64_t n, double first) {
  double p = 1, q = first;
  for (int64_t k = 2; k <= n && !isnan(q); k++) {
    double r = 2 * x * q - p;
    p = q;
    q = r;
  }
  return n == 0 ? 1 : q;
}
static bool is_even(int64_t n) { return n % 2 == 0; }
double ff_chebyshev_t(double x, double order) {
  int64_t n = (int64_t)order;
  if (n < 0) return 0;
  if (fabs(x) == 1) return x > 0 || is_even(n) ? 1 : -1;
  if (n > 6 && fabs(x) < 1) return cos(n * acos(x));
  return chebyshev(x, n, x);
}
double ff_chebyshev_u(double x, double order) {
  int64_t n = (int64_t)order;
  if (n < 0) return 0;
  if (fabs(x) == 1) return x > 0 || is_even(n) ? n + 1 : -(n + 1);
  if (n > 8 && fabs(x) < 1) return sin((n + 1) * acos(x)) / sin(acos(x));
  return chebyshev(x, n, 2 * x);
}
double ff_chebyshev_v(double x, double order) {
  int64_t n = (int64_t)order;
  if (n < 0) return 0;
  if (fabs(x) == 1) return x > 0 ? 1 : is_even(n) ? 2 * n + 1 : -(2 * n + 1);
  if (n > 8 && fabs(x) < 1) return cos((n + 0.5) * acos(x)) / cos(acos(x) / 2);
  return chebyshev(x, n, 2 * x - 1);
}
double ff_chebyshev_w(double x, double order) {
  int64_t n = (int64_t)order;
  if (n < 0) return 0;
  if (fabs(x) == 1) return x > 0 ? 2 * n + 1 : is_even(n) ? 1 : -1;
  if (n > 8 && fabs(x) < 1) return sin((n + 0.5) * acos(x)) / sin(acos(x) / 2);
  return chebyshev(x, n, 2 * x + 1);
}
double ff_hermite_h(double x, double order) {
  int64_t n = (int64_t)order;
  if (n < 0) return 0;
  if (n > 512) return NAN;
  double p = 1, q = 2 * x;
  for (int64_t k = 1; k < n && !isnan(q); k++) {
    double r = 2 * x * q - 2 * k * p;
    p = q;
    q = r;
  }
  return n == 0 ? 1 : q;
}
double ff_hermite_he(double x, double order) {
  int64_t n = (int64_t)order;
  if (n < 0) return 0;
  if (n > 512) return NAN;
  double p = 1, q = x;
  for (int64_t k = 1; k < n && !isnan(q); k++) {
    double r = x * q - k * p;
    p = q;
    q = r;
  }
  return n == 0 ? 1 : q;
}
double ff_laguerre_l(double x, double order) {
  int64_t n = (int64_t)order;
  if (n < 0) return 0;
  if (x == 0) return 1;
  double p = 1, q = 1 - x;
  for (int64_t k = 1; k < n && !isnan(q); k++) {
    double r = ((2 * k + 1 - x) * q - k * p) / (k + 1);
    p = q;
    q = r;
  }
  return n == 0 ? 1 : q;
}
double ff_legendre_p(double x, double order) {
  int64_t n = (int64_t)order;
  if (n < 0) return 0;
  if (fabs(x) == 1) return x > 0 || is_even(n) ? 1 : -1;
  double p = 1, q = x;
  for (int64_t k = 1; k < n && !isnan(q); k++) {
    double r = ((2 * k + 1) * x * q - k * p) / (k + 1);
    p = q;
    q = r;
  }
  return n == 0 ? 1 : q;
}
