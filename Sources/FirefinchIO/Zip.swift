import CFirefinch
import Foundation

/// Reads zip archives: stored and deflated entries, zip64; every checksum is verified.
package struct ZipReader {
  package struct Entry {
    package var name: String
    /// 0 stored, 8 deflated.
    var method: Int
    var crc: UInt32
    package var compressedSize: Int
    package var size: Int
    /// Of the local header, from the file's beginning.
    var headerOffset: Int
    /// Of the data.
    package var dataOffset = 0
  }

  /// An entry's bytes; valid as long as `owner` lives.
  package struct Payload {
    package let bytes: UnsafeRawBufferPointer
    package let owner: AnyObject
  }

  let file: MappedFile
  /// In the order of the directory.
  package private(set) var entries: [Entry] = []
  private var indices: [String: Int] = [:]

  /// Whether the bytes begin like a zip archive.
  static func isZip(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 4 && bytes[0] == 0x50 && bytes[1] == 0x4B
      && (bytes[2] == 3 && bytes[3] == 4 || bytes[2] == 5 && bytes[3] == 6)
  }

  /// Reads the directory. Throws `FileError` for anything damaged: entries that overlap or leave the file, names that
  /// appear twice, headers that contradict the directory.
  package init(_ file: MappedFile) throws {
    self.file = file
    defer { withExtendedLifetime(file) {} }
    let directory = try findDirectory()
    try readDirectory(directory)
    try checkLocalHeaders()
  }

  /// The entry of a name, or nil.
  package subscript(_ name: String) -> Entry? { indices[name].map { entries[$0] } }

  /// The bytes of an entry, its checksum verified. Stored entries are the file's own memory.
  package func read(_ entry: Entry) throws -> Payload {
    defer { withExtendedLifetime(file) {} }
    let packed = UnsafeRawBufferPointer(
      rebasing: file.bytes[entry.dataOffset..<entry.dataOffset + entry.compressedSize])
    var payload = Payload(bytes: packed, owner: file)
    if entry.method == 8 {
      // Deflate cannot shrink by more than about 1:1032: a small file cannot claim much memory.
      guard entry.size / 1040 <= entry.compressedSize else {
        throw fail("entry '\(entry.name)': \(entry.compressedSize) bytes cannot unpack to the \(entry.size) claimed")
      }
      let block = HeapBlock(count: entry.size)
      let got = ff_zlib_inflate(packed.baseAddress, packed.count, block.bytes.baseAddress, entry.size, -15)
      guard got == Int64(entry.size) else {
        throw fail("entry '\(entry.name)': the compressed data are damaged or do not have the size claimed")
      }
      payload = Payload(bytes: UnsafeRawBufferPointer(block.bytes), owner: block)
    }
    let crc = withExtendedLifetime(payload.owner) { ff_crc32(0, payload.bytes.baseAddress, payload.bytes.count) }
    guard crc == entry.crc else {
      throw fail("the checksum of entry '\(entry.name)' is wrong; the file is damaged")
    }
    return payload
  }

  private func fail(_ message: String) -> FileError { FileError(path: file.path, message: "zip: " + message) }

  // MARK: Little-endian numbers; callers have checked that they are inside the file

  private func u16(_ at: Int) -> Int { Int(file.bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self).littleEndian) }
  private func u32(_ at: Int) -> Int { Int(file.bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self).littleEndian) }
  private func u64(_ at: Int) throws -> Int {
    let value = file.bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
    guard value <= UInt64(Int.max) else { throw fail("the number \(value) at byte \(at) is too large") }
    return Int(value)
  }

  // MARK: The directory

  private struct Directory {
    var count: Int
    var size: Int
    var offset: Int
  }

  /// The end record is the last thing in the file, before a comment of at most 65535 bytes.
  private func findDirectory() throws -> Directory {
    let count = file.bytes.count
    var at = count - 22
    let lowest = max(0, count - 22 - 65535)
    while at >= lowest && !(u32(at) == 0x0605_4B50 && at + 22 + u16(at + 20) == count) { at -= 1 }
    guard at >= lowest else {
      throw fail("the end of the archive is missing; the file is truncated or not a zip archive")
    }
    guard u16(at + 4) == 0, u16(at + 6) == 0, u16(at + 8) == u16(at + 10) else {
      throw fail("archives in several parts are not supported")
    }
    var directory = Directory(count: u16(at + 10), size: u32(at + 12), offset: u32(at + 16))
    var end = at
    // The zip64 locator lies just before the end record.
    if at >= 20, u32(at - 20) == 0x0706_4B50 {
      let record = try u64(at - 20 + 8)
      guard record <= at - 20 - 56, u32(record) == 0x0606_4B50 else { throw fail("the zip64 end record is damaged") }
      guard u32(record + 16) == 0, u32(record + 20) == 0 else {
        throw fail("archives in several parts are not supported")
      }
      directory = Directory(count: try u64(record + 32), size: try u64(record + 40), offset: try u64(record + 48))
      end = record
    }
    guard directory.offset <= end, directory.size == end - directory.offset, directory.count <= directory.size / 46
    else {
      throw fail("the directory of \(directory.count) entries is damaged")
    }
    return directory
  }

  private mutating func readDirectory(_ directory: Directory) throws {
    var at = directory.offset
    let end = directory.offset + directory.size
    for i in 0..<directory.count {
      guard end - at >= 46, u32(at) == 0x0201_4B50 else { throw fail("entry \(i) of the directory is damaged") }
      let (flags, method) = (u16(at + 8), u16(at + 10))
      let (nameLength, extraLength, commentLength) = (u16(at + 28), u16(at + 30), u16(at + 32))
      guard end - at - 46 >= nameLength + extraLength + commentLength else {
        throw fail("entry \(i) of the directory is damaged")
      }
      let nameBytes = file.bytes[at + 46..<at + 46 + nameLength]
      guard let name = String(validating: nameBytes, as: UTF8.self) else {
        throw fail("entry \(i) has a name that is not UTF-8")
      }
      guard flags & 1 == 0 else { throw fail("entry '\(name)' is encrypted") }
      guard method == 0 || method == 8 else {
        throw fail("entry '\(name)' has compression method \(method), expected 0 (stored) or 8 (deflate)")
      }
      var entry = Entry(
        name: name, method: method, crc: UInt32(u32(at + 16)), compressedSize: u32(at + 20), size: u32(at + 24),
        headerOffset: u32(at + 42))
      try readZip64(&entry, at + 46 + nameLength, extraLength)
      guard method == 8 || entry.size == entry.compressedSize else {
        throw fail("entry '\(name)' is stored with two sizes, \(entry.size) and \(entry.compressedSize)")
      }
      guard entry.headerOffset <= directory.offset else { throw fail("entry '\(name)' lies outside the archive") }
      if indices.updateValue(entries.count, forKey: name) != nil { throw fail("entry '\(name)' is there twice") }
      entries.append(entry)
      at += 46 + nameLength + extraLength + commentLength
    }
    if at != end { throw fail("\(end - at) bytes too many in the directory") }
  }

  /// Numbers that do not fit 32 bits follow in an extra field, in this order and only those needed.
  private func readZip64(_ entry: inout Entry, _ start: Int, _ length: Int) throws {
    var at = start
    let end = start + length
    while end - at >= 4 {
      let (id, size) = (u16(at), u16(at + 2))
      at += 4
      guard size <= end - at else { return }
      if id == 1 {
        var from = at
        func next() throws -> Int {
          guard at + size - from >= 8 else { throw fail("the zip64 field of entry '\(entry.name)' is too short") }
          defer { from += 8 }
          return try u64(from)
        }
        if entry.size == 0xFFFF_FFFF { entry.size = try next() }
        if entry.compressedSize == 0xFFFF_FFFF { entry.compressedSize = try next() }
        if entry.headerOffset == 0xFFFF_FFFF { entry.headerOffset = try next() }
        return
      }
      at += size
    }
  }

  /// Finds where the data begin, and refuses entries that share bytes: a small file could else unpack to anything.
  private mutating func checkLocalHeaders() throws {
    let total = file.bytes.count
    for i in entries.indices {
      let entry = entries[i]
      let at = entry.headerOffset
      guard total - at >= 30, u32(at) == 0x0403_4B50 else {
        throw fail("the header of entry '\(entry.name)' is damaged")
      }
      let (nameLength, extraLength) = (u16(at + 26), u16(at + 28))
      let start = at + 30 + nameLength + extraLength
      guard start <= total, entry.compressedSize <= total - start else {
        throw fail("entry '\(entry.name)' of \(entry.compressedSize) bytes reaches beyond the file")
      }
      guard u16(at + 8) == entry.method, file.bytes[at + 30..<at + 30 + nameLength].elementsEqual(entry.name.utf8)
      else {
        throw fail("the header of entry '\(entry.name)' contradicts the directory")
      }
      entries[i].dataOffset = start
    }
    var end = 0
    for entry in entries.sorted(by: { $0.headerOffset < $1.headerOffset }) {
      guard entry.headerOffset >= end else { throw fail("entry '\(entry.name)' overlaps another one") }
      end = entry.dataOffset + entry.compressedSize
    }
  }
}
