import CFirefinchCodecs

/// WebP pictures, by libwebp.
public enum WebP {
  static let codec = Codec(name: "WebP", probe: ff_webp_probe, decode: ff_webp_decode)

  /// Whether the bytes begin like a WebP.
  public static func isWebP(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 12 && bytes.starts(with: "RIFF".utf8) && bytes[8..<12].elementsEqual("WEBP".utf8)
  }

  /// Decodes a lossy or lossless picture: RGB, or RGBA when there is alpha; of an animation the first frame on its transparent
  /// canvas, RGBA. `path` is for messages. Throws `FileError`.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, path: String = "WebP", pixelLimit: Int = Image.pixelLimit
  ) throws -> Image {
    try codec.picture(bytes, path: path, pixelLimit: pixelLimit)
  }
}
