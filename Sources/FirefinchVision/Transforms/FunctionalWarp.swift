import Firefinch
import Foundation

/// Pictures sampled at moved positions, and blur and noise.
extension VisionFunctional {
  /// Rows of a 2x3 matrix that maps positions (x, y, 1).
  struct Affine {
    var m: [Double]

    /// The map of the output's positions to the input's (or, not `inverted`, the other way): turned by `angle` degrees,
    /// sheared by degrees, scaled about `center`, then moved.
    init(center: [Double], angle: Double, translate: [Double], scale: Double, shear: [Double], inverted: Bool = true) {
      let (rotation, sx, sy) = (angle * .pi / 180, shear[0] * .pi / 180, shear[1] * .pi / 180)
      let (x, y) = (center[0] + translate[0], center[1] + translate[1])
      let a = cos(rotation - sy) / cos(sy)
      let b = -(a * tan(sx) + sin(rotation))
      let c = sin(rotation - sy) / cos(sy)
      let d = cos(rotation) - c * tan(sx)
      if inverted {
        m = [d / scale, -b / scale, 0, -c / scale, a / scale, 0]
        m[2] = center[0] - m[0] * x - m[1] * y
        m[5] = center[1] - m[3] * x - m[4] * y
      } else {
        m = [a * scale, b * scale, 0, c * scale, d * scale, 0]
        m[2] = x - m[0] * center[0] - m[1] * center[1]
        m[5] = y - m[3] * center[0] - m[4] * center[1]
      }
    }

    /// Height and width that hold the whole turned picture.
    func outputSize(_ height: Int, _ width: Int) -> (height: Int, width: Int) {
      let (w, h) = (Float(width) * 0.5, Float(height) * 0.5)
      var low = SIMD2<Float>(repeating: .infinity), high = SIMD2<Float>(repeating: -.infinity)
      for (x, y) in [(-w, -h), (-w, h), (w, h), (w, -h)] {
        let moved = SIMD2<Float>(
          x * Float(m[0]) + y * Float(m[1]) + Float(m[2]), x * Float(m[3]) + y * Float(m[4]) + Float(m[5]))
        low = pointwiseMin(low, moved)
        high = pointwiseMax(high, moved)
      }
      func whole(_ v: Float, _ rule: FloatingPointRoundingRule) -> Int {
        let trimmed = (v * Float(1 / 1e-3)).rounded(.towardZero) * 1e-3
        return Int(trimmed.rounded(rule))
      }
      let half = SIMD2<Float>(w, h)
      (low, high) = (low + half, high + half)
      return (whole(high.y, .up) - whole(low.y, .down), whole(high.x, .up) - whole(low.x, .down))
    }
  }

  /// x, y and 1 of every output position, (1, H W, 3).
  private static func positions(_ height: Int, _ width: Int, x: (Double, Double), y: (Double, Double), _ dtype: DType)
    -> Tensor
  {
    let grid = Tensor.ones([1, height, width, 3], dtype: dtype)
    grid.select(dim: 3, 0).copy_(Tensor.linspace(x.0, x.1, width, dtype: dtype))
    grid.select(dim: 3, 1).copy_(Tensor.linspace(y.0, y.1, height, dtype: dtype).unsqueeze(dim: 1))
    return grid.reshape([1, height * width, 3])
  }

  private static func warp(
    _ x: Tensor, _ matrix: Affine, _ height: Int, _ width: Int, _ interpolation: Interpolation, _ fill: [Double]?
  ) -> Tensor {
    let dtype: DType = x.dtype.isFloatingPoint ? x.dtype : .float32
    let (w, h) = (Double(width), Double(height))
    let base = positions(
      height, width, x: ((1 - w) * 0.5, (w - 1) * 0.5), y: ((1 - h) * 0.5, (h - 1) * 0.5), dtype)
    let size = Tensor([0.5 * Double(x.size(-1)), 0.5 * Double(x.size(-2))], shape: [2], dtype: dtype)
    let theta = Tensor(matrix.m, shape: [1, 2, 3], dtype: dtype).transpose(1, 2).div(size)
    return sample(x, base.bmm(theta).reshape([1, height, width, 2]), interpolation, fill)
  }

