import FirefinchCore

/// How a sparse tensor is stored. Same as `torch.sparse_coo` and its like.
public enum SparseLayout: String, Sendable, CaseIterable {
  /// Coordinates of every stored element.
  case coo
  /// Compressed rows or columns.
  case csr, csc
  /// Compressed rows or columns of dense blocks.
  case bsr, bsc

  /// Whether rows or columns are compressed.
  public var isCompressed: Bool { self != .coo }
  /// Whether rows, rather than columns, are compressed.
  var compressesRows: Bool { self == .csr || self == .bsr }
  /// Whether each stored element is a block.
  var hasBlocks: Bool { self == .bsr || self == .bsc }
}

/// A tensor of which only some elements are stored; the others are 0. Same as PyTorch's sparse tensors (`torch.sparse`).
///
/// Gradients flow through `values`: elements that are not stored have none, not even in sums, where PyTorch's have.
///
/// The first dims are sparse (for compressed layouts: batch dims, then rows and columns), the others, if any, dense.
public struct SparseTensor {
  public let layout: SparseLayout
  public let shape: Shape
  /// The stored elements: COO (nnz, dense…); compressed (batch…, nnz, [block rows, block columns,] dense…).
  public let values: Tensor
  /// COO: no place is stored twice and places ascend. Compressed layouts always are so.
  public let isCoalesced: Bool
  /// COO: (sparse dims, nnz). Compressed: the plain indices, (batch…, nnz).
  let plain: Tensor
  /// Compressed: (batch…, rows + 1) or (batch…, columns + 1), counted in blocks.
  let compressed: Tensor?

  init(
    layout: SparseLayout, shape: Shape, values: Tensor, plain: Tensor, compressed: Tensor? = nil, isCoalesced: Bool = true
  ) {
    (self.layout, self.shape, self.values, self.plain) = (layout, shape, values, plain)
    (self.compressed, self.isCoalesced) = (compressed, isCoalesced)
  }

  /// What stands for the result of a failed operation.
  static func poisoned(_ layout: SparseLayout = .coo) -> SparseTensor {
    let none = ErrorScope.poison()
    return SparseTensor(layout: layout, shape: [], values: none, plain: none, compressed: layout.isCompressed ? none : nil)
  }
  /// Whether this is the result of a failed operation inside `withErrors`.
  public var isPoisoned: Bool { values.isPoisoned || plain.isPoisoned }

  static func guarding(_ layout: SparseLayout = .coo, _ body: () throws -> SparseTensor) -> SparseTensor {
    do { return try body() } catch {
      ErrorScope.report(error)
      return poisoned(layout)
    }
  }

  public var dtype: DType { values.dtype }
  /// How many dims are sparse, batch dims not counted.
  public var sparseDim: Int { layout.isCompressed ? 2 : plain.rank == 2 ? plain.size(0) : 0 }
  /// How many leading dims are batches of a compressed layout.
  public var batchDim: Int { compressed.map { Swift.max($0.rank - 1, 0) } ?? 0 }
  /// How many trailing dims are dense.
  public var denseDim: Int { Swift.max(shape.count - batchDim - sparseDim, 0) }
  /// How many elements (blocks) are stored, in each batch.
  public var nnz: Int { plain.rank == 0 ? 0 : plain.size(-1) }
  /// Rows and columns of a block.
  public var blockSize: (rows: Int, columns: Int) {
    layout.hasBlocks && !isPoisoned ? (values.size(batchDim + 1), values.size(batchDim + 2)) : (1, 1)
  }

  /// COO: the coordinates, int64 (sparse dims, nnz).
  public var indices: Tensor { part(plain, layout == .coo, "indices") }
  /// CSR and BSR: where each row's elements begin.
  public var crowIndices: Tensor { part(compressed ?? plain, layout.isCompressed && layout.compressesRows, "crowIndices") }
  /// CSR and BSR: the elements' columns.
  public var colIndices: Tensor { part(plain, layout.isCompressed && layout.compressesRows, "colIndices") }
  /// CSC and BSC: where each column's elements begin.
  public var ccolIndices: Tensor { part(compressed ?? plain, layout.isCompressed && !layout.compressesRows, "ccolIndices") }
  /// CSC and BSC: the elements' rows.
  public var rowIndices: Tensor { part(plain, layout.isCompressed && !layout.compressesRows, "rowIndices") }

