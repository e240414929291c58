import Firefinch

/// Colours. Pictures have one or three channels.
extension VisionFunctional {
  private static func checkChannels(_ x: Tensor, _ name: String) -> Tensor? {
    if x.rank >= 3 && (x.size(-3) == 1 || x.size(-3) == 3) { return nil }
    return Mistake.report(.shape("\(name): expects pictures (…, 1 or 3, H, W), got shape \(x.shape)"))
  }

  private static func checkFactor(_ factor: Double, _ name: String) -> Tensor? {
    factor >= 0 ? nil : Mistake.report(.value("\(name): the factor must not be negative, got \(factor)"))
  }

  /// Weighted sum of the channels with one channel, in floating point.
  private static func brightness(_ x: Tensor) -> Tensor {
    if x.size(-3) == 1 { return x }
    let c = x.unbind(dim: x.rank - 3)
    let red = c[0].to(x.dtype.isFloatingPoint ? x.dtype : .float32) * 0.2989
    return red.add_(c[1], alpha: 0.587).add_(c[2], alpha: 0.114).unsqueeze(dim: -3)
  }

  /// Same as `rgb_to_grayscale`.
  public static func rgbToGrayscale(_ x: Tensor, channels: Int = 1) -> Tensor {
    if let problem = checkChannels(x, "rgbToGrayscale") { return problem }
    let grey = brightness(x).to(x.dtype)
    return channels == 1 ? grey : grey.expand(Shape(Array(x.shape.dropLast(3)) + [channels, x.size(-2), x.size(-1)]))
  }

  /// image * ratio + other * (1 - ratio), cut to the dtype's range.
  private static func blend(_ x: Tensor, _ other: Tensor, _ ratio: Double) -> Tensor {
    let scaled = x.dtype.isFloatingPoint ? x * ratio : x.to(.float32) * ratio
    return scaled.add_(other, alpha: 1 - ratio).clamp(min: 0, max: largest(x.dtype)).to(x.dtype)
  }

  /// Same as `adjust_brightness`.
  public static func adjustBrightness(_ x: Tensor, _ factor: Double) -> Tensor {
    if let problem = checkChannels(x, "adjustBrightness") ?? checkFactor(factor, "adjustBrightness") { return problem }
    let scaled = x.dtype.isFloatingPoint ? x * factor : x.to(.float32) * factor
    return scaled.clamp(min: 0, max: largest(x.dtype)).to(x.dtype)
  }

  /// Same as `adjust_contrast`.
  public static func adjustContrast(_ x: Tensor, _ factor: Double) -> Tensor {
    if let problem = checkChannels(x, "adjustContrast") ?? checkFactor(factor, "adjustContrast") { return problem }
    var grey = brightness(x)
    if !x.dtype.isFloatingPoint { grey = x.size(-3) == 3 ? grey.floor() : grey.to(.float32) }
    return blend(x, grey.mean(dim: [-3, -2, -1], keepDim: true), factor)
  }

  /// Same as `adjust_saturation`.
  public static func adjustSaturation(_ x: Tensor, _ factor: Double) -> Tensor {
    if let problem = checkChannels(x, "adjustSaturation") ?? checkFactor(factor, "adjustSaturation") { return problem }
    if x.size(-3) == 1 { return x }
    let grey = brightness(x)
    return blend(x, x.dtype.isFloatingPoint ? grey : grey.floor(), factor)
  }

  /// The hue turned by `factor` of the circle, -0.5...0.5. Same as `adjust_hue`.
  public static func adjustHue(_ x: Tensor, _ factor: Double) -> Tensor {
    if let problem = checkChannels(x, "adjustHue") { return problem }
    if !(-0.5...0.5).contains(factor) {
      return Mistake.report(.value("adjustHue: the factor must lie in -0.5...0.5, got \(factor)"))
    }
    if x.size(-3) == 1 || x.elementCount == 0 { return x }
    let (h, s, v) = hsv(toDType(x, .float32))
    return toDType(rgb((h + factor).remainder(1.0), s, v), x.dtype)
  }

  private static func hsv(_ x: Tensor) -> (h: Tensor, s: Tensor, v: Tensor) {
    let channel = x.rank - 3
    let c = x.unbind(dim: channel)
    let (low, high) = (x.amin(dim: [channel]), x.amax(dim: [channel]))
    let isGrey = high .== low
    let range = high - low
    let saturation = range / Tensor.where(isGrey, 1.0, high)
    let distance = ((high.unsqueeze(dim: -3) - x) / Tensor.where(isGrey, 1.0, range).unsqueeze(dim: -3)).unbind(
      dim: channel)
    let (rc, gc, bc) = (distance[0], distance[1], distance[2])
    let red = (high .== c[0]).to(.float32)
    let green = (high .== c[1]).to(.float32) * (1 - red)
    let blue = (1 - red) * (1 - (high .== c[1]).to(.float32))
    let hue = (bc - gc) * red + (rc + 2.0 - bc) * green + (gc + 4.0 - rc) * blue
    return ((hue * (1.0 / 6) + 1.0).remainder(1.0), saturation, high)
  }

  private static func rgb(_ h: Tensor, _ s: Tensor, _ v: Tensor) -> Tensor {
    let h6 = h * 6
    let whole = h6.floor()
    let f = h6 - whole
    let sector = whole.to(.int64).remainder(6)
    let sf = s * f
    let rest = 1 - s
    let q = ((1 - sf) * v).clamp(min: 0, max: 1)
    let t = ((sf + rest) * v).clamp(min: 0, max: 1)
    let p = (rest * v).clamp(min: 0, max: 1)
    let choices = Tensor.stack([v, p, q, t], dim: h.rank - 2)
    let table = Tensor([0, 2, 1, 1, 3, 0, 3, 0, 0, 2, 1, 1, 1, 1, 3, 0, 0, 2], shape: [3, 6])
    let select = table.indexSelect(dim: 1, sector.flatten()).reshape(Shape([3] + Array(sector.shape)))
    return choices.gather(dim: h.rank - 2, index: select.moveaxis(0, h.rank - 2))
  }

