import CFirefinch

/// Writes a zip archive piece by piece: payloads begin at multiples of 64, as PyTorch's do, so that they can be mapped.
package struct ZipWriter {
  private struct Record {
    var name: [UInt8]
    var method: Int
    var crc: UInt32
    var compressedSize: Int
    var size: Int
    var offset: Int
  }

  private let out: AtomicFile.Output
  private let path: String
  private var records: [Record] = []
  /// Numbers from here on are written as zip64; lower only in tests.
  package var zip64From = 0xFFFF_FFFF

  package init(_ out: AtomicFile.Output, path: String) {
    self.out = out
    self.path = path
  }

  /// The checksums of what was written, in order.
  var checksums: [UInt32] { records.map(\.crc) }

  /// Adds an entry. Throws `FileError`.
  package mutating func add(_ name: String, _ bytes: UnsafeRawBufferPointer, compressed: Bool = false) throws {
    var packed = bytes
    var block: HeapBlock?
    if compressed {
      let room = HeapBlock(count: ff_zlib_bound(bytes.count))
      let got = ff_zlib_deflate(bytes.baseAddress, bytes.count, room.bytes.baseAddress, room.bytes.count, -15, 6)
      guard got >= 0 else { throw FileError(path: path, message: "zip: entry '\(name)' could not be compressed") }
      packed = UnsafeRawBufferPointer(start: room.bytes.baseAddress, count: Int(got))
      block = room
    }
    let record = Record(
      name: Array(name.utf8), method: compressed ? 8 : 0, crc: ff_crc32(0, bytes.baseAddress, bytes.count),
      compressedSize: packed.count, size: bytes.count, offset: out.count)
    guard record.name.count <= 0xFFFF else {
      throw FileError(path: path, message: "zip: the name '\(name)' is too long")
    }
    try out.append(localHeader(record))
    try withExtendedLifetime(block) { try out.append(packed) }
    records.append(record)
  }

  /// Adds an entry. Throws `FileError`.
  package mutating func add(_ name: String, _ bytes: [UInt8], compressed: Bool = false) throws {
    try bytes.withUnsafeBytes { try add(name, $0, compressed: compressed) }
  }

  /// Writes the directory; nothing may follow.
  package func finish() throws {
    let start = out.count
    for record in records { try out.append(directoryEntry(record)) }
    let size = out.count - start
    let isLarge = records.count >= 0xFFFF || size >= zip64From || start >= zip64From
    if isLarge {
      let record = out.count
      try out.append(
        le(0x0606_4B50, 4) + le(44, 8) + le(45, 2) + le(45, 2) + le(0, 4) + le(0, 4) + le(records.count, 8)
          + le(records.count, 8) + le(size, 8) + le(start, 8))
      try out.append(le(0x0706_4B50, 4) + le(0, 4) + le(record, 8) + le(1, 4))
    }
    let count = isLarge ? 0xFFFF : records.count
    try out.append(
      le(0x0605_4B50, 4) + le(0, 4) + le(count, 2) + le(count, 2) + le(isLarge ? 0xFFFF_FFFF : size, 4)
        + le(isLarge ? 0xFFFF_FFFF : start, 4) + le(0, 2))
  }

  private func le(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// What the local header and the directory have in common. The date is the first that zip can name: equal content
  /// gives equal files.
  private func common(_ record: Record, isLarge: Bool) -> [UInt8] {
    le(isLarge ? 45 : 20, 2) + le(0x0800, 2) + le(record.method, 2) + le(0, 2) + le(0x21, 2) + le(Int(record.crc), 4)
      + le(isLarge ? 0xFFFF_FFFF : record.compressedSize, 4) + le(isLarge ? 0xFFFF_FFFF : record.size, 4)
      + le(record.name.count, 2)
  }

  private func hasLargeSize(_ record: Record) -> Bool { record.size >= zip64From || record.compressedSize >= zip64From }

  private func localHeader(_ record: Record) -> [UInt8] {
    let isLarge = hasLargeSize(record)
    var extra = isLarge ? le(1, 2) + le(16, 2) + le(record.size, 8) + le(record.compressedSize, 8) : []
    // A field of padding, at least its own header of four bytes.
    let unpadded = record.offset + 30 + record.name.count + extra.count + 4
    let padding = (64 - unpadded % 64) % 64
    extra += le(0x4246, 2) + le(padding, 2) + [UInt8](repeating: 0x5A, count: padding)
    return le(0x0403_4B50, 4) + common(record, isLarge: isLarge) + le(extra.count, 2) + record.name + extra
  }

  private func directoryEntry(_ record: Record) -> [UInt8] {
    let isLarge = hasLargeSize(record)
    let isFar = record.offset >= zip64From
    var numbers: [UInt8] = []
    if isLarge { numbers += le(record.size, 8) + le(record.compressedSize, 8) }
    if isFar { numbers += le(record.offset, 8) }
    let extra = numbers.isEmpty ? [] : le(1, 2) + le(numbers.count, 2) + numbers
    return le(0x0201_4B50, 4) + le(45, 2) + common(record, isLarge: isLarge) + le(extra.count, 2) + le(0, 2) + le(0, 2)
      + le(0, 2) + le(0, 4) + le(isFar ? 0xFFFF_FFFF : record.offset, 4) + record.name + extra
  }
}
