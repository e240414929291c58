/// BMP pictures of Windows and OS/2: 1, 4, 8, 16, 24 and 32 bits, bit fields, run lengths, rows upward or downward.
public enum BMP {
  /// Whether the bytes begin like a BMP.
  public static func isBMP(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: [0x42, 0x4D]) }

  /// Decodes a picture: RGB, or RGBA when the file has bits of alpha. `path` is for messages. Throws `FileError`.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, path: String = "BMP", pixelLimit: Int = Image.pixelLimit
  ) throws -> Image {
    let header = try BMPHeader(bytes, path: path, pixelLimit: pixelLimit)
    return try BMPReader(bytes: bytes, header: header, path: path).picture()
  }
}

/// What stands before the pixels.
struct BMPHeader {
  enum Compression: Int { case none = 0, runs8 = 1, runs4 = 2, fields = 3, alphaFields = 6 }

  /// Bits of one colour in a pixel.
  struct Field {
    var mask: UInt32
    var shift: Int { mask == 0 ? 0 : mask.trailingZeroBitCount }
    var top: UInt32 { mask >> UInt32(shift) }

    /// The field's bits of a pixel as 0 to 255; rounded down, as PIL does.
    func value(_ pixel: UInt32) -> UInt8 {
      top == 0 ? 0 : UInt8(truncatingIfNeeded: UInt64(pixel & mask) >> UInt64(shift) * 255 / UInt64(top))
    }
  }

  let width: Int
  let height: Int
  let bits: Int
  let isTopDown: Bool
  let compression: Compression
  /// Where the pixels begin.
  let start: Int
  /// Red, green, blue and perhaps alpha; empty for palettes and 24 bits.
  var fields: [Field] = []
  /// Red, green and blue of each entry.
  var palette: [UInt8] = []

  var channels: Int { fields.count == 4 ? 4 : 3 }
  /// Bytes of a row without run lengths: a multiple of 4.
  var stride: Int { (width * bits + 31) / 32 * 4 }

  init(_ bytes: UnsafeRawBufferPointer, path: String, pixelLimit: Int) throws {
    func fail(_ message: String) -> FileError { FileError(path: path, message: "BMP: " + message) }
    func number(_ at: Int, _ count: Int) throws -> Int {
      guard at >= 0, at <= bytes.count - count else {
        throw fail("the file ends at byte \(bytes.count), within its header")
      }
      return (0..<count).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }
    guard BMP.isBMP(bytes) else { throw fail("the file does not begin with BM") }
    start = try number(10, 4)
    let size = try number(14, 4)
    // The first header of OS/2 has sides of 16 bits and palette entries of 3 bytes.
    let isOld = size == 12
    guard isOld || (16...124).contains(size) else { throw fail("a header of \(size) bytes is not known") }
    let side = isOld ? 2 : 4
    width = isOld ? try number(18, 2) : Int(Int32(truncatingIfNeeded: try number(18, 4)))
    let rows = isOld ? try number(20, 2) : Int(Int32(truncatingIfNeeded: try number(22, 4)))
    (height, isTopDown) = (abs(rows), rows < 0)
    try Codec.check(width: width, height: height, pixelLimit: pixelLimit, name: "BMP", path: path)
    bits = try number(18 + 2 * side + 2, 2)
    let code = size >= 20 ? try number(30, 4) : 0
    guard let compression = Compression(rawValue: code) else { throw fail("compression \(code) is not supported") }
    self.compression = compression
    let allowed: [Int] =
      switch compression {
      case .none: [1, 4, 8, 16, 24, 32]
      case .runs8: [8]
      case .runs4: [4]
      case .fields, .alphaFields: [16, 32]
      }
    guard allowed.contains(bits) else { throw fail("\(bits) bits with compression \(code), expected \(allowed)") }

    var end = 14 + size
    if compression == .fields || compression == .alphaFields {
      // Masks are part of larger headers and follow the small one.
      let count = size >= 56 || compression == .alphaFields ? 4 : 3
      fields = try (0..<count).map { Field(mask: UInt32(try number(54 + 4 * $0, 4))) }
      if size == 40 { end += 4 * count }
    } else if bits == 16 {
      fields = [0x7C00, 0x3E0, 0x1F].map { Field(mask: $0) }
    } else if bits == 32 {
      fields = [0xFF_0000, 0xFF00, 0xFF].map { Field(mask: $0) }
    }
    if fields.last?.mask == 0 && fields.count == 4 { fields.removeLast() }
    if bits <= 8 {
      let claimed = size >= 36 ? try number(46, 4) : 0
      let entry = isOld ? 3 : 4
      // Some writers leave fewer entries than the bits allow, and say so only by where the pixels begin.
      let room = max(min(start, bytes.count) - end, 0) / entry
      let count = min(claimed == 0 ? 1 << bits : claimed, 1 << bits, room)
      guard count > 0 else { throw fail("the picture has no palette") }
      for i in 0..<count {
        for c in [2, 1, 0] { palette.append(bytes[end + i * entry + c]) }
      }
    }
    guard start >= 14 + size, start <= bytes.count else {
      throw fail("the pixels begin at byte \(start) of \(bytes.count), expected behind the header")
    }
  }
}

