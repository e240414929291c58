import CFirefinch
import FirefinchCore
import FirefinchTensor

/// NumPy's .npy arrays and .npz archives of them.
public enum Npy {
  /// Reads an .npy file. Throws `FileError` for anything damaged, and for object arrays, which would run code.
  public static func load(_ path: String) throws -> Tensor {
    let file = try MappedFile(path)
    return try decode(file.bytes, path: path)
  }

  /// Writes an .npy file (version 1.0, C order), whole or not at all.
  public static func save(_ tensor: Tensor, to path: String) throws { try AtomicFile.write(path, bytes: encode(tensor, path)) }

  /// Whether the bytes begin like an .npy file.
  public static func isNpy(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 6 && bytes[0] == 0x93 && String(decoding: bytes[1..<6], as: UTF8.self) == "NUMPY"
  }

  /// Decodes the bytes of an .npy file; `path` is for messages.
  public static func decode(_ bytes: UnsafeRawBufferPointer, path: String) throws -> Tensor {
    func fail(_ message: String) -> FileError { FileError(path: path, message: "npy: " + message) }
    guard isNpy(bytes), bytes.count >= 10 else { throw fail("the file does not begin with NumPy's signature") }
    let version = bytes[6]
    guard (1...3).contains(version) else { throw fail("version \(version) is not known, expected 1 to 3") }
    let sizeBytes = version == 1 ? 2 : 4
    guard bytes.count >= 8 + sizeBytes else { throw fail("the file ends in its header") }
    let length = (0..<sizeBytes).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
    let start = 8 + sizeBytes + length
    guard start <= bytes.count else { throw fail("the header claims \(length) bytes, more than the file has") }
    let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[8 + sizeBytes..<start]), as: UTF8.self)
    let header = try Header(text, fail)
    let count = try header.elementCount(fail)
    guard bytes.count - start >= count * header.width else {
      throw fail("shape \(header.shape) needs \(count * header.width) bytes, the file has \(bytes.count - start)")
    }
    guard bytes.count - start == count * header.width else {
      throw fail("\(bytes.count - start - count * header.width) bytes too many after the data")
    }
    let order = header.isFortran ? Shape(header.shape.reversed()) : header.shape
    let dense = Tensor.empty(order, dtype: header.dtype)
    let to = dense.data.assumingMemoryBound(to: UInt8.self)
    let width = header.width
    if count > 0 {
      dense.data.copyMemory(from: bytes.baseAddress! + start, byteCount: count * width)
      if header.isBigEndian && width > 1 {
        for i in 0..<count { for b in 0..<width / 2 { swap(&to[i * width + b], &to[i * width + width - 1 - b]) } }
      }
      if header.dtype == .bool { for i in 0..<count { to[i] = to[i] == 0 ? 0 : 1 } }
    }
    if !header.isFortran { return dense }
    return dense.permute(Array((0..<order.count).reversed())).contiguous()
  }

  /// The bytes of an .npy file.
  static func encode(_ tensor: Tensor, _ path: String) throws -> [UInt8] {
    let names: [DType: String] = [
      .float32: "<f4", .float64: "<f8", .float16: "<f2", .int8: "|i1", .int16: "<i2", .int32: "<i4", .int64: "<i8",
      .uint8: "|u1", .bool: "|b1",
    ]
    guard let name = names[tensor.dtype] else {
      throw FileError(path: path, message: "npy: NumPy has no dtype for \(tensor.dtype.name); convert to float32 first")
    }
    let sizes = tensor.shape.map(String.init).joined(separator: ", ") + (tensor.rank == 1 ? "," : "")
    var header = "{'descr': '\(name)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // The data begin at a multiple of 64.
    header += String(repeating: " ", count: (64 - (10 + header.utf8.count + 1) % 64) % 64) + "\n"
    var out: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    out += [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)] + Array(header.utf8)
    let dense = tensor.detach().contiguous()
    out += UnsafeRawBufferPointer(start: dense.data, count: dense.elementCount * dense.dtype.size)
    return out
  }

  /// The dictionary at the beginning of the file, read as a literal, never evaluated.
  private struct Header {
    var dtype = DType.float32
    var isBigEndian = false
    var isFortran = false
    var shape = Shape()
    var width: Int { dtype.size }

    init(_ text: String, _ fail: (String) -> FileError) throws {
      guard let descr = Header.value(text, "descr"), let order = Header.value(text, "fortran_order"),
        let shapeText = Header.value(text, "shape")
      else { throw fail("the header lacks descr, fortran_order or shape") }
      guard descr.count >= 4, descr.first == "'" || descr.first == "\"" else {
        throw fail("structured arrays are not supported, got dtype \(descr)")
      }
      let code = String(descr.dropFirst().dropLast())
      if code.contains("O") { throw fail("object arrays are refused: they would run code") }
      let types: [String: DType] = [
        "f2": .float16, "f4": .float32, "f8": .float64, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64,
        "u1": .uint8, "b1": .bool, "?": .bool,
      ]
      guard let type = types[String(code.drop { "<>|=".contains($0) })] else {
        throw fail("dtype \(code) is not supported")
      }
      dtype = type
      isBigEndian = code.first == ">"
      isFortran = order == "True"
      for part in shapeText.dropFirst().dropLast().split(separator: ",") {
        let trimmed = part.filter { $0 != " " && $0 != "L" }
        if trimmed.isEmpty { continue }
        guard let size = Int(trimmed), size >= 0 else { throw fail("'\(shapeText)' is not a shape") }
        shape.append(size)
        if shape.count > 64 { throw fail("more than 64 dims") }
      }
    }

    /// The text of a key's value: a quoted string, a tuple or a word.
    private static func value(_ text: String, _ key: String) -> String? {
      let bytes = Array(text)
      let needle = Array("'\(key)'")
      guard bytes.count > needle.count else { return nil }
      for start in 0...(bytes.count - needle.count) where Array(bytes[start..<start + needle.count]) == needle {
        var at = start + needle.count
        while at < bytes.count && (bytes[at] == ":" || bytes[at] == " ") { at += 1 }
        guard at < bytes.count else { return nil }
        let close: Character = bytes[at] == "(" ? ")" : bytes[at] == "'" ? "'" : ","
        var end = at + 1
        while end < bytes.count && bytes[end] != close && bytes[end] != "}" { end += 1 }
        guard end < bytes.count else { return nil }
        return String(bytes[at...(close == "," ? end - 1 : end)])
      }
      return nil
    }

    func elementCount(_ fail: (String) -> FileError) throws -> Int {
      var count = 1
      for size in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        if overflow || product > 1 << 48 { throw fail("shape \(shape) has too many elements") }
        count = product
      }
      return count
    }
  }
}
