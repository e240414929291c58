import FirefinchCore

/// Arithmetic and products of sparse tensors. Memory and time follow the number of stored elements.
extension SparseTensor {
  /// The stored values through a function that keeps 0 at 0 (`neg`, `abs`, `relu`, `sqrt`, `sin`, …).
  public func mapValues(_ function: (Tensor) -> Tensor) -> SparseTensor {
    let source = coalesced()
    return source.isPoisoned ? source : source.with(values: function(source.values))
  }

  /// The transpose of a matrix: csr becomes csc and the other way round, without work. Same as `Tensor.t`.
  public func t() -> SparseTensor {
    SparseTensor.guarding(layout) {
      if isPoisoned { return self }
      if shape.count - denseDim != 2 { throw TensorError.shape("t: expected a sparse matrix, got shape \(shape)") }
      let flipped = Shape([shape[1], shape[0]] + denseSizes)
      switch layout {
      case .coo:
        if sparseDim != 2 { throw TensorError.shape("t: expected 2 sparse dims, got \(sparseDim)") }
        let places = withNoGrad { plain.flip([0]) }
        return SparseTensor(layout: .coo, shape: flipped, values: values, plain: places, isCoalesced: false)
      case .csr, .csc:
        return SparseTensor(
          layout: layout == .csr ? .csc : .csr, shape: flipped, values: values, plain: plain, compressed: compressed)
      case .bsr, .bsc:
        return SparseTensor(
          layout: layout == .bsr ? .bsc : .bsr, shape: flipped, values: values.transpose(1, 2), plain: plain,
          compressed: compressed)
      }
    }
  }

  private static func checkShapes(_ a: SparseTensor, _ b: SparseTensor, _ op: String) throws {
    if a.shape != b.shape || a.denseDim != b.denseDim {
      throw TensorError.shape(
        "\(op): sparse tensors must have one shape and as many dense dims, got \(a.shape) and \(b.shape) with \(a.denseDim) and "
          + "\(b.denseDim) dense dims")
    }
  }

  /// The block size results get, which is that of the first operand that has blocks.
  private func sameLayout(_ x: SparseTensor) -> SparseTensor {
    layout == .coo ? x : x.toLayout(layout, blockSize: layout.hasBlocks ? blockSize : nil).indexed(by: plain.dtype)
  }

  /// `self + alpha · other`, everything stored in one of them. Same as `torch.add` of sparse tensors.
  public func add(_ other: SparseTensor, alpha: some ScalarConvertible = 1) -> SparseTensor {
    SparseTensor.guarding(layout) {
      if isPoisoned || other.isPoisoned { return .poisoned(layout) }
      try SparseTensor.checkShapes(self, other, "add")
      let (a, b) = (toCOO(), other.toCOO())
      let type = DType.promote(a.dtype, b.dtype)
      let scaled = alpha.scalar.equals(1) ? b.values : b.values * alpha.scalar
      let joined = SparseTensor(
        layout: .coo, shape: shape, values: Tensor.cat([a.values.to(type), scaled.to(type)]),
        plain: withNoGrad { Tensor.cat([a.plain, b.plain], dim: 1) }, isCoalesced: false)
      return sameLayout(joined.coalesced())
    }
  }

  /// Products at the places stored in both. Same as `torch.mul` of sparse tensors.
  public func mul(_ other: SparseTensor) -> SparseTensor {
    SparseTensor.guarding(layout) {
      if isPoisoned || other.isPoisoned { return .poisoned(layout) }
      try SparseTensor.checkShapes(self, other, "mul")
      let (a, b) = (toCOO().coalesced(), other.toCOO().coalesced())
      let (inA, inB) = SparseTensor.common(a, b)
      let product = a.values.indexSelect(dim: 0, inA) * b.values.indexSelect(dim: 0, inB)
      let places = withNoGrad { a.plain.indexSelect(dim: 1, inA) }
      return sameLayout(SparseTensor(layout: .coo, shape: shape, values: product, plain: places))
    }
  }

  /// Where two coalesced COO tensors store the same places: positions in each.
  static func common(_ a: SparseTensor, _ b: SparseTensor) -> (Tensor, Tensor) {
    withNoGrad {
      let (x, y) = (
        linear(a.elements().places, a.outerSizes, count: a.nnz), linear(b.elements().places, b.outerSizes, count: b.nnz)
      )
      if a.nnz == 0 || b.nnz == 0 {
        let none = Tensor.zeros([0], dtype: .int64)
        return (none, none)
      }
      let at = y.searchSorted(x).clamp(max: b.nnz - 1)
      let inA = (y.indexSelect(dim: 0, at) .== x).nonzero().reshape([-1])
      return (inA, at.indexSelect(dim: 0, inA))
    }
  }

