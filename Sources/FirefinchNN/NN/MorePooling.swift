import FirefinchCore
import FirefinchTensor

/// The p-norm of windows. Common part of `LPPool1d`, `LPPool2d` and `LPPool3d`.
open class LPPool: Module, Layer {
  private let p: Double
  private let kernelSize: [Int]
  private let stride: [Int]?
  private let ceilMode: Bool
  private let spatial: Int

  init(_ spatial: Int, _ p: Double, _ kernelSize: any SpatialSizes, _ stride: (any SpatialSizes)?, _ ceilMode: Bool) {
    self.spatial = spatial
    self.p = p
    self.kernelSize = spread(kernelSize.sizes, spatial, "LPPool\(spatial)d kernelSize")
    self.stride = stride.map { spread($0.sizes, spatial, "LPPool\(spatial)d stride") }
    self.ceilMode = ceilMode
  }
  open func forward(_ x: Tensor) -> Tensor {
    x.lpPool(p, kernelSize, spatialDims: spatial, stride: stride, ceilMode: ceilMode)
  }
  open override var extraDescription: String { "norm_type=\(p), kernel_size=\(kernelSize)" }
}

/// The p-norm of windows of `[N, C, L]`. Same as `nn.LPPool1d`.
public final class LPPool1d: LPPool {
  public init(_ p: Double, kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, ceilMode: Bool = false) {
    super.init(1, p, kernelSize, stride, ceilMode)
  }
}
/// The p-norm of windows of `[N, C, H, W]`. Same as `nn.LPPool2d`.
public final class LPPool2d: LPPool {
  public init(_ p: Double, kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, ceilMode: Bool = false) {
    super.init(2, p, kernelSize, stride, ceilMode)
  }
}
/// The p-norm of windows of `[N, C, D, H, W]`. Same as `nn.LPPool3d`.
public final class LPPool3d: LPPool {
  public init(_ p: Double, kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, ceilMode: Bool = false) {
    super.init(3, p, kernelSize, stride, ceilMode)
  }
}

/// Maxima of windows at random places. Common part of `FractionalMaxPool2d` and `FractionalMaxPool3d`.
open class FractionalMaxPool: Module, Layer {
  open override class var stateKeys: [String: String] { ["randomSamples": "_random_samples"] }

  private let kernelSize: [Int]
  private let outputSize: [Int]?
  private let outputRatio: [Double]?
  /// Random numbers given for every call, or nil.
  @Buffer public var randomSamples: Tensor?
  private let spatial: Int

  init(_ spatial: Int, _ kernelSize: any SpatialSizes, _ size: (any SpatialSizes)?, _ ratio: [Double]?, _ samples: Tensor?) {
    if (size == nil) == (ratio == nil) {
      Mistake.report(.value("FractionalMaxPool\(spatial)d: give either outputSize or outputRatio"))
    }
    self.spatial = spatial
    self.kernelSize = kernelSize.sizes
    outputSize = size?.sizes
    outputRatio = ratio
    randomSamples = samples
  }
  /// Values and their flat positions within each plane.
  public func withIndices(_ x: Tensor) -> (values: Tensor, indices: Tensor) {
    x.fractionalMaxPool(
      kernelSize, spatialDims: spatial, outputSize: outputSize, outputRatio: outputRatio, samples: randomSamples)
  }
  open func forward(_ x: Tensor) -> Tensor { withIndices(x).values }
}

/// Maxima of windows at random places of `[N, C, H, W]`. Same as `nn.FractionalMaxPool2d`.
public final class FractionalMaxPool2d: FractionalMaxPool {
  /// - Parameter samples: the random numbers `[N, C, 2]`; drawn for each call when nil.
  public init(
    kernelSize: any SpatialSizes, outputSize: (any SpatialSizes)? = nil, outputRatio: [Double]? = nil, samples: Tensor? = nil
  ) { super.init(2, kernelSize, outputSize, outputRatio, samples) }
}
/// Maxima of windows at random places of `[N, C, D, H, W]`. Same as `nn.FractionalMaxPool3d`.
public final class FractionalMaxPool3d: FractionalMaxPool {
  /// - Parameter samples: the random numbers `[N, C, 3]`; drawn for each call when nil.
  public init(
    kernelSize: any SpatialSizes, outputSize: (any SpatialSizes)? = nil, outputRatio: [Double]? = nil, samples: Tensor? = nil
  ) { super.init(3, kernelSize, outputSize, outputRatio, samples) }
}
