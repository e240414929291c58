import FirefinchCore
import FirefinchTensor
import Foundation

extension StateValue {
  /// Reads a file of `torch.save`: zip archives (PyTorch 1.6 and later; tensors borrow the mapped file's memory) and
  /// the format before. No code is executed; names outside a short list are an error. Tensors of a GPU come to the CPU;
  /// tensors that shared memory do so again.
  ///
  /// Values that a state tree lacks become the nearest one that it has: sets are lists, bytes are uint8 tensors, dtypes
  /// (`torch.float32`) and devices are strings, whole numbers beyond 64 bits are doubles, NumPy's arrays are tensors.
  /// Throws `FileError`. Same as `torch.load(path, map_location="cpu", weights_only=True)`.
  public static func load(from path: String) throws -> StateValue {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    do {
      if ZipReader.isZip(file.bytes) { return try TorchFile.load(try ZipReader(file)) }
      return try LegacyTorchFile.load(file)
    } catch let error as FormatError {
      throw FileError(path: path, message: error.message)
    }
  }

  /// Writes a file that Python's `torch.load(path, weights_only=True)` opens, whole or not at all. A storage that
  /// several tensors share is written once. Throws `FileError`; a tensor without data is a mistake. Same as
  /// `torch.save`.
  public func save(to path: String) throws {
    if hasPoison { return }
    do { try TorchFile.save(self, to: path) } catch let error as FormatError {
      throw FileError(path: path, message: error.message)
    }
  }

  private var hasPoison: Bool {
    switch self {
    case .tensor(let tensor): tensor.isPoisoned
    case .list(let values), .tuple(let values): values.contains { $0.hasPoison }
    case .dict(let entries): entries.contains { $0.value.hasPoison }
    default: false
    }
  }

  /// Every tensor of the tree in order, under its path: keys and indices joined by dots, such as
  /// `optimizer.state.0.exp_avg`. A plain state dict keeps its keys.
  public var tensors: [(String, Tensor)] {
    leaves.compactMap { path, value in value.tensor.map { (path, $0) } }
  }

  /// The tensors of a dictionary's own entries, as a module's state dict; those of nested dictionaries are left out.
  public var stateDict: StateDict {
    StateDict((entries ?? []).compactMap { entry in entry.value.tensor.map { (entry.key.description, $0) } })
  }

  /// Every value that is not a container (empty containers too), under its path.
  package var leaves: [(String, StateValue)] {
    var result: [(String, StateValue)] = []
    func visit(_ value: StateValue, _ path: String) {
      func inner(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
      switch value {
      case .dict(let entries) where !entries.isEmpty: for entry in entries { visit(entry.value, inner("\(entry.key)")) }
      case .list(let elements) where !elements.isEmpty, .tuple(let elements) where !elements.isEmpty:
        for (i, element) in elements.enumerated() { visit(element, inner("\(i)")) }
      default: result.append((path, value))
      }
    }
    visit(self, "")
    return result
  }
}

/// The zip archives of `torch.save`: `NAME/data.pkl`, `NAME/data/KEY` for every storage, `NAME/byteorder`,
/// `NAME/version`.
enum TorchFile {
  static func load(_ archive: ZipReader) throws -> StateValue {
    let pickles = archive.entries.filter { $0.name.hasSuffix("/data.pkl") && $0.name.filter { $0 == "/" }.count == 1 }
    guard pickles.count == 1 else {
      throw FormatError(
        "a zip archive, but not one of torch.save: it has \(pickles.count) entries NAME/data.pkl, expected 1")
    }
    let prefix = String(pickles[0].name.dropLast("data.pkl".count))
    if archive[prefix + "constants.pkl"] != nil {
      throw FormatError("a TorchScript archive holds code, which is not run; save the state dict with torch.save")
    }
    var isBigEndian = false
    if let entry = archive[prefix + "byteorder"] {
      let payload = try archive.read(entry)
      switch withExtendedLifetime(payload.owner, { String(decoding: payload.bytes.prefix(16), as: UTF8.self) }) {
      case "little": break
      case "big": isBigEndian = true
      default: throw FormatError("the byte order is neither little nor big")
      }
    }
    let pickle = try archive.read(pickles[0])
    let (graph, root, end) = try withExtendedLifetime(pickle.owner) { try Unpickler.read(pickle.bytes) }
    guard end == pickle.bytes.count else {
      throw FormatError("\(pickle.bytes.count - end) bytes too many after the pickle")
    }
    // Also the entries that no tensor needs: a damaged file should not pass.
    for entry in archive.entries where !entry.name.hasPrefix(prefix + "data/") && entry.name != pickles[0].name {
      _ = try archive.read(entry)
    }
    var storages: [String: (storage: Storage, format: ElementFormat?)] = [:]
    let value = try graph.value(root) { index in
      let record = graph.storages[index]
      let known: Storage
      if let (storage, format) = storages[record.key] {
        if isBigEndian && format != record.format { throw FormatError("storage \(record.key) has two dtypes") }
        known = storage
      } else {
        guard let entry = archive[prefix + "data/" + record.key] else {
          throw FormatError("the data of storage '\(record.key)' are missing")
        }
        let payload = try archive.read(entry)
        known = withExtendedLifetime(payload.owner) { FileTensor.storage(payload.bytes, owner: payload.owner) }
        if isBigEndian {
          guard let format = record.format else {
            throw FormatError("a big-endian storage without dtype is not supported")
          }
          format.swapBytes(UnsafeMutableRawBufferPointer(start: known.data, count: known.byteCount))
        }
        storages[record.key] = (known, record.format)
      }
      guard known.byteCount >= record.byteCount else {
        throw FormatError("storage '\(record.key)' has \(known.byteCount) bytes, \(record.byteCount) are needed")
      }
      return known
    }
    for entry in archive.entries where entry.name.hasPrefix(prefix + "data/") {
      if storages[String(entry.name.dropFirst(prefix.count + 5))] == nil { _ = try archive.read(entry) }
    }
    return value
  }

