import FirefinchCore

/// What the two passes compute.
private enum Parts {
  static let value = Reduce.function("value", .input(0))
  static let finite = Reduce.function("finite", .select(Expr.input(0).isInf(), 0, .input(0)))
  static let shifted = Reduce.function("shifted", inputs: 2, (Expr.input(0) - .input(1)).exp())
  static let log = Reduce.function("log", Expr.input(0).log())
}

extension Op {
  static let logsumexp: Op = .structured(
    "logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", saves: Op.Saves(inputs: [0], outputs: [0]),
    complex: .composite { c in
      let x = c.tensor(0)
      let dims = try Layout.wrap(dims: c.optionalInts(1), rank: x.rank, op: "logsumexp")
      let shape = Reduce.shape(x.shape, dims: dims, keepDim: c.bool(2))
      if x.elementCount == 0 {
        // The sum over nothing keeps the history.
        return [x.sum(dim: dims.isEmpty ? nil : dims, keepDim: c.bool(2)) + Scalar.complex(-.infinity, 0)]
      }
      var top = withNoGrad { x.detach().real.amax(dim: dims, keepDim: true) }
      top = Tensor.where(top.isInf(), 0, top)
      let sum = (x - top).exp().sum(dim: dims.isEmpty ? nil : dims, keepDim: true)
      return [(sum.log() + top).reshape(shape)]
    },
    plan: { call in
      let x = call.tensor(0)
      let dims = try Layout.wrap(dims: call.optionalInts(1), rank: x.rank, op: "logsumexp")
      let dtype = x.dtype.isFloatingPoint ? x.dtype : DType.defaultFloat
      return [TensorSpec(Reduce.shape(x.shape, dims: dims, keepDim: call.bool(2)), dtype)]
    },
    forward: { call, results in
      let result = results[0]
      let compute = result.dtype.registerClass
      let x = call.tensor(0).detach()
      let dims = try Layout.wrap(dims: call.optionalInts(1), rank: x.rank, op: "logsumexp")
      if dims.contains(where: { x.shape[$0] == 0 }) { return result.fillData(.double(-.infinity)) }
      // The largest element is taken out, so that no exponential overflows; where it is infinite 0 is.
      let top = Tensor(empty: Reduce.shape(x.shape, dims: dims, keepDim: true), dtype: compute.dtype)
      Reduce.run(
        .max, map: Parts.value, inputs: [x], compute: compute, shape: x.shape, dims: dims,
        finish: Parts.finite, into: top)
      let wide = top.alias(layout: try top.layout.expanded(to: x.shape, op: "logsumexp"))
      let sum = Tensor(empty: result.shape, dtype: compute.dtype)
      Reduce.run(
        .sum, map: Parts.shifted, inputs: [x, wide], compute: compute, shape: x.shape, dims: dims,
        finish: Parts.log, into: sum)
      withNoGrad { result.copyData(from: sum + top.reshape(result.shape)) }
    },
    derivative: { c in
      // Where the result is infinite 0 is put in its place: rows of -inf get the gradient 0 rather than NaN.
      let y = c.unreduced(c.output())
      return [c.unreduced(c.grad()) * (c.input(0) - Tensor.where(y.isInf(), 0, y)).exp()]
    }, samples: reductionSamples)
}

extension Tensor {
  /// log of the sum of exponentials over `dim` (a list), without overflow; -inf over nothing. Integers give floating
  /// point. Same as `torch.logsumexp`.
  public func logsumexp(dim: [Int], keepDim: Bool = false) -> Tensor {
    Op.logsumexp(.tensor(self), .ints(dim), .bool(keepDim))
  }
  /// log of the sum of exponentials over one dim, without overflow. Same as `torch.logsumexp`.
  public func logsumexp(dim: Int, keepDim: Bool = false) -> Tensor { logsumexp(dim: [dim], keepDim: keepDim) }
}
