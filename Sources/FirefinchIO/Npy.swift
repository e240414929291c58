import CFirefinch
import FirefinchCore
import FirefinchTensor

/// NumPy's .npy arrays and .npz archives of them.
public enum Npy {
  /// Reads an .npy file. Throws `FileError` for anything damaged, and for object arrays, which would run code.
  public static func load(_ path: String) throws -> Tensor {
    try MappedFile.read(path) { try decode($0, path: path) }
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
    guard length <= 1 << 16 else { throw fail("a header of \(length) bytes, at most 65536 are read") }
    let start = 8 + sizeBytes + length
    guard start <= bytes.count else { throw fail("the header claims \(length) bytes, more than the file has") }
    let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[8 + sizeBytes..<start]), as: UTF8.self)
    let header = try Header(text, fail)
    do {
      return try header.format.array(
        UnsafeRawBufferPointer(rebasing: bytes[start...]), shape: header.shape, isBigEndian: header.isBigEndian,
        isFortran: header.isFortran)
    } catch { throw fail(error.message) }
  }

  /// The bytes of an .npy file.
  static func encode(_ tensor: Tensor, _ path: String) throws -> [UInt8] {
    let names: [DType: String] = [
      .float32: "<f4", .float64: "<f8", .float16: "<f2", .int8: "|i1", .int16: "<i2", .int32: "<i4", .int64: "<i8",
      .uint8: "|u1", .bool: "|b1", .complex64: "<c8", .complex128: "<c16",
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
    var format = ElementFormat.native(.float32)
    var isBigEndian = false
    var isFortran = false
    var shape: [Int] = []

    init(_ text: String, _ fail: (String) -> FileError) throws {
      guard let descr = Header.value(text, "descr"), let order = Header.value(text, "fortran_order"),
        let shapeText = Header.value(text, "shape")
      else { throw fail("the header lacks descr, fortran_order or shape") }
      guard descr.count >= 4, descr.first == "'" || descr.first == "\"" else {
        throw fail("structured arrays are not supported, got dtype \(descr)")
      }
      let code = String(descr.dropFirst().dropLast())
      if code.contains("O") { throw fail("object arrays are refused: they would run code") }
      guard let known = ElementFormat(numpy: code.drop { "<>|=".contains($0) }) else {
        throw fail("dtype \(code) is not supported")
      }
      format = known
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
  }
}
