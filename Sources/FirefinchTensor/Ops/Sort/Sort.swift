import FirefinchCore
import FirefinchCPU

private func sample() -> Tensor { Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3], shape: [2, 3], dtype: .float64) }

/// Runs a sort along any dim of any dtype: rows last and dense, half types and small integers widened exactly.
private func run(_ x: Tensor, dim: Int, descending: Bool, keep: Int?, _ values: Tensor, _ indices: Tensor) {
  withNoGrad {
    let wide: DType =
      switch x.dtype {
      case .float32, .float64: x.dtype
      case .float16, .bfloat16: .float32
      default: .int64
      }
    let last = x.rank == 0 ? x.reshape([1]) : x.detach().transpose(dim, -1)
    let rows = last.to(wide).contiguous()
    let n = rows.size(-1)
    var shape = rows.shape
    shape[shape.count - 1] = keep ?? n
    let sorted = Tensor(empty: shape, dtype: wide), order = Tensor(empty: shape, dtype: .int64)
    if rows.elementCount > 0 {
      SortKernel.sort(
        wide, rows: rows.elementCount / n, n: n, descending: descending, keep: keep, x: rows.data, values: sorted.data,
        indices: order.pointer(Int64.self))
    }
    values.copyData(from: x.rank == 0 ? sorted.reshape([]) : sorted.transpose(dim, -1))
    indices.copyData(from: x.rank == 0 ? order.reshape([]) : order.transpose(dim, -1))
  }
}

/// The gradient of values chosen by `indices` along `dim`.
@Sendable private func scattered(_ c: Gradient, _ dim: Int) -> [Tensor?] {
  guard let g = c.optionalGrad(0) else { return [nil] }
  let zeros = Tensor.zeros(c.shape(0), dtype: g.dtype, device: g.device)
  return [zeros.scatterAdd(dim: dim, index: c.output(1), g)]
}

extension Op {
  static let sort: Op = Op.structured(
    "sort.stable(Tensor self, *, bool? stable=True, int dim=-1, bool descending=False) -> (Tensor, Tensor)",
    saves: Op.Saves(inputs: [], outputs: [1]),
    plan: { call in
      let x = call.tensor(0)
      _ = try Layout.wrap(dim: call.int(2), rank: x.rank, op: "sort")
      return [TensorSpec(x.shape, x.dtype), TensorSpec(x.shape, .int64)]
    },
    forward: { call, results in
      let dim = try Layout.wrap(dim: call.int(2), rank: call.tensor(0).rank, op: "sort")
      run(call.tensor(0), dim: dim, descending: call.bool(3), keep: nil, results[0], results[1])
    }, derivative: { scattered($0, $0.int(2)) },
    samples: {
      [
        Sample(.tensor(sample())), Sample(.tensor(sample()), .bool(true), .int(0), .bool(true)),
        Sample(error: "dim 2", arguments: [.tensor(sample()), .bool(true), .int(2)]),
      ]
    })

  static let topk: Op = Op.structured(
    "topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor, Tensor)",
    saves: Op.Saves(inputs: [], outputs: [1]),
    plan: { call in
      let x = call.tensor(0)
      let dim = try Layout.wrap(dim: call.int(2), rank: x.rank, op: "topk")
      let size = x.rank == 0 ? 1 : x.shape[dim]
      if call.int(1) < 0 || call.int(1) > size {
        throw TensorError.value("topk: k is \(call.int(1)), but dim \(dim) has \(size) elements")
      }
      if x.dtype == .bool { throw TensorError.dtype("topk: bool tensors are not supported; convert to uint8") }
      var shape = x.shape
      if x.rank > 0 { shape[dim] = call.int(1) }
      return [TensorSpec(shape, x.dtype), TensorSpec(shape, .int64)]
    },
    forward: { call, results in
      let dim = try Layout.wrap(dim: call.int(2), rank: call.tensor(0).rank, op: "topk")
      run(call.tensor(0), dim: dim, descending: call.bool(3), keep: results[0].rank == 0 ? 1 : call.int(1), results[0], results[1])
    }, derivative: { scattered($0, $0.int(2)) },
    samples: {
      [
        Sample(.tensor(sample()), .int(2)), Sample(.tensor(sample()), .int(1), .int(0), .bool(false)),
        Sample(error: "topk", "3 elements", arguments: [.tensor(sample()), .int(4)]),
      ]
    })
}

extension Tensor {
  /// Elements along `dim` in order, with their positions; stable, NaN last. Same as `torch.sort`.
  public func sort(dim: Int = -1, descending: Bool = false) -> (values: Tensor, indices: Tensor) {
    let results = Op.sort.results([.tensor(self), .bool(true), .int(dim), .bool(descending)])
    return (results[0], results[1])
  }
  /// Positions that sort `dim`. Same as `torch.argsort`.
  public func argsort(dim: Int = -1, descending: Bool = false) -> Tensor { sort(dim: dim, descending: descending).indices }
  /// The `k` largest (or smallest) elements along `dim` in order, with their positions. Same as `torch.topk`.
  public func topk(_ k: Int, dim: Int = -1, largest: Bool = true) -> (values: Tensor, indices: Tensor) {
    let results = Op.topk.results([.tensor(self), .int(k), .int(dim), .bool(largest)])
    return (results[0], results[1])
  }
}