  /// gain * x ^ gamma. Same as `adjust_gamma`.
  public static func adjustGamma(_ x: Tensor, _ gamma: Double, gain: Double = 1) -> Tensor {
    if let problem = checkFactor(gamma, "adjustGamma") { return problem }
    var y = (x.dtype.isFloatingPoint ? x : toDType(x, .float32)).pow(gamma)
    if gain != 1 { y = (y * gain).clamp(min: 0, max: 1) }
    return toDType(y, x.dtype)
  }

  /// 0 gives a blurred picture, 1 the picture itself. Same as `adjust_sharpness`.
  public static func adjustSharpness(_ x: Tensor, _ factor: Double) -> Tensor {
    if let problem = checkChannels(x, "adjustSharpness") ?? checkFactor(factor, "adjustSharpness") { return problem }
    if x.elementCount == 0 || x.size(-2) <= 2 || x.size(-1) <= 2 { return x }
    let isFloat = x.dtype.isFloatingPoint
    let y = planes(isFloat ? x.clone() : x.to(.float32))
    let (a, b) = (1.0 / 13, 5.0 / 13)
    let kernel = Tensor([a, a, a, a, b, a, a, a, a], shape: [1, 1, 3, 3], dtype: y.dtype).expand([y.size(1), 1, 3, 3])
    var blurred = F.conv2d(y, kernel, groups: y.size(1))
    if !isFloat { blurred = blurred.round() }
    let inner = y.slice(dim: -2, start: 1, end: -1).slice(dim: -1, start: 1, end: -1)
    inner.add_(blurred - inner, alpha: 1 - factor)
    return y.clamp(min: 0, max: largest(x.dtype)).to(x.dtype).reshape(x.shape)
  }

  /// The highest `bits` bits of every sample. Same as `posterize`.
  public static func posterize(_ x: Tensor, bits: Int) -> Tensor {
    if !(0...8).contains(bits) { return Mistake.report(.value("posterize: bits must lie in 0...8, got \(bits)")) }
    if x.dtype.isFloatingPoint {
      let levels = 1 << bits
      return (x * levels).floor().clamp(min: 0, max: levels - 1) * (1 / Double(levels))
    }
    if bits >= 8 { return x }
    let mask = ((1 << bits) - 1) << (8 - bits)
    return x & Tensor(UInt8(mask))
  }

  /// Samples of at least `threshold` inverted. Same as `solarize`.
  public static func solarize(_ x: Tensor, threshold: Double) -> Tensor {
    if threshold > Double(largest(x.dtype)) {
      return Mistake.report(
        .value("solarize: the threshold must be at most \(largest(x.dtype)) for \(x.dtype), got \(threshold)"))
    }
    return Tensor.where(x .>= threshold, invert(x), x)
  }

  /// Same as `invert`.
  public static func invert(_ x: Tensor) -> Tensor {
    x.dtype.isFloatingPoint ? 1 - x : (largest(x.dtype) - x.to(.int64)).to(x.dtype)
  }

  /// Every channel stretched to the whole range. Same as `autocontrast`.
  public static func autocontrast(_ x: Tensor) -> Tensor {
    if let problem = checkChannels(x, "autocontrast") { return problem }
    if x.elementCount == 0 { return x }
    let bound = Double(largest(x.dtype))
    let y = x.dtype.isFloatingPoint ? x : x.to(.float32)
    let (low, high) = (y.amin(dim: [-2, -1], keepDim: true), y.amax(dim: [-2, -1], keepDim: true))
    let isFlat = high .== low
    let scale = Tensor.where(isFlat, 1.0, (high - low) * (1 / bound))
    return ((y - Tensor.where(isFlat, 0.0, low)) / scale).clamp(min: 0, max: bound).to(x.dtype)
  }

  /// Every channel's histogram made even. Same as `equalize`.
  public static func equalize(_ x: Tensor) -> Tensor {
    if x.elementCount == 0 { return x }
    let bytes = toDType(x, .uint8)
    let channels = x.elementCount / (x.size(-2) * x.size(-1))
    let flat = bytes.reshape([channels, -1]).to(.int64)
    let histogram = Tensor.zeros([channels, 256], dtype: .int64)
      .scatterAdd(dim: -1, index: flat, Tensor.ones([1, 1], dtype: .int64).expand(flat.shape))
    let cumulated = histogram.cumsum(dim: -1)
    let last = cumulated.argmax(dim: 1, keepDim: true)
    let step = (flat.size(1) - histogram.gather(dim: -1, index: last)).floorDivide(255)
    let scaled = (cumulated.slice(dim: 1, end: 255) + step.floorDivide(2)).floorDivide(step.clamp(min: 1)).clamp(
      min: 0, max: 255)
    let table = Tensor.cat([Tensor.zeros([channels, 1], dtype: .int64), scaled], dim: 1)
    let even = Tensor.where(step .!= 0, table.gather(dim: 1, index: flat), flat)
    return toDType(even.to(.uint8).reshape(x.shape), x.dtype)
  }

  /// Channels in another order. Same as `permute_channels`.
  public static func permuteChannels(_ x: Tensor, _ order: [Int]) -> Tensor {
    x.indexSelect(dim: -3, Tensor(order, shape: [order.count]))
  }
}
