import Firefinch

/// Indexing, gathering and scattering.
extension Table {
  mutating func addIndexing() {
    addSearching()
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
      try Table.scattered(c.tensor(0), c.int(1), c.tensor(2), c.tensor(3), c.optionalString(4))
    }
    op("scatter(Tensor self, int dim, Tensor index, Scalar value, *, str? reduce=None) -> Tensor") { c in
      let (x, index, value) = (try c.tensor(0), try c.tensor(2), try c.scalar(3))
      guard let how = try c.optionalString(4) else { return try x.scatter(dim: c.int(1), index: index, value) }
      return try Table.scattered(x, c.int(1), index, Tensor.full(index.shape, value, dtype: x.dtype), how)
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

  /// Counting, searching and scattering with a join.
  mutating func addSearching() {
    op("where(TensorOrNumber self, Tensor condition, TensorOrNumber other) -> Tensor") { c in
      // The cases call where(condition, self, other) through a wrapper with self first.
      try Tensor.where(c.tensor(1), c.tensor(0), c.tensor(2))
    }
    for name in ["scatter_reduce", "index_reduce"] {
      let rest = name == "scatter_reduce" ? "Tensor src" : "Tensor source"
      op("\(name)(Tensor self, int dim, Tensor index, \(rest), str reduce, *, bool include_self=True) -> Tensor") { c in
        guard let how = ScatterReduction(rawValue: try c.string(4)) else {
          throw TensorError.value("\(name): reduce must be one of sum, prod, mean, amax, amin, got '\(try c.string(4))'")
        }
        let (x, dim, index, source) = (try c.tensor(0), try c.int(1), try c.tensor(2), try c.tensor(3))
        return name == "scatter_reduce"
          ? x.scatterReduce(dim: dim, index: index, source, how, includeSelf: try c.bool(5))
          : x.indexReduce(dim: dim, index: index, source, how, includeSelf: try c.bool(5))
      }
    }
    op("as_strided_scatter(Tensor self, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor") { c in
      try c.tensor(0).asStridedScatter(c.tensor(1), c.shape(2), strides: c.shape(3), offset: c.optionalInt(4))
    }
    op("put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor") { c in
      try c.tensor(0).put(c.tensor(1), c.tensor(2), accumulate: c.bool(3))
    }
    op("_unsafe_masked_index(Tensor self, Tensor mask, Tensor?[] indices, Scalar fill) -> Tensor") { c in
      try c.tensor(0).maskedIndex(c.tensor(1), c.optionalTensors(2), fill: c.scalar(3))
    }
    op("_unsafe_masked_index_put_accumulate(Tensor self, Tensor mask, Tensor?[] indices, Tensor values) -> Tensor") { c in
      try c.tensor(0).maskedIndexPutAccumulate(c.tensor(1), c.optionalTensors(2), c.tensor(3))
    }
    op("nonzero_static(Tensor self, *, int size, int fill_value=-1) -> Tensor") { c in
      try c.tensor(0).nonzeroStatic(c.int(1), fill: c.int(2))
    }
    op("unravel_index(Tensor indices, int[] shape) -> Tensor[]") { c in try c.tensor(0).unravelIndex(c.shape(1)) }
    op("bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor") { c in
      try c.tensor(0).bincount(weights: c.optionalTensor(1), minLength: c.int(2))
    }
    op("bucketize(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor") { c in
      let boundaries = try c.tensor(1)
      return try Tensor(c.scalar(0), dtype: boundaries.dtype.isFloatingPoint ? boundaries.dtype : nil)
        .bucketize(boundaries, right: c.bool(3), asInt32: c.bool(2))
    }
    op("bucketize(Tensor input, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor") { c in
      try c.tensor(0).bucketize(c.tensor(1), right: c.bool(3), asInt32: c.bool(2))
    }
    op(
      "searchsorted(Tensor sorted_sequence, TensorOrScalar input, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor"
    ) { c in
      let side = try c.optionalString(4)
      let isRight = try c.bool(3)
      if let side, side != "left" && side != "right" || side == "left" && isRight {
        throw TensorError.value("searchsorted: side is '\(side)' and right \(isRight), which do not agree")
      }
      let sequence = try c.tensor(0)
      var values = try c.tensor(1)
      if case .tensor = c.argument(1) {} else {
        if sequence.rank != 1 { throw TensorError.shape("searchsorted: a number needs a sorted vector, got shape \(sequence.shape)") }
        values = Tensor(try c.scalar(1), dtype: sequence.dtype.isFloatingPoint ? sequence.dtype : nil)
      }
      return try sequence.searchSorted(
        values, right: isRight || side == "right", sorter: c.optionalTensor(5), asInt32: c.bool(2))
    }
    op("isin(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor") { c in
      try c.tensor(0).isIn(c.tensor(1), invert: c.bool(3))
    }
    op("histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor") { c in
      try c.tensor(0).histc(bins: c.int(1), min: c.double(2), max: c.double(3))
    }
    op("histogram(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).histogram(edges: c.tensor(1), weight: c.optionalTensor(2), density: c.bool(3))
      return [r.counts, r.edges]
    }
    op("histogram(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).histogram(
        bins: c.int(1), range: Table.pairs(c.optionalDoubles(2))?.first, weight: c.optionalTensor(3), density: c.bool(4))
      return [r.counts, r.edges]
    }
    op("histogramdd(Tensor self, Tensor[] bins, *, Tensor? weight=None, bool density=False) -> (Tensor, Tensor[])") { c in
      let r = try c.tensor(0).histogramdd(edges: c.tensors(1), weight: c.optionalTensor(2), density: c.bool(3))
      return [r.counts] + r.edges
    }
    op("histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor, Tensor[])") { c in
      var bins = try c.ints(1)
      if c.argument(1).elements == nil { bins = [Int](repeating: bins[0], count: try c.tensor(0).size(-1)) }
      let r = try c.tensor(0).histogramdd(
        bins: bins, range: Table.pairs(c.optionalDoubles(2)), weight: c.optionalTensor(3), density: c.bool(4))
      return [r.counts] + r.edges
    }
    let flags = "bool return_inverse=False, bool return_counts=False, int? dim=None"
    op("unique(Tensor self, bool sorted=True, \(flags)) -> Tensor[]") { c in
      Table.distinct(try c.tensor(0).unique(dim: c.optionalInt(4)), try c.bool(2), try c.bool(3))
    }
    op("unique_consecutive(Tensor self, \(flags)) -> Tensor[]") { c in
      Table.distinct(try c.tensor(0).uniqueConsecutive(dim: c.optionalInt(3)), try c.bool(1), try c.bool(2))
    }
    op("_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor") { c in
      try c.tensor(0).softmaxBackward(c.tensor(1), dim: c.int(2)).to(c.dtype(3))
    }
  }

  /// `scatter` with the word of its `reduce`.
  private static func scattered(_ x: Tensor, _ dim: Int, _ index: Tensor, _ source: Tensor, _ reduce: String?) throws -> Tensor {
    switch reduce {
    case nil: return x.scatter(dim: dim, index: index, source)
    case "add": return x.scatterAdd(dim: dim, index: index, source)
    case "multiply": return x.scatterReduce(dim: dim, index: index, source, .prod)
    default: throw TensorError.value("scatter: reduce must be add or multiply, got '\(reduce ?? "")'")
    }
  }

  private static func distinct(_ found: Tensor.Distinct, _ inverse: Bool, _ counts: Bool) -> [Tensor] {
    [found.values] + (inverse ? [found.inverse] : []) + (counts ? [found.counts] : [])
  }

  private static func pairs(_ values: [Double]?) -> [(Double, Double)]? {
    values.map { list in stride(from: 0, to: list.count - 1, by: 2).map { (list[$0], list[$0 + 1]) } }
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
