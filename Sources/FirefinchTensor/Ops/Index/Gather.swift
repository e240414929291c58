import FirefinchCore
import FirefinchCPU

private func sample() -> Tensor { Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3], shape: [2, 3], dtype: .float64) }
private func whole() -> Tensor { Tensor([2, 0, 1, 1, 0, 2], shape: [2, 3], dtype: .int64) }

/// What the index ops share: checks and dense operands.
enum Indexing {
  /// A dense int64 index tensor.
  static func dense(_ index: Tensor) -> Tensor { withNoGrad { index.detach().to(.int64).contiguous() } }
  static func memory(_ x: Tensor) -> Tensor { withNoGrad { x.detach().contiguous() } }

  /// The dtype in which sums are formed.
  static func accumulator(_ dtype: DType) -> DType {
    switch dtype {
    case .float32, .float64: dtype
    case .float16, .bfloat16: .float32
    default: .int64
    }
  }

  static func checkIndex(_ index: Tensor, _ op: String) throws {
    if !index.dtype.isInteger {
      throw TensorError.dtype("\(op): expected int64 or int32 indices, got \(index.dtype.name)")
    }
  }

  /// Throws when several indices name the one slice of a 0-dim tensor.
  static func checkSingle(_ index: Tensor, for x: Tensor, _ op: String) throws {
    if x.rank == 0 && index.elementCount != 1 {
      throw TensorError.index("\(op): a 0-dim tensor takes one index, got \(index.elementCount)")
    }
  }

  static func checkFaults(_ faults: KernelFault, _ index: Tensor, _ size: Int, _ dim: Int, _ op: String) throws {
    guard faults.contains(.index) else { return }
    let bad = index.array(Int.self).first { $0 < -size || $0 >= size }
    throw TensorError.index(
      "\(op): index \(bad.map(String.init) ?? "?") is out of range for dim \(dim) of size \(size)")
  }

  /// Joins `source` into `result` at the indices along `dim`; the sizes were checked.
  static func scatter(
    _ source: Tensor, into result: Tensor, dim: Int, _ index: Tensor, _ join: IndexKernel.Join, _ name: String
  ) throws {
    // A 0-dim index or tensor stands for a vector of one element.
    if result.rank == 0 || index.rank == 0 {
      let line = result.alias(layout: result.rank == 0 ? Layout(contiguous: [1]).at(result.layout.offset) : result.layout)
      let one: (Tensor) -> Tensor = { x in x.rank == 0 ? withNoGrad { x.detach().reshape([1]) } : x }
      return try scatter(one(source), into: line, dim: dim, one(index), join, name)
    }
    let index = dense(index)
    if index.elementCount == 0 { return }
    let dim = try Layout.wrap(dim: dim, rank: index.rank, op: name)
    let type = join == .assign ? result.dtype : accumulator(result.dtype)
    let cut = cut(source, to: index.shape, dim: index.rank)
    let source = memory(withNoGrad { cut.detach().to(type) })
    // The kernel wants equal sizes outside `dim`: work on the part of the result that the index covers.
    let region = Indexing.cut(result, to: index.shape, dim: dim)
    let target = region.isContiguous && type == result.dtype ? region : withNoGrad { region.to(type).clone() }
    let dense = target.isContiguous ? target : withNoGrad { target.contiguous() }
    let (outer, m, inner) = Dense.split(index.shape, dim)
    let n = dense.shape[dim]
    let faults = IndexKernel.scatter(
      type, join, outer: outer, n: n, m: m, inner: inner, source: source.data, index: index.pointer(Int64.self),
      out: dense.data)
    try checkFaults(faults, index, n, dim, name)
    if dense !== region { region.copyData(from: dense) }
  }

  /// Throws when a scatter of these tensors along `dim` does not fit.
  static func checkScatter(_ x: Tensor, _ dim: Int, _ index: Tensor, _ source: Tensor, _ name: String) throws {
    let dim = try Layout.wrap(dim: dim, rank: x.rank, op: name)
    try checkIndex(index, name)
    let rank = Swift.max(x.rank, 1)
    if index.elementCount > 0 && (rank != Swift.max(index.rank, 1) || rank != Swift.max(source.rank, 1)) {
      throw TensorError.shape(
        "\(name): self \(x.shape), index \(index.shape) and src \(source.shape) need the same number of dims")
    }
    if index.elementCount > 0 {
      for i in 0..<index.rank {
        let room = i < source.rank ? source.shape[i] : 1, own = i < x.rank ? x.shape[i] : 1
        if index.shape[i] > room || (i != dim && index.shape[i] > own) {
          throw TensorError.shape(
            "\(name): index of shape \(index.shape) is larger than self \(x.shape) or src \(source.shape) in dim \(i)")
        }
      }
    }
    if x.dtype != source.dtype {
      throw TensorError.dtype("\(name): self is \(x.dtype.name) and src \(source.dtype.name); convert one")
    }
  }

