import FirefinchIO

extension Canvas {
  /// The picture for an encoder.
  public var image: Image { Image(width: width, height: height, channels: 3, pixels: pixels) }

  /// A copy of a picture to draw on; grey becomes RGB, opacity is dropped. Sides beyond `sideLimit` are a mistake of the caller.
  public init(_ image: Image) {
    let rgb = image.as8Bit.converted(to: .rgb)
    if max(rgb.width, rgb.height) > Canvas.sideLimit || min(rgb.width, rgb.height) < 1 {
      fatalError("Canvas: sides must lie in 1...\(Canvas.sideLimit), got \(rgb.width) x \(rgb.height)")
    }
    self.init(width: rgb.width, height: rgb.height, rgb: rgb.pixels)
  }

  /// Writes a PNG file, replacing one of that name in one step.
  public func writePNG(to path: String) throws { try PNG.write(image, to: path) }

  // MARK: Pictures

  /// Draws a picture of 1 (grey), 2 (grey, opacity), 3 (RGB) or 4 (RGB, opacity) channels, scaled to width x height: pixels
  /// are repeated when enlarged and averaged when reduced. Opacity is over white.
  public mutating func draw(_ image: Image, x: Int, y: Int, width w: Int, height h: Int) {
    let image = image.as8Bit
    let (channels, samples) = (image.channels, image.pixels)
    guard w > 0, h > 0, !samples.isEmpty, (1...4).contains(channels) else { return }
    func sample(_ column: Int, _ row: Int, _ c: Int) -> Int {
      Int(samples[(row * image.width + column) * channels + c])
    }
    let alpha = channels % 2 == 0 ? channels - 1 : nil
    for row in clip(y, h, height) {
      let r0 = (row - y) * image.height / h, r1 = max(r0 + 1, (row - y + 1) * image.height / h)
      for column in clip(x, w, width) {
        let c0 = (column - x) * image.width / w, c1 = max(c0 + 1, (column - x + 1) * image.width / w)
        var sums = SIMD3<Int>(0, 0, 0)
        for sy in r0..<r1 {
          for sx in c0..<c1 {
            let opacity = alpha.map { sample(sx, sy, $0) } ?? 255
            for c in 0..<3 {
              let value = sample(sx, sy, channels < 3 ? 0 : c)
              sums[c] += (value * opacity + 255 * (255 - opacity) + 127) / 255
            }
          }
        }
        let n = (r1 - r0) * (c1 - c0)
        let at = (row * width + column) * 3
        set(at, Color(red: UInt8(sums[0] / n), green: UInt8(sums[1] / n), blue: UInt8(sums[2] / n)))
      }
    }
  }
}
