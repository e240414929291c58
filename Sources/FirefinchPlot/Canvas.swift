/// A colour of 8 bits a channel.
public struct Color: Sendable, Equatable {
  /// The channels, 0 to 255.
  public var red: UInt8, green: UInt8, blue: UInt8

  /// From the three channels, 0 to 255.
  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// From 0xRRGGBB.
  public init(_ hex: UInt32) {
    self.init(
      red: UInt8(truncatingIfNeeded: hex >> 16), green: UInt8(truncatingIfNeeded: hex >> 8),
      blue: UInt8(truncatingIfNeeded: hex))
  }

  /// The usual background and foreground.
  public static let white = Color(0xffffff), black = Color(0x000000)
  /// Text, less important text, axes, grid lines.
  package static let ink = Color(0x1f2933), muted = Color(0x616e7c), axis = Color(0x9aa5b1), grid = Color(0xe4e7eb)
  /// For right and wrong answers.
  package static let good = Color(0x15803d), bad = Color(0xc81e1e)
  /// For series, in order.
  package static let palette = [0x2563eb, 0xf97316, 0x16a34a, 0xdc2626, 0x9333ea, 0x0891b2, 0x854d0e, 0xdb2777].map {
    Color($0)
  }
}

/// A picture to draw on, RGB of 8 bits. Coordinates are pixels from the top left corner; (0.5, 0.5) is the middle of the
/// first pixel. What lies outside is clipped.
public struct Canvas: Sendable {
  /// (x, y) in pixels.
  public typealias Point = SIMD2<Double>

  /// Pixels in a row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// Rows from the top, three bytes a pixel.
  public private(set) var pixels: [UInt8]

  /// The largest side.
  public static let sideLimit = 16384

  /// A picture of one colour. Sides are brought into 1 ... 16384.
  public init(width: Int, height: Int, background: Color = .white) {
    self.width = min(max(width, 1), Canvas.sideLimit)
    self.height = min(max(height, 1), Canvas.sideLimit)
    pixels = [UInt8](repeating: 255, count: self.width * self.height * 3)
    if background != .white { fill(x: 0, y: 0, width: self.width, height: self.height, background) }
  }

  /// From pixels, three bytes each, `width * height` of them.
  init(width: Int, height: Int, rgb: [UInt8]) { (self.width, self.height, pixels) = (width, height, rgb) }

  /// The colour of a pixel; black outside.
  public subscript(x: Int, y: Int) -> Color {
    guard x >= 0, y >= 0, x < width, y < height else { return .black }
    let at = (y * width + x) * 3
    return Color(red: pixels[at], green: pixels[at + 1], blue: pixels[at + 2])
  }

  // MARK: Shapes

  /// Fills a rectangle; `opacity` of 255 hides what was there.
  public mutating func fill(x: Int, y: Int, width w: Int, height h: Int, _ color: Color, opacity: UInt8 = 255) {
    let columns = clip(x, w, width)
    for row in clip(y, h, height) {
      for column in columns {
        let at = (row * width + column) * 3
        opacity == 255 ? set(at, color) : blend(at, color, Float(opacity) / 255)
      }
    }
  }

  /// The outline of a rectangle, `thickness` pixels wide, inside its bounds.
  public mutating func rectangle(x: Int, y: Int, width w: Int, height h: Int, _ color: Color, thickness: Int = 1) {
    fill(x: x, y: y, width: w, height: thickness, color)
    fill(x: x, y: y + h - thickness, width: w, height: thickness, color)
    fill(x: x, y: y, width: thickness, height: h, color)
    fill(x: x + w - thickness, y: y, width: thickness, height: h, color)
  }

  /// A straight line with round ends, smoothed.
  public mutating func line(_ from: Point, _ to: Point, _ color: Color, width: Double = 1) {
    stroke([[from, to]], color, width: width)
  }

  /// Joined lines with round ends and corners, smoothed. One point gives a dot; points that are not finite end a line.
  public mutating func polyline(_ points: [Point], _ color: Color, width: Double = 1) {
    let parts = points.split { !($0.x.isFinite && $0.y.isFinite) }
    stroke(parts.map(Array.init), color, width: width)
  }

  /// A filled circle, smoothed.
  public mutating func circle(_ centre: Point, radius: Double, _ color: Color) {
    stroke([[centre]], color, width: radius * 2)
  }

