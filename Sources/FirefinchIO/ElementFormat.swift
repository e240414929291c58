import FirefinchCore
import FirefinchTensor

/// How files store an element: a dtype, or an unsigned type that is widened to the next signed one.
enum ElementFormat: Equatable, Sendable {
  case native(DType)
  case uint16, uint32, uint64

  /// Bytes in the file.
  var size: Int {
    switch self {
    case .native(let dtype): dtype.size
    case .uint16: 2
    case .uint32: 4
    case .uint64: 8
    }
  }

  /// The dtype of the file's bits.
  var bits: DType {
    switch self {
    case .native(let dtype): dtype
    case .uint16: .int16
    case .uint32: .int32
    case .uint64: .int64
    }
  }

  /// The dtype that is exactly this format, or nil for one that has to be widened.
  var nativeType: DType? {
    if case .native(let dtype) = self { return dtype }
    return nil
  }

  /// Bytes that are swapped together when the other byte order is used: a complex number's parts each for itself.
  var swapWidth: Int {
    if case .native(let dtype) = self, dtype.isComplex { return dtype.size / 2 }
    return size
  }

  /// NumPy's code without byte order: `f4`, `i8`, `?`.
  init?(numpy code: some StringProtocol) {
    let known: [String: ElementFormat] = [
      "f2": .native(.float16), "f4": .native(.float32), "f8": .native(.float64), "i1": .native(.int8),
      "i2": .native(.int16), "i4": .native(.int32), "i8": .native(.int64), "u1": .native(.uint8), "u2": .uint16,
      "u4": .uint32, "u8": .uint64, "b1": .native(.bool), "?": .native(.bool), "c8": .native(.complex64),
      "c16": .native(.complex128),
    ]
    guard let format = known[String(code)] else { return nil }
    self = format
  }

  /// PyTorch's name without `torch.`.
  init?(torch name: some StringProtocol) {
    switch name {
    case "uint16": self = .uint16
    case "uint32": self = .uint32
    case "uint64": self = .uint64
    default:
      guard let dtype = DType(name: String(name)) else { return nil }
      self = .native(dtype)
    }
  }

  /// Dense elements of this format as a tensor of a dtype that holds them all, or nil when a number is too large.
  func widened(_ tensor: Tensor) -> Tensor? {
    let count = tensor.elementCount
    switch self {
    case .native: return tensor
    case .uint16:
      let from = tensor.pointer(UInt16.self)
      return Tensor((0..<count).map { Int32(from[$0]) }, shape: tensor.shape)
    case .uint32:
      let from = tensor.pointer(UInt32.self)
      return Tensor((0..<count).map { Int(from[$0]) }, shape: tensor.shape)
    case .uint64:
      let from = tensor.pointer(Int.self)
      return (0..<count).contains { from[$0] < 0 } ? nil : tensor
    }
  }

  /// A tensor from an array's bytes, which are copied. Throws `FormatError` when they do not fit the shape.
  func array(
    _ bytes: UnsafeRawBufferPointer, shape: [Int], isBigEndian: Bool, isFortran: Bool
  ) throws(FormatError) -> Tensor {
    guard shape.count <= 64, let count = Tensor.checkedCount(shape) else {
      throw FormatError("shape \(shape) is not possible: negative, more than 64 dims or too many elements")
    }
    guard bytes.count == count * size else {
      throw FormatError("shape \(shape) needs \(count * size) bytes of data, got \(bytes.count)")
    }
    let dense = Tensor(empty: Shape(isFortran ? shape.reversed() : shape), dtype: bits)
    if count > 0 { dense.data.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count) }
    let raw = UnsafeMutableRawBufferPointer(start: dense.data, count: bytes.count)
    if isBigEndian { swapBytes(raw) }
    // NumPy takes any byte but 0 for true; memory of a Swift Bool must be 0 or 1.
    if self == .native(.bool) { for i in raw.indices where raw[i] > 1 { raw[i] = 1 } }
    guard let result = widened(dense) else { throw FormatError("an unsigned number is too large for int64") }
    if !isFortran || shape.count < 2 { return result }
    if result.dtype.isComplex { throw FormatError("complex arrays in Fortran order are not supported") }
    return result.permute(Array((0..<shape.count).reversed())).contiguous()
  }

  /// Reverses the bytes of every number.
  func swapBytes(_ bytes: UnsafeMutableRawBufferPointer) {
    let width = swapWidth
    if width == 1 { return }
    for start in stride(from: 0, to: bytes.count / width * width, by: width) {
      for b in 0..<width / 2 { bytes.swapAt(start + b, start + width - 1 - b) }
    }
  }
}

/// What is wrong inside a file; the reader of the file adds its path.
package struct FormatError: Error {
  package let message: String
  package init(_ message: String) { self.message = message }
}
