import FirefinchCore
import FirefinchCPU

private func a() -> Tensor { Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5], shape: [2, 3], dtype: .float64) }
private func b() -> Tensor {
  Tensor([0.75, -1.5, 2.5, 1.25, -0.5, 0.25, 1.0, -2.0, 0.5, 1.75, -0.25, 0.9], shape: [3, 4], dtype: .float64)
}

/// What the matrix products share: dtype rules, half types through float32, integers through int64.
enum MatrixProduct {
  /// Checks that both have the same dtype and that it is supported.
  static func dtype(_ a: Tensor, _ b: Tensor, _ name: String) throws -> DType {
    if a.dtype != b.dtype {
      throw TensorError.dtype("\(name): expected tensors of one dtype, got \(a.dtype.name) and \(b.dtype.name)")
    }
    if a.dtype.isComplex || a.dtype == .bool {
      throw TensorError.dtype("\(name): \(a.dtype.name) tensors are not supported")
    }
    return a.dtype
  }

  /// The dtype the kernel runs in.
  static func compute(_ dtype: DType) -> DType {
    switch dtype {
    case .float32, .float64: dtype
    case .float16, .bfloat16: .float32
    default: .int64
    }
  }

  /// `result = alpha a b (+ beta result)` over the last two dims; leading dims are one batch dim or none.
  static func run(_ a: Tensor, _ b: Tensor, into result: Tensor, alpha: Double = 1, beta: Double = 0) {
    let (m, n, k) = (a.size(-2), b.size(-1), a.size(-1))
    if result.rank == 2, result.isContiguous, a.dtype == result.dtype || a.dtype == .int8, alpha == 1, beta == 0,
      a.dtype == .bfloat16 || result.dtype == .int32,
      MatMulKernel.reduced(a.dtype, m: m, n: n, k: k, operand(a), operand(b), result.data)
    { return }
    let type = compute(result.dtype)
    let (x, y) = (a.detach().to(type), b.detach().to(type))
    let direct = result.dtype == type && result.isContiguous
    let target = direct ? result : Tensor(empty: result.shape, dtype: type)
    if !direct && beta != 0 { target.copyData(from: result) }
    let batched = result.rank == 3
    MatMulKernel.run(
      type, batch: batched ? result.size(0) : 1, m: x.size(-2), n: y.size(-1), k: x.size(-1), alpha: alpha,
      operand(x), operand(y), beta: beta, target.data)
    if !direct { result.copyData(from: target) }
  }

  private static func operand(_ x: Tensor) -> MatrixOperand {
    let rank = x.rank
    return MatrixOperand(
      x.data, rowStride: x.strides[rank - 2], columnStride: x.strides[rank - 1],
      batchStride: rank == 3 && x.size(0) > 1 ? x.strides[0] : 0)
  }

  /// Gradients of `linear` without views in between; nil when a layout or dtype asks for the general way.
  static func linearBackward(_ c: Gradient, _ x: Tensor, _ w: Tensor, _ g: Tensor) -> [Tensor?]? {
    guard g.dtype == .float32 || g.dtype == .float64, g.device == .cpu, g.isContiguous, x.isContiguous, w.isContiguous
    else { return nil }
    let (out, width) = (w.size(0), w.size(1))
    if out == 0 || width == 0 || g.elementCount == 0 { return nil }
    let rows = g.elementCount / out
    func plain(_ t: Tensor, _ columns: Int) -> MatrixOperand { MatrixOperand(t.data, rowStride: columns, columnStride: 1) }
    var gx: Tensor?, gw: Tensor?, gb: Tensor?
    if c.needs(0) {
      let made = Tensor(denseLike: x, dtype: g.dtype)
      MatMulKernel.run(g.dtype, m: rows, n: width, k: out, plain(g, out), plain(w, width), made.data)
      gx = made
    }
    if c.needs(1) {
      let made = Tensor(denseLike: w, dtype: g.dtype)
      let turned = MatrixOperand(g.data, rowStride: 1, columnStride: out)
      MatMulKernel.run(g.dtype, m: out, n: width, k: rows, turned, plain(x, width), made.data)
      gw = made
    }
    if c.needs(2) {
      let made = Tensor(empty: [out], dtype: g.dtype)
      RowKernel.columnSum(g.dtype, rows: rows, n: out, x: g.data, y: made.data)
      gb = made
    }
    return [gx, gw, gb]
  }

