import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  static let diagonal = Op.view(
    "diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)",
    derivative: { c in
      let whole = Tensor.zeros(c.shape(0), dtype: c.grad().dtype, device: c.grad().device)
      return [whole.diagonalScatter(c.grad(), offset: c.int(1), dim1: c.int(2), dim2: c.int(3))]
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

  /// The last two dims with zeros on one side of a diagonal.
  private func triangle(_ name: String, _ offset: Int, lower: Bool) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank < 2 { throw TensorError.shape("\(name): expected at least 2 dims, got shape \(shape)") }
      let bound = Swift.max(size(-2), size(-1))
      let shift = Swift.min(Swift.max(offset, -bound), bound)
      let rows = Tensor.arange(size(-2)).unsqueeze(dim: 1) + shift
      let columns = Tensor.arange(size(-1))
      var mask = lower ? rows .>= columns : rows .<= columns
      if device != .cpu { mask = mask.to(device) }
      return dtype == .bool ? Tensor.where(mask, self, false) : Tensor.where(mask, self, 0)
    }
  }
  /// The lower triangles of the last two dims, zeros above the diagonal `offset`. Same as `torch.tril`.
  public func tril(_ offset: Int = 0) -> Tensor { triangle("tril", offset, lower: true) }
  /// The upper triangles of the last two dims, zeros below the diagonal `offset`. Same as `torch.triu`.
  public func triu(_ offset: Int = 0) -> Tensor { triangle("triu", offset, lower: false) }

  /// The elements above the diagonal `offset` set to 0. Same as `Tensor.tril_`.
  @discardableResult public func tril_(_ offset: Int = 0) -> Tensor { copy_(tril(offset)) }
  /// The elements below the diagonal `offset` set to 0. Same as `Tensor.triu_`.
  @discardableResult public func triu_(_ offset: Int = 0) -> Tensor { copy_(triu(offset)) }

  private static func triangleIndices(
    _ name: String, _ rows: Int, _ columns: Int, _ isInside: (Int, Int) -> Bool
  ) -> Tensor {
    ErrorScope.guarding {
      if rows < 0 || columns < 0 {
        throw TensorError.value("\(name): sizes must not be negative, got \(rows) and \(columns)")
      }
      try checkSizes([rows, columns], op: name)
      var places: [[Int]] = [[], []]
      for row in 0..<rows {
        for column in 0..<columns where isInside(row, column) {
          places[0].append(row)
          places[1].append(column)
        }
      }
      return Tensor(places[0] + places[1], shape: [2, places[0].count])
    }
  }
  /// Rows and columns (2, count) of the lower triangle of a matrix. Same as `torch.tril_indices`.
  public static func trilIndices(_ rows: Int, _ columns: Int, offset: Int = 0) -> Tensor {
    triangleIndices("trilIndices", rows, columns) { $1 <= $0 &+ offset }
  }
  /// Rows and columns (2, count) of the upper triangle of a matrix. Same as `torch.triu_indices`.
  public static func triuIndices(_ rows: Int, _ columns: Int, offset: Int = 0) -> Tensor {
    triangleIndices("triuIndices", rows, columns) { $1 >= $0 &+ offset }
  }
}
