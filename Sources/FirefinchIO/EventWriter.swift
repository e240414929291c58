import Foundation

/// TensorBoard event files: records with masked CRC-32C around hand-encoded protocol buffers (TensorFlow's `Event`).
public final class EventWriter {
  private let file: FileHandle
  private let path: String

  /// Opens a new event file in `logDir`. Throws when it cannot be made.
  public init(logDir: String) throws {
    let stamp = Int(Date().timeIntervalSince1970 * 1000)
    path = "\(logDir)/events.out.tfevents.\(stamp / 1000).firefinch.\(getpid()).\(stamp % 1000)"
    guard FileManager.default.createFile(atPath: path, contents: nil), let handle = FileHandle(forWritingAtPath: path) else {
      throw FileError(path: path, message: "the event file cannot be made: \(String(cString: strerror(errno)))")
    }
    file = handle
    try write(Message().double(1, Date().timeIntervalSince1970).string(3, "brain.Event:2"))
  }

  deinit { try? file.close() }

  /// A number at a step.
  public func addScalar(_ tag: String, _ value: Double, step: Int) throws {
    try add(Message().string(1, tag).float(2, Float(value)), step)
  }

  /// A PNG at a step.
  public func addImage(_ tag: String, png: [UInt8], width: Int, height: Int, channels: Int, step: Int) throws {
    let image = Message().varint(1, height).varint(2, width).varint(3, channels).bytes(4, png)
    try add(Message().string(1, tag).bytes(4, image.data), step)
  }

  private func add(_ value: Message, _ step: Int) throws {
    let summary = Message().bytes(1, value.data)
    try write(
      Message().double(1, Date().timeIntervalSince1970).varint(2, step).bytes(5, summary.data))
  }

  private func write(_ event: Message) throws {
    let length = EventWriter.little(UInt64(event.data.count), 8)
    let record = length + EventWriter.little(UInt64(CRC32C.masked(length)), 4) + event.data
      + EventWriter.little(UInt64(CRC32C.masked(event.data)), 4)
    do { try file.write(contentsOf: Data(record)) } catch {
      throw FileError(path: path, message: "the event could not be written: \(error.localizedDescription)")
    }
  }

  private static func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(value >> (8 * UInt64($0)) & 255) }
  }

  /// A protocol buffer being put together.
  private struct Message {
    var data: [UInt8] = []

    private static func varint(_ value: UInt64) -> [UInt8] {
      var rest = value
      var out: [UInt8] = []
      repeat {
        let low = UInt8(rest & 127)
        rest >>= 7
        out.append(rest > 0 ? low | 128 : low)
      } while rest > 0
      return out
    }

    private func field(_ number: Int, _ wire: Int, _ body: [UInt8]) -> Message {
      Message(data: data + Message.varint(UInt64(number << 3 | wire)) + body)
    }
    func varint(_ number: Int, _ value: Int) -> Message { field(number, 0, Message.varint(UInt64(bitPattern: Int64(value)))) }
    func double(_ number: Int, _ value: Double) -> Message { field(number, 1, EventWriter.little(value.bitPattern, 8)) }
    func float(_ number: Int, _ value: Float) -> Message {
      field(number, 5, EventWriter.little(UInt64(value.bitPattern), 4))
    }
    func bytes(_ number: Int, _ value: [UInt8]) -> Message { field(number, 2, Message.varint(UInt64(value.count)) + value) }
    func string(_ number: Int, _ value: String) -> Message { bytes(number, Array(value.utf8)) }
  }
}

/// The checksum of TensorFlow's record files (Castagnoli polynomial).
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { i in
    (0..<8).reduce(UInt32(i)) { c, _ in c & 1 == 1 ? 0x82F6_3B78 ^ (c >> 1) : c >> 1 }
  }

  static func of(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { table[Int(($0 ^ UInt32($1)) & 255)] ^ ($0 >> 8) }
  }

  /// Rotated and shifted, so that a checksum of data that contain checksums stays meaningful.
  static func masked(_ bytes: [UInt8]) -> UInt32 {
    let crc = of(bytes)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}
