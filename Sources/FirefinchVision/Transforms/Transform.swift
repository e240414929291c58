import Firefinch

/// A picture with what belongs to it; transforms change all parts alike.
public struct VisionSample {
  /// (…, C, H, W), uint8 or floating point.
  public var image: Tensor
  public var boxes: BoundingBoxes?
  /// (…, H, W).
  public var masks: Tensor?
  /// One label, or one for each box.
  public var labels: Tensor?

  public init(image: Tensor, boxes: BoundingBoxes? = nil, masks: Tensor? = nil, labels: Tensor? = nil) {
    (self.image, self.boxes, self.masks, self.labels) = (image, boxes, masks, labels)
  }

  var height: Int { image.size(-2) }
  var width: Int { image.size(-1) }
}

/// Changes pictures for training or use. Same as `torchvision.transforms.v2.Transform`.
///
/// Random numbers come from the default generator, in torchvision's order and number, so that the same seed gives the same
/// changes; the parts of a sample share them.
public protocol Transform: Sendable {
  func callAsFunction(_ sample: VisionSample) -> VisionSample
}

extension Transform {
  /// A picture alone, (…, C, H, W).
  public func callAsFunction(_ image: Tensor) -> Tensor { self(VisionSample(image: image)).image }
}

/// What a transform does once its random numbers are drawn.
struct SampleOperation {
  var image: (Tensor) -> Tensor
  var boxes: (BoundingBoxes) -> BoundingBoxes = { $0 }
  var mask: (Tensor) -> Tensor = { $0 }
}

/// A transform that draws an operation for every sample.
protocol DrawnTransform: Transform {
  /// The operation for a sample; nil leaves it as it is.
  func draw(_ sample: VisionSample) -> SampleOperation?
}

extension DrawnTransform {
  public func callAsFunction(_ sample: VisionSample) -> VisionSample {
    withNoGrad {
      guard let operation = draw(sample) else { return sample }
      var result = sample
      result.image = operation.image(sample.image)
      result.boxes = sample.boxes.map(operation.boxes)
      result.masks = sample.masks.map(operation.mask)
      return result
    }
  }
}

/// Random numbers as torchvision's transforms draw them; while a loader makes a batch, from the batch's own generator.
enum Chance {
  static func rand(_ shape: Shape, dtype: DType = .float32) -> Tensor {
    Tensor.rand(shape, dtype: dtype, generator: LoaderRandom.generator)
  }
  static func randn(_ shape: Shape, dtype: DType = .float32) -> Tensor {
    Tensor.randn(shape, dtype: dtype, generator: LoaderRandom.generator)
  }
  /// One of `count`.
  static func index(_ count: Int) -> Int { integer(0, count) }
  /// `torch.empty(1).uniform_(low, high).item()`.
  static func uniform(_ low: Double, _ high: Double) -> Double {
    Tensor.empty([1]).uniform_(low, high, generator: LoaderRandom.generator).doubleValue
  }
  /// `torch.rand(1)`.
  static func unit() -> Double { rand([1]).doubleValue }
  /// `torch.randint(low, high, (1,))`; `high` is excluded.
  static func integer(_ low: Int, _ high: Int) -> Int {
    Tensor.randint(low, high, [1], generator: LoaderRandom.generator).intValue
  }
  /// Whether an event of probability `p` happens.
  static func happens(_ p: Double) -> Bool { unit() < p }
  /// `torch.randperm(count)`.
  static func order(_ count: Int) -> [Int] { Tensor.randperm(count, generator: LoaderRandom.generator).array(Int.self) }

  /// `torch._sample_dirichlet`: gamma variates after Marsaglia and Tsang (2000), divided by their sum.
  static func dirichlet(_ alpha: [Double]) -> [Double] {
    let gammas = alpha.map(gamma)
    let sum = gammas.reduce(0, +)
    return gammas.map {
      Double(Float(min(max($0 / sum, Double(Float.leastNormalMagnitude)), Double(1 - Float.ulpOfOne / 2))))
    }
  }

  private static func gamma(_ shape: Double) -> Double {
    func uniform() -> Double { 1 - rand([1], dtype: .float64).doubleValue }
    var (alpha, scale) = (shape, 1.0)
    if alpha < 1 {
      if alpha == 0 { return 0 }
      scale = power(uniform(), 1 / alpha)
      alpha += 1
    }
    let d = alpha - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = randn([1], dtype: .float64).doubleValue
      let y = 1 + c * x
      if y <= 0 { continue }
      let v = y * y * y
      let u = uniform()
      let squared = x * x
      if u < 1 - 0.0331 * squared * squared { return scale * d * v }
      let bound = 0.5 * squared + d * (1 - v + logarithm(v))
      if logarithm(u) < bound { return scale * d * v }
    }
  }
}

/// Transforms one after another. Same as `v2.Compose`.
public struct Compose: Transform {
  public let transforms: [any Transform]
  public init(_ transforms: [any Transform]) { self.transforms = transforms }
  public init(_ transforms: any Transform...) { self.transforms = transforms }
  public func callAsFunction(_ sample: VisionSample) -> VisionSample { transforms.reduce(sample) { $1($0) } }
}

/// All transforms with probability `p`, otherwise none. Same as `v2.RandomApply`.
public struct RandomApply: Transform {
  public let transforms: [any Transform]
  public let p: Double
  public init(_ transforms: [any Transform], p: Double = 0.5) {
    requireProbability(p, "RandomApply")
    (self.transforms, self.p) = (transforms, p)
  }
  public func callAsFunction(_ sample: VisionSample) -> VisionSample {
    Chance.unit() >= p ? sample : transforms.reduce(sample) { $1($0) }
  }
}

/// One of several transforms, by their probabilities (alike unless given). Same as `v2.RandomChoice`.
public struct RandomChoice: Transform {
  public let transforms: [any Transform]
  public let probabilities: [Double]
  public init(_ transforms: [any Transform], probabilities: [Double]? = nil) {
    let weights = probabilities ?? transforms.map { _ in 1 }
    if transforms.isEmpty || weights.count != transforms.count || weights.contains(where: { $0 < 0 }) {
      fatalError(
        "RandomChoice: expected as many probabilities as transforms (at least one), got \(weights.count) for \(transforms.count)"
      )
    }
    let sum = weights.reduce(0, +)
    (self.transforms, self.probabilities) = (transforms, weights.map { $0 / sum })
  }
  public func callAsFunction(_ sample: VisionSample) -> VisionSample {
    let index = Tensor(probabilities, shape: [probabilities.count], dtype: .float32).multinomial(
      1, generator: LoaderRandom.generator
    ).intValue
    return transforms[index](sample)
  }
}

/// All transforms in random order. Same as `v2.RandomOrder`.
public struct RandomOrder: Transform {
  public let transforms: [any Transform]
  public init(_ transforms: [any Transform]) { self.transforms = transforms }
  public func callAsFunction(_ sample: VisionSample) -> VisionSample {
    Chance.order(transforms.count).reduce(sample) { transforms[$1]($0) }
  }
}

/// A function of the picture. Same as `v2.Lambda`.
public struct LambdaTransform: Transform {
  private let body: @Sendable (Tensor) -> Tensor
  public init(_ body: @escaping @Sendable (Tensor) -> Tensor) { self.body = body }
  public func callAsFunction(_ sample: VisionSample) -> VisionSample {
    var result = sample
    result.image = body(sample.image)
    return result
  }
}

func requireProbability(_ p: Double, _ name: String) {
  if !(0...1).contains(p) { fatalError("\(name): the probability must lie in 0...1, got \(p)") }
}
