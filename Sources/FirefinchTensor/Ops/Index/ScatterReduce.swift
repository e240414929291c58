import FirefinchCore
import FirefinchCPU

/// How scattered values are joined. Same words as `torch.scatter_reduce`.
public enum ScatterReduction: String, Sendable, CaseIterable { case sum, prod, mean, amax, amin }

private func sample() -> Tensor { Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3], shape: [2, 3], dtype: .float64) }
private func places() -> Tensor { Tensor([1, 0, 1, 0, 2, 2], shape: [2, 3], dtype: .int64) }

extension ScatterReduction {
  fileprivate var join: IndexKernel.Join {
    switch self {
    case .sum, .mean: .add
    case .prod: .multiply
    case .amax: .max
    case .amin: .min
    }
  }

  /// What leaves a value joined with it unchanged.
  func identity(_ dtype: DType) -> Scalar {
    switch self {
    case .sum, .mean: return .int(0)
    case .prod: return .int(1)
    case .amax, .amin:
      if dtype.isFloatingPoint { return .double(self == .amax ? -.infinity : .infinity) }
      if dtype == .bool { return .bool(self == .amin) }
      let bits = dtype.size * 8
      if dtype == .uint8 { return .int(self == .amax ? 0 : 255) }
      let top = bits == 64 ? Int.max : 1 << (bits - 1) - 1
      return .int(self == .amax ? -top - 1 : top)
    }
  }

  fileprivate static func named(_ word: String, _ op: String) throws -> ScatterReduction {
    guard let known = ScatterReduction(rawValue: word) else {
      throw TensorError.value("\(op): reduce must be one of sum, prod, mean, amax, amin, got '\(word)'")
    }
    return known
  }
}

/// The gradients of self and src, as `scatter_reduce_backward` of PyTorch has them.
private func gradients(_ c: Gradient) -> [Tensor?] {
  guard let how = ScatterReduction(rawValue: c.call.string(4)) else { return [nil, nil, nil] }
  let (dim, index, g) = (c.int(1), c.input(2), c.grad())
  let (x, source, y) = (c.input(0), c.input(3), c.output())
  var own: Tensor, other: Tensor
  switch how {
  case .sum: (own, other) = (g, g.gather(dim: dim, index: index))
  case .mean:
    let start = c.bool(5) ? x.detach().onesLike() : x.detach().zerosLike()
    let ones = source.detach().onesLike()
    let count = start.scatterAdd(dim: dim, index: index, ones).clamp(min: 1)
    (own, other) = (g / count, (g / count).gather(dim: dim, index: index))
  case .amax, .amin:
    let value = y.gather(dim: dim, index: index)
    let isSource = (source.detach() .== value.detach()).to(g.dtype)
    let isOwn = (x.detach() .== y.detach()).to(g.dtype)
    let shared = g / isOwn.scatterAdd(dim: dim, index: index, isSource)
    (own, other) = (isOwn * shared, isSource * shared.gather(dim: dim, index: index))
  case .prod:
    func product(_ x: Tensor, _ source: Tensor) -> Tensor {
      x.scatterReduce(dim: dim, index: index, source, .prod, includeSelf: c.bool(5))
    }
    let safe = Tensor.where(x.detach() .== 0, 1, x)
    own = g * product(safe, source) / safe
    let isZero = source.detach() .== 0
    let zeros = x.detach().zerosLike().scatterAdd(dim: dim, index: index, isZero.to(x.dtype)).gather(dim: dim, index: index)
    let isOnlyZero = isZero.logicalAnd(zeros .== 1)
    let without = product(x, Tensor.where(isOnlyZero, 1, source))
    let quotient = (g * y).gather(dim: dim, index: index) / Tensor.where(isZero, 1, source)
    other = Tensor.where(isOnlyZero, (g * without).gather(dim: dim, index: index), quotient)
  }
  if !c.bool(5) { own = own.scatter(dim: dim, index: index, Tensor.zeros(index.shape, dtype: own.dtype)) }
  return [own, nil, other]
}