  // MARK: Writing

  private static let storageTypes: [DType: String] = [
    .float32: "FloatStorage", .float64: "DoubleStorage", .float16: "HalfStorage", .bfloat16: "BFloat16Storage",
    .int8: "CharStorage", .int16: "ShortStorage", .int32: "IntStorage", .int64: "LongStorage", .uint8: "ByteStorage",
    .bool: "BoolStorage", .complex32: "ComplexHalfStorage", .complex64: "ComplexFloatStorage", .complex128: "ComplexDoubleStorage",
  ]

  private struct StorageKey: Hashable {
    let storage: ObjectIdentifier
    let dtype: DType
  }

  static func save(_ value: StateValue, to path: String) throws {
    var keys: [StorageKey: Int] = [:]
    var storages: [(storage: Storage, count: Int)] = []
    let pickle = try Pickler.write(value) { tensor in
      guard tensor.device == .cpu else { throw FormatError("a tensor on \(tensor.device) has no data to write") }
      let key = StorageKey(storage: ObjectIdentifier(tensor.storage), dtype: tensor.dtype)
      let index = keys[key] ?? storages.count
      if index == storages.count {
        keys[key] = index
        storages.append((tensor.storage, tensor.storage.byteCount / tensor.dtype.size * tensor.dtype.size))
      }
      return Pickler.StorageName(
        key: "\(index)", type: storageTypes[tensor.dtype]!, count: storages[index].count / tensor.dtype.size)
    }
    let name = archiveName(path)
    try AtomicFile.write(path) { out in
      var archive = ZipWriter(out, path: path)
      try archive.add("\(name)/data.pkl", pickle)
      try archive.add("\(name)/byteorder", Array("little".utf8))
      for (index, entry) in storages.enumerated() {
        let bytes = UnsafeRawBufferPointer(start: entry.storage.data, count: entry.count)
        try withExtendedLifetime(entry.storage) { try archive.add("\(name)/data/\(index)", bytes) }
      }
      try archive.add("\(name)/version", Array("3\n".utf8))
      try archive.add("\(name)/.data/serialization_id", Array(identifier(archive.checksums).utf8))
      try archive.finish()
    }
  }

  /// The folder inside the archive: the file's name without extension, as torch.save takes it, when it is plain.
  private static func archiveName(_ path: String) -> String {
    let last = path.split(separator: "/").last.map(String.init) ?? ""
    let stem = last.lastIndex(of: ".").map { $0 == last.startIndex ? last : String(last[..<$0]) } ?? last
    let isPlain =
      !stem.isEmpty && stem != "." && stem != ".." && stem.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x5C }
    return isPlain ? stem : "archive"
  }

  /// Forty digits that depend on the content only.
  private static func identifier(_ checksums: [UInt32]) -> String {
    var (a, b): (UInt64, UInt64) = (0xCBF2_9CE4_8422_2325, 0x9E37_79B9_7F4A_7C15)
    for sum in checksums {
      a = (a ^ UInt64(sum)) &* 0x100_0000_01B3
      b = (b &+ UInt64(sum)) &* 0xBF58_476D_1CE4_E5B9
    }
    func digits(_ value: UInt64) -> String {
      let text = "\(value)"
      return String(repeating: "0", count: 20 - text.count) + text
    }
    return digits(a) + digits(b)
  }
}
