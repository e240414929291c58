import Firefinch
import Foundation

/// Operations on all parts of a sample, for transforms to draw.
extension SampleOperation {
  static func resize(
    _ height: Int, _ width: Int, _ interpolation: VisionFunctional.Interpolation, antialias: Bool
  ) -> SampleOperation {
    SampleOperation(
      image: {
        VisionFunctional.resize($0, height: height, width: width, interpolation: interpolation, antialias: antialias)
      },
      boxes: { boxes in
        let (x, y) = (Double(width) / Double(boxes.canvas.width), Double(height) / Double(boxes.canvas.height))
        let scale = Tensor([x, y, x, y], shape: [4], dtype: .float32)
        return boxes.mapCorners { $0 * scale }.with(canvas: (height, width))
      }, mask: { VisionFunctional.resize($0, height: height, width: width, interpolation: .nearest) })
  }

  static func crop(top: Int, left: Int, _ height: Int, _ width: Int) -> SampleOperation {
    func cut(_ x: Tensor) -> Tensor { VisionFunctional.crop(x, top: top, left: left, height: height, width: width) }
    return SampleOperation(
      image: cut,
      boxes: { boxes in
        let offset = Tensor([left, top, left, top], shape: [4])
        return boxes.mapCorners { $0 - offset.to($0.dtype) }.with(canvas: (height, width)).clamped()
      }, mask: cut)
  }

  static func pad(
    left: Int, top: Int, right: Int, bottom: Int, fill: [Double] = [0], kind: VisionFunctional.PaddingKind = .constant
  ) -> SampleOperation {
    SampleOperation(
      image: { VisionFunctional.pad($0, left: left, top: top, right: right, bottom: bottom, fill: fill, kind: kind) },
      boxes: { boxes in
        let offset = Tensor([left, top, left, top], shape: [4])
        let canvas = (boxes.canvas.height + top + bottom, boxes.canvas.width + left + right)
        return boxes.mapCorners { $0 + offset.to($0.dtype) }.with(canvas: canvas).clamped()
      },
      mask: {
        VisionFunctional.pad($0, left: left, top: top, right: right, bottom: bottom, fill: maskFill(fill)!, kind: kind)
      })
  }

  static var horizontalFlip: SampleOperation {
    SampleOperation(
      image: VisionFunctional.horizontalFlip,
      boxes: { boxes in
        boxes.mapCorners { c in
          let x = c.unbind(dim: 1)
          return Tensor.stack([boxes.canvas.width - x[2], x[1], boxes.canvas.width - x[0], x[3]], dim: 1)
        }
      }, mask: VisionFunctional.horizontalFlip)
  }

  static var verticalFlip: SampleOperation {
    SampleOperation(
      image: VisionFunctional.verticalFlip,
      boxes: { boxes in
        boxes.mapCorners { c in
          let x = c.unbind(dim: 1)
          return Tensor.stack([x[0], boxes.canvas.height - x[3], x[2], boxes.canvas.height - x[1]], dim: 1)
        }
      }, mask: VisionFunctional.verticalFlip)
  }

  /// Boxes whose points are moved by an affine map about the middle (or `center`).
  static func moved(
    _ boxes: BoundingBoxes, angle: Double, translate: [Double], scale: Double, shear: [Double], center: [Double]?,
    expand: Bool = false
  ) -> BoundingBoxes {
    let (height, width) = boxes.canvas
    let matrix = VisionFunctional.Affine(
      center: center ?? [Double(width) * 0.5, Double(height) * 0.5], angle: angle, translate: translate, scale: scale,
      shear: shear, inverted: false)
    let linear = Tensor([matrix.m[0], matrix.m[3], matrix.m[1], matrix.m[4]], shape: [2, 2], dtype: .float32)
    let offset = Tensor([matrix.m[2], matrix.m[5]], shape: [2], dtype: .float32)
    var canvas = boxes.canvas
    var shift = Tensor.zeros([2])
    if expand {
      let corners = Tensor(
        [0, 0, 0, height, width, height, width, 0].map(Double.init), shape: [4, 2], dtype: .float32)
      shift = (corners.matmul(linear) + offset).amin(dim: [0])
      canvas = matrix.outputSize(height, width)
    }
    return boxes.mapPoints { $0.to(.float32).matmul(linear) + offset - shift }.with(canvas: canvas).clamped()
  }
}

/// What masks are filled with: the same single value as pictures, otherwise 0.
func maskFill(_ fill: [Double]?) -> [Double]? { fill.map { $0.count == 1 ? $0 : [0] } }

/// Height and width.
public typealias PictureSize = (height: Int, width: Int)

private func requireSize(_ size: PictureSize, _ name: String) {
  if size.height < 1 || size.width < 1 {
    fatalError("\(name): the size must be positive, got \(size.height) x \(size.width)")
  }
}

