import FirefinchCPU
import FirefinchCore

/// All different and without ties.
private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

/// What the scans share: dense memory in a kernel's dtype around one dim.
private enum Scan {
  static func compute(_ dtype: DType) -> DType {
    switch dtype {
    case .float32, .float64: dtype
    case .float16, .bfloat16: .float32
    default: .int64
    }
  }

  static func dense(_ x: Tensor, _ dtype: DType) -> Tensor { withNoGrad { x.detach().to(dtype).contiguous() } }

  /// Calls `body` with memory of `dtype` for `result`, which is converted.
  static func fill(_ result: Tensor, _ dtype: DType, _ body: (Tensor) -> Void) {
    if result.dtype == dtype && result.isContiguous { return body(result) }
    let wide = Tensor(empty: result.shape, dtype: dtype)
    body(wide)
    result.copyData(from: wide)
  }

  /// The dtype of a running sum: integers become int64 unless a dtype is given.
  static func resultDType(_ call: OpCall, _ index: Int) throws -> DType {
    let x = call.tensor(0)
    let dtype = call.optionalDType(index) ?? (x.dtype.isFloatingPoint ? x.dtype : .int64)
    if dtype.isComplex { throw TensorError.dtype("\(call.name): convert the tensor to \(dtype.name) first") }
    return dtype
  }
}

private let scanSamples: @Sendable () -> [Sample] = {
  [
    Sample(.tensor(sample()), .int(1)), Sample(.tensor(sample()), .int(-1)), Sample(.tensor(sample()), .int(0)),
    Sample(.tensor(Tensor(1.5, dtype: .float64)), .int(0)),
    Sample(error: "dim 3", "out of range", arguments: [.tensor(sample()), .int(3)]),
  ]
}

private func running(
  _ name: String, _ join: ScanKernel.Join, saves: Op.Saves, complex: Op.ComplexRule,
  samples: @escaping @Sendable () -> [Sample], derivative: @escaping @Sendable (Gradient) -> [Tensor?]
) -> Op {
  .structured(
    "\(name)(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", saves: saves, complex: complex,
    plan: { call in
      _ = try Layout.wrap(dim: call.int(1), rank: call.tensor(0).rank, op: name)
      return [TensorSpec(call.tensor(0).shape, try Scan.resultDType(call, 2))]
    },
    forward: { call, results in
      let x = call.tensor(0)
      if x.elementCount == 0 { return }
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: name)
      let dtype = Scan.compute(results[0].dtype)
      let (outer, n, inner) = Dense.split(x.shape, dim)
      let source = Scan.dense(x.detach().to(results[0].dtype), dtype)
      Scan.fill(results[0], dtype) {
        ScanKernel.run(dtype, join, outer: outer, n: n, inner: inner, x: source.data, y: $0.data)
      }
    }, derivative: derivative, samples: samples)
}

private func extreme(_ name: String, largest: Bool) -> Op {
  .structured(
    "\(name)(Tensor self, int dim) -> (Tensor, Tensor)", saves: .outputs(1), differentiableResults: 1,
    plan: { call in
      let x = call.tensor(0)
      _ = try Layout.wrap(dim: call.int(1), rank: x.rank, op: name)
      if x.dtype.isComplex { throw TensorError.dtype("\(name): complex tensors have no order") }
      return [TensorSpec(x.shape, x.dtype), TensorSpec(x.shape, .int64)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      if x.elementCount == 0 { return }
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: name)
      let dtype = Scan.compute(x.dtype)
      let (outer, n, inner) = Dense.split(x.shape, dim)
      let source = Scan.dense(x, dtype)
      Scan.fill(results[0], dtype) {
        ScanKernel.extremes(
          dtype, largest: largest, outer: outer, n: n, inner: inner, x: source.data, values: $0.data,
          indices: results[1].pointer(Int64.self))
      }
    },
    derivative: { c in
      guard let g = c.optionalGrad(0) else { return [nil] }
      let zeros = Tensor.zeros(c.shape(0), dtype: g.dtype, device: g.device)
      return [zeros.scatterAdd(dim: c.int(1), index: c.output(1), g)]
    }, samples: scanSamples)
}

