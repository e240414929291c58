import Firefinch

/// Indexing, gathering and scattering.
extension Table {
  mutating func addIndexing() {
    op("__getitem__(Tensor self, Any index) -> Tensor") { c in
      let index = c.argument(1)
      var parts = [index]
      if case .tuple(let elements) = index { parts = elements }
      return try c.tensor(0)[indices: parts.map(Table.subscriptIndex)]
    }
    op("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor") { c in
      try c.tensor(0).indexPut(c.optionalTensors(1), c.tensor(2), accumulate: c.bool(3))
    }
    op("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor") { c in
      try c.tensor(0).indexCopy(dim: c.int(1), index: c.tensor(2), c.tensor(3))
    }
    op("index_fill(Tensor self, int dim, Tensor index, Tensor value) -> Tensor") { c in
      try c.tensor(0).indexFill(dim: c.int(1), index: c.tensor(2), c.tensor(3))
    }
    op("index_fill(Tensor self, int dim, Tensor index, Scalar value) -> Tensor") { c in
      try c.tensor(0).indexFill(dim: c.int(1), index: c.tensor(2), c.scalar(3))
    }
    op("index_select(Tensor self, int dim, Tensor index) -> Tensor") { c in
      try c.tensor(0).indexSelect(dim: c.int(1), c.tensor(2))
    }
    op("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor") { c in
      try c.tensor(0).indexAdd(dim: c.int(1), index: c.tensor(2), c.tensor(3), alpha: c.scalar(4))
    }
    op("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor") { c in
      try c.tensor(0).gather(dim: c.int(1), index: c.tensor(2))
    }
    op("scatter(Tensor self, int dim, Tensor index, Tensor src, *, str? reduce=None) -> Tensor") { c in
      try c.tensor(0).scatter(dim: c.int(1), index: c.tensor(2), c.tensor(3))
    }
    op("scatter(Tensor self, int dim, Tensor index, Scalar value, *, str? reduce=None) -> Tensor") { c in
      try c.tensor(0).scatter(dim: c.int(1), index: c.tensor(2), c.scalar(3))
    }
    op("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor") { c in
      try c.tensor(0).scatterAdd(dim: c.int(1), index: c.tensor(2), c.tensor(3))
    }
    op("take(Tensor self, Tensor index) -> Tensor") { c in try c.tensor(0).take(c.tensor(1)) }
    op("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor") { c in
      guard let dim = try c.optionalInt(2) else {
        return try c.tensor(0).ravel().takeAlong(dim: 0, c.tensor(1).ravel())
      }
      return try c.tensor(0).takeAlong(dim: dim, c.tensor(1))
    }
    op("nonzero(Tensor self, *, bool as_tuple=False) -> Tensor") { c in
      try c.bool(1) ? c.tensor(0).nonzeroTuple() : [c.tensor(0).nonzero()]
    }
    op("argwhere(Tensor self) -> Tensor") { c in try c.tensor(0).argwhere() }
    op("masked_fill(Tensor self, Tensor mask, Tensor value) -> Tensor") { c in try c.tensor(0).maskedFill(c.tensor(1), c.tensor(2)) }
    op("masked_fill(Tensor self, Tensor mask, Scalar value) -> Tensor") { c in try c.tensor(0).maskedFill(c.tensor(1), c.scalar(2)) }
    op("masked_select(Tensor self, Tensor mask) -> Tensor") { c in try c.tensor(0).maskedSelect(c.tensor(1)) }
    op("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor") { c in
      try c.tensor(0).maskedScatter(c.tensor(1), c.tensor(2))
    }
    op("where(Tensor condition) -> Tensor[]") { c in try c.tensor(0).nonzeroTuple() }
    op("select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor") { c in
      try c.tensor(0).selectScatter(c.tensor(1), dim: c.int(2), index: c.int(3))
    }
    op("slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor") { c in
      try c.tensor(0).sliceScatter(c.tensor(1), dim: c.int(2), start: c.optionalInt(3), end: c.optionalInt(4), step: c.int(5))
    }
    op("diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor") { c in
      try c.tensor(0).diagonalScatter(c.tensor(1), offset: c.int(2), dim1: c.int(3), dim2: c.int(4))
    }
    for (name, isLower) in [("tril_indices", true), ("triu_indices", false)] {
      op("\(name)(int row, int col, int offset=0, *, ScalarType? dtype=None, Any device=None, Any layout=None) -> Tensor") { c in
        let (rows, columns, offset) = (try c.int(0), try c.int(1), try c.int(2))
        let indices = isLower
          ? Tensor.trilIndices(rows, columns, offset: offset) : Tensor.triuIndices(rows, columns, offset: offset)
        return try c.optionalDType(3).map { indices.to($0) } ?? indices
      }
    }
  }

  /// One entry of Python's subscript.
  private static func subscriptIndex(_ argument: Argument) throws -> TensorIndex {
    switch argument {
    case .int(let value): return .at(value)
    case .slice(let start, let stop, let step): return .slice(from: start, to: stop, by: step ?? 1)
    case .ellipsis: return .rest
    case .none: return .newDim
    case .bool(let value): return .tensor(Tensor(value))
    case .tensor(let tensor): return .tensor(tensor)
    case .list, .tuple: return .tensor(try tensor(of: argument))
    default: throw TensorError.value("__getitem__: a \(argument.typeName) is no index")
    }
  }

  /// Nested lists of numbers as a tensor.
  private static func tensor(of argument: Argument) throws -> Tensor {
    guard let elements = argument.elements else {
      guard let number = argument.scalar else { throw TensorError.value("a \(argument.typeName) is no number") }
      return Tensor(number)
    }
    if elements.isEmpty { return Tensor([Int]()) }
    return Tensor.stack(try elements.map { try tensor(of: $0) })
  }
}
