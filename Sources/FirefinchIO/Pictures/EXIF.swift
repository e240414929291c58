/// The orientation that cameras write into a picture's EXIF block (JEITA CP-3451): how the stored rows are to be turned for
/// display.
public enum EXIF {
  /// The orientation, 1 to 8, of a JPEG, PNG or WebP file; 1 (as stored) when there is none or the block is damaged, which is no
  /// reason to refuse a picture.
  public static func orientation(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let format = Format(bytes), let block = block(of: bytes, format) else { return 1 }
    return orientation(inBlock: block) ?? 1
  }

  private typealias Format = Image.Format

  private static func block(of bytes: UnsafeRawBufferPointer, _ format: Format) -> UnsafeRawBufferPointer? {
    switch format {
    case .jpeg: jpegBlock(bytes)
    case .png: pngBlock(bytes)
    case .webp: webpBlock(bytes)
    case .gif, .bmp: nil
    }
  }

  private static let head: [UInt8] = Array("Exif\0\0".utf8)

  private static func slice(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }

  /// Segments before the first scan; EXIF is an APP1 that begins with its name.
  private static func jpegBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var at = 2
    while at + 4 <= bytes.count, bytes[at] == 0xFF {
      let marker = bytes[at + 1]
      // Fill bytes and marks without a length.
      if marker == 0xFF || marker == 0x01 || (0xD0...0xD8).contains(marker) {
        at += marker == 0xFF ? 1 : 2
        continue
      }
      let end = at + 2 + Int(bytes[at + 2]) << 8 + Int(bytes[at + 3])
      guard marker != 0xDA, marker != 0xD9, end >= at + 4, end <= bytes.count else { return nil }
      let body = slice(bytes, at + 4, end)
      if marker == 0xE1, body.starts(with: head) { return slice(body, head.count, body.count) }
      at = end
    }
    return nil
  }

  private static func pngBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    let big = { (at: Int) in (0..<4).reduce(0) { $0 << 8 | Int(bytes[at + $1]) } }
    var at = 8
    while at + 12 <= bytes.count {
      let length = big(at)
      guard length <= bytes.count - at - 12 else { return nil }
      if bytes[at + 4..<at + 8].elementsEqual("eXIf".utf8) { return slice(bytes, at + 8, at + 8 + length) }
      at += 12 + length
    }
    return nil
  }

  private static func webpBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var at = 12
    while at + 8 <= bytes.count {
      let length = (0..<4).reduce(0) { $0 | Int(bytes[at + 4 + $1]) << (8 * $1) }
      guard length <= bytes.count - at - 8 else { return nil }
      if bytes[at..<at + 4].elementsEqual("EXIF".utf8) {
        let body = slice(bytes, at + 8, at + 8 + length)
        return body.starts(with: head) ? slice(body, head.count, length) : body
      }
      at += 8 + length + length % 2
    }
    return nil
  }

  /// The tag of the first directory of a TIFF block, of either byte order; nil when there is none.
  package static func orientation(inBlock block: UnsafeRawBufferPointer) -> Int? {
    guard block.count >= 8 else { return nil }
    let isLittle: Bool
    switch (block[0], block[1]) {
    case (0x49, 0x49): isLittle = true
    case (0x4D, 0x4D): isLittle = false
    default: return nil
    }
    func number(_ at: Int, _ count: Int) -> Int? {
      guard at >= 0, at <= block.count - count else { return nil }
      return (0..<count).reduce(0) { $0 << 8 | Int(block[at + (isLittle ? count - 1 - $1 : $1)]) }
    }
    let shortTag = 3, longTag = 4
    guard number(2, 2) == 42, let directory = number(4, 4), let entries = number(directory, 2) else { return nil }
    for entry in 0..<entries {
      let at = directory + 2 + 12 * entry
      guard let tag = number(at, 2), let type = number(at + 2, 2), let count = number(at + 4, 4) else { return nil }
      guard tag == 0x0112 else { continue }
      guard count == 1, type == shortTag || type == longTag else { return nil }
      return number(at + 8, type == shortTag ? 2 : 4).flatMap { (1...8).contains($0) ? $0 : nil }
    }
    return nil
  }
}

extension Image {
  /// The picture turned upright: `orientation` is EXIF's, 1 (as it is) to 8. Same as `PIL.ImageOps.exif_transpose`.
  public func upright(orientation: Int) -> Image {
    guard (2...8).contains(orientation) else { return self }
    return bitDepth == 16
      ? Image(
        width: orientation > 4 ? height : width, height: orientation > 4 ? width : height, channels: channels,
        pixels16: turned(pixels16, orientation))
      : Image(
        width: orientation > 4 ? height : width, height: orientation > 4 ? width : height, channels: channels,
        pixels: turned(pixels, orientation))
  }

  private func turned<Sample>(_ samples: [Sample], _ orientation: Int) -> [Sample] {
    // Where the first pixel comes from, and the steps right and down.
    let mirrored = [2, 3, 7, 8].contains(orientation), upended = [3, 4, 6, 7].contains(orientation)
    let (column, row) = (mirrored ? -channels : channels, upended ? -width * channels : width * channels)
    let start = (mirrored ? (width - 1) * channels : 0) + (upended ? (height - 1) * width * channels : 0)
    let (right, down) = orientation > 4 ? (row, column) : (column, row)
    let (columns, rows) = orientation > 4 ? (height, width) : (width, height)
    let channels = self.channels
    return samples.withUnsafeBufferPointer { source in
      [Sample](unsafeUninitializedCapacity: source.count) { target, filled in
        var to = 0
        for y in 0..<rows {
          var from = start + y * down
          for _ in 0..<columns {
            for c in 0..<channels { (target.baseAddress! + to + c).initialize(to: source[from + c]) }
            to += channels
            from += right
          }
        }
        filled = to
      }
    }
  }
}