  /// Every stored value times a number or 0-dim tensor, or times the elements of a dense tensor at its place; shapes broadcast,
  /// this one's for COO only. Same as `torch.mul`.
  public func mul(_ other: Tensor) -> SparseTensor {
    SparseTensor.guarding(layout) {
      if isPoisoned || other.isPoisoned { return .poisoned(layout) }
      if other.rank == 0 { return with(values: values * alike(other)) }
      let common = try Layout.broadcast(shape, other.shape, op: "mul")
      if common != shape {
        if layout != .coo {
          throw TensorError.shape("mul: a \(layout.rawValue) tensor of shape \(shape) does not broadcast to \(common)")
        }
        return try broadcast(to: common, "mul").mul(other)
      }
      let source = coalesced()
      return source.with(values: source.values * other.expand(shape).picked(source))
    }
  }

  /// A 0-dim tensor beside a sparse one of 0 dims: its dtype counts as much in promotion.
  private func alike(_ other: Tensor) -> Tensor {
    shape.isEmpty && !other.flags.contains(.wrapped) ? other.reshape([1]) : other
  }

  /// Every stored value divided by a number or 0-dim tensor. Same as `torch.div`.
  public func div(_ other: Tensor) -> SparseTensor {
    SparseTensor.guarding(layout) {
      if isPoisoned || other.isPoisoned { return .poisoned(layout) }
      if other.rank != 0 {
        throw TensorError.shape("div: a sparse tensor can be divided by a number or 0-dim tensor only, got shape \(other.shape)")
      }
      return mapValues { $0 / alike(other) }
    }
  }

  /// `self - alpha · other`. Same as `torch.sub` of sparse tensors.
  public func sub(_ other: SparseTensor, alpha: some ScalarConvertible = 1) -> SparseTensor { add(-other, alpha: alpha) }

  public static func + (a: SparseTensor, b: SparseTensor) -> SparseTensor { a.add(b) }
  public static func - (a: SparseTensor, b: SparseTensor) -> SparseTensor { a.add(b, alpha: -1) }
  public static func * (a: SparseTensor, b: SparseTensor) -> SparseTensor { a.mul(b) }
  public static func * (a: SparseTensor, b: some ScalarConvertible) -> SparseTensor { a.with(values: a.values * b) }
  public static func * (a: some ScalarConvertible, b: SparseTensor) -> SparseTensor { b * a }
  public static func * (a: SparseTensor, b: Tensor) -> SparseTensor { a.mul(b) }
  public static func * (a: Tensor, b: SparseTensor) -> SparseTensor { b.mul(a) }
  public static func / (a: SparseTensor, b: some ScalarConvertible) -> SparseTensor { a.mapValues { $0 / b } }
  public static prefix func - (a: SparseTensor) -> SparseTensor { a.with(values: -a.values) }
  /// A dense sum. Same as `torch.add(dense, sparse)`.
  public static func + (a: Tensor, b: SparseTensor) -> Tensor { a + b.toDense() }

  /// The sum of all elements. Same as `torch.sum`.
  public func sum(dtype: DType? = nil) -> Tensor { dtype.map { values.to($0).sum(dtype: $0) } ?? values.sum() }

  /// Sums over dims (none: all) of a COO tensor: sparse while sparse dims are left, else dense. Of a CSR tensor with `keepDim`:
  /// CSR. Small integers and bool give int64 unless `dtype` is given. Same as `torch.sum` and `torch.sparse.sum`.
  public func sum(dim: [Int], keepDim: Bool = false, dtype: DType? = nil) -> (sparse: SparseTensor?, dense: Tensor?) {
    var dense: Tensor?
    let sparse = SparseTensor.guarding(layout) {
      if isPoisoned { return self }
      let dims = try Layout.wrap(dims: dim.isEmpty ? nil : dim, rank: shape.count, op: "sparse.sum")
      if layout.isCompressed {
        if layout != .csr { throw TensorError.value("sparse.sum: sums over dims take coo and csr tensors, got \(layout.rawValue)") }
        return Masked.sparse(.sum, self, dim: dims, keepDim: keepDim, dtype: dtype)
      }
      let dtype = dtype ?? (values.dtype.isDifferentiable ? values.dtype : .int64)
      let outer = outerSizes.count, inner = dims.filter { $0 >= outer }.map { $0 - outer + 1 }
      var summed = values.to(dtype)
      if !inner.isEmpty { summed = summed.sum(dim: inner) }
      let kept = (0..<outer).filter { !dims.contains($0) }
      if kept.isEmpty {
        let total = summed.sum(dim: 0)
        dense = keepDim ? dims.sorted().reduce(total) { $0.unsqueeze(dim: $1) } : total
        return self
      }
      let places = withNoGrad { plain.indexSelect(dim: 0, Tensor(kept, dtype: .int64)) }
      let size = Shape(kept.map { outerSizes[$0] } + summed.shape.array.dropFirst())
      let unsorted = kept.count < outer || !isCoalesced
      let made = SparseTensor(layout: .coo, shape: size, values: summed, plain: places, isCoalesced: !unsorted).coalesced()
      return keepDim ? dims.sorted().reduce(made) { $0.unsqueezed($1) } : made
    }
    return dense == nil ? (sparse, nil) : (nil, dense)
  }

