/// How a tensor's elements lie in its storage: sizes, strides (in elements) and offset.
///
/// Every view, broadcast and stride calculation of Firefinch is in this type and its extensions. Rules are pure and throw
/// `TensorError`; nothing here touches data.
public struct Layout: Sendable, Hashable {
  public var shape: Shape
  /// Elements between neighbours along each dim; 0 for a broadcast dim. Never negative.
  public var strides: Shape
  /// Elements before the first one.
  public var offset: Int

  @inlinable public init(shape: Shape, strides: Shape, offset: Int = 0) {
    self.shape = shape
    self.strides = strides
    self.offset = offset
  }

  /// Row-major layout of a fresh tensor.
  @inlinable public init(contiguous shape: Shape) {
    self.shape = shape
    strides = Layout.rowMajorStrides(shape)
    offset = 0
  }

  @inlinable public var rank: Int { shape.count }
  @inlinable public var elementCount: Int { shape.elementCount }

  /// Strides of a dense row-major tensor. Zero-size dims count as 1, as in PyTorch.
  @inlinable public static func rowMajorStrides(_ shape: Shape) -> Shape {
    var strides = shape
    var step = 1
    var i = shape.count - 1
    while i >= 0 {
      strides[i] = step
      step &*= Swift.max(shape[i], 1)
      i -= 1
    }
    return strides
  }

  /// Whether the elements lie dense in row-major order. Same as `Tensor.is_contiguous()`.
  @inlinable public var isContiguous: Bool {
    var step = 1
    var i = shape.count - 1
    while i >= 0 {
      let size = shape[i]
      if size != 1 {
        if size == 0 { return true }
        if strides[i] != step { return shape.contains(0) }
        step &*= size
      }
      i -= 1
    }
    return true
  }

  /// Whether no two indices share memory and there are no gaps, in any dim order.
  public var isDense: Bool {
    var step = 1
    for dim in denseOrder where shape[dim] != 1 {
      if shape[dim] == 0 { return true }
      if strides[dim] != step { return false }
      step *= shape[dim]
    }
    return true
  }

  /// Dims from the fastest to the slowest stride; ties keep the later dim first.
  public var denseOrder: [Int] {
    (0..<rank).reversed().sorted { a, b in strides[a] != strides[b] ? strides[a] < strides[b] : false }
  }

  /// Layout of a dense result that keeps this layout's dim order: PyTorch's `preserve_format`.
  public func preserved() -> Layout {
    if isContiguous { return Layout(contiguous: shape) }
    var result = Layout(contiguous: shape)
    var step = 1
    for dim in isDense ? denseOrder : orderOfGaps {
      result.strides[dim] = step
      step *= Swift.max(shape[dim], 1)
    }
    return result
  }

  /// Dims from the fastest to the slowest of a layout with gaps or repeated elements. Dims with stride 0 could be anywhere:
  /// they stay where they are, and PyTorch's insertion sort says what that means.
  private var orderOfGaps: [Int] {
    var order = Array((0..<rank).reversed())
    for i in order.indices.dropFirst() {
      var place = i
      for other in (0..<i).reversed() {
        let (a, b) = (order[other], order[place])
        if strides[a] == 0 || strides[b] == 0 { continue }
        if strides[a] < strides[b] { break }
        if strides[a] > strides[b] || shape[a] > shape[b] {
          order.swapAt(other, place)
          place = other
        }
      }
    }
    return order
  }

  /// Last element's distance from the first, plus one: how many elements of storage the layout spans; 0 when empty.
  public var span: Int {
    var last = 0
    for i in 0..<rank {
      if shape[i] == 0 { return 0 }
      last += (shape[i] - 1) * strides[i]
    }
    return last + 1
  }

  /// Whether some elements share memory, as in an expanded tensor. Exact for strided dims that nest; conservative else.
  public var overlaps: Bool {
    let dims = (0..<rank).filter { shape[$0] > 1 }.sorted { strides[$0] < strides[$1] }
    var reach = 0
    for dim in dims {
      if strides[dim] <= reach { return true }
      reach += (shape[dim] - 1) * strides[dim]
    }
    return false
  }
}

