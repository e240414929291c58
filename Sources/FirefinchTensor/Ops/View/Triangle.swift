import FirefinchCPU
import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

private func triangleOp(_ name: String, lower: Bool) -> Op {
  .structured(
    "\(name)(Tensor self, SymInt diagonal=0) -> Tensor", saves: .nothing, complex: .native,
    plan: { call in
      let x = call.tensor(0)
      if x.rank < 2 { throw TensorError.shape("\(name): expected at least 2 dims, got shape \(x.shape)") }
      return [TensorSpec(x.shape, x.dtype)]
    },
    forward: { call, results in
      let x = Indexing.memory(call.tensor(0))
      let (rows, columns) = (x.size(-2), x.size(-1))
      if x.elementCount == 0 { return }
      // Far offsets mean all or nothing; clamped, so that no sum overflows.
      let bound = rows + columns
      let offset = Swift.min(Swift.max(call.int(1), -bound), bound)
      RearrangeKernel.triangle(
        x.dtype.size, lower: lower, offset: offset, count: x.elementCount / (rows * columns), rows: rows,
        columns: columns, x: x.data, out: results[0].data)
    },
    derivative: { c in [lower ? c.grad().tril(c.int(1)) : c.grad().triu(c.int(1))] },
    samples: {
      [
        Sample(.tensor(sample())), Sample(.tensor(sample()), .int(1)), Sample(.tensor(sample()), .int(-1)),
        Sample(.tensor(sample()), .int(Int.max)), Sample(.tensor(sample()), .int(Int.min)),
        Sample(error: name, "at least 2 dims", "[3]", arguments: [.tensor(Tensor([1.0, 2, 3]))]),
      ]
    })
}

extension Op {
  static let tril = triangleOp("tril", lower: true)
  static let triu = triangleOp("triu", lower: false)
}

extension Tensor {
  /// The lower triangles of the last two dims, zeros above the diagonal `offset`. Same as `torch.tril`.
  public func tril(_ offset: Int = 0) -> Tensor { Op.tril(.tensor(self), .int(offset)) }
  /// The upper triangles of the last two dims, zeros below the diagonal `offset`. Same as `torch.triu`.
  public func triu(_ offset: Int = 0) -> Tensor { Op.triu(.tensor(self), .int(offset)) }

  /// The elements above the diagonal `offset` set to 0. Same as `Tensor.tril_`.
  @discardableResult public func tril_(_ offset: Int = 0) -> Tensor { Op.tril.inPlace([.tensor(self), .int(offset)]) }
  /// The elements below the diagonal `offset` set to 0. Same as `Tensor.triu_`.
  @discardableResult public func triu_(_ offset: Int = 0) -> Tensor { Op.triu.inPlace([.tensor(self), .int(offset)]) }

  private static func triangleIndices(
    _ name: String, _ rows: Int, _ columns: Int, _ inside: (Int) -> Range<Int>
  ) -> Tensor {
    ErrorScope.guarding {
      if rows < 0 || columns < 0 {
        throw TensorError.value("\(name): sizes must not be negative, got \(rows) and \(columns)")
      }
      try checkSizes([rows, columns], op: name)
      var places: (rows: [Int], columns: [Int]) = ([], [])
      for row in 0..<rows {
        let range = inside(row)
        places.rows += repeatElement(row, count: range.count)
        places.columns += range
      }
      return Tensor(places.rows + places.columns, shape: [2, places.rows.count])
    }
  }
  /// Rows and columns (2, count) of the lower triangle of a matrix. Same as `torch.tril_indices`.
  public static func trilIndices(_ rows: Int, _ columns: Int, offset: Int = 0) -> Tensor {
    let shift = Swift.min(Swift.max(offset, -elementLimit), elementLimit)
    return triangleIndices("trilIndices", rows, columns) { 0..<Swift.min(Swift.max($0 + shift + 1, 0), columns) }
  }
  /// Rows and columns (2, count) of the upper triangle of a matrix. Same as `torch.triu_indices`.
  public static func triuIndices(_ rows: Int, _ columns: Int, offset: Int = 0) -> Tensor {
    let shift = Swift.min(Swift.max(offset, -elementLimit), elementLimit)
    return triangleIndices("triuIndices", rows, columns) { Swift.min(Swift.max($0 + shift, 0), columns)..<columns }
  }
}
