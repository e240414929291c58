import Firefinch

/// Pictures for people: grids, boxes, masks, points and captions. Same as `torchvision.utils`; letters are drawn with strokes
/// instead of a font, lines are smoothed.
public enum VisionUtils {
  /// Several pictures side by side in one.
  ///
  /// - Parameters:
  ///   - images: (N, C, H, W), or a single picture (C, H, W) or (H, W), which is given back; one channel becomes three.
  ///   - columns: pictures in a row (PyTorch's `nrow`).
  ///   - padding: pixels around and between the pictures, of value `padValue`.
  ///   - normalize: bring values into 0...1 by `range`, or by the least and the largest value: of all pictures, or with
  ///     `scaleEach` of each.
  /// - Returns: (C, rows * (H + padding) + padding, columns * (W + padding) + padding), dtype unchanged.
  /// Same as `torchvision.utils.make_grid`.
  public static func makeGrid(
    _ images: Tensor, columns: Int = 8, padding: Int = 2, normalize: Bool = false, range: (Double, Double)? = nil,
    scaleEach: Bool = false, padValue: Double = 0
  ) -> Tensor {
    if columns < 1 || padding < 0 {
      return Mistake.report(
        .value("makeGrid: columns must be positive and padding not negative, got \(columns) and \(padding)"))
    }
    guard (2...4).contains(images.rank), images.elementCount > 0 else {
      return Mistake.report(
        .shape("makeGrid: expected pictures of shape (N, C, H, W), (C, H, W) or (H, W), got \(images.shape)"))
    }
    return withNoGrad {
      var x = images.detach()
      while x.rank < 4 { x = x.unsqueeze(dim: 0) }
      if x.size(1) == 1 { x = Tensor.cat([x, x, x], dim: 1) }
      if normalize { x = scaleEach ? Tensor.stack(x.unbind(dim: 0).map { scaled($0, range) }) : scaled(x, range) }
      let (count, channels) = (x.size(0), x.size(1))
      if count == 1 { return x.squeeze(dim: 0) }
      let inRow = min(columns, count)
      let rows = (count + inRow - 1) / inRow
      let (height, width) = (x.size(2) + padding, x.size(3) + padding)
      let grid = Tensor.full([channels, height * rows + padding, width * inRow + padding], padValue, dtype: x.dtype)
      for (index, picture) in x.unbind(dim: 0).enumerated() {
        let (top, left) = (index / inRow * height + padding, index % inRow * width + padding)
        grid.narrow(dim: 1, start: top, length: height - padding)
          .narrow(dim: 2, start: left, length: width - padding).copy_(picture)
      }
      return grid
    }
  }

  private static func scaled(_ x: Tensor, _ range: (Double, Double)?) -> Tensor {
    let (low, high) = range ?? (x.min().doubleValue, x.max().doubleValue)
    return (x.clamp(min: low, max: high) - low) / max(high - low, 1e-5)
  }

  /// Writes pictures of values 0...1 (a batch as a grid) to a PNG or JPEG file. Throws `FileError`.
  /// Same as `torchvision.utils.save_image`; the other parameters are `makeGrid`'s.
  public static func saveImage(
    _ images: Tensor, to path: String, columns: Int = 8, padding: Int = 2, normalize: Bool = false,
    range: (Double, Double)? = nil, scaleEach: Bool = false, padValue: Double = 0
  ) throws {
    let grid = makeGrid(
      images, columns: columns, padding: padding, normalize: normalize, range: range, scaleEach: scaleEach,
      padValue: padValue)
    if grid.isPoisoned { return }
    let bytes = (grid.to(.float32) * 255 + 0.5).clamp(min: 0, max: 255).to(.uint8)
    try Image(bytes).write(to: path)
  }

  /// Directions and speeds as hues and saturations on the wheel of Baker et al. (2007).
  ///
  /// - Parameter flow: float32 (2, H, W) or (N, 2, H, W): moves in pixels along x and y.
  /// - Returns: uint8 of the same shape with three channels.
  /// Same as `torchvision.utils.flow_to_image`.
  public static func flowToImage(_ flow: Tensor) -> Tensor {
    guard flow.dtype == .float32, flow.rank == 3 || flow.rank == 4, flow.size(-3) == 2 else {
      return Mistake.report(
        .value(
          "flowToImage: expected float32 of shape (2, H, W) or (N, 2, H, W), got \(flow.dtype.name) of \(flow.shape)"))
    }
    return withNoGrad {
      let x = flow.detach()
      let longest = (x * x).sum(dim: -3).sqrt().max()
      let unit = x / (longest + Double(Float.ulpOfOne))
      let speed = (unit * unit).sum(dim: -3).sqrt()
      let angle = (-unit.select(dim: -3, 1)).atan2(-unit.select(dim: -3, 0)) / Double.pi
      let wheel = colorWheel
      let place = (angle + 1) / 2 * Double(wheel.size(0) - 1)
      let first = place.floor()
      let part = place - first
      let from = first.to(.int64)
      let next = (from + 1).remainder(wheel.size(0))
      let channels = wheel.unbind(dim: 1).map { column -> Tensor in
        let a = column[from] / 255.0
        let b = column[next] / 255.0
        let hue = (1 - part) * a + part * b
        return ((1 - speed * (1 - hue)) * 255).floor()
      }
      return Tensor.stack(channels, dim: -3).to(.uint8)
    }
  }

  /// (55, 3): the wheel's hues, 0...255.
  private static var colorWheel: Tensor {
    // From each pure or mixed colour to the next in so many steps: which channel rises or falls.
    let parts: [(steps: Int, fixed: Int, moving: Int, rises: Bool)] = [
      (15, 0, 1, true), (6, 1, 0, false), (4, 1, 2, true), (11, 2, 1, false), (13, 2, 0, true), (6, 0, 2, false),
    ]
    var rows: [[Double]] = []
    for part in parts {
      for step in 0..<part.steps {
        var row = [0.0, 0, 0]
        row[part.fixed] = 255
        let value = (255 * Double(step) / Double(part.steps)).rounded(.down)
        row[part.moving] = part.rises ? value : 255 - value
        rows.append(row)
      }
    }
    return Tensor(rows, dtype: .float32)
  }
}
