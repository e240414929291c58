import FirefinchCore
import FirefinchTensor

/// Common part of the maximum poolings.
open class MaxPool: Module, Layer {
  let kernelSize: [Int], stride: [Int], padding: [Int], dilation: [Int]
  let ceilMode: Bool
  private let spatial: Int

  init(
    _ spatial: Int, _ kernelSize: any SpatialSizes, _ stride: (any SpatialSizes)?, _ padding: any SpatialSizes,
    _ dilation: any SpatialSizes, _ ceilMode: Bool
  ) {
    let name = "MaxPool\(spatial)d"
    self.spatial = spatial
    self.kernelSize = spread(kernelSize.sizes, spatial, "\(name) kernelSize")
    self.stride = stride.map { spread($0.sizes, spatial, "\(name) stride") } ?? self.kernelSize
    self.padding = spread(padding.sizes, spatial, "\(name) padding")
    self.dilation = spread(dilation.sizes, spatial, "\(name) dilation")
    self.ceilMode = ceilMode
  }

  /// Values and their flat positions within each plane, PyTorch's `return_indices`.
  public func withIndices(_ x: Tensor) -> (values: Tensor, indices: Tensor) {
    x.maxPoolWithIndices(
      kernelSize, spatialDims: spatial, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }
  open func forward(_ x: Tensor) -> Tensor {
    switch spatial {
    case 1: x.maxPool1d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
    case 2: x.maxPool2d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
    default: x.maxPool3d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
    }
  }
  open override var extraDescription: String { "kernel_size=\(kernelSize), stride=\(stride), padding=\(padding)" }
}

/// Maximum over windows of `[N, C, L]`. Same as `nn.MaxPool1d`.
public final class MaxPool1d: MaxPool {
  public init(
    kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, padding: any SpatialSizes = 0,
    dilation: any SpatialSizes = 1, ceilMode: Bool = false
  ) { super.init(1, kernelSize, stride, padding, dilation, ceilMode) }
}

/// Maximum over windows of `[N, C, H, W]`. Same as `nn.MaxPool2d`.
public final class MaxPool2d: MaxPool {
  public init(
    kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, padding: any SpatialSizes = 0,
    dilation: any SpatialSizes = 1, ceilMode: Bool = false
  ) { super.init(2, kernelSize, stride, padding, dilation, ceilMode) }
}

/// Maximum over windows of `[N, C, D, H, W]`. Same as `nn.MaxPool3d`.
public final class MaxPool3d: MaxPool {
  public init(
    kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, padding: any SpatialSizes = 0,
    dilation: any SpatialSizes = 1, ceilMode: Bool = false
  ) { super.init(3, kernelSize, stride, padding, dilation, ceilMode) }
}

/// Common part of the average poolings.
open class AvgPool: Module, Layer {
  let kernelSize: [Int], stride: [Int], padding: [Int]
  let ceilMode: Bool, countIncludePad: Bool
  let divisorOverride: Int?
  private let spatial: Int

  init(
    _ spatial: Int, _ kernelSize: any SpatialSizes, _ stride: (any SpatialSizes)?, _ padding: any SpatialSizes,
    _ ceilMode: Bool, _ countIncludePad: Bool, _ divisorOverride: Int?
  ) {
    let name = "AvgPool\(spatial)d"
    self.spatial = spatial
    self.kernelSize = spread(kernelSize.sizes, spatial, "\(name) kernelSize")
    self.stride = stride.map { spread($0.sizes, spatial, "\(name) stride") } ?? self.kernelSize
    self.padding = spread(padding.sizes, spatial, "\(name) padding")
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
    self.divisorOverride = divisorOverride
  }

