import CFirefinchCodecs

/// GIF pictures (87a and 89a), by giflib.
public enum GIF {
  static let codec = Codec(name: "GIF", probe: ff_gif_probe, decode: ff_gif_decode)

  /// Whether the bytes begin like a GIF.
  public static func isGIF(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8)
  }

  /// Decodes the first frame on its screen: RGBA when one of its colours is transparent, otherwise RGB on the background colour.
  /// `path` is for messages. Throws `FileError`.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, path: String = "GIF", pixelLimit: Int = Image.pixelLimit
  ) throws -> Image {
    try codec.picture(bytes, path: path, pixelLimit: pixelLimit)
  }
}
