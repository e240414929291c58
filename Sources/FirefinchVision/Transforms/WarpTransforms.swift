import Firefinch

/// Turned by a random angle. Same as `v2.RandomRotation`.
public struct RandomRotation: DrawnTransform {
  private let degrees: (Double, Double)
  private let interpolation: VisionFunctional.Interpolation
  private let expand: Bool
  private let center: [Double]?
  private let fill: [Double]?

  public init(
    degrees: (Double, Double), interpolation: VisionFunctional.Interpolation = .nearest, expand: Bool = false,
    center: [Double]? = nil, fill: [Double]? = [0]
  ) {
    (self.degrees, self.interpolation, self.expand) = (degrees, interpolation, expand)
    (self.center, self.fill) = (center, fill)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let angle = Chance.uniform(degrees.0, degrees.1)
    let (interpolation, expand, center, fill) = (interpolation, expand, center, fill)
    return SampleOperation(
      image: {
        VisionFunctional.rotate(
          $0, angle: angle, interpolation: interpolation, expand: expand, fill: fill, center: center)
      },
      boxes: {
        SampleOperation.moved(
          $0, angle: -angle, translate: [0, 0], scale: 1, shear: [0, 0], center: expand ? nil : center, expand: expand)
      },
      mask: { mask in
        onMask(mask) { VisionFunctional.rotate($0, angle: angle, expand: expand, fill: maskFill(fill), center: center) }
      })
  }
}

/// Applies to (…, H, W) what is made for (…, C, H, W).
private func onMask(_ mask: Tensor, _ body: (Tensor) -> Tensor) -> Tensor {
  body(mask.unsqueeze(dim: -3)).squeeze(dim: -3)
}

/// Turned, moved, scaled and sheared at random. Same as `v2.RandomAffine`.
public struct RandomAffine: DrawnTransform {
  private let degrees: (Double, Double)
  private let translate: (Double, Double)?
  private let scale: (Double, Double)?
  private let shear: [Double]?
  private let interpolation: VisionFunctional.Interpolation
  private let fill: [Double]?
  private let center: [Double]?

  /// - Parameters:
  ///   - translate: largest move as parts of width and height.
  ///   - shear: least and largest shear in degrees along x, and along y if there are four.
  public init(
    degrees: (Double, Double), translate: (Double, Double)? = nil, scale: (Double, Double)? = nil,
    shear: [Double]? = nil,
    interpolation: VisionFunctional.Interpolation = .nearest, fill: [Double]? = [0], center: [Double]? = nil
  ) {
    if let translate, !(0...1).contains(translate.0) || !(0...1).contains(translate.1) {
      fatalError("RandomAffine: translate must lie in 0...1, got \(translate)")
    }
    if let scale, scale.0 <= 0 || scale.1 <= 0 { fatalError("RandomAffine: scales must be positive, got \(scale)") }
    if let shear, shear.count != 2 && shear.count != 4 {
      fatalError("RandomAffine: shear takes 2 or 4 values, got \(shear.count)")
    }
    (self.degrees, self.translate, self.scale, self.shear) = (degrees, translate, scale, shear)
    (self.interpolation, self.fill, self.center) = (interpolation, fill, center)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let angle = Chance.uniform(degrees.0, degrees.1)
    var move = [0.0, 0.0]
    if let translate {
      let (dx, dy) = (translate.0 * Double(sample.width), translate.1 * Double(sample.height))
      move[0] = Chance.uniform(-dx, dx).rounded(.toNearestOrEven)
      move[1] = Chance.uniform(-dy, dy).rounded(.toNearestOrEven)
    }
    let factor = scale.map { Chance.uniform($0.0, $0.1) } ?? 1
    var slant = [0.0, 0.0]
    if let shear {
      slant[0] = Chance.uniform(shear[0], shear[1])
      if shear.count == 4 { slant[1] = Chance.uniform(shear[2], shear[3]) }
    }
    let (interpolation, fill, center, translate, skew) = (interpolation, fill, center, move, slant)
    func affine(_ x: Tensor, _ interpolation: VisionFunctional.Interpolation, _ fill: [Double]?) -> Tensor {
      VisionFunctional.affine(
        x, angle: angle, translate: translate, scale: factor, shear: skew, interpolation: interpolation, fill: fill,
        center: center)
    }
    return SampleOperation(
      image: { affine($0, interpolation, fill) },
      boxes: {
        SampleOperation.moved($0, angle: angle, translate: translate, scale: factor, shear: skew, center: center)
      },
      mask: { mask in onMask(mask) { affine($0, .nearest, maskFill(fill)) } })
  }
}

/// Seen from another point with probability `p`. Same as `v2.RandomPerspective`.
public struct RandomPerspective: DrawnTransform {
  private let distortion: Double
  private let p: Double
  private let interpolation: VisionFunctional.Interpolation
  private let fill: [Double]?