  open func forward(_ x: Tensor) -> Tensor {
    switch spatial {
    case 1:
      x.avgPool1d(
        kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad)
    case 2:
      x.avgPool2d(
        kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad,
        divisorOverride: divisorOverride)
    default:
      x.avgPool3d(
        kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad,
        divisorOverride: divisorOverride)
    }
  }
  open override var extraDescription: String { "kernel_size=\(kernelSize), stride=\(stride), padding=\(padding)" }
}

/// Mean over windows of `[N, C, L]`. Same as `nn.AvgPool1d`.
public final class AvgPool1d: AvgPool {
  public init(
    kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, padding: any SpatialSizes = 0,
    ceilMode: Bool = false, countIncludePad: Bool = true
  ) { super.init(1, kernelSize, stride, padding, ceilMode, countIncludePad, nil) }
}

/// Mean over windows of `[N, C, H, W]`. Same as `nn.AvgPool2d`.
public final class AvgPool2d: AvgPool {
  public init(
    kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, padding: any SpatialSizes = 0,
    ceilMode: Bool = false, countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) { super.init(2, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) }
}

/// Mean over windows of `[N, C, D, H, W]`. Same as `nn.AvgPool3d`.
public final class AvgPool3d: AvgPool {
  public init(
    kernelSize: any SpatialSizes, stride: (any SpatialSizes)? = nil, padding: any SpatialSizes = 0,
    ceilMode: Bool = false, countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) { super.init(3, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) }
}

/// Output size of an adaptive pooling; nil keeps a dim's size.
public protocol AdaptiveSizes {
  var optionalSizes: [Int?] { get }
}
extension Int: AdaptiveSizes {
  public var optionalSizes: [Int?] { [self] }
}
extension Array: AdaptiveSizes where Element == Int? {
  public var optionalSizes: [Int?] { self }
}

/// Common part of the adaptive poolings.
open class AdaptivePool: Module, Layer {
  enum Kind { case average, maximum }
  private let kind: Kind
  private let spatial: Int
  private let outputSize: [Int?]

  init(_ kind: Kind, _ spatial: Int, _ outputSize: any AdaptiveSizes) {
    self.kind = kind
    self.spatial = spatial
    let sizes = outputSize.optionalSizes
    self.outputSize = sizes.count == 1 ? [Int?](repeating: sizes[0], count: spatial) : sizes
    if self.outputSize.count != spatial {
      Mistake.report(.value("Adaptive pooling: \(sizes.count) sizes given for \(spatial) spatial dims"))
    }
  }

  open func forward(_ x: Tensor) -> Tensor {
    switch (kind, spatial) {
    case (.average, 1): x.adaptiveAvgPool1d(outputSize)
    case (.average, 2): x.adaptiveAvgPool2d(outputSize)
    case (.average, _): x.adaptiveAvgPool3d(outputSize)
    case (.maximum, _): x.adaptiveMaxPool(outputSize, spatialDims: spatial).values
    }
  }
  open override var extraDescription: String {
    "output_size=[" + outputSize.map { $0.map { "\($0)" } ?? "None" }.joined(separator: ", ") + "]"
  }
}

/// Mean over as many windows of `[N, C, L]` as wanted. Same as `nn.AdaptiveAvgPool1d`.
public final class AdaptiveAvgPool1d: AdaptivePool {
  public init(outputSize: any AdaptiveSizes) { super.init(.average, 1, outputSize) }
}
/// Mean over as many windows of `[N, C, H, W]` as wanted. Same as `nn.AdaptiveAvgPool2d`.
public final class AdaptiveAvgPool2d: AdaptivePool {
  public init(outputSize: any AdaptiveSizes) { super.init(.average, 2, outputSize) }
}
/// Mean over as many windows of `[N, C, D, H, W]` as wanted. Same as `nn.AdaptiveAvgPool3d`.
public final class AdaptiveAvgPool3d: AdaptivePool {
  public init(outputSize: any AdaptiveSizes) { super.init(.average, 3, outputSize) }
}
/// Maximum over as many windows of `[N, C, L]` as wanted. Same as `nn.AdaptiveMaxPool1d`.
public final class AdaptiveMaxPool1d: AdaptivePool {
  public init(outputSize: any AdaptiveSizes) { super.init(.maximum, 1, outputSize) }
}
/// Maximum over as many windows of `[N, C, H, W]` as wanted. Same as `nn.AdaptiveMaxPool2d`.
public final class AdaptiveMaxPool2d: AdaptivePool {
  public init(outputSize: any AdaptiveSizes) { super.init(.maximum, 2, outputSize) }
}
/// Maximum over as many windows of `[N, C, D, H, W]` as wanted. Same as `nn.AdaptiveMaxPool3d`.
public final class AdaptiveMaxPool3d: AdaptivePool {
  public init(outputSize: any AdaptiveSizes) { super.init(.maximum, 3, outputSize) }
}
