import FirefinchCore
import FirefinchCPU

/// All different, so that no extreme is tied.
private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

/// The gradient of amax and amin: shared evenly between tied elements.
@Sendable private func shared(_ c: Gradient) -> [Tensor?] {
  let hit = (c.input(0) .== c.unreduced(c.output())).to(c.grad().dtype)
  let dims = (try? Layout.wrap(dims: c.call.optionalInts(1), rank: c.shape(0).count, op: c.call.name)) ?? []
  let count = dims.isEmpty ? hit : hit.sum(dim: dims, keepDim: true)
  return [hit * (c.unreduced(c.grad()) / count)]
}

private func argument(_ name: String, _ combiner: Combiner) -> Op {
  .structured(
    "\(name)(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", saves: .nothing,
    plan: { call in
      let x = call.tensor(0)
      let dims = try Layout.wrap(dims: call.optionalInt(1).map { [$0] }, rank: x.rank, op: name)
      if x.dtype.isComplex || x.dtype == .bool {
        throw TensorError.dtype("\(name): \(x.dtype.name) tensors are not supported; convert first")
      }
      for dim in dims where x.shape[dim] == 0 {
        throw TensorError.value("\(name): dim \(dim) of shape \(x.shape) has size 0, so there is nothing to choose from")
      }
      return [TensorSpec(Reduce.shape(x.shape, dims: dims, keepDim: call.bool(2)), .int64)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      let dims = try Layout.wrap(dims: call.optionalInt(1).map { [$0] }, rank: x.rank, op: name)
      let cls = x.dtype.registerClass == .bool ? RegisterClass.int64 : x.dtype.registerClass
      let program = Program([.input(0)], inputs: [cls], common: cls)
      let values = Tensor(empty: [Swift.max(results[0].elementCount, 1)], dtype: cls.dtype)
      _ = ReductionKernel.run(
        program, scalars: [], combiner: combiner, shape: x.shape, reduced: dims, inputs: [x.operand(0)],
        result: values.data, indices: results[0].pointer(Int64.self))
    },
    samples: {
      [
        Sample(.tensor(sample()), gradient: false), Sample(.tensor(sample()), .int(1), gradient: false),
        Sample(.tensor(sample()), .int(-1), .bool(true), gradient: false),
      ]
    })
}

extension Op {
  static let amax = Op.reduction(
    "amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", .max, dtypes: .same,
    saves: Op.Saves(inputs: [0], outputs: [0]), derivative: shared, samples: reductionSamples)
  static let amin = Op.reduction(
    "amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", .min, dtypes: .same,
    saves: Op.Saves(inputs: [0], outputs: [0]), derivative: shared, samples: reductionSamples)
  static let argmax = argument("argmax", .argmax)
  static let argmin = argument("argmin", .argmin)
  static let any: Op = .reduction(
    "any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", .any, dtypes: .bool,
    complex: .composite { c in [Op.any.results([.tensor(c.tensor(0) .!= 0)] + c.arguments.dropFirst())[0]] },
    samples: { [Sample(.tensor(sample() .> 2), gradient: false), Sample(.tensor(sample()), .ints([1]), gradient: false)] })
  static let all: Op = .reduction(
    "all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", .all, dtypes: .bool,
    complex: .composite { c in [Op.all.results([.tensor(c.tensor(0) .!= 0)] + c.arguments.dropFirst())[0]] },
    samples: { [Sample(.tensor(sample() .> -1), gradient: false), Sample(.tensor(sample()), .ints([1]), gradient: false)] })
}

extension Tensor {
  /// Largest element over `dim` (a list, or nil for all); ties share the gradient. Same as `torch.amax`.
  public func amax(dim: [Int]? = nil, keepDim: Bool = false) -> Tensor {
    Op.amax(.tensor(self), .ints(dim ?? []), .bool(keepDim))
  }
  /// Smallest element over `dim` (a list, or nil for all); ties share the gradient. Same as `torch.amin`.
  public func amin(dim: [Int]? = nil, keepDim: Bool = false) -> Tensor {
    Op.amin(.tensor(self), .ints(dim ?? []), .bool(keepDim))
  }
  /// Largest element. Same as `torch.max`.
  public func max() -> Tensor { amax() }
  /// Smallest element. Same as `torch.min`.
  public func min() -> Tensor { amin() }
  /// Bools as numbers, which have an order.
  private var ordered: Tensor { dtype == .bool ? to(.uint8) : self }

  /// Position of the largest element along `dim`, or in the flattened tensor; the first of equals. Same as `torch.argmax`.
  public func argmax(dim: Int? = nil, keepDim: Bool = false) -> Tensor { Op.argmax(.tensor(self), Value(dim), .bool(keepDim)) }
  /// Position of the smallest element along `dim`, or in the flattened tensor. Same as `torch.argmin`.
  public func argmin(dim: Int? = nil, keepDim: Bool = false) -> Tensor { Op.argmin(.tensor(self), Value(dim), .bool(keepDim)) }

  /// Largest element along `dim` and its position. Same as `torch.max(dim)`.
  public func max(dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    extreme(dim, keepDim) { $0.ordered.argmax(dim: $1, keepDim: true) }
  }
  /// Smallest element along `dim` and its position. Same as `torch.min(dim)`.
  public func min(dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    extreme(dim, keepDim) { $0.ordered.argmin(dim: $1, keepDim: true) }
  }

  private func extreme(_ dim: Int, _ keepDim: Bool, _ find: (Tensor, Int) -> Tensor) -> (values: Tensor, indices: Tensor) {
    if rank == 0 { return (clone(), find(reshape([1]), 0).reshape([])) }
    let indices = withNoGrad { find(detach(), dim) }
    let values = gather(dim: dim, index: indices)
    return keepDim ? (values, indices) : (values.squeeze(dim: dim), indices.squeeze(dim: dim))
  }

  /// Whether any element (along `dim`) is not 0. Same as `torch.any`.
  public func any(dim: [Int]? = nil, keepDim: Bool = false) -> Tensor { Op.any(.tensor(self), Value(dim), .bool(keepDim)) }
  /// Whether all elements (along `dim`) are not 0. Same as `torch.all`.
  public func all(dim: [Int]? = nil, keepDim: Bool = false) -> Tensor { Op.all(.tensor(self), Value(dim), .bool(keepDim)) }
  /// Whether any element along one dim is not 0. Same as `torch.any`.
  public func any(dim: Int, keepDim: Bool = false) -> Tensor { any(dim: [dim], keepDim: keepDim) }
  /// Whether all elements along one dim are not 0. Same as `torch.all`.
  public func all(dim: Int, keepDim: Bool = false) -> Tensor { all(dim: [dim], keepDim: keepDim) }
}
