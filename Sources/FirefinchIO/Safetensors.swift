import FirefinchCore
import FirefinchTensor
import Foundation

/// Hugging Face's safetensors files: eight bytes of length, a JSON header, then the tensors' bytes.
public enum Safetensors {
  /// Larger headers are refused, as the reference implementation does.
  public static let headerLimit = 100_000_000

  private static let names: [(String, DType)] = [
    ("F64", .float64), ("F32", .float32), ("F16", .float16), ("BF16", .bfloat16), ("I64", .int64), ("I32", .int32),
    ("I16", .int16), ("I8", .int8), ("U8", .uint8), ("BOOL", .bool), ("C64", .complex64),
  ]

  /// Whether the file begins like a safetensors file. Throws `FileError` when it cannot be read.
  public static func isSafetensors(_ path: String) throws -> Bool { try MappedFile.read(path) { isSafetensors($0) } }

  /// Whether the bytes begin like a safetensors file: a length that fits, then `{`.
  static func isSafetensors(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count > 8, bytes[8] == UInt8(ascii: "{") else { return false }
    let length = bytes.loadUnaligned(as: UInt64.self).littleEndian
    return length <= UInt64(headerLimit) && length <= UInt64(bytes.count - 8)
  }

  /// The tensors in the order of their data. They borrow the mapped file's memory: nothing is read before it is used,
  /// and writing to a tensor does not change the file. Throws `FileError` for anything that is not exactly right.
  public static func load(_ path: String) throws -> [(String, Tensor)] {
    let file = try MappedFile(path)
    let header = try Header(file)
    // Every tensor keeps the file mapped.
    return try header.entries.map { entry in
      let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
      let tensor = try FileTensor.make(
        bytes, owner: file, layout: Layout(contiguous: Shape(entry.shape)), dtype: entry.dtype, path: path,
        name: "'\(entry.name)'")
      return (entry.name, tensor)
    }
  }

  /// The header's `__metadata__`. Throws `FileError` for anything that is not exactly right.
  public static func metadata(_ path: String) throws -> [String: String] { try Header(try MappedFile(path)).metadata }

  /// Writes tensors, whole or not at all, larger element types first (so that all are aligned) and else in the order
  /// given. Throws `FileError`; tensors without data, repeated names and the name `__metadata__` are refused.
  public static func save(_ pairs: [(String, Tensor)], to path: String, metadata: [String: String] = [:]) throws {
    if pairs.contains(where: { $0.1.isPoisoned }) { return }
    var members: [JSONMember] = []
    if !metadata.isEmpty {
      let sorted = metadata.sorted { $0.key < $1.key }
      members.append(JSONMember("__metadata__", .record(sorted.map { ($0.key, .string($0.value)) })))
    }
    var seen: Set<String> = ["__metadata__"]
    let order = pairs.indices.sorted { a, b in
      let (x, y) = (pairs[a].1.dtype.size, pairs[b].1.dtype.size)
      return x != y ? x > y : a < b
    }
    var at = 0
    for i in order {
      let (name, tensor) = pairs[i]
      func fail(_ message: String) -> FileError { FileError(path: path, message: "safetensors: '\(name)' " + message) }
      if !seen.insert(name).inserted { throw fail("is there twice or reserved") }
      if tensor.device != .cpu { throw fail("is on \(tensor.device) and has no data to write") }
      guard let type = names.first(where: { $0.1 == tensor.dtype })?.0 else {
        throw fail("has dtype \(tensor.dtype.name), which safetensors does not know")
      }
      let end = at + tensor.elementCount * tensor.dtype.size
      members.append(
        JSONMember(
          name,
          .record([
            ("dtype", .string(type)), ("shape", .array(tensor.shape.map { .int($0) })),
            ("data_offsets", .array([.int(at), .int(end)])),
          ])))
      at = end
    }
    var header = Array(JSONValue.object(members).serialized.utf8)
    header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
    if header.count > headerLimit {
      throw FileError(
        path: path, message: "safetensors: a header of \(header.count) bytes, at most \(headerLimit) are allowed")
    }
    try AtomicFile.write(path) { out in
      try out.append((0..<8).map { UInt8(header.count >> (8 * $0) & 255) })
      try out.append(header)
      for i in order {
        let dense = pairs[i].1.detach().contiguous()
        try withExtendedLifetime(dense) {
          try out.append(UnsafeRawBufferPointer(start: dense.data, count: dense.elementCount * dense.dtype.size))
        }
      }
    }
  }