/// Dim arithmetic shared by every operation.
extension Layout {
  /// `dim` counted from the end when negative. Throws with PyTorch's range when outside.
  @inlinable public static func wrap(dim: Int, rank: Int, op: String) throws(TensorError) -> Int {
    let bound = Swift.max(rank, 1)
    if dim < -bound || dim >= bound {
      throw TensorError.index(
        "\(op): dim \(dim) is out of range, expected \(-bound) to \(bound - 1) for a tensor of \(rank) dims")
    }
    return dim < 0 ? dim + bound : dim
  }

  /// Dims wrapped, checked for repeats, in the order given; nil or empty means all dims.
  public static func wrap(dims: [Int]?, rank: Int, op: String) throws(TensorError) -> [Int] {
    if rank > 64 { throw TensorError.shape("\(op): a tensor of \(rank) dims, expected at most 64") }
    guard let dims, !dims.isEmpty else { return Array(0..<rank) }
    var seen = [Bool](repeating: false, count: Swift.max(rank, 1))
    var result: [Int] = []
    for dim in dims {
      let wrapped = try wrap(dim: dim, rank: rank, op: op)
      if seen[wrapped] {
        throw TensorError.value("\(op): dim \(wrapped) appears twice in \(dims); name each dim once")
      }
      seen[wrapped] = true
      if rank > 0 { result.append(wrapped) }
    }
    return result
  }

  /// The common shape of two operands. Same rule as `torch.broadcast_shapes`.
  @inlinable public static func broadcast(_ a: Shape, _ b: Shape, op: String) throws(TensorError) -> Shape {
    if a == b { return a }
    let rank = Swift.max(a.count, b.count)
    var result = Shape(repeating: 1, count: rank)
    for i in 0..<rank {
      let ia = i - (rank - a.count)
      let ib = i - (rank - b.count)
      let x = ia < 0 ? 1 : a[ia]
      let y = ib < 0 ? 1 : b[ib]
      if x == y || y == 1 {
        result[i] = x
      } else if x == 1 {
        result[i] = y
      } else {
        throw broadcastError(a, b, dim: i - rank, x, y, op: op)
      }
    }
    return result
  }

  @usableFromInline static func broadcastError(
    _ a: Shape, _ b: Shape, dim: Int, _ x: Int, _ y: Int, op: String
  ) -> TensorError {
    let detail = "at dim \(dim) (\(x) against \(y))"
    let hint = "sizes must be equal or 1, counted from the last dim; reshape or unsqueeze one of them"
    return .shape("\(op): shapes \(a) and \(b) do not broadcast \(detail); \(hint)")
  }

  /// This layout seen with `target`'s shape: stride 0 along new and size-1 dims. Same as `Tensor.expand`.
  public func expanded(to target: Shape, op: String) throws(TensorError) -> Layout {
    let lead = target.count - rank
    var result = Layout(shape: target, strides: Shape(repeating: 0, count: target.count), offset: offset)
    guard lead >= 0 else {
      throw TensorError.shape("\(op): cannot expand \(shape) to \(target), which has fewer dims")
    }
    var count = 1
    for i in 0..<target.count {
      let own = i < lead ? 1 : shape[i - lead]
      if target[i] == -1 && i >= lead {
        result.shape[i] = own
      } else if own != target[i] && own != 1 || target[i] < 0 {
        throw TensorError.shape(
          "\(op): cannot expand \(shape) to \(target): dim \(i) has size \(own), only size 1 can grow")
      }
      if i >= lead && (own != 1 || result.shape[i] == 1) { result.strides[i] = strides[i - lead] }
      let (product, overflow) = count.multipliedReportingOverflow(by: Swift.max(result.shape[i], 1))
      if overflow { throw TensorError.shape("\(op): \(target) has too many elements") }
      count = product
    }
    return result
  }
}
