import FirefinchCore

private func over(_ values: [Double], gradient: Bool = true) -> @Sendable () -> [Sample] {
  { [Sample(.tensor(Tensor(values, dtype: .float64)), gradient: gradient)] }
}
private let everywhere = over([-2.75, -0.6, 0.3, 0.9, 1.4, 7.2])
private let positive = over([0.25, 0.6, 1.3, 1.9, 2.4, 30.2])
private let probabilities = over([0.001, 0.1, 0.3, 0.6, 0.95])

/// A function of floating-point values; integers are converted.
private func float(
  _ name: String, _ samples: @escaping @Sendable () -> [Sample], _ f: @escaping @Sendable (Expr) -> Expr
) -> Op {
  .pointwise("\(name)(Tensor self) -> Tensor", dtypes: .promoteToFloat, samples: samples) { f($0[0]) }
}

/// A function without a derivative, as in PyTorch.
private func flat(_ name: String, _ function: SpecialFunction, _ samples: @escaping @Sendable () -> [Sample]) -> Op {
  .pointwise("\(name)(Tensor self) -> Tensor", dtypes: .promoteToFloat, samples: samples, derivative: { _, _, _ in [nil] }) {
    .special(function, $0[0])
  }
}

extension Op {
  static let i0 = float("i0", everywhere) { .special(.i0, $0) }
  static let i0e = float("i0e", everywhere) { .special(.i0e, $0) }
  static let i1 = float("i1", everywhere) { .special(.i1, $0) }
  static let i1e = float("i1e", everywhere) { .special(.i1e, $0) }
  static let besselJ0 = flat("bessel_j0", .besselJ0, over([-2.75, 0.3, 7.2], gradient: false))
  static let besselJ1 = flat("bessel_j1", .besselJ1, over([-2.75, 0.3, 7.2], gradient: false))
  static let besselY0 = flat("bessel_y0", .besselY0, over([0.3, 7.2], gradient: false))
  static let besselY1 = flat("bessel_y1", .besselY1, over([0.3, 7.2], gradient: false))
  static let modifiedBesselI0 = flat("modified_bessel_i0", .i0, over([-2.75, 0.3, 7.2], gradient: false))
  static let modifiedBesselI1 = flat("modified_bessel_i1", .i1, over([-2.75, 0.3, 7.2], gradient: false))
  static let modifiedBesselK0 = flat("modified_bessel_k0", .modifiedBesselK0, over([0.3, 7.2, 30], gradient: false))
  static let modifiedBesselK1 = flat("modified_bessel_k1", .modifiedBesselK1, over([0.3, 7.2, 30], gradient: false))
  static let scaledModifiedBesselK0 = flat(
    "scaled_modified_bessel_k0", .scaledModifiedBesselK0, over([0.3, 7.2, 30], gradient: false))
  static let scaledModifiedBesselK1 = flat(
    "scaled_modified_bessel_k1", .scaledModifiedBesselK1, over([0.3, 7.2, 30], gradient: false))
  static let sphericalBesselJ0 = flat("spherical_bessel_j0", .sphericalBesselJ0, over([-2.75, 0.3, 7.2], gradient: false))
  static let airyAi = flat("airy_ai", .airyAi, over([-9.5, -2.75, 0.3, 7.2], gradient: false))
  static let erfcx = float("erfcx", everywhere) { .special(.erfcx, $0) }
  static let ndtr = float("ndtr", everywhere) { ($0 * -0.7071067811865476).erfc() * 0.5 }
  static let ndtri = float("ndtri", probabilities) { .special(.ndtri, $0) }
  static let logNdtr = float("log_ndtr", everywhere) { .special(.logNdtr, $0) }
  static let entr = float("entr", positive) { x in
    .select(x.isNaN(), x, .select(x .> 0, -x * x.log(), .select(x .== 0, 0, .literal(-.infinity))))
  }