  /// A new dim of size 1 in a coalesced COO tensor, sparse unless it comes after a dense one.
  private func unsqueezed(_ dim: Int) -> SparseTensor {
    var sizes = shape.array
    sizes.insert(1, at: dim)
    let outer = sparseDim
    if dim > outer {
      return SparseTensor(layout: .coo, shape: Shape(sizes), values: values.unsqueeze(dim: dim - outer + 1), plain: plain)
    }
    let places = withNoGrad {
      Tensor.cat([plain.narrow(dim: 0, start: 0, length: dim), Tensor.zeros([1, nnz], dtype: .int64),
        plain.narrow(dim: 0, start: dim, length: outer - dim)])
    }
    return SparseTensor(layout: .coo, shape: Shape(sizes), values: values, plain: places)
  }

  // MARK: Products

  /// Rows, columns and values of a matrix.
  private func matrixElements(_ op: String) throws -> (rows: Tensor, columns: Tensor, values: Tensor) {
    if shape.count != 2 || denseDim != 0 { throw TensorError.shape("\(op): expected a sparse matrix, got shape \(shape)") }
    let (places, values) = elements()
    return (places[0], places[1], values)
  }

  /// How `mm` joins the products of a row.
  public enum Reduction: String, Sendable { case sum, mean, amax, amin }

  /// A sparse matrix (m, k) times a dense one (k, n), dense; the products of a row are summed, or joined otherwise, where rows
  /// without elements give 0. Takes nnz · n numbers of memory. Same as `torch.sparse.mm`.
  public func mm(_ dense: Tensor, reduce: Reduction = .sum) -> Tensor {
    ErrorScope.guarding {
      let op = "sparse.mm"
      if isPoisoned || dense.isPoisoned { return ErrorScope.poison() }
      let (rows, columns, values) = try matrixElements(op)
      if dense.rank != 2 || dense.size(0) != shape[1] {
        throw TensorError.shape("\(op): shapes \(shape) and \(dense.shape) cannot be multiplied")
      }
      if dtype != dense.dtype { throw TensorError.dtype("\(op): expected one dtype, got \(dtype.name) and \(dense.dtype.name)") }
      // Half types are joined wide and rounded once.
      let wide: DType = dtype == .float16 || dtype == .bfloat16 ? .float32 : dtype
      let products = values.to(wide).unsqueeze(dim: 1) * dense.indexSelect(dim: 0, columns).to(wide)
      let empty = Tensor.zeros([shape[0], dense.size(1)], dtype: wide)
      if reduce == .sum { return empty.indexAdd(dim: 0, index: rows, products).to(dtype) }
      let index = rows.unsqueeze(dim: 1).expand(products.shape)
      if reduce == .mean {
        return empty.scatterReduce(dim: 0, index: index, products, .mean, includeSelf: false).to(dtype)
      }
      if !dtype.isFloatingPoint { throw TensorError.dtype("\(op): \(reduce.rawValue) takes floating-point tensors, got \(dtype.name)") }
      return SparseTensor.extreme(products, index, empty, isLargest: reduce == .amax).to(dtype)
    }
  }

