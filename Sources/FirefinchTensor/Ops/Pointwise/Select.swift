import FirefinchCore

private func a() -> Tensor { Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5], shape: [2, 3], dtype: .float64) }
private func b() -> Tensor { Tensor([0.75, -1.5, 2.5], dtype: .float64) }
private let pair: @Sendable () -> [Sample] = { [Sample(.tensor(a()), .tensor(b()))] }

extension Op {
  static let `where` = Op.pointwise(
    "where.self(Tensor condition, TensorOrNumber self, TensorOrNumber other) -> Tensor", ownClass: [0],
    samples: {
      let mask = Tensor([true, false, true])
      return [
        Sample(.tensor(mask), .tensor(a()), .tensor(b())), Sample(.tensor(mask), .tensor(a()), .double(2)),
        Sample(.tensor(a() .> 0), .double(1.5), .tensor(b())),
      ]
    }
  ) { .select($0[0] .!= 0, $0[1], $0[2]) }

  static let maximum = Op.pointwise("maximum(Tensor self, Tensor other) -> Tensor", samples: pair) {
    .max($0[0], $0[1])
  }
  static let minimum = Op.pointwise("minimum(Tensor self, Tensor other) -> Tensor", samples: pair) {
    .min($0[0], $0[1])
  }
  static let fmax = Op.pointwise("fmax(Tensor self, Tensor other) -> Tensor", samples: pair) { .fmax($0[0], $0[1]) }
  static let fmin = Op.pointwise("fmin(Tensor self, Tensor other) -> Tensor", samples: pair) { .fmin($0[0], $0[1]) }

  /// Bounds are numbers or tensors; inside them (edges included) the gradient passes.
  static let clamp = Op.pointwise(
    "clamp(Tensor self, TensorOrScalar? min=None, TensorOrScalar? max=None) -> Tensor",
    samples: {
      [
        Sample(.tensor(a()), .double(-1), .double(2.25)), Sample(.tensor(a()), .none, .double(1)),
        Sample(.tensor(a()), .tensor(b()), .none),
      ]
    },
    derivative: { g, e, y in
      var inside: Expr?
      if let low = e.optional(1) { inside = e[0] .>= low }
      if let high = e.optional(2) { inside = inside.map { $0 & (e[0] .<= high) } ?? (e[0] .<= high) }
      guard let inside else { return [g] }
      let low = e.optional(1).map { low in
        // Where both bounds apply, the upper one wins.
        .select(e.optional(2).map { (e[0] .< low) & (low .< $0) } ?? (e[0] .< low), g, 0) as Expr
      }
      let high = e.optional(2).map { high in
        .select(e.optional(1).map { (e[0] .> high) | ($0 .> high) } ?? (e[0] .> high), g, 0) as Expr
      }
      return [.select(inside, g, 0), low, high]
    }
  ) { e in
    var x = e[0]
    if let low = e.optional(1) { x = .max(x, low) }
    if let high = e.optional(2) { x = .min(x, high) }
    return x
  }

  static let lerp = Op.pointwise(
    "lerp.Tensor(Tensor self, Tensor end, TensorOrScalar weight) -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(a()), .tensor(b()), .double(0.25)), Sample(.tensor(a()), .tensor(b()), .tensor(b() * 0.5))] },
    derivative: { g, e, y in [g * (1 - e[2]), g * e[2], g * (e[1] - e[0])] }
  ) { e in
    // The form that is exact at both ends.
    .select(e[2].abs() .< 0.5, e[0] + e[2] * (e[1] - e[0]), e[1] - (e[1] - e[0]) * (1 - e[2]))
  }

  static let addcmul = Op.pointwise(
    "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    samples: { [Sample(.tensor(a()), .tensor(b()), .tensor(a() + 1), .double(0.5))] }
  ) { $0[0] + $0[3] * $0[1] * $0[2] }

  static let addcdiv = Op.pointwise(
    "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(a()), .tensor(b()), .tensor(a() + 4), .double(0.5))] }
  ) { $0[0] + $0[3] * ($0[1] / $0[2]) }

