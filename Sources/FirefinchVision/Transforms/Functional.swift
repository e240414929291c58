import Firefinch

/// Functions on pictures as tensors (…, C, H, W), uint8 in 0...255 or floating point in 0...1.
/// Same as `torchvision.transforms.v2.functional` on tensors.
public enum VisionFunctional {
  /// Resized so that the shorter side is `shorterSide`, the other in proportion (rounded down). Same as `resize(size=[n])`.
  public static func resize(
    _ x: Tensor, shorterSide: Int, interpolation: VisionPreprocessing.Interpolation = .bilinear, antialias: Bool = true
  ) -> Tensor {
    let (height, width) = (x.size(-2), x.size(-1))
    let long = Int(Double(shorterSide * max(height, width)) / Double(min(height, width)))
    let size = height <= width ? (shorterSide, long) : (long, shorterSide)
    return resize(x, height: size.0, width: size.1, interpolation: interpolation, antialias: antialias)
  }

  /// Resized to height x width. Same as `resize(size=[h, w])`.
  public static func resize(
    _ x: Tensor, height: Int, width: Int, interpolation: VisionPreprocessing.Interpolation = .bilinear, antialias: Bool = true
  ) -> Tensor {
    if x.size(-2) == height && x.size(-1) == width { return x }
    let batch = x.reshape(Shape([-1, x.size(-3), x.size(-2), x.size(-1)]))
    let mode: InterpolationMode = interpolation == .nearest ? .nearest : interpolation == .bilinear ? .bilinear : .bicubic
    let resized = batch.interpolate(size: [height, width], mode: mode, antialias: antialias && mode != .nearest)
    return resized.reshape(Shape(Array(x.shape.dropLast(2)) + [height, width]))
  }

  /// The middle of height x width; smaller pictures are padded with zeros. Same as `center_crop`.
  public static func centerCrop(_ x: Tensor, _ height: Int, _ width: Int) -> Tensor {
    var x = x
    let (missingRows, missingColumns) = (max(height - x.size(-2), 0), max(width - x.size(-1), 0))
    if missingRows + missingColumns > 0 {
      let left = missingColumns / 2, top = missingRows / 2
      x = x.pad([left, missingColumns - left, top, missingRows - top])
    }
    // Half a pixel goes to the even side, as Python's round.
    let top = Int((Double(x.size(-2) - height) / 2).rounded(.toNearestOrEven))
    let left = Int((Double(x.size(-1) - width) / 2).rounded(.toNearestOrEven))
    return x.slice(dim: -2, start: top, end: top + height).slice(dim: -1, start: left, end: left + width)
  }

  /// uint8 as float32 in 0...1. Same as `to_dtype(float32, scale=True)`.
  public static func toFloat(_ x: Tensor) -> Tensor {
    x.dtype == .uint8 ? x.to(.float32).div_(255) : x.to(.float32)
  }

  /// (x - mean) / std by channel. Same as `normalize`.
  public static func normalize(_ x: Tensor, mean: [Double], std: [Double]) -> Tensor {
    let mean = Tensor(mean, shape: [mean.count, 1, 1], dtype: x.dtype)
    let std = Tensor(std, shape: [std.count, 1, 1], dtype: x.dtype)
    return (x - mean).div_(std)
  }
}
