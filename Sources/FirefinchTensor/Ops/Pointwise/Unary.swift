import FirefinchCore

/// Samples where the function and its derivative are well away from 0 and from kinks.
private func over(_ values: [Double]) -> @Sendable () -> [Sample] {
  {
    [
      Sample(.tensor(Tensor(values, dtype: .float64))),
      Sample(.tensor(Tensor(values, shape: [values.count, 1], dtype: .float64).expand(values.count, 2)), gradient: false),
    ]
  }
}
private let everywhere = over([-1.75, -0.6, 0.3, 0.9, 1.4, 2.2])
private let positive = over([0.25, 0.6, 1.3, 1.9, 2.4, 3.2])
private let withinOne = over([-0.8, -0.45, -0.1, 0.2, 0.55, 0.85])
private let aboveOne = over([1.1, 1.4, 1.9, 2.3, 3.1, 4.5])

/// A function of floating-point values; integers are converted.
private func float(
  _ name: String, _ samples: @escaping @Sendable () -> [Sample],
  derivative: PointwiseDefinition.Override? = nil, _ f: @escaping @Sendable (Expr) -> Expr
) -> Op {
  .pointwise("\(name)(Tensor self) -> Tensor", dtypes: .promoteToFloat, samples: samples, derivative: derivative) { f($0[0]) }
}

extension Op {
  // Derivatives that read the result: it is kept anyway, and in-place use stays possible.
  static let exp = float("exp", everywhere, derivative: { g, e, y in [g * y] }) { $0.exp() }
  static let exp2 = float("exp2", everywhere, derivative: { g, e, y in [g * y * 0.6931471805599453] }) { $0.exp2() }
  static let expm1 = float("expm1", everywhere, derivative: { g, e, y in [g * (y + 1)] }) { $0.expm1() }
  static let log = float("log", positive) { $0.log() }
  static let log2 = float("log2", positive) { $0.log2() }
  static let log10 = float("log10", positive) { $0.log10() }
  static let log1p = float("log1p", positive) { $0.log1p() }
  static let sqrt = float("sqrt", positive, derivative: { g, e, y in [g / (y * 2)] }) { $0.sqrt() }
  static let rsqrt = float("rsqrt", positive, derivative: { g, e, y in [g * -0.5 * y * y * y] }) { $0.rsqrt() }
  static let reciprocal = float("reciprocal", positive, derivative: { g, e, y in [-g * y * y] }) { $0.reciprocal() }
  static let sin = float("sin", everywhere) { $0.sin() }
  static let cos = float("cos", everywhere) { $0.cos() }
  static let tan = float("tan", withinOne, derivative: { g, e, y in [g * (y * y + 1)] }) { $0.tan() }
  static let asin = float("asin", withinOne) { $0.asin() }
  static let acos = float("acos", withinOne) { $0.acos() }
  static let atan = float("atan", everywhere) { $0.atan() }
  static let sinh = float("sinh", everywhere) { $0.sinh() }
  static let cosh = float("cosh", everywhere) { $0.cosh() }
  static let tanh = float("tanh", everywhere, derivative: { g, e, y in [g * (1 - y * y)] }) { $0.tanh() }
  static let asinh = float("asinh", everywhere) { $0.asinh() }
  static let acosh = float("acosh", aboveOne) { $0.acosh() }
  static let atanh = float("atanh", withinOne) { $0.atanh() }
  static let erf = float("erf", everywhere) { $0.erf() }
  static let erfc = float("erfc", everywhere) { $0.erfc() }
  static let erfinv = float("erfinv", withinOne, derivative: { g, e, y in [g * 0.886226925452758 * (y * y).exp()] }) {
    $0.erfinv()
  }
  static let lgamma = Op.pointwise(
    "lgamma(Tensor self) -> Tensor", dtypes: .promoteToFloat,
    samples: { [Sample(.tensor(Tensor([0.6, 1.3, 2.4, 3.7], dtype: .float64)))] }
  ) { $0[0].lgamma() }
  static let digamma = Op.pointwise(
    "digamma(Tensor self) -> Tensor", dtypes: .promoteToFloat,
    samples: { [Sample(.tensor(Tensor([0.6, 1.3, 2.4, -0.7], dtype: .float64)))] }
  ) { $0[0].digamma() }
  static let sigmoid = float("sigmoid", everywhere, derivative: { g, e, y in [g * (1 - y) * y] }) { $0.sigmoid() }

