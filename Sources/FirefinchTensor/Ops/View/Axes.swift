import FirefinchCore

/// How `meshgrid` orders the dims of its grids: `ij` as the vectors are given, `xy` with the first two swapped.
public enum MeshIndexing: String, Sendable { case ij, xy }

extension Tensor {
  /// All dims reversed; the transpose of a matrix. Same as `Tensor.T`.
  public var T: Tensor { isPoisoned ? self : permute(Array((0..<rank).reversed())) }

  /// One dim split into `sizes`, one of which may be -1: a view. Same as `torch.unflatten`.
  public func unflatten(dim: Int, _ sizes: Shape) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let d = try Layout.wrap(dim: dim, rank: rank, op: "unflatten")
      if rank == 0 || sizes.isEmpty {
        throw TensorError.shape(
          "unflatten: expected a dim and at least one size, got shape \(shape) and sizes \(sizes)")
      }
      let resolved: Shape
      do { resolved = try Layout.resolve(sizes, elementCount: shape[d], op: "unflatten") } catch {
        throw TensorError.shape(
          "unflatten: sizes \(sizes) do not multiply to \(shape[d]), the size of dim \(d) of \(shape)")
      }
      return view(Shape(shape[..<d].map { $0 } + resolved.array + shape[(d + 1)...].map { $0 }))
    }
  }
  /// All elements as a vector; a view where the strides allow. Same as `torch.ravel`.
  public func ravel() -> Tensor { reshape([elementCount]) }

  /// With at least 1 dim. Same as `torch.atleast_1d`.
  public func atLeast1d() -> Tensor { rank == 0 && !isPoisoned ? reshape([1]) : self }
  /// With at least 2 dims: a vector becomes a row. Same as `torch.atleast_2d`.
  public func atLeast2d() -> Tensor { rank >= 2 ? self : atLeast1d().unsqueeze(dim: 0) }
  /// With at least 3 dims: a matrix gets a last dim of size 1. Same as `torch.atleast_3d`.
  public func atLeast3d() -> Tensor { rank >= 3 ? self : atLeast2d().unsqueeze(dim: -1) }

  /// A view broadcast to `shape`. Same as `torch.broadcast_to`.
  public func broadcastTo(_ shape: Shape) -> Tensor { expand(shape) }
  /// A view expanded to the shape of another. Same as `Tensor.expand_as`.
  public func expandAs(_ other: Tensor) -> Tensor { expand(other.shape) }
  /// A view with the shape of another. Same as `Tensor.view_as`.
  public func viewAs(_ other: Tensor) -> Tensor { view(other.shape) }
  /// The same elements with the shape of another. Same as `Tensor.reshape_as`.
  public func reshapeAs(_ other: Tensor) -> Tensor { reshape(other.shape) }

  /// The shape to which all shapes broadcast. Same as `torch.broadcast_shapes`.
  public static func broadcastShapes(_ shapes: [Shape]) throws -> Shape {
    var result: Shape = []
    for shape in shapes {
      if let size = shape.first(where: { $0 < 0 }) {
        throw TensorError.value("broadcastShapes: sizes must not be negative, got \(size) in \(shape)")
      }
      result = try Layout.broadcast(result, shape, op: "broadcastShapes")
    }
    return result
  }

  /// Views of the tensors broadcast to their common shape. Same as `torch.broadcast_tensors`.
  public static func broadcastTensors(_ tensors: [Tensor]) -> [Tensor] {
    ErrorScope.guarding(tensors.count) {
      if tensors.contains(where: \.isPoisoned) { return tensors.map { _ in ErrorScope.poison() } }
      var shape: Shape = []
      for tensor in tensors { shape = try Layout.broadcast(shape, tensor.shape, op: "broadcastTensors") }
      return tensors.map { $0.expand(shape) }
    }
  }

  /// Grids of coordinates from vectors: one dim for each vector; views. Same as `torch.meshgrid`.
  public static func meshgrid(_ vectors: [Tensor], indexing: MeshIndexing = .ij) -> [Tensor] {
    ErrorScope.guarding(vectors.count) {
      if vectors.contains(where: \.isPoisoned) { return vectors.map { _ in ErrorScope.poison() } }
      guard let first = vectors.first else { throw TensorError.value("meshgrid: expected at least one vector") }
      if let bad = vectors.first(where: { $0.rank > 1 }) {
        throw TensorError.shape("meshgrid: expected vectors, got shape \(bad.shape)")
      }
      if let bad = vectors.first(where: { $0.dtype != first.dtype }) {
        throw TensorError.dtype(
          "meshgrid: expected vectors of one dtype, got \(first.dtype.name) and \(bad.dtype.name)")
      }
      let swap = indexing == .xy && vectors.count >= 2
      let parts = swap ? [vectors[1], vectors[0]] + vectors.dropFirst(2) : vectors
      let shape = Shape(parts.map(\.elementCount))
      let grids = parts.enumerated().map { i, part in
        part.reshape(Shape((0..<parts.count).map { $0 == i ? part.elementCount : 1 })).expand(shape)
      }
      return swap ? [grids[1], grids[0]] + grids.dropFirst(2) : grids
    }
  }

  /// All choices of one element of each vector, one a row; of a single vector the vector. Same as
  /// `torch.cartesian_prod`.
  public static func cartesianProd(_ vectors: [Tensor]) -> Tensor {
    if vectors.count == 1 { return vectors[0] }
    return ErrorScope.guarding {
      if vectors.contains(where: \.isPoisoned) { return ErrorScope.poison() }
      if let bad = vectors.first(where: { $0.rank != 1 }) {
        throw TensorError.shape("cartesianProd: expected vectors, got shape \(bad.shape)")
      }
      return stack(meshgrid(vectors).map { $0.reshape([$0.elementCount]) }, dim: 1)
    }
  }

  /// All combinations of `count` elements of a vector, one a row. Same as `torch.combinations`.
  public func combinations(_ count: Int = 2, withReplacement: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank != 1 || count < 0 {
        throw TensorError.shape(
          "combinations: expected a vector and a count of 0 or more, got shape \(shape) and \(count)")
      }
      let n = elementCount
      if count == 0 { return slice(dim: 0, end: 0).clone() }
      if n == 0 || (!withReplacement && count > n) { return slice(dim: 0, end: 0).reshape([0, count]) }
      if count > 1 << 24 { throw TensorError.value("combinations: \(count) elements a row are too many") }
      var places: [Int] = []
      var current = withReplacement ? [Int](repeating: 0, count: count) : Array(0..<count)
      while true {
        places += current
        if places.count > 1 << 32 {
          throw TensorError.value("combinations: \(count) of \(n) elements are too many rows")
        }
        // The last place that can still move up.
        guard let i = (0..<count).last(where: { current[$0] < (withReplacement ? n - 1 : n - count + $0) }) else {
          break
        }
        current[i] += 1
        for j in (i + 1)..<Swift.max(count, i + 1) { current[j] = withReplacement ? current[i] : current[j - 1] + 1 }
      }
      return indexSelect(dim: 0, Tensor(places)).reshape([places.count / count, count])
    }
  }
}
