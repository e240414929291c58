import FirefinchCore
import FirefinchCPU

/// Searching sorted rows and counting values.
private enum Search {
  /// For each value of a row the place in the row's sorted boundaries, by bisection: the first boundary that is not below the
  /// value, or with `right` the first above it. NaN stands behind every number. Both are dense in one dtype.
  static func places<T: Comparable>(
    _: T.Type, rows: Int, sorted: Tensor, boundaries n: Int, values: Tensor, count: Int, sharesRow: Bool, right: Bool,
    sorter: Tensor?, into out: Tensor
  ) {
    let edges = sorted.pointer(T.self), wanted = values.pointer(T.self), result = out.pointer(Int64.self)
    let order = sorter?.pointer(Int64.self)
    Parallel.ranges(rows * count, grain: 4096) { range in
      for i in range {
        let row = sharesRow ? 0 : i / count
        let base = row * n
        let value = wanted[i]
        var low = 0, high = n
        while low < high {
          let middle = (low + high) / 2
          let edge = edges[base + (order.map { Int($0[base + middle]) } ?? middle)]
          // A value that is NaN is above every number; with `right` it is behind other NaNs, too.
          let isBefore =
            right ? !(edge > value) && (edge == edge || value != value) : value != value ? edge == edge : edge < value
          if isBefore { low = middle + 1 } else { high = middle }
        }
        result[i] = Int64(low)
      }
    }
  }

  static func run(
    _ sorted: Tensor, _ values: Tensor, right: Bool, sorter: Tensor?, sharesRow: Bool, op: String
  ) throws -> Tensor {
    if sorted.dtype.isComplex || values.dtype.isComplex || sorted.dtype == .bool {
      throw TensorError.dtype("\(op): \(sorted.dtype.name) boundaries for \(values.dtype.name) values have no order")
    }
    let common = DType.promote(sorted.dtype, values.dtype)
    let type: DType = common.isFloatingPoint ? common == .float64 ? .float64 : .float32 : .int64
    let edges = sorted.detach().to(type).contiguous(), wanted = values.detach().to(type).contiguous()
    let out = Tensor(empty: values.shape, dtype: .int64)
    if values.elementCount == 0 { return out }
    let n = sorted.rank == 0 ? 1 : sorted.size(-1)
    let rows = sharesRow ? 1 : sorted.elementCount / Swift.max(n, 1)
    let count = values.elementCount / Swift.max(rows, 1)
    let order = sorter.map { $0.detach().to(.int64).contiguous() }
    switch type {
    case .float32: places(Float.self, rows: rows, sorted: edges, boundaries: n, values: wanted, count: count, sharesRow: sharesRow, right: right, sorter: order, into: out)
    case .float64: places(Double.self, rows: rows, sorted: edges, boundaries: n, values: wanted, count: count, sharesRow: sharesRow, right: right, sorter: order, into: out)
    default: places(Int64.self, rows: rows, sorted: edges, boundaries: n, values: wanted, count: count, sharesRow: sharesRow, right: right, sorter: order, into: out)
    }
    return out
  }
}

extension Tensor {
  /// For each of `values` the place in this sorted tensor's last dim where it belongs: before equal elements, behind them
  /// with `right`. The other dims are equal to those of `values`, unless this is a vector. `sorter` is the order that sorts
  /// this tensor. int64, or int32 with `asInt32`. Same as `torch.searchsorted`.
  public func searchSorted(
    _ values: Tensor, right: Bool = false, sorter: Tensor? = nil, asInt32: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || values.isPoisoned { return ErrorScope.poison(.int64) }
      if rank == 0 { throw TensorError.shape("searchSorted: the sorted tensor must have at least one dim") }
      if rank > 1 {
        let isAlike = values.rank == rank && shape.dropLast().elementsEqual(values.shape.dropLast())
        if !isAlike {
          throw TensorError.shape(
            "searchSorted: all dims but the last must be equal, got \(shape) for the sorted tensor and \(values.shape)")
        }
      }
      if let sorter {
        if sorter.shape != shape || sorter.dtype != .int64 {
          throw TensorError.shape("searchSorted: sorter must be int64 of shape \(shape), got \(sorter.dtype.name) of \(sorter.shape)")
        }
        if sorter.elementCount > 0, sorter.amin().intValue < 0 || sorter.amax().intValue >= size(-1) {
          throw TensorError.index("searchSorted: sorter has an index out of range for \(size(-1)) elements")
        }
      }
      let result = try Search.run(self, values, right: right, sorter: sorter, sharesRow: rank == 1, op: "searchSorted")
      return asInt32 ? result.to(.int32) : result
    }
  }

  /// For each element the place in sorted `boundaries`, a vector: how many are below it, or not above it with `right`. Same
  /// as `torch.bucketize`.
  public func bucketize(_ boundaries: Tensor, right: Bool = false, asInt32: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || boundaries.isPoisoned { return ErrorScope.poison(.int64) }
      if boundaries.rank != 1 { throw TensorError.shape("bucketize: boundaries must be a vector, got shape \(boundaries.shape)") }
      return boundaries.searchSorted(self, right: right, asInt32: asInt32)
    }
  }

  /// Whether each element is one of `others`, by sorting and bisection. Same as `torch.isin`.
  public func isIn(_ others: Tensor, invert: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || others.isPoisoned { return ErrorScope.poison(.bool) }
      return try withNoGrad {
        let common = DType.promote(dtype, others.dtype)
        if common == .bool || common.isComplex {
          throw TensorError.dtype("isIn: \(common.name) tensors are not supported; convert first")
        }
        if others.elementCount == 0 { return Tensor.full(shape, invert, dtype: .bool) }
        let type: DType = common == .bool ? .uint8 : common
        let list = others.detach().reshape([others.elementCount]).to(type).sort(dim: 0).values
        let own = detach().to(type)
        let place = try Search.run(list, own, right: false, sorter: nil, sharesRow: true, op: "isIn")
        let nearest = list.index([place.clamp(max: list.elementCount - 1)])
        let found = nearest .== own
        return invert ? found.logicalNot() : found
      }
    }
  }

  /// How often each number from 0 on is in a vector of numbers that are not negative: int64, or the sums of `weights`. Same
  /// as `torch.bincount`.
  public func bincount(weights: Tensor? = nil, minLength: Int = 0) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || weights?.isPoisoned ?? false { return ErrorScope.poison() }
      if rank != 1 || !dtype.isInteger {
        throw TensorError.shape("bincount: expected a vector of integers, got \(dtype.name) of shape \(shape)")
      }
      if minLength < 0 { throw TensorError.value("bincount: minLength must not be negative, got \(minLength)") }
      if let weights, weights.shape != shape {
        throw TensorError.shape("bincount: weights have shape \(weights.shape), expected \(shape)")
      }
      let type: DType = weights.map { $0.dtype == .float32 ? .float32 : .float64 } ?? .int64
      if elementCount == 0 { return Tensor.zeros([minLength], dtype: weights == nil ? .int64 : type) }
      let (low, high) = (amin().intValue, amax().intValue)
      if low < 0 { throw TensorError.value("bincount: numbers must not be negative, got \(low)") }
      return withNoGrad {
        let zeros = Tensor.zeros([Swift.max(high + 1, minLength)], dtype: type)
        let each = weights?.detach().to(type) ?? Tensor.ones(shape, dtype: type)
        return zeros.indexAdd(dim: 0, index: to(.int64), each)
      }
    }
  }
}
