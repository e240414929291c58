import Firefinch

/// On a larger canvas with probability `p`. Same as `v2.RandomZoomOut`.
public struct RandomZoomOut: DrawnTransform {
  private let fill: [Double]
  private let sides: (Double, Double)
  private let p: Double
  public init(fill: [Double] = [0], sides: (Double, Double) = (1, 4), p: Double = 0.5) {
    requireProbability(p, "RandomZoomOut")
    if sides.0 < 1 || sides.0 > sides.1 {
      fatalError("RandomZoomOut: sides must be a rising pair of at least 1, got \(sides)")
    }
    (self.fill, self.sides, self.p) = (fill, sides, p)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    if !Chance.happens(p) { return nil }
    let factor = Float(sides.0) + Float(Chance.unit()) * Float(sides.1 - sides.0)
    let (width, height) = (Int(Float(sample.width) * factor), Int(Float(sample.height) * factor))
    let place = Chance.rand([2]).array(Float.self)
    let left = Int(Float(width - sample.width) * place[0]), top = Int(Float(height - sample.height) * place[1])
    return .pad(
      left: left, top: top, right: width - left - sample.width, bottom: height - top - sample.height, fill: fill)
  }
}

/// A part that overlaps the boxes by a random amount (Liu et al. 2015); boxes whose middle lies outside become empty. Same as
/// `v2.RandomIoUCrop`; follow it with `SanitizeBoundingBoxes`.
public struct RandomIoUCrop: DrawnTransform {
  private let scale: (Double, Double), aspect: (Double, Double)
  private let options: [Double]
  private let trials: Int

  public init(
    scale: (Double, Double) = (0.3, 1), aspect: (Double, Double) = (0.5, 2),
    options: [Double] = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1], trials: Int = 40
  ) {
    if options.isEmpty || scale.0 > scale.1 || aspect.0 > aspect.1 {
      fatalError(
        "RandomIoUCrop: expected rising scale and aspect and at least one option, got \(scale), \(aspect), \(options)")
    }
    (self.scale, self.aspect, self.options, self.trials) = (scale, aspect, options, trials)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    guard let boxes = sample.boxes else {
      Mistake.report(.value("RandomIoUCrop: the sample has no boxes"))
      return nil
    }
    let corners = boxes.converted(to: .xyxy).tensor.to(.float32)
    let c = corners.unbind(dim: 1)
    let (middleX, middleY) = ((c[0] + c[2]) * 0.5, (c[1] + c[3]) * 0.5)
    let area = (c[2] - c[0]) * (c[3] - c[1])
    while true {
      let wanted = options[Chance.integer(0, options.count)]
      if wanted >= 1 { return nil }
      for _ in 0..<trials {
        let size = Chance.rand([2]).array(Float.self).map { Float(scale.0) + Float(scale.1 - scale.0) * $0 }
        let (width, height) = (Int(Float(sample.width) * size[0]), Int(Float(sample.height) * size[1]))
        let shape = Double(width) / Double(height)
        if !(shape >= aspect.0 && shape <= aspect.1) { continue }
        let place = Chance.rand([2]).array(Float.self)
        let left = Int(Float(sample.width - width) * place[0]), top = Int(Float(sample.height - height) * place[1])
        let (right, bottom) = (left + width, top + height)
        if left == right || top == bottom { continue }
        let isInside = (middleX .> left) & (middleX .< right) & (middleY .> top) & (middleY .< bottom)
        if isInside.sum().intValue == 0 { continue }
        let across = c[2].clamp(max: right) - c[0].clamp(min: left),
          down = c[3].clamp(max: bottom) - c[1].clamp(min: top)
        let common = across.clamp(min: 0) * down.clamp(min: 0)
        let overlap = common / (area + Double(width * height) - common)
        if Tensor.where(isInside, overlap, 0.0).max().doubleValue < wanted { continue }
        var crop = SampleOperation.crop(top: top, left: left, height, width)
        let move = crop.boxes
        crop.boxes = { boxes in
          var moved = move(boxes)
          moved.tensor = moved.tensor * isInside.unsqueeze(dim: 1).to(moved.tensor.dtype)
          return moved
        }
        return crop
      }
    }
  }
}