  static let abs = Op.pointwise("abs(Tensor self) -> Tensor", samples: everywhere) { $0[0].abs() }
  static let sign = Op.pointwise("sign(Tensor self) -> Tensor", samples: everywhere) { $0[0].sign() }
  static let square = Op.pointwise("square(Tensor self) -> Tensor", samples: everywhere) { $0[0] * $0[0] }
  static let floor = Op.pointwise("floor(Tensor self) -> Tensor", samples: everywhere) { $0[0].floor() }
  static let ceil = Op.pointwise("ceil(Tensor self) -> Tensor", samples: everywhere) { $0[0].ceil() }
  static let round = Op.pointwise("round(Tensor self) -> Tensor", samples: everywhere) { $0[0].round() }
  static let trunc = Op.pointwise("trunc(Tensor self) -> Tensor", samples: everywhere) { $0[0].trunc() }
  static let frac = Op.pointwise("frac(Tensor self) -> Tensor", dtypes: .floating, samples: everywhere) {
    $0[0] - $0[0].trunc()
  }
}

extension Tensor {
  /// e to the power of each element. Same as `torch.exp`.
  public func exp() -> Tensor { Op.exp.unary(self) }
  /// 2 to the power of each element. Same as `torch.exp2`.
  public func exp2() -> Tensor { Op.exp2.unary(self) }
  /// exp(x) - 1, accurate near 0. Same as `torch.expm1`.
  public func expm1() -> Tensor { Op.expm1.unary(self) }
  /// Natural logarithm. Same as `torch.log`.
  public func log() -> Tensor { Op.log.unary(self) }
  /// Logarithm to base 2. Same as `torch.log2`.
  public func log2() -> Tensor { Op.log2.unary(self) }
  /// Logarithm to base 10. Same as `torch.log10`.
  public func log10() -> Tensor { Op.log10.unary(self) }
  /// log(1 + x), accurate near 0. Same as `torch.log1p`.
  public func log1p() -> Tensor { Op.log1p.unary(self) }
  /// Square root. Same as `torch.sqrt`.
  public func sqrt() -> Tensor { Op.sqrt.unary(self) }
  /// 1 / sqrt(x). Same as `torch.rsqrt`.
  public func rsqrt() -> Tensor { Op.rsqrt.unary(self) }
  /// 1 / x. Same as `torch.reciprocal`.
  public func reciprocal() -> Tensor { Op.reciprocal.unary(self) }
  /// Sine of radians. Same as `torch.sin`.
  public func sin() -> Tensor { Op.sin.unary(self) }
  /// Cosine of radians. Same as `torch.cos`.
  public func cos() -> Tensor { Op.cos.unary(self) }
  /// Tangent of radians. Same as `torch.tan`.
  public func tan() -> Tensor { Op.tan.unary(self) }
  /// Arcsine. Same as `torch.asin`.
  public func asin() -> Tensor { Op.asin.unary(self) }
  /// Arccosine. Same as `torch.acos`.
  public func acos() -> Tensor { Op.acos.unary(self) }
  /// Arctangent. Same as `torch.atan`.
  public func atan() -> Tensor { Op.atan.unary(self) }
  /// Hyperbolic sine. Same as `torch.sinh`.
  public func sinh() -> Tensor { Op.sinh.unary(self) }
  /// Hyperbolic cosine. Same as `torch.cosh`.
  public func cosh() -> Tensor { Op.cosh.unary(self) }
  /// Hyperbolic tangent. Same as `torch.tanh`.
  public func tanh() -> Tensor { Op.tanh.unary(self) }
  /// Inverse hyperbolic sine. Same as `torch.asinh`.
  public func asinh() -> Tensor { Op.asinh.unary(self) }
  /// Inverse hyperbolic cosine. Same as `torch.acosh`.
  public func acosh() -> Tensor { Op.acosh.unary(self) }
  /// Inverse hyperbolic tangent. Same as `torch.atanh`.
  public func atanh() -> Tensor { Op.atanh.unary(self) }
  /// Error function. Same as `torch.erf`.
  public func erf() -> Tensor { Op.erf.unary(self) }
  /// Complementary error function. Same as `torch.erfc`.
  public func erfc() -> Tensor { Op.erfc.unary(self) }
  /// Inverse error function. Same as `torch.erfinv`.
  public func erfinv() -> Tensor { Op.erfinv.unary(self) }
  /// Logarithm of the absolute gamma function. Same as `torch.lgamma`.
  public func lgamma() -> Tensor { Op.lgamma.unary(self) }
  /// Derivative of lgamma. Same as `torch.digamma`.
  public func digamma() -> Tensor { Op.digamma.unary(self) }
  /// 1 / (1 + exp(-x)). Same as `torch.sigmoid`.
  public func sigmoid() -> Tensor { Op.sigmoid.unary(self) }
  /// Absolute value. Same as `torch.abs`.
  public func abs() -> Tensor { Op.abs.unary(self) }
  /// -1, 0 or 1. Same as `torch.sign`.
  public func sign() -> Tensor { Op.sign.unary(self) }
  /// x · x. Same as `torch.square`.
  public func square() -> Tensor { dtype == .bool ? to(.int64) : Op.square.unary(self) }
  /// Rounded down. Same as `torch.floor`.
  public func floor() -> Tensor { dtype.isDifferentiable ? Op.floor.unary(self) : clone() }
  /// Rounded up. Same as `torch.ceil`.
  public func ceil() -> Tensor { dtype.isDifferentiable ? Op.ceil.unary(self) : clone() }
  /// Rounded to the nearest integer, halves to even. Same as `torch.round`.
  public func round() -> Tensor { dtype.isDifferentiable ? Op.round.unary(self) : clone() }
  /// Rounded to `decimals` places, halves to even. Same as `torch.round(decimals:)`.
  public func round(decimals: Int) -> Tensor {
    let scale = Tensor(10.0, dtype: .float64).pow(Swift.abs(decimals)).item()
    return decimals >= 0 ? (self * scale).round() / scale : (self / scale).round() * scale
  }
  /// Rounded toward zero. Same as `torch.trunc`.
  public func trunc() -> Tensor { dtype.isDifferentiable ? Op.trunc.unary(self) : clone() }
  /// The fractional part, with the sign of x. Same as `torch.frac`.
  public func frac() -> Tensor { Op.frac.unary(self) }