  static let atan2 = Op.pointwise(
    "atan2(Tensor self, Tensor other) -> Tensor", dtypes: .promoteToFloat, samples: pair
  ) { .atan2($0[0], $0[1]) }
  static let hypot = Op.pointwise("hypot(Tensor self, Tensor other) -> Tensor", dtypes: .floating, samples: pair) {
    .hypot($0[0], $0[1])
  }
  static let copysign = Op.pointwise(
    "copysign.Tensor(Tensor self, TensorOrScalar other) -> Tensor", dtypes: .promoteToFloat, samples: pair
  ) { .copysign($0[0], $0[1]) }
  static let nextafter = Op.pointwise(
    "nextafter(Tensor self, Tensor other) -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(a()), .tensor(b()), gradient: false)] }, derivative: { g, e, y in [g, g * 0] }
  ) { .nextafter($0[0], $0[1]) }
  static let xlogy = Op.pointwise(
    "xlogy.Tensor(TensorOrScalar self, TensorOrScalar other) -> Tensor", dtypes: .promoteToFloat,
    samples: { [Sample(.tensor(a()), .tensor(b().abs()))] }
  ) { e in .select(e[1].isNaN(), e[1], .select(e[0] .== 0, 0, e[0] * e[1].log())) }

  static let nanToNum = Op.pointwise(
    "nan_to_num(Tensor self, float? nan=0.0, float? posinf=None, float? neginf=None) -> Tensor",
    samples: { [Sample(.tensor(Tensor([0.5, .nan, .infinity, -2], dtype: .float64)), .double(0), .double(9), .double(-9), gradient: false)] },
    derivative: { g, e, y in [.select(e[0].isNaN() | e[0].isInf(), 0, g)] }
  ) { e in
    // Bounds that are left out do not replace; the Swift method fills in the dtype's own.
    let high = e.optional(2) ?? e[0], low = e.optional(3) ?? e[0]
    return .select(e[0].isNaN(), e.optional(1) ?? 0, .select(e[0].isInf(), .select(e[0] .> 0, high, low), e[0]))
  }
}