extension Tensor {
  /// log(exp(x) + exp(y)) of complex numbers, the one with the larger real part taken out.
  func logaddexpOfComplex(_ other: Tensor) -> Tensor {
    let isLarger = real.detach() .>= other.real.detach()
    let large = Tensor.where(isLarger, self, other), small = Tensor.where(isLarger, other, self)
    return large + (small - large).exp().log1p()
  }

  /// Running products or the like along `dim` by doubling steps, log2(n) passes: for dtypes without a kernel.
  func doublingScan(dim: Int, _ join: (Tensor, Tensor) -> Tensor) throws -> Tensor {
    let d = try Layout.wrap(dim: dim, rank: rank, op: "scan")
    var result = self
    var step = 1
    while rank > 0 && step < shape[d] {
      let n = shape[d]
      let head = result.narrow(dim: d, start: 0, length: step)
      let tail = join(result.narrow(dim: d, start: 0, length: n - step), result.narrow(dim: d, start: step, length: n - step))
      result = Tensor.cat([head, tail], dim: d)
      step *= 2
    }
    return result === self ? clone() : result
  }

  /// All elements along `dim` joined in pairs, log2(n) passes; the dim is kept with size 1.
  func foldingReduction(dim: Int, _ join: (Tensor, Tensor) -> Tensor) -> Tensor {
    var result = self
    while result.shape[dim] > 1 {
      let n = result.shape[dim], half = n / 2
      let pair = join(result.narrow(dim: dim, start: 0, length: half), result.narrow(dim: dim, start: half, length: half))
      result = n % 2 == 0 ? pair : Tensor.cat([pair, result.narrow(dim: dim, start: n - 1, length: 1)], dim: dim)
    }
    return result
  }
}

extension Op {
  static let cumsum = running("cumsum", .sum, saves: .nothing, complex: .parts, samples: scanSamples) { c in
    [c.grad().reverseCumsum(dim: c.int(1))]
  }

  static let cumprod = running(
    "cumprod", .product, saves: Op.Saves(inputs: [0], outputs: [0]),
    complex: .composite { c in [try c.tensor(0).doublingScan(dim: c.int(1)) { $0 * $1 }] },
    samples: {
      // Zeros: the derivative must not divide by them.
      let zeros = Tensor([0.5, 0, 2.0, 3.5, 0, 1.5, 0.25, -2.0, 0, 0.75, 0, -0.5], shape: [2, 3, 2], dtype: .float64)
      return scanSamples() + [Sample(.tensor(zeros), .int(1)), Sample(.tensor(zeros), .int(-1))]
    }
  ) { c in
    // y[k] = y[k - 1] x[k], so with r[k] = g[k] + x[k + 1] r[k + 1] the gradient is r[k] y[k - 1]: no division.
    let (x, g, dim) = (c.input(0).to(c.grad().dtype), c.grad(), c.int(1))
    if x.elementCount == 0 { return [g] }
    return [
      linearScan(x.shifted(dim: dim, by: -1), g, dim: dim, reverse: true) * c.output().shifted(dim: dim, by: 1, fill: 1)
    ]
  }

