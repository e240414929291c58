import FirefinchCore

/// Edges of bins.
private enum Bins {
  /// Smallest and largest value where `low` and `high` are equal, widened when they are still equal.
  static func range(_ x: Tensor, _ low: Double, _ high: Double, _ op: String) throws -> (Double, Double) {
    var (low, high) = (low, high)
    if low == high && x.elementCount > 0 { (low, high) = (x.amin().doubleValue, x.amax().doubleValue) }
    if !low.isFinite || !high.isFinite { throw TensorError.value("\(op): the range from \(low) to \(high) is not finite") }
    if low > high { throw TensorError.value("\(op): the range's lower end \(low) is above its upper end \(high)") }
    return low == high ? (low - 0.5, high + 0.5) : (low, high)
  }

  /// Equal bins: the number of each element's bin, or -1 outside; the last bin contains its upper end.
  static func equal(_ x: Tensor, _ count: Int, _ low: Double, _ high: Double) -> Tensor {
    let wide = x.detach().to(x.dtype == .float64 ? .float64 : .float32)
    // In this order, and in half types in their own precision, as PyTorch's bins are.
    let own = x.dtype.isFloatingPoint ? x.detach() : wide
    let (first, last) = (Tensor(low, dtype: own.dtype), Tensor(high, dtype: own.dtype))
    let place = ((own - first) * count / (last - first)).to(wide.dtype).floor().clamp(max: count - 1)
    let isInside = (wide .>= low).logicalAnd(wide .<= high)
    return Tensor.where(isInside, place, -1).to(.int64)
  }

  /// Bins between sorted edges, likewise.
  static func between(_ x: Tensor, _ edges: Tensor) -> Tensor {
    let count = edges.elementCount - 1
    let place = edges.searchSorted(x.detach().contiguous(), right: true) - 1
    let last = edges.select(dim: 0, count)
    let isInside = (x.detach() .>= edges.select(dim: 0, 0)).logicalAnd(x.detach() .<= last)
    return Tensor.where(isInside, place.clamp(max: count - 1), -1)
  }

  /// Sums of weights in numbered bins; numbers below 0 are left out.
  static func sums(_ places: Tensor, _ weights: Tensor, _ count: Int) -> Tensor {
    let flat = places.reshape([places.elementCount])
    let each = weights.reshape([weights.elementCount]) * (flat .>= 0).to(weights.dtype)
    return Tensor.zeros([count], dtype: weights.dtype).indexAdd(dim: 0, index: flat.clamp(min: 0), each)
  }
}

