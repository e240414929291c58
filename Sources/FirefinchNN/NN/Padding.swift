import FirefinchCore
import FirefinchTensor

/// Common part of the padding layers.
open class PaddingLayer: Module, Layer {
  private let amounts: [Int]
  private let mode: PaddingMode
  private let value: Double

  init(_ spatial: Int, _ padding: any SpatialSizes, _ mode: PaddingMode, _ value: Double = 0) {
    let sizes = padding.sizes
    if sizes.count != 1 && sizes.count != 2 * spatial {
      Mistake.report(
        .value("Padding: \(sizes.count) amounts given for \(spatial) spatial dims; give 1 or \(2 * spatial)"))
    }
    amounts = sizes.count == 1 ? [Int](repeating: sizes[0], count: 2 * spatial) : sizes
    self.mode = mode
    self.value = value
  }
  open func forward(_ x: Tensor) -> Tensor {
    mode == .zeros ? x.pad(amounts, value: value) : x.pad(amounts, mode: mode)
  }
  open override var extraDescription: String { "padding=\(amounts)" }
}

/// Puts one value around the last dim; amounts are [left, right]. Same as `nn.ConstantPad1d`.
public final class ConstantPad1d: PaddingLayer {
  public init(_ padding: any SpatialSizes, _ value: Double) { super.init(1, padding, .zeros, value) }
}
/// Puts one value around the last two dims; amounts are [left, right, top, bottom]. Same as `nn.ConstantPad2d`.
public final class ConstantPad2d: PaddingLayer {
  public init(_ padding: any SpatialSizes, _ value: Double) { super.init(2, padding, .zeros, value) }
}
/// Puts one value around the last three dims. Same as `nn.ConstantPad3d`.
public final class ConstantPad3d: PaddingLayer {
  public init(_ padding: any SpatialSizes, _ value: Double) { super.init(3, padding, .zeros, value) }
}
/// Puts zeros around the last dim. Same as `nn.ZeroPad1d`.
public final class ZeroPad1d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(1, padding, .zeros) }
}
/// Puts zeros around the last two dims. Same as `nn.ZeroPad2d`.
public final class ZeroPad2d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(2, padding, .zeros) }
}
/// Puts zeros around the last three dims. Same as `nn.ZeroPad3d`.
public final class ZeroPad3d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(3, padding, .zeros) }
}
/// Mirrors the last dim at its border. Same as `nn.ReflectionPad1d`.
public final class ReflectionPad1d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(1, padding, .reflect) }
}
/// Mirrors the last two dims at their border. Same as `nn.ReflectionPad2d`.
public final class ReflectionPad2d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(2, padding, .reflect) }
}
/// Mirrors the last three dims at their border. Same as `nn.ReflectionPad3d`.
public final class ReflectionPad3d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(3, padding, .reflect) }
}
/// Repeats the border of the last dim. Same as `nn.ReplicationPad1d`.
public final class ReplicationPad1d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(1, padding, .replicate) }
}
/// Repeats the border of the last two dims. Same as `nn.ReplicationPad2d`.
public final class ReplicationPad2d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(2, padding, .replicate) }
}
/// Repeats the border of the last three dims. Same as `nn.ReplicationPad3d`.
public final class ReplicationPad3d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(3, padding, .replicate) }
}
/// Continues the last dim with its other end. Same as `nn.CircularPad1d`.
public final class CircularPad1d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(1, padding, .circular) }
}
/// Continues the last two dims with their other ends. Same as `nn.CircularPad2d`.
public final class CircularPad2d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(2, padding, .circular) }
}
/// Continues the last three dims with their other ends. Same as `nn.CircularPad3d`.
public final class CircularPad3d: PaddingLayer {
  public init(_ padding: any SpatialSizes) { super.init(3, padding, .circular) }
}
