import Firefinch
import Foundation

/// The operations that the automatic policies choose from, by torchvision's names.
enum AugmentOperation: String, CaseIterable {
  case identity = "Identity", shearX = "ShearX", shearY = "ShearY", translateX = "TranslateX", translateY = "TranslateY"
  case rotate = "Rotate", brightness = "Brightness", color = "Color", contrast = "Contrast", sharpness = "Sharpness"
  case posterize = "Posterize", solarize = "Solarize", autoContrast = "AutoContrast", equalize = "Equalize", invert =
    "Invert"

  /// Whether the magnitude's sign is drawn.
  var isSigned: Bool {
    switch self {
    case .shearX, .shearY, .translateX, .translateY, .rotate, .brightness, .color, .contrast, .sharpness: true
    default: false
    }
  }

  /// torchvision's `_apply_image_or_video_transform`.
  func apply(_ x: Tensor, _ magnitude: Double, _ interpolation: VisionFunctional.Interpolation, _ fill: [Double]?)
    -> Tensor
  {
    func affine(translate: [Double] = [0, 0], shear: [Double] = [0, 0], center: [Double]? = nil) -> Tensor {
      VisionFunctional.affine(
        x, translate: translate, shear: shear, interpolation: interpolation, fill: fill, center: center)
    }
    let degrees = atan(magnitude) * 180 / .pi
    switch self {
    case .identity: return x
    case .shearX: return affine(shear: [degrees, 0], center: [0, 0])
    case .shearY: return affine(shear: [0, degrees], center: [0, 0])
    case .translateX: return affine(translate: [magnitude.rounded(.towardZero), 0])
    case .translateY: return affine(translate: [0, magnitude.rounded(.towardZero)])
    case .rotate: return VisionFunctional.rotate(x, angle: magnitude, interpolation: interpolation, fill: fill)
    case .brightness: return VisionFunctional.adjustBrightness(x, 1 + magnitude)
    case .color: return VisionFunctional.adjustSaturation(x, 1 + magnitude)
    case .contrast: return VisionFunctional.adjustContrast(x, 1 + magnitude)
    case .sharpness: return VisionFunctional.adjustSharpness(x, 1 + magnitude)
    case .posterize: return VisionFunctional.posterize(x, bits: Int(magnitude))
    case .solarize:
      return VisionFunctional.solarize(x, threshold: Double(VisionFunctional.largest(x.dtype)) * magnitude)
    case .autoContrast: return VisionFunctional.autocontrast(x)
    case .equalize: return VisionFunctional.equalize(x)
    case .invert: return VisionFunctional.invert(x)
    }
  }
}

/// Magnitudes of the operations in `bins` steps; nil for those without.
struct AugmentSpace {
  var shear = 0.3, enhance = 0.9, rotate = 30.0
  /// Largest moves in pixels for a picture.
  var translate: (_ height: Int, _ width: Int) -> (x: Double, y: Double) = {
    (150.0 / 331 * Double($1), 150.0 / 331 * Double($0))
  }
  /// From so many bits down, by so many.
  var posterize = (from: 8.0, by: 4.0)

  func magnitude(_ operation: AugmentOperation, _ bin: Int, of bins: Int, _ height: Int, _ width: Int) -> Double? {
    func line(_ from: Double, _ to: Double) -> Double { Tensor.linspace(from, to, bins)[bin].doubleValue }
    switch operation {
    case .identity, .autoContrast, .equalize, .invert: return nil
    case .shearX, .shearY: return line(0, shear)
    case .translateX: return line(0, translate(height, width).x)
    case .translateY: return line(0, translate(height, width).y)
    case .rotate: return line(0, rotate)
    case .brightness, .color, .contrast, .sharpness: return line(0, enhance)
    case .posterize:
      let step = Float(bin) / Float(Double(bins - 1) / posterize.by)
      return Double((Float(posterize.from) - step).rounded(.toNearestOrEven))
    case .solarize: return line(1, 0)
    }
  }
}

/// Draws of all policies.
private func signed(_ operation: AugmentOperation, _ magnitude: Double) -> Double {
  operation.isSigned && Chance.unit() <= 0.5 ? -magnitude : magnitude
}

