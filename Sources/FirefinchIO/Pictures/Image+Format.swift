extension Image {
  /// Pictures larger than this are refused before any memory is taken, unless another limit is given.
  public static let pixelLimit = 1 << 28

  /// The formats that can be read.
  public enum Format: String, Sendable, CaseIterable {
    case png = "PNG"
    case jpeg = "JPEG"
    case webp = "WebP"
    case gif = "GIF"
    case bmp = "BMP"

    /// The format that a file's first bytes tell, or nil.
    public init?(_ bytes: UnsafeRawBufferPointer) {
      guard let format = Format.allCases.first(where: { $0.begins(bytes) }) else { return nil }
      self = format
    }

    private func begins(_ bytes: UnsafeRawBufferPointer) -> Bool {
      switch self {
      case .png: PNG.isPNG(bytes)
      case .jpeg: JPEG.isJPEG(bytes)
      case .webp: WebP.isWebP(bytes)
      case .gif: GIF.isGIF(bytes)
      case .bmp: BMP.isBMP(bytes)
      }
    }

    func decode(_ bytes: UnsafeRawBufferPointer, path: String, pixelLimit: Int) throws -> Image {
      switch self {
      case .png: try PNG.decode(bytes, path: path, pixelLimit: pixelLimit)
      case .jpeg: try JPEG.decode(bytes, path: path, pixelLimit: pixelLimit)
      case .webp: try WebP.decode(bytes, path: path, pixelLimit: pixelLimit)
      case .gif: try GIF.decode(bytes, path: path, pixelLimit: pixelLimit)
      case .bmp: try BMP.decode(bytes, path: path, pixelLimit: pixelLimit)
      }
    }
  }
}