  private func part(_ tensor: Tensor, _ exists: Bool, _ name: String) -> Tensor {
    exists ? tensor : Mistake.report(.value("SparseTensor: the layout \(layout.rawValue) has no \(name)"))
  }

  // MARK: Making

  /// A COO tensor from coordinates (sparse dims, nnz), integers, and values (nnz, dense…). Without `shape` the smallest that holds
  /// them. Same as `torch.sparse_coo_tensor`.
  public static func coo(_ indices: Tensor, _ values: Tensor, shape: Shape? = nil, isCoalesced: Bool = false) -> SparseTensor {
    guarding {
      let op = "sparse_coo_tensor"
      if indices.isPoisoned || values.isPoisoned { return poisoned() }
      if indices.rank != 2 || values.rank < 1 || indices.size(1) != values.size(0) {
        throw TensorError.shape(
          "\(op): expected indices (dims, nnz) and values (nnz, …), got shapes \(indices.shape) and \(values.shape)")
      }
      if !indices.dtype.isInteger { throw TensorError.dtype("\(op): the indices must be integers, got \(indices.dtype.name)") }
      let (dims, nnz) = (indices.size(0), indices.size(1))
      let places = withNoGrad { indices.detach().to(.int64) }
      let dense = values.shape.array.dropFirst()
      let largest = nnz > 0 && dims > 0 ? places.amax(dim: [1]).array(Int.self) : [Int](repeating: -1, count: dims)
      let size = shape ?? Shape(largest.map { $0 + 1 } + dense)
      if size.count != dims + dense.count || size.array.dropFirst(dims) != dense {
        throw TensorError.shape("\(op): shape \(size) does not fit \(dims) sparse dims and values of shape \(values.shape)")
      }
      try checkCount(size, op)
      if nnz > 0 && dims > 0 {
        let smallest = places.amin(dim: [1]).array(Int.self)
        for d in 0..<dims where smallest[d] < 0 || largest[d] >= size[d] {
          throw TensorError.index(
            "\(op): the indices of dim \(d) are from \(smallest[d]) to \(largest[d]), out of range for size \(size[d])")
        }
      }
      return SparseTensor(layout: .coo, shape: size, values: values, plain: places.contiguous(), isCoalesced: isCoalesced)
    }
  }

  /// A tensor of a compressed layout: `compressed` (batch…, n + 1) says where each row (column) begins in `plain`, the columns
  /// (rows) of the stored elements (batch…, nnz), and `values`. Same as `torch.sparse_compressed_tensor`.
  public static func compressed(
    _ layout: SparseLayout, _ compressed: Tensor, _ plain: Tensor, _ values: Tensor, shape: Shape
  ) -> SparseTensor {
    guarding(layout) {
      let op = "sparse_\(layout.rawValue)_tensor"
      if !layout.isCompressed { throw TensorError.value("\(op): coo is no compressed layout; use SparseTensor.coo") }
      if compressed.isPoisoned || plain.isPoisoned || values.isPoisoned { return poisoned(layout) }
      if !compressed.dtype.isInteger || !plain.dtype.isInteger {
        throw TensorError.dtype("\(op): the indices must be integers, got \(compressed.dtype.name) and \(plain.dtype.name)")
      }
      let batch = compressed.rank - 1, block = layout.hasBlocks ? 2 : 0
      let denseRank = values.rank - batch - 1 - block
      if batch < 0 || plain.rank != batch + 1 || denseRank < 0 || shape.count != batch + 2 + denseRank {
        throw TensorError.shape(
          "\(op): indices of shapes \(compressed.shape) and \(plain.shape) and values of shape \(values.shape) do not make a "
            + "tensor of shape \(shape)")
      }
      try checkCount(shape, op)
      let lead = Array(shape.array.prefix(batch)), dense = Array(shape.array.suffix(denseRank))
      let (rows, columns) = (shape[batch], shape[batch + 1])
      let (high, wide) = block == 0 ? (1, 1) : (values.size(batch + 1), values.size(batch + 2))
      let nnz = plain.size(-1)
      if high < 1 || wide < 1 || rows % high != 0 || columns % wide != 0 {
        throw TensorError.shape("\(op): blocks of \(high) x \(wide) do not divide \(rows) x \(columns)")
      }
      let (outer, inner) = layout.compressesRows ? (rows / high, columns / wide) : (columns / wide, rows / high)
      let wanted = lead + [nnz] + (block == 0 ? [] : [high, wide]) + dense
      if compressed.shape.array != lead + [outer + 1] || plain.shape.array.dropLast() != lead[...] || values.shape.array != wanted {
        throw TensorError.shape(
          "\(op): shape \(shape) takes compressed indices \(lead + [outer + 1]), plain indices \(lead + [nnz]) and values "
            + "\(wanted), got \(compressed.shape), \(plain.shape) and \(values.shape)")
      }
      // int32 stays, as in PyTorch.
      let type: DType = compressed.dtype == .int32 && plain.dtype == .int32 ? .int32 : .int64
      let starts = withNoGrad { compressed.detach().to(type).contiguous() }
      let places = withNoGrad { plain.detach().to(type).contiguous() }
      try check(starts.array(Int.self), places.array(Int.self), outer, inner, nnz, op)
      return SparseTensor(layout: layout, shape: shape, values: values, plain: places, compressed: starts)
    }
  }

