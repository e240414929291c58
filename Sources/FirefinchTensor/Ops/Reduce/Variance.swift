import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

/// What the squared differences are divided by: the count less the correction, never below 0.
private func divisor(_ count: Int, _ correction: Double) -> Double { Swift.max(Double(count) - correction, 0) }

/// What the two passes of a variance compute; scalar 0 is the number of elements, scalar 1 the divisor.
private enum Spread {
  static let value = Reduce.function("value", .input(0))
  static let mean = Reduce.function("mean", .input(0) / .scalar(0))
  static let square = Reduce.function("square", inputs: 2, (.input(0) - .input(1)) * (.input(0) - .input(1)))
  static let divided = Reduce.function("divided", .input(0) / .scalar(1))
}

extension Op {
  /// In two passes, the mean and then the squared differences from it, so that large means cost no digits.
  static let variance: Op = .structured(
    "var.correction(Tensor self, int[1]? dim=None, bool keepdim=False, *, Scalar? correction=None) -> Tensor",
    saves: .inputs(0),
    complex: .composite { c in
      // Both parts' squared distances from the mean.
      try [
        variance.call([.tensor(c.tensor(0).real)] + c.arguments.dropFirst())[0]
          + variance.call([.tensor(c.tensor(0).imag)] + c.arguments.dropFirst())[0]
      ]
    },
    plan: { call in
      let x = call.tensor(0)
      let dims = try Layout.wrap(dims: call.optionalInts(1), rank: x.rank, op: "var")
      if !x.dtype.isFloatingPoint {
        throw TensorError.dtype("var: expected a floating-point tensor, got \(x.dtype.name); convert with to(.float32)")
      }
      return [TensorSpec(Reduce.shape(x.shape, dims: dims, keepDim: call.bool(2)), x.dtype)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      let dims = try Layout.wrap(dims: call.optionalInts(1), rank: x.rank, op: "var")
      let compute = x.dtype.registerClass
      let mean = Tensor(empty: Reduce.shape(x.shape, dims: dims, keepDim: true), dtype: compute.dtype)
      Reduce.run(
        .sum, map: Spread.value, inputs: [x.detach()], compute: compute, shape: x.shape, dims: dims,
        finish: Spread.mean, into: mean)
      let wide = mean.alias(layout: try mean.layout.expanded(to: x.shape, op: "var"))
      let count = dims.reduce(1) { $0 * x.shape[$1] }
      Reduce.run(
        .sum, map: Spread.square, inputs: [x.detach(), wide], compute: compute, shape: x.shape, dims: dims,
        finish: Spread.divided, scalars: [.double(divisor(count, call.optionalDouble(3) ?? 1))], into: results[0])
    },
    derivative: { c in
      let x = c.input(0)
      let dims = (try? Layout.wrap(dims: c.call.optionalInts(1), rank: x.rank, op: "var")) ?? []
      let centred = dims.isEmpty ? x - x : x - x.mean(dim: dims, keepDim: true)
      return [c.unreduced(c.grad()) * centred * (2 / divisor(c.reducedCount, c.call.optionalDouble(3) ?? 1))]
    },
    samples: {
      [
        Sample(.tensor(sample())), Sample(.tensor(sample()), .ints([1])),
        Sample(.tensor(sample()), .ints([0, -1]), .bool(true), .int(0)),
        Sample(.tensor(sample()), .ints([1]), .bool(false), .double(1.5)),
        Sample(error: "dim 3", "out of range", arguments: [.tensor(sample()), .ints([3])]),
        Sample(error: "var", "int64", arguments: [.tensor(Tensor([1, 2]))]),
      ]
    })
}

extension Tensor {
  /// Square root whose derivative at 0 is 0 instead of infinite.
  func sqrtWithoutPole() -> Tensor {
    let zero = self .== 0
    return Tensor.where(zero, 0, Tensor.where(zero, 1, self).sqrt())
  }

  /// Variance over `dim` (a list, or nil for all): squared differences from the mean divided by the count less
  /// `correction`. Floating point. Same as `torch.var`.
  public func `var`(dim: [Int]? = nil, correction: Double = 1, keepDim: Bool = false) -> Tensor {
    Op.variance(.tensor(self), Value(dim), .bool(keepDim), .double(correction))
  }
  /// Variance over one dim. Same as `torch.var`.
  public func `var`(dim: Int, correction: Double = 1, keepDim: Bool = false) -> Tensor {
    self.var(dim: [dim], correction: correction, keepDim: keepDim)
  }
  /// Standard deviation over `dim` (a list, or nil for all); its gradient is 0 where it is 0. Same as `torch.std`.
  public func std(dim: [Int]? = nil, correction: Double = 1, keepDim: Bool = false) -> Tensor {
    let variance = self.var(dim: dim, correction: correction, keepDim: keepDim)
    return GradMode.isEnabled && requiresGrad ? variance.sqrtWithoutPole() : variance.sqrt()
  }
  /// Standard deviation over one dim. Same as `torch.std`.
  public func std(dim: Int, correction: Double = 1, keepDim: Bool = false) -> Tensor {
    std(dim: [dim], correction: correction, keepDim: keepDim)
  }
  /// Variance and mean over `dim` (nil for all). Same as `torch.var_mean`.
  public func varMean(dim: [Int]? = nil, correction: Double = 1, keepDim: Bool = false) -> (
    variance: Tensor, mean: Tensor
  ) {
    (self.var(dim: dim, correction: correction, keepDim: keepDim), mean(dim: dim, keepDim: keepDim))
  }
  /// Standard deviation and mean over `dim` (nil for all). Same as `torch.std_mean`.
  public func stdMean(dim: [Int]? = nil, correction: Double = 1, keepDim: Bool = false) -> (std: Tensor, mean: Tensor) {
    (std(dim: dim, correction: correction, keepDim: keepDim), mean(dim: dim, keepDim: keepDim))
  }
}