  static let zeta = Op.pointwise(
    "zeta(TensorOrScalar self, TensorOrScalar other) -> Tensor", dtypes: .promoteToFloat,
    samples: {
      [Sample(.tensor(Tensor([2.0, 3.5, 5], dtype: .float64)), .tensor(Tensor([0.5, 1.5, 12], dtype: .float64)), gradient: false)]
    }
  ) { .special(.zeta, $0[0], $0[1]) }

  static let polygamma = Op.pointwise(
    "polygamma(int n, Tensor self) -> Tensor", dtypes: .promoteToFloat,
    samples: {
      let x = Tensor([0.6, 1.3, 2.4, 13.7], dtype: .float64)
      return [Sample(.int(0), .tensor(x)), Sample(.int(1), .tensor(x)), Sample(.int(3), .tensor(x))]
    }
  ) { .special(.polygamma, $0[0], $0[1]) }

  static let igamma = Op.pointwise(
    "igamma(Tensor self, Tensor other) -> Tensor", dtypes: .floating,
    samples: {
      [Sample(.tensor(Tensor([0.5, 2.0, 7.5], dtype: .float64)), .tensor(Tensor([0.7, 3.0, 5.5], dtype: .float64)), gradient: false)]
    }
  ) { .special(.igamma, $0[0], $0[1]) }
  static let igammac = Op.pointwise(
    "igammac(Tensor self, Tensor other) -> Tensor", dtypes: .floating,
    samples: {
      [Sample(.tensor(Tensor([0.5, 2.0, 7.5], dtype: .float64)), .tensor(Tensor([0.7, 3.0, 5.5], dtype: .float64)), gradient: false)]
    }
  ) { .special(.igammac, $0[0], $0[1]) }

  static let xlog1py = Op.pointwise(
    "xlog1py(TensorOrScalar self, TensorOrScalar other) -> Tensor", dtypes: .promoteToFloat,
    samples: {
      [Sample(.tensor(Tensor([0.5, -1.25, 2.0], dtype: .float64)), .tensor(Tensor([0.75, 1.5, 0.3], dtype: .float64)))]
    }
  ) { e in .select(e[1].isNaN(), e[1], .select(e[0] .== 0, 0, e[0] * e[1].log1p())) }
}