private func pick(_ count: Int) -> Int { Chance.index(count) }

/// Learned pairs of operations (Cubuk et al. 2018). Same as `v2.AutoAugment`.
public struct AutoAugment: DrawnTransform {
  public enum Policy: String, Sendable, CaseIterable { case imageNet, cifar10, svhn }
  private let policy: Policy
  private let interpolation: VisionFunctional.Interpolation
  private let fill: [Double]?

  public init(
    _ policy: Policy = .imageNet, interpolation: VisionFunctional.Interpolation = .nearest, fill: [Double]? = nil
  ) {
    (self.policy, self.interpolation, self.fill) = (policy, interpolation, fill)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let (height, width) = (sample.height, sample.width)
    let space = AugmentSpace()
    var steps: [(AugmentOperation, Double)] = []
    let pairs = AutoAugment.pairs(policy)
    for (operation, probability, bin) in pairs[pick(pairs.count)] {
      if Chance.unit() > Double(Float(probability)) { continue }
      let magnitude = space.magnitude(operation, bin, of: 10, height, width)
      steps.append((operation, magnitude.map { signed(operation, $0) } ?? 0))
    }
    return SampleOperation(image: { image in steps.reduce(image) { $1.0.apply($0, $1.1, interpolation, fill) } })
  }

  /// The paper's pairs: operation, probability, magnitude's bin.
  private static func pairs(_ policy: Policy) -> [[(AugmentOperation, Double, Int)]] {
    let text =
      switch policy {
      case .imageNet: imageNet
      case .cifar10: cifar10
      case .svhn: svhn
      }
    return text.split(separator: ";").map { pair in
      pair.split(separator: "+").map { step in
        let part = step.split(whereSeparator: \.isWhitespace)
        guard part.count == 3, let operation = AugmentOperation(rawValue: String(part[0])), let p = Double(part[1]),
          let bin = Int(part[2])
        else { fatalError("AutoAugment: the policy's step '\(step)' is not whole") }
        return (operation, p, bin)
      }
    }
  }

