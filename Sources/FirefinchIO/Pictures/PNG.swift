import CFirefinch

/// PNG pictures (ISO/IEC 15948). Compression is zlib's; libpng itself is not linked, so that the executable runs where it is
/// not installed.
public enum PNG {
  /// Pictures larger than this are refused before any memory is taken.
  public static let pixelLimit = 1 << 28

  private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Reads a file. Throws `FileError` for anything that is not a whole, undamaged PNG.
  public static func read(_ path: String) throws -> Image {
    try MappedFile.read(path) { try decode($0, path: path) }
  }

  /// Whether the bytes begin like a PNG.
  public static func isPNG(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 8 && (0..<8).allSatisfy { bytes[$0] == signature[$0] }
  }

  /// Decodes a picture; `path` is for messages.
  public static func decode(_ bytes: UnsafeRawBufferPointer, path: String = "PNG") throws -> Image {
    var decoder = Decoder(path: path)
    try decoder.readChunks(bytes)
    return try decoder.picture()
  }

  /// Decodes a picture; `path` is for messages.
  public static func decode(_ bytes: [UInt8], path: String = "PNG") throws -> Image {
    try bytes.withUnsafeBytes { try decode($0, path: path) }
  }

  /// Encodes with 8 bits a sample, each row with the filter that looks best.
  public static func encode(_ image: Image) -> [UInt8] {
    let image = image.as8Bit
    let stride = image.width * image.channels
    var raw: [UInt8] = []
    raw.reserveCapacity((stride + 1) * image.height)
    var previous = [UInt8](repeating: 0, count: stride)
    for y in 0..<image.height {
      let row = Array(image.pixels[y * stride..<(y + 1) * stride])
      var best: (cost: Int, filter: UInt8, bytes: [UInt8])?
      for filter in 0..<5 {
        let filtered = apply(filter, row, previous, image.channels)
        let cost = filtered.reduce(0) { $0 + Int(Int8(bitPattern: $1).magnitude) }
        if cost < best?.cost ?? .max { best = (cost, UInt8(filter), filtered) }
      }
      raw.append(best!.filter)
      raw += best!.bytes
      previous = row
    }
    var compressed = [UInt8](repeating: 0, count: ff_zlib_bound(raw.count))
    let length = ff_zlib_deflate(raw, raw.count, &compressed, compressed.count, 15, 6)
    var out = signature
    let color: UInt8 = [0, 0, 4, 2, 6][image.channels]
    append("IHDR", big(image.width) + big(image.height) + [8, color, 0, 0, 0], to: &out)
    append("IDAT", Array(compressed[..<Int(length)]), to: &out)
    append("IEND", [], to: &out)
    return out
  }

  /// Encodes and writes a file, whole or not at all.
  public static func write(_ image: Image, to path: String) throws { try AtomicFile.write(path, bytes: encode(image)) }