  /// The largest or smallest of the rows of `x` that go to each row of `empty`; the first of equal ones gets the gradient.
  private static func extreme(_ x: Tensor, _ index: Tensor, _ empty: Tensor, isLargest: Bool) -> Tensor {
    let count = x.size(0)
    if x.elementCount == 0 { return empty }
    let (first, isFilled) = withNoGrad {
      let value = x.detach()
      let best = empty.scatterReduce(dim: 0, index: index, value, isLargest ? .amax : .amin, includeSelf: false)
      let isBest = (value .== best.gather(dim: 0, index: index)).logicalOr(value.isNaN())
      let numbers = Tensor.arange(count, dtype: .int64).unsqueeze(dim: 1)
      let candidates = Tensor.where(isBest, numbers, count)
      let none = Tensor.full(empty.shape, count, dtype: .int64)
      let first = none.scatterReduce(dim: 0, index: index, candidates, .amin)
      return (first.clamp(max: count - 1), first .< count)
    }
    return Tensor.where(isFilled, x.gather(dim: 0, index: first), 0)
  }

  /// A sparse matrix times a vector. Same as `torch.mv`.
  public func mv(_ vector: Tensor) -> Tensor {
    ErrorScope.guarding {
      if vector.rank != 1 { throw TensorError.shape("mv: expected a vector, got shape \(vector.shape)") }
      return mm(vector.unsqueeze(dim: 1)).squeeze(dim: 1)
    }
  }

  /// `beta · base + alpha · (self times dense)`. Same as `torch.sparse.addmm`.
  public func addmm(
    _ base: Tensor, _ dense: Tensor, beta: some ScalarConvertible = 1, alpha: some ScalarConvertible = 1
  ) -> Tensor {
    ErrorScope.guarding {
      let product = mm(dense)
      if product.isPoisoned || base.isPoisoned { return ErrorScope.poison() }
      if base.dtype != product.dtype {
        throw TensorError.dtype("sparse.addmm: expected one dtype, got \(base.dtype.name) and \(product.dtype.name)")
      }
      if !dtype.isFloatingPoint && !dtype.isComplex {
        for number in [beta.scalar, alpha.scalar] {
          if case .double = number {
            throw TensorError.dtype("sparse.addmm: beta and alpha must be integers for \(dtype.name) tensors")
          }
        }
      }
      let scaled = alpha.scalar.equals(1) ? product : product * alpha.scalar
      let start = base.expand(product.shape)
      // A beta of 0 leaves out even what is not finite.
      return (beta.scalar.equals(0) ? scaled : start * beta.scalar + scaled).to(dtype)
    }
  }

  /// The product of two sparse matrices, sparse, in this one's layout. Takes memory for each product of two stored elements. Same as
  /// `torch.sparse.mm`.
  public func mm(_ other: SparseTensor) -> SparseTensor {
    SparseTensor.guarding(layout) {
      let op = "sparse.mm"
      if isPoisoned || other.isPoisoned { return .poisoned(layout) }
      if dtype != other.dtype { throw TensorError.dtype("\(op): expected one dtype, got \(dtype.name) and \(other.dtype.name)") }
      let (rows, inner, left) = try matrixElements(op)
      let b = other.toCOO().coalesced()
      let (bRows, bColumns, right) = try b.matrixElements(op)
      if shape[1] != other.shape[0] { throw TensorError.shape("\(op): shapes \(shape) and \(other.shape) cannot be multiplied") }
      let (inA, inB) = withNoGrad {
        // Each element of the left one meets the elements of a row of the right one.
        let counts = bRows.bincount(minLength: Swift.max(other.shape[0], 1))
        let starts = counts.cumsum(dim: 0) - counts
        let meets = counts.indexSelect(dim: 0, inner)
        let first = Tensor.arange(inner.elementCount, dtype: .int64).repeatInterleave(meets)
        let before = (meets.cumsum(dim: 0) - meets).repeatInterleave(meets)
        let offset = Tensor.arange(first.elementCount, dtype: .int64) - before
        return (first, starts.indexSelect(dim: 0, inner).repeatInterleave(meets) + offset)
      }
      let products = left.indexSelect(dim: 0, inA) * right.indexSelect(dim: 0, inB)
      let places = withNoGrad { Tensor.stack([rows.indexSelect(dim: 0, inA), bColumns.indexSelect(dim: 0, inB)]) }
      let made = SparseTensor(
        layout: .coo, shape: [shape[0], other.shape[1]], values: products, plain: places, isCoalesced: false)
      return sameLayout(made.coalesced())
    }
  }