  private static let imageNet = """
    Posterize 0.4 8 + Rotate 0.6 9; Solarize 0.6 5 + AutoContrast 0.6 0; Equalize 0.8 0 + Equalize 0.6 0;
    Posterize 0.6 7 + Posterize 0.6 6; Equalize 0.4 0 + Solarize 0.2 4; Equalize 0.4 0 + Rotate 0.8 8;
    Solarize 0.6 3 + Equalize 0.6 0; Posterize 0.8 5 + Equalize 1.0 0; Rotate 0.2 3 + Solarize 0.6 8;
    Equalize 0.6 0 + Posterize 0.4 6; Rotate 0.8 8 + Color 0.4 0; Rotate 0.4 9 + Equalize 0.6 0;
    Equalize 0.0 0 + Equalize 0.8 0; Invert 0.6 0 + Equalize 1.0 0; Color 0.6 4 + Contrast 1.0 8;
    Rotate 0.8 8 + Color 1.0 2; Color 0.8 8 + Solarize 0.8 7; Sharpness 0.4 7 + Invert 0.6 0;
    ShearX 0.6 5 + Equalize 1.0 0; Color 0.4 0 + Equalize 0.6 0; Equalize 0.4 0 + Solarize 0.2 4;
    Solarize 0.6 5 + AutoContrast 0.6 0; Invert 0.6 0 + Equalize 1.0 0; Color 0.6 4 + Contrast 1.0 8;
    Equalize 0.8 0 + Equalize 0.6 0
    """
  private static let cifar10 = """
    Invert 0.1 0 + Contrast 0.2 6; Rotate 0.7 2 + TranslateX 0.3 9; Sharpness 0.8 1 + Sharpness 0.9 3;
    ShearY 0.5 8 + TranslateY 0.7 9; AutoContrast 0.5 0 + Equalize 0.9 0; ShearY 0.2 7 + Posterize 0.3 7;
    Color 0.4 3 + Brightness 0.6 7; Sharpness 0.3 9 + Brightness 0.7 9; Equalize 0.6 0 + Equalize 0.5 0;
    Contrast 0.6 7 + Sharpness 0.6 5; Color 0.7 7 + TranslateX 0.5 8; Equalize 0.3 0 + AutoContrast 0.4 0;
    TranslateY 0.4 3 + Sharpness 0.2 6; Brightness 0.9 6 + Color 0.2 8; Solarize 0.5 2 + Invert 0.0 0;
    Equalize 0.2 0 + AutoContrast 0.6 0; Equalize 0.2 0 + Equalize 0.6 0; Color 0.9 9 + Equalize 0.6 0;
    AutoContrast 0.8 0 + Solarize 0.2 8; Brightness 0.1 3 + Color 0.7 0; Solarize 0.4 5 + AutoContrast 0.9 0;
    TranslateY 0.9 9 + TranslateY 0.7 9; AutoContrast 0.9 0 + Solarize 0.8 3; Equalize 0.8 0 + Invert 0.1 0;
    TranslateY 0.7 9 + AutoContrast 0.9 0
    """
  private static let svhn = """
    ShearX 0.9 4 + Invert 0.2 0; ShearY 0.9 8 + Invert 0.7 0; Equalize 0.6 0 + Solarize 0.6 6;
    Invert 0.9 0 + Equalize 0.6 0; Equalize 0.6 0 + Rotate 0.9 3; ShearX 0.9 4 + AutoContrast 0.8 0;
    ShearY 0.9 8 + Invert 0.4 0; ShearY 0.9 5 + Solarize 0.2 6; Invert 0.9 0 + AutoContrast 0.8 0;
    Equalize 0.6 0 + Rotate 0.9 3; ShearX 0.9 4 + Solarize 0.3 3; ShearY 0.8 8 + Invert 0.7 0;
    Equalize 0.9 0 + TranslateY 0.6 6; Invert 0.9 0 + Equalize 0.6 0; Contrast 0.3 3 + Rotate 0.8 4;
    Invert 0.8 0 + TranslateY 0.0 2; ShearY 0.7 6 + Solarize 0.4 8; Invert 0.6 0 + Rotate 0.8 4;
    ShearY 0.3 7 + TranslateX 0.9 3; ShearX 0.1 6 + Invert 0.6 0; Solarize 0.7 2 + TranslateY 0.6 7;
    ShearY 0.8 4 + Invert 0.8 0; ShearX 0.7 9 + TranslateY 0.8 3; ShearY 0.8 5 + AutoContrast 0.7 0;
    ShearX 0.7 2 + Invert 0.1 0
    """
}

/// A few operations of one magnitude (Cubuk et al. 2019). Same as `v2.RandAugment`.
public struct RandAugment: DrawnTransform {
  private let count: Int, magnitude: Int, bins: Int
  private let interpolation: VisionFunctional.Interpolation
  private let fill: [Double]?

  public init(
    operations: Int = 2, magnitude: Int = 9, bins: Int = 31, interpolation: VisionFunctional.Interpolation = .nearest,
    fill: [Double]? = nil
  ) {
    if operations < 0 || !(0..<bins).contains(magnitude) {
      fatalError(
        "RandAugment: the magnitude must lie in 0..<\(bins), got \(magnitude), and operations not be negative, got \(operations)"
      )
    }
    (count, self.magnitude, self.bins, self.interpolation, self.fill) = (
      operations, magnitude, bins, interpolation, fill
    )
  }

  static let operations: [AugmentOperation] = AugmentOperation.allCases.filter { $0 != .invert }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let space = AugmentSpace()
    let steps = (0..<count).map { _ -> (AugmentOperation, Double) in
      let operation = RandAugment.operations[pick(RandAugment.operations.count)]
      let value = space.magnitude(operation, magnitude, of: bins, sample.height, sample.width)
      return (operation, value.map { signed(operation, $0) } ?? 0)
    }
    return SampleOperation(image: { image in steps.reduce(image) { $1.0.apply($0, $1.1, interpolation, fill) } })
  }
}