/// Reads the pixels.
private struct BMPReader {
  let bytes: UnsafeRawBufferPointer
  let header: BMPHeader
  let path: String

  private func fail(_ message: String) -> FileError { FileError(path: path, message: "BMP: " + message) }

  func picture() throws -> Image {
    let (width, height, channels) = (header.width, header.height, header.channels)
    let count = width * height * channels
    if header.compression == .runs8 || header.compression == .runs4 {
      let entries = try unpackRuns()
      let pixels = try [UInt8](unsafeUninitializedCapacity: count) { target, filled in
        for y in 0..<height {
          for x in 0..<width { try store(entries[y * width + x], target, at: (row(y) * width + x) * 3) }
        }
        filled = count
      }
      return Image(width: width, height: height, channels: channels, pixels: pixels)
    }
    guard header.stride * height <= bytes.count - header.start else {
      throw fail(
        "\(width) x \(height) pixels take \(header.stride * height) bytes, the file has \(bytes.count - header.start)")
    }
    let pixels = try [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      for y in 0..<height { try readRow(at: header.start + y * header.stride, target, to: row(y) * width * channels) }
      filled = count
    }
    return Image(width: width, height: height, channels: channels, pixels: pixels)
  }

  /// The picture's row that is stored as row `y`.
  private func row(_ y: Int) -> Int { header.isTopDown ? y : header.height - 1 - y }

  /// Colours of a palette entry.
  @inline(__always)
  private func store(_ entry: UInt8, _ target: UnsafeMutableBufferPointer<UInt8>, at: Int) throws {
    let from = Int(entry) * 3
    guard from < header.palette.count else {
      throw fail("palette entry \(entry) of \(header.palette.count / 3) does not exist")
    }
    for c in 0..<3 { target[at + c] = header.palette[from + c] }
  }

  private func readRow(at start: Int, _ target: UnsafeMutableBufferPointer<UInt8>, to first: Int) throws {
    let bits = header.bits
    var to = first
    switch bits {
    case 24:
      for x in 0..<header.width {
        for c in 0..<3 { target[to + c] = bytes[start + 3 * x + 2 - c] }
        to += 3
      }
    case 16, 32:
      for x in 0..<header.width {
        let at = start + x * bits / 8
        var pixel = UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8
        if bits == 32 { pixel |= UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24 }
        for field in header.fields {
          target[to] = field.value(pixel)
          to += 1
        }
      }
    default:
      for x in 0..<header.width {
        let bit = x * bits
        let entry = bytes[start + bit / 8] >> UInt8(8 - bits - bit % 8) & UInt8((1 << bits) - 1)
        try store(entry, target, at: to)
        to += 3
      }
    }
  }

  /// Palette entries of a picture with run lengths, in the file's order of rows. What the runs skip stays entry 0.
  private func unpackRuns() throws -> [UInt8] {
    let (width, height, isNibbles) = (header.width, header.height, header.compression == .runs4)
    var entries = [UInt8](repeating: 0, count: width * height)
    var (at, x, y) = (header.start, 0, 0)
    func next() throws -> Int {
      guard at < bytes.count else { throw fail("the run lengths end too early") }
      at += 1
      return Int(bytes[at - 1])
    }
    func put(_ entry: Int) throws {
      guard y < height else { throw fail("the run lengths hold more than \(height) rows") }
      // A run that is longer than its row is cut, as an odd row's last half byte must be.
      if x < width { entries[y * width + x] = UInt8(truncatingIfNeeded: entry) }
      x += 1
    }
    while true {
      let count = try next(), value = try next()
      if count > 0 {
        for i in 0..<count { try put(isNibbles ? (i % 2 == 0 ? value >> 4 : value & 15) : value) }
        continue
      }
      switch value {
      case 0: (x, y) = (0, y + 1)
      case 1: return entries
      case 2: (x, y) = (x + (try next()), y + (try next()))
      default:
        let start = at
        var pair = 0
        for i in 0..<value {
          if !isNibbles {
            try put(try next())
          } else {
            if i % 2 == 0 { pair = try next() }
            try put(i % 2 == 0 ? pair >> 4 : pair & 15)
          }
        }
        // Literal pixels fill whole 16-bit words.
        if (at - start) % 2 == 1 { _ = try next() }
      }
    }
  }
}
