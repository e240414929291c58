import CFirefinch
import FirefinchCore
import FirefinchTensor

/// Yann LeCun's IDX files, plain or gzipped, as MNIST and its relatives use them.
public enum IDX {
  /// Reads a file as a tensor of its dtype and shape. Throws `FileError` for a wrong magic number, sizes that do not match
  /// the data, or damage.
  public static func read(_ path: String) throws -> Tensor {
    let file = try MappedFile(path)
    let bytes = file.bytes
    if bytes.count >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B {
      return try parse(try gunzip(bytes, path), path)
    }
    return try parse(Array(bytes), path)
  }

  /// The uncompressed bytes. The size that gzip's last four bytes claim is checked against what deflate can reach.
  private static func gunzip(_ bytes: UnsafeRawBufferPointer, _ path: String) throws -> [UInt8] {
    guard bytes.count >= 18 else { throw FileError(path: path, message: "gzip: the file ends in its header") }
    let tail = bytes.count - 4
    let size = (0..<4).reduce(0) { $0 | Int(bytes[tail + $1]) << (8 * $1) }
    guard size / 1040 <= bytes.count else {
      throw FileError(path: path, message: "gzip: \(bytes.count) bytes cannot unpack to the \(size) claimed")
    }
    var out = [UInt8](repeating: 0, count: size)
    // zlib verifies the CRC and the length at the end of a gzip stream.
    let got = ff_zlib_inflate(bytes.baseAddress!, bytes.count, &out, size, 31)
    switch got {
    case Int64(size): return out
    case -1: throw FileError(path: path, message: "gzip: the data are damaged (bad code or checksum)")
    case -2: throw FileError(path: path, message: "gzip: more data than the \(size) bytes claimed")
    default: throw FileError(path: path, message: "gzip: the file is truncated")
    }
  }

  private static func parse(_ bytes: [UInt8], _ path: String) throws -> Tensor {
    func fail(_ message: String) -> FileError { FileError(path: path, message: "IDX: " + message) }
    guard bytes.count >= 4 else { throw fail("the file has \(bytes.count) bytes, too few for a header") }
    let types: [UInt8: DType] = [8: .uint8, 9: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64]
    guard bytes[0] == 0, bytes[1] == 0, let dtype = types[bytes[2]], bytes[3] > 0 else {
      let magic = bytes[..<4].map { String($0, radix: 16) }.joined(separator: " ")
      throw fail("wrong magic number \(magic), expected 0 0 <type 8 to e> <dims>")
    }
    let rank = Int(bytes[3])
    let start = 4 + 4 * rank
    guard bytes.count >= start else { throw fail("the file ends within the sizes of its \(rank) dims") }
    var shape = Shape()
    var count = 1
    for i in 0..<rank {
      let at = 4 + 4 * i
      let size = Int(bytes[at]) << 24 | Int(bytes[at + 1]) << 16 | Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
      shape.append(size)
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow { throw fail("sizes \(shape) are too large") }
      count = product
    }
    let (needed, overflow) = count.multipliedReportingOverflow(by: dtype.size)
    guard !overflow, bytes.count - start == needed else {
      throw fail("shape \(shape) needs \(needed) bytes of data, the file has \(bytes.count - start); it is truncated or not IDX")
    }
    guard Tensor.checkedCount(shape) != nil, rank <= 64 else { throw fail("sizes \(shape) are too large") }
    let result = Tensor(empty: shape, dtype: dtype)
    // Numbers are big-endian.
    let to = result.data.assumingMemoryBound(to: UInt8.self)
    let width = dtype.size
    if width == 1 {
      bytes.withUnsafeBytes { if count > 0 { result.data.copyMemory(from: $0.baseAddress! + start, byteCount: needed) } }
    } else {
      for i in 0..<count { for b in 0..<width { to[i * width + b] = bytes[start + i * width + width - 1 - b] } }
    }
    return result
  }
}
