import FirefinchCPU
import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  static let flip: Op = .structured(
    "flip(Tensor self, int[] dims) -> Tensor", saves: .nothing, complex: .parts,
    plan: { call in
      let x = call.tensor(0)
      if !call.ints(1).isEmpty { _ = try Layout.wrap(dims: call.ints(1), rank: x.rank, op: "flip") }
      return [TensorSpec(x.shape, x.dtype)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      let dims = call.ints(1).isEmpty ? [] : try Layout.wrap(dims: call.ints(1), rank: x.rank, op: "flip")
      let real = dims.filter { x.shape[$0] > 1 }
      if x.elementCount == 0 || real.isEmpty { return results[0].copyData(from: x) }
      var source = Indexing.memory(x)
      for (i, dim) in real.enumerated() {
        let target = i == real.count - 1 ? results[0] : Tensor(empty: x.shape, dtype: x.dtype)
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

  /// A copy with elements moved by `shifts` places along `dims`, those pushed out coming in at the other end. Same as
  /// `torch.roll`.
  public func roll(_ shifts: [Int], dims: [Int]) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if dims.isEmpty && shifts.count == 1 { return roll(shifts[0]) }
      if shifts.count != dims.count || shifts.isEmpty {
        throw TensorError.value("roll: expected one shift for each dim, got shifts \(shifts) and dims \(dims)")
      }
      var result = self
      for (shift, dim) in zip(shifts, dims) {
        let d = try Layout.wrap(dim: dim, rank: rank, op: "roll")
        if rank == 0 { continue }
        let n = shape[d]
        if n == 0 { continue }
        let by = ((shift % n) + n) % n
        if by == 0 { continue }
        result = Tensor.cat(
          [result.narrow(dim: d, start: n - by, length: by), result.narrow(dim: d, start: 0, length: n - by)], dim: d)
      }
      return result === self ? clone() : result
    }
  }
  /// A copy with elements moved by `shift` places along `dim`, or in the flattened tensor. Same as `torch.roll`.
  public func roll(_ shift: Int, dim: Int? = nil) -> Tensor {
    guard let dim else { return reshape([elementCount]).roll([shift], dims: [0]).reshape(shape) }
    return roll([shift], dims: [dim])
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

  /// A copy repeated `counts` times along each dim; more counts than dims add dims in front. Same as `Tensor.repeat`.
  public func `repeat`(_ counts: [Int]) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if counts.count < rank {
        throw TensorError.shape("repeat: expected a count for each of the \(rank) dims of \(shape), got \(counts)")
      }
      if counts.contains(where: { $0 < 0 }) {
        throw TensorError.value("repeat: counts must not be negative, got \(counts)")
      }
      // Each dim of size s becomes (count, s), expanded without copying; one copy joins the pairs.
      let sizes = [Int](repeating: 1, count: counts.count - rank) + shape.array
      let apart = Shape(sizes.flatMap { [1, $0] })
      let wide = Shape(zip(counts, sizes).flatMap { [$0, $1] })
      let joined = Shape(zip(counts, sizes).map { $0 * $1 })
      try Tensor.checkSizes(joined, op: "repeat")
      let result = reshape(apart).expand(wide)
      return joined.elementCount == elementCount ? result.reshape(joined).clone() : result.reshape(joined)
    }
  }
  /// A copy repeated `counts` times along each dim. Same as `Tensor.repeat`.
  public func `repeat`(_ counts: Int...) -> Tensor { self.repeat(counts) }
  /// A copy repeated `counts` times along the last dims. Same as `torch.tile`.
  public func tile(_ counts: [Int]) -> Tensor {
    self.repeat([Int](repeating: 1, count: Swift.max(rank - counts.count, 0)) + counts)
  }
  /// A copy repeated `counts` times along the last dims. Same as `torch.tile`.
  public func tile(_ counts: Int...) -> Tensor { tile(counts) }

  /// Each element `count` times in a row along `dim`, or in the flattened tensor. Same as `torch.repeat_interleave`.
  public func repeatInterleave(_ count: Int, dim: Int? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if count < 0 { throw TensorError.value("repeatInterleave: the count must not be negative, got \(count)") }
      let x = dim == nil || rank == 0 ? reshape([elementCount]) : self
      let d = try Layout.wrap(dim: dim ?? 0, rank: x.rank, op: "repeatInterleave")
      var (wide, joined) = (x.shape, x.shape)
      wide.insert(count, at: d + 1)
      joined[d] = joined[d] * count
      try Tensor.checkSizes(joined, op: "repeatInterleave")
      return x.unsqueeze(dim: d + 1).expand(wide).reshape(joined)
    }
  }
  /// Each slice of `dim` (or element of the flattened tensor) as often as its own count says. Same as
  /// `torch.repeat_interleave` with a tensor of counts; `outputSize` is their sum, checked.
  public func repeatInterleave(_ counts: Tensor, dim: Int? = nil, outputSize: Int? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || counts.isPoisoned { return ErrorScope.poison() }
      let x = dim == nil || rank == 0 ? reshape([elementCount]) : self
      let d = try Layout.wrap(dim: dim ?? 0, rank: x.rank, op: "repeatInterleave")
      if counts.dtype != .int64 && counts.dtype != .int32 || counts.rank > 1 {
        throw TensorError.dtype(
          "repeatInterleave: expected a vector of int64 or int32 counts, got shape \(counts.shape) of "
            + "\(counts.dtype.name)"
        )
      }
      let numbers = counts.array(Int.self)
      if let outputSize, numbers.reduce(0, +) != outputSize {
        throw TensorError.value("repeatInterleave: the counts sum to \(numbers.reduce(0, +)), not to outputSize \(outputSize)")
      }
      if numbers.count == 1 { return x.repeatInterleave(numbers[0], dim: d) }
      if numbers.count != x.size(d) || numbers.contains(where: { $0 < 0 }) {
        throw TensorError.value(
          "repeatInterleave: expected \(x.size(d)) counts of 0 or more for dim \(d) of shape \(x.shape), got "
            + "\(numbers.count)"
            + (numbers.contains { $0 < 0 } ? " with negative ones" : ""))
      }
      var total = 0
      for number in numbers {
        let (sum, overflow) = total.addingReportingOverflow(number)
        if overflow || sum > Tensor.elementLimit {
          throw TensorError.value("repeatInterleave: the counts are too large")
        }
        total = sum
      }
      var index: [Int] = []
      index.reserveCapacity(total)
      for (i, number) in numbers.enumerated() { index += repeatElement(i, count: number) }
      return x.indexSelect(dim: d, Tensor(index))
    }
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
