import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  /// One record for all slices: backward stacks their gradients once, where a chain of `select`s would make a whole tensor
  /// for every slice.
  static let unbind = Op.view(
    "unbind.int(Tensor(a) self, int dim=0) -> Tensor(a)[]",
    derivative: { c in
      let count = c.node.results.count
      return [count == 0 ? nil : Tensor.stack((0..<count).map { c.grad($0) }, dim: c.int(1))]
    },
    samples: {
      [
        Sample(.tensor(sample())), Sample(.tensor(sample()), .int(-2)),
        Sample(error: "unbind", "0-dim", arguments: [.tensor(Tensor(1.5)), .int(0)]),
        Sample(error: "dim 3", "out of range", arguments: [.tensor(sample()), .int(3)]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    if x.rank == 0 { throw TensorError.shape("unbind: a 0-dim tensor has no dim to take apart; use item()") }
    let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "unbind")
    return (0..<x.shape[dim]).map { x.layout.selected(dim: dim, index: $0) }
  }

  /// As `unbind`, one record for all parts.
  static let splitWithSizes = Op.view(
    "split_with_sizes(Tensor(a) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]",
    derivative: { c in
      let count = c.node.results.count
      return [count == 0 ? nil : Tensor.cat((0..<count).map { c.grad($0) }, dim: c.int(2))]
    },
    samples: {
      [
        Sample(.tensor(sample()), .ints([1, 2]), .int(1)), Sample(.tensor(sample()), .ints([1, 0, 1]), .int(-1)),
        Sample(error: "split", "[2, 2]", "3", arguments: [.tensor(sample()), .ints([2, 2]), .int(1)]),
        Sample(error: "split", "[4, -1]", arguments: [.tensor(sample()), .ints([4, -1]), .int(1)]),
        Sample(error: "split", "0-dim", arguments: [.tensor(Tensor(1.5)), .ints([1]), .int(0)]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    let dim = try SplitRule.dim(x, call.int(2), "split")
    let sizes = call.ints(1)
    var left = x.shape[dim]
    for size in sizes where left >= 0 { left = size < 0 || size > left ? -1 : left - size }
    if left != 0 {
      throw TensorError.value(
        "split: sizes \(sizes) must be 0 or more and add up to \(x.shape[dim]), the size of dim \(dim) of shape \(x.shape)")
    }
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return x.layout.sliced(dim: dim, start: start, end: start + size, step: 1)
    }
  }
}

/// What the ways to split share.
private enum SplitRule {
  /// The dim to split along, of a tensor with dims.
  static func dim(_ x: Tensor, _ dim: Int, _ op: String) throws -> Int {
    if x.rank == 0 { throw TensorError.shape("\(op): expected at least 1 dim, got a 0-dim tensor") }
    return try Layout.wrap(dim: dim, rank: x.rank, op: op)
  }

  /// Sizes of parts of `size` that make up `total`, the last one smaller if need be.
  static func sizes(_ total: Int, _ size: Int) -> [Int] {
    if total == 0 { return [0] }
    return stride(from: 0, to: total, by: size).map { Swift.min(size, total - $0) }
  }

  /// Sizes of `chunk`'s parts. Of a dim of size 0 there are as many parts as asked for.
  static func chunks(_ total: Int, _ count: Int) -> [Int] {
    if total == 0 { return [Int](repeating: 0, count: count) }
    return sizes(total, (total - 1) / count + 1)
  }

  /// More parts than this are a mistake rather than memory for their list.
  static let limit = 1 << 28
}

extension Tensor {
  /// As many poisoned tensors as a split into `count` would have given.
  private func poisonedParts(_ count: Int) -> [Tensor] {
    (0..<Swift.min(Swift.max(count, 1), 1 << 16)).map { _ in ErrorScope.poison(dtype) }
  }

  /// Parts of `size` along `dim`, the last one smaller if need be; views made together, so that none may be changed in
  /// place while gradients are recorded. Same as `torch.split`.
  public func split(_ size: Int, dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(1) }
    return ErrorScope.guarding(1) {
      let d = try SplitRule.dim(self, dim, "split")
      if size < 0 || size == 0 && shape[d] > 0 {
        throw TensorError.value(
          "split: the size of a part must be at least 1, got \(size); 0 is allowed for a dim of size 0 only")
      }
      return split(SplitRule.sizes(shape[d], size), dim: d)
    }
  }

  /// Parts of the given sizes along `dim`; views made together. Same as `torch.split` with a list, and as
  /// `torch.split_with_sizes`.
  public func split(_ sizes: [Int], dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(sizes.count) }
    return ErrorScope.guarding(sizes.count) {
      try Op.splitWithSizes.call([.tensor(self), .ints(sizes), .int(dim)])
    }
  }

  /// At most `count` parts along `dim`, of equal size but for the last; views made together. Same as `torch.chunk`.
  public func chunk(_ count: Int, dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(count) }
    return ErrorScope.guarding(Swift.min(Swift.max(count, 1), 1 << 16)) {
      let d = try SplitRule.dim(self, dim, "chunk")
      if count < 1 || count > SplitRule.limit {
        throw TensorError.value("chunk: the number of parts must be at least 1, got \(count)")
      }
      return split(SplitRule.chunks(shape[d], count), dim: d)
    }
  }

  /// As `split`, but each part is a view of its own, which may be changed in place. Same as `torch.unsafe_split`, except
  /// that backward follows such changes.
  public func unsafeSplit(_ size: Int, dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(1) }
    return ErrorScope.guarding(1) {
      let d = try SplitRule.dim(self, dim, "unsafeSplit")
      if size < 0 || size == 0 && shape[d] > 0 {
        throw TensorError.value("unsafeSplit: the size of a part must be at least 1, got \(size)")
      }
      return separate(SplitRule.sizes(shape[d], size), d)
    }
  }

  /// As `split` with a list, each part a view of its own. Same as `torch.unsafe_split_with_sizes`.
  public func unsafeSplit(_ sizes: [Int], dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(sizes.count) }
    return ErrorScope.guarding(sizes.count) {
      // The record has the checks.
      _ = try Op.splitWithSizes.plan(OpCall(op: Op.splitWithSizes, arguments: [.tensor(self), .ints(sizes), .int(dim)]))
      return separate(sizes, try SplitRule.dim(self, dim, "unsafeSplit"))
    }
  }

  /// As `chunk`, each part a view of its own. Same as `torch.unsafe_chunk`.
  public func unsafeChunk(_ count: Int, dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(count) }
    return ErrorScope.guarding(Swift.min(Swift.max(count, 1), 1 << 16)) {
      let d = try SplitRule.dim(self, dim, "unsafeChunk")
      if count < 1 || count > SplitRule.limit {
        throw TensorError.value("unsafeChunk: the number of parts must be at least 1, got \(count)")
      }
      return separate(SplitRule.chunks(shape[d], count), d)
    }
  }

  /// Slices of the given sizes, one after the other.
  private func separate(_ sizes: [Int], _ dim: Int) -> [Tensor] {
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return slice(dim: dim, start: start, end: start + size)
    }
  }

  /// The slices along `dim`, which is removed; views made together. Same as `torch.unbind`.
  public func unbind(dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(1) }
    return ErrorScope.guarding(1) { try Op.unbind.call([.tensor(self), .int(dim)]) }
  }

  /// `sections` parts along `dim`, the first ones larger by one if need be; views. Same as `torch.tensor_split`.
  public func tensorSplit(_ sections: Int, dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(sections) }
    return ErrorScope.guarding(Swift.min(Swift.max(sections, 1), 1 << 16)) {
      let d = try SplitRule.dim(self, dim, "tensorSplit")
      if sections < 1 || sections > SplitRule.limit {
        throw TensorError.value("tensorSplit: the number of sections must be at least 1, got \(sections)")
      }
      let (size, larger) = shape[d].quotientAndRemainder(dividingBy: sections)
      return separate((0..<sections).map { $0 < larger ? size + 1 : size }, d)
    }
  }

  /// Parts along `dim` cut at the given places; views. Same as `torch.tensor_split` with a list.
  public func tensorSplit(_ indices: [Int], dim: Int = 0) -> [Tensor] {
    if isPoisoned { return poisonedParts(indices.count + 1) }
    return ErrorScope.guarding(indices.count + 1) {
      let d = try SplitRule.dim(self, dim, "tensorSplit")
      return (0...indices.count).map { i in
        slice(dim: d, start: i == 0 ? 0 : indices[i - 1], end: i < indices.count ? indices[i] : shape[d])
      }
    }
  }

  /// Parts ended by the indices in a vector, or as many equal parts as a 0-dim tensor says. Same as `torch.tensor_split`
  /// with a tensor.
  public func tensorSplit(_ sectionsOrIndices: Tensor, dim: Int = 0) -> [Tensor] {
    let x = sectionsOrIndices
    if isPoisoned || x.isPoisoned { return poisonedParts(1) }
    return ErrorScope.guarding(1) {
      if x.dtype != .int64 || x.rank > 1 {
        throw TensorError.dtype(
          "tensorSplit: expected a 0-dim tensor or a vector of int64, got \(x.dtype.name) of shape \(x.shape)")
      }
      return x.rank == 0 ? tensorSplit(x.intValue, dim: dim) : tensorSplit(x.array(Int.self), dim: dim)
    }
  }

  /// Checks of hsplit and its like: enough dims, and sections that divide the dim.
  private func stackedSplit(_ name: String, rank needed: Int, dim: Int, sections: Int?, _ body: () -> [Tensor]) -> [Tensor] {
    if isPoisoned { return poisonedParts(sections ?? 1) }
    return ErrorScope.guarding(Swift.min(Swift.max(sections ?? 1, 1), 1 << 16)) {
      if rank < needed {
        throw TensorError.shape("\(name): expected at least \(needed) dim\(needed > 1 ? "s" : ""), got shape \(shape)")
      }
      if let sections, sections < 1 || shape[dim] % sections != 0 {
        throw TensorError.value("\(name): \(sections) equal sections do not fit dim \(dim) of shape \(shape)")
      }
      return body()
    }
  }

  /// Equal parts along dim 1 (dim 0 of a vector); views. Same as `torch.hsplit`.
  public func hsplit(_ sections: Int) -> [Tensor] {
    let dim = rank < 2 ? 0 : 1
    return stackedSplit("hsplit", rank: 1, dim: dim, sections: sections) { tensorSplit(sections, dim: dim) }
  }
  /// Equal parts along dim 0; views. Same as `torch.vsplit`.
  public func vsplit(_ sections: Int) -> [Tensor] {
    stackedSplit("vsplit", rank: 2, dim: 0, sections: sections) { tensorSplit(sections, dim: 0) }
  }
  /// Equal parts along dim 2; views. Same as `torch.dsplit`.
  public func dsplit(_ sections: Int) -> [Tensor] {
    stackedSplit("dsplit", rank: 3, dim: 2, sections: sections) { tensorSplit(sections, dim: 2) }
  }
  /// Parts along dim 1 (dim 0 of a vector) cut at the given places; views. Same as `torch.hsplit`.
  public func hsplit(_ indices: [Int]) -> [Tensor] {
    let dim = rank < 2 ? 0 : 1
    return stackedSplit("hsplit", rank: 1, dim: dim, sections: nil) { tensorSplit(indices, dim: dim) }
  }
  /// Parts along dim 0 cut at the given places; views. Same as `torch.vsplit`.
  public func vsplit(_ indices: [Int]) -> [Tensor] {
    stackedSplit("vsplit", rank: 2, dim: 0, sections: nil) { tensorSplit(indices, dim: 0) }
  }
  /// Parts along dim 2 cut at the given places; views. Same as `torch.dsplit`.
  public func dsplit(_ indices: [Int]) -> [Tensor] {
    stackedSplit("dsplit", rank: 3, dim: 2, sections: nil) { tensorSplit(indices, dim: 2) }
  }
}
