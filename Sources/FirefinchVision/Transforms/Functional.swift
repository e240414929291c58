import Firefinch

/// Functions on pictures as tensors (…, C, H, W), uint8 in 0...255 or floating point in 0...1.
/// Same as `torchvision.transforms.v2.functional` on tensors.
public enum VisionFunctional {
  public typealias Interpolation = VisionPreprocessing.Interpolation

  /// What is put around a picture.
  public enum PaddingKind: String, Sendable { case constant, edge, reflect, symmetric }

  // MARK: Resizing

  /// Height and width after bringing the shorter side to `shorterSide`, the longer one to at most `maxSize`.
  static func resized(_ height: Int, _ width: Int, shorterSide: Int?, maxSize: Int?) -> (height: Int, width: Int) {
    let (short, long) = (min(height, width), max(height, width))
    var newShort: Int, newLong: Int
    if let shorterSide {
      (newShort, newLong) = (shorterSide, Int(Double(shorterSide * long) / Double(short)))
      if let maxSize, newLong > maxSize {
        (newShort, newLong) = (Int(Double(maxSize * newShort) / Double(newLong)), maxSize)
      }
    } else {
      (newShort, newLong) = (Int(Double((maxSize ?? long) * short) / Double(long)), maxSize ?? long)
    }
    return height <= width ? (newShort, newLong) : (newLong, newShort)
  }

  /// Resized so that the shorter side is `shorterSide`, the other in proportion (rounded down), at most `maxSize`. Same as
  /// `resize(size=[n], max_size=...)`.
  public static func resize(
    _ x: Tensor, shorterSide: Int?, maxSize: Int? = nil, interpolation: Interpolation = .bilinear,
    antialias: Bool = true
  ) -> Tensor {
    let size = resized(x.size(-2), x.size(-1), shorterSide: shorterSide, maxSize: maxSize)
    return resize(x, height: size.height, width: size.width, interpolation: interpolation, antialias: antialias)
  }

  /// Resized to height x width. Same as `resize(size=[h, w])`.
  public static func resize(
    _ x: Tensor, height: Int, width: Int, interpolation: Interpolation = .bilinear, antialias: Bool = true
  ) -> Tensor {
    if x.size(-2) == height && x.size(-1) == width { return x }
    let batch = planes(x)
    let isSmooth = interpolation == .bilinear || interpolation == .bicubic
    let mode: InterpolationMode =
      switch interpolation {
      case .nearest: .nearest
      case .nearestExact: .nearestExact
      case .bilinear: .bilinear
      case .bicubic: .bicubic
      }
    let direct = batch.dtype == .uint8 || batch.dtype == .float32 || batch.dtype == .float64
    var resized = (direct ? batch : batch.to(.float32)).interpolate(
      size: [height, width], mode: mode, alignCorners: isSmooth ? false : nil, antialias: antialias && isSmooth)
    if !direct { resized = (batch.dtype.isFloatingPoint ? resized : resized.round()).to(batch.dtype) }
    return resized.reshape(Shape(Array(x.shape.dropLast(2)) + [height, width]))
  }

  /// Pictures as (N, C, H, W).
  static func planes(_ x: Tensor) -> Tensor { x.reshape([-1, x.rank > 2 ? x.size(-3) : 1, x.size(-2), x.size(-1)]) }

  // MARK: Cropping and padding

  /// The part from (top, left); what lies outside the picture is 0. Same as `crop`.
  public static func crop(_ x: Tensor, top: Int, left: Int, height: Int, width: Int) -> Tensor {
    let (h, w) = (x.size(-2), x.size(-1))
    let (bottom, right) = (top + height, left + width)
    let inner = x.slice(dim: -2, start: min(max(top, 0), h), end: min(max(bottom, 0), h))
      .slice(dim: -1, start: min(max(left, 0), w), end: min(max(right, 0), w))
    if top >= 0 && left >= 0 && bottom <= h && right <= w { return inner }
    let before = [max(min(right, 0) - left, 0), max(min(bottom, 0) - top, 0)]
    let after = [max(right - max(w, left), 0), max(bottom - max(h, top), 0)]
    return inner.pad([before[0], after[0], before[1], after[1]])
  }

  /// The middle of height x width; smaller pictures are padded with zeros. Same as `center_crop`.
  public static func centerCrop(_ x: Tensor, _ height: Int, _ width: Int) -> Tensor {
    var x = x
    let (missingRows, missingColumns) = (max(height - x.size(-2), 0), max(width - x.size(-1), 0))
    if missingRows + missingColumns > 0 {
      let left = missingColumns / 2, top = missingRows / 2
      x = x.pad([left, missingColumns - left, top, missingRows - top])
    }
    let (top, left) = centerOffset(x.size(-2), x.size(-1), height, width)
    return x.slice(dim: -2, start: top, end: top + height).slice(dim: -1, start: left, end: left + width)
  }

  /// Half a pixel goes to the even side, as Python's round.
  static func centerOffset(_ h: Int, _ w: Int, _ height: Int, _ width: Int) -> (top: Int, left: Int) {
    func half(_ n: Int) -> Int { Int((Double(n) / 2).rounded(.toNearestOrEven)) }
    return (half(h - height), half(w - width))
  }

  /// Same as `resized_crop`.
  public static func resizedCrop(
    _ x: Tensor, top: Int, left: Int, height: Int, width: Int, size: (height: Int, width: Int),
    interpolation: Interpolation = .bilinear, antialias: Bool = true
  ) -> Tensor {
    resize(
      crop(x, top: top, left: left, height: height, width: width), height: size.height, width: size.width,
      interpolation: interpolation, antialias: antialias)
  }