  public init(
    distortionScale: Double = 0.5, p: Double = 0.5, interpolation: VisionFunctional.Interpolation = .bilinear,
    fill: [Double]? = [0]
  ) {
    requireProbability(p, "RandomPerspective")
    if !(0...1).contains(distortionScale) {
      fatalError("RandomPerspective: distortionScale must lie in 0...1, got \(distortionScale)")
    }
    (distortion, self.p, self.interpolation, self.fill) = (distortionScale, p, interpolation, fill)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    if !Chance.happens(p) { return nil }
    let (height, width) = (sample.height, sample.width)
    let (down, across) = (Int(distortion * Double(height / 2)) + 1, Int(distortion * Double(width / 2)) + 1)
    func point(right: Bool, bottom: Bool) -> [Int] {
      let x = right ? Chance.integer(width - across, width) : Chance.integer(0, across)
      return [x, bottom ? Chance.integer(height - down, height) : Chance.integer(0, down)]
    }
    let end = [
      point(right: false, bottom: false), point(right: true, bottom: false), point(right: true, bottom: true),
      point(right: false, bottom: true),
    ]
    let start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
    let c = VisionFunctional.perspectiveCoefficients(start: start, end: end)
    let (interpolation, fill) = (interpolation, fill)
    return SampleOperation(
      image: { VisionFunctional.perspective($0, coefficients: c, interpolation: interpolation, fill: fill) },
      boxes: { boxes in boxes.mapPoints { RandomPerspective.inverse($0, c) }.clamped() },
      mask: { mask in
        onMask(mask) {
          VisionFunctional.perspective($0, coefficients: c, interpolation: .nearest, fill: maskFill(fill))
        }
      })
  }

  /// Points of the picture brought to where the coefficients show them.
  private static func inverse(_ points: Tensor, _ c: [Double]) -> Tensor {
    let denominator = c[0] * c[4] - c[1] * c[3]
    if denominator == 0 {
      return Mistake.report(.value("RandomPerspective: the map \(c) cannot be inverted for boxes"))
    }
    let inv = [
      (c[4] - c[5] * c[7]) / denominator, (-c[1] + c[2] * c[7]) / denominator,
      (c[1] * c[5] - c[2] * c[4]) / denominator,
      (-c[3] + c[5] * c[6]) / denominator, (c[0] - c[2] * c[6]) / denominator,
      (-c[0] * c[5] + c[2] * c[3]) / denominator,
      (-c[4] * c[6] + c[3] * c[7]) / denominator, (-c[0] * c[7] + c[1] * c[6]) / denominator,
    ]
    let (x, y) = (points.select(dim: 1, 0), points.select(dim: 1, 1))
    let below = x * inv[6] + y * inv[7] + 1
    return Tensor.stack(
      [(x * inv[0] + y * inv[1] + inv[2]) / below, (x * inv[3] + y * inv[4] + inv[5]) / below], dim: 1)
  }
}

/// Bent by smooth random displacements. Same as `v2.ElasticTransform`.
public struct ElasticTransform: DrawnTransform {
  private let alpha: Double
  private let sigma: Double
  private let interpolation: VisionFunctional.Interpolation
  private let fill: [Double]?

  /// - Parameters:
  ///   - alpha: size of the displacements.
  ///   - sigma: their smoothness.
  public init(
    alpha: Double = 50, sigma: Double = 5, interpolation: VisionFunctional.Interpolation = .bilinear,
    fill: [Double]? = [0]
  ) {
    if alpha < 0 || sigma < 0 {
      fatalError("ElasticTransform: alpha and sigma must not be negative, got \(alpha) and \(sigma)")
    }
    (self.alpha, self.sigma, self.interpolation, self.fill) = (alpha, sigma, interpolation, fill)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let (height, width) = (sample.height, sample.width)
    var kernel = Int(8 * sigma + 1)
    if kernel % 2 == 0 { kernel += 1 }
    func axis(_ size: Int) -> Tensor {
      var noise = Chance.rand([1, 1, height, width]) * 2 - 1
      if sigma > 0 { noise = VisionFunctional.gaussianBlur(noise, kernel: [kernel, kernel], sigma: [sigma, sigma]) }
      return noise * alpha / Double(size)
    }
    let dx = axis(width)
    let displacement = Tensor.cat([dx, axis(height)], dim: 1).permute(0, 2, 3, 1)
    let (interpolation, fill) = (interpolation, fill)
    return SampleOperation(
      image: { VisionFunctional.elastic($0, displacement: displacement, interpolation: interpolation, fill: fill) },
      boxes: { boxes in
        let inverse = (VisionFunctional.identityGrid(height, width, .float32) - displacement).reshape([
          height * width, 2,
        ])
        let half = Tensor([Double(width) * 0.5, Double(height) * 0.5], shape: [2], dtype: .float32)
        return boxes.mapPoints { points in
          let at = points.ceil().to(.int64)
          let (x, y) = (
            at.select(dim: 1, 0).clamp(min: 0, max: width - 1), at.select(dim: 1, 1).clamp(min: 0, max: height - 1)
          )
          return (inverse.indexSelect(dim: 0, y * width + x) + 1) * half - 0.5
        }.clamped()
      },
      mask: { mask in
        onMask(mask) {
          VisionFunctional.elastic($0, displacement: displacement, interpolation: .nearest, fill: maskFill(fill))
        }
      })
  }
}