extension Tensor {
  /// `x` where the condition is true, else `y`; all broadcast. Same as `torch.where`.
  public static func `where`(_ condition: Tensor, _ x: Tensor, _ y: Tensor) -> Tensor {
    Op.where(.tensor(condition), .tensor(x), .tensor(y))
  }
  /// `x` where the condition is true, else a number. Same as `torch.where`.
  public static func `where`(_ condition: Tensor, _ x: Tensor, _ y: some ScalarConvertible) -> Tensor {
    Op.where(.tensor(condition), .tensor(x), .scalar(y.scalar))
  }
  /// A number where the condition is true, else `y`. Same as `torch.where`.
  public static func `where`(_ condition: Tensor, _ x: some ScalarConvertible, _ y: Tensor) -> Tensor {
    Op.where(.tensor(condition), .scalar(x.scalar), .tensor(y))
  }
  /// The larger of two, elementwise; NaN wins. Same as `torch.maximum`.
  public func maximum(_ other: Tensor) -> Tensor { Op.maximum.binary(self, other) }
  /// The smaller of two, elementwise; NaN wins. Same as `torch.minimum`.
  public func minimum(_ other: Tensor) -> Tensor { Op.minimum.binary(self, other) }
  /// The larger of two, elementwise; NaN loses. Same as `torch.fmax`.
  public func fmax(_ other: Tensor) -> Tensor { Op.fmax.binary(self, other) }
  /// The smaller of two, elementwise; NaN loses. Same as `torch.fmin`.
  public func fmin(_ other: Tensor) -> Tensor { Op.fmin.binary(self, other) }
  private static func bound(_ value: (any ScalarConvertible)?) -> Value { value.map { .scalar($0.scalar) } ?? .none }
  /// Elements limited to `min...max`; either may be left out. Same as `torch.clamp`.
  public func clamp(min: (any ScalarConvertible)? = nil, max: (any ScalarConvertible)? = nil) -> Tensor {
    Op.clamp(.tensor(self), Tensor.bound(min), Tensor.bound(max))
  }
  /// Elements limited by tensors, which broadcast. Same as `torch.clamp`.
  public func clamp(min: Tensor?, max: Tensor?) -> Tensor { Op.clamp(.tensor(self), Value(min), Value(max)) }
  /// Limits in place. Same as `Tensor.clamp_`.
  @discardableResult
  public func clamp_(min: (any ScalarConvertible)? = nil, max: (any ScalarConvertible)? = nil) -> Tensor {
    Op.clamp.inPlace([.tensor(self), Tensor.bound(min), Tensor.bound(max)])
  }
  /// `self + weight * (end - self)`. Same as `torch.lerp`.
  public func lerp(_ end: Tensor, _ weight: Tensor) -> Tensor { Op.lerp(.tensor(self), .tensor(end), .tensor(weight)) }
  /// `self + weight * (end - self)`. Same as `torch.lerp`.
  public func lerp(_ end: Tensor, _ weight: some ScalarConvertible) -> Tensor {
    Op.lerp(.tensor(self), .tensor(end), .scalar(weight.scalar))
  }
  /// lerp in place. Same as `Tensor.lerp_`.
  @discardableResult public func lerp_(_ end: Tensor, _ weight: some ScalarConvertible) -> Tensor {
    Op.lerp.inPlace([.tensor(self), .tensor(end), .scalar(weight.scalar)])
  }
  /// `self + value * a * b`. Same as `torch.addcmul`.
  public func addcmul(_ a: Tensor, _ b: Tensor, value: some ScalarConvertible = 1) -> Tensor {
    Op.addcmul(.tensor(self), .tensor(a), .tensor(b), .scalar(value.scalar))
  }
  /// addcmul in place. Same as `Tensor.addcmul_`.
  @discardableResult public func addcmul_(_ a: Tensor, _ b: Tensor, value: some ScalarConvertible = 1) -> Tensor {
    Op.addcmul.inPlace([.tensor(self), .tensor(a), .tensor(b), .scalar(value.scalar)])
  }
  /// `self + value * a / b`. Same as `torch.addcdiv`.
  public func addcdiv(_ a: Tensor, _ b: Tensor, value: some ScalarConvertible = 1) -> Tensor {
    Op.addcdiv(.tensor(self), .tensor(a), .tensor(b), .scalar(value.scalar))
  }
  /// addcdiv in place. Same as `Tensor.addcdiv_`.
  @discardableResult public func addcdiv_(_ a: Tensor, _ b: Tensor, value: some ScalarConvertible = 1) -> Tensor {
    Op.addcdiv.inPlace([.tensor(self), .tensor(a), .tensor(b), .scalar(value.scalar)])
  }
  /// Angle of (x: other, y: self). Same as `torch.atan2`.
  public func atan2(_ other: Tensor) -> Tensor { Op.atan2.binary(self, other) }
  /// sqrt(self² + other²). Same as `torch.hypot`.
  public func hypot(_ other: Tensor) -> Tensor { Op.hypot.binary(self, other) }
  /// Magnitude of self, sign of other. Same as `torch.copysign`.
  public func copysign(_ other: Tensor) -> Tensor { Op.copysign.binary(self, other) }
  /// The next number toward other. Same as `torch.nextafter`.
  public func nextafter(_ other: Tensor) -> Tensor { Op.nextafter.binary(self, other) }
  /// self · log(other), 0 where self is 0. Same as `torch.xlogy`.
  public func xlogy(_ other: Tensor) -> Tensor { Op.xlogy.binary(self, other) }

  /// NaN and infinities replaced; the infinities default to the dtype's largest numbers. Same as `torch.nan_to_num`.
  public func nanToNum(nan: Double = 0, posInf: Double? = nil, negInf: Double? = nil) -> Tensor {
    if !dtype.isFloatingPoint { return clone() }
    let largest: Double =
      switch dtype {
      case .float64: Double.greatestFiniteMagnitude
      case .float16: 65504
      case .bfloat16: 3.3895313892515355e38
      default: Double(Float.greatestFiniteMagnitude)
      }
    return Op.nanToNum(.tensor(self), .double(nan), .double(posInf ?? largest), .double(negInf ?? -largest))
  }
}
