import CFirefinchCodecs

/// PNG pictures (ISO/IEC 15948), by libpng.
public enum PNG {
  /// Pictures larger than this are refused before any memory is taken.
  public static let pixelLimit = Image.pixelLimit

  private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
  static let codec = Codec(name: "PNG", probe: ff_png_probe, decode: ff_png_decode)

  /// Reads a file. Throws `FileError` for anything that is not a whole, undamaged PNG.
  public static func read(_ path: String) throws -> Image {
    try MappedFile.read(path) { try decode($0, path: path) }
  }

  /// Whether the bytes begin like a PNG.
  public static func isPNG(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: signature) }

  /// Decodes a picture of any colour type: palettes become RGB, a transparent colour becomes alpha, fewer than 8 bits become 8.
  /// `path` is for messages. Throws `FileError`.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, path: String = "PNG", pixelLimit: Int = PNG.pixelLimit
  ) throws -> Image {
    guard isPNG(bytes) else {
      throw FileError(path: path, message: "PNG: the file does not begin with PNG's signature")
    }
    let header = try codec.header(bytes, path: path, pixelLimit: pixelLimit)
    // zlib shrinks by at most 1:1032, so a small file cannot claim a large picture; a pixel takes at least a bit.
    let (width, height) = (Int(header.width), Int(header.height))
    guard width * height / 8 / 1040 <= bytes.count else {
      throw FileError(path: path, message: "PNG: \(bytes.count) bytes cannot hold a picture of \(width) x \(height)")
    }
    return try codec.picture(bytes, path: path, pixelLimit: pixelLimit)
  }

  /// Decodes a picture; `path` is for messages.
  public static func decode(_ bytes: [UInt8], path: String = "PNG") throws -> Image {
    try bytes.withUnsafeBytes { try decode($0, path: path) }
  }

  /// Encodes with the picture's 8 or 16 bits a sample. Same as `torchvision.io.encode_png` with `compression_level`.
  ///
  /// - Parameter compressionLevel: 0 (none) to 9 (smallest).
  public static func encode(_ image: Image, compressionLevel: Int = 6) -> [UInt8] {
    do { return try encoded(image, compressionLevel) } catch { fatalError("PNG.encode: \(error)") }
  }

  private static func encoded(_ image: Image, _ level: Int) throws -> [UInt8] {
    if !(0...9).contains(level) { fatalError("PNG.encode: compressionLevel is \(level), expected 0 to 9") }
    return try Codec.encode(image, name: "PNG") { ff_png_encode($0, $1, Int32(level), $2, $3, $4) }
  }

  /// Encodes and writes a file, whole or not at all. Throws `FileError`.
  public static func write(_ image: Image, to path: String, compressionLevel: Int = 6) throws {
    try AtomicFile.write(path, bytes: encoded(image, compressionLevel))
  }
}