/// Special functions, as in `torch.special`; integers are converted to floating point.
extension Tensor {
  /// Modified Bessel function of the first kind, order 0. Same as `torch.special.i0`.
  public func i0() -> Tensor { Op.i0.unary(self) }
  /// exp(-|x|)·i0(x). Same as `torch.special.i0e`.
  public func i0e() -> Tensor { Op.i0e.unary(self) }
  /// Modified Bessel function of the first kind, order 1. Same as `torch.special.i1`.
  public func i1() -> Tensor { Op.i1.unary(self) }
  /// exp(-|x|)·i1(x). Same as `torch.special.i1e`.
  public func i1e() -> Tensor { Op.i1e.unary(self) }
  /// Bessel function of the first kind, order 0. No derivative. Same as `torch.special.bessel_j0`.
  public func besselJ0() -> Tensor { Op.besselJ0.unary(self) }
  /// Bessel function of the first kind, order 1. No derivative. Same as `torch.special.bessel_j1`.
  public func besselJ1() -> Tensor { Op.besselJ1.unary(self) }
  /// Bessel function of the second kind, order 0. No derivative. Same as `torch.special.bessel_y0`.
  public func besselY0() -> Tensor { Op.besselY0.unary(self) }
  /// Bessel function of the second kind, order 1. No derivative. Same as `torch.special.bessel_y1`.
  public func besselY1() -> Tensor { Op.besselY1.unary(self) }
  /// As `i0`, without derivative. Same as `torch.special.modified_bessel_i0`.
  public func modifiedBesselI0() -> Tensor { Op.modifiedBesselI0.unary(self) }
  /// As `i1`, without derivative. Same as `torch.special.modified_bessel_i1`.
  public func modifiedBesselI1() -> Tensor { Op.modifiedBesselI1.unary(self) }
  /// Modified Bessel function of the second kind, order 0. No derivative. Same as `torch.special.modified_bessel_k0`.
  public func modifiedBesselK0() -> Tensor { Op.modifiedBesselK0.unary(self) }
  /// Modified Bessel function of the second kind, order 1. No derivative. Same as `torch.special.modified_bessel_k1`.
  public func modifiedBesselK1() -> Tensor { Op.modifiedBesselK1.unary(self) }
  /// exp(x)·K0(x). No derivative. Same as `torch.special.scaled_modified_bessel_k0`.
  public func scaledModifiedBesselK0() -> Tensor { Op.scaledModifiedBesselK0.unary(self) }
  /// exp(x)·K1(x). No derivative. Same as `torch.special.scaled_modified_bessel_k1`.
  public func scaledModifiedBesselK1() -> Tensor { Op.scaledModifiedBesselK1.unary(self) }
  /// sin(x)/x. No derivative. Same as `torch.special.spherical_bessel_j0`.
  public func sphericalBesselJ0() -> Tensor { Op.sphericalBesselJ0.unary(self) }
  /// Airy function Ai. No derivative. Same as `torch.special.airy_ai`.
  public func airyAi() -> Tensor { Op.airyAi.unary(self) }
  /// exp(x²)·erfc(x). Same as `torch.special.erfcx`.
  public func erfcx() -> Tensor { Op.erfcx.unary(self) }
  /// Cumulative distribution function of the standard normal distribution. Same as `torch.special.ndtr`.
  public func ndtr() -> Tensor { Op.ndtr.unary(self) }
  /// Inverse of `ndtr`. Same as `torch.special.ndtri`.
  public func ndtri() -> Tensor { Op.ndtri.unary(self) }
  /// log(ndtr(x)), accurate far to the left. Same as `torch.special.log_ndtr`.
  public func logNdtr() -> Tensor { Op.logNdtr.unary(self) }
  /// -x·log(x), 0 at 0, -inf below. Same as `torch.special.entr`.
  public func entr() -> Tensor { Op.entr.unary(self) }
  /// Hurwitz zeta function of this exponent at `q`. Same as `torch.special.zeta`.
  public func zeta(_ q: Tensor) -> Tensor { Op.zeta.binary(self, q) }
  /// The `n`-th derivative of digamma, `n` not negative. Same as `torch.polygamma`.
  public func polygamma(_ n: Int) -> Tensor {
    ErrorScope.guarding {
      if n < 0 { throw TensorError.value("polygamma: the order must not be negative, got \(n)") }
      return try Op.polygamma.call([.int(n), .tensor(self)])[0]
    }
  }
  /// Regularised lower incomplete gamma function P(self, x); differentiable in x. Same as `torch.special.gammainc`.
  public func igamma(_ x: Tensor) -> Tensor { Op.igamma.binary(self, x) }
  /// Regularised upper incomplete gamma function Q(self, x); differentiable in x. Same as `torch.special.gammaincc`.
  public func igammac(_ x: Tensor) -> Tensor { Op.igammac.binary(self, x) }
  /// self·log1p(other), 0 where self is 0. Same as `torch.special.xlog1py`.
  public func xlog1py(_ other: Tensor) -> Tensor { Op.xlog1py.binary(self, other) }

  /// Logarithm of the multivariate gamma function of dimension `p`. Same as `torch.mvlgamma`.
  public func mvlgamma(_ p: Int) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if p < 1 { throw TensorError.value("mvlgamma: the dimension must be at least 1, got \(p)") }
      if !dtype.isFloatingPoint && !dtype.isInteger { throw TensorError.dtype("mvlgamma: expected real numbers, got \(dtype.name)") }
      let x = dtype.isFloatingPoint ? self : to(DType.defaultFloat)
      let shifts = Tensor((0..<p).map { -0.5 * Double($0) }, dtype: x.dtype)
      let constant = Double(p * (p - 1)) / 4 * 1.1447298858494002
      return (x.unsqueeze(dim: -1) + shifts).lgamma().sum(dim: -1) + constant
    }
  }
}
