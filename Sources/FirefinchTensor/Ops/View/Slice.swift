import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  static let select = Op.view(
    "select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)",
    derivative: { c in
      let whole = Tensor.zeros(c.shape(0), dtype: c.grad().dtype, device: c.grad().device)
      whole.select(dim: c.int(1), c.int(2)).copy_(c.grad())
      return [whole]
    },
    samples: {
      [
        Sample(.tensor(sample()), .int(1), .int(2)), Sample(.tensor(sample()), .int(-1), .int(-2)),
        Sample(error: "index 3", arguments: [.tensor(sample()), .int(1), .int(3)]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    if x.rank == 0 { throw TensorError.index("select: a 0-dim tensor cannot be indexed; use item()") }
    let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "select")
    let size = x.shape[dim]
    let index = call.int(2)
    if index < -size || index >= size {
      throw TensorError.index("select: index \(index) is out of range for dim \(dim) of size \(size)")
    }
    return [x.layout.selected(dim: dim, index: index < 0 ? index + size : index)]
  }

  static let slice = Op.view(
    "slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)",
    derivative: { c in
      let whole = Tensor.zeros(c.shape(0), dtype: c.grad().dtype, device: c.grad().device)
      whole.slice(dim: c.int(1), start: c.call.optionalInt(2), end: c.call.optionalInt(3), step: c.int(4)).copy_(c.grad())
      return [whole]
    },
    samples: {
      [
        Sample(.tensor(sample()), .int(1), .int(1), .int(3), .int(1)),
        Sample(.tensor(sample()), .int(1), .none, .none, .int(2)),
        Sample(error: "step", arguments: [.tensor(sample()), .int(1), .none, .none, .int(-1)]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    if x.rank == 0 { throw TensorError.index("slice: a 0-dim tensor cannot be sliced") }
    let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "slice")
    let size = x.shape[dim]
    let step = call.int(4)
    if step < 1 { throw TensorError.value("slice: step must be positive, got \(step); use flip to reverse") }
    func clamp(_ bound: Int) -> Int { Swift.min(Swift.max(bound < 0 ? bound + size : bound, 0), size) }
    let start = clamp(call.optionalInt(2) ?? 0)
    let end = clamp(call.optionalInt(3) ?? size)
    return [x.layout.sliced(dim: dim, start: start, end: end, step: step)]
  }
}

extension Tensor {
  /// One index of a dim, which is removed; a view. Same as `torch.select`.
  public func select(dim: Int, _ index: Int) -> Tensor { Op.select(.tensor(self), .int(dim), .int(index)) }

  /// Elements `start..<end` of a dim, every `step`-th; bounds count from the end when negative and are clamped. A view.
  /// Same as Python's `x[start:end:step]` along `dim`.
  public func slice(dim: Int, start: Int? = nil, end: Int? = nil, step: Int = 1) -> Tensor {
    Op.slice(.tensor(self), .int(dim), Value(start), Value(end), .int(step))
  }

  /// `length` elements of a dim from `start`; a view. Same as `torch.narrow`.
  public func narrow(dim: Int, start: Int, length: Int) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank == 0 { throw TensorError.shape("narrow: a 0-dim tensor has no dim to narrow") }
      let wrapped = try Layout.wrap(dim: dim, rank: rank, op: "narrow")
      let size = shape[wrapped]
      if length < 0 { throw TensorError.value("narrow: the length must not be negative, got \(length)") }
      if start < -size || start > size || length > size - (start < 0 ? start + size : start) {
        throw TensorError.index("narrow: \(length) elements from \(start) are outside dim \(wrapped) of size \(size)")
      }
      let first = start < 0 ? start + size : start
      return slice(dim: wrapped, start: first, end: first + length)
    }
  }

  /// As `narrow` with a number, the start in a 0-dim integer tensor. Same as `torch.narrow` with a tensor.
  public func narrow(dim: Int, start: Tensor, length: Int) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || start.isPoisoned { return ErrorScope.poison() }
      if start.rank != 0 || !start.dtype.isInteger {
        throw TensorError.dtype(
          "narrow: start must be a 0-dim integer tensor, got \(start.dtype.name) of shape \(start.shape)")
      }
      return narrow(dim: dim, start: start.intValue, length: length)
    }
  }

  /// A copy with one index of a dim replaced. Same as `torch.select_scatter`.
  public func selectScatter(_ source: Tensor, dim: Int, index: Int) -> Tensor {
    let result = clone()
    result.select(dim: dim, index).copy_(source)
    return result
  }

  /// A copy with a slice of a dim replaced. Same as `torch.slice_scatter`.
  public func sliceScatter(_ source: Tensor, dim: Int, start: Int? = nil, end: Int? = nil, step: Int = 1) -> Tensor {
    let result = clone()
    result.slice(dim: dim, start: start, end: end, step: step).copy_(source)
    return result
  }
}
