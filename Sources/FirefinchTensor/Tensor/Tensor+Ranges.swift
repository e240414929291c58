import FirefinchCore
import Glibc

extension Scalar {
  /// Throws when a tensor of `dtype` cannot hold the value: too large, NaN as an integer, complex as a real number.
  func checkFits(_ dtype: DType, op: String) throws {
    let fits: Bool
    let value = doubleValue
    if dtype == .bool {
      fits = true
    } else if isComplex && !dtype.isComplex {
      fits = imaginaryValue == 0
    } else if dtype.isDifferentiable {
      fits = ![value, imaginaryValue].contains { $0.isFinite && $0.magnitude > dtype.largest }
    } else if case .double = self {
      fits = value > dtype.least - 1 && value < dtype.largest + 1 && !(dtype == .uint8 && value < 0)
    } else {
      // A negative integer may stand for an unsigned one, counted back from the end.
      fits = value >= (dtype == .uint8 ? -255 : dtype.least) && value <= dtype.largest
    }
    if !fits { throw TensorError.value("\(op): \(self) does not fit \(dtype.name)") }
  }

  /// A number of a range in `dtype`: rounded, or truncated for integers.
  fileprivate func converted(_ dtype: DType) -> Double {
    dtype.isInteger ? Double(intValue) : dtype.rounded(doubleValue)
  }
}

extension DType {
  /// The largest finite value.
  fileprivate var largest: Double {
    switch self {
    case .float64, .complex128: .greatestFiniteMagnitude
    case .float32, .complex64: Double(Float.greatestFiniteMagnitude)
    case .float16, .complex32: 65504
    // PyTorch lets larger numbers become infinite.
    case .bfloat16: .infinity
    case .bool: 1
    case .int8: 127
    case .uint8: 255
    case .int16: 32767
    case .int32: 2_147_483_647
    case .int64: 0x1p63
    }
  }

  /// The smallest value of an integer dtype.
  fileprivate var least: Double { self == .uint8 ? 0 : -largest - 1 }

  /// `value` as this floating dtype holds it.
  fileprivate func rounded(_ value: Double) -> Double {
    switch self {
    case .float32, .complex64: Double(Float(value))
    case .float16, .complex32: Double(Draw.float(halfBits: Draw.halfBits(Float(value))))
    case .bfloat16: Double(Float(bitPattern: UInt32(Draw.bfloat16Bits(Float(value))) << 16))
    default: value
    }
  }
}

/// Ranges of numbers.
extension Tensor {
  /// `count` values of `element`, written as `T` and then converted.
  private static func generated<T: TensorElement>(_ count: Int, _ dtype: DType, _ element: (Int) -> T) -> Tensor {
    let values = Tensor(empty: [count], dtype: T.dtype)
    let memory = values.pointer(T.self)
    for i in 0..<count { memory[i] = element(i) }
    return values.to(dtype)
  }

  /// `start`, `start + step`, … below `end`; int64 when all are integers. Same as `torch.arange`.
  public static func arange<N: ScalarConvertible>(
    _ start: N, _ end: N, step: N? = nil, dtype: DType? = nil
  ) -> Tensor {
    arange(start.scalar, to: end.scalar, step: step?.scalar ?? .int(1), dtype: dtype)
  }

  /// 0, 1, … below `end`. Same as `torch.arange(end)`.
  public static func arange<N: ScalarConvertible>(_ end: N, dtype: DType? = nil) -> Tensor {
    arange(.int(0), to: end.scalar, step: .int(1), dtype: dtype)
  }

  /// As `arange`, of numbers that need not have one type.
  public static func arange(_ first: Scalar, to last: Scalar, step by: Scalar, dtype: DType? = nil) -> Tensor {
    ErrorScope.guarding {
      let isInteger = [first, last, by].allSatisfy { $0.dtype(defaultFloat: .float32).category < 2 }
      let dtype = dtype ?? (isInteger ? .int64 : DType.defaultFloat)
      if dtype == .bool || dtype.isComplex {
        throw TensorError.dtype("arange: expected an integer or floating dtype, got \(dtype.name)")
      }
      if !first.doubleValue.isFinite || !last.doubleValue.isFinite || by.doubleValue.isNaN {
        throw TensorError.value("arange: from \(first) to \(last) in steps of \(by) never ends; use finite numbers")
      }
      if [first, last, by].contains(where: \.isComplex) {
        throw TensorError.value("arange: expected real numbers, got \(first), \(last) and \(by)")
      }
      let (from, to, step) = (first.doubleValue, last.doubleValue, by.doubleValue)
      // Integer dtypes cut the numbers off; int64 also counts with what is left.
      let counted = dtype == .int64 ? Double(by.intValue) : step
      if counted == 0 { throw TensorError.value("arange: the step must not be 0, got \(by) for \(dtype.name)") }
      if from != to && (from < to) != (step > 0) {
        throw TensorError.value("arange: a step of \(by) leads away from \(last), starting at \(first)")
      }
      let size: Double
      if dtype == .int64 {
        size = ((Double(last.intValue) - Double(first.intValue)) / counted).rounded(.up)
      } else {
        size = ((to - from) / step).rounded(.up)
      }
      if !(size < 0x1p45) { throw TensorError.value("arange: from \(first) to \(last) in steps of \(by) is too long") }
      let count = Swift.max(0, Int(size))
      if dtype.isInteger {
        let (start, stride) = (first.intValue, by.intValue)
        return generated(count, dtype) { start &+ $0 &* stride }
      }
      if dtype == .float16 || dtype == .bfloat16 {
        let (start, stride) = (Float(from), Float(step))
        return generated(count, dtype) { start + Float($0) * stride }
      }
      return generated(count, dtype) { from + Double($0) * step }
    }
  }

