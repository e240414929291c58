import Firefinch
import Foundation

func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
func logarithm(_ x: Double) -> Double { log(x) }

/// Boxes of objects on a picture. Same as `torchvision.tv_tensors.BoundingBoxes` without rotated formats.
public struct BoundingBoxes {
  /// Left, top, right, bottom; left, top, width, height; or centre, width, height. In pixels.
  public enum Format: String, Sendable, CaseIterable { case xyxy, xywh, cxcywh }

  /// (N, 4).
  public var tensor: Tensor
  public var format: Format
  /// Height and width of the picture.
  public var canvas: (height: Int, width: Int)

  public init(_ tensor: Tensor, format: Format, canvas: (height: Int, width: Int)) {
    if tensor.rank != 2 || tensor.size(1) != 4 {
      fatalError("BoundingBoxes: expected shape (N, 4), got \(tensor.shape)")
    }
    (self.tensor, self.format, self.canvas) = (tensor, format, canvas)
  }

  /// Same as `F.convert_bounding_box_format`.
  public func converted(to wanted: Format) -> BoundingBoxes {
    if wanted == format { return self }
    var result = self
    let columns = tensor.unbind(dim: 1)
    func half(_ x: Tensor) -> Tensor { x.dtype.isFloatingPoint ? x * 0.5 : x.floorDivide(2) }
    var corners: [Tensor]
    switch format {
    case .xyxy: corners = columns
    case .xywh: corners = [columns[0], columns[1], columns[0] + columns[2], columns[1] + columns[3]]
    case .cxcywh:
      // The larger half of whole numbers goes to the left, so that nothing is lost.
      let left = columns[0] - (columns[2] - half(columns[2])), top = columns[1] - (columns[3] - half(columns[3]))
      corners =
        tensor.dtype.isFloatingPoint
        ? [
          columns[0] - half(columns[2]), columns[1] - half(columns[3]), columns[0] + half(columns[2]),
          columns[1] + half(columns[3]),
        ]
        : [left, top, left + columns[2], top + columns[3]]
    }
    let size = [corners[2] - corners[0], corners[3] - corners[1]]
    switch wanted {
    case .xyxy: break
    case .xywh: corners = [corners[0], corners[1]] + size
    case .cxcywh:
      corners =
        tensor.dtype.isFloatingPoint
        ? [(corners[0] + corners[2]) * 0.5, (corners[1] + corners[3]) * 0.5] + size
        : [(corners[0] + corners[2]).floorDivide(2), (corners[1] + corners[3]).floorDivide(2)] + size
    }
    result.tensor = Tensor.stack(corners, dim: 1)
    result.format = wanted
    return result
  }

  /// Boxes cut at the picture's border. Same as `F.clamp_bounding_boxes`.
  public func clamped() -> BoundingBoxes {
    mapCorners { corners in
      let x = Tensor.stack([corners.select(dim: 1, 0), corners.select(dim: 1, 2)], dim: 1).clamp(
        min: 0, max: canvas.width)
      let y = Tensor.stack([corners.select(dim: 1, 1), corners.select(dim: 1, 3)], dim: 1).clamp(
        min: 0, max: canvas.height)
      return Tensor.stack(
        [x.select(dim: 1, 0), y.select(dim: 1, 0), x.select(dim: 1, 1), y.select(dim: 1, 1)], dim: 1)
    }
  }

  /// Which boxes have at least `minSize` pixels in both directions and `minArea` in all, and lie inside the picture; bool (N).
  /// Same as `F.sanitize_bounding_boxes`.
  public func valid(minSize: Double = 1, minArea: Double = 1) -> Tensor {
    let c = converted(to: .xyxy).tensor.to(.float64).unbind(dim: 1)
    let (w, h) = (c[2] - c[0], c[3] - c[1])
    let large = (w .>= minSize) & (h .>= minSize) & ((w * h) .>= minArea)
    let inside = (c[0] .>= 0) & (c[1] .>= 0) & (c[2] .<= canvas.width) & (c[3] .<= canvas.height)
    return large & inside
  }

  /// The same boxes with their corners (N, 4) changed; formats and dtypes are kept.
  func mapCorners(_ body: (Tensor) -> Tensor) -> BoundingBoxes {
    var corners = converted(to: .xyxy)
    corners.tensor = body(corners.tensor).to(tensor.dtype)
    return corners.converted(to: format)
  }

  /// The four corner points moved, then boxes around them.
  func mapPoints(_ body: (Tensor) -> Tensor) -> BoundingBoxes {
    mapCorners { corners in
      let c = corners.to(corners.dtype.isFloatingPoint ? corners.dtype : .float32).unbind(dim: 1)
      let x = Tensor.stack([c[0], c[2], c[2], c[0]], dim: 1).flatten(),
        y = Tensor.stack([c[1], c[1], c[3], c[3]], dim: 1).flatten()
      let moved = body(Tensor.stack([x, y], dim: 1)).reshape([-1, 4, 2])
      return Tensor.cat([moved.amin(dim: [1]), moved.amax(dim: [1])], dim: 1)
    }
  }

  func with(canvas: (height: Int, width: Int)) -> BoundingBoxes {
    var result = self
    result.canvas = canvas
    return result
  }
}