  /// `beta · self + alpha · (a times b)` at the stored places only: for each the product of a row and a column. Batches of this
  /// tensor go with those of `a` (…, m, k) and `b` (…, k, n). Same as `torch.sparse.sampled_addmm`.
  public func sampledAddmm(
    _ a: Tensor, _ b: Tensor, beta: some ScalarConvertible = 1, alpha: some ScalarConvertible = 1
  ) -> SparseTensor {
    SparseTensor.guarding(layout) {
      let op = "sparse.sampled_addmm"
      if isPoisoned || a.isPoisoned || b.isPoisoned { return .poisoned(layout) }
      if layout != .csr { throw TensorError.value("\(op): expected a csr tensor, got \(layout.rawValue)") }
      let batch = Array(shape.array.prefix(batchDim)), k = a.rank < 2 ? -1 : a.size(-1)
      if a.shape.array != batch + [shape[batchDim], k] || b.shape.array != batch + [k, shape[batchDim + 1]] {
        throw TensorError.shape("\(op): shapes \(shape), \(a.shape) and \(b.shape) do not fit")
      }
      if a.dtype != dtype || b.dtype != dtype {
        throw TensorError.dtype("\(op): expected one dtype, got \(dtype.name), \(a.dtype.name) and \(b.dtype.name)")
      }
      let (places, _) = elements()
      let count = batch.reduce(nnz, *)
      let lead = SparseTensor.linear(Array(places.dropLast(2)), batch, count: count)
      let (rows, columns) = withNoGrad {
        (lead * shape[batchDim] + places[batch.count], lead * shape[batchDim + 1] + places[batch.count + 1])
      }
      let batches = batch.reduce(1, *)
      let left = a.reshape([batches * shape[batchDim], k]), right = b.mT.reshape([batches * shape[batchDim + 1], k])
      let products = (left.indexSelect(dim: 0, rows) * right.indexSelect(dim: 0, columns)).sum(dim: [1])
      return with(values: values * beta + products.reshape(values.shape) * alpha)
    }
  }

  /// Softmax along a sparse dim over the stored elements only. Same as `torch.sparse.softmax`.
  public func softmax(dim: Int, dtype: DType? = nil) -> SparseTensor { normalised(dim, logarithm: false, dtype) }
  /// The logarithm of `softmax`. Same as `torch.sparse.log_softmax`.
  public func logSoftmax(dim: Int, dtype: DType? = nil) -> SparseTensor { normalised(dim, logarithm: true, dtype) }

  private func normalised(_ dim: Int, logarithm: Bool, _ dtype: DType?) -> SparseTensor {
    SparseTensor.guarding(layout) {
      let op = logarithm ? "sparse.log_softmax" : "sparse.softmax"
      if isPoisoned { return self }
      let source = dtype.map { toCOO().coalesced().to($0) } ?? toCOO().coalesced()
      if !source.dtype.isFloatingPoint {
        throw TensorError.dtype("\(op): expected a floating-point tensor, got \(source.dtype.name); pass dtype")
      }
      let d = try Layout.wrap(dim: dim, rank: shape.count, op: op)
      let outer = source.outerSizes
      if d >= outer.count {
        let along = d - outer.count + 1
        return sameLayout(source.with(values: logarithm ? source.values.logSoftmax(dim: along) : source.values.softmax(dim: along)))
      }
      var (places, sizes) = (source.elements().places, outer)
      places.remove(at: d)
      sizes.remove(at: d)
      let groups = withNoGrad { SparseTensor.linear(places, sizes, count: source.nnz).unique() }
      let x = source.values, count = groups.values.size(0)
      let index = groups.inverse.reshape(Shape([source.nnz] + [Int](repeating: 1, count: x.rank - 1))).expand(x.shape)
      let start = Tensor.zeros(Shape([count] + x.shape.array.dropFirst()), dtype: x.dtype)
      let largest = withNoGrad { start.scatterReduce(dim: 0, index: index, x.detach(), .amax, includeSelf: false) }
      let shifted = x - largest.indexSelect(dim: 0, groups.inverse)
      let sums = start.indexAdd(dim: 0, index: groups.inverse, shifted.exp()).indexSelect(dim: 0, groups.inverse)
      return sameLayout(source.with(values: logarithm ? shifted - sums.log() : shifted.exp() / sums))
    }
  }
}

extension Tensor {
  /// A dense matrix (m, k) times a sparse one (k, n), dense. Same as `torch.mm`.
  public func mm(_ other: SparseTensor) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
      if rank != 2 || other.shape.count != 2 || size(1) != other.shape[0] {
        throw TensorError.shape("mm: shapes \(shape) and \(other.shape) cannot be multiplied")
      }
      return other.t().mm(t()).t()
    }
  }
}

extension Scalar {
  /// Whether the number is a whole one.
  fileprivate func equals(_ number: Double) -> Bool {
    if case .complex(let re, let im) = self { return re == number && im == 0 }
    return doubleValue == number
  }
}
