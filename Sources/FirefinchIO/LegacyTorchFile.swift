import FirefinchCore
import FirefinchTensor

/// The format of `torch.save` before PyTorch 1.6: pickles of a magic number, a version, the writer's machine, the
/// object and the storages' keys, then every storage's length and bytes. It has no checksums.
enum LegacyTorchFile {
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  /// Whether the bytes begin like such a file: a pickle whose first value is the magic number.
  static func isLegacy(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 14, bytes[0] == 0x80, bytes[1] <= 5 else { return false }
    // Later protocols put a frame's length in between.
    let start = bytes[2] == 0x95 ? 11 : 2
    guard bytes.count >= start + 12, bytes[start] == 0x8A, bytes[start + 1] == 10 else { return false }
    return (0..<10).allSatisfy { bytes[start + 2 + $0] == magic[$0] }
  }

  static func load(_ file: MappedFile) throws -> StateValue {
    let bytes = file.bytes
    guard isLegacy(bytes) else {
      if bytes.count >= 512, String(decoding: bytes[257..<262], as: UTF8.self) == "ustar" {
        throw FormatError("a tar archive of PyTorch before 0.2 is not supported; load and save it with a newer PyTorch")
      }
      throw FormatError(
        "this is not a file of torch.save: neither a zip archive nor PyTorch's magic number at its beginning")
    }
    var at = 0
    func pickle() throws -> (PickleGraph, Int) {
      let (graph, root, end) = try Unpickler.read(bytes, from: at)
      at = end
      return (graph, root)
    }
    _ = try pickle()
    let (version, versionRoot) = try pickle()
    guard case .int(1001) = version.nodes[versionRoot].kind else { throw FormatError("the version is not 1001") }
    let (machine, machineRoot) = try pickle()
    let isBigEndian =
      try machine.value(machineRoot) { _ in throw FormatError("a storage in the machine's description") }[
        "little_endian"]?.flag == false
    let (graph, root) = try pickle()
    let (list, listRoot) = try pickle()
    guard case .list = list.nodes[listRoot].kind else { throw FormatError("the list of storages is damaged") }

    var records: [String: PickleGraph.StorageRecord] = [:]
    for record in graph.storages {
      if let known = records[record.key], known.count != record.count || known.format != record.format {
        throw FormatError("storage '\(record.key)' is described in two ways")
      }
      records[record.key] = record
    }
    var storages: [String: Storage] = [:]
    for child in list.nodes[listRoot].children {
      guard case .string(let key) = list.nodes[child].kind, let record = records[key], storages[key] == nil else {
        throw FormatError("the list of storages names one that no tensor uses, or one twice")
      }
      guard bytes.count - at >= 8 else { throw FormatError("the file ends before storage '\(key)'") }
      let raw = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let count = isBigEndian ? raw.bigEndian : raw.littleEndian
      at += 8
      // Storages without type count their elements as bytes.
      guard count == UInt64(record.count) else {
        throw FormatError("storage '\(key)' has \(count) elements, \(record.count) are expected")
      }
      guard record.byteCount <= bytes.count - at else {
        throw FormatError(
          "storage '\(key)' needs \(record.byteCount) bytes, the file has \(bytes.count - at) left; it is truncated")
      }
      let storage = FileTensor.storage(UnsafeRawBufferPointer(rebasing: bytes[at..<at + record.byteCount]), owner: file)
      if isBigEndian {
        guard let format = record.format else {
          throw FormatError("a big-endian storage without dtype is not supported")
        }
        format.swapBytes(UnsafeMutableRawBufferPointer(start: storage.data, count: storage.byteCount))
      }
      storages[key] = storage
      at += record.byteCount
    }
    if at != bytes.count { throw FormatError("\(bytes.count - at) bytes too many after the last storage") }
    return try graph.value(root) { index in
      guard let storage = storages[graph.storages[index].key] else {
        throw FormatError("the data of storage '\(graph.storages[index].key)' are missing")
      }
      return storage
    }
  }
}
