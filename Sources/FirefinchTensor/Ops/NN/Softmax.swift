import FirefinchCore
import FirefinchCPU

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3, 0.25, -2.0, 1.0, 0.75, 1.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

/// What the row operations share: float32 or float64 dense memory, half types through float32.
enum Dense {
  /// A dense tensor in the kernels' dtype, without history.
  static func of(_ x: Tensor) -> Tensor {
    withNoGrad { x.detach().to(x.dtype == .float64 ? .float64 : .float32).contiguous() }
  }
  /// The same, or nil.
  static func of(_ x: Tensor?) -> Tensor? { x.map { of($0) } }

  /// Calls `body` with memory in the kernels' dtype for `result` and stores it converted.
  static func fill(_ result: Tensor, _ body: (Tensor) -> Void) {
    if result.isContiguous && (result.dtype == .float32 || result.dtype == .float64) { return body(result) }
    let wide = Tensor(empty: result.shape, dtype: result.dtype == .float64 ? .float64 : .float32)
    body(wide)
    result.copyData(from: wide)
  }

  /// (outer, n, inner) around `dim`.
  static func split(_ shape: Shape, _ dim: Int) -> (outer: Int, n: Int, inner: Int) {
    if shape.isEmpty { return (1, 1, 1) }
    return (shape[..<dim].reduce(1, *), shape[dim], shape[(dim + 1)...].reduce(1, *))
  }
}

private func softmaxOp(_ name: String, log: Bool) -> Op {
  .structured(
    "\(name)(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", saves: .outputs(0),
    complex: .composite { c in
      let (x, dim) = (c.tensor(0), c.int(1))
      if let dtype = c.optionalDType(2), !dtype.isComplex {
        let real = x.to(dtype)
        return [log ? real.logSoftmax(dim: dim) : real.softmax(dim: dim)]
      }
      let d = try Layout.wrap(dim: dim, rank: x.rank, op: name)
      if x.elementCount == 0 { return [x.clone()] }
      let shifted = x - withNoGrad { x.detach().real.amax(dim: [d], keepDim: true) }
      let size = shifted.exp().sum(dim: [d], keepDim: true)
      return [log ? shifted - size.log() : shifted.exp() / size]
    },
    plan: { call in
      let x = call.tensor(0)
      _ = try Layout.wrap(dim: call.int(1), rank: x.rank, op: name)
      let dtype = call.optionalDType(2) ?? x.dtype
      if !dtype.isFloatingPoint {
        throw TensorError.dtype("\(name): expected a floating-point tensor, got \(dtype.name); convert or pass dtype")
      }
      return [TensorSpec(x.shape, dtype)]
    },
    forward: { call, results in
      if results[0].elementCount == 0 { return }
      let dim = try Layout.wrap(dim: call.int(1), rank: results[0].rank, op: name)
      let x = Dense.of(call.tensor(0).detach().to(results[0].dtype))
      let (outer, n, inner) = Dense.split(x.shape, dim)
      Dense.fill(results[0]) {
        RowKernel.softmax($0.dtype, log: log, outer: outer, n: n, inner: inner, x.data, $0.data)
      }
    },
    derivative: { c in
      let (y, g, dim) = (c.output(), c.grad(), c.int(1))
      if GradMode.isEnabled || g.device != .cpu {
        if log { return [g - y.exp() * g.sum(dim: dim, keepDim: true)] }
        let weighted = g * y
        return [weighted - y * weighted.sum(dim: dim, keepDim: true)]
      }
      let result = Tensor(empty: y.shape, dtype: y.dtype)
      if y.elementCount == 0 { return [result] }
      let (dy, dense) = (Dense.of(g), Dense.of(y))
      let (outer, n, inner) = Dense.split(y.shape, dim < 0 ? dim + Swift.max(y.rank, 1) : dim)
      Dense.fill(result) {
        RowKernel.softmaxBackward(
          $0.dtype, log: log, outer: outer, n: n, inner: inner, gy: dy.data, y: dense.data, gx: $0.data)
      }
      return [result]
    },
    samples: {
      [
        Sample(.tensor(sample()), .int(1)), Sample(.tensor(sample()), .int(-1)),
        Sample(error: "dim 4", arguments: [.tensor(sample()), .int(4)]),
      ]
    })
}

extension Op {
  static let softmax = softmaxOp("softmax", log: false)
  static let logSoftmax = softmaxOp("log_softmax", log: true)
}

extension Tensor {
  /// Exponentials along `dim` divided by their sum. Same as `torch.softmax`.
  public func softmax(dim: Int, dtype: DType? = nil) -> Tensor { Op.softmax(.tensor(self), .int(dim), Value(dtype)) }
  /// Logarithm of `softmax`, without its rounding. Same as `torch.log_softmax`.
  public func logSoftmax(dim: Int, dtype: DType? = nil) -> Tensor { Op.logSoftmax(.tensor(self), .int(dim), Value(dtype)) }
  /// The gradient of softmax's argument, this being the gradient of its result `output`. Same as
  /// `torch._softmax_backward_data`.
  public func softmaxBackward(_ output: Tensor, dim: Int) -> Tensor {
    // Half types are computed in float32 and rounded once.
    if dtype == .float16 || dtype == .bfloat16 {
      return to(.float32).softmaxBackward(output.to(.float32), dim: dim).to(dtype)
    }
    let weighted = self * output
    return weighted - output * weighted.sum(dim: dim, keepDim: true)
  }
  /// softmax with rows of nothing but -inf giving 0. Same as `torch.ops.aten._safe_softmax`.
  public func safeSoftmax(dim: Int, dtype: DType? = nil) -> Tensor {
    if isPoisoned || rank == 0 { return softmax(dim: dim, dtype: dtype) }
    let isDead = (detach() .== -Double.infinity).all(dim: dim, keepDim: true)
    return Tensor.where(isDead, 0, Tensor.where(isDead, 0, self).softmax(dim: dim, dtype: dtype))
  }
  /// softmax(-x). Same as `F.softmin`.
  public func softmin(dim: Int) -> Tensor { (-self).softmax(dim: dim) }
}
