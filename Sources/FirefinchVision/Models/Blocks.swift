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
    _ channels: Int, squeeze: Int, activation: ActivationLayer = { ReLU() },
    scaleActivation: ActivationLayer = { Sigmoid() }
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

/// Layer normalisation over the channels of (N, C, H, W). Same as torchvision's `LayerNorm2d`.
public final class LayerNorm2d: Module, Layer {
  @Parameter public var weight: Tensor
  @Parameter public var bias: Tensor
  public let eps: Double

  public init(_ channels: Int, eps: Double = 1e-5) {
    weight = Tensor.ones([channels])
    bias = Tensor.zeros([channels])
    self.eps = eps
    super.init()
  }

  public func forward(_ x: Tensor) -> Tensor {
    x.permute(0, 2, 3, 1).layerNorm([weight.size(0)], weight: weight, bias: bias, eps: eps).permute(0, 3, 1, 2)
  }
}

/// Dims in another order. Same as `torchvision.ops.Permute`.
public final class Permute: Module, Layer {
  public let dims: [Int]
  public init(_ dims: Int...) {
    self.dims = dims
    super.init()
  }

  public func forward(_ x: Tensor) -> Tensor { x.permute(dims) }
}

/// Linear layers with GELU and dropout between and dropout at the end; keys 0 and 3. Transformers' second half, as
/// `torchvision.ops.MLP` with two layers.
final class TransformerMLP: Sequential {
  init(_ width: Int, hidden: Int, dropout: Double) {
    super.init([Linear(width, hidden), GELU(), Dropout(p: dropout), Linear(hidden, width), Dropout(p: dropout)])
    initialise(convolutions: nil, linear: TransformerMLP.draw)
  }

  private static func draw(_ linear: Linear) {
    Init.xavierUniform_(linear.weight)
    if let bias = linear.bias { Init.normal_(bias, std: 1e-6) }
  }

  /// Old checkpoints call the layers `linear_1` and `linear_2`.
  static func renamed(_ state: StateDict) -> StateDict {
    state.mapKeys { $0.replacing("mlp.linear_1.", with: "mlp.0.").replacing("mlp.linear_2.", with: "mlp.3.") }
  }
}
