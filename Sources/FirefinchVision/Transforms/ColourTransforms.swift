import Firefinch

/// A transform of the picture alone, applied with a probability.
private func onImage(_ body: @escaping (Tensor) -> Tensor) -> SampleOperation { SampleOperation(image: body) }

/// Brightness, contrast, saturation and hue changed at random, in random order. Same as `v2.ColorJitter`.
public struct ColorJitter: DrawnTransform {
  typealias Range = (Double, Double)
  private let brightness: Range?, contrast: Range?, saturation: Range?, hue: Range?

  /// Factors are drawn between 1 - x and 1 + x (not below 0), the hue's turn between -x and x (x at most 0.5); 0 leaves as is.
  public init(brightness: Double = 0, contrast: Double = 0, saturation: Double = 0, hue: Double = 0) {
    if min(brightness, contrast, saturation, hue) < 0 || hue > 0.5 {
      fatalError(
        "ColorJitter: amounts must not be negative and the hue's at most 0.5, got \(brightness), \(contrast), \(saturation), \(hue)"
      )
    }
    func range(_ x: Double) -> Range? { x == 0 ? nil : (max(1 - x, 0), 1 + x) }
    self.init(
      brightness: range(brightness), contrast: range(contrast), saturation: range(saturation),
      hue: hue == 0 ? nil : (-hue, hue))
  }

  /// Factors between the given bounds; nil leaves as is.
  public init(
    brightness: (Double, Double)?, contrast: (Double, Double)?, saturation: (Double, Double)?, hue: (Double, Double)?
  ) {
    (self.brightness, self.contrast, self.saturation, self.hue) = (brightness, contrast, saturation, hue)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let order = Chance.order(4)
    let factors = [brightness, contrast, saturation, hue].map { range in range.map { Chance.uniform($0.0, $0.1) } }
    return onImage { image in
      order.reduce(image) { x, which in
        guard let factor = factors[which] else { return x }
        return ColorJitter.adjust(x, which, factor)
      }
    }
  }

  /// 0 brightness, 1 contrast, 2 saturation, 3 hue.
  static func adjust(_ x: Tensor, _ which: Int, _ factor: Double) -> Tensor {
    switch which {
    case 0: VisionFunctional.adjustBrightness(x, factor)
    case 1: VisionFunctional.adjustContrast(x, factor)
    case 2: VisionFunctional.adjustSaturation(x, factor)
    default: VisionFunctional.adjustHue(x, factor)
    }
  }
}

/// The distortions of SSD (Liu et al. 2015). Same as `v2.RandomPhotometricDistort`.
public struct RandomPhotometricDistort: DrawnTransform {
  private let ranges: [(Double, Double)]
  private let p: Double

  public init(
    brightness: (Double, Double) = (0.875, 1.125), contrast: (Double, Double) = (0.5, 1.5),
    saturation: (Double, Double) = (0.5, 1.5), hue: (Double, Double) = (-0.05, 0.05), p: Double = 0.5
  ) {
    requireProbability(p, "RandomPhotometricDistort")
    (ranges, self.p) = ([brightness, contrast, saturation, hue], p)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let factors = ranges.map { Chance.happens(p) ? Chance.uniform($0.0, $0.1) : nil }
    let contrastFirst = Chance.unit() < 0.5
    let channels = Chance.happens(p) ? Chance.order(sample.image.size(-3)) : nil
    let order = contrastFirst ? [0, 1, 2, 3] : [0, 2, 3, 1]
    return onImage { image in
      let x = order.reduce(image) { x, which in factors[which].map { ColorJitter.adjust(x, which, $0) } ?? x }
      return channels.map { VisionFunctional.permuteChannels(x, $0) } ?? x
    }
  }
}

/// A change of the picture that happens with probability `p`, without further random numbers.
public struct RandomChange: DrawnTransform {
  private let p: Double
  private let body: @Sendable (Tensor) -> Tensor

