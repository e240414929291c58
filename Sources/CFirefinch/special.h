// Special functions of one and two doubles; floats are computed in double and rounded.
#pragma once
#define FF_SPECIAL1(X) \
  X(i0) X(i0e) X(i1) X(i1e) X(bessel_j0) X(bessel_j1) X(bessel_y0) X(bessel_y1) X(modified_bessel_k0) X(modified_bessel_k1) \
  X(scaled_modified_bessel_k0) X(scaled_modified_bessel_k1) X(spherical_bessel_j0) X(airy_ai) X(erfcx) X(ndtri) X(log_ndtr)
#define FF_SPECIAL2(X) \
  X(zeta) X(polygamma) X(igamma) X(igammac) X(chebyshev_t) X(chebyshev_u) X(chebyshev_v) X(chebyshev_w) \
  X(hermite_h) X(hermite_he) X(laguerre_l) X(legendre_p)
#define FF_DECLARE1(name) double ff_##name(double x);
#define FF_DECLARE2(name) double ff_##name(double x, double y);
FF_SPECIAL1(FF_DECLARE1)
FF_DECLARE1(digamma)
FF_SPECIAL2(FF_DECLARE2)
#undef FF_DECLARE1
#undef FF_DECLARE2
