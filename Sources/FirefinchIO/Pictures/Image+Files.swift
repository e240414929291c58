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
  /// anything that is not a whole, undamaged picture.
  public static func read(_ path: String, mode: Mode = .unchanged) throws -> Image {
    try MappedFile.read(path) { try decode($0, mode: mode, path: path) }
  }

  /// Decodes a picture; `path` is for messages.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, mode: Mode = .unchanged, path: String = "picture"
  ) throws -> Image {
    try PNG.decode(bytes, path: path).converted(to: mode)
  }

  /// The picture with the channels of `mode`: colours become grey by `luminance`'s weights, missing alpha is opaque, alpha that
  /// is not wanted is dropped.
  public func converted(to mode: Mode) -> Image {
    guard let wanted = mode.channels, wanted != channels else { return self }
    let image = as8Bit
    let grey = wanted < 3 ? image.luminance : []
    var out = [UInt8](repeating: 255, count: width * height * wanted)
    for i in 0..<width * height {
      let from = i * channels
      let to = i * wanted
      if wanted < 3 { out[to] = grey[i] } else {
        for c in 0..<3 { out[to + c] = image.pixels[channels < 3 ? from : from + c] }
      }
      if wanted % 2 == 0, channels % 2 == 0 { out[to + wanted - 1] = image.pixels[from + channels - 1] }
    }
    return Image(width: width, height: height, channels: wanted, pixels: out)
  }

  /// The samples as a tensor of shape (channels, height, width): uint8 for 8-bit pictures, int32 for 16-bit ones. Same as the
  /// result of `torchvision.io.decode_image`.
  public var tensor: Tensor {
    let samples =
      bitDepth == 8
      ? Tensor(pixels, shape: [height, width, channels]) : Tensor(pixels16.map(Int32.init), shape: [height, width, channels])
    return samples.permute([2, 0, 1]).contiguous()
  }
}

extension Image {
  /// Writes the picture in the format that the path's suffix names (.png). Whole or not at all; throws `FileError`.
  public func write(to path: String) throws {
    guard path.lowercased().hasSuffix(".png") else {
      throw FileError(path: path, message: "the suffix names no format that can be written; expected .png")
    }
    try PNG.write(self, to: path)
  }
}
