import CFirefinchCodecs

/// JPEG pictures (ITU-T T.81), by libjpeg-turbo.
public enum JPEG {
  static let codec = Codec(name: "JPEG", probe: ff_jpeg_probe, decode: ff_jpeg_decode)

  /// Whether the bytes begin like a JPEG.
  public static func isJPEG(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: [0xFF, 0xD8, 0xFF]) }

  /// Decodes a baseline or progressive picture as it lies in the file, without turning it by its orientation: grey, or RGB; CMYK
  /// becomes RGB as in PIL. `path` is for messages. Throws `FileError`, also for pictures that end early or are damaged, which
  /// libjpeg would fill with grey.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, path: String = "JPEG", pixelLimit: Int = Image.pixelLimit
  ) throws -> Image {
    try codec.picture(bytes, path: path, pixelLimit: pixelLimit)
  }

  /// Decodes a picture; `path` is for messages.
  public static func decode(_ bytes: [UInt8], path: String = "JPEG") throws -> Image {
    try bytes.withUnsafeBytes { try decode($0, path: path) }
  }

  /// Encodes with 8 bits a sample, colour at half resolution. Throws `FileError` for pictures with alpha, which JPEG has not, and
  /// for sides over 65500. Same as `torchvision.io.encode_jpeg`.
  ///
  /// - Parameter quality: 1 (small) to 100 (fine).
  public static func encode(_ image: Image, quality: Int = 75) throws -> [UInt8] {
    if !(1...100).contains(quality) { fatalError("JPEG.encode: quality is \(quality), expected 1 to 100") }
    guard image.channels == 1 || image.channels == 3 else {
      throw FileError(
        path: "JPEG",
        message: "a picture of \(image.channels) channels has alpha, which JPEG has not; use converted(to: .rgb)")
    }
    return try Codec.encode(image.as8Bit, name: "JPEG") { ff_jpeg_encode($0, $1, Int32(quality), $2, $3, $4) }
  }

  /// Encodes and writes a file, whole or not at all. Throws `FileError`.
  public static func write(_ image: Image, to path: String, quality: Int = 75) throws {
    try AtomicFile.write(path, bytes: encode(image, quality: quality))
  }
}
