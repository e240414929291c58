/// A scalar expression over the elements of an operation's inputs: the one definition of a pointwise operation, from which
/// come its kernels, every dtype, broadcasting, its derivative and fusion.
///
/// Build one with ordinary operators: `e[0] * e[1].sigmoid()`. A value type; equal sub-expressions are computed once.
public struct Expr: Sendable {
  /// What an expression is made of.
  indirect enum Kind: Sendable {
    /// Element of input tensor `index`.
    case input(Int)
    /// Number given with the call, by position.
    case scalar(Int)
    /// Number known when the expression is written.
    case literal(Double)
    case apply(Primitive, [Expr])
    case cast(Expr, RegisterClass)
  }

  /// Identity, so that a shared sub-expression is visited once.
  final class Node: Sendable {
    let kind: Kind
    init(_ kind: Kind) { self.kind = kind }
  }

  let node: Node
  init(_ kind: Kind) { node = Node(kind) }

  /// Element of input tensor `index`.
  public static func input(_ index: Int) -> Expr { Expr(.input(index)) }
  /// The call's number at position `index`.
  public static func scalar(_ index: Int) -> Expr { Expr(.scalar(index)) }
  /// A constant; it takes the class of the values it meets.
  public static func literal(_ value: Double) -> Expr { Expr(.literal(value)) }

  var literalValue: Double? {
    if case .literal(let value) = node.kind { return value }
    return nil
  }

  static func apply(_ primitive: Primitive, _ operands: Expr...) -> Expr { Expr(.apply(primitive, operands)) }

  /// The value converted to another register class, as a C cast does.
  public func cast(_ to: RegisterClass) -> Expr { Expr(.cast(self, to)) }
}

extension Expr: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  public init(floatLiteral value: Double) { self.init(.literal(value)) }
  public init(integerLiteral value: Int) { self.init(.literal(Double(value))) }
}

/// Arithmetic. Identities (x·1, x+0 with a literal) are folded here, so that derivatives come out short.
extension Expr {
  public static func + (a: Expr, b: Expr) -> Expr {
    if let x = a.literalValue, let y = b.literalValue { return .literal(x + y) }
    if a.literalValue == 0 { return b }
    if b.literalValue == 0 { return a }
    return apply(.add, a, b)
  }
  public static func - (a: Expr, b: Expr) -> Expr {
    if let x = a.literalValue, let y = b.literalValue { return .literal(x - y) }
    if b.literalValue == 0 { return a }
    return a.literalValue == 0 ? -b : apply(.sub, a, b)
  }
  public static func * (a: Expr, b: Expr) -> Expr {
    if let x = a.literalValue, let y = b.literalValue { return .literal(x * y) }
    if a.literalValue == 1 { return b }
    if b.literalValue == 1 { return a }
    return apply(.mul, a, b)
  }
  public static func / (a: Expr, b: Expr) -> Expr { b.literalValue == 1 ? a : apply(.div, a, b) }
  public static prefix func - (a: Expr) -> Expr {
    if let x = a.literalValue { return .literal(-x) }
    return apply(.neg, a)
  }
  /// `a·b + c`, rounded once.
  public static func fma(_ a: Expr, _ b: Expr, _ c: Expr) -> Expr { apply(.fma, a, b, c) }
  /// The smaller; NaN if either is NaN.
  public static func min(_ a: Expr, _ b: Expr) -> Expr { apply(.min, a, b) }
  /// The larger; NaN if either is NaN.
  public static func max(_ a: Expr, _ b: Expr) -> Expr { apply(.max, a, b) }
  /// The smaller; a NaN loses.
  public static func fmin(_ a: Expr, _ b: Expr) -> Expr { apply(.fmin, a, b) }
  /// The larger; a NaN loses.
  public static func fmax(_ a: Expr, _ b: Expr) -> Expr { apply(.fmax, a, b) }
  /// Remainder with the divisor's sign (Python's `%`).
  public static func remainder(_ a: Expr, _ b: Expr) -> Expr { apply(.remainder, a, b) }
  /// Remainder with the dividend's sign (C's `fmod`).
  public static func fmod(_ a: Expr, _ b: Expr) -> Expr { apply(.fmod, a, b) }
  public static func floorDivide(_ a: Expr, _ b: Expr) -> Expr { apply(.floordiv, a, b) }
  public static func truncDivide(_ a: Expr, _ b: Expr) -> Expr { apply(.truncdiv, a, b) }
  public static func pow(_ a: Expr, _ b: Expr) -> Expr {
    switch b.literalValue {
    case 1: a
    case 2: a * a
    default: apply(.pow, a, b)
    }
  }
  public static func atan2(_ a: Expr, _ b: Expr) -> Expr { apply(.atan2, a, b) }
  public static func hypot(_ a: Expr, _ b: Expr) -> Expr { apply(.hypot, a, b) }
  public static func copysign(_ a: Expr, _ b: Expr) -> Expr { apply(.copysign, a, b) }
  public static func nextafter(_ a: Expr, _ b: Expr) -> Expr { apply(.nextafter, a, b) }
  /// `condition ? a : b` for each element; the side not taken leaves no NaN behind.
  public static func select(_ condition: Expr, _ a: Expr, _ b: Expr) -> Expr { apply(.select, condition, a, b) }
}