  private static func big(_ value: Int) -> [UInt8] {
    [UInt8(value >> 24 & 255), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
  }

  private static func append(_ type: String, _ data: [UInt8], to out: inout [UInt8]) {
    let body = Array(type.utf8) + data
    out += big(data.count) + body + big(Int(ff_crc32(0, body, body.count)))
  }

  private static func apply(_ filter: Int, _ row: [UInt8], _ up: [UInt8], _ step: Int) -> [UInt8] {
    row.indices.map { i in
      let a = i >= step ? row[i - step] : 0, b = up[i], c = i >= step ? up[i - step] : 0
      return row[i] &- predict(filter, a, b, c)
    }
  }

  /// The value that a filter expects from the left, upper and upper-left neighbours.
  @inline(__always)
  fileprivate static func predict(_ filter: Int, _ a: UInt8, _ b: UInt8, _ c: UInt8) -> UInt8 {
    switch filter {
    case 1: return a
    case 2: return b
    case 3: return UInt8((Int(a) + Int(b)) / 2)
    case 4:
      let p = Int(a) + Int(b) - Int(c)
      let (pa, pb, pc) = (abs(p - Int(a)), abs(p - Int(b)), abs(p - Int(c)))
      return pa <= pb && pa <= pc ? a : pb <= pc ? b : c
    default: return 0
    }
  }

  // MARK: Decoding

  private struct Decoder {
    let path: String
    var width = 0
    var height = 0
    var depth = 0
    var color = 0
    var interlaced = false
    var palette: [UInt8] = []
    var transparency: [UInt8]?
    var data: [UInt8] = []

    init(path: String) { self.path = path }

    func fail(_ message: String) -> FileError { FileError(path: path, message: "PNG: " + message) }

    mutating func readChunks(_ bytes: UnsafeRawBufferPointer) throws {
      guard PNG.isPNG(bytes) else { throw fail("the file does not begin with PNG's signature") }
      var at = 8
      var seenHeader = false
      while true {
        guard bytes.count - at >= 12 else { throw fail("the file ends at byte \(bytes.count), before its end marker") }
        let length = number(bytes, at)
        guard length <= bytes.count - at - 12 else {
          throw fail("a chunk at byte \(at) claims \(length) bytes, the file has \(bytes.count - at - 12) left")
        }
        let type = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[at + 4..<at + 8]), as: UTF8.self)
        let body = UnsafeRawBufferPointer(rebasing: bytes[at + 8..<at + 8 + length])
        let crc = UInt32(number(bytes, at + 8 + length))
        if ff_crc32(0, bytes.baseAddress! + at + 4, length + 4) != crc {
          throw fail("the checksum of chunk \(type) at byte \(at) is wrong; the file is damaged")
        }
        if !seenHeader && type != "IHDR" { throw fail("the first chunk is \(type), expected IHDR") }
        switch type {
        case "IHDR":
          if seenHeader { throw fail("there are two headers") }
          seenHeader = true
          try header(body)
        case "PLTE": palette = Array(body)
        case "tRNS": transparency = Array(body)
        case "IDAT": data += body
        case "IEND":
          return
        default:
          // Capital first letter: a chunk without which the picture cannot be understood.
          if bytes[at + 4] & 0x20 == 0 { throw fail("chunk \(type) is needed for the picture but not known") }
        }
        at += 12 + length
      }
    }

    private func number(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
      Int(bytes[at]) << 24 | Int(bytes[at + 1]) << 16 | Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
    }