extension Tensor {
  /// How many elements fall into each of `bins` equal bins from `min` to `max` (the tensor's own range when both are equal).
  /// Same as `torch.histc`.
  public func histc(bins: Int = 100, min: Double = 0, max: Double = 0) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if !dtype.isFloatingPoint && !dtype.isInteger { throw TensorError.dtype("histc: expected real numbers, got \(dtype.name)") }
      if bins <= 0 { throw TensorError.value("histc: the number of bins must be positive, got \(bins)") }
      return try withNoGrad {
        if elementCount == 0 && min == max { return Tensor.zeros([bins], dtype: dtype) }
        let (low, high) = try Bins.range(detach(), min, max, "histc")
        let places = Bins.equal(dtype.isInteger ? to(.float64) : self, bins, low, high)
        return Bins.sums(places, Tensor.ones(shape, dtype: .float64), bins).to(dtype)
      }
    }
  }

  /// Sums of `weight` (or counts) in bins between sorted `edges`, and the edges; divided by total and width with `density`.
  /// Same as `torch.histogram`.
  public func histogram(edges: Tensor, weight: Tensor? = nil, density: Bool = false) -> (counts: Tensor, edges: Tensor) {
    let all = reshape([elementCount, 1]).histogramdd(
      edges: [edges], weight: weight?.reshape([weight!.elementCount]), density: density, checked: weight.map { $0.shape == shape } ?? true)
    return (all.counts, edges)
  }

  /// The same with `bins` equal bins over `range`, or over the elements' range. Same as `torch.histogram`.
  public func histogram(
    bins: Int, range: (Double, Double)? = nil, weight: Tensor? = nil, density: Bool = false
  ) -> (counts: Tensor, edges: Tensor) {
    let flat = reshape([elementCount, 1])
    let all = flat.histogramdd(
      bins: [bins], range: range.map { [$0] }, weight: weight?.reshape([weight!.elementCount]), density: density,
      checked: weight.map { $0.shape == shape } ?? true)
    return (all.counts, all.edges[0])
  }

  /// The histogram of points, whose coordinates are the last dim, between sorted edges for each coordinate. Same as
  /// `torch.histogramdd`.
  public func histogramdd(
    edges: [Tensor], weight: Tensor? = nil, density: Bool = false
  ) -> (counts: Tensor, edges: [Tensor]) {
    histogramdd(edges: edges, weight: weight, density: density, checked: true)
  }

  /// The same with equal bins over a range for each coordinate, or over the points' range. Same as `torch.histogramdd`.
  public func histogramdd(
    bins: [Int], range: [(Double, Double)]? = nil, weight: Tensor? = nil, density: Bool = false
  ) -> (counts: Tensor, edges: [Tensor]) {
    histogramdd(bins: bins, range: range, weight: weight, density: density, checked: true)
  }

  private func histogramdd(
    bins: [Int], range: [(Double, Double)]?, weight: Tensor?, density: Bool, checked: Bool
  ) -> (counts: Tensor, edges: [Tensor]) {
    var edges: [Tensor] = []
    let made = ErrorScope.guarding {
      if isPoisoned { return self }
      try checkPoints(bins.count, "histogram")
      if let bad = bins.first(where: { $0 <= 0 }) { throw TensorError.value("histogram: the number of bins must be positive, got \(bad)") }
      if let range, range.count != bins.count { throw TensorError.value("histogram: \(range.count) ranges given for \(bins.count) coordinates") }
      let points = detach().reshape([elementCount / Swift.max(bins.count, 1), bins.count])
      for (i, count) in bins.enumerated() {
        let column = points.select(dim: 1, i)
        let given = range?[i] ?? (0, 0)
        let (low, high) =
          range == nil && column.elementCount == 0 ? (0, 1) : try Bins.range(column, given.0, given.1, "histogram")
        edges.append(Tensor.linspace(low, high, count + 1, dtype: dtype))
      }
      return self
    }
    if made.isPoisoned { return (made, bins.map { _ in made }) }
    return histogramdd(edges: edges, weight: weight, density: density, checked: checked)
  }

  private func checkPoints(_ coordinates: Int, _ op: String) throws {
    if dtype != .float32 && dtype != .float64 { throw TensorError.dtype("\(op): expected float32 or float64, got \(dtype.name)") }
    if rank < 1 || size(-1) != coordinates {
      throw TensorError.shape("\(op): \(coordinates) sets of bins given for points of shape \(shape)")
    }
  }

  private func histogramdd(
    edges: [Tensor], weight: Tensor?, density: Bool, checked: Bool
  ) -> (counts: Tensor, edges: [Tensor]) {
    let counts = ErrorScope.guarding {
      if isPoisoned || weight?.isPoisoned ?? false { return ErrorScope.poison() }
      try checkPoints(edges.count, "histogram")
      let outer = Shape(shape.dropLast())
      if !checked || weight.map({ $0.elementCount != outer.elementCount }) ?? false {
        throw TensorError.shape("histogram: weight has shape \(weight!.shape), one is needed for each of \(outer)")
      }
      if let weight, weight.dtype != dtype {
        throw TensorError.dtype("histogram: weight is \(weight.dtype.name), expected \(dtype.name)")
      }
      if let bad = edges.first(where: { $0.rank != 1 || $0.elementCount < 1 || $0.dtype != dtype }) {
        throw TensorError.shape("histogram: edges must be vectors of \(dtype.name), got \(bad.dtype.name) of shape \(bad.shape)")
      }
      return withNoGrad {
        let n = outer.elementCount
        let points = detach().reshape([n, edges.count])
        let sizes = edges.map { $0.elementCount - 1 }
        let total = sizes.reduce(1, *)
        if total == 0 { return Tensor.zeros(Shape(sizes), dtype: dtype) }
        var place = Tensor.zeros([n], dtype: .int64)
        var isInside = Tensor.ones([n], dtype: .bool)
        for (i, edge) in edges.enumerated() {
          let own = Bins.between(points.select(dim: 1, i), edge.detach())
          isInside = isInside.logicalAnd(own .>= 0)
          place = place * sizes[i] + own
        }
        let each = weight?.detach().reshape([n]) ?? Tensor.ones([n], dtype: dtype)
        var result = Bins.sums(Tensor.where(isInside, place, -1), each, total).reshape(Shape(sizes))
        if density {
          result = result / result.sum()
          for (i, edge) in edges.enumerated() {
            let width = edge.detach().diff().reshape(Shape(sizes.indices.map { $0 == i ? sizes[i] : 1 }))
            result = result / width
          }
        }
        return result
      }
    }
    return (counts, edges)
  }
}
