import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75], shape: [2, 5], dtype: .float64)
}

/// Places in the storage of the elements of a layout, in row-major order.
private func places(_ shape: Shape, _ strides: Shape, _ offset: Int) -> Tensor {
  var result = Tensor.full([1], offset, dtype: .int64)
  for (size, step) in zip(shape, strides) {
    result = (result.unsqueeze(dim: 1) + Tensor.arange(size) * step).reshape([result.elementCount * size])
  }
  return result
}

/// The checked layout of an `as_strided` call.
private func stridedLayout(_ call: OpCall) throws -> Layout {
  let x = call.tensor(0)
  let (shape, strides) = (Shape(call.ints(1)), Shape(call.ints(2)))
  let layout = Layout(shape: shape, strides: strides, offset: call.optionalInt(3) ?? x.layout.offset)
  // The public initialiser has all checks of sizes, strides and reach.
  do { _ = try Tensor(storage: x.storage, checked: layout, dtype: x.dtype) } catch {
    throw TensorError(error.kind, "asStrided" + error.message.dropFirst("Tensor".count))
  }
  return layout
}

extension Op {
  static let unfold = Op.view(
    "unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)",
    derivative: { c in
      // Windows may overlap: an element's gradient is the sum over all windows that show it.
      let (g, shape) = (c.grad(), c.shape(0))
      if shape.isEmpty { return [g.sum()] }
      let dim = c.int(1) < 0 ? c.int(1) + shape.count : c.int(1)
      let (windows, size) = (g.size(dim), c.int(2))
      let index = (Tensor.arange(windows).unsqueeze(dim: 1) * c.int(3) + Tensor.arange(size)).reshape([windows * size])
      var flat = shape
      flat[dim] = windows * size
      let rows = g.movedim(-1, dim + 1).reshape(flat)
      return [Tensor.zeros(shape, dtype: g.dtype, device: g.device).indexAdd(dim: dim, index: index, rows)]
    },
    samples: {
      [
        Sample(.tensor(sample()), .int(1), .int(3), .int(1)), Sample(.tensor(sample()), .int(-1), .int(2), .int(2)),
        Sample(.tensor(sample()), .int(0), .int(2), .int(1)),
        Sample(.tensor(Tensor(1.5, dtype: .float64)), .int(0), .int(1), .int(1)),
        Sample(error: "unfold", "size 6", "[2, 5]", arguments: [.tensor(sample()), .int(1), .int(6), .int(1)]),
        Sample(error: "unfold", "step", arguments: [.tensor(sample()), .int(1), .int(2), .int(0)]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "unfold")
    let (size, step) = (call.int(2), call.int(3))
    let length = x.rank == 0 ? 1 : x.shape[dim]
    if size < 0 || size > length {
      throw TensorError.value(
        "unfold: size \(size) does not fit dim \(dim) of shape \(x.shape), expected 0 to \(length)")
    }
    if step < 1 { throw TensorError.value("unfold: the step must be at least 1, got \(step)") }
    return [x.layout.unfolded(dim: dim, size: size, step: step)]
  }

  /// The last two arguments are the strides and offset of the tensor that was viewed, from which the derivative knows
  /// which of its elements a place in the storage is.
  static let asStrided: Op = Op.view(
    "as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None, int[]? base_stride=None, "
      + "int? base_offset=None) -> Tensor(a)",
    derivative: { c in
      let (g, shape) = (c.grad(), c.shape(0))
      let own = Layout(
        shape: shape, strides: Shape(c.call.optionalInts(4) ?? Layout.rowMajorStrides(shape).array),
        offset: c.call.optionalInt(5) ?? 0)
      let shown = places(Shape(c.ints(1)), Shape(c.ints(2)), c.call.optionalInt(3) ?? own.offset)
      let mine = places(own.shape, own.strides, own.offset)
      let reach = { (index: Tensor) in index.elementCount == 0 ? 0 : index.max().intValue + 1 }
      let memory = Tensor.zeros([Swift.max(reach(shown), reach(mine))], dtype: g.dtype)
      var result = memory.indexAdd(dim: 0, index: shown, g.reshape([g.elementCount])).indexSelect(dim: 0, mine)
      if own.overlaps {
        // Elements that share a place share its gradient.
        let ones = Tensor.ones([mine.elementCount], dtype: g.dtype)
        result = result / memory.indexAdd(dim: 0, index: mine, ones).indexSelect(dim: 0, mine)
      }
      return [result.reshape(shape)]
    },
    samples: {
      // One dim dense: every layout of the generic tests but a strided one means the same.
      let x = Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5], dtype: .float64)
      return [
        Sample(error: "asStrided", "beyond", arguments: [.tensor(x), .ints([7]), .ints([1]), .int(0)]),
        Sample(error: "asStrided", "negative", arguments: [.tensor(x), .ints([2]), .ints([-1]), .int(2)]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    if let strides = call.optionalInts(4), x.strides.array != strides || x.layout.offset != call.int(5) {
      throw TensorError.autograd(
        "asStrided: backward cannot follow a change in place through this view, because the gradient lies in memory "
          + "with strides \(x.strides), expected \(strides); use slice, select or unfold for the part to be changed")
    }
    return [try stridedLayout(call)]
  }
}

extension Tensor {
  /// A view of all windows of `size` elements along `dim`, one every `step`; a window's elements are the new last dim.
  /// Same as `Tensor.unfold`.
  public func unfold(dim: Int, size: Int, step: Int) -> Tensor {
    Op.unfold(.tensor(self), .int(dim), .int(size), .int(step))
  }

  /// A view of the tensor's storage with any sizes, strides (0 or more) and offset, which must stay inside the storage.
  /// Same as `torch.as_strided`.
  public func asStrided(_ shape: Shape, strides: Shape, offset: Int? = nil) -> Tensor {
    Op.asStrided(
      .tensor(self), .ints(shape.array), .ints(strides.array), .int(offset ?? layout.offset), .ints(self.strides.array),
      .int(layout.offset))
  }
}
