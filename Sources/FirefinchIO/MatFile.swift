import CFirefinch
import FirefinchCore
import FirefinchTensor

/// MATLAB's version 5 files (MAT-File Format, MathWorks): the numeric arrays in them, by name. Other contents are left out.
public struct MatFile {
  private let arrays: [(name: String, tensor: Tensor)]
  /// Names of the arrays in order.
  public var names: [String] { arrays.map(\.name) }
  /// The array of a name, in the dims that MATLAB gives it; numbers as float64, bytes as uint8, other whole numbers as int64.
  public subscript(_ name: String) -> Tensor? { arrays.first { $0.name == name }?.tensor }

  /// The largest uncompressed array that is read.
  public static let sizeLimit = 1 << 33

  /// Reads a file. Throws `FileError` for anything that is not a whole, undamaged file of this version.
  public init(_ path: String) throws {
    arrays = try MappedFile.read(path) { bytes in
      do {
        var reader = try Reader(bytes)
        return try reader.arrays()
      } catch let error as FormatError { throw FileError(path: path, message: "MATLAB file: \(error)") }
    }
  }

  private struct Reader {
    let bytes: UnsafeRawBufferPointer
    var at: Int
    let isBigEndian: Bool

    init(_ bytes: UnsafeRawBufferPointer) throws {
      guard bytes.count >= 128 else { throw FormatError("the file ends in its header") }
      switch (bytes[126], bytes[127]) {
      case (0x49, 0x4D): isBigEndian = false
      case (0x4D, 0x49): isBigEndian = true
      default: throw FormatError("this is no version 5 file (files of version 7.3 are HDF5; save them with -v7)")
      }
      self.bytes = bytes
      at = 128
    }

    private init(inner: UnsafeRawBufferPointer, isBigEndian: Bool) { (bytes, at, self.isBigEndian) = (inner, 0, isBigEndian) }

    private func word(_ place: Int) -> Int {
      let raw = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
      return Int(isBigEndian ? raw.bigEndian : raw.littleEndian)
    }

    /// The next element: its type and its contents.
    private mutating func element() throws -> (type: Int, data: UnsafeRawBufferPointer) {
      guard bytes.count - at >= 8 else { throw FormatError("an element's tag is cut off at byte \(at)") }
      let tag = word(at)
      // Small elements keep up to four bytes in the tag.
      if tag >> 16 != 0 {
        let count = tag >> 16
        guard count <= 4 else { throw FormatError("a small element of \(count) bytes at byte \(at)") }
        defer { at += 8 }
        return (tag & 0xFFFF, UnsafeRawBufferPointer(rebasing: bytes[at + 4..<at + 4 + count]))
      }
      let count = word(at + 4)
      at += 8
      guard count <= bytes.count - at else {
        throw FormatError("an element of \(count) bytes at byte \(at - 8), the file has \(bytes.count - at) left; it is truncated")
      }
      let data = UnsafeRawBufferPointer(rebasing: bytes[at..<at + count])
      // Compressed elements are not padded.
      at = min(tag == 15 ? at + count : (at + count + 7) / 8 * 8, bytes.count)
      return (tag, data)
    }

    mutating func arrays() throws -> [(name: String, tensor: Tensor)] {
      var result: [(name: String, tensor: Tensor)] = []
      while at < bytes.count {
        let (type, data) = try element()
        if type == 15 {
          let unpacked = try inflate(data)
          try unpacked.withUnsafeBytes { inner in
            var reader = Reader(inner: inner, isBigEndian: isBigEndian)
            let (type, data) = try reader.element()
            if type == 14 { result += try matrix(data).map { [$0] } ?? [] }
          }
        } else if type == 14 {
          result += try matrix(data).map { [$0] } ?? []
        }
      }
      return result
    }