  /// Places are numbered in 64 bits.
  private static func checkCount(_ size: Shape, _ op: String) throws {
    if size.contains(where: { $0 < 0 }) { throw TensorError.value("\(op): sizes must not be negative, got \(size)") }
    var total = 1
    for n in size {
      let (product, overflow) = total.multipliedReportingOverflow(by: Swift.max(n, 1))
      if overflow { throw TensorError.value("\(op): \(size) has more elements than 64 bits can number") }
      total = product
    }
  }

  private static func check(_ starts: [Int], _ places: [Int], _ outer: Int, _ inner: Int, _ nnz: Int, _ op: String) throws {
    for b in 0..<(starts.count / (outer + 1)) {
      let first = b * (outer + 1)
      if starts[first] != 0 || starts[first + outer] != nnz {
        throw TensorError.value(
          "\(op): compressed indices must begin with 0 and end with nnz = \(nnz), got \(starts[first]) and "
            + "\(starts[first + outer])")
      }
      for i in 0..<outer {
        let (from, to) = (starts[first + i], starts[first + i + 1])
        if to < from || to > nnz || to - from > inner {
          throw TensorError.value("\(op): compressed indices must ascend by at most \(inner), got \(from) and then \(to)")
        }
        for k in from..<to {
          let place = places[b * nnz + k]
          if place < 0 || place >= inner {
            throw TensorError.index("\(op): plain index \(place) is out of range for size \(inner)")
          }
          if k > from && places[b * nnz + k - 1] >= place {
            throw TensorError.value("\(op): plain indices must ascend within a row or column, got \(place) too late")
          }
        }
      }
    }
  }

  // MARK: Elements

  /// The sizes of the dims that are not dense.
  var outerSizes: [Int] { Array(shape.array.dropLast(denseDim)) }
  var denseSizes: [Int] { Array(shape.array.suffix(denseDim)) }

  /// The coordinates of every stored element in the dims that are not dense, one tensor (count) each, and the elements
  /// (count, dense…); blocks are taken apart.
  func elements() -> (places: [Tensor], values: Tensor) {
    guard let compressed else { return (plain.size(0) == 0 ? [] : plain.unbind(dim: 0), values) }
    return withPlaces(compressed)
  }

  private func withPlaces(_ compressed: Tensor) -> (places: [Tensor], values: Tensor) {
    let batch = Array(shape.array.prefix(batchDim)), outer = compressed.size(-1) - 1
    let batches = batch.reduce(1, *)
    let (high, wide) = blockSize
    var places: [Tensor] = withNoGrad {
      let plain = plain.to(.int64)
      let counts = compressed.to(.int64).diff(dim: -1).reshape([batches * outer])
      let owner = Tensor.arange(batches * outer, dtype: .int64).repeatInterleave(counts)
      let inner = plain.reshape([batches * nnz])
      let line = outer == 0 ? owner : owner.remainder(outer)
      let lead = (outer == 0 ? owner : owner.floorDivide(outer)).unravelIndex(Shape(batch))
      return lead + (layout.compressesRows ? [line, inner] : [inner, line])
    }
    let count = batches * nnz
    if !layout.hasBlocks { return (places, values.reshape(Shape([count] + denseSizes))) }
    places = withNoGrad {
      let spread: [Int] = [count, high, wide]
      func wider(_ x: Tensor) -> Tensor { x.reshape([count, 1, 1]).expand(Shape(spread)).reshape([count * high * wide]) }
      let (row, column) = (places[batch.count], places[batch.count + 1])
      let down = Tensor.arange(high, dtype: .int64).reshape([1, high, 1]), along = Tensor.arange(wide, dtype: .int64)
      let rows = (row.reshape([count, 1, 1]) * high + down).expand(Shape(spread)).reshape([count * high * wide])
      let columns = (column.reshape([count, 1, 1]) * wide + along).expand(Shape(spread)).reshape([count * high * wide])
      return places.prefix(batch.count).map(wider) + [rows, columns]
    }
    return (places, values.reshape(Shape([count * high * wide] + denseSizes)))
  }