  static let logcumsumexp: Op = .structured(
    "logcumsumexp(Tensor self, int dim) -> Tensor", saves: Op.Saves(inputs: [0], outputs: [0]),
    complex: .composite { c in
      let x = c.tensor(0)
      let dim = try Layout.wrap(dim: c.int(1), rank: x.rank, op: "logcumsumexp")
      if x.elementCount == 0 { return [x.clone()] }
      let type: DType = x.dtype == .complex128 ? .complex128 : .complex64
      let (outer, n, inner) = Dense.split(x.shape, dim)
      let source = Scan.dense(x, type)
      let values = Tensor(empty: x.shape, dtype: x.dtype)
      Scan.fill(values, type) {
        ScanKernel.run(type, .logSumExp, outer: outer, n: n, inner: inner, x: source.data, y: $0.data)
      }
      if !GradMode.isEnabled || !x.requiresGrad { return [values] }
      // The doubling steps carry the derivative; they differ from the kernel's values by turns of the angle at most.
      let steps = try x.doublingScan(dim: dim) { $0.logaddexpOfComplex($1) }
      let turns = withNoGrad { () -> Tensor in
        let difference = values - steps.detach()
        return Tensor.where(difference.isFinite(), difference, 0)
      }
      return [steps + turns]
    },
    plan: { call in
      let x = call.tensor(0)
      _ = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "logcumsumexp")
      if !x.dtype.isFloatingPoint {
        throw TensorError.dtype("logcumsumexp: expected a floating-point tensor, got \(x.dtype.name)")
      }
      return [TensorSpec(x.shape, x.dtype)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      if x.elementCount == 0 { return }
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "logcumsumexp")
      let dtype = Scan.compute(x.dtype)
      let (outer, n, inner) = Dense.split(x.shape, dim)
      let source = Scan.dense(x, dtype)
      Scan.fill(results[0], dtype) {
        ScanKernel.run(dtype, .logSumExp, outer: outer, n: n, inner: inner, x: source.data, y: $0.data)
      }
    },
    derivative: { c in
      // The gradient is exp(x[k] - y[k]) t[k], t[k] = g[k] + exp(y[k] - y[k + 1]) t[k + 1]: no exponent is positive.
      let (x, y, g, dim) = (c.input(0), c.output(), c.grad(), c.int(1))
      if x.elementCount == 0 { return [g] }
      let finite = Tensor.where(y.isInf(), 0, y)
      let ratio = (y - finite.shifted(dim: dim, by: -1)).clamp(max: 0).exp()
      return [linearScan(ratio, g, dim: dim, reverse: true) * (x - finite).exp()]
    }, samples: scanSamples)

  static let cummax = extreme("cummax", largest: true)
  static let cummin = extreme("cummin", largest: false)

  /// y[k] = b[k] + a[k] y[k - 1], or y[k + 1] when reverse: what the derivatives of running products are made of.
  static let linearScan: Op = .structured(
    "_linear_scan(Tensor a, Tensor b, int dim, bool reverse=False) -> Tensor",
    saves: Op.Saves(inputs: [0], outputs: [0]),
    plan: { call in
      let (a, b) = (call.tensor(0), call.tensor(1))
      _ = try Layout.wrap(dim: call.int(2), rank: b.rank, op: "linearScan")
      if a.shape != b.shape || a.dtype != b.dtype || !a.dtype.isFloatingPoint {
        throw TensorError.shape(
          "linearScan: expected two floating-point tensors of one shape and dtype, got \(a.shape) \(a.dtype.name) and "
            + "\(b.shape) \(b.dtype.name)")
      }
      return [TensorSpec(b.shape, b.dtype)]
    },
    forward: { call, results in
      let b = call.tensor(1)
      if b.elementCount == 0 { return }
      let dim = try Layout.wrap(dim: call.int(2), rank: b.rank, op: "linearScan")
      let dtype = Scan.compute(b.dtype)
      let (outer, n, inner) = Dense.split(b.shape, dim)
      let (factors, terms) = (Scan.dense(call.tensor(0), dtype), Scan.dense(b, dtype))
      Scan.fill(results[0], dtype) {
        ScanKernel.linear(
          dtype, reverse: call.bool(3), outer: outer, n: n, inner: inner, a: factors.data, b: terms.data, y: $0.data)
      }
    },
    derivative: { c in
      let (dim, back) = (c.int(2), c.bool(3))
      let step = back ? 1 : -1
      let adjoint = linearScan(c.input(0).shifted(dim: dim, by: step), c.grad(), dim: dim, reverse: !back)
      return [c.needs(0) ? adjoint * c.output().shifted(dim: dim, by: -step) : nil, adjoint]
    },
    samples: {
      let other = sample() * 0.5 + 0.3
      return [
        Sample(.tensor(sample()), .tensor(other), .int(1), .bool(false)),
        Sample(.tensor(sample()), .tensor(other), .int(1), .bool(true)),
        Sample(error: "linearScan", "[2, 3, 2]", arguments: [.tensor(sample()), .tensor(other.t0()), .int(1)]),
      ]
    })

  private static func linearScan(_ a: Tensor, _ b: Tensor, dim: Int, reverse: Bool) -> Tensor {
    Op.linearScan(.tensor(a), .tensor(b), .int(dim), .bool(reverse))
  }
}