  /// The picture at the positions of `grid`; outside is `fill`, or 0 without smoothing the border when nil.
  private static func sample(_ x: Tensor, _ grid: Tensor, _ interpolation: Interpolation, _ fill: [Double]?) -> Tensor {
    if interpolation == .bicubic || interpolation == .nearestExact {
      return Mistake.report(
        .value("pictures are turned and bent with nearest or bilinear interpolation, got \(interpolation.rawValue)"))
    }
    let y = planes(x)
    var floats = y.dtype == grid.dtype ? y : y.to(grid.dtype)
    let count = y.size(0)
    if fill != nil {
      floats = Tensor.cat([floats, Tensor.ones([count, 1, y.size(2), y.size(3)], dtype: floats.dtype)], dim: 1)
    }
    let grids = count > 1 ? grid.expand([count, grid.size(1), grid.size(2), 2]) : grid
    var result = floats.gridSample(grids, mode: interpolation == .nearest ? .nearest : .bilinear)
    if let fill {
      let mask = result.slice(dim: 1, start: y.size(1))
      result = result.slice(dim: 1, end: y.size(1))
      let color = Tensor(fill, shape: [1, fill.count, 1, 1], dtype: result.dtype)
      result = interpolation == .nearest ? Tensor.where(mask .< 0.5, color, result) : (result - color) * mask + color
    }
    if y.dtype != grid.dtype { result = result.round().to(y.dtype) }
    return result.reshape(Shape(Array(x.shape.dropLast(2)) + [grid.size(1), grid.size(2)]))
  }

  /// Turned by `angle` degrees clockwise, moved, scaled and sheared (degrees) about `center` (x, y; the middle unless given).
  /// Same as `affine`.
  public static func affine(
    _ x: Tensor, angle: Double = 0, translate: [Double] = [0, 0], scale: Double = 1, shear: [Double] = [0, 0],
    interpolation: Interpolation = .nearest, fill: [Double]? = nil, center: [Double]? = nil
  ) -> Tensor {
    if scale <= 0 { return Mistake.report(.value("affine: the scale must be positive, got \(scale)")) }
    let origin = relative(center, x)
    let matrix = Affine(center: origin, angle: angle, translate: translate, scale: scale, shear: shear)
    return warp(x, matrix, x.size(-2), x.size(-1), interpolation, fill)
  }

  /// Turned by `angle` degrees counter-clockwise; with `expand` the result holds the whole picture. Same as `rotate`.
  public static func rotate(
    _ x: Tensor, angle: Double, interpolation: Interpolation = .nearest, expand: Bool = false, fill: [Double]? = nil,
    center: [Double]? = nil
  ) -> Tensor {
    // Quarter turns are exact.
    let turn = angle.truncatingRemainder(dividingBy: 360)
    let positive = turn < 0 ? turn + 360 : turn
    if center == nil {
      if positive == 0 { return x.clone() }
      if positive == 180 { return x.flip([-2, -1]) }
      if expand || x.size(-2) == x.size(-1) {
        if positive == 90 { return x.transpose(-2, -1).flip([-2]) }
        if positive == 270 { return x.transpose(-2, -1).flip([-1]) }
      }
    }
    let origin = expand ? [0, 0] : relative(center, x)
    let matrix = Affine(center: origin, angle: -positive, translate: [0, 0], scale: 1, shear: [0, 0])
    let size = expand ? matrix.outputSize(x.size(-2), x.size(-1)) : (x.size(-2), x.size(-1))
    return warp(x, matrix, size.0, size.1, interpolation, fill)
  }

  private static func relative(_ center: [Double]?, _ x: Tensor) -> [Double] {
    center.map { [$0[0] - Double(x.size(-1)) * 0.5, $0[1] - Double(x.size(-2)) * 0.5] } ?? [0, 0]
  }

  /// The eight numbers of the map that takes `end` points (x, y) to `start` points. torchvision's `_get_perspective_coeffs`.
  public static func perspectiveCoefficients(start: [[Int]], end: [[Int]]) -> [Double] {
    var rows: [Double] = []
    for (p1, p2) in zip(end, start) {
      let (x1, y1, x2, y2) = (Double(p1[0]), Double(p1[1]), Double(p2[0]), Double(p2[1]))
      rows += [x1, y1, 1, 0, 0, 0, -x2 * x1, -x2 * y1]
      rows += [0, 0, 0, x1, y1, 1, -y2 * x1, -y2 * y1]
    }
    let right = start.flatMap { $0.map(Double.init) }
    let solution = Linalg.solve(Tensor(rows, shape: [8, 8]), Tensor(right, shape: [8, 1]))
    return solution.to(.float32).flatten().array(Double.self)
  }