    private mutating func header(_ body: UnsafeRawBufferPointer) throws {
      guard body.count == 13 else { throw fail("the header has \(body.count) bytes, expected 13") }
      (width, height) = (number(body, 0), number(body, 4))
      (depth, color) = (Int(body[8]), Int(body[9]))
      guard width > 0, height > 0, width <= 1 << 24, height <= 1 << 24, width * height <= PNG.pixelLimit else {
        throw fail("\(width) x \(height) pixels are not between 1 and \(PNG.pixelLimit)")
      }
      let depths: [Int: [Int]] = [0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]]
      guard depths[color]?.contains(depth) == true else {
        throw fail("colour type \(color) with \(depth) bits is not allowed")
      }
      guard body[10] == 0, body[11] == 0, body[12] <= 1 else { throw fail("unknown compression, filter or interlace method") }
      interlaced = body[12] == 1
    }

    /// Samples a pixel in the file.
    private var samples: Int { [1, 0, 3, 1, 2, 0, 4][color] }

    /// Sub-pictures in the order of the file: start, step and size.
    private var passes: [(x: Int, y: Int, dx: Int, dy: Int, w: Int, h: Int)] {
      if !interlaced { return [(0, 0, 1, 1, width, height)] }
      // Adam7.
      let grid = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
      return grid.map { x, y, dx, dy in
        (x, y, dx, dy, (width - x + dx - 1) / dx, (height - y + dy - 1) / dy)
      }.filter { $0.w > 0 && $0.h > 0 }
    }

    func picture() throws -> Image {
      let bits = samples * depth
      let expected = passes.reduce(0) { $0 + ($1.w * bits + 7) / 8 * $1.h + $1.h }
      // A deflate stream cannot shrink by more than about 1:1032, so a small file cannot claim a large picture.
      guard expected / 1040 <= data.count else {
        throw fail("\(data.count) bytes of data cannot hold a picture of \(width) x \(height)")
      }
      var raw = [UInt8](repeating: 0, count: expected)
      let got = ff_zlib_inflate(data, data.count, &raw, raw.count, 15)
      switch got {
      case Int64(expected): break
      case -1: throw fail("the compressed data are damaged")
      case -2: throw fail("there are more pixels than \(width) x \(height)")
      default: throw fail("the compressed data end too early")
      }
      if color == 3 && (palette.isEmpty || palette.count % 3 != 0 || palette.count > 768) {
        throw fail("a palette of \(palette.count) bytes is not a palette")
      }
      return try assemble(&raw, bits)
    }

    /// Undoes the filters and spreads the samples into whole pixels.
    private func assemble(_ raw: inout [UInt8], _ bits: Int) throws -> Image {
      let step = max(bits / 8, 1)
      let stored = samples
      let hasKey = transparency != nil && color != 4 && color != 6
      let channels = color == 3 ? (hasKey ? 4 : 3) : stored + (hasKey ? 1 : 0)
      var out8 = [UInt8](repeating: 0, count: depth == 16 ? 0 : width * height * channels)
      var out16 = [UInt16](repeating: 0, count: depth == 16 ? width * height * channels : 0)
      let key: [Int]? = try hasKey && color != 3 ? keyColor() : nil
      var at = 0
      for pass in passes {
        let stride = (pass.w * bits + 7) / 8
        var previous = [UInt8](repeating: 0, count: stride)
        for row in 0..<pass.h {
          let filter = Int(raw[at])
          if filter > 4 { throw fail("row \(row) has the unknown filter \(filter)") }
          at += 1
          for i in 0..<stride {
            let a = i >= step ? raw[at + i - step] : 0, c = i >= step ? previous[i - step] : 0
            raw[at + i] = raw[at + i] &+ PNG.predict(filter, a, previous[i], c)
          }
          previous = Array(raw[at..<at + stride])
          for x in 0..<pass.w {
            let to = ((pass.y + row * pass.dy) * width + pass.x + x * pass.dx) * channels
            var values = [0, 0, 0, 0]
            for s in 0..<stored { values[s] = sample(raw, at, x * stored + s) }
            if color == 3 {
              guard values[0] * 3 + 2 < palette.count else { throw fail("palette entry \(values[0]) does not exist") }
              for s in 0..<3 { out8[to + s] = palette[values[0] * 3 + s] }
              if hasKey { out8[to + 3] = values[0] < transparency!.count ? transparency![values[0]] : 255 }
              continue
            }
            let isKey = key.map { k in (0..<stored).allSatisfy { values[$0] == k[$0] } } ?? false
            if depth == 16 {
              for s in 0..<stored { out16[to + s] = UInt16(values[s]) }
              if hasKey { out16[to + stored] = isKey ? 0 : 65535 }
            } else {
              let scale = 255 / ((1 << depth) - 1)
              for s in 0..<stored { out8[to + s] = UInt8(values[s] * scale) }
              if hasKey { out8[to + stored] = isKey ? 0 : 255 }
            }
          }
          at += stride
        }
      }
      if depth == 16 { return Image(width: width, height: height, channels: channels, pixels16: out16) }
      return Image(width: width, height: height, channels: channels, pixels: out8)
    }

    private func sample(_ raw: [UInt8], _ row: Int, _ index: Int) -> Int {
      switch depth {
      case 8: return Int(raw[row + index])
      case 16: return Int(raw[row + 2 * index]) << 8 | Int(raw[row + 2 * index + 1])
      default:
        let bit = index * depth
        return Int(raw[row + bit / 8]) >> (8 - depth - bit % 8) & ((1 << depth) - 1)
      }
    }

    private func keyColor() throws -> [Int] {
      guard let bytes = transparency, bytes.count == 2 * samples else {
        throw fail("the transparent colour has \(transparency?.count ?? 0) bytes, expected \(2 * samples)")
      }
      return (0..<samples).map { Int(bytes[2 * $0]) << 8 | Int(bytes[2 * $0 + 1]) }
    }
  }
}
