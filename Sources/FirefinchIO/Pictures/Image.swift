/// A picture in memory: rows from top to bottom, channels interleaved (grey, grey + alpha, RGB or RGBA).
public struct Image: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
  public let channels: Int
  /// 8 or 16: how many bits a sample had in the file. Samples are kept in 16 bits when there are 16.
  public let bitDepth: Int
  /// Samples of 8-bit pictures, `width * height * channels` of them; empty for 16-bit pictures.
  public var pixels: [UInt8]
  /// Samples of 16-bit pictures.
  public var pixels16: [UInt16]

  /// An 8-bit picture.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    if pixels.count != width * height * channels {
      fatalError("Image: \(pixels.count) samples do not fill \(width) x \(height) x \(channels)")
    }
    (self.width, self.height, self.channels, bitDepth) = (width, height, channels, 8)
    self.pixels = pixels
    pixels16 = []
  }

  /// A 16-bit picture.
  public init(width: Int, height: Int, channels: Int, pixels16: [UInt16]) {
    if pixels16.count != width * height * channels {
      fatalError("Image: \(pixels16.count) samples do not fill \(width) x \(height) x \(channels)")
    }
    (self.width, self.height, self.channels, bitDepth) = (width, height, channels, 16)
    self.pixels16 = pixels16
    pixels = []
  }

  /// The picture with 8 bits a sample.
  public var as8Bit: Image {
    bitDepth == 8
      ? self : Image(width: width, height: height, channels: channels, pixels: pixels16.map { UInt8($0 >> 8) })
  }

  /// Brightness of every pixel, 0...255, by the weights of ITU-R 601 that PIL's mode L uses; alpha is ignored.
  public var luminance: [UInt8] { converted(to: .grey).as8Bit.pixels }

  /// ITU-R 601's weights in 16-bit fixed point, rounded.
  @inline(__always)
  static func brightness(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
    let sum = Int(red) * 19595 + Int(green) * 38470 + Int(blue) * 7471
    return UInt8(truncatingIfNeeded: (sum + 0x8000) >> 16)
  }
}
