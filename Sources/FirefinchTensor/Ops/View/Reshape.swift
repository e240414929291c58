import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  /// The whole tensor as a view of its own, so that what happens to one (`t_`, `requiresGrad_`) does not happen to the other.
  static let alias = Op.view(
    "alias(Tensor(a) self) -> Tensor(a)", derivative: { c in [c.grad()] }, samples: { [Sample(.tensor(sample()))] }
  ) { call in [call.tensor(0).layout] }

  static let view = Op.view(
    "view(Tensor(a) self, SymInt[] size) -> Tensor(a)", derivative: { c in [c.grad().reshape(c.shape(0))] },
    samples: {
      [
        Sample(.tensor(sample()), .ints([4, 3])), Sample(.tensor(sample()), .ints([-1])),
        Sample(error: "does not fit", arguments: [.tensor(sample()), .ints([5, 2])]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    let target = try Layout.resolve(Shape(call.ints(1)), elementCount: x.elementCount, op: "view")
    guard let layout = x.layout.viewed(as: target) else {
      throw TensorError.shape(
        "view: shape \(x.shape) with strides \(x.strides) cannot be seen as \(target) without a copy; use reshape")
    }
    return [layout]
  }

  static let viewDType = Op.view(
    "view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)", dtype: { $0.optionalDType(1) ?? $0.tensor(0).dtype },
    derivative: nil, samples: { [Sample(.tensor(Tensor([1, 2, 3])), .dtype(.int32), gradient: false)] }
  ) { call in
    let x = call.tensor(0)
    let to = call.optionalDType(1) ?? x.dtype
    return [try x.layout.viewed(elementSize: x.dtype.size, as: to.size, op: "view")]
  }

  static let expand = Op.view(
    "expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
    derivative: { c in [c.grad()] },
    samples: {
      let column = Tensor([0.5, -1.5], shape: [2, 1], dtype: .float64)
      return [
        Sample(.tensor(column), .ints([2, 3])), Sample(.tensor(column), .ints([4, -1, 3])),
        Sample(error: "expand", arguments: [.tensor(column), .ints([3, 3])]),
      ]
    }
  ) { call in [try call.tensor(0).layout.expanded(to: Shape(call.ints(1)), op: "expand")] }

  static let permute = Op.view(
    "permute(Tensor(a) self, int[] dims) -> Tensor(a)",
    derivative: { c in
      let order = (try? Layout.wrap(dims: c.ints(1), rank: c.shape(0).count, op: "permute")) ?? []
      var inverse = order
      for (to, from) in order.enumerated() { inverse[from] = to }
      return [c.grad().permute(inverse)]
    },
    samples: {
      [
        Sample(.tensor(sample()), .ints([2, 0, 1])),
        Sample(error: "permute", arguments: [.tensor(sample()), .ints([0, 1])]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    let dims = call.ints(1)
    if dims.count != x.rank {
      throw TensorError.shape("permute: \(dims.count) dims given for a tensor of \(x.rank) dims, each dim is named once")
    }
    let order = dims.isEmpty ? [] : try Layout.wrap(dims: dims, rank: x.rank, op: "permute")
    return [x.layout.permuted(order)]
  }

  static let transpose = Op.view(
    "transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
    derivative: { c in [c.grad().transpose(c.int(1), c.int(2))] },
    samples: { [Sample(.tensor(sample()), .int(0), .int(-1))] }
  ) { call in
    let x = call.tensor(0)
    let a = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "transpose")
    let b = try Layout.wrap(dim: call.int(2), rank: x.rank, op: "transpose")
    return [x.layout.transposed(a, b)]
  }

  static let unsqueeze = Op.view(
    "unsqueeze(Tensor(a) self, int dim) -> Tensor(a)",
    derivative: { c in
      let rank = c.shape(0).count
      return [c.grad().squeeze(dim: c.int(1) < 0 ? c.int(1) + rank + 1 : c.int(1))]
    },
    samples: { [Sample(.tensor(sample()), .int(1)), Sample(.tensor(sample()), .int(-1))] }
  ) { call in
    let x = call.tensor(0)
    return [x.layout.unsqueezed(dim: try Layout.wrap(dim: call.int(1), rank: x.rank + 1, op: "unsqueeze"))]
  }

  static let squeeze = Op.view(
    "squeeze.dims(Tensor(a) self, int[]? dim=None) -> Tensor(a)",
    derivative: { c in [c.grad().reshape(c.shape(0))] },
    samples: {
      let x = sample().reshape(2, 1, 6, 1)
      return [Sample(.tensor(x)), Sample(.tensor(x), .ints([1])), Sample(.tensor(x), .ints([0, -1]))]
    }
  ) { call in
    let x = call.tensor(0)
    let dims = try call.optionalInts(1).map { $0.isEmpty ? [] : try Layout.wrap(dims: $0, rank: x.rank, op: "squeeze") }
    return [x.layout.squeezed(dims: dims ?? Array(0..<x.rank))]
  }
}

extension Tensor {
  /// The whole tensor as a view. Same as `torch.ops.aten.alias`.
  public func aliasView() -> Tensor { Op.alias(.tensor(self)) }

  /// The same elements with another shape, without copying; one size may be -1. Same as `Tensor.view`.
  public func view(_ shape: Shape) -> Tensor { Op.view(.tensor(self), .ints(shape.array)) }
  /// The same elements with another shape, without copying; one size may be -1. Same as `Tensor.view`.
  public func view(_ sizes: Int...) -> Tensor { view(Shape(sizes)) }

  /// The same elements with another shape; a view where the strides allow, else a copy. Same as `torch.reshape`.
  public func reshape(_ shape: Shape) -> Tensor {
    if isPoisoned { return self }
    guard let target = try? Layout.resolve(shape, elementCount: elementCount, op: "reshape") else {
      return ErrorScope.guarding {
        throw TensorError.shape(
          "reshape: shape \(shape) does not fit the \(elementCount) elements of a tensor of shape \(self.shape)")
      }
    }
    return layout.viewed(as: target) != nil ? view(target) : contiguous().view(target)
  }
  /// The same elements with another shape. Same as `torch.reshape`.
  public func reshape(_ sizes: Int...) -> Tensor { reshape(Shape(sizes)) }

  /// A view with size-1 dims repeated without copying; -1 keeps a size. Same as `Tensor.expand`.
  public func expand(_ shape: Shape) -> Tensor { Op.expand(.tensor(self), .ints(shape.array)) }
  /// A view with size-1 dims repeated without copying. Same as `Tensor.expand`.
  public func expand(_ sizes: Int...) -> Tensor { expand(Shape(sizes)) }

  /// Dims in another order. Same as `torch.permute`.
  public func permute(_ dims: [Int]) -> Tensor { Op.permute(.tensor(self), .ints(dims)) }
  /// Dims in another order. Same as `torch.permute`.
  public func permute(_ dims: Int...) -> Tensor { permute(dims) }

  /// Two dims swapped. Same as `torch.transpose`.
  public func transpose(_ dim0: Int, _ dim1: Int) -> Tensor { Op.transpose(.tensor(self), .int(dim0), .int(dim1)) }

  /// The transpose of a matrix; tensors of fewer dims are returned as they are. Same as `torch.t`.
  public func t() -> Tensor {
    if rank > 2 {
      return ErrorScope.guarding { throw TensorError.shape("t: expected at most 2 dims, got shape \(shape); use transpose") }
    }
    return rank < 2 ? aliasView() : transpose(0, 1)
  }
  /// The same memory seen in another dtype; the last dim's size changes with the elements' size. Same as
  /// `Tensor.view(dtype)`.
  public func view(dtype: DType) -> Tensor {
    dtype == self.dtype ? aliasView() : Op.viewDType(.tensor(self), .dtype(dtype))
  }

  /// The last two dims swapped; of a 0-dim tensor a view. Same as `Tensor.mT`.
  public var mT: Tensor {
    ErrorScope.guarding {
      if rank == 0 { return aliasView() }
      if rank < 2 { throw TensorError.shape("mT: a matrix or a batch of matrices is expected, got shape \(shape)") }
      return transpose(-2, -1)
    }
  }

  /// A view with a dim of size 1 put in front of `dim`. Same as `torch.unsqueeze`.
  public func unsqueeze(dim: Int) -> Tensor { Op.unsqueeze(.tensor(self), .int(dim)) }

  /// A view without dims of size 1 (all, or those of `dim`). Same as `torch.squeeze`.
  public func squeeze(dim: [Int]? = nil) -> Tensor { Op.squeeze(.tensor(self), Value(dim)) }
  /// A view without `dim` if its size is 1. Same as `torch.squeeze`.
  public func squeeze(dim: Int) -> Tensor { squeeze(dim: [dim]) }

  /// Dims `startDim...endDim` joined into one. Same as `torch.flatten`.
  public func flatten(startDim: Int = 0, endDim: Int = -1) -> Tensor {
    if rank == 0 { return reshape([1]) }
    guard let start = try? Layout.wrap(dim: startDim, rank: rank, op: "flatten"),
      let end = try? Layout.wrap(dim: endDim, rank: rank, op: "flatten"), start <= end
    else {
      return ErrorScope.guarding {
        throw TensorError.index("flatten: dims \(startDim) to \(endDim) are not a range of the \(rank) dims of \(shape)")
      }
    }
    var target = Shape()
    for i in 0..<start { target.append(shape[i]) }
    target.append((start...end).reduce(1) { $0 * shape[$1] })
    for i in (end + 1)..<Swift.max(rank, end + 1) { target.append(shape[i]) }
    return reshape(target)
  }
}