  init(_ name: String, p: Double, _ body: @escaping @Sendable (Tensor) -> Tensor) {
    requireProbability(p, name)
    (self.p, self.body) = (p, body)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? { Chance.happens(p) ? onImage(body) : nil }

  /// Same as `v2.RandomGrayscale`.
  public static func grayscale(p: Double = 0.1) -> RandomChange {
    RandomChange("grayscale", p: p) { VisionFunctional.rgbToGrayscale($0, channels: $0.size(-3)) }
  }
  /// Same as `v2.RandomInvert`.
  public static func invert(p: Double = 0.5) -> RandomChange {
    RandomChange("invert", p: p) { VisionFunctional.invert($0) }
  }
  /// Same as `v2.RandomPosterize`.
  public static func posterize(bits: Int, p: Double = 0.5) -> RandomChange {
    RandomChange("posterize", p: p) { VisionFunctional.posterize($0, bits: bits) }
  }
  /// Same as `v2.RandomSolarize`.
  public static func solarize(threshold: Double, p: Double = 0.5) -> RandomChange {
    RandomChange("solarize", p: p) { VisionFunctional.solarize($0, threshold: threshold) }
  }
  /// Same as `v2.RandomAdjustSharpness`.
  public static func sharpness(_ factor: Double, p: Double = 0.5) -> RandomChange {
    RandomChange("sharpness", p: p) { VisionFunctional.adjustSharpness($0, factor) }
  }
  /// Same as `v2.RandomAutocontrast`.
  public static func autocontrast(p: Double = 0.5) -> RandomChange {
    RandomChange("autocontrast", p: p) { VisionFunctional.autocontrast($0) }
  }
  /// Same as `v2.RandomEqualize`.
  public static func equalize(p: Double = 0.5) -> RandomChange {
    RandomChange("equalize", p: p) { VisionFunctional.equalize($0) }
  }
}

/// Channels in random order. Same as `v2.RandomChannelPermutation`.
public struct RandomChannelPermutation: DrawnTransform {
  public init() {}
  func draw(_ sample: VisionSample) -> SampleOperation? {
    let order = Chance.order(sample.image.size(-3))
    return onImage { VisionFunctional.permuteChannels($0, order) }
  }
}

/// Grey with one channel or three. Same as `v2.Grayscale`.
public struct Grayscale: DrawnTransform {
  private let channels: Int
  public init(channels: Int = 1) {
    if channels != 1 && channels != 3 { fatalError("Grayscale: channels must be 1 or 3, got \(channels)") }
    self.channels = channels
  }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    onImage { VisionFunctional.rgbToGrayscale($0, channels: channels) }
  }
}

/// Blurred with a random deviation. Same as `v2.GaussianBlur`.
public struct GaussianBlur: DrawnTransform {
  private let kernel: [Int]
  private let sigma: (Double, Double)

  /// - Parameter kernel: sizes along x and y, odd.
  public init(kernel: [Int], sigma: (Double, Double) = (0.1, 2)) {
    if kernel.count != 2 || kernel.contains(where: { $0 < 1 || $0 % 2 == 0 }) || sigma.0 <= 0 || sigma.1 < sigma.0 {
      fatalError("GaussianBlur: expected two odd sizes and rising positive sigmas, got \(kernel) and \(sigma)")
    }
    (self.kernel, self.sigma) = (kernel, sigma)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let s = Chance.uniform(sigma.0, sigma.1)
    return onImage { VisionFunctional.gaussianBlur($0, kernel: kernel, sigma: [s, s]) }
  }
}

/// With normal noise. Same as `v2.GaussianNoise`.
public struct GaussianNoise: DrawnTransform {
  private let mean: Double, sigma: Double
  private let clip: Bool
  public init(mean: Double = 0, sigma: Double = 0.1, clip: Bool = true) {
    (self.mean, self.sigma, self.clip) = (mean, sigma, clip)
  }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    onImage { VisionFunctional.gaussianNoise($0, mean: mean, sigma: sigma, clip: clip) }
  }
}

