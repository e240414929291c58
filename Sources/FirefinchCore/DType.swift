/// Element type of a tensor. Same names and meanings as `torch.dtype`.
///
/// Raw values are shared with the C kernels (`ff_dtype`).
public enum DType: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  case float32 = 0, float64, float16, bfloat16
  case int8, int16, int32, int64, uint8, bool
  /// Pairs of reals, in memory beside each other.
  case complex64, complex128, complex32

  /// Bytes per element.
  @inlinable public var size: Int {
    switch self {
    case .float32, .int32, .complex32: 4
    case .float64, .int64, .complex64: 8
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    case .complex128: 16
    }
  }

  /// PyTorch's name without the `torch.` prefix, for example `float32`.
  public var name: String {
    switch self {
    case .float32: "float32"
    case .float64: "float64"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .uint8: "uint8"
    case .bool: "bool"
    case .complex64: "complex64"
    case .complex128: "complex128"
    case .complex32: "complex32"
    }
  }

  /// The dtype with PyTorch's name (`float32`; the aliases `float`, `double`, `half`, `long`, `int`, `short`, `cfloat`), or nil.
  public init?(name: String) {
    switch name {
    case "float": self = .float32
    case "double": self = .float64
    case "half": self = .float16
    case "long": self = .int64
    case "int": self = .int32
    case "short": self = .int16
    case "chalf": self = .complex32
    case "cfloat": self = .complex64
    case "cdouble": self = .complex128
    default:
      guard let match = DType.allCases.first(where: { $0.name == name }) else { return nil }
      self = match
    }
  }

  public var description: String { "torch.\(name)" }

  /// True for float16, bfloat16, float32 and float64. Same as `dtype.is_floating_point`.
  @inlinable public var isFloatingPoint: Bool { rawValue <= DType.bfloat16.rawValue }
  /// True for complex32, complex64 and complex128. Same as `dtype.is_complex`.
  @inlinable public var isComplex: Bool { rawValue >= DType.complex64.rawValue }
  /// True for the integer types; false for bool.
  @inlinable public var isInteger: Bool { rawValue >= DType.int8.rawValue && rawValue <= DType.uint8.rawValue }
  /// True where a gradient may exist: floating point or complex.
  @inlinable public var isDifferentiable: Bool { isFloatingPoint || isComplex }

  /// Promotion category: bool 0, integer 1, floating 2, complex 3.
  @inlinable public var category: Int { self == .bool ? 0 : isInteger ? 1 : isFloatingPoint ? 2 : 3 }

  /// The dtype of the parts of a complex number; a real dtype itself.
  public var realType: DType {
    switch self {
    case .complex64: .float32
    case .complex128: .float64
    case .complex32: .float16
    default: self
    }
  }

  /// The complex dtype with parts of this dtype, complex64 where there is none. Same as `dtype.to_complex()`.
  public var complexType: DType {
    switch self {
    case .float64: .complex128
    case .float16: .complex32
    default: isComplex ? self : .complex64
    }
  }

  /// The register class in which kernels compute values of this dtype, or the parts of complex ones.
  @inlinable public var registerClass: RegisterClass {
    switch self {
    case .float32, .float16, .bfloat16, .complex64, .complex32: .float32
    case .float64, .complex128: .float64
    case .bool: .bool
    default: .int64
    }
  }

  /// Whether values lie in memory as kernels compute them.
  @inlinable public var isRegister: Bool { self == .float32 || self == .float64 || self == .int64 || self == .bool }

  /// The smallest dtype to which both can be converted. Same as `torch.promote_types`.
  public static func promote(_ a: DType, _ b: DType) -> DType {
    if a == b { return a }
    let (ca, cb) = (a.category, b.category)
    if ca != cb {
      let (high, low) = ca > cb ? (a, b) : (b, a)
      return high.isComplex && low.isFloatingPoint ? promote(high, low.complexType) : high
    }
    switch ca {
    case 1:
      if a == .uint8 || b == .uint8 {
        let other = a == .uint8 ? b : a
        return other == .int8 ? .int16 : other
      }
      return a.rawValue > b.rawValue ? a : b
    case 2:
      if a == .float64 || b == .float64 { return .float64 }
      // float16 and bfloat16 do not contain one another.
      return .float32
    default: return a == .complex128 || b == .complex128 ? .complex128 : .complex64
    }
  }
}

/// What a primitive computes in (`ff_class`): loads and stores convert between a dtype and a class.
public enum RegisterClass: UInt8, Sendable, CaseIterable {
  case float32 = 0, float64, int64, bool

  /// The dtype that memory of this class has when no conversion is needed.
  @inlinable public var dtype: DType {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .int64: .int64
    case .bool: .bool
    }
  }
}
