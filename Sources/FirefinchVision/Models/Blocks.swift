import Firefinch

/// Makes a normalisation layer for a number of channels, such as `{ BatchNorm2d($0, eps: 1e-3) }`.
public typealias NormLayer = (_ channels: Int) -> any Layer
/// Makes an activation, such as `{ SiLU() }`.
public typealias ActivationLayer = () -> any Layer

/// `numClasses` and the like are wrong; says so in one sentence.
func requireModelArgument(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError(message()) }
}

/// `value` rounded to the nearest multiple of `divisor`, but not down by more than a tenth. Same as torchvision's
/// `_make_divisible` (MobileNet).
func makeDivisible(_ value: Double, by divisor: Int, atLeast minimum: Int? = nil) -> Int {
  let rounded = Int(value + Double(divisor) / 2) / divisor * divisor
  let result = max(minimum ?? divisor, rounded)
  return Double(result) < 0.9 * value ? result + divisor : result
}

/// A convolution, its normalisation and its activation, with the keys 0, 1, 2. Same as
/// `torchvision.ops.misc.Conv2dNormActivation`.
open class ConvNormActivation: Sequential {
  /// From `channels` to `outChannels`. `padding` keeps the size (at stride 1) unless given; `norm` or `activation` nil leave
  /// that layer out; `bias` is there when there is no normalisation, unless given.
  public init(
    _ channels: Int, _ outChannels: Int, kernelSize: any SpatialSizes = 3, stride: any SpatialSizes = 1,
    padding: [Int]? = nil, groups: Int = 1, norm: NormLayer? = { BatchNorm2d($0) },
    activation: ActivationLayer? = { ReLU(inPlace: true) }, dilation: Int = 1, bias: Bool? = nil
  ) {
    let given = kernelSize.sizes
    let kernel = given.count == 1 ? [given[0], given[0]] : given
    let same = kernel.map { ($0 - 1) / 2 * dilation }
    let conv = Conv2d(
      channels, outChannels, kernelSize: kernel, stride: stride, padding: padding ?? same, dilation: dilation,
      groups: groups, bias: bias ?? (norm == nil))
    var layers: [any Layer] = [conv]
    if let norm { layers.append(norm(outChannels)) }
    if let activation { layers.append(activation()) }
    super.init(layers)
  }
}

/// Channels weighed by what the whole picture says about them (Hu et al. 2018). Same as
/// `torchvision.ops.misc.SqueezeExcitation`.
public final class SqueezeExcitation: Module, Layer {
  let fc1: Conv2d
  let fc2: Conv2d
  let activation: any Layer
  let scaleActivation: any Layer

  public init(
    _ channels: Int, squeeze: Int, activation: ActivationLayer = { ReLU() }, scaleActivation: ActivationLayer = { Sigmoid() }
  ) {
    fc1 = Conv2d(channels, squeeze, kernelSize: 1)
    fc2 = Conv2d(squeeze, channels, kernelSize: 1)
    self.activation = activation()
    self.scaleActivation = scaleActivation()
    super.init()
  }

  /// (N, channels, H, W), shape unchanged.
  public func forward(_ x: Tensor) -> Tensor {
    let pooled = x.mean(dim: [2, 3], keepDim: true)
    return x * scaleActivation(fc2(activation(fc1(pooled))))
  }
}

/// In training, leaves out a residual branch with probability `p` and enlarges the kept ones by 1 / (1 - p) (Huang et al. 2016).
/// Same as `torchvision.ops.StochasticDepth`.
public final class StochasticDepth: Module, Layer {
  /// What is dropped together: the whole batch, or each sample (row) on its own.
  public enum Mode: String, Sendable { case batch, row }
  public let p: Double
  public let mode: Mode

  public init(p: Double, mode: Mode = .row) {
    if !(0...1).contains(p) { fatalError("StochasticDepth: p must lie in 0...1, got \(p)") }
    (self.p, self.mode) = (p, mode)
    super.init()
  }

  public func forward(_ x: Tensor) -> Tensor {
    if !isTraining || p == 0 { return x }
    var shape = [Int](repeating: 1, count: x.rank)
    if mode == .row { shape[0] = x.size(0) }
    let noise = withNoGrad {
      let kept = Tensor.empty(Shape(shape), dtype: x.dtype, device: x.device).bernoulli_(1 - p)
      return p < 1 ? kept.div_(1 - p) : kept
    }
    return x * noise
  }

  public override var extraDescription: String { "p=\(p), mode=\(mode.rawValue)" }
}
