import FirefinchCore

private let pair: @Sendable () -> [Sample] = {
  let a = Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5], shape: [2, 3], dtype: .float64)
  let b = Tensor([0.5, 0.75, -2.5], dtype: .float64)
  return [Sample(.tensor(a), .tensor(b), gradient: false), Sample(.tensor(a), .double(0.5), gradient: false)]
}

private func comparison(_ name: String, _ f: @escaping @Sendable (Expr, Expr) -> Expr) -> Op {
  .pointwise("\(name).Tensor(Tensor self, TensorOrScalar other) -> Tensor", dtypes: .comparison, samples: pair) {
    f($0[0], $0[1])
  }
}

private func logical(_ name: String, _ f: @escaping @Sendable (Expr, Expr) -> Expr) -> Op {
  .pointwise("\(name)(Tensor self, Tensor other) -> Tensor", dtypes: .comparison, samples: pair) { f($0[0], $0[1]) }
}

private let single: @Sendable () -> [Sample] = {
  [Sample(.tensor(Tensor([0.5, .nan, -.infinity, 0, -2], dtype: .float64)), gradient: false)]
}

private func classification(_ name: String, _ f: @escaping @Sendable (Expr) -> Expr) -> Op {
  .pointwise("\(name)(Tensor self) -> Tensor", dtypes: .comparison, samples: single) { f($0[0]) }
}

private let integers: @Sendable () -> [Sample] = {
  let a = Tensor([5, -3, 12, 0], dtype: .int64)
  return [
    Sample(.tensor(a), .tensor(Tensor([3, 6, -1, 7], dtype: .int64)), gradient: false),
    Sample(error: "integer or bool", arguments: [.tensor(Tensor([0.5, 1])), .tensor(Tensor([0.5, 1]))]),
  ]
}

private func bitwise(_ name: String, _ f: @escaping @Sendable (Expr, Expr) -> Expr) -> Op {
  .pointwise("\(name).Tensor(TensorOrScalar self, TensorOrScalar other) -> Tensor", dtypes: .integral, samples: integers) {
    f($0[0], $0[1])
  }
}

extension Op {
  static let eq = comparison("eq") { $0 .== $1 }
  static let ne = comparison("ne") { $0 .!= $1 }
  static let lt = comparison("lt") { $0 .< $1 }
  static let le = comparison("le") { $0 .<= $1 }
  static let gt = comparison("gt") { $0 .> $1 }
  static let ge = comparison("ge") { $0 .>= $1 }
  static let logicalAnd = logical("logical_and") { ($0 .!= 0) & ($1 .!= 0) }
  static let logicalOr = logical("logical_or") { ($0 .!= 0) | ($1 .!= 0) }
  static let logicalXor = logical("logical_xor") { ($0 .!= 0) ^ ($1 .!= 0) }
  static let logicalNot = classification("logical_not") { $0 .== 0 }
  static let isnan = classification("isnan") { $0.isNaN() }
  static let isinf = classification("isinf") { $0.isInf() }
  static let isfinite = classification("isfinite") { !($0.isNaN() | $0.isInf()) }
  static let signbit = classification("signbit") { $0.signBit() }
  static let bitwiseAnd = bitwise("bitwise_and") { $0 & $1 }
  static let bitwiseOr = bitwise("bitwise_or") { $0 | $1 }
  static let bitwiseXor = bitwise("bitwise_xor") { $0 ^ $1 }
  static let leftShift = bitwise("bitwise_left_shift") { Expr.shiftLeft($0, $1) }
  static let rightShift = bitwise("bitwise_right_shift") { Expr.shiftRight($0, $1) }
  static let bitwiseNot = Op.pointwise(
    "bitwise_not(Tensor self) -> Tensor", dtypes: .integral,
    samples: { [Sample(.tensor(Tensor([5, -3, 12, 0], dtype: .int64)), gradient: false)] }
  ) { !$0[0] }
}

/// Elementwise comparisons give bool tensors; `==` itself is not defined, use `equal` for whole tensors.
extension Tensor {
  public static func .== (a: Tensor, b: Tensor) -> Tensor { Op.eq.binary(a, b) }
  public static func .!= (a: Tensor, b: Tensor) -> Tensor { Op.ne.binary(a, b) }
  public static func .< (a: Tensor, b: Tensor) -> Tensor { Op.lt.binary(a, b) }
  public static func .<= (a: Tensor, b: Tensor) -> Tensor { Op.le.binary(a, b) }
  public static func .> (a: Tensor, b: Tensor) -> Tensor { Op.gt.binary(a, b) }
  public static func .>= (a: Tensor, b: Tensor) -> Tensor { Op.ge.binary(a, b) }
  public static func .== (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.eq.binary(a, b.scalar) }
  public static func .!= (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.ne.binary(a, b.scalar) }
  public static func .< (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.lt.binary(a, b.scalar) }
  public static func .<= (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.le.binary(a, b.scalar) }
  public static func .> (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.gt.binary(a, b.scalar) }
  public static func .>= (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.ge.binary(a, b.scalar) }
  /// Bitwise and; logical and of bool tensors. Same as Python's `&`.
  public static func & (a: Tensor, b: Tensor) -> Tensor { Op.bitwiseAnd.binary(a, b) }
  /// Bitwise or; logical or of bool tensors. Same as Python's `|`.
  public static func | (a: Tensor, b: Tensor) -> Tensor { Op.bitwiseOr.binary(a, b) }
  /// Bitwise exclusive or. Same as Python's `^`.
  public static func ^ (a: Tensor, b: Tensor) -> Tensor { Op.bitwiseXor.binary(a, b) }
  /// Bitwise complement; logical not of bool tensors. Same as Python's `~`.
  public static prefix func ~ (a: Tensor) -> Tensor { Op.bitwiseNot(.tensor(a)) }

  /// True where both are not 0. Same as `torch.logical_and`.
  public func logicalAnd(_ other: Tensor) -> Tensor { Op.logicalAnd.binary(self, other) }
  /// True where either is not 0. Same as `torch.logical_or`.
  public func logicalOr(_ other: Tensor) -> Tensor { Op.logicalOr.binary(self, other) }
  /// True where exactly one is not 0. Same as `torch.logical_xor`.
  public func logicalXor(_ other: Tensor) -> Tensor { Op.logicalXor.binary(self, other) }
  /// True where 0. Same as `torch.logical_not`.
  public func logicalNot() -> Tensor { Op.logicalNot(.tensor(self)) }
  /// Bits moved up. Same as `torch.bitwise_left_shift`.
  public func bitwiseLeftShift(_ other: Tensor) -> Tensor { Op.leftShift.binary(self, other) }
  /// Bits moved down, keeping the sign. Same as `torch.bitwise_right_shift`.
  public func bitwiseRightShift(_ other: Tensor) -> Tensor { Op.rightShift.binary(self, other) }
  /// True for NaN. Same as `torch.isnan`.
  public func isNaN() -> Tensor { Op.isnan(.tensor(self)) }
  /// True for infinities. Same as `torch.isinf`.
  public func isInf() -> Tensor { Op.isinf(.tensor(self)) }
  /// True for numbers that are neither NaN nor infinite. Same as `torch.isfinite`.
  public func isFinite() -> Tensor { Op.isfinite(.tensor(self)) }
  /// True where the sign bit is set. Same as `torch.signbit`.
  public func signbit() -> Tensor { Op.signbit(.tensor(self)) }
}