  /// The shape rule of a product of matrices.
  static func check(_ a: Tensor, _ b: Tensor, rank: Int, _ name: String) throws {
    let what = rank == 2 ? "matrices" : "batches of matrices (3 dims)"
    if a.rank != rank || b.rank != rank {
      throw TensorError.shape("\(name): expected two \(what), got shapes \(a.shape) and \(b.shape)")
    }
    if rank == 3 && a.size(0) != b.size(0) {
      throw TensorError.shape("\(name): batch sizes differ: shapes \(a.shape) and \(b.shape)")
    }
    if a.size(-1) != b.size(-2) {
      throw TensorError.shape(
        "\(name): shapes \(a.shape) and \(b.shape) cannot be multiplied: the first has \(a.size(-1)) columns, "
          + "the second \(b.size(-2)) rows")
    }
  }
}

extension Op {
  static let mm = Op.structured(
    "mm(Tensor self, Tensor mat2) -> Tensor", complex: .product(0, 1),
    plan: { call in
      let (x, y) = (call.tensor(0), call.tensor(1))
      try MatrixProduct.check(x, y, rank: 2, "mm")
      return [TensorSpec([x.size(0), y.size(1)], try MatrixProduct.dtype(x, y, "mm"))]
    }, forward: { MatrixProduct.run($0.tensor(0), $0.tensor(1), into: $1[0]) },
    derivative: { c in
      [c.needs(0) ? c.grad().mm(c.input(1).t()) : nil, c.needs(1) ? c.input(0).t().mm(c.grad()) : nil]
    },
    samples: {
      [
        Sample(.tensor(a()), .tensor(b())), Sample(.tensor(a()), .tensor(b().t().contiguous().t())),
        Sample(error: "columns", "[2, 3]", arguments: [.tensor(a()), .tensor(a())]),
      ]
    })

  /// int8 matrices into int32.
  static let intMM = Op.structured(
    "_int_mm(Tensor self, Tensor mat2) -> Tensor",
    plan: { call in
      let (x, y) = (call.tensor(0), call.tensor(1))
      try MatrixProduct.check(x, y, rank: 2, "intMM")
      if x.dtype != .int8 || y.dtype != .int8 {
        throw TensorError.dtype("intMM: expected int8 matrices, got \(x.dtype.name) and \(y.dtype.name)")
      }
      return [TensorSpec([x.size(0), y.size(1)], .int32)]
    }, forward: { MatrixProduct.run($0.tensor(0), $0.tensor(1), into: $1[0]) },
    samples: {
      [
        Sample(.tensor(Tensor([1, -2, 3, 4], shape: [2, 2]).to(.int8)), .tensor(Tensor([5, 6, -7, 8], shape: [2, 2]).to(.int8))),
        Sample(error: "int8", "float64", arguments: [.tensor(a()), .tensor(b())]),
      ]
    })

  static let bmm = Op.structured(
    "bmm(Tensor self, Tensor mat2) -> Tensor", complex: .product(0, 1),
    plan: { call in
      let (x, y) = (call.tensor(0), call.tensor(1))
      try MatrixProduct.check(x, y, rank: 3, "bmm")
      return [TensorSpec([x.size(0), x.size(1), y.size(2)], try MatrixProduct.dtype(x, y, "bmm"))]
    }, forward: { MatrixProduct.run($0.tensor(0), $0.tensor(1), into: $1[0]) },
    derivative: { c in
      [c.needs(0) ? c.grad().bmm(c.input(1).mT) : nil, c.needs(1) ? c.input(0).mT.bmm(c.grad()) : nil]
    },
    samples: {
      let x = a().unsqueeze(dim: 0).expand(2, 2, 3)
      let y = b().unsqueeze(dim: 0).expand(2, 3, 4)
      return [
        Sample(.tensor(x.contiguous()), .tensor(y.contiguous())),
        Sample(error: "batch", arguments: [.tensor(x), .tensor(b().unsqueeze(dim: 0))]),
      ]
    })

