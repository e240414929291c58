import FirefinchCore
import FirefinchTensor

/// Common part of `Conv1d`, `Conv2d` and `Conv3d`. Weights are `[out, in / groups, kernel...]`.
open class Convolution: Module, Layer {
  public let inChannels: Int
  public let outChannels: Int
  public let kernelSize: [Int]
  public let stride: [Int]
  /// Sizes on each side, one for each spatial dim; for "same" the amounts are in `reversedPadding`.
  public let padding: [Int]
  public let dilation: [Int]
  public let groups: Int
  public let paddingMode: PaddingMode
  /// `[outChannels, inChannels / groups, kernel...]`.
  @Parameter public var weight: Tensor
  /// `[outChannels]`, or nil.
  @Parameter public var bias: Tensor?
  /// As `F.pad` takes it, last dim first; nil when the kernel does the padding.
  private let reversedPadding: [Int]?
  private let spatial: Int

  init(
    spatial: Int, _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes,
    padding: any ConvolutionPadding, dilation: any SpatialSizes, groups: Int, bias: Bool, paddingMode: PaddingMode
  ) {
    let name = "Conv\(spatial)d"
    let kernel = spread(kernelSize.sizes, spatial, "\(name) kernelSize")
    let steps = spread(stride.sizes, spatial, "\(name) stride")
    let spacing = spread(dilation.sizes, spatial, "\(name) dilation")
    if groups < 1 || inChannels % max(groups, 1) != 0 || outChannels % max(groups, 1) != 0 {
      Mistake.report(
        .value("\(name): \(inChannels) input and \(outChannels) output channels are not divisible by \(groups) groups"))
    }
    var uneven: [Int]?
    if let sizes = padding.paddingSizes {
      self.padding = spread(sizes, spatial, "\(name) padding")
    } else if padding.paddingName == "same" {
      if steps.contains(where: { $0 != 1 }) {
        Mistake.report(.value("\(name): padding 'same' needs a stride of 1, got \(steps)"))
      }
      let total = zip(kernel, spacing).map { ($0 - 1) * $1 }
      self.padding = total.map { $0 / 2 }
      // More on the right where the total is odd.
      if total.contains(where: { $0 % 2 == 1 }) { uneven = total.reversed().flatMap { [$0 / 2, $0 - $0 / 2] } }
    } else {
      if padding.paddingName != "valid" {
        Mistake.report(
          .value("\(name): padding must be sizes, 'same' or 'valid', got '\(padding.paddingName ?? "")'"))
      }
      self.padding = [Int](repeating: 0, count: spatial)
    }
    if paddingMode != .zeros { uneven = uneven ?? self.padding.reversed().flatMap { [$0, $0] } }
    reversedPadding = uneven
    self.spatial = spatial
    self.inChannels = inChannels
    self.outChannels = outChannels
    self.kernelSize = kernel
    self.stride = steps
    self.dilation = spacing
    self.groups = groups
    self.paddingMode = paddingMode
    weight = Tensor.empty(Shape([outChannels, inChannels / max(groups, 1)] + kernel))
    self.bias = bias ? Tensor.empty([outChannels]) : nil
    super.init()
    resetParameters()
  }

  /// Draws new starting values.
  open func resetParameters() { Init.defaults(weight: weight, bias: bias) }

  open func forward(_ x: Tensor) -> Tensor {
    var x = x
    var padding = ConvPadding.sizes(padding)
    if let reversedPadding {
      x = x.pad(reversedPadding, mode: paddingMode)
      padding = .valid
    }
    switch spatial {
    case 1: return x.conv1d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    case 2: return x.conv2d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    default: return x.conv3d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    }
  }

  open override var extraDescription: String {
    var text = "\(inChannels), \(outChannels), kernel_size=\(kernelSize), stride=\(stride)"
    if padding.contains(where: { $0 != 0 }) { text += ", padding=\(padding)" }
    if dilation.contains(where: { $0 != 1 }) { text += ", dilation=\(dilation)" }
    if groups != 1 { text += ", groups=\(groups)" }
    if bias == nil { text += ", bias=False" }
    return text
  }
}

/// Convolution over `[N, C, L]`. Same as `nn.Conv1d`.
public final class Conv1d: Convolution {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any SpatialSizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(
      spatial: 1, inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding,
      dilation: dilation, groups: groups, bias: bias, paddingMode: paddingMode)
  }
}

/// Convolution over `[N, C, H, W]`. Same as `nn.Conv2d`.
public final class Conv2d: Convolution {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any SpatialSizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(
      spatial: 2, inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding,
      dilation: dilation, groups: groups, bias: bias, paddingMode: paddingMode)
  }
}

/// Convolution over `[N, C, D, H, W]`. Same as `nn.Conv3d`.
public final class Conv3d: Convolution {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any SpatialSizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(
      spatial: 3, inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding,
      dilation: dilation, groups: groups, bias: bias, paddingMode: paddingMode)
  }
}
