import FirefinchCore

extension Op {
  /// Makes `target` itself the view that the op, a view of one result, gives of it: `t_`, `squeeze_` and their like. `inverse`
  /// sees a tensor of the new layout in the old one, for views that were made before.
  fileprivate func become(
    _ target: Tensor, _ rest: [Value], as name: String, inverse: @escaping @Sendable (Tensor) -> Tensor
  ) -> Tensor {
    if target.isPoisoned { return target }
    return ErrorScope.guarding {
      let call = OpCall(op: self, arguments: complete([.tensor(target)] + rest))
      guard case .views(let layouts, _) = try plan(call) else { fatalError("\(name): not a view") }
      try InPlace.checkHistory(target, op: name)
      let result = target.alias(layout: layouts[0])
      let node = self.node(call, [target], [result])
      let meta = target.autograd ?? AutogradMeta(target)
      target.autograd = meta
      if let view = meta.view {
        let before = view.replay
        let rest = Array(call.arguments.dropFirst())
        meta.view = ViewInfo(
          base: view.base, replay: { self.results([.tensor(before($0))] + rest)[0] }, isOneOfMany: view.isOneOfMany)
      } else {
        meta.earlierLayouts.append(inverse)
      }
      target.adopt(layout: layouts[0])
      // What was saved for backward would be read with the new layout.
      target.storage.version += 1
      meta.view?.version = target.storage.version
      if let node { target.setHistory(node, 0) }
      return target
    }
  }
}

/// The view operations that change the tensor itself rather than give another one: neither data nor memory move.
extension Tensor {
  /// The dims of a matrix swapped in place; tensors of fewer dims stay as they are. Same as `Tensor.t_`.
  @discardableResult public func t_() -> Tensor {
    if rank > 2 { return Mistake.report(.shape("t_: expected at most 2 dims, got shape \(shape); use transpose_")) }
    return rank < 2 ? self : Op.transpose.become(self, [.int(0), .int(1)], as: "t_") { $0.transpose(0, 1) }
  }

  /// Two dims swapped in place. Same as `Tensor.transpose_`.
  @discardableResult public func transpose_(_ dim0: Int, _ dim1: Int) -> Tensor {
    Op.transpose.become(self, [.int(dim0), .int(dim1)], as: "transpose_") { $0.transpose(dim0, dim1) }
  }
  /// Same as `transpose_`, and as `Tensor.swapaxes_`.
  @discardableResult public func swapaxes_(_ axis0: Int, _ axis1: Int) -> Tensor { transpose_(axis0, axis1) }
  /// Same as `transpose_`, and as `Tensor.swapdims_`.
  @discardableResult public func swapdims_(_ dim0: Int, _ dim1: Int) -> Tensor { transpose_(dim0, dim1) }

  /// Dims of size 1 taken away in place (all, or those of `dim`). Same as `Tensor.squeeze_`.
  @discardableResult public func squeeze_(dim: [Int]? = nil) -> Tensor {
    let before = shape
    return Op.squeeze.become(self, [Value(dim)], as: "squeeze_") { $0.view(before) }
  }
  /// `dim` taken away in place if its size is 1. Same as `Tensor.squeeze_`.
  @discardableResult public func squeeze_(dim: Int) -> Tensor { squeeze_(dim: [dim]) }

  /// A dim of size 1 put in front of `dim` in place. Same as `Tensor.unsqueeze_`.
  @discardableResult public func unsqueeze_(dim: Int) -> Tensor {
    let before = shape
    return Op.unsqueeze.become(self, [.int(dim)], as: "unsqueeze_") { $0.view(before) }
  }

  /// Other sizes, strides and offset in the same storage, in place. Same as `Tensor.as_strided_`.
  @discardableResult public func asStrided_(_ shape: Shape, strides: Shape, offset: Int? = nil) -> Tensor {
    let rest: [Value] = [
      .ints(shape.array), .ints(strides.array), .int(offset ?? layout.offset), .ints(self.strides.array),
      .int(layout.offset),
    ]
    return Op.asStrided.become(self, rest, as: "asStrided_") { _ in
      Mistake.report(
        .autograd("asStrided_: a view made before it cannot be followed by backward; make the view again"))
    }
  }

  /// Takes another shape in place, row-major or in a memory format, with more memory where needed, which views share; new
  /// elements are undefined. Same as `Tensor.resize_`.
  @discardableResult public func resize_(_ shape: Shape, memoryFormat: MemoryFormat? = nil) -> Tensor {
    if isPoisoned { return self }
    return ErrorScope.guarding {
      try Tensor.checkSizes(shape, op: "resize_")
      if requiresGrad { throw TensorError.autograd("resize_: a tensor that requires grad cannot be resized") }
      if memoryFormat == .preserve {
        throw TensorError.value("resize_: preserve_format says nothing about another shape; use contiguous or channelsLast")
      }
      if shape == self.shape && memoryFormat == nil { return self }
      var target = Layout(contiguous: shape)
      if let memoryFormat, !(shape == self.shape && layout.isContiguous(in: memoryFormat)) {
        target = try target.dense(in: memoryFormat, op: "resize_")
      }
      target.offset = layout.offset
      storage.grow(to: (target.offset + target.span) * dtype.size)
      adopt(layout: target)
      storage.version += 1
      return self
    }
  }

  /// `resize_` to the shape of another tensor. Same as `Tensor.resize_as_`.
  @discardableResult public func resizeAs_(_ other: Tensor, memoryFormat: MemoryFormat? = nil) -> Tensor {
    if other.isPoisoned { return other }
    // PyTorch's default keeps the other's order, too.
    let format = memoryFormat == .preserve ? other.layout.suggestedFormat : memoryFormat
    return resize_(other.shape, memoryFormat: format)
  }
}