/// One operation of random magnitude (Müller and Hutter 2021). Same as `v2.TrivialAugmentWide`.
public struct TrivialAugmentWide: DrawnTransform {
  private let bins: Int
  private let interpolation: VisionFunctional.Interpolation
  private let fill: [Double]?

  public init(bins: Int = 31, interpolation: VisionFunctional.Interpolation = .nearest, fill: [Double]? = nil) {
    if bins < 2 { fatalError("TrivialAugmentWide: there must be at least 2 bins, got \(bins)") }
    (self.bins, self.interpolation, self.fill) = (bins, interpolation, fill)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let operation = RandAugment.operations[pick(RandAugment.operations.count)]
    let space = AugmentSpace(
      shear: 0.99, enhance: 0.99, rotate: 135, translate: { _, _ in (32, 32) }, posterize: (8, 6))
    var value = 0.0
    if space.magnitude(operation, 0, of: bins, sample.height, sample.width) != nil {
      let bin = pick(bins)
      value = signed(operation, space.magnitude(operation, bin, of: bins, sample.height, sample.width)!)
    }
    return SampleOperation(image: { operation.apply($0, value, interpolation, fill) })
  }
}

/// A mixture of several chains of operations and the picture itself (Hendrycks et al. 2019). Same as `v2.AugMix`.
public struct AugMix: DrawnTransform {
  private let severity: Int, width: Int, depth: Int
  private let alpha: Double
  private let operations: [AugmentOperation]
  private let interpolation: VisionFunctional.Interpolation
  private let fill: [Double]?

  /// - Parameters:
  ///   - severity: 1...10.
  ///   - width: number of chains.
  ///   - depth: operations of a chain; 1 to 3 at random when not positive.
  ///   - allOperations: colours too.
  public init(
    severity: Int = 3, width: Int = 3, depth: Int = -1, alpha: Double = 1, allOperations: Bool = true,
    interpolation: VisionFunctional.Interpolation = .bilinear, fill: [Double]? = nil
  ) {
    if !(1...10).contains(severity) { fatalError("AugMix: the severity must lie in 1...10, got \(severity)") }
    (self.severity, self.width, self.depth, self.alpha) = (severity, width, depth, alpha)
    let partial: [AugmentOperation] = [
      .shearX, .shearY, .translateX, .translateY, .rotate, .posterize, .solarize, .autoContrast, .equalize,
    ]
    operations = partial + (allOperations ? [.brightness, .color, .contrast, .sharpness] : [])
    (self.interpolation, self.fill) = (interpolation, fill)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let batches = sample.image.rank > 3 ? sample.image.size(0) : 1
    let own = (0..<batches).map { _ in Chance.dirichlet([alpha, alpha]) }
    let parts = (0..<batches).map { b in
      Chance.dirichlet([Double](repeating: alpha, count: width)).map { Float($0) * Float(own[b][1]) }
    }
    let space = AugmentSpace(
      translate: { (Double($1) / 3, Double($0) / 3) }, posterize: (4, 4))
    let chains = (0..<width).map { _ in
      (0..<(depth > 0 ? depth : Chance.integer(1, 4))).map { _ -> (AugmentOperation, Double) in
        let operation = operations[pick(operations.count)]
        guard space.magnitude(operation, 0, of: 10, sample.height, sample.width) != nil else { return (operation, 0) }
        let bin = pick(severity)
        let value = space.magnitude(operation, bin, of: 10, sample.height, sample.width)!
        return (operation, signed(operation, value))
      }
    }
    return SampleOperation(image: { image in
      let x = image.rank > 3 ? image : image.unsqueeze(dim: 0)
      func weights(_ values: [Float]) -> Tensor { Tensor(values, shape: [values.count, 1, 1, 1]) }
      var mix = weights(own.map { Float($0[0]) }) * x
      for (index, chain) in chains.enumerated() {
        let changed = chain.reduce(x) { $1.0.apply($0, $1.1, interpolation, fill) }
        mix = mix + weights(parts.map { $0[index] }) * changed
      }
      return mix.reshape(image.shape).to(image.dtype)
    })
  }
}