extension Op {
  static let scatterReduce: Op = .structured(
    "scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
    saves: Op.Saves(inputs: nil, outputs: [0]),
    complex: .composite { c in
      guard c.string(4) == "sum" || c.string(4) == "mean" else {
        throw TensorError.dtype("scatterReduce: \(c.string(4)) of complex tensors is not supported")
      }
      func part(_ part: (Tensor) -> Tensor) throws -> Tensor {
        var arguments = c.arguments
        for i in [0, 3] { arguments[i] = .tensor(c.tensor(i).dtype.isComplex ? part(c.tensor(i)) : c.tensor(i)) }
        return try scatterReduce.call(arguments)[0]
      }
      return [Tensor.complex(try part { $0.real }, try part { $0.imag })]
    },
    plan: { call in
      _ = try ScatterReduction.named(call.string(4), "scatterReduce")
      try Indexing.checkScatter(call.tensor(0), call.int(1), call.tensor(2), call.tensor(3), "scatterReduce")
      return [TensorSpec(call.tensor(0).shape, call.tensor(0).dtype)]
    },
    forward: { call, results in
      let how = try ScatterReduction.named(call.string(4), "scatterReduce")
      let (y, dim, index) = (results[0], call.int(1), call.tensor(2))
      // Sums of half types and products are formed wide and rounded once.
      let wide = Indexing.accumulator(y.dtype)
      let total = wide == y.dtype ? y : Tensor(empty: y.shape, dtype: wide)
      total.copyData(from: call.tensor(0))
      if !call.bool(5) {
        let start = Tensor.full(index.shape, how.identity(y.dtype), dtype: wide)
        try Indexing.scatter(start, into: total, dim: dim, index, .assign, "scatterReduce")
      }
      let source = withNoGrad { call.tensor(3).detach().to(wide) }
      try Indexing.scatter(source, into: total, dim: dim, index, how.join, "scatterReduce")
      if how == .mean {
        let count = Tensor.full(y.shape, call.bool(5) ? 1 : 0, dtype: .int64)
        try Indexing.scatter(
          Tensor.ones(index.shape, dtype: .int64), into: count, dim: dim, index, .add, "scatterReduce")
        withNoGrad {
          let divisor = count.clamp(min: 1)
          let mean = wide == .int64 ? total.floorDivide(divisor) : total / divisor.to(wide)
          y.copyData(from: mean)
        }
      } else if total !== y {
        y.copyData(from: total)
      }
    }, derivative: gradients,
    samples: {
      let source = sample() * 2 + 0.1
      var result = [Sample]()
      for how in ScatterReduction.allCases {
        for own in [true, false] {
          result.append(
            Sample(.tensor(sample()), .int(1), .tensor(places()), .tensor(source), .string(how.rawValue), .bool(own)))
        }
      }
      return result + [
        Sample(
          error: "reduce must be",
          arguments: [.tensor(sample()), .int(1), .tensor(places()), .tensor(source), .string("median")])
      ]
    })
}

extension Tensor {
  /// A copy with the elements of `source` at the indices along `dim` joined with what is there, or with each other only when
  /// `includeSelf` is false. Same as `torch.scatter_reduce`.
  public func scatterReduce(
    dim: Int, index: Tensor, _ source: Tensor, _ reduce: ScatterReduction, includeSelf: Bool = true
  ) -> Tensor {
    Op.scatterReduce(
      .tensor(self), .int(dim), .tensor(index), .tensor(source), .string(reduce.rawValue), .bool(includeSelf))
  }

  /// A copy with slices of `source` joined with the slices of `dim` named by a vector of indices: prod, mean, amax or amin.
  /// Same as `torch.index_reduce`.
  public func indexReduce(
    dim: Int, index: Tensor, _ source: Tensor, _ reduce: ScatterReduction, includeSelf: Bool = true
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || index.isPoisoned || source.isPoisoned { return ErrorScope.poison() }
      let d = try Layout.wrap(dim: dim, rank: rank, op: "indexReduce")
      try Indexing.checkIndex(index, "indexReduce")
      var expected = shape
      if rank > 0 { expected[d] = index.elementCount }
      if index.rank > 1 || source.shape != expected {
        throw TensorError.shape("indexReduce: source has shape \(source.shape), expected \(expected) for the index \(index.shape)")
      }
      if reduce == .sum { throw TensorError.value("indexReduce: sum is indexAdd") }
      if source.dtype != dtype {
        throw TensorError.dtype("indexReduce: self is \(dtype.name) and source \(source.dtype.name); convert one")
      }
      let sizes = Shape((0..<rank).map { $0 == d ? index.elementCount : 1 })
      let wide = rank == 0 ? index.reshape([]) : index.reshape(sizes).expand(expected)
      return scatterReduce(dim: d, index: wide, source, reduce, includeSelf: includeSelf)
    }
  }

  /// A copy of this tensor with the elements that `asStrided` would name replaced. Same as `torch.as_strided_scatter`.
  public func asStridedScatter(_ source: Tensor, _ shape: Shape, strides: Shape, offset: Int? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || source.isPoisoned { return ErrorScope.poison() }
      if source.shape != shape {
        throw TensorError.shape("asStridedScatter: source has shape \(source.shape), expected \(shape)")
      }
      // Numbers of the elements in row-major order stand for memory positions: the copy is dense.
      let copy = contiguous()
      let positions = withNoGrad {
        Tensor.arange(copy.elementCount).asStrided(shape, strides: strides, offset: offset ?? 0)
      }
      if positions.isPoisoned { return positions }
      return copy.put(positions.contiguous(), source)
    }
  }
}