    private func inflate(_ data: UnsafeRawBufferPointer) throws -> [UInt8] {
      guard data.count >= 6 else { throw FormatError("a compressed element without data") }
      // The first bytes tell the size; deflate cannot reach more than 1032 times its input.
      var head = [UInt8](repeating: 0, count: 8)
      _ = ff_zlib_inflate(data.baseAddress!, data.count, &head, 8, 15)
      let size = head.withUnsafeBytes { Reader(inner: $0, isBigEndian: isBigEndian).word(4) } + 8
      guard size / 1040 <= data.count, size <= MatFile.sizeLimit else {
        throw FormatError("\(data.count) bytes cannot unpack to the \(size) claimed")
      }
      var out = [UInt8](repeating: 0, count: size)
      let got = ff_zlib_inflate(data.baseAddress!, data.count, &out, size, 15)
      guard got == Int64(size) else { throw FormatError("a compressed element is damaged") }
      return out
    }

    /// A numeric array; nil for cells, structures, text and sparse matrices.
    private func matrix(_ data: UnsafeRawBufferPointer) throws -> (name: String, tensor: Tensor)? {
      var reader = Reader(inner: data, isBigEndian: isBigEndian)
      let flags = try reader.element()
      guard flags.type == 6, flags.data.count == 8 else { throw FormatError("an array without flags") }
      let kind = Reader(inner: flags.data, isBigEndian: isBigEndian).word(0)
      let sizes = try reader.element()
      guard sizes.type == 5, sizes.data.count % 4 == 0, sizes.data.count >= 8 else { throw FormatError("an array without dims") }
      let sizeReader = Reader(inner: sizes.data, isBigEndian: isBigEndian)
      let dims = (0..<sizes.data.count / 4).map { sizeReader.word(4 * $0) }
      let name = String(decoding: try reader.element().data, as: UTF8.self)
      // Classes 6 to 15 are numbers; bit 11 marks complex ones.
      guard (6...15).contains(kind & 0xFF), kind & 0x800 == 0 else { return nil }
      let (type, values) = try reader.element()
      let widths = [1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8]
      guard let width = widths[type] else { throw FormatError("'\(name)' has numbers of the unknown type \(type)") }
      var count = 1
      for dim in dims {
        let (product, overflow) = count.multipliedReportingOverflow(by: dim)
        if overflow { throw FormatError("'\(name)' claims dims \(dims)") }
        count = product
      }
      guard dims.count <= 8, values.count == count * width else {
        throw FormatError("'\(name)' of dims \(dims) needs \(count) numbers of \(width) bytes, got \(values.count) bytes")
      }
      let flat = tensor(values, type, width, count)
      // MATLAB's first dim runs fastest.
      return (name, flat.reshape(Shape(dims.reversed())).permute(Array((0..<dims.count).reversed())))
    }

    private func tensor(_ data: UnsafeRawBufferPointer, _ type: Int, _ width: Int, _ count: Int) -> Tensor {
      func read<T: FixedWidthInteger>(_: T.Type) -> [T] {
        (0..<count).map { i in
          let raw = data.loadUnaligned(fromByteOffset: i * MemoryLayout<T>.size, as: T.self)
          return isBigEndian ? raw.bigEndian : raw.littleEndian
        }
      }
      switch type {
      case 2: return Tensor(Array(data), shape: [count])
      case 1: return Tensor(read(Int8.self).map(Int.init), shape: [count])
      case 3: return Tensor(read(Int16.self).map(Int.init), shape: [count])
      case 4: return Tensor(read(UInt16.self).map(Int.init), shape: [count])
      case 5: return Tensor(read(Int32.self).map(Int.init), shape: [count])
      case 6: return Tensor(read(UInt32.self).map(Int.init), shape: [count])
      case 7: return Tensor(read(UInt32.self).map { Double(Float(bitPattern: $0)) }, shape: [count])
      case 9: return Tensor(read(UInt64.self).map { Double(bitPattern: $0) }, shape: [count])
      case 12: return Tensor(read(Int64.self).map { Int($0) }, shape: [count])
      default: return Tensor(read(UInt64.self).map { Int(truncatingIfNeeded: $0) }, shape: [count])
      }
    }
  }
}