/// (x - mean) / deviation by channel. Same as `v2.Normalize`.
public struct Normalize: DrawnTransform {
  private let mean: [Double], std: [Double]
  public init(mean: [Double], std: [Double]) {
    if mean.count != std.count || std.contains(0) {
      fatalError("Normalize: expected as many deviations as means, none 0, got \(mean) and \(std)")
    }
    (self.mean, self.std) = (mean, std)
  }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    onImage { VisionFunctional.normalize($0, mean: mean, std: std) }
  }
}

/// Another dtype, scaled to its range. Same as `v2.ToDtype(scale=True)`.
public struct ToDType: DrawnTransform {
  private let dtype: DType
  private let scale: Bool
  public init(_ dtype: DType = .float32, scale: Bool = true) { (self.dtype, self.scale) = (dtype, scale) }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    onImage { VisionFunctional.toDType($0, dtype, scale: scale) }
  }
}

/// The flattened picture minus `mean` times a matrix, for whitening. Same as `v2.LinearTransformation`.
public struct LinearTransformation: DrawnTransform {
  private let matrix: Tensor, mean: Tensor

  /// - Parameters:
  ///   - matrix: (n, n) for pictures of n samples.
  ///   - mean: (n).
  public init(matrix: Tensor, mean: Tensor) {
    if matrix.rank != 2 || matrix.size(0) != matrix.size(1) || mean.shape != [matrix.size(0)] {
      fatalError(
        "LinearTransformation: expected a square matrix and as many means, got \(matrix.shape) and \(mean.shape)")
    }
    (self.matrix, self.mean) = (matrix, mean)
  }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    onImage { x in (x.reshape([-1, matrix.size(0)]) - mean).matmul(matrix).reshape(x.shape) }
  }
}

/// A rectangle replaced with probability `p` (Zhong et al. 2017). Same as `v2.RandomErasing`.
public struct RandomErasing: DrawnTransform {
  private let p: Double
  private let scale: (Double, Double), ratio: (Double, Double)
  private let value: [Double]?

  /// - Parameters:
  ///   - scale: least and largest part of the area.
  ///   - ratio: least and largest shape.
  ///   - value: one value or one for each channel; nil for normal noise.
  public init(
    p: Double = 0.5, scale: (Double, Double) = (0.02, 0.33), ratio: (Double, Double) = (0.3, 3.3),
    value: [Double]? = [0]
  ) {
    requireProbability(p, "RandomErasing")
    if scale.0 < 0 || scale.1 > 1 || scale.0 > scale.1 || ratio.0 <= 0 || ratio.0 > ratio.1 {
      fatalError(
        "RandomErasing: scale must be a rising pair in 0...1 and ratio a rising positive pair, got \(scale) and \(ratio)"
      )
    }
    (self.p, self.scale, self.ratio, self.value) = (p, scale, ratio, value)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    if !Chance.happens(p) { return nil }
    let (channels, height, width) = (sample.image.size(-3), sample.height, sample.width)
    for _ in 0..<10 {
      let area = Double(height * width) * Chance.uniform(scale.0, scale.1)
      let aspect = randomRatio(ratio)
      let h = Int((area * aspect).squareRoot().rounded(.toNearestOrEven))
      let w = Int((area / aspect).squareRoot().rounded(.toNearestOrEven))
      if !(h < height && w < width) { continue }
      let fill = value.map { Tensor($0, shape: [$0.count, 1, 1], dtype: .float32) } ?? Chance.randn([channels, h, w])
      let top = Chance.integer(0, height - h + 1)
      let left = Chance.integer(0, width - w + 1)
      return onImage { VisionFunctional.erase($0, top: top, left: left, height: h, width: w, value: fill.to($0.dtype)) }
    }
    return nil
  }
}