  /// Several lines in one go: where they cross nothing is painted twice.
  mutating func stroke(_ paths: [[Point]], _ color: Color, width lineWidth: Double) {
    let reach = lineWidth / 2 + 0.5
    let points = paths.joined()
    guard !points.isEmpty else { return }
    // Far away points would overflow integers: a pixel cannot be that far.
    let limit = Double(Canvas.sideLimit * 2)
    func bound(_ v: Double) -> Double { min(max(v, -limit), limit) }
    func range(_ axis: KeyPath<Point, Double>, _ size: Int) -> Range<Int> {
      let low = points.reduce(limit) { min($0, bound($1[keyPath: axis])) }
      let high = points.reduce(-limit) { max($0, bound($1[keyPath: axis])) }
      let from = max(Int((low - reach).rounded(.down)), 0)
      return from..<max(from, min(Int((high + reach).rounded(.up)) + 1, size))
    }
    let columns = range(\.x, width), rows = range(\.y, height)
    guard !columns.isEmpty, !rows.isEmpty else { return }
    // How much of each pixel is covered; crossing lines take the larger value.
    var cover = [Float](repeating: 0, count: columns.count * rows.count)
    for path in paths {
      for i in 0..<max(path.count - 1, 1) where !path.isEmpty {
        let a = Point(bound(path[i].x), bound(path[i].y))
        let last = path[min(i + 1, path.count - 1)]
        let b = Point(bound(last.x), bound(last.y))
        let along = b - a
        let square = (along * along).sum()
        let y0 = max(rows.lowerBound, Int((min(a.y, b.y) - reach).rounded(.down)))
        let y1 = min(rows.upperBound, Int((max(a.y, b.y) + reach).rounded(.up)) + 1)
        for y in y0..<max(y0, y1) {
          // Only the columns that this row of a long sloping line comes near.
          var (left, right) = (min(a.x, b.x), max(a.x, b.x))
          if abs(along.y) > 1e-9 {
            let t0 = (Double(y) - reach - a.y) / along.y, t1 = (Double(y) + 1 + reach - a.y) / along.y
            let u0 = min(max(min(t0, t1), 0), 1), u1 = min(max(max(t0, t1), 0), 1)
            left = min(a.x + u0 * along.x, a.x + u1 * along.x)
            right = max(a.x + u0 * along.x, a.x + u1 * along.x)
          }
          let x0 = max(columns.lowerBound, Int((left - reach).rounded(.down)))
          let x1 = min(columns.upperBound, Int((right + reach).rounded(.up)) + 1)
          for x in x0..<max(x0, x1) {
            let p = Point(Double(x) + 0.5, Double(y) + 0.5) - a
            let t = square == 0 ? 0 : min(max((p * along).sum() / square, 0), 1)
            let off = p - along * t
            let distance = (off * off).sum().squareRoot()
            let covered = Float(min(max(reach - distance, 0), min(lineWidth, 1)))
            let at = (y - rows.lowerBound) * columns.count + x - columns.lowerBound
            if covered > cover[at] { cover[at] = covered }
          }
        }
      }
    }
    for y in rows {
      for x in columns {
        let alpha = cover[(y - rows.lowerBound) * columns.count + x - columns.lowerBound]
        if alpha > 0 { blend((y * width + x) * 3, color, alpha) }
      }
    }
  }

  // MARK: Text

  /// Which point of a text its coordinate names.
  public enum Anchor: Sendable { case left, centre, right }

  /// Pixels between the first and the last letter's edges. `size` is the height of capitals.
  public static func textWidth(_ text: String, size: Double) -> Double {
    StrokeFont.width(text) * size / StrokeFont.capHeight
  }

  /// One line of printable ASCII; other characters become question marks.
  ///
  /// - Parameters:
  ///   - y: the baseline.
  ///   - size: height of capitals in pixels; 8 is small and readable.
  public mutating func text(
    _ text: String, x: Double, y: Double, size: Double, _ color: Color = .black, anchor: Anchor = .left,
    bold: Bool = false
  ) {
    let scale = size / StrokeFont.capHeight
    let whole = Canvas.textWidth(text, size: size)
    var pen = x - (anchor == .left ? 0 : anchor == .right ? whole : whole / 2)
    // Upright and level strokes look sharp when they run through the middles of pixels.
    let top = (y - size).rounded() + 0.5
    for character in text {
      let glyph = StrokeFont.glyph(character)
      let left = pen.rounded() + 0.5
      let paths = glyph.strokes.map { $0.map { Point(left + $0.x * scale, top + $0.y * scale) } }
      stroke(paths, color, width: max(size * (bold ? 0.19 : 0.145), 1))
      pen += (glyph.width + StrokeFont.spacing) * scale
    }
  }

  /// The text, cut and ended with two dots if it is wider than `width` pixels.
  package static func fitted(_ text: String, width: Double, size: Double) -> String {
    if textWidth(text, size: size) <= width { return text }
    var short = text
    while !short.isEmpty && textWidth(short + "..", size: size) > width { short.removeLast() }
    return short + ".."
  }

  // MARK: Pixels

  func clip(_ from: Int, _ count: Int, _ size: Int) -> Range<Int> {
    let low = min(max(from, 0), size)
    return low..<min(max(from + max(count, 0), low), size)
  }

  mutating func set(_ at: Int, _ color: Color) {
    pixels[at] = color.red
    pixels[at + 1] = color.green
    pixels[at + 2] = color.blue
  }

  private mutating func blend(_ at: Int, _ color: Color, _ alpha: Float) {
    func mix(_ old: UInt8, _ new: UInt8) -> UInt8 { UInt8((Float(old) + (Float(new) - Float(old)) * alpha).rounded()) }
    pixels[at] = mix(pixels[at], color.red)
    pixels[at + 1] = mix(pixels[at + 1], color.green)
    pixels[at + 2] = mix(pixels[at + 2], color.blue)
  }

  /// Copies another canvas to (x, y).
  mutating func draw(_ other: Canvas, x: Int, y: Int) {
    let columns = clip(x, other.width, width)
    for row in clip(y, other.height, height) {
      let from = ((row - y) * other.width + columns.lowerBound - x) * 3, to = (row * width + columns.lowerBound) * 3
      pixels.replaceSubrange(to..<to + columns.count * 3, with: other.pixels[from..<from + columns.count * 3])
    }
  }
}
