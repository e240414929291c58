import FirefinchCore

/// Integrals and derivatives of sampled functions.
extension Tensor {
  /// Where the samples lie: a fixed distance apart, or at coordinates (a vector along the dim, or as many dims as the samples).
  public enum Spacing {
    case distance(Double)
    case coordinates(Tensor)
  }

  /// Areas of the trapezoids between neighbours along `dim`, which is not 0-dim.
  private func trapezoids(_ spacing: Spacing, dim: Int, _ op: String) throws -> (areas: Tensor, dim: Int) {
    if rank == 0 { throw TensorError.shape("\(op): expected a tensor of at least 1 dim, got shape []") }
    if dtype == .bool { throw TensorError.dtype("\(op): bool tensors are not supported") }
    let d = try Layout.wrap(dim: dim, rank: rank, op: op)
    let n = Swift.max(shape[d] - 1, 0)
    let sums = narrow(dim: d, start: Swift.min(1, shape[d]), length: n) + narrow(dim: d, start: 0, length: n)
    switch spacing {
    case .distance(let dx): return (sums * (dx / 2), d)
    case .coordinates(let x):
      var x = x
      if x.dtype == .bool { throw TensorError.dtype("\(op): bool coordinates are not supported") }
      if x.rank == 0 { throw TensorError.shape("\(op): the coordinates must have at least 1 dim") }
      var along = d - rank
      if x.rank == 1 {
        if x.size(0) != shape[d] {
          throw TensorError.shape("\(op): \(x.size(0)) coordinates do not belong to \(shape[d]) samples in dim \(dim)")
        }
        along = -1
      } else if x.rank < rank {
        x = x.reshape(Shape([Int](repeating: 1, count: rank - x.rank) + x.shape.array))
      }
      var steps = x.diff(dim: along)
      if x.rank == 1 { steps = steps.reshape(Shape([n] + [Int](repeating: 1, count: rank - d - 1))) }
      return (sums * steps / 2, d)
    }
  }

  /// Integral along `dim` of samples by trapezoids. Same as `torch.trapezoid`.
  public func trapezoid(_ spacing: Spacing = .distance(1), dim: Int = -1) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let (areas, d) = try trapezoids(spacing, dim: dim, "trapezoid")
      return areas.sum(dim: d)
    }
  }
  /// Integral of samples `dx` apart along `dim` by trapezoids. Same as `torch.trapezoid`.
  public func trapezoid(dx: Double, dim: Int = -1) -> Tensor { trapezoid(.distance(dx), dim: dim) }

  /// Integrals up to each sample but the first. Same as `torch.cumulative_trapezoid`.
  public func cumulativeTrapezoid(_ spacing: Spacing = .distance(1), dim: Int = -1) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let (areas, d) = try trapezoids(spacing, dim: dim, "cumulative_trapezoid")
      return areas.cumsum(dim: d)
    }
  }

  /// Derivatives of samples along each of `dims` (all by default), of second order inside and of order `edgeOrder` (1 or 2) at the
  /// ends. `spacing` has an entry for each dim. Same as `torch.gradient`.
  public func gradient(spacing: [Spacing], dims: [Int]? = nil, edgeOrder: Int = 1) -> [Tensor] {
    let count = dims?.count ?? rank
    return ErrorScope.guarding(count) {
      if isPoisoned { return (0..<count).map { _ in self } }
      let op = "gradient"
      let dims = try Layout.wrap(dims: dims ?? Array(0..<rank), rank: rank, op: op)
      if dtype == .bool || dtype == .uint8 { throw TensorError.dtype("\(op): \(dtype.name) tensors are not supported") }
      if edgeOrder != 1 && edgeOrder != 2 { throw TensorError.value("\(op): the edge order must be 1 or 2, got \(edgeOrder)") }
      if spacing.count != dims.count {
        throw TensorError.value("\(op): expected a spacing for each of \(dims.count) dims, got \(spacing.count)")
      }
      return try dims.enumerated().map { i, d in
        if shape[d] < edgeOrder + 1 {
          throw TensorError.shape("\(op): each dim must have at least \(edgeOrder + 1) samples, got shape \(shape)")
        }
        return try slope(spacing[i], d, edgeOrder)
      }
    }
  }

  /// Derivatives along each of `dims`, the samples lying alike in all of them. Same as `torch.gradient`.
  public func gradient(_ spacing: Spacing = .distance(1), dims: [Int]? = nil, edgeOrder: Int = 1) -> [Tensor] {
    gradient(spacing: [Spacing](repeating: spacing, count: dims?.count ?? rank), dims: dims, edgeOrder: edgeOrder)
  }

  private func slope(_ spacing: Spacing, _ d: Int, _ edgeOrder: Int) throws -> Tensor {
    let n = shape[d]
    func at(_ i: Int, _ length: Int = 1) -> Tensor { narrow(dim: d, start: i, length: length) }
    switch spacing {
    case .distance(let h):
      let middle = (at(2, n - 2) - at(0, n - 2)) / (2 * h)
      var (first, last) = ((at(1) - at(0)) / h, (at(n - 1) - at(n - 2)) / h)
      if edgeOrder == 2 {
        first = (at(1) * 4 - at(0) * 3 - at(2)) / (2 * h)
        last = (at(n - 1) * 3 - at(n - 2) * 4 + at(n - 3)) / (2 * h)
      }
      return Tensor.cat([first, middle, last], dim: d)
    case .coordinates(let x):
      if x.rank != 1 || x.size(0) != n {
        throw TensorError.shape("gradient: expected \(n) coordinates of dim \(d), got shape \(x.shape)")
      }
      let steps = x.diff()
      func step(_ i: Int, _ length: Int = 1) -> Tensor {
        steps.narrow(dim: 0, start: i, length: length).reshape(Shape([length] + [Int](repeating: 1, count: rank - d - 1)))
      }
      let (h1, h2) = (step(0, n - 2), step(1, n - 2))
      let before = at(0, n - 2) * (-h2 / (h1 * (h1 + h2))), here = at(1, n - 2) * ((h2 - h1) / (h1 * h2))
      let middle = before + here + at(2, n - 2) * (h1 / (h2 * (h1 + h2)))
      var (first, last) = ((at(1) - at(0)) / step(0), (at(n - 1) - at(n - 2)) / step(n - 2))
      if edgeOrder == 2 {
        let (a, b) = (step(0), step(1))
        let (c, e) = (step(n - 3), step(n - 2))
        let start = at(1) * ((a + b) / (a * b)) - at(0) * ((a * 2 + b) / (a * (a + b)))
        first = start - at(2) * (a / (b * (a + b)))
        let end = at(n - 3) * (e / (c * (c + e))) - at(n - 2) * ((e + c) / (c * e))
        last = end + at(n - 1) * ((e * 2 + c) / (e * (c + e)))
      }
      return Tensor.cat([first, middle, last], dim: d)
    }
  }
}
