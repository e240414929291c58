import FirefinchCore

/// Arithmetic operators. Numbers are weakly typed: a bfloat16 tensor times 0.5 stays bfloat16. `+=` rebinds the variable;
/// use `add_` to change the tensor itself.
extension Tensor {
  public static func + (a: Tensor, b: Tensor) -> Tensor { Op.add.binary(a, b) }
  public static func - (a: Tensor, b: Tensor) -> Tensor { Op.sub.binary(a, b) }
  public static func * (a: Tensor, b: Tensor) -> Tensor { Op.mul.binary(a, b) }
  public static func / (a: Tensor, b: Tensor) -> Tensor { Op.div.binary(a, b) }
  public static func % (a: Tensor, b: Tensor) -> Tensor { Op.remainder.binary(a, b) }
  public static prefix func - (a: Tensor) -> Tensor { Op.neg.unary(a) }

  public static func + (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.add.binary(a, b.scalar) }
  public static func - (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.sub.binary(a, b.scalar) }
  public static func * (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.mul.binary(a, b.scalar) }
  public static func / (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.div.binary(a, b.scalar) }
  public static func % (a: Tensor, b: some ScalarConvertible) -> Tensor { Op.remainder.binary(a, b.scalar) }

  public static func + (a: some ScalarConvertible, b: Tensor) -> Tensor { Op.add.binary(a.scalar, b) }
  public static func - (a: some ScalarConvertible, b: Tensor) -> Tensor { Op.sub.binary(a.scalar, b) }
  public static func * (a: some ScalarConvertible, b: Tensor) -> Tensor { Op.mul.binary(a.scalar, b) }
  public static func / (a: some ScalarConvertible, b: Tensor) -> Tensor { Op.div.binary(a.scalar, b) }

  public static func += (a: inout Tensor, b: Tensor) { a = a + b }
  public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
  public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
  public static func /= (a: inout Tensor, b: Tensor) { a = a / b }
  public static func += (a: inout Tensor, b: some ScalarConvertible) { a = a + b }
  public static func -= (a: inout Tensor, b: some ScalarConvertible) { a = a - b }
  public static func *= (a: inout Tensor, b: some ScalarConvertible) { a = a * b }
  public static func /= (a: inout Tensor, b: some ScalarConvertible) { a = a / b }
}
