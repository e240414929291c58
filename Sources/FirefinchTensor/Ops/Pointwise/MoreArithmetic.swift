import FirefinchCore

private func a() -> Tensor { Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5], shape: [2, 3], dtype: .float64) }
private func b() -> Tensor { Tensor([0.75, -1.5, 2.5], dtype: .float64) }
private let pair: @Sendable () -> [Sample] = { [Sample(.tensor(a()), .tensor(b()))] }
private let single: @Sendable () -> [Sample] = { [Sample(.tensor(a()))] }
private let integers: @Sendable () -> [Sample] = {
  [Sample(.tensor(Tensor([12, -18, 0, 7])), .tensor(Tensor([8, 12, 5, 0])), gradient: false)]
}

/// log(exp(x) + exp(y)) to a base; `scale` is the base's natural logarithm.
private func logAdd(_ name: String, scale: Double) -> Op {
  .pointwise(
    "\(name)(Tensor self, Tensor other) -> Tensor", dtypes: .floating, samples: pair,
    derivative: { g, e, y in
      let s: (Expr) -> Expr = { ($0 * .literal(scale)).exp() }
      // Equal infinities share evenly.
      let same = e[0] .== e[1]
      let first = g * .select(same, 0.5, 1 / (1 + s(e[1] - e[0])))
      return [first, g * .select(same, 0.5, 1 / (1 + s(e[0] - e[1])))]
    }
  ) { e in
    let (x, y) = (e[0], e[1])
    let top = Expr.max(x, y)
    let gap = (x - y).abs() * .literal(-scale)
    let sum = top + gap.exp().log1p() * .literal(1 / scale)
    return .select((x .== y) & x.isInf(), x, sum)
  }
}

extension Op {
  static let sgn = Op.pointwise("sgn(Tensor self) -> Tensor", samples: single) { $0[0].sign() }
  static let sinc = Op.pointwise("sinc(Tensor self) -> Tensor", dtypes: .promoteToFloat, samples: single) { e in
    let isZero = e[0] .== 0
    let x = Expr.select(isZero, 1, e[0] * .literal(Double.pi))
    return .select(isZero, 1, x.sin() / x)
  }
  static let deg2rad = Op.pointwise("deg2rad(Tensor self) -> Tensor", dtypes: .promoteToFloat, samples: single) {
    $0[0] * .literal(Double.pi / 180)
  }
  static let rad2deg = Op.pointwise("rad2deg(Tensor self) -> Tensor", dtypes: .promoteToFloat, samples: single) {
    $0[0] * .literal(180 / Double.pi)
  }
  static let isPosInf = Op.pointwise(
    "isposinf(Tensor self) -> Tensor", dtypes: .comparison,
    samples: { [Sample(.tensor(Tensor([0.5, .infinity, -.infinity, .nan], dtype: .float64)), gradient: false)] }
  ) { $0[0].isInf() & ($0[0] .> 0) }
  static let isNegInf = Op.pointwise(
    "isneginf(Tensor self) -> Tensor", dtypes: .comparison,
    samples: { [Sample(.tensor(Tensor([0.5, .infinity, -.infinity, .nan], dtype: .float64)), gradient: false)] }
  ) { $0[0].isInf() & ($0[0] .< 0) }
  static let isReal = Op.pointwise(
    "isreal(Tensor self) -> Tensor", dtypes: .comparison,
    samples: { [Sample(.tensor(Tensor([0.5, 1], dtype: .float64)), gradient: false)] }
  ) { $0[0].imagPart() .== 0 }
  static let heaviside = Op.pointwise(
    "heaviside(Tensor self, Tensor values) -> Tensor",
    samples: { [Sample(.tensor(Tensor([-0.5, 0, 1.5], dtype: .float64)), .tensor(b()), gradient: false)] },
    derivative: { _, _, _ in [nil, nil] }
  ) { e in .select(e[0] .== 0, e[1], .select(e[0] .> 0, 1, 0)) }
  static let logaddexp = logAdd("logaddexp", scale: 1)
  static let logaddexp2 = logAdd("logaddexp2", scale: 0.6931471805599453)
  static let gcd = Op.pointwise("gcd(Tensor self, Tensor other) -> Tensor", dtypes: .integral, samples: integers) {
    .special(.gcd, $0[0], $0[1])
  }
  static let lcm = Op.pointwise("lcm(Tensor self, Tensor other) -> Tensor", dtypes: .integral, samples: integers) {
    .special(.lcm, $0[0], $0[1])
  }
  static let logit = Op.pointwise(
    "logit(Tensor self, float? eps=None) -> Tensor", dtypes: .promoteToFloat,
    samples: { [Sample(.tensor(Tensor([0.1, 0.3, 0.6, 0.85], dtype: .float64)), .double(0.2))] },
    derivative: { g, e, y in
      let slope = g / (e[0] * (1 - e[0]))
      guard let eps = e.optional(1) else { return [slope] }
      return [.select((e[0] .>= eps) & (e[0] .<= 1 - eps), slope, 0)]
    }
  ) { e in
    guard let eps = e.optional(1) else { return (e[0] / (1 - e[0])).log() }
    let x = Expr.min(.max(e[0], eps), 1 - eps)
    return (x / (1 - x)).log()
  }

