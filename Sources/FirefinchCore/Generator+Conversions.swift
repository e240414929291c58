/// Conversions and checks shared by the distributions.
package enum Draw {
  /// Values made at a time: two such buffers stay in the first-level cache.
  static let chunk = 512

  // MARK: Arithmetic

  /// `x * span + low`, rounded once as a hardware fused multiply-add would, without needing one.
  @inline(__always)
  package static func multiplyAdd(_ x: Float, _ span: Float, _ low: Float) -> Float {
    // The product of two floats is exact in a double. The sum rounds to 53 bits and then to 24; that differs from one
    // rounding only when the first lands exactly between two floats, or where floats have fewer bits (subnormals).
    let sum = Double(x) * Double(span) + Double(low)
    if sum.bitPattern & 0x1fff_ffff == 0x1000_0000 || abs(sum) < 0x1p-120 { return low.addingProduct(x, span) }
    return Float(sum)
  }

  /// A double in [0, 1) brought to [from, to).
  @inline(__always)
  static func bounded(_ x: Double, _ from: Double, _ to: Double) -> Double {
    let value = from.addingProduct(x, to - from)
    return value == to ? from : value
  }

  /// What storing a float as another dtype does to its value.
  struct Rounding {
    let dtype: DType
    init(_ dtype: DType) { self.dtype = dtype }
    @inline(__always)
    func round(_ value: Float) -> Float {
      switch dtype {
      case .bfloat16: return Float(bitPattern: UInt32(Draw.bfloat16Bits(value)) &<< 16)
      case .float16: return Draw.float(halfBits: Draw.halfBits(value))
      default: return value
      }
    }
  }

  @inline(__always)
  package static func bfloat16Bits(_ value: Float) -> UInt16 {
    if value.isNaN { return 0x7fc0 }
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ ((bits &>> 16) & 1)) &>> 16)
  }

  /// float16 bits, rounded to nearest even. Bit arithmetic without branches: Swift's `Float16` is a library call on
  /// processors that are not known to convert, and missing from macOS on Intel.
  @inline(__always)
  package static func halfBits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let size = bits & 0x7fff_ffff
    // Below the smallest normal half, adding 0.5 aligns the float's last bit with the half's.
    let tiny = (Float(bitPattern: size) + 0.5).bitPattern &- 0x3f00_0000
    let normal = (size &+ 0xfff &+ ((size &>> 13) & 1)) &>> 13 &- (112 &<< 10)
    let finite = size < 0x3880_0000 ? tiny : normal
    let result = size > 0x7f80_0000 ? 0x7e00 : size >= 0x477f_f000 ? 0x7c00 : finite
    return UInt16(truncatingIfNeeded: (bits &>> 16) & 0x8000 | result)
  }

  @inline(__always)
  package static func float(halfBits bits: UInt16) -> Float {
    let size = UInt32(bits & 0x7fff), sign = UInt32(bits & 0x8000) &<< 16
    // Scaling by 2^112 moves the exponent over and turns subnormals into normal floats.
    let finite = (Float(bitPattern: size &<< 13) * 0x1p112).bitPattern
    return Float(bitPattern: sign | (size >= 0x7c00 ? size &<< 13 | 0x7f80_0000 : finite))
  }

  // MARK: Memory

  /// Stores doubles as `dtype`, from element `offset` of `data` on. Integers truncate; halves round from float, as PyTorch.
  package static func store(
    _ values: UnsafePointer<Double>, _ n: Int, _ data: UnsafeMutableRawPointer, _ dtype: DType, at offset: Int
  ) {
    switch dtype {
    case .float64, .complex128: (data.assumingMemoryBound(to: Double.self) + offset).update(from: values, count: n)
    case .float32, .complex64:
      let out = data.assumingMemoryBound(to: Float.self) + offset
      for i in 0..<n { out[i] = Float(values[i]) }
    case .float16, .complex32:
      let out = data.assumingMemoryBound(to: UInt16.self) + offset
      for i in 0..<n { out[i] = halfBits(Float(values[i])) }
    case .bfloat16:
      let out = data.assumingMemoryBound(to: UInt16.self) + offset
      for i in 0..<n { out[i] = bfloat16Bits(Float(values[i])) }
    case .bool:
      let out = data.assumingMemoryBound(to: UInt8.self) + offset
      for i in 0..<n { out[i] = values[i] != 0 ? 1 : 0 }
    case .int8, .uint8:
      let out = data.assumingMemoryBound(to: UInt8.self) + offset
      for i in 0..<n { out[i] = UInt8(truncatingIfNeeded: Scalar.double(values[i]).intValue) }
    case .int16:
      let out = data.assumingMemoryBound(to: Int16.self) + offset
      for i in 0..<n { out[i] = Int16(truncatingIfNeeded: Scalar.double(values[i]).intValue) }
    case .int32:
      let out = data.assumingMemoryBound(to: Int32.self) + offset
      for i in 0..<n { out[i] = Int32(truncatingIfNeeded: Scalar.double(values[i]).intValue) }
    case .int64:
      let out = data.assumingMemoryBound(to: Int64.self) + offset
      for i in 0..<n { out[i] = Int64(Scalar.double(values[i]).intValue) }
    }
  }

  /// Stores floats as float32, float16 or bfloat16.
  package static func store(
    _ values: UnsafePointer<Float>, _ n: Int, _ data: UnsafeMutableRawPointer, _ dtype: DType, at offset: Int
  ) {
    switch dtype {
    case .float16, .complex32:
      let out = data.assumingMemoryBound(to: UInt16.self) + offset
      for i in 0..<n { out[i] = halfBits(values[i]) }
    case .bfloat16:
      let out = data.assumingMemoryBound(to: UInt16.self) + offset
      for i in 0..<n { out[i] = bfloat16Bits(values[i]) }
    default: (data.assumingMemoryBound(to: Float.self) + offset).update(from: values, count: n)
    }
  }

  /// Stores integers as `dtype`; integer dtypes keep the low bits.
  package static func store(
    _ values: UnsafePointer<Int64>, _ n: Int, _ data: UnsafeMutableRawPointer, _ dtype: DType, at offset: Int
  ) {
    switch dtype {
    case .int64: (data.assumingMemoryBound(to: Int64.self) + offset).update(from: values, count: n)
    case .int32:
      let out = data.assumingMemoryBound(to: Int32.self) + offset
      for i in 0..<n { out[i] = Int32(truncatingIfNeeded: values[i]) }
    case .int16:
      let out = data.assumingMemoryBound(to: Int16.self) + offset
      for i in 0..<n { out[i] = Int16(truncatingIfNeeded: values[i]) }
    case .int8, .uint8:
      let out = data.assumingMemoryBound(to: UInt8.self) + offset
      for i in 0..<n { out[i] = UInt8(truncatingIfNeeded: values[i]) }
    case .bool:
      let out = data.assumingMemoryBound(to: UInt8.self) + offset
      for i in 0..<n { out[i] = values[i] != 0 ? 1 : 0 }
    case .float64, .complex128:
      let out = data.assumingMemoryBound(to: Double.self) + offset
      for i in 0..<n { out[i] = Double(values[i]) }
    case .float32, .complex64:
      let out = data.assumingMemoryBound(to: Float.self) + offset
      for i in 0..<n { out[i] = Float(values[i]) }
    case .float16, .complex32:
      let out = data.assumingMemoryBound(to: UInt16.self) + offset
      for i in 0..<n { out[i] = halfBits(Float(values[i])) }
    case .bfloat16:
      let out = data.assumingMemoryBound(to: UInt16.self) + offset
      for i in 0..<n { out[i] = bfloat16Bits(Float(values[i])) }
    }
  }

  /// Loads elements of a floating dtype as doubles.
  static func load(
    _ values: UnsafeMutablePointer<Double>, _ n: Int, _ data: UnsafeRawPointer, _ dtype: DType, at offset: Int
  ) {
    switch dtype {
    case .float64: values.update(from: data.assumingMemoryBound(to: Double.self) + offset, count: n)
    case .float16, .complex32:
      let from = data.assumingMemoryBound(to: UInt16.self) + offset
      for i in 0..<n { values[i] = Double(float(halfBits: from[i])) }
    case .bfloat16:
      let from = data.assumingMemoryBound(to: UInt16.self) + offset
      for i in 0..<n { values[i] = Double(Float(bitPattern: UInt32(from[i]) &<< 16)) }
    default:
      let from = data.assumingMemoryBound(to: Float.self) + offset
      for i in 0..<n { values[i] = Double(from[i]) }
    }
  }

  // MARK: Checks

  static func requireFloating(_ dtype: DType, _ operation: String) throws {
    guard dtype.isFloatingPoint else {
      throw TensorError.dtype("\(operation): expects a floating dtype, got \(dtype)")
    }
  }

  static func requirePositive(_ value: Double, _ name: String, _ operation: String) throws {
    guard value > 0 else { throw TensorError.value("\(operation): expects \(name) > 0, got \(name)=\(value)") }
  }

  /// Complex memory seen as twice as many reals; other floating dtypes as they are.
  static func realParts(_ dtype: DType, _ count: Int, _ operation: String) throws -> (DType, Int) {
    switch dtype {
    case .complex32: return (.float16, count * 2)
    case .complex64: return (.float32, count * 2)
    case .complex128: return (.float64, count * 2)
    default:
      try requireFloating(dtype, operation)
      return (dtype, count)
    }
  }

  static func outOfBounds(_ operation: String, _ name: String, _ value: Double, _ dtype: DType) -> TensorError {
    .value("\(operation): \(name) is out of bounds for \(dtype), got \(name)=\(value)")
  }

  static func largestFinite(_ dtype: DType) -> Double {
    switch dtype {
    case .float64: .greatestFiniteMagnitude
    case .float16: 65504
    case .bfloat16: Double(Float(bitPattern: 0x7f7f_0000))
    default: Double(Float.greatestFiniteMagnitude)
    }
  }

  /// Bits of a floating dtype's significand, the hidden one included.
  static func significandBits(_ dtype: DType) -> Int {
    switch dtype {
    case .float64: 53
    case .float16: 11
    case .bfloat16: 8
    default: 24
    }
  }

  /// The largest value of an integer dtype; for a floating one the largest up to which every whole number is exact.
  static func largestExactInteger(_ dtype: DType) -> Int {
    switch dtype {
    case .bool: 1
    case .uint8: Int(UInt8.max)
    case .int8: Int(Int8.max)
    case .int16: Int(Int16.max)
    case .int32: Int(Int32.max)
    case .int64: Int.max
    default: 1 << significandBits(dtype)
    }
  }

  private static func smallestInteger(_ dtype: DType) -> Int {
    switch dtype {
    case .bool, .uint8: 0
    case .int8: Int(Int8.min)
    case .int16: Int(Int16.min)
    case .int32: Int(Int32.min)
    default: Int.min
    }
  }

  /// What a whole number becomes when stored in a floating dtype and read back; saturates where it does not fit.
  private static func roundTrip(_ value: Int, _ dtype: DType) -> Int {
    let stored: Double
    switch dtype {
    case .float64: stored = Double(value)
    case .float32: stored = Double(Float(value))
    default: stored = Double(Rounding(dtype).round(Float(value)))
    }
    return Scalar.double(stored).intValue
  }

  /// The step between neighbours of `value` in a floating dtype with `bits` of significand.
  private static func spacing(_ value: Int, _ bits: Int) -> Int {
    let log2 = 63 - value.magnitude.leadingZeroBitCount
    return 1 << Swift.max(0, Swift.min(62, log2 - bits + 1))
  }

  /// Checks [from, to) and gives its start and size. In a floating dtype the ends move inwards to values it can hold, so
  /// that rounding never leaves the range.
  static func integerRange(_ dtype: DType, _ from: Int, _ to: Int) throws -> (Int, UInt64) {
    guard !dtype.isComplex else { throw TensorError.dtype("random_: expects a real dtype, got \(dtype)") }
    guard from < to else {
      throw TensorError.value("random_: expects from < to, got from=\(from) and to=\(to); the range excludes to")
    }
    var (low, high) = (from, to)
    if dtype.isFloatingPoint {
      low = roundedUp(from, dtype)
      let below = roundTrip(to - 1, dtype)
      if below >= to { high = below &- spacing(to - 1, significandBits(dtype)) }
      guard low < high else {
        throw TensorError.value("random_: no whole number of [\(from), \(to)) can be held by \(dtype)")
      }
    }
    try checkFits(low, "from", dtype)
    try checkFits(high - 1, "to - 1", dtype)
    return (low, UInt64(bitPattern: Int64(high)) &- UInt64(bitPattern: Int64(low)))
  }

  /// As above for the range up to `toInclusive`; a size of 0 means 2^64.
  static func integerRange(_ dtype: DType, _ from: Int, toInclusive: Int) throws -> (Int, UInt64) {
    guard !dtype.isComplex else { throw TensorError.dtype("random_: expects a real dtype, got \(dtype)") }
    let low = dtype.isFloatingPoint ? roundedUp(from, dtype) : from
    guard low < toInclusive || (low == toInclusive && !dtype.isFloatingPoint) else {
      throw TensorError.value("random_: from=\(from) is not below the largest value \(toInclusive) of \(dtype)")
    }
    try checkFits(low, "from", dtype)
    return (low, UInt64(bitPattern: Int64(toInclusive)) &- UInt64(bitPattern: Int64(low)) &+ 1)
  }

  private static func roundedUp(_ from: Int, _ dtype: DType) -> Int {
    let (above, overflow) = from.addingReportingOverflow(1)
    if overflow { return from }
    let stored = roundTrip(above, dtype)
    return stored < from ? stored &+ spacing(above, significandBits(dtype)) : from
  }

  private static func checkFits(_ value: Int, _ name: String, _ dtype: DType) throws {
    let fits =
      dtype.isFloatingPoint
      ? Double(value).magnitude <= largestFinite(dtype)
      : value >= smallestInteger(dtype) && value <= largestExactInteger(dtype)
    guard fits else { throw TensorError.value("random_: \(name) is out of bounds for \(dtype), got \(value)") }
  }
}
