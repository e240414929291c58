import FirefinchCore
import FirefinchTensor

/// A layer whose input channels are told by the first input. Until then it has no parameters; make the optimizer and load
/// state dicts after the first call. Common part of the lazy layers.
open class LazyLayer: Module, Layer {
  private let make: (Int) -> any Layer
  private let rank: Int
  private let hidden = Hidden<(any Layer)?>(nil)

  /// - Parameters:
  ///   - rank: dims of a batch, whose channels are dim 1; one fewer is a single sample.
  ///   - make: the layer for that many channels.
  init(rank: Int, _ make: @escaping (Int) -> any Layer) {
    self.rank = rank
    self.make = make
    super.init()
  }

  open func forward(_ x: Tensor) -> Tensor {
    if x.isPoisoned { return x }
    if let inner = hidden.value { return inner.forward(x) }
    if x.rank != rank && x.rank != rank - 1 {
      return Mistake.report(.shape("\(type(of: self)): expected \(rank - 1) or \(rank) dims, got shape \(x.shape)"))
    }
    let inner = make(x.size(rank == x.rank ? 1 : 0))
    hidden.value = inner
    for (key, tensor) in inner.namedParameters() { registerParameter(key, tensor) }
    return inner.forward(x)
  }
}

/// `Conv1d` with input channels from the first input. Same as `nn.LazyConv1d`.
public final class LazyConv1d: LazyLayer {
  public init(
    _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any SpatialSizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(rank: 3) {
      Conv1d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups,
        bias: bias, paddingMode: paddingMode)
    }
  }
}

/// `Conv2d` with input channels from the first input. Same as `nn.LazyConv2d`.
public final class LazyConv2d: LazyLayer {
  public init(
    _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any SpatialSizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(rank: 4) {
      Conv2d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups,
        bias: bias, paddingMode: paddingMode)
    }
  }
}

/// `Conv3d` with input channels from the first input. Same as `nn.LazyConv3d`.
public final class LazyConv3d: LazyLayer {
  public init(
    _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1,
    padding: some ConvolutionPadding = 0, dilation: any SpatialSizes = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros
  ) {
    super.init(rank: 5) {
      Conv3d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups,
        bias: bias, paddingMode: paddingMode)
    }
  }
}

/// `ConvTranspose1d` with input channels from the first input. Same as `nn.LazyConvTranspose1d`.
public final class LazyConvTranspose1d: LazyLayer {
  public init(
    _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1, padding: any SpatialSizes = 0,
    outputPadding: any SpatialSizes = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialSizes = 1
  ) {
    super.init(rank: 3) {
      ConvTranspose1d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding,
        groups: groups, bias: bias, dilation: dilation)
    }
  }
}

/// `ConvTranspose2d` with input channels from the first input. Same as `nn.LazyConvTranspose2d`.
public final class LazyConvTranspose2d: LazyLayer {
  public init(
    _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1, padding: any SpatialSizes = 0,
    outputPadding: any SpatialSizes = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialSizes = 1
  ) {
    super.init(rank: 4) {
      ConvTranspose2d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding,
        groups: groups, bias: bias, dilation: dilation)
    }
  }
}

/// `ConvTranspose3d` with input channels from the first input. Same as `nn.LazyConvTranspose3d`.
public final class LazyConvTranspose3d: LazyLayer {
  public init(
    _ outChannels: Int, kernelSize: any SpatialSizes, stride: any SpatialSizes = 1, padding: any SpatialSizes = 0,
    outputPadding: any SpatialSizes = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialSizes = 1
  ) {
    super.init(rank: 5) {
      ConvTranspose3d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding,
        groups: groups, bias: bias, dilation: dilation)
    }
  }
}
