import FirefinchCore
import FirefinchTensor

/// Common part of the transposed convolutions. Weights are `[in, out / groups, kernel...]`.
open class ConvolutionTranspose: Module, Layer {
  public let kernelSize: [Int]
  public let stride: [Int]
  public let padding: [Int]
  public let outputPadding: [Int]
  public let dilation: [Int]
  public let groups: Int
  public let inChannels: Int
  public let outChannels: Int
  /// `[inChannels, outChannels / groups, kernel...]`.
  @Parameter public var weight: Tensor
  /// `[outChannels]`, or nil.
  @Parameter public var bias: Tensor?
  private let spatial: Int

  init(
    spatial: Int, _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes,
    padding: any SpatialSizes, outputPadding: any SpatialSizes, groups: Int, bias: Bool, dilation: any SpatialSizes
  ) {
    let name = "ConvTranspose\(spatial)d"
    if groups < 1 || inChannels % max(groups, 1) != 0 || outChannels % max(groups, 1) != 0 {
      Mistake.report(
        .value("\(name): \(inChannels) input and \(outChannels) output channels are not divisible by \(groups) groups"))
    }
    self.spatial = spatial
    self.inChannels = inChannels
    self.outChannels = outChannels
    self.kernelSize = spread(kernelSize.sizes, spatial, "\(name) kernelSize")
    self.stride = spread(stride.sizes, spatial, "\(name) stride")
    self.padding = spread(padding.sizes, spatial, "\(name) padding")
    self.outputPadding = spread(outputPadding.sizes, spatial, "\(name) outputPadding")
    self.dilation = spread(dilation.sizes, spatial, "\(name) dilation")
    self.groups = groups
    weight = Tensor.empty(Shape([inChannels, outChannels / max(groups, 1)] + self.kernelSize))
    self.bias = bias ? Tensor.empty([outChannels]) : nil
    super.init()
    Init.defaults(weight: weight, bias: self.bias)
  }

  open func forward(_ x: Tensor) -> Tensor { transposed(x, outputPadding) }

  /// The output with the spatial size wanted, where the stride leaves a choice. Same as PyTorch's `output_size`.
  public func callAsFunction(_ x: Tensor, outputSize: [Int]) -> Tensor {
    invoke([x]) { inputs in
      let x = inputs[0]
      let lead = x.rank - spatial
      let wanted = outputSize.count == spatial ? outputSize : Array(outputSize.suffix(spatial))
      var extra: [Int] = []
      for d in 0..<spatial {
        let smallest =
          (x.size(lead + d) - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernelSize[d] - 1) + 1
        let size = d < wanted.count ? wanted[d] : smallest
        if size < smallest || size > smallest + stride[d] - 1 {
          return [
            Mistake.report(
              .value(
                "ConvTranspose\(spatial)d: an output size of \(size) is not possible in dim \(lead + d), "
                  + "expected \(smallest) to \(smallest + stride[d] - 1)"))
          ]
        }
        extra.append(size - smallest)
      }
      return [transposed(x, extra)]
    }[0]
  }

  private func transposed(_ x: Tensor, _ extra: [Int]) -> Tensor {
    switch spatial {
    case 1:
      x.convTranspose1d(
        weight, bias, stride: stride, padding: padding, outputPadding: extra, groups: groups, dilation: dilation)
    case 2:
      x.convTranspose2d(
        weight, bias, stride: stride, padding: padding, outputPadding: extra, groups: groups, dilation: dilation)
    default:
      x.convTranspose3d(
        weight, bias, stride: stride, padding: padding, outputPadding: extra, groups: groups, dilation: dilation)
    }
  }

  open override var extraDescription: String {
    "\(inChannels), \(outChannels), kernel_size=\(kernelSize), stride=\(stride), padding=\(padding)"
  }
}

/// Transposed convolution over `[N, C, L]`. Same as `nn.ConvTranspose1d`.
public final class ConvTranspose1d: ConvolutionTranspose {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: any SpatialSizes = 0, outputPadding: any SpatialSizes = 0, groups: Int = 1, bias: Bool = true,
    dilation: any SpatialSizes = 1
  ) {
    super.init(
      spatial: 1, inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding,
      outputPadding: outputPadding, groups: groups, bias: bias, dilation: dilation)
  }
}

/// Transposed convolution over `[N, C, H, W]`. Same as `nn.ConvTranspose2d`.
public final class ConvTranspose2d: ConvolutionTranspose {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: any SpatialSizes = 0, outputPadding: any SpatialSizes = 0, groups: Int = 1, bias: Bool = true,
    dilation: any SpatialSizes = 1
  ) {
    super.init(
      spatial: 2, inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding,
      outputPadding: outputPadding, groups: groups, bias: bias, dilation: dilation)
  }
}

/// Transposed convolution over `[N, C, D, H, W]`. Same as `nn.ConvTranspose3d`.
public final class ConvTranspose3d: ConvolutionTranspose {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: any SpatialSizes = 0, outputPadding: any SpatialSizes = 0, groups: Int = 1, bias: Bool = true,
    dilation: any SpatialSizes = 1
  ) {
    super.init(
      spatial: 3, inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding,
      outputPadding: outputPadding, groups: groups, bias: bias, dilation: dilation)
  }
}
