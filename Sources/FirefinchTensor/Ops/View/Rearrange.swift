import FirefinchCPU
import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  static let flip: Op = .structured(
    "flip(Tensor self, int[] dims) -> Tensor", saves: .nothing, complex: .native,
    plan: { call in
      let x = call.tensor(0)
      if !call.ints(1).isEmpty { _ = try Layout.wrap(dims: call.ints(1), rank: x.rank, op: "flip") }
      return [TensorSpec(layout: x.layout.preserved(), dtype: x.dtype)]
    },
    forward: { call, results in
      let dims = call.ints(1).isEmpty ? [] : try Layout.wrap(dims: call.ints(1), rank: call.tensor(0).rank, op: "flip")
      // Both with the dims in the order of memory, so that the result is dense row-major.
      let order = results[0].layout.memoryOrder
      let x = call.tensor(0).alias(layout: call.tensor(0).layout.permuted(order))
      let out = results[0].alias(layout: results[0].layout.permuted(order))
      let real = dims.compactMap { order.firstIndex(of: $0) }.filter { x.shape[$0] > 1 }
      if x.elementCount == 0 || real.isEmpty { return out.copyData(from: x) }
      var source = Indexing.memory(x)
      for (i, dim) in real.enumerated() {
        let target = i == real.count - 1 ? out : Tensor(empty: x.shape, dtype: x.dtype)
        let (outer, n, inner) = Dense.split(x.shape, dim)
        ScanKernel.flip(x.dtype.size, outer: outer, n: n, inner: inner, x: source.data, out: target.data)
        source = target
      }
    }, derivative: { c in [c.grad().flip(c.ints(1))] },
    samples: {
      [
        Sample(.tensor(sample()), .ints([1])), Sample(.tensor(sample()), .ints([0, -1])),
        Sample(.tensor(sample()), .ints([])),
        Sample(error: "dim 3", "out of range", arguments: [.tensor(sample()), .ints([3])]),
        Sample(error: "appears twice", arguments: [.tensor(sample()), .ints([1, -2])]),
      ]
    })
}

extension Tensor {
  /// A copy with the order of elements reversed along `dims`. Same as `torch.flip`.
  public func flip(_ dims: [Int]) -> Tensor { Op.flip(.tensor(self), .ints(dims)) }
  /// A copy with the order of elements reversed along `dims`. Same as `torch.flip`.
  public func flip(_ dims: Int...) -> Tensor { flip(dims) }
  /// Reversed left to right: dim 1. Same as `torch.fliplr`.
  public func fliplr() -> Tensor {
    ErrorScope.guarding {
      if rank < 2 { throw TensorError.shape("fliplr: expected at least 2 dims, got shape \(shape)") }
      return flip([1])
    }
  }
  /// Reversed up to down: dim 0. Same as `torch.flipud`.
  public func flipud() -> Tensor {
    ErrorScope.guarding {
      if rank < 1 { throw TensorError.shape("flipud: expected at least 1 dim, got shape \(shape)") }
      return flip([0])
    }
  }

  /// Turned by `k` quarter turns from the first toward the second of `dims`. Same as `torch.rot90`.
  public func rot90(_ k: Int = 1, dims: (Int, Int) = (0, 1)) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank < 2 { throw TensorError.shape("rot90: expected at least 2 dims, got shape \(shape)") }
      let a = try Layout.wrap(dim: dims.0, rank: rank, op: "rot90")
      let b = try Layout.wrap(dim: dims.1, rank: rank, op: "rot90")
      if a == b { throw TensorError.value("rot90: expected two different dims, got \(dims) for shape \(shape)") }
      switch ((k % 4) + 4) % 4 {
      case 1: return flip([b]).transpose(a, b)
      case 2: return flip([a, b])
      case 3: return flip([a]).transpose(a, b)
      default: return clone()
      }
    }
  }

  /// Turned by `k` quarter turns in the plane of two dims. Same as `torch.rot90`.
  public func rot90(_ k: Int = 1, dims: [Int]) -> Tensor {
    if dims.count != 2 { return Mistake.report(.value("rot90: expected two dims, got \(dims)")) }
    return rot90(k, dims: (dims[0], dims[1]))
  }

  /// Dims `source` moved to places `destination`, the others keeping their order. Same as `torch.movedim`.
  public func movedim(_ source: [Int], _ destination: [Int]) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if source.count != destination.count {
        throw TensorError.value("movedim: expected as many places as dims, got \(source) and \(destination)")
      }
      if source.isEmpty || rank == 0 { return self }
      let from = try Layout.wrap(dims: source, rank: rank, op: "movedim")
      let to = try Layout.wrap(dims: destination, rank: rank, op: "movedim")
      var order = [Int](repeating: -1, count: rank)
      for (a, b) in zip(from, to) { order[b] = a }
      var rest = (0..<rank).filter { !from.contains($0) }.makeIterator()
      for i in 0..<rank where order[i] < 0 { order[i] = rest.next() ?? 0 }
      return permute(order)
    }
  }
  /// One dim moved to another place. Same as `torch.movedim`.
  public func movedim(_ source: Int, _ destination: Int) -> Tensor { movedim([source], [destination]) }
  /// Same as `movedim`, and as `torch.moveaxis`.
  public func moveaxis(_ source: Int, _ destination: Int) -> Tensor { movedim([source], [destination]) }
  /// Two dims swapped. Same as `torch.swapaxes`.
  public func swapaxes(_ axis0: Int, _ axis1: Int) -> Tensor { transpose(axis0, axis1) }
  /// Two dims swapped. Same as `torch.swapdims`.
  public func swapdims(_ dim0: Int, _ dim1: Int) -> Tensor { transpose(dim0, dim1) }
}