  /// Row-major numbers of places, int64.
  static func linear(_ places: [Tensor], _ sizes: [Int], count: Int) -> Tensor {
    withNoGrad {
      zip(places, sizes).reduce(Tensor.zeros([count], dtype: .int64)) { number, next in number * next.1 + next.0 }
    }
  }

  /// As COO, all dims that are not dense sparse; coalesced where this is.
  public func toCOO() -> SparseTensor {
    if layout == .coo || isPoisoned { return self }
    let (places, values) = elements()
    let indices = withNoGrad { Tensor.stack(places) }
    let made = SparseTensor(layout: .coo, shape: shape, values: values, plain: indices, isCoalesced: layout == .csr)
    return made.coalesced()
  }

  /// Each place once, in ascending order; values stored for one place are added. Same as `Tensor.coalesce`.
  public func coalesced() -> SparseTensor {
    if isCoalesced || layout != .coo || isPoisoned { return self }
    let sizes = outerSizes
    if sizes.isEmpty {
      let one = SparseTensor.add(values, at: Tensor.zeros([nnz], dtype: .int64), count: Swift.min(nnz, 1))
      return SparseTensor(layout: .coo, shape: shape, values: one, plain: Tensor.zeros([0, Swift.min(nnz, 1)], dtype: .int64))
    }
    let distinct = withNoGrad { SparseTensor.linear(elements().places, sizes, count: nnz).unique() }
    let merged = SparseTensor.add(values, at: distinct.inverse, count: distinct.values.size(0))
    let places = withNoGrad { Tensor.stack(distinct.values.unravelIndex(Shape(sizes))) }
    return SparseTensor(layout: .coo, shape: shape, values: merged, plain: places)
  }

  /// The same with the indices of a compressed layout in a dtype: int32 or int64.
  func indexed(by dtype: DType) -> SparseTensor {
    guard let starts = compressed, !isPoisoned, plain.dtype != dtype else { return self }
    return withNoGrad {
      SparseTensor(layout: layout, shape: shape, values: values, plain: plain.to(dtype), compressed: starts.to(dtype))
    }
  }

  /// Rows of `values` added up in `count` rows.
  static func add(_ values: Tensor, at rows: Tensor, count: Int) -> Tensor {
    let shape = Shape([count] + values.shape.array.dropFirst())
    if values.dtype == .bool {
      return Tensor.zeros(shape, dtype: .int64).indexAdd(dim: 0, index: rows, values.to(.int64)) .!= 0
    }
    return Tensor.zeros(shape, dtype: values.dtype).indexAdd(dim: 0, index: rows, values)
  }

  /// The dense tensor; differentiable. Same as `Tensor.to_dense`.
  public func toDense() -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return ErrorScope.poison() }
      try Tensor.checkSizes(shape, op: "to_dense")
      let sizes = outerSizes, (places, values) = elements()
      let rows = SparseTensor.linear(places, sizes, count: values.size(0))
      return SparseTensor.add(values, at: rows, count: sizes.reduce(1, *)).reshape(shape)
    }
  }

  /// The same places with other values.
  public func with(values: Tensor) -> SparseTensor {
    SparseTensor(
      layout: layout, shape: shape, values: values, plain: plain, compressed: compressed, isCoalesced: isCoalesced)
  }
}

extension SparseTensor: CustomStringConvertible {
  public var description: String {
    let parts: [(String, Tensor)] =
      layout == .coo
      ? [("indices", plain)]
      : layout.compressesRows
        ? [("crow_indices", compressed!), ("col_indices", plain)] : [("ccol_indices", compressed!), ("row_indices", plain)]
    let lines = (parts + [("values", values.detach())]).map { name, x in
      "\(name)=\("\(x)".split(separator: "\n").joined(separator: "\n       "))"
    }
    return "tensor(\(lines.joined(separator: ",\n       ")),\n       size=\(shape), nnz=\(nnz), layout=torch.sparse_\(layout.rawValue))"
  }
}