extension Tensor {
  fileprivate func t0() -> Tensor { transpose(0, 1) }

  /// The elements moved by one place along `dim` (`by` is 1 or -1); the free place gets `fill`.
  fileprivate func shifted(dim: Int, by: Int, fill: Double = 0) -> Tensor {
    if rank == 0 { return fullLike(fill) }
    let n = size(dim)
    if n == 0 { return self }
    let edge = narrow(dim: dim, start: 0, length: 1).detach().fullLike(fill)
    let rest = narrow(dim: dim, start: by > 0 ? 0 : 1, length: n - 1)
    return Tensor.cat(by > 0 ? [edge, rest] : [rest, edge], dim: dim)
  }

  /// Sums of each element and all after it.
  fileprivate func reverseCumsum(dim: Int) -> Tensor {
    if rank == 0 { return self }
    return flip([dim]).cumsum(dim: dim).flip([dim])
  }

  /// Running sum along `dim`; integers and bool give int64 unless `dtype` is given. Same as `torch.cumsum`.
  public func cumsum(dim: Int, dtype: DType? = nil) -> Tensor { Op.cumsum(.tensor(self), .int(dim), Value(dtype)) }
  /// Running product along `dim`; integers and bool give int64 unless `dtype` is given. Same as `torch.cumprod`.
  public func cumprod(dim: Int, dtype: DType? = nil) -> Tensor { Op.cumprod(.tensor(self), .int(dim), Value(dtype)) }
  /// log of the running sum of exponentials along `dim`, without overflow. Floating point. Same as
  /// `torch.logcumsumexp`.
  public func logcumsumexp(dim: Int) -> Tensor { Op.logcumsumexp(.tensor(self), .int(dim)) }
  /// Largest element so far along `dim` and its position (of equals the last; NaN wins). Same as `torch.cummax`.
  public func cummax(dim: Int) -> (values: Tensor, indices: Tensor) {
    let results = Op.cummax.results([.tensor(self), .int(dim)])
    return (results[0], results[1])
  }
  /// Smallest element so far along `dim` and its position (of equals the last; NaN wins). Same as `torch.cummin`.
  public func cummin(dim: Int) -> (values: Tensor, indices: Tensor) {
    let results = Op.cummin.results([.tensor(self), .int(dim)])
    return (results[0], results[1])
  }
  /// Running sum in place. Same as `Tensor.cumsum_`.
  @discardableResult public func cumsum_(dim: Int) -> Tensor {
    Op.cumsum.inPlace([.tensor(self), .int(dim), .dtype(dtype)])
  }
  /// Running product in place. Same as `Tensor.cumprod_`.
  @discardableResult public func cumprod_(dim: Int) -> Tensor {
    copy_((requiresGrad ? clone() : self).cumprod(dim: dim, dtype: dtype))
  }
  /// Differences of neighbours along `dim`, `n` times. Same as `torch.diff`.
  public func diff(_ n: Int = 1, dim: Int = -1, prepend: Tensor? = nil, append: Tensor? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank == 0 { throw TensorError.shape("diff: expected a tensor of at least 1 dim, got shape []") }
      if n < 0 { throw TensorError.value("diff: the order must not be negative, got \(n)") }
      if n == 0 { return clone() }
      let d = try Layout.wrap(dim: dim, rank: rank, op: "diff")
      var parts = [self]
      if let prepend { parts.insert(prepend, at: 0) }
      if let append { parts.append(append) }
      var result = parts.count == 1 ? self : Tensor.cat(parts, dim: d)
      for _ in 0..<n {
        let count = result.size(d)
        if count == 0 { break }
        let (high, low) = (
          result.narrow(dim: d, start: 1, length: count - 1), result.narrow(dim: d, start: 0, length: count - 1)
        )
        result = dtype == .bool ? high.logicalXor(low) : high - low
      }
      return result
    }
  }
}