  static let addmm = Op.structured(
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", saves: .inputs(1, 2),
    complex: .composite { c in
      let product = c.tensor(1).mm(c.tensor(2)) * c.scalar(4)
      return [product + c.tensor(0) * c.scalar(3)]
    },
    plan: { call in
      let (base, x, y) = (call.tensor(0), call.tensor(1), call.tensor(2))
      try MatrixProduct.check(x, y, rank: 2, "addmm")
      let shape: Shape = [x.size(0), y.size(1)]
      _ = try base.layout.expanded(to: shape, op: "addmm")
      return [TensorSpec(shape, try MatrixProduct.dtype(x, y, "addmm"))]
    },
    forward: { call, results in
      let beta = call.scalar(3).fitting(results[0].dtype).doubleValue
      let alpha = call.scalar(4).fitting(results[0].dtype).doubleValue
      if results[0].dtype.isInteger {
        // The kernel of integers knows no factors.
        let (base, b, a) = (call.tensor(0), Int(beta), Int(alpha))
        results[0].copyData(
          from: withNoGrad {
            let product = call.tensor(1).mm(call.tensor(2)) * a
            return b == 0 ? product : product + base * b
          })
        return
      }
      if beta != 0 { results[0].copyData(from: call.tensor(0)) }
      MatrixProduct.run(call.tensor(1), call.tensor(2), into: results[0], alpha: alpha, beta: beta)
    },
    derivative: { c in
      let (beta, alpha) = (c.call.scalar(3), c.call.scalar(4))
      return [
        c.needs(0) ? c.grad() * beta : nil, c.needs(1) ? c.grad().mm(c.input(2).t()) * alpha : nil,
        c.needs(2) ? c.input(1).t().mm(c.grad()) * alpha : nil,
      ]
    },
    samples: {
      let bias = Tensor([0.5, -1.0, 0.25, 2.0], dtype: .float64)
      return [
        Sample(.tensor(bias), .tensor(a()), .tensor(b())),
        Sample(.tensor(bias), .tensor(a()), .tensor(b()), .double(0.5), .double(2)),
      ]
    })

  /// `input` (…, in) times the transpose of `weight` (out, in), plus `bias` (out).
  static let linear = Op.structured(
    "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", saves: .inputs(0, 1),
    complex: .composite { c in
      let product = c.tensor(0).matmul(c.tensor(1).t())
      return [c.optionalTensor(2).map { product + $0 } ?? product]
    },
    plan: { call in
      let (x, w) = (call.tensor(0), call.tensor(1))
      guard w.rank == 2, x.rank >= 1, x.size(-1) == w.size(1) else {
        throw TensorError.shape(
          "linear: input of shape \(x.shape) does not fit weight (out, in) of shape \(w.shape); "
            + "the input's last size must be \(w.size(-1))")
      }
      if let bias = call.optionalTensor(2), bias.shape != [w.size(0)] {
        throw TensorError.shape("linear: bias has shape \(bias.shape), expected [\(w.size(0))]")
      }
      var shape = x.shape
      shape[x.rank - 1] = w.size(0)
      return [TensorSpec(shape, try MatrixProduct.dtype(x, w, "linear"))]
    },
    forward: { call, results in
      let (x, w) = (call.tensor(0).detach(), call.tensor(1).detach())
      let bias = call.optionalTensor(2)
      if w.isContiguous, x.dtype == .float32 || x.dtype == .float64, bias?.isContiguous ?? true {
        let dense = withNoGrad { x.contiguous() }
        MatMulKernel.linear(
          x.dtype, rows: x.elementCount / Swift.max(x.size(-1), 1), in: w.size(1), out: w.size(0), x: dense.data, w: w.data,
          bias: bias?.data, y: results[0].data)
        return
      }
      if x.dtype == .bfloat16, w.isContiguous, bias?.isContiguous ?? true {
        let dense = withNoGrad { x.contiguous() }
        let rows = x.elementCount / Swift.max(x.size(-1), 1)
        let done = MatMulKernel.reduced(
          .bfloat16, m: rows, n: w.size(0), k: w.size(1),
          MatrixOperand(dense.data, rowStride: w.size(1), columnStride: 1),
          MatrixOperand(w.data, rowStride: 1, columnStride: w.size(1)), bias: bias?.data, results[0].data)
        if done { return }
      }
      let flat = withNoGrad { x.reshape([x.elementCount / Swift.max(x.size(-1), 1), x.size(-1)]) }
      let out = results[0].alias(layout: Layout(contiguous: [flat.size(0), w.size(0)]))
      MatrixProduct.run(flat, withNoGrad { w.t() }, into: out)
      if let bias { out.copyData(from: withNoGrad { out + bias.detach() }) }
    },
    derivative: { c in
      let (x, w) = (c.input(0), c.input(1))
      let g = c.grad()
      if !GradMode.isEnabled, let direct = MatrixProduct.linearBackward(c, x, w, g) { return direct }
      let rows = g.reshape([g.elementCount / Swift.max(g.size(-1), 1), g.size(-1)])
      let flat = x.reshape([rows.size(0), x.size(-1)])
      return [
        c.needs(0) ? rows.mm(w).reshape(x.shape) : nil, c.needs(1) ? rows.t().mm(flat) : nil,
        c.needs(2) ? rows.sum(dim: 0) : nil,
      ]
    },
    samples: {
      let x = b().t()
      let w = a()
      let bias = Tensor([0.5, -1.0], dtype: .float64)
      return [
        Sample(.tensor(x), .tensor(w), .tensor(bias)), Sample(.tensor(x.reshape(2, 2, 3)), .tensor(w)),
        Sample(.tensor(x.select(dim: 0, 0)), .tensor(w), .tensor(bias)),
        Sample(error: "linear", "[2, 3]", arguments: [.tensor(b()), .tensor(w)]),
      ]
    })
}

