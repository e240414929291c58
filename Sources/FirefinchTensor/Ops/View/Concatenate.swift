import FirefinchCPU
import FirefinchCore

private func a() -> Tensor { Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3], shape: [2, 3], dtype: .float64) }

extension Op {
  static let cat = Op.structured(
    "cat(Tensor[] tensors, int dim=0) -> Tensor", complex: .native,
    plan: { call in
      let all = call.tensors(0)
      guard let any = all.first else { throw TensorError.value("cat: expected at least one tensor") }
      if let i = all.firstIndex(where: { $0.rank == 0 }) {
        throw TensorError.shape("cat: tensor \(i) is 0-dim, which cannot be joined; use stack")
      }
      let dtype = all.dropFirst().reduce(any.dtype) { DType.promote($0, $1.dtype) }
      // A legacy of PyTorch: empty vectors join anything.
      let parts = all.filter { !Op.isEmptyVector($0) }
      guard let first = parts.first else { return [TensorSpec([0], dtype)] }
      let dim = try Layout.wrap(dim: call.int(1), rank: first.rank, op: "cat")
      var shape = first.shape
      shape[dim] = 0
      for (i, part) in all.enumerated() where !Op.isEmptyVector(part) {
        var expected = first.shape
        expected[dim] = part.rank == first.rank ? part.shape[dim] : -1
        if part.shape != expected {
          throw TensorError.shape(
            "cat: sizes must be equal except in dim \(dim): the first tensor has shape \(first.shape), tensor \(i) \(part.shape)")
        }
        shape[dim] += part.shape[dim]
      }
      let format = first.layout.suggestedFormat
      let isUniform = format == .contiguous || parts.allSatisfy { $0.layout.suggestedFormat == format }
      let layout = try Layout(contiguous: shape).dense(in: isUniform ? format : .contiguous, op: "cat")
      return [TensorSpec(layout: layout, dtype: dtype)]
    },
    forward: { call, results in
      let out = results[0]
      if out.elementCount == 0 { return }
      let dim = try Layout.wrap(dim: call.int(1), rank: out.rank, op: "cat")
      let inner = out.shape[(dim + 1)...].reduce(out.dtype.size, *)
      let lines = out.shape[..<dim].reduce(1, *)
      var start = 0
      for part in call.tensors(0) where part.elementCount > 0 {
        let size = part.shape[dim]
        if part.dtype == out.dtype && part.isContiguous && out.isContiguous {
          RearrangeKernel.place(
            part.data, lines: lines, line: size * inner, into: out.data, outLine: out.shape[dim] * inner,
            offset: start * inner)
        } else {
          let place = out.layout.sliced(dim: dim, start: start, end: start + size, step: 1)
          out.alias(layout: place).copyData(from: part)
        }
        start += size
      }
    },
    derivative: { c in
      let dim = c.int(1)
      var start = 0
      return c.call.tensors(0).enumerated().map { i, part in
        if Op.isEmptyVector(part) { return Tensor.zeros([0], dtype: part.dtype) }
        defer { start += part.size(dim) }
        return c.needs(i) ? c.grad().slice(dim: dim, start: start, end: start + part.size(dim)) : nil
      }
    },
    samples: {
      [
        Sample(.tensors([a(), a() * 2]), .int(0)),
        Sample(.tensors([a(), Tensor([1.0, 2], shape: [2, 1], dtype: .float64)]), .int(-1)),
        Sample(.tensors([Tensor([Double](), dtype: .float64), a()]), .int(1), gradient: false),
        Sample(error: "cat", "tensor 1", arguments: [.tensors([a(), a().t()]), .int(0)]),
        Sample(error: "cat", "tensor 1", "0-dim", arguments: [.tensors([a(), Tensor(1.5)]), .int(0)]),
      ]
    })

  /// The tensor that `cat` passes over, whatever the shapes of the others.
  fileprivate static func isEmptyVector(_ x: Tensor) -> Bool { x.rank == 1 && x.size(0) == 0 }
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
      if chunks < 1 || chunks > Tensor.elementLimit {
        throw TensorError.value("chunkCat: expected at least one chunk, got \(chunks)")
      }
      let d = try Layout.wrap(dim: dim, rank: first.rank, op: "chunkCat")
      let parts = try tensors.map { x -> Tensor in
        if x.isPoisoned { return x }
        if x.rank <= d || x.elementCount == 0 || x.shape.prefix(d).elementsEqual(first.shape.prefix(d)) == false {
          throw TensorError.shape(
            "chunkCat: sizes before dim \(d) must be equal and no tensor empty, got \(first.shape) and \(x.shape)")
        }
        let each = (x.shape[d] - 1) / chunks + 1
        let missing = each * chunks - x.shape[d]
        try Tensor.checkSizes([each, chunks, x.elementCount / x.shape[d]], op: "chunkCat")
        let room = [Int](repeating: 0, count: 2 * (x.rank - 1 - d)) + [0, missing]
        let leading = Array(x.shape.prefix(d))
        return (missing > 0 ? x.pad(room) : x).reshape(Shape(leading + [chunks, -1]))
      }
      return cat(parts, dim: d + 1)
    }
  }

  /// Joined along dim 1, vectors along dim 0. Same as `torch.hstack`.
  public static func hstack(_ tensors: [Tensor]) -> Tensor {
    let parts = tensors.map { $0.atLeast1d() }
    return cat(parts, dim: parts.first?.rank == 1 ? 0 : 1)
  }
  /// Joined along dim 0, vectors as rows. Same as `torch.vstack`.
  public static func vstack(_ tensors: [Tensor]) -> Tensor { cat(tensors.map { $0.atLeast2d() }, dim: 0) }
  /// Joined along dim 2, which is added when missing. Same as `torch.dstack`.
  public static func dstack(_ tensors: [Tensor]) -> Tensor { cat(tensors.map { $0.atLeast3d() }, dim: 2) }
  /// Joined along dim 1, vectors as columns. Same as `torch.column_stack`.
  public static func columnStack(_ tensors: [Tensor]) -> Tensor {
    cat(tensors.map { $0.rank < 2 ? $0.reshape([$0.elementCount, 1]) : $0 }, dim: 1)
  }
  /// Joined along dim 0, vectors as rows. Same as `torch.row_stack`.
  public static func rowStack(_ tensors: [Tensor]) -> Tensor { vstack(tensors) }

  /// The tensors (matrices; vectors as rows) along the diagonal of one matrix, zeros elsewhere. Same as
  /// `torch.block_diag`.
  public static func blockDiag(_ tensors: [Tensor]) -> Tensor {
    ErrorScope.guarding {
      if tensors.isEmpty { return Tensor.empty([1, 0]) }
      if tensors.contains(where: \.isPoisoned) { return ErrorScope.poison() }
      if let bad = tensors.first(where: { $0.rank > 2 }) {
        throw TensorError.shape("blockDiag: expected at most 2 dims, got shape \(bad.shape)")
      }
      // 0-dim tensors weigh less in the dtype, as in arithmetic.
      var promotion = TypePromotion()
      for tensor in tensors { promotion.add(tensor) }
      let blocks = tensors.map { $0.to(promotion.result).atLeast2d() }
      let width = blocks.reduce(0) { $0 + $1.size(1) }
      var left = 0
      return cat(
        blocks.map { block in
          defer { left += block.size(1) }
          return block.pad([left, width - left - block.size(1)])
        }, dim: 0)
    }
  }
}