  /// `x` cut to the index's sizes in every dim but `dim`.
  static func cut(_ x: Tensor, to index: Shape, dim: Int) -> Tensor {
    var layout = x.layout
    for i in 0..<x.rank where i != dim && index[i] != x.shape[i] {
      layout = layout.sliced(dim: i, start: 0, end: index[i], step: 1)
    }
    return x.alias(layout: layout)
  }
}

extension Op {
  static let gather: Op = Op.structured(
    "gather(Tensor self, int dim, Tensor index) -> Tensor", saves: .inputs(2), complex: .parts,
    plan: { call in
      let (x, index) = (call.tensor(0), call.tensor(2))
      _ = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "gather")
      try Indexing.checkIndex(index, "gather")
      if Swift.max(x.rank, 1) != Swift.max(index.rank, 1) && index.elementCount > 0 {
        throw TensorError.shape("gather: index of shape \(index.shape) needs as many dims as \(x.shape)")
      }
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "gather")
      for i in 0..<Swift.min(x.rank, index.rank) where i != dim && index.shape[i] > x.shape[i] {
        throw TensorError.shape("gather: index of shape \(index.shape) is larger than \(x.shape) in dim \(i)")
      }
      return [TensorSpec(index.shape, x.dtype)]
    },
    forward: { call, results in
      if results[0].elementCount == 0 { return }
      let index = Indexing.dense(call.tensor(2))
      let dim = try Layout.wrap(dim: call.int(1), rank: index.rank, op: "gather")
      let isLine = call.tensor(0).rank == 0 || index.rank == 0
      let x = Indexing.memory(isLine ? call.tensor(0) : Indexing.cut(call.tensor(0), to: index.shape, dim: dim))
      let (outer, m, inner) = Dense.split(index.shape, dim)
      let n = x.rank == 0 ? 1 : x.shape[dim]
      let faults = IndexKernel.gather(
        x.dtype.size, outer: outer, n: n, m: m, inner: inner, x: x.data, index: index.pointer(Int64.self),
        out: results[0].data)
      try Indexing.checkFaults(faults, index, n, dim, "gather")
    },
    derivative: { c in
      let zeros = Tensor.zeros(c.shape(0), dtype: c.grad().dtype, device: c.grad().device)
      return [zeros.scatterAdd(dim: c.int(1), index: c.input(2), c.grad()), nil]
    },
    samples: {
      [
        Sample(.tensor(sample()), .int(1), .tensor(whole())),
        Sample(.tensor(sample()), .int(0), .tensor(Tensor([1, 0], shape: [1, 2], dtype: .int64))),
        Sample(error: "index 5", arguments: [.tensor(sample()), .int(1), .tensor(Tensor([5], shape: [1, 1], dtype: .int64))]),
      ]
    })

  static let scatter: Op = scatterOp("scatter.src", .assign) { c in
    let g = c.grad()
    let zeros = c.input(2).to(.int64)
    let erased = g.scatter(dim: c.int(1), index: zeros, Tensor.zeros(zeros.shape, dtype: g.dtype))
    return [erased, nil, g.gather(dim: c.int(1), index: zeros)]
  }

  static let scatterAdd: Op = scatterOp("scatter_add", .add) { c in
    [c.grad(), nil, c.grad().gather(dim: c.int(1), index: c.input(2))]
  }

  private static func scatterOp(
    _ name: String, _ join: IndexKernel.Join, derivative: @escaping @Sendable (Gradient) -> [Tensor?]
  ) -> Op {
    .structured(
      "\(name)(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", saves: .inputs(2), complex: .parts,
      plan: { call in
        let (x, index, source) = (call.tensor(0), call.tensor(2), call.tensor(3))
        try Indexing.checkScatter(x, call.int(1), index, source, name)
        return [TensorSpec(x.shape, x.dtype)]
      },
      forward: { call, results in
        results[0].copyData(from: call.tensor(0))
        try Indexing.scatter(call.tensor(3), into: results[0], dim: call.int(1), call.tensor(2), join, name)
      }, derivative: derivative,
      samples: {
        let source = sample() * 2
        return [
          Sample(.tensor(sample()), .int(1), .tensor(whole()), .tensor(source)),
          Sample(
            .tensor(sample()), .int(0), .tensor(Tensor([1, 0], shape: [1, 2], dtype: .int64)),
            .tensor(source.slice(dim: 0, end: 1).slice(dim: 1, end: 2).contiguous())),
          Sample(
            error: "out of range",
            arguments: [.tensor(sample()), .int(1), .tensor(whole() + 2), .tensor(source)]),
        ]
      })
  }

  static let indexSelect: Op = Op.structured(
    "index_select(Tensor self, int dim, Tensor index) -> Tensor", saves: .inputs(2), complex: .parts,
    plan: { call in
      let (x, index) = (call.tensor(0), call.tensor(2))
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "indexSelect")
      try Indexing.checkIndex(index, "indexSelect")
      try Indexing.checkSingle(index, for: x, "indexSelect")
      if index.rank > 1 { throw TensorError.shape("indexSelect: expected a vector of indices, got shape \(index.shape)") }
      var shape = x.shape
      if x.rank > 0 { shape[dim] = index.elementCount }
      return [TensorSpec(shape, x.dtype)]
    },
    forward: { call, results in
      if results[0].elementCount == 0 { return }
      let x = Indexing.memory(call.tensor(0))
      let index = Indexing.dense(call.tensor(2))
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "indexSelect")
      let (outer, n, inner) = Dense.split(x.shape, dim)
      let faults = IndexKernel.select(
        x.dtype.size, outer: outer, n: n, inner: inner, x: x.data, index: index.pointer(Int64.self),
        m: index.elementCount, out: results[0].data)
      try Indexing.checkFaults(faults, index, n, dim, "indexSelect")
    },
    derivative: { c in
      let zeros = Tensor.zeros(c.shape(0), dtype: c.grad().dtype, device: c.grad().device)
      return [zeros.indexAdd(dim: c.int(1), index: c.input(2), c.grad()), nil]
    },
    samples: {
      [
        Sample(.tensor(sample()), .int(1), .tensor(Tensor([2, 0, 2, 1], dtype: .int64))),
        Sample(.tensor(sample()), .int(0), .tensor(Tensor([1], dtype: .int32))),
        Sample(error: "index 3", arguments: [.tensor(sample()), .int(1), .tensor(Tensor([3], dtype: .int64))]),
      ]
    })

  static let indexAdd: Op = Op.structured(
    "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor", saves: .inputs(2),
    complex: .composite { c in
      let source = c.tensor(3) * c.scalar(4)
      let parts = [(c.tensor(0).real, source.real), (c.tensor(0).imag, source.imag)].map { x, y in
        x.indexAdd(dim: c.int(1), index: c.tensor(2), y)
      }
      return [Tensor.complex(parts[0], parts[1])]
    },
    plan: { call in
      let (x, index, source) = (call.tensor(0), call.tensor(2), call.tensor(3))
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "indexAdd")
      try Indexing.checkIndex(index, "indexAdd")
      try Indexing.checkSingle(index, for: x, "indexAdd")
      var expected = x.shape
      if x.rank > 0 { expected[dim] = index.elementCount }
      if source.shape != expected {
        throw TensorError.shape("indexAdd: source has shape \(source.shape), expected \(expected)")
      }
      if x.dtype != source.dtype {
        throw TensorError.dtype("indexAdd: self is \(x.dtype.name) and source \(source.dtype.name); convert one")
      }
      return [TensorSpec(x.shape, x.dtype)]
    },
    forward: { call, results in
      let type = Indexing.accumulator(results[0].dtype)
      let total = results[0].dtype == type ? results[0] : Tensor(empty: results[0].shape, dtype: type)
      total.copyData(from: call.tensor(0))
      let index = Indexing.dense(call.tensor(2))
      let scaled = withNoGrad { call.tensor(3).detach().to(type) * call.scalar(4) }
      let source = Indexing.memory(scaled.to(type))
      if source.elementCount > 0 {
        let dim = try Layout.wrap(dim: call.int(1), rank: total.rank, op: "indexAdd")
        let (outer, n, inner) = Dense.split(total.shape, dim)
        let faults = IndexKernel.addRows(
          type, outer: outer, n: n, inner: inner, source: source.data, index: index.pointer(Int64.self),
          m: index.elementCount, out: total.data)
        try Indexing.checkFaults(faults, index, n, dim, "indexAdd")
      }
      if total !== results[0] { results[0].copyData(from: total) }
    },
    derivative: { c in [c.grad(), nil, c.grad().indexSelect(dim: c.int(1), c.input(2)) * c.call.scalar(4)] },
    samples: {
      [
        Sample(
          .tensor(sample()), .int(1), .tensor(Tensor([2, 2], dtype: .int64)),
          .tensor(Tensor([0.5, 1, -1, 2], shape: [2, 2], dtype: .float64)), .double(0.5))
      ]
    })
}