  /// A header that was found right.
  struct Header {
    struct Entry {
      var name: String
      var dtype: DType
      var shape: [Int]
      /// In the file.
      var range: Range<Int>
    }

    /// In the order of their data.
    var entries: [Entry] = []
    var metadata: [String: String] = [:]

    init(_ file: MappedFile) throws {
      defer { withExtendedLifetime(file) {} }
      let bytes = file.bytes
      func fail(_ message: String) -> FileError { FileError(path: file.path, message: "safetensors: " + message) }
      guard bytes.count >= 8 else { throw fail("the file has \(bytes.count) bytes, too few for a header") }
      let claimed = bytes.loadUnaligned(as: UInt64.self).littleEndian
      guard claimed <= UInt64(headerLimit), Int(claimed) <= bytes.count - 8 else {
        throw fail("the header claims \(claimed) bytes, the file has \(bytes.count - 8) after the length")
      }
      let start = 8 + Int(claimed)
      guard claimed > 0, bytes[8] == UInt8(ascii: "{") else { throw fail("the header does not begin with '{'") }
      let json: JSONValue
      do { json = try JSONValue.parse(UnsafeRawBufferPointer(rebasing: bytes[8..<start]), depthLimit: 8) } catch {
        throw fail("in the header, \(error.message) at byte \(error.offset)")
      }
      for member in json.members ?? [] {
        if member.name == "__metadata__" {
          guard let pairs = member.value.members else { throw fail("__metadata__ is not an object") }
          for pair in pairs {
            guard let text = pair.value.text else {
              throw fail("__metadata__ has '\(pair.name)', which is not a string")
            }
            metadata[pair.name] = text
          }
          continue
        }
        entries.append(try Header.entry(member, start: start, available: bytes.count - start, fail))
      }
      entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
      var at = start
      for entry in entries {
        guard entry.range.lowerBound == at else {
          throw fail(
            "the data of '\(entry.name)' begin at byte \(entry.range.lowerBound - start), expected \(at - start)")
        }
        at = entry.range.upperBound
      }
      if at != bytes.count { throw fail("the tensors end at byte \(at), the file at byte \(bytes.count)") }
    }

    private static func entry(
      _ member: JSONMember, start: Int, available: Int, _ fail: (String) -> FileError
    ) throws -> Entry {
      let name = member.name
      guard let type = member.value["dtype"]?.text, let sizes = member.value["shape"]?.elements,
        let offsets = member.value["data_offsets"]?.elements, offsets.count == 2, member.value.members?.count == 3
      else { throw fail("'\(name)' needs dtype, shape and two data_offsets") }
      guard let dtype = names.first(where: { $0.0 == type })?.1 else {
        throw fail("'\(name)' has the unknown dtype \(type)")
      }
      let shape = sizes.compactMap(\.integer)
      guard shape.count == sizes.count, shape.count <= 256, let count = Tensor.checkedCount(shape) else {
        throw fail("'\(name)' has a shape that is not possible: \(member.value["shape"]!.serialized.prefix(200))")
      }
      guard let begin = offsets[0].integer, let end = offsets[1].integer, begin >= 0, begin <= end, end <= available
      else {
        throw fail("'\(name)' has data_offsets outside the \(available) bytes of data")
      }
      guard end - begin == count * dtype.size else {
        throw fail(
          "'\(name)' of shape \(shape) and dtype \(type) needs \(count * dtype.size) bytes, it has \(end - begin)")
      }
      return Entry(name: name, dtype: dtype, shape: shape, range: start + begin..<start + end)
    }
  }
}