/// Resized. Same as `v2.Resize`.
public struct Resize: DrawnTransform {
  private let shorterSide: Int?
  private let size: PictureSize?
  private let maxSize: Int?
  let interpolation: VisionFunctional.Interpolation
  let antialias: Bool

  /// To a shorter side of `shorterSide`, the longer one at most `maxSize`; nil for the shorter side fits the longer one.
  public init(
    _ shorterSide: Int?, maxSize: Int? = nil, interpolation: VisionFunctional.Interpolation = .bilinear,
    antialias: Bool = true
  ) {
    if shorterSide ?? 1 < 1 || maxSize ?? 1 < 1 || (shorterSide == nil && maxSize == nil) {
      fatalError(
        "Resize: sizes must be positive, got \(String(describing: shorterSide)) and maxSize \(String(describing: maxSize))"
      )
    }
    (self.shorterSide, size, self.maxSize) = (shorterSide, nil, maxSize)
    (self.interpolation, self.antialias) = (interpolation, antialias)
  }

  /// To height x width.
  public init(
    height: Int, width: Int, interpolation: VisionFunctional.Interpolation = .bilinear, antialias: Bool = true
  ) {
    requireSize((height, width), "Resize")
    (shorterSide, size, maxSize) = (nil, (height, width), nil)
    (self.interpolation, self.antialias) = (interpolation, antialias)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let to = size ?? VisionFunctional.resized(sample.height, sample.width, shorterSide: shorterSide, maxSize: maxSize)
    return .resize(to.height, to.width, interpolation, antialias: antialias)
  }
}

/// The middle. Same as `v2.CenterCrop`.
public struct CenterCrop: DrawnTransform {
  private let size: PictureSize
  public init(_ side: Int) { self.init(height: side, width: side) }
  public init(height: Int, width: Int) {
    size = (height, width)
    requireSize(size, "CenterCrop")
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let (height, width) = size
    // Boxes of pictures that need padding may move by a pixel more than the picture, as torchvision's do.
    let at = VisionFunctional.centerOffset(sample.height, sample.width, height, width)
    var operation = SampleOperation.crop(top: at.top, left: at.left, height, width)
    operation.image = { VisionFunctional.centerCrop($0, height, width) }
    operation.mask = operation.image
    return operation
  }
}

/// A part of random place, after optional padding. Same as `v2.RandomCrop`.
public struct RandomCrop: DrawnTransform {
  private let size: PictureSize
  /// Left, top, right, bottom.
  private let padding: [Int]?
  private let padIfNeeded: Bool
  private let fill: [Double]
  private let kind: VisionFunctional.PaddingKind

  /// - Parameter padding: one amount, one for each direction (x, y), or left, top, right, bottom.
  public init(
    height: Int, width: Int, padding: [Int]? = nil, padIfNeeded: Bool = false, fill: [Double] = [0],
    kind: VisionFunctional.PaddingKind = .constant
  ) {
    size = (height, width)
    requireSize(size, "RandomCrop")
    self.padding = padding.map { Pad.sides($0, "RandomCrop") }
    (self.padIfNeeded, self.fill, self.kind) = (padIfNeeded, fill, kind)
  }
  public init(_ side: Int, padding: [Int]? = nil, padIfNeeded: Bool = false) {
    self.init(height: side, width: side, padding: padding, padIfNeeded: padIfNeeded)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    var p = padding ?? [0, 0, 0, 0]
    var (height, width) = (sample.height + p[1] + p[3], sample.width + p[0] + p[2])
    if padIfNeeded {
      let (down, across) = (max(size.height - height, 0), max(size.width - width, 0))
      p = [p[0] + across, p[1] + down, p[2] + across, p[3] + down]
      (height, width) = (height + 2 * down, width + 2 * across)
    }
    if height < size.height || width < size.width {
      Mistake.report(
        .shape(
          "RandomCrop: \(size.height) x \(size.width) is larger than the picture of \(height) x \(width); set padIfNeeded"
        ))
      return nil
    }
    let top = height > size.height ? Chance.integer(0, height - size.height + 1) : 0
    let left = width > size.width ? Chance.integer(0, width - size.width + 1) : 0
    let pad = SampleOperation.pad(left: p[0], top: p[1], right: p[2], bottom: p[3], fill: fill, kind: kind)
    let crop = SampleOperation.crop(top: top, left: left, size.height, size.width)
    let pads = p.contains { $0 != 0 }
    return SampleOperation(
      image: { crop.image(pads ? pad.image($0) : $0) }, boxes: { crop.boxes(pads ? pad.boxes($0) : $0) },
      mask: { crop.mask(pads ? pad.mask($0) : $0) })
  }
}

/// A part of random size, shape and place, resized. Same as `v2.RandomResizedCrop`.
public struct RandomResizedCrop: DrawnTransform {
  private let size: PictureSize
  private let scale: (Double, Double)
  private let ratio: (Double, Double)
  private let interpolation: VisionFunctional.Interpolation
  private let antialias: Bool