/// Comparisons give bool values.
extension Expr {
  public static func .== (a: Expr, b: Expr) -> Expr { apply(.eq, a, b) }
  public static func .!= (a: Expr, b: Expr) -> Expr { apply(.ne, a, b) }
  public static func .< (a: Expr, b: Expr) -> Expr { apply(.lt, a, b) }
  public static func .<= (a: Expr, b: Expr) -> Expr { apply(.le, a, b) }
  public static func .> (a: Expr, b: Expr) -> Expr { apply(.gt, a, b) }
  public static func .>= (a: Expr, b: Expr) -> Expr { apply(.ge, a, b) }
  public static func & (a: Expr, b: Expr) -> Expr { apply(.and, a, b) }
  public static func | (a: Expr, b: Expr) -> Expr { apply(.or, a, b) }
  public static func ^ (a: Expr, b: Expr) -> Expr { apply(.xor, a, b) }
  public static prefix func ! (a: Expr) -> Expr { apply(.not, a) }
  // No `<<`: a concrete operator on a literal type would capture every `1 << n` of integers.
  public static func shiftLeft(_ a: Expr, _ b: Expr) -> Expr { apply(.shl, a, b) }
  public static func shiftRight(_ a: Expr, _ b: Expr) -> Expr { apply(.shr, a, b) }
  public func isNaN() -> Expr { Expr.apply(.isnan, self) }
  public func isInf() -> Expr { Expr.apply(.isinf, self) }
  public func signBit() -> Expr { Expr.apply(.signbit, self) }
}

/// Functions of one value.
extension Expr {
  public func abs() -> Expr { .apply(.abs, self) }
  public func sign() -> Expr { .apply(.sign, self) }
  public func exp() -> Expr { .apply(.exp, self) }
  public func exp2() -> Expr { .apply(.exp2, self) }
  public func expm1() -> Expr { .apply(.expm1, self) }
  public func log() -> Expr { .apply(.log, self) }
  public func log2() -> Expr { .apply(.log2, self) }
  public func log10() -> Expr { .apply(.log10, self) }
  public func log1p() -> Expr { .apply(.log1p, self) }
  public func sqrt() -> Expr { .apply(.sqrt, self) }
  public func rsqrt() -> Expr { .apply(.rsqrt, self) }
  public func reciprocal() -> Expr { .apply(.reciprocal, self) }
  public func sin() -> Expr { .apply(.sin, self) }
  public func cos() -> Expr { .apply(.cos, self) }
  public func tan() -> Expr { .apply(.tan, self) }
  public func asin() -> Expr { .apply(.asin, self) }
  public func acos() -> Expr { .apply(.acos, self) }
  public func atan() -> Expr { .apply(.atan, self) }
  public func sinh() -> Expr { .apply(.sinh, self) }
  public func cosh() -> Expr { .apply(.cosh, self) }
  public func tanh() -> Expr { .apply(.tanh, self) }
  public func asinh() -> Expr { .apply(.asinh, self) }
  public func acosh() -> Expr { .apply(.acosh, self) }
  public func atanh() -> Expr { .apply(.atanh, self) }
  public func erf() -> Expr { .apply(.erf, self) }
  public func erfc() -> Expr { .apply(.erfc, self) }
  public func erfinv() -> Expr { .apply(.erfinv, self) }
  public func lgamma() -> Expr { .apply(.lgamma, self) }
  public func digamma() -> Expr { .apply(.digamma, self) }
  public func sigmoid() -> Expr { .apply(.sigmoid, self) }
  public func floor() -> Expr { .apply(.floor, self) }
  public func ceil() -> Expr { .apply(.ceil, self) }
  /// To the nearest integer, halves to even.
  public func round() -> Expr { .apply(.round, self) }
  public func trunc() -> Expr { .apply(.trunc, self) }
  public func square() -> Expr { self * self }

  /// A special function of one value (`ff_special`), by its primitive.
  public static func special(_ function: SpecialFunction, _ x: Expr) -> Expr { Expr(.apply(function.primitive, [x])) }
  /// A special function of two values.
  public static func special(_ function: SpecialFunction, _ x: Expr, _ y: Expr) -> Expr {
    Expr(.apply(function.primitive, [x, y]))
  }

  /// Derivative of digamma: the recurrence up to x ≥ 8 and the asymptotic series there (Abramowitz & Stegun 6.4.12);
  /// negative arguments by reflection (6.4.7).
  public func trigamma() -> Expr {
    let negative = self .< 0.5
    let x = Expr.select(negative, 1 - self, self)
    var sum: Expr = 0
    for k in 0..<8 { sum = sum + (x + .literal(Double(k))).square().reciprocal() }
    let z = (x + 8).reciprocal()
    let z2 = z * z
    let series = z2 * (1.0 / 6 - z2 * (1.0 / 30 - z2 * (1.0 / 42 - z2 * (1.0 / 30 - z2 * (5.0 / 66)))))
    let positive = sum + z * (1 + 0.5 * z + series)
    let reflected = (self * .literal(Double.pi)).sin().square().reciprocal() * .literal(Double.pi * Double.pi)
    return .select(negative, reflected - positive, positive)
  }
}