extension Tensor {
  /// Product of two matrices. Same as `torch.mm`.
  public func mm(_ other: Tensor) -> Tensor { Op.mm(.tensor(self), .tensor(other)) }
  /// Product of two int8 matrices, exact in int32. Same as `torch._int_mm`.
  public func intMM(_ other: Tensor) -> Tensor { Op.intMM(.tensor(self), .tensor(other)) }
  /// Products of two batches of matrices. Same as `torch.bmm`.
  public func bmm(_ other: Tensor) -> Tensor { Op.bmm(.tensor(self), .tensor(other)) }
  /// `beta · self + alpha · (a b)`. Same as `torch.addmm`.
  public func addmm(_ a: Tensor, _ b: Tensor, beta: some ScalarConvertible = 1, alpha: some ScalarConvertible = 1) -> Tensor {
    Op.addmm(.tensor(self), .tensor(a), .tensor(b), .scalar(beta.scalar), .scalar(alpha.scalar))
  }
  /// `self` (…, in) times the transpose of `weight` (out, in), plus `bias` (out). Same as `F.linear`.
  public func linear(_ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    Op.linear(.tensor(self), .tensor(weight), Value(bias))
  }

  /// Matrix product with broadcast batch dims; vectors count as a row on the left and a column on the right. Same as
  /// `torch.matmul`.
  public func matmul(_ other: Tensor) -> Tensor {
    if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
    if rank == 0 || other.rank == 0 {
      return ErrorScope.guarding {
        throw TensorError.shape("matmul: both operands need at least 1 dim, got shapes \(shape) and \(other.shape)")
      }
    }
    if rank == 1 && other.rank == 1 { return dot(other) }
    if rank == 1 { return unsqueeze(dim: 0).matmul(other).squeeze(dim: -2) }
    if other.rank == 1 { return matmul(other.unsqueeze(dim: -1)).squeeze(dim: -1) }
    if rank == 2 && other.rank == 2 { return mm(other) }
    if size(-1) != other.size(-2) {
      return ErrorScope.guarding {
        throw TensorError.shape(
          "matmul: shapes \(shape) and \(other.shape) cannot be multiplied: the first has \(size(-1)) columns, "
            + "the second \(other.size(-2)) rows")
      }
    }
    if other.rank == 2 {
      // One product of all rows is faster than many small ones.
      var target = shape
      target[rank - 1] = other.size(1)
      return reshape([target.dropLast().reduce(1, *), size(-1)]).mm(other).reshape(target)
    }
    return ErrorScope.guarding {
      let lead = try Layout.broadcast(Shape(shape.dropLast(2)), Shape(other.shape.dropLast(2)), op: "matmul")
      let count = lead.elementCount
      let x = expand(Shape(lead.array + [size(-2), size(-1)])).reshape([count, size(-2), size(-1)])
      let y = other.expand(Shape(lead.array + [other.size(-2), other.size(-1)])).reshape([count, other.size(-2), other.size(-1)])
      return x.bmm(y).reshape(Shape(lead.array + [size(-2), other.size(-1)]))
    }
  }

  /// Sum of products of two vectors. Same as `torch.dot`.
  public func dot(_ other: Tensor) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
      if rank != 1 || shape != other.shape {
        throw TensorError.shape("dot: expected two vectors of one length, got shapes \(shape) and \(other.shape)")
      }
      return unsqueeze(dim: 0).mm(other.unsqueeze(dim: 1)).reshape([])
    }
  }
  /// Matrix times vector. Same as `torch.mv`.
  public func mv(_ vector: Tensor) -> Tensor {
    ErrorScope.guarding {
      if rank != 2 || vector.rank != 1 || size(1) != vector.size(0) {
        throw TensorError.shape("mv: expected a matrix and a vector that fits, got shapes \(shape) and \(vector.shape)")
      }
      return mm(vector.unsqueeze(dim: 1)).squeeze(dim: 1)
    }
  }
  /// Outer product of two vectors. Same as `torch.outer`.
  public func outer(_ other: Tensor) -> Tensor {
    ErrorScope.guarding {
      if rank != 1 || other.rank != 1 {
        throw TensorError.shape("outer: expected two vectors, got shapes \(shape) and \(other.shape)")
      }
      return unsqueeze(dim: 1) * other
    }
  }
}
