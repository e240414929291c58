/// A number without a tensor: PyTorch's `Scalar`. It is weakly typed in promotion (a "wrapped number").
public enum Scalar: Sendable, Equatable, CustomStringConvertible {
  case bool(Bool)
  case int(Int)
  case double(Double)
  case complex(Double, Double)

  /// The value as a double; true is 1. The real part of a complex number.
  public var doubleValue: Double {
    switch self {
    case .bool(let v): v ? 1 : 0
    case .int(let v): Double(v)
    case .double(let v): v
    case .complex(let re, _): re
    }
  }

  /// The imaginary part; 0 for a real number.
  public var imaginaryValue: Double {
    if case .complex(_, let im) = self { return im }
    return 0
  }

  /// Whether it is a complex number.
  public var isComplex: Bool {
    if case .complex = self { return true }
    return false
  }

  /// The value as an integer, truncated toward zero and clamped to Int's range; NaN gives 0.
  public var intValue: Int {
    switch self {
    case .bool(let v): return v ? 1 : 0
    case .int(let v): return v
    case .complex(let re, _): return Scalar.double(re).intValue
    case .double(let v):
      if v.isNaN { return 0 }
      return v >= 0x1p63 ? .max : v < -0x1p63 ? .min : Int(v)
    }
  }

  /// The dtype a tensor made from this value would get, given the default floating dtype.
  public func dtype(defaultFloat: DType = .float32) -> DType {
    switch self {
    case .bool: .bool
    case .int: .int64
    case .double: defaultFloat
    case .complex: defaultFloat.complexType
    }
  }

  public var description: String {
    switch self {
    case .bool(let v): v ? "True" : "False"
    case .int(let v): "\(v)"
    case .double(let v): "\(v)"
    case .complex(let re, let im): "(\(re)\(im.sign == .minus ? "-" : "+")\(im.magnitude)j)"
    }
  }
}

/// Swift numbers that may stand where a tensor or a `Scalar` is wanted: `x * 0.5`, `x + 1`, `x == true`.
public protocol ScalarConvertible: Sendable {
  /// The weakly typed value.
  var scalar: Scalar { get }
}
extension Int: ScalarConvertible { public var scalar: Scalar { .int(self) } }
extension Double: ScalarConvertible { public var scalar: Scalar { .double(self) } }
extension Float: ScalarConvertible { public var scalar: Scalar { .double(Double(self)) } }
extension Bool: ScalarConvertible { public var scalar: Scalar { .bool(self) } }
extension Scalar: ScalarConvertible { public var scalar: Scalar { self } }
extension Int64: ScalarConvertible { public var scalar: Scalar { .int(Int(self)) } }
extension Int32: ScalarConvertible { public var scalar: Scalar { .int(Int(self)) } }
extension UInt8: ScalarConvertible { public var scalar: Scalar { .int(Int(self)) } }