  /// `count` values evenly from `start` to `end`, both included. Same as `torch.linspace`.
  public static func linspace(_ start: Double, _ end: Double, _ count: Int, dtype: DType? = nil) -> Tensor {
    linspace(.double(start), .double(end), count, dtype: dtype)
  }

  /// `count` values evenly from `start` to `end`, both included; complex when one of them is. Same as `torch.linspace`.
  public static func linspace(_ start: Scalar, _ end: Scalar, _ count: Int, dtype: DType? = nil) -> Tensor {
    ErrorScope.guarding {
      let dtype = try rangeDType("linspace", start, end, count, dtype)
      if dtype.isComplex {
        let type = dtype.realType
        let re = spaced(start.doubleValue, end.doubleValue, count, type) { $0 }
        return complex(re, spaced(start.imaginaryValue, end.imaginaryValue, count, type) { $0 })
      }
      return spaced(start.converted(dtype), end.converted(dtype), count, dtype) { $0 }
    }
  }

  /// Powers of `base` with evenly spaced exponents. Same as `torch.logspace`.
  public static func logspace(
    _ start: Double, _ end: Double, _ count: Int, base: Double = 10, dtype: DType? = nil
  ) -> Tensor {
    logspace(.double(start), .double(end), count, base: base, dtype: dtype)
  }

  /// Powers of `base` with evenly spaced exponents; complex when one of them is. Same as `torch.logspace`.
  public static func logspace(_ start: Scalar, _ end: Scalar, _ count: Int, base: Double = 10, dtype: DType? = nil) -> Tensor {
    ErrorScope.guarding {
      let dtype = try rangeDType("logspace", start, end, count, dtype)
      if dtype.isComplex {
        let exponents = linspace(start, end, count, dtype: .complex128)
        return Tensor.full([], Scalar.complex(base, 0), dtype: .complex128).pow(exponents).to(dtype)
      }
      if dtype.isInteger || dtype == .bool {
        if count == 1 { return Tensor([Glibc.pow(base, start.doubleValue)], dtype: .float64).to(dtype) }
        // The exponents between the ends are not whole.
        return spaced(start.converted(dtype), end.converted(dtype), count, .float64) { Glibc.pow(base, $0) }.to(dtype)
      }
      return spaced(start.converted(dtype), end.converted(dtype), count, dtype) { Glibc.pow(base, $0) }
    }
  }

  /// The dtype of a range and its checks.
  private static func rangeDType(
    _ op: String, _ start: Scalar, _ end: Scalar, _ count: Int, _ dtype: DType?
  ) throws -> DType {
    if count < 0 { throw TensorError.value("\(op): the number of steps must not be negative, got \(count)") }
    try checkSizes([count], op: op)
    var isComplex = false
    for value in [start, end] {
      if case .complex = value { isComplex = true }
    }
    let result = dtype ?? (isComplex ? DType.defaultFloat.complexType : DType.defaultFloat)
    if isComplex && !result.isComplex {
      throw TensorError.dtype("\(op): complex ends need a complex dtype, got \(result.name)")
    }
    for value in [start, end] { try value.checkFits(result, op: op) }
    if result == .bool && count > 1 { throw TensorError.dtype("\(op): bool is not supported; use an integer or floating dtype") }
    return result
  }

  /// Evenly spaced values through `map`, counted from both ends to the middle, so that the last one is exact.
  private static func spaced(
    _ start: Double, _ end: Double, _ count: Int, _ dtype: DType, _ map: (Double) -> Double
  ) -> Tensor {
    let step = count > 1 ? dtype.rounded((end - start) / Double(count - 1)) : 0
    return generated(count, dtype) { i in
      map(count == 1 || i < count / 2 ? start + step * Double(i) : end - step * Double(count - 1 - i))
    }
  }
}