  /// Mantissas in 0.5..<1 and int32 exponents.
  static let frexp: Op = .structured(
    "frexp(Tensor self) -> (Tensor, Tensor)", saves: .outputs(1), differentiableResults: 1,
    plan: { call in
      let x = call.tensor(0)
      if !x.dtype.isFloatingPoint { throw TensorError.dtype("frexp: expected floating point, got \(x.dtype.name)") }
      return [TensorSpec(x.shape, x.dtype), TensorSpec(x.shape, .int32)]
    },
    forward: { call, results in
      let x = withNoGrad { call.tensor(0).detach().to(.float64).contiguous() }
      let mantissa = Tensor(empty: x.shape, dtype: .float64), exponent = Tensor(empty: x.shape, dtype: .int64)
      let (from, to, power) = (x.pointer(Double.self), mantissa.pointer(Double.self), exponent.pointer(Int.self))
      for i in 0..<x.elementCount {
        let value = from[i]
        if !value.isFinite || value == 0 {
          (to[i], power[i]) = (value, 0)
        } else {
          (to[i], power[i]) = (value.significand / 2, Int(value.exponent) + 1)
          if value < 0 { to[i] = -to[i] }
        }
      }
      results[0].copyData(from: mantissa)
      results[1].copyData(from: exponent)
    },
    derivative: { c in [c.optionalGrad(0).map { $0 / c.output(1).to($0.dtype).exp2() }] },
    // Away from the powers of two, where the mantissa jumps.
    samples: { [Sample(.tensor(Tensor([0.7, -1.3, 2.9, -5.1, 0.3, 12.5], dtype: .float64)))] })
}

extension Tensor {
  /// -1, 0 or 1; of a complex number the one of size 1 in its direction. Same as `torch.sgn`.
  public func sgn() -> Tensor { Op.sgn.unary(self) }
  /// sin(πx)/(πx), 1 at 0. Same as `torch.sinc`.
  public func sinc() -> Tensor { Op.sinc.unary(self) }
  /// Degrees as radians. Same as `torch.deg2rad`.
  public func deg2rad() -> Tensor { Op.deg2rad.unary(self) }
  /// Radians as degrees. Same as `torch.rad2deg`.
  public func rad2deg() -> Tensor { Op.rad2deg.unary(self) }
  /// Where +inf is. Same as `torch.isposinf`.
  public func isPosInf() -> Tensor { Op.isPosInf(.tensor(self)) }
  /// Where -inf is. Same as `torch.isneginf`.
  public func isNegInf() -> Tensor { Op.isNegInf(.tensor(self)) }
  /// Where the imaginary part is 0. Same as `torch.isreal`.
  public func isReal() -> Tensor { Op.isReal(.tensor(self)) }
  /// 0 below 0, 1 above, `values` at 0; both have one dtype. Same as `torch.heaviside`.
  public func heaviside(_ values: Tensor) -> Tensor {
    ErrorScope.guarding {
      if dtype != values.dtype {
        throw TensorError.dtype("heaviside: expected tensors of one dtype, got \(dtype.name) and \(values.dtype.name)")
      }
      return Op.heaviside.binary(self, values)
    }
  }
  /// log(exp(self) + exp(other)) without overflow. Same as `torch.logaddexp`.
  public func logaddexp(_ other: Tensor) -> Tensor {
    dtype.isComplex || other.dtype.isComplex ? logaddexpOfComplex(other) : Op.logaddexp.binary(self, other)
  }
  /// log2(2^self + 2^other) without overflow. Same as `torch.logaddexp2`.
  public func logaddexp2(_ other: Tensor) -> Tensor { Op.logaddexp2.binary(self, other) }
  /// Greatest common divisor of integers. Same as `torch.gcd`.
  public func gcd(_ other: Tensor) -> Tensor { Op.gcd.binary(self, other) }
  /// Least common multiple of integers. Same as `torch.lcm`.
  public func lcm(_ other: Tensor) -> Tensor { Op.lcm.binary(self, other) }
  /// log(x / (1 - x)), of x limited to `eps...1 - eps` when `eps` is given. Same as `torch.logit`.
  public func logit(eps: Double? = nil) -> Tensor { Op.logit(.tensor(self), Value(eps)) }
  /// Mantissas in 0.5..<1 and int32 exponents: x = mantissa · 2^exponent. Same as `torch.frexp`.
  public func frexp() -> (mantissa: Tensor, exponent: Tensor) {
    let r = Op.frexp.results([.tensor(self)])
    return (r[0], r[1])
  }
  /// self · 2^other. Same as `torch.ldexp`.
  public func ldexp(_ other: Tensor) -> Tensor { self * Op.pow(.double(2), .tensor(other)) }
  /// Power in float64, or complex128. Same as `torch.float_power`.
  public func floatPower(_ exponent: Tensor) -> Tensor {
    let type: DType = dtype.isComplex || exponent.dtype.isComplex ? .complex128 : .float64
    return to(type).pow(exponent.to(type))
  }
  /// Power in float64, or complex128. Same as `torch.float_power`.
  public func floatPower(_ exponent: some ScalarConvertible) -> Tensor {
    let type: DType = dtype.isComplex || exponent.scalar.isComplex ? .complex128 : .float64
    return to(type).pow(exponent)
  }
}