/// Resized so that the shorter side is one of `sizes`, the longer at most `maxSize`. Same as `v2.RandomShortestSize`.
public struct RandomShortestSize: DrawnTransform {
  private let sizes: [Int]
  private let maxSize: Int?
  private let interpolation: VisionFunctional.Interpolation
  public init(_ sizes: [Int], maxSize: Int? = nil, interpolation: VisionFunctional.Interpolation = .bilinear) {
    if sizes.isEmpty || sizes.contains(where: { $0 < 1 }) {
      fatalError("RandomShortestSize: expected positive sizes, got \(sizes)")
    }
    (self.sizes, self.maxSize, self.interpolation) = (sizes, maxSize, interpolation)
  }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    let size = sizes[Chance.index(sizes.count)]
    var factor = Double(size) / Double(min(sample.height, sample.width))
    if let maxSize { factor = min(factor, Double(maxSize) / Double(max(sample.height, sample.width))) }
    return .resize(
      Int(Double(sample.height) * factor), Int(Double(sample.width) * factor), interpolation, antialias: true)
  }
}

/// Resized by a random factor of what fits `target`. Same as `v2.ScaleJitter`.
public struct ScaleJitter: DrawnTransform {
  private let target: PictureSize
  private let scale: (Double, Double)
  private let interpolation: VisionFunctional.Interpolation
  public init(
    height: Int, width: Int, scale: (Double, Double) = (0.1, 2),
    interpolation: VisionFunctional.Interpolation = .bilinear
  ) {
    (target, self.scale, self.interpolation) = ((height, width), scale, interpolation)
  }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    let factor = Float(scale.0) + Float(Chance.unit()) * Float(scale.1 - scale.0)
    // torchvision compares the target's width with the picture's height here.
    let fit = min(Double(target.width) / Double(sample.height), Double(target.height) / Double(sample.width))
    let r = Float(fit) * factor
    return .resize(
      max(Int(Float(sample.height) * r), 1), max(Int(Float(sample.width) * r), 1), interpolation, antialias: true)
  }
}

/// Resized to a random shorter side in `sizes`. Same as `v2.RandomResize`.
public struct RandomResize: DrawnTransform {
  private let sizes: Range<Int>
  private let interpolation: VisionFunctional.Interpolation
  public init(_ sizes: Range<Int>, interpolation: VisionFunctional.Interpolation = .bilinear) {
    if sizes.isEmpty || sizes.lowerBound < 1 { fatalError("RandomResize: expected positive sizes, got \(sizes)") }
    (self.sizes, self.interpolation) = (sizes, interpolation)
  }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    let size = sizes.lowerBound + Chance.index(sizes.count)
    let to = VisionFunctional.resized(sample.height, sample.width, shorterSide: size, maxSize: nil)
    return .resize(to.height, to.width, interpolation, antialias: true)
  }
}

/// Boxes in another format. Same as `v2.ConvertBoundingBoxFormat`.
public struct ConvertBoundingBoxFormat: DrawnTransform {
  private let format: BoundingBoxes.Format
  public init(_ format: BoundingBoxes.Format) { self.format = format }
  func draw(_ sample: VisionSample) -> SampleOperation? {
    SampleOperation(image: { $0 }, boxes: { $0.converted(to: format) })
  }
}

/// Boxes cut at the picture's border. Same as `v2.ClampBoundingBoxes`.
public struct ClampBoundingBoxes: DrawnTransform {
  public init() {}
  func draw(_ sample: VisionSample) -> SampleOperation? { SampleOperation(image: { $0 }, boxes: { $0.clamped() }) }
}

/// Boxes too small or outside are removed with their labels and masks. Same as `v2.SanitizeBoundingBoxes`.
public struct SanitizeBoundingBoxes: Transform {
  private let minSize: Double, minArea: Double
  public init(minSize: Double = 1, minArea: Double = 1) {
    if minSize < 1 || minArea < 1 { fatalError("SanitizeBoundingBoxes: minSize and minArea must be at least 1") }
    (self.minSize, self.minArea) = (minSize, minArea)
  }
  public func callAsFunction(_ sample: VisionSample) -> VisionSample {
    guard let boxes = sample.boxes else { return sample }
    let kept = boxes.valid(minSize: minSize, minArea: minArea).nonzero().flatten()
    var result = sample
    func filtered(_ x: Tensor?) -> Tensor? {
      x.map { $0.rank > 0 && $0.size(0) == boxes.tensor.size(0) ? $0.indexSelect(dim: 0, kept) : $0 }
    }
    result.boxes!.tensor = boxes.tensor.indexSelect(dim: 0, kept)
    result.labels = filtered(sample.labels)
    result.masks = filtered(sample.masks)
    return result
  }
}
