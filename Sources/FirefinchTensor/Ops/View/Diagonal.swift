import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  static let diagonal = Op.view(
    "diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)",
    derivative: { c in
      let whole = Tensor.zeros(c.shape(0), dtype: c.grad().dtype, device: c.grad().device)
      whole.diagonal(offset: c.int(1), dim1: c.int(2), dim2: c.int(3)).copy_(c.grad())
      return [whole]
    },
    samples: {
      [
        Sample(.tensor(sample())), Sample(.tensor(sample()), .int(1), .int(0), .int(1)),
        Sample(.tensor(sample()), .int(-1), .int(-2), .int(-1)), Sample(.tensor(sample()), .int(2), .int(2), .int(1)),
        Sample(error: "diagonal", "different", arguments: [.tensor(sample()), .int(0), .int(1), .int(-2)]),
        Sample(error: "dim 3", "out of range", arguments: [.tensor(sample()), .int(0), .int(3), .int(0)]),
      ]
    }
  ) { call in
    let x = call.tensor(0)
    let a = try Layout.wrap(dim: call.int(2), rank: x.rank, op: "diagonal")
    let b = try Layout.wrap(dim: call.int(3), rank: x.rank, op: "diagonal")
    if a == b || x.rank < 2 {
      throw TensorError.shape("diagonal: expected two different dims, got \(a) and \(b) for shape \(x.shape)")
    }
    // Far offsets give an empty diagonal; clamped, so that no sum overflows.
    let bound = Swift.max(x.shape[a], x.shape[b])
    return [x.layout.diagonal(offset: Swift.min(Swift.max(call.int(1), -bound), bound), dim1: a, dim2: b)]
  }
}

extension Tensor {
  /// The diagonal of two dims as a new last dim: a view. `offset` counts diagonals above (or below) the main one. Same
  /// as `torch.diagonal`.
  public func diagonal(offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor {
    Op.diagonal(.tensor(self), .int(offset), .int(dim1), .int(dim2))
  }

  /// A copy with a diagonal replaced. Same as `torch.diagonal_scatter`.
  public func diagonalScatter(_ source: Tensor, offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor {
    if isPoisoned || source.isPoisoned { return ErrorScope.poison() }
    let result = clone()
    result.diagonal(offset: offset, dim1: dim1, dim2: dim2).copy_(source)
    return result
  }

  /// Matrices with the last dim as their diagonal, 0 elsewhere, in dims `dim1` and `dim2` of the result. Same as
  /// `torch.diag_embed`.
  public func diagEmbed(offset: Int = 0, dim1: Int = -2, dim2: Int = -1) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let a = try Layout.wrap(dim: dim1, rank: rank + 1, op: "diagEmbed")
      let b = try Layout.wrap(dim: dim2, rank: rank + 1, op: "diagEmbed")
      if rank == 0 || a == b {
        throw TensorError.shape(
          "diagEmbed: expected at least 1 dim and two different places, got shape \(shape) and dims \(dim1) and \(dim2)"
        )
      }
      if offset.magnitude > UInt(Tensor.elementLimit) {
        throw TensorError.value("diagEmbed: offset \(offset) is too large")
      }
      let n = size(-1) + Swift.abs(offset)
      var target = Shape(shape.dropLast())
      target.insert(n, at: Swift.min(a, b))
      target.insert(n, at: Swift.max(a, b))
      try Tensor.checkSizes(target, op: "diagEmbed")
      let result = Tensor.zeros(target, dtype: dtype, device: device)
      result.diagonal(offset: offset, dim1: a, dim2: b).copy_(self)
      return result
    }
  }

  /// Of a vector the matrix with it as a diagonal; of a matrix a copy of a diagonal. Same as `torch.diag`.
  public func diag(_ offset: Int = 0) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank == 1 { return diagEmbed(offset: offset) }
      if rank == 2 { return diagonal(offset: offset).clone() }
      throw TensorError.shape("diag: expected a vector or a matrix, got shape \(shape); use diagEmbed or diagonal")
    }
  }
  /// The matrix with all elements, flattened, as a diagonal. Same as `torch.diagflat`.
  public func diagflat(_ offset: Int = 0) -> Tensor { reshape([elementCount]).diagEmbed(offset: offset) }

  /// Sum of a matrix's diagonal. Same as `torch.trace`.
  public func trace() -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank != 2 { throw TensorError.shape("trace: expected a matrix, got shape \(shape)") }
      return diagonal().sum()
    }
  }
}
