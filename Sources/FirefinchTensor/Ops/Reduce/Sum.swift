import FirefinchCore

/// Samples shared by reductions: all dims, one dim, several, keepdim, 0-dim.
let reductionSamples: @Sendable () -> [Sample] = {
  let x = Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
  return [
    Sample(.tensor(x)), Sample(.tensor(x), .ints([1])), Sample(.tensor(x), .ints([0, -1]), .bool(true)),
    Sample(.tensor(Tensor(2.5, dtype: .float64))),
    Sample(error: "dim 3", "out of range", arguments: [.tensor(x), .ints([3])]),
    Sample(error: "appears twice", arguments: [.tensor(x), .ints([1, 1])]),
  ]
}

extension Op {
  static let sum = Op.reduction(
    "sum.dim_IntList(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", .sum,
    dtypes: .sum, complex: .parts, derivative: { c in [c.unreduced(c.grad()).expand(c.shape(0))] }, samples: reductionSamples)

  static let mean = Op.reduction(
    "mean.dim(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", .sum,
    dtypes: .floating, complex: .parts, finish: { value, count in value / count },
    derivative: { c in [(c.unreduced(c.grad()) / c.reducedCount).expand(c.shape(0))] }, samples: reductionSamples)
}

extension Tensor {
  /// Sum over `dim` (a list, or nil for all). Integers give int64. Same as `torch.sum`.
  public func sum(dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    Op.sum(.tensor(self), Value(dim), .bool(keepDim), Value(dtype))
  }
  /// Sum over one dim. Same as `torch.sum`.
  public func sum(dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    sum(dim: [dim], keepDim: keepDim, dtype: dtype)
  }
  /// Mean over `dim` (a list, or nil for all) of floating-point elements. Same as `torch.mean`.
  public func mean(dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    Op.mean(.tensor(self), Value(dim), .bool(keepDim), Value(dtype))
  }
  /// Mean over one dim. Same as `torch.mean`.
  public func mean(dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    mean(dim: [dim], keepDim: keepDim, dtype: dtype)
  }

  /// Sums broadcast dims out, so that the result has `shape`, which broadcasts to this tensor's. Same as
  /// `Tensor.sum_to_size`.
  public func sumToSize(_ target: Shape) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let wide = try Layout.broadcast(shape, target, op: "sumToSize")
      if wide != shape { throw TensorError.shape("sumToSize: size \(target) does not broadcast to shape \(shape)") }
      return target.isEmpty ? sum() : sumTo(target)
    }
  }

  /// `sumToSize` without the check.
  func sumTo(_ target: Shape) -> Tensor {
    let lead = rank - target.count
    var dims = Array(0..<Swift.max(lead, 0))
    for i in 0..<target.count where target[i] == 1 && shape[lead + i] != 1 { dims.append(lead + i) }
    if dims.isEmpty { return self }
    let reduced = sum(dim: dims, keepDim: true)
    return lead > 0 ? reduced.view(target) : reduced
  }
}