  /// Seen from another point, by the coefficients of `perspectiveCoefficients`. Same as `perspective`.
  public static func perspective(
    _ x: Tensor, coefficients c: [Double], interpolation: Interpolation = .bilinear, fill: [Double]? = nil
  ) -> Tensor {
    if c.count != 8 { return Mistake.report(.value("perspective: expected 8 coefficients, got \(c.count)")) }
    let dtype: DType = x.dtype.isFloatingPoint ? x.dtype : .float32
    let (height, width) = (x.size(-2), x.size(-1))
    let base = positions(height, width, x: (0.5, Double(width) - 0.5), y: (0.5, Double(height) - 0.5), dtype)
    let size = Tensor([0.5 * Double(width), 0.5 * Double(height)], shape: [2], dtype: dtype)
    let above = Tensor(Array(c[..<6]), shape: [1, 2, 3], dtype: dtype).transpose(1, 2).div(size)
    let below = Tensor([c[6], c[7], 1, c[6], c[7], 1], shape: [1, 2, 3], dtype: dtype).transpose(1, 2)
    let grid = base.bmm(above).div(base.bmm(below)) - 1
    return sample(x, grid.reshape([1, height, width, 2]), interpolation, fill)
  }

  /// Every position moved by `displacement` (1, H, W, 2), in halves of the picture's sides. Same as `elastic`.
  public static func elastic(
    _ x: Tensor, displacement: Tensor, interpolation: Interpolation = .bilinear, fill: [Double]? = nil
  ) -> Tensor {
    let dtype: DType = x.dtype.isFloatingPoint ? x.dtype : .float32
    return sample(x, identityGrid(x.size(-2), x.size(-1), dtype) + displacement.to(dtype), interpolation, fill)
  }

  static func identityGrid(_ height: Int, _ width: Int, _ dtype: DType) -> Tensor {
    let (h, w) = (Double(height), Double(width))
    return positions(height, width, x: ((1 - w) / w, (w - 1) / w), y: ((1 - h) / h, (h - 1) / h), dtype)
      .slice(dim: 2, end: 2).reshape([1, height, width, 2])
  }

  /// Blurred with a normal kernel of odd `kernel` sizes (x, y) and deviations `sigma` (0.15 kernel + 0.35 unless given).
  /// Same as `gaussian_blur`.
  public static func gaussianBlur(_ x: Tensor, kernel: [Int], sigma: [Double]? = nil) -> Tensor {
    if kernel.count != 2 || kernel.contains(where: { $0 % 2 == 0 || $0 < 0 }) {
      return Mistake.report(.value("gaussianBlur: kernel sizes must be two odd positive numbers, got \(kernel)"))
    }
    let sigma = sigma ?? kernel.map { Double($0) * 0.15 + 0.35 }
    if sigma.contains(where: { $0 <= 0 }) {
      return Mistake.report(.value("gaussianBlur: sigma must be positive, got \(sigma)"))
    }
    if x.elementCount == 0 { return x }
    let y = planes(x)
    let floats = y.dtype.isFloatingPoint ? y : y.to(.float32)
    func weights(_ size: Int, _ sigma: Double) -> Tensor {
      let limit = Double(size - 1) / (2 * 2.0.squareRoot())
      let at = Tensor.linspace(-limit, limit, size, dtype: floats.dtype) / sigma
      return (-(at * at)).softmax(dim: 0)
    }
    let square = weights(kernel[1], sigma[1]).unsqueeze(dim: 1) * weights(kernel[0], sigma[0])
    let padded = floats.pad([kernel[0] / 2, kernel[0] / 2, kernel[1] / 2, kernel[1] / 2], mode: .reflect)
    let filters = square.expand([y.size(1), 1, kernel[1], kernel[0]])
    var result = F.conv2d(padded, filters, groups: y.size(1))
    if !y.dtype.isFloatingPoint { result = result.round().to(y.dtype) }
    return result.reshape(x.shape)
  }

  /// With normal noise. Same as `gaussian_noise`.
  public static func gaussianNoise(_ x: Tensor, mean: Double = 0, sigma: Double = 0.1, clip: Bool = true) -> Tensor {
    if sigma < 0 { return Mistake.report(.value("gaussianNoise: sigma must not be negative, got \(sigma)")) }
    if x.dtype.isFloatingPoint {
      let noisy = x + (Chance.randn(x.shape, dtype: x.dtype) * sigma + mean)
      return clip ? noisy.clamp(min: 0, max: 1) : noisy
    }
    let noise = (Chance.randn(x.shape, dtype: .float32) * (sigma * 255) + mean * 255).to(.int16)
    let noisy = x.to(.int16) + noise
    return (clip ? noisy.clamp(min: 0, max: 255) : noisy).to(.uint8)
  }
}
