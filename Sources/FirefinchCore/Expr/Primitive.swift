import CFirefinch

/// One step of the pointwise engine: a SIMD loop on the CPU, a line of CUDA C on a GPU (`ff_primitive`).
public struct Primitive: Sendable, Hashable {
  let code: UInt16
  /// How values flow through the register classes.
  enum Typing: UInt8 { case same, comparison, classification, logical, select }
  let typing: Typing

  init(_ op: ff_primitive, _ typing: Typing = .same) {
    code = UInt16(op.rawValue)
    self.typing = typing
  }

  static let move = Primitive(FF_OP_move), cast = Primitive(FF_OP_cast)
  static let add = Primitive(FF_OP_add), sub = Primitive(FF_OP_sub), mul = Primitive(FF_OP_mul)
  static let div = Primitive(FF_OP_div), fma = Primitive(FF_OP_fma), neg = Primitive(FF_OP_neg)
  static let abs = Primitive(FF_OP_abs), sign = Primitive(FF_OP_sign), min = Primitive(FF_OP_min)
  static let max = Primitive(FF_OP_max), fmin = Primitive(FF_OP_fmin), fmax = Primitive(FF_OP_fmax)
  static let remainder = Primitive(FF_OP_remainder), fmod = Primitive(FF_OP_fmod)
  static let floordiv = Primitive(FF_OP_floordiv), truncdiv = Primitive(FF_OP_truncdiv)
  static let pow = Primitive(FF_OP_pow), atan2 = Primitive(FF_OP_atan2), hypot = Primitive(FF_OP_hypot)
  static let copysign = Primitive(FF_OP_copysign), nextafter = Primitive(FF_OP_nextafter)
  static let exp = Primitive(FF_OP_exp), exp2 = Primitive(FF_OP_exp2), expm1 = Primitive(FF_OP_expm1)
  static let log = Primitive(FF_OP_log), log2 = Primitive(FF_OP_log2), log10 = Primitive(FF_OP_log10)
  static let log1p = Primitive(FF_OP_log1p), sqrt = Primitive(FF_OP_sqrt), rsqrt = Primitive(FF_OP_rsqrt)
  static let reciprocal = Primitive(FF_OP_reciprocal)
  static let sin = Primitive(FF_OP_sin), cos = Primitive(FF_OP_cos), tan = Primitive(FF_OP_tan)
  static let asin = Primitive(FF_OP_asin), acos = Primitive(FF_OP_acos), atan = Primitive(FF_OP_atan)
  static let sinh = Primitive(FF_OP_sinh), cosh = Primitive(FF_OP_cosh), tanh = Primitive(FF_OP_tanh)
  static let asinh = Primitive(FF_OP_asinh), acosh = Primitive(FF_OP_acosh), atanh = Primitive(FF_OP_atanh)
  static let erf = Primitive(FF_OP_erf), erfc = Primitive(FF_OP_erfc), erfinv = Primitive(FF_OP_erfinv)
  static let lgamma = Primitive(FF_OP_lgamma), digamma = Primitive(FF_OP_digamma)
  static let sigmoid = Primitive(FF_OP_sigmoid)
  static let floor = Primitive(FF_OP_floor), ceil = Primitive(FF_OP_ceil), round = Primitive(FF_OP_round)
  static let trunc = Primitive(FF_OP_trunc)
  static let eq = Primitive(FF_OP_eq, .comparison), ne = Primitive(FF_OP_ne, .comparison)
  static let lt = Primitive(FF_OP_lt, .comparison), le = Primitive(FF_OP_le, .comparison)
  static let gt = Primitive(FF_OP_gt, .comparison), ge = Primitive(FF_OP_ge, .comparison)
  static let isnan = Primitive(FF_OP_isnan, .classification), isinf = Primitive(FF_OP_isinf, .classification)
  static let signbit = Primitive(FF_OP_signbit, .classification)
  static let and = Primitive(FF_OP_and, .logical), or = Primitive(FF_OP_or, .logical)
  static let xor = Primitive(FF_OP_xor, .logical), not = Primitive(FF_OP_not, .logical)
  static let shl = Primitive(FF_OP_shl), shr = Primitive(FF_OP_shr)
  static let select = Primitive(FF_OP_select, .select)

  static let gcd = Primitive(FF_OP_gcd), lcm = Primitive(FF_OP_lcm)
  static let i0 = Primitive(FF_OP_i0), i0e = Primitive(FF_OP_i0e), i1 = Primitive(FF_OP_i1), i1e = Primitive(FF_OP_i1e)
  static let besselJ0 = Primitive(FF_OP_bessel_j0), besselJ1 = Primitive(FF_OP_bessel_j1)
  static let besselY0 = Primitive(FF_OP_bessel_y0), besselY1 = Primitive(FF_OP_bessel_y1)
  static let modifiedBesselK0 = Primitive(FF_OP_modified_bessel_k0)
  static let modifiedBesselK1 = Primitive(FF_OP_modified_bessel_k1)
  static let scaledModifiedBesselK0 = Primitive(FF_OP_scaled_modified_bessel_k0)
  static let scaledModifiedBesselK1 = Primitive(FF_OP_scaled_modified_bessel_k1)
  static let sphericalBesselJ0 = Primitive(FF_OP_spherical_bessel_j0), airyAi = Primitive(FF_OP_airy_ai)
  static let erfcx = Primitive(FF_OP_erfcx), ndtri = Primitive(FF_OP_ndtri), logNdtr = Primitive(FF_OP_log_ndtr)
  static let zeta = Primitive(FF_OP_zeta), polygamma = Primitive(FF_OP_polygamma)
  static let igamma = Primitive(FF_OP_igamma), igammac = Primitive(FF_OP_igammac)
  static let chebyshevT = Primitive(FF_OP_chebyshev_t), chebyshevU = Primitive(FF_OP_chebyshev_u)
  static let chebyshevV = Primitive(FF_OP_chebyshev_v), chebyshevW = Primitive(FF_OP_chebyshev_w)
  static let hermiteH = Primitive(FF_OP_hermite_h), hermiteHe = Primitive(FF_OP_hermite_he)
  static let laguerreL = Primitive(FF_OP_laguerre_l), legendreP = Primitive(FF_OP_legendre_p)

  /// Primitives over complex numbers that lowering replaces by real ones; no kernel sees them.
  private init(symbolic number: UInt16) {
    code = 0xFF00 | number
    typing = .same
  }
  static let conj = Primitive(symbolic: 0), realPart = Primitive(symbolic: 1), imagPart = Primitive(symbolic: 2)
  static let timesI = Primitive(symbolic: 3), argument = Primitive(symbolic: 4)
  /// Whether only lowering knows it.
  var isSymbolic: Bool { code >= 0xFF00 }
}