  /// Padded by left, top, right, bottom; `fill` is one value or one for each channel. Same as `pad`.
  public static func pad(
    _ x: Tensor, left: Int, top: Int, right: Int, bottom: Int, fill: [Double] = [0], kind: PaddingKind = .constant
  ) -> Tensor {
    let amounts = [left, right, top, bottom]
    switch kind {
    case .constant:
      if fill.count <= 1 { return x.pad(amounts, value: fill.first ?? 0) }
      let inside = Tensor.ones([1, x.size(-2), x.size(-1)], dtype: .bool).pad(amounts)
      let color = Tensor(fill, shape: [fill.count, 1, 1]).to(x.dtype)
      return Tensor.where(inside, x.pad(amounts), color)
    case .edge, .reflect:
      let y = planes(x)
      let mode: PaddingMode = kind == .edge ? .replicate : .reflect
      let padded = (y.dtype.isFloatingPoint ? y : y.to(.float32)).pad(amounts, mode: mode).to(x.dtype)
      return padded.reshape(Shape(Array(x.shape.dropLast(2)) + [padded.size(-2), padded.size(-1)]))
    case .symmetric:
      func mirrored(_ size: Int, _ before: Int, _ after: Int) -> Tensor {
        Tensor(
          (-before..<size + after).map { i in
            let period = ((i % (2 * size)) + 2 * size) % (2 * size)
            return period < size ? period : 2 * size - 1 - period
          }, shape: [size + before + after])
      }
      return x.indexSelect(dim: -2, mirrored(x.size(-2), top, bottom)).indexSelect(
        dim: -1, mirrored(x.size(-1), left, right))
    }
  }

  /// Same as `horizontal_flip`.
  public static func horizontalFlip(_ x: Tensor) -> Tensor { x.flip([-1]) }
  /// Same as `vertical_flip`.
  public static func verticalFlip(_ x: Tensor) -> Tensor { x.flip([-2]) }

  /// The four corners and the middle, height x width each. Same as `five_crop`.
  public static func fiveCrop(_ x: Tensor, _ height: Int, _ width: Int) -> [Tensor] {
    let (h, w) = (x.size(-2), x.size(-1))
    if height > h || width > w { fatalError("fiveCrop: \(height) x \(width) does not fit a picture of \(h) x \(w)") }
    let corners = [(0, 0), (0, w - width), (h - height, 0), (h - height, w - width)]
    return corners.map { crop(x, top: $0.0, left: $0.1, height: height, width: width) } + [centerCrop(x, height, width)]
  }

  /// `fiveCrop` of the picture and of its mirror image. Same as `ten_crop`.
  public static func tenCrop(_ x: Tensor, _ height: Int, _ width: Int, vertical: Bool = false) -> [Tensor] {
    fiveCrop(x, height, width) + fiveCrop(vertical ? verticalFlip(x) : horizontalFlip(x), height, width)
  }

  // MARK: Values

  /// Another dtype, with `scale` from and to the dtype's range (0...255 for uint8, 0...1 for floating point). Same as `to_dtype`.
  public static func toDType(_ x: Tensor, _ dtype: DType, scale: Bool = true) -> Tensor {
    if x.dtype == dtype { return x }
    if !scale { return x.to(dtype) }
    switch (x.dtype.isFloatingPoint, dtype.isFloatingPoint) {
    case (true, true): return x.to(dtype)
    case (true, false): return (x * (Double(largest(dtype)) + 1 - 1e-3)).to(dtype)
    case (false, true): return x.to(dtype).mul_(1 / Double(largest(x.dtype)))
    case (false, false):
      let shift = bits(x.dtype) - bits(dtype)
      return shift > 0 ? x.floorDivide(1 << shift).to(dtype) : x.to(dtype) * (1 << -shift)
    }
  }

  /// uint8 as float32 in 0...1.
  public static func toFloat(_ x: Tensor) -> Tensor { toDType(x, .float32) }

  /// Bits of a value without its sign.
  private static func bits(_ dtype: DType) -> Int { dtype == .uint8 ? 8 : dtype == .bool ? 1 : dtype.size * 8 - 1 }
  /// The largest value that a picture of this dtype has.
  static func largest(_ dtype: DType) -> Int { dtype.isFloatingPoint ? 1 : (1 << bits(dtype)) - 1 }

  /// (x - mean) / std by channel. Same as `normalize`.
  public static func normalize(_ x: Tensor, mean: [Double], std: [Double]) -> Tensor {
    if !x.dtype.isFloatingPoint {
      return Mistake.report(.dtype("normalize: expects floating point, got \(x.dtype); use toFloat"))
    }
    if std.contains(0) { return Mistake.report(.value("normalize: a standard deviation of 0 cannot be divided by")) }
    let mean = Tensor(mean, shape: [mean.count, 1, 1], dtype: x.dtype)
    let std = Tensor(std, shape: [std.count, 1, 1], dtype: x.dtype)
    return (x - mean).div_(std)
  }

  /// A rectangle set to `value` (broadcast to (C, height, width)). Same as `erase`.
  public static func erase(_ x: Tensor, top: Int, left: Int, height: Int, width: Int, value: Tensor) -> Tensor {
    let result = x.clone()
    result.slice(dim: -2, start: top, end: top + height).slice(dim: -1, start: left, end: left + width).copy_(value)
    return result
  }
}
