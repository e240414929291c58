import FirefinchCore
import FirefinchTensor

extension Image {
  /// How many channels a picture is read with. Same as `torchvision.io.ImageReadMode`.
  public enum Mode: Sendable {
    /// As the file has them; palettes become RGB or RGBA.
    case unchanged
    case grey, greyAlpha, rgb, rgba

    /// 1 to 4; nil for `unchanged`.
    public var channels: Int? {
      switch self {
      case .unchanged: nil
      case .grey: 1
      case .greyAlpha: 2
      case .rgb: 3
      case .rgba: 4
      }
    }
  }

  /// Reads a picture of any format known here; which one is told by the first bytes, not by the name. Throws `FileError` for
  /// anything that is not a whole, undamaged picture, and for pictures of more than `pixelLimit` pixels, for which no memory is
  /// taken.
  ///
  /// Pictures are turned upright by their EXIF orientation. `torchvision.io.decode_image` does that only when asked to:
  /// `applyExifOrientation: false` is its default.
  public static func read(
    _ path: String, mode: Mode = .unchanged, applyExifOrientation: Bool = true, pixelLimit: Int = Image.pixelLimit
  ) throws -> Image {
    try MappedFile.read(path) {
      try decode($0, mode: mode, applyExifOrientation: applyExifOrientation, pixelLimit: pixelLimit, path: path)
    }
  }

  /// Decodes a picture as `read` does; `path` is for messages.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, mode: Mode = .unchanged, applyExifOrientation: Bool = true,
    pixelLimit: Int = Image.pixelLimit, path: String = "picture"
  ) throws -> Image {
    guard let format = Format(bytes) else {
      let known = Format.allCases.map(\.rawValue).joined(separator: ", ")
      let problem = bytes.isEmpty ? "the file is empty" : "the first bytes are those of no known kind of picture"
      throw FileError(path: path, message: "\(problem); expected \(known)")
    }
    let image = try format.decode(bytes, path: path, pixelLimit: pixelLimit).converted(to: mode)
    return applyExifOrientation ? image.upright(orientation: EXIF.orientation(bytes)) : image
  }

  /// Decodes a picture as `read` does; `path` is for messages.
  public static func decode(
    _ bytes: [UInt8], mode: Mode = .unchanged, applyExifOrientation: Bool = true, pixelLimit: Int = Image.pixelLimit,
    path: String = "picture"
  ) throws -> Image {
    try bytes.withUnsafeBytes {
      try decode($0, mode: mode, applyExifOrientation: applyExifOrientation, pixelLimit: pixelLimit, path: path)
    }
  }

  /// The picture with the channels of `mode` and 8 bits: colours become grey by `luminance`'s weights, missing alpha is opaque,
  /// alpha that is not wanted is dropped. `unchanged`, and a mode that the picture already has, give it as it is.
  /// Same as PIL's `convert`.
  public func converted(to mode: Mode) -> Image {
    guard let wanted = mode.channels, wanted != channels else { return self }
    let image = as8Bit
    let (count, channels) = (width * height, channels)
    let out = image.pixels.withUnsafeBufferPointer { source in
      [UInt8](unsafeUninitializedCapacity: count * wanted) { target, filled in
        let isGrey = channels < 3, wantsGrey = wanted < 3
        for i in 0..<count {
          let from = i * channels, to = i * wanted
          if wantsGrey {
            target[to] = isGrey ? source[from] : Image.brightness(source[from], source[from + 1], source[from + 2])
          } else {
            target[to] = source[from]
            target[to + 1] = source[isGrey ? from : from + 1]
            target[to + 2] = source[isGrey ? from : from + 2]
          }
          if wanted % 2 == 0 { target[to + wanted - 1] = channels % 2 == 0 ? source[from + channels - 1] : 255 }
        }
        filled = count * wanted
      }
    }
    return Image(width: width, height: height, channels: wanted, pixels: out)
  }

  /// The samples as a tensor of shape (channels, height, width): uint8 for 8-bit pictures, int32 for 16-bit ones. Its strides are
  /// those of the picture's memory, channels innermost. Same as the result of `torchvision.io.decode_image`.
  public var tensor: Tensor {
    let samples =
      bitDepth == 8
      ? Tensor(pixels, shape: [height, width, channels])
      : Tensor(pixels16.map(Int32.init), shape: [height, width, channels])
    return samples.permute([2, 0, 1])
  }

  /// The picture of a uint8 tensor of shape (C, H, W), with 1 to 4 channels, or (H, W).
  public init(_ tensor: Tensor) {
    let shape = Array(tensor.shape)
    let channels = shape.count == 3 ? shape[0] : 1
    guard tensor.dtype == .uint8, shape.count == 2 || shape.count == 3, (1...4).contains(channels) else {
      fatalError(
        "Image: a tensor of shape \(tensor.shape) and dtype \(tensor.dtype.name), expected (1...4, H, W) or (H, W) uint8"
      )
    }
    let rows = shape.count == 3 ? tensor.permute([1, 2, 0]) : tensor
    let pixels = rows.contiguous().array(UInt8.self)
    self.init(width: shape[shape.count - 1], height: shape[shape.count - 2], channels: channels, pixels: pixels)
  }
}

extension Image {
  /// Writes the picture in the format that the path's suffix names (.png, .jpg, .jpeg). Whole or not at all; throws `FileError`.
  public func write(to path: String) throws {
    let name = path.lowercased()
    if name.hasSuffix(".png") { return try PNG.write(self, to: path) }
    if name.hasSuffix(".jpg") || name.hasSuffix(".jpeg") { return try JPEG.write(self, to: path) }
    throw FileError(path: path, message: "the suffix names no format that can be written; expected .png, .jpg or .jpeg")
  }
}