extension Tensor {
  /// `self[…, index[…], …]` along `dim`; the result has the index's shape. Same as `torch.gather`.
  public func gather(dim: Int, index: Tensor) -> Tensor { Op.gather(.tensor(self), .int(dim), .tensor(index)) }
  /// A copy with `source` written at the indices along `dim`. Same as `torch.scatter`.
  public func scatter(dim: Int, index: Tensor, _ source: Tensor) -> Tensor {
    Op.scatter(.tensor(self), .int(dim), .tensor(index), .tensor(source))
  }
  /// A copy with a number written at the indices along `dim`. Same as `torch.scatter`.
  public func scatter(dim: Int, index: Tensor, _ value: some ScalarConvertible) -> Tensor {
    scatter(dim: dim, index: index, Tensor.full(index.shape, value, dtype: dtype))
  }
  /// A copy with `source` added at the indices along `dim`. Same as `torch.scatter_add`.
  public func scatterAdd(dim: Int, index: Tensor, _ source: Tensor) -> Tensor {
    Op.scatterAdd(.tensor(self), .int(dim), .tensor(index), .tensor(source))
  }
  /// Writes `source` at the indices along `dim`. Same as `Tensor.scatter_`.
  @discardableResult public func scatter_(dim: Int, index: Tensor, _ source: Tensor) -> Tensor {
    Op.scatter.inPlace([.tensor(self), .int(dim), .tensor(index), .tensor(source)])
  }
  /// Writes a number at the indices along `dim`. Same as `Tensor.scatter_`.
  @discardableResult public func scatter_(dim: Int, index: Tensor, _ value: some ScalarConvertible) -> Tensor {
    scatter_(dim: dim, index: index, Tensor.full(index.shape, value, dtype: dtype))
  }
  /// Adds `source` at the indices along `dim`. Same as `Tensor.scatter_add_`.
  @discardableResult public func scatterAdd_(dim: Int, index: Tensor, _ source: Tensor) -> Tensor {
    Op.scatterAdd.inPlace([.tensor(self), .int(dim), .tensor(index), .tensor(source)])
  }
  /// The slices of `dim` named by a vector of indices. Same as `torch.index_select`.
  public func indexSelect(dim: Int, _ index: Tensor) -> Tensor { Op.indexSelect(.tensor(self), .int(dim), .tensor(index)) }
  /// A copy with slices of `source` added to the slices of `dim` named by the indices. Same as `torch.index_add`.
  public func indexAdd(dim: Int, index: Tensor, _ source: Tensor, alpha: some ScalarConvertible = 1) -> Tensor {
    Op.indexAdd(.tensor(self), .int(dim), .tensor(index), .tensor(source), .scalar(alpha.scalar))
  }
  /// `gather` with an index that broadcasts. Same as `torch.take_along_dim`.
  public func takeAlong(dim: Int, _ index: Tensor) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || index.isPoisoned { return ErrorScope.poison() }
      let d = try Layout.wrap(dim: dim, rank: rank, op: "takeAlong")
      if index.rank != rank || index.dtype != .int64 {
        throw TensorError.shape(
          "takeAlong: expected int64 indices with the \(rank) dims of \(shape), got \(index.dtype.name) of \(index.shape)")
      }
      if rank == 0 { throw TensorError.index("takeAlong: a tensor of 0 dims has no dim \(dim)") }
      var (own, other) = (shape, index.shape)
      own[d] = 1
      other[d] = 1
      var wide = try Layout.broadcast(own, other, op: "takeAlong")
      wide[d] = shape[d]
      var target = wide
      target[d] = index.shape[d]
      return expand(wide).gather(dim: d, index: index.expand(target))
    }
  }
}
