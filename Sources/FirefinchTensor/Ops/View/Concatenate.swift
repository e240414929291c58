import FirefinchCore

private func a() -> Tensor { Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3], shape: [2, 3], dtype: .float64) }

extension Op {
  static let cat = Op.structured(
    "cat(Tensor[] tensors, int dim=0) -> Tensor", complex: .native,
    plan: { call in
      // A legacy of PyTorch: empty vectors join anything.
      let parts = call.tensors(0).filter { !($0.rank == 1 && $0.size(0) == 0) }
      guard let first = parts.first else {
        guard let any = call.tensors(0).first else { throw TensorError.value("cat: expected at least one tensor") }
        return [TensorSpec([0], any.dtype)]
      }
      if first.rank == 0 { throw TensorError.shape("cat: 0-dim tensors cannot be joined; use stack") }
      let dim = try Layout.wrap(dim: call.int(1), rank: first.rank, op: "cat")
      var shape = first.shape
      shape[dim] = 0
      var dtype = first.dtype
      for (i, part) in parts.enumerated() {
        var expected = first.shape
        expected[dim] = part.rank == first.rank ? part.shape[dim] : -1
        if part.shape != expected {
          throw TensorError.shape(
            "cat: sizes must be equal except in dim \(dim): tensor 0 has shape \(first.shape), tensor \(i) \(part.shape)")
        }
        shape[dim] += part.shape[dim]
        dtype = DType.promote(dtype, part.dtype)
      }
      return [TensorSpec(shape, dtype)]
    },
    forward: { call, results in
      let dim = try Layout.wrap(dim: call.int(1), rank: results[0].rank, op: "cat")
      var start = 0
      for part in call.tensors(0) where part.elementCount > 0 {
        let end = start + part.shape[dim]
        results[0].alias(layout: results[0].layout.sliced(dim: dim, start: start, end: end, step: 1)).copyData(from: part)
        start = end
      }
    },
    derivative: { c in
      let dim = c.int(1)
      var start = 0
      return c.call.tensors(0).map { part in
        if part.rank == 1 && part.size(0) == 0 { return nil }
        defer { start += part.size(dim) }
        return c.grad().slice(dim: dim, start: start, end: start + part.size(dim))
      }
    },
    samples: {
      [
        Sample(.tensors([a(), a() * 2]), .int(0)),
        Sample(.tensors([a(), Tensor([1.0, 2], shape: [2, 1], dtype: .float64)]), .int(-1)),
        Sample(error: "cat", "tensor 1", arguments: [.tensors([a(), a().t()]), .int(0)]),
      ]
    })
}

extension Tensor {
  /// Tensors joined along an existing dim. Same as `torch.cat`.
  public static func cat(_ tensors: [Tensor], dim: Int = 0) -> Tensor { Op.cat(.tensors(tensors), .int(dim)) }

  /// Tensors of one shape joined along a new dim. Same as `torch.stack`.
  public static func stack(_ tensors: [Tensor], dim: Int = 0) -> Tensor {
    ErrorScope.guarding {
      guard let first = tensors.first else { throw TensorError.value("stack: expected at least one tensor") }
      if let bad = tensors.first(where: { $0.shape != first.shape && !$0.isPoisoned }) {
        throw TensorError.shape("stack: all shapes must be equal, got \(first.shape) and \(bad.shape)")
      }
      let position = try Layout.wrap(dim: dim, rank: first.rank + 1, op: "stack")
      return cat(tensors.map { $0.unsqueeze(dim: position) }, dim: position)
    }
  }

  /// Each tensor split into `chunks` equal parts along `dim` (the last padded with zeros), flattened from there on, and the
  /// parts of all tensors joined. Same as `torch._chunk_cat`.
  public static func chunkCat(_ tensors: [Tensor], dim: Int, chunks: Int) -> Tensor {
    ErrorScope.guarding {
      guard let first = tensors.first else { throw TensorError.value("chunkCat: expected at least one tensor") }
      if chunks < 1 { throw TensorError.value("chunkCat: expected at least one chunk, got \(chunks)") }
      let d = try Layout.wrap(dim: dim, rank: first.rank, op: "chunkCat")
      let parts = try tensors.map { x -> Tensor in
        if x.isPoisoned { return x }
        if x.rank <= d || x.elementCount == 0 || x.shape.prefix(d).elementsEqual(first.shape.prefix(d)) == false {
          throw TensorError.shape(
            "chunkCat: sizes before dim \(d) must be equal and no tensor empty, got \(first.shape) and \(x.shape)")
        }
        let each = (x.shape[d] + chunks - 1) / chunks
        let missing = each * chunks - x.shape[d]
        let room = [Int](repeating: 0, count: 2 * (x.rank - 1 - d)) + [0, missing]
        let leading = Array(x.shape.prefix(d))
        return (missing > 0 ? x.pad(room) : x).reshape(Shape(leading + [chunks, -1]))
      }
      return cat(parts, dim: d + 1)
    }
  }

  /// Parts of `size` along `dim`, the last one smaller if need be; views. Same as `torch.split`.
  public func split(_ size: Int, dim: Int = 0) -> [Tensor] {
    ErrorScope.guarding(1) {
      let d = try Layout.wrap(dim: dim, rank: rank, op: "split")
      if size < 1 { throw TensorError.value("split: the size of a part must be at least 1, got \(size)") }
      let total = shape[d]
      if total == 0 { return [self] }
      return stride(from: 0, to: total, by: size).map {
        slice(dim: d, start: $0, end: Swift.min($0 + size, total))
      }
    }
  }

  /// Parts of the given sizes along `dim`; views. Same as `torch.split` with a list.
  public func split(_ sizes: [Int], dim: Int = 0) -> [Tensor] {
    ErrorScope.guarding(sizes.count) {
      let d = try Layout.wrap(dim: dim, rank: rank, op: "split")
      if sizes.contains(where: { $0 < 0 }) || sizes.reduce(0, +) != shape[d] {
        throw TensorError.value("split: sizes \(sizes) do not add up to \(shape[d]), the size of dim \(d)")
      }
      var start = 0
      return sizes.map { size in
        defer { start += size }
        return slice(dim: d, start: start, end: start + size)
      }
    }
  }

  /// `count` parts along `dim`, as equal as possible from the front; views. Same as `torch.chunk`.
  public func chunk(_ count: Int, dim: Int = 0) -> [Tensor] {
    if count < 1 {
      return ErrorScope.guarding(1) { throw TensorError.value("chunk: the number of parts must be at least 1, got \(count)") }
    }
    let total = size(dim)
    return split(Swift.max((total + count - 1) / count, 1), dim: dim)
  }

  /// The slices along `dim`, which is removed; views. Same as `torch.unbind`.
  public func unbind(dim: Int = 0) -> [Tensor] { (0..<size(dim)).map { select(dim: dim, $0) } }
}