  /// - Parameters:
  ///   - scale: least and largest part of the picture's area.
  ///   - ratio: least and largest width / height.
  public init(
    height: Int, width: Int, scale: (Double, Double) = (0.08, 1), ratio: (Double, Double) = (3.0 / 4, 4.0 / 3),
    interpolation: VisionFunctional.Interpolation = .bilinear, antialias: Bool = true
  ) {
    size = (height, width)
    requireSize(size, "RandomResizedCrop")
    if scale.0 > scale.1 || ratio.0 > ratio.1 || scale.0 < 0 || ratio.0 <= 0 {
      fatalError("RandomResizedCrop: scale and ratio must be rising positive pairs, got \(scale) and \(ratio)")
    }
    (self.scale, self.ratio, self.interpolation, self.antialias) = (scale, ratio, interpolation, antialias)
  }
  public init(
    _ side: Int, scale: (Double, Double) = (0.08, 1), ratio: (Double, Double) = (3.0 / 4, 4.0 / 3),
    interpolation: VisionFunctional.Interpolation = .bilinear
  ) {
    self.init(height: side, width: side, scale: scale, ratio: ratio, interpolation: interpolation)
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    let (top, left, height, width) = area(sample.height, sample.width)
    let crop = SampleOperation.crop(top: top, left: left, height, width)
    let resize = SampleOperation.resize(size.height, size.width, interpolation, antialias: antialias)
    return SampleOperation(
      image: { resize.image(crop.image($0)) }, boxes: { resize.boxes(crop.boxes($0)) },
      mask: { resize.mask(crop.mask($0)) })
  }

  private func area(_ height: Int, _ width: Int) -> (Int, Int, Int, Int) {
    let area = Double(height * width)
    for _ in 0..<10 {
      let target = area * Chance.uniform(scale.0, scale.1)
      let aspect = randomRatio(ratio)
      let w = Int((target * aspect).squareRoot().rounded(.toNearestOrEven))
      let h = Int((target / aspect).squareRoot().rounded(.toNearestOrEven))
      if 0 < w && w <= width && 0 < h && h <= height {
        let top = Chance.integer(0, height - h + 1)
        return (top, Chance.integer(0, width - w + 1), h, w)
      }
    }
    let own = Double(width) / Double(height)
    var (h, w) = (height, width)
    if own < ratio.0 { h = Int((Double(w) / ratio.0).rounded(.toNearestOrEven)) }
    if own > ratio.1 { w = Int((Double(h) * ratio.1).rounded(.toNearestOrEven)) }
    return ((height - h) / 2, (width - w) / 2, h, w)
  }
}

/// A ratio even on a logarithmic scale, in single precision as torchvision draws it.
func randomRatio(_ ratio: (Double, Double)) -> Double {
  let logs = Tensor([Float(ratio.0), Float(ratio.1)], shape: [2]).log().array(Double.self)
  return Tensor.empty([1]).uniform_(logs[0], logs[1], generator: LoaderRandom.generator).exp().doubleValue
}

/// Mirrored left to right with probability `p`. Same as `v2.RandomHorizontalFlip`.
public struct RandomHorizontalFlip: DrawnTransform {
  private let p: Double
  public init(p: Double = 0.5) {
    requireProbability(p, "RandomHorizontalFlip")
    self.p = p
  }
  func draw(_ sample: VisionSample) -> SampleOperation? { Chance.happens(p) ? .horizontalFlip : nil }
}

/// Mirrored top to bottom with probability `p`. Same as `v2.RandomVerticalFlip`.
public struct RandomVerticalFlip: DrawnTransform {
  private let p: Double
  public init(p: Double = 0.5) {
    requireProbability(p, "RandomVerticalFlip")
    self.p = p
  }
  func draw(_ sample: VisionSample) -> SampleOperation? { Chance.happens(p) ? .verticalFlip : nil }
}

/// Padded. Same as `v2.Pad`.
public struct Pad: DrawnTransform {
  private let sides: [Int]
  private let fill: [Double]
  private let kind: VisionFunctional.PaddingKind

  /// - Parameter padding: one amount, one for each direction (x, y), or left, top, right, bottom.
  public init(_ padding: Int..., fill: [Double] = [0], kind: VisionFunctional.PaddingKind = .constant) {
    (sides, self.fill, self.kind) = (Pad.sides(padding, "Pad"), fill, kind)
  }

  static func sides(_ padding: [Int], _ name: String) -> [Int] {
    switch padding.count {
    case 1: [padding[0], padding[0], padding[0], padding[0]]
    case 2: [padding[0], padding[1], padding[0], padding[1]]
    case 4: padding
    default: fatalError("\(name): padding takes 1, 2 or 4 amounts, got \(padding.count)")
    }
  }

  func draw(_ sample: VisionSample) -> SampleOperation? {
    .pad(left: sides[0], top: sides[1], right: sides[2], bottom: sides[3], fill: fill, kind: kind)
  }
}