  /// exp in place. Same as `Tensor.exp_`.
  @discardableResult public func exp_() -> Tensor { Op.exp.inPlace([.tensor(self)]) }
  /// log in place. Same as `Tensor.log_`.
  @discardableResult public func log_() -> Tensor { Op.log.inPlace([.tensor(self)]) }
  /// sqrt in place. Same as `Tensor.sqrt_`.
  @discardableResult public func sqrt_() -> Tensor { Op.sqrt.inPlace([.tensor(self)]) }
  /// abs in place. Same as `Tensor.abs_`.
  @discardableResult public func abs_() -> Tensor { Op.abs.inPlace([.tensor(self)]) }
  /// tanh in place. Same as `Tensor.tanh_`.
  @discardableResult public func tanh_() -> Tensor { Op.tanh.inPlace([.tensor(self)]) }
  /// sigmoid in place. Same as `Tensor.sigmoid_`.
  @discardableResult public func sigmoid_() -> Tensor { Op.sigmoid.inPlace([.tensor(self)]) }
  /// round in place. Same as `Tensor.round_`.
  @discardableResult public func round_() -> Tensor { Op.round.inPlace([.tensor(self)]) }
  /// floor in place. Same as `Tensor.floor_`.
  @discardableResult public func floor_() -> Tensor { Op.floor.inPlace([.tensor(self)]) }
}
