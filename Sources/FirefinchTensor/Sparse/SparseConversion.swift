import FirefinchCore

extension Tensor {
  /// The elements that are not 0 as a COO tensor of `sparseDim` sparse dims (all by default); differentiable. Same as
  /// `Tensor.to_sparse`.
  public func toSparse(sparseDim: Int? = nil) -> SparseTensor {
    SparseTensor.guarding {
      if isPoisoned { return .poisoned() }
      let dims = sparseDim ?? rank
      if dims < 0 || dims > rank || (dims == 0 && rank > 0) {
        throw TensorError.value("to_sparse: expected 1 to \(rank) sparse dims, got \(dims)")
      }
      let (outer, dense) = (Array(shape.array.prefix(dims)), Array(shape.array.dropFirst(dims)))
      let count = outer.reduce(1, *)
      let rows = reshape(Shape([count, dense.reduce(1, *)]))
      let stored = withNoGrad { (rows.detach() .!= 0).any(dim: 1).nonzero().reshape([-1]) }
      let values = rows.indexSelect(dim: 0, stored).reshape(Shape([stored.size(0)] + dense))
      let places = withNoGrad {
        outer.isEmpty ? Tensor.zeros([0, stored.size(0)], dtype: .int64) : Tensor.stack(stored.unravelIndex(Shape(outer)))
      }
      return SparseTensor(layout: .coo, shape: shape, values: values, plain: places)
    }
  }

  /// The elements that are not 0 in a layout: matrices in the two dims before the last `denseDim` ones, dims before are a batch of
  /// which all must have as many elements; `blockSize` for bsr and bsc. Differentiable. Same as `Tensor.to_sparse(layout=…)`.
  public func toSparse(_ layout: SparseLayout, blockSize: (Int, Int)? = nil, denseDim: Int = 0) -> SparseTensor {
    SparseTensor.guarding(layout) {
      if isPoisoned { return .poisoned(layout) }
      let matrix = rank - denseDim
      if layout.isCompressed && (denseDim < 0 || matrix < 2) {
        throw TensorError.shape("to_sparse_\(layout.rawValue): expected 2 or more dims beside \(denseDim) dense ones, got \(shape)")
      }
      if !layout.hasBlocks {
        if blockSize != nil { throw TensorError.value("to_sparse_\(layout.rawValue): block sizes are for bsr and bsc") }
        let coo = toSparse(sparseDim: layout.isCompressed || denseDim > 0 ? matrix : nil)
        return coo.toLayout(layout)
      }
      // Blocks store zeros, too, which have gradients.
      let places = withNoGrad { detach().toSparse(sparseDim: matrix).toLayout(layout, blockSize: blockSize) }
      return places.isPoisoned ? places : sparseMask(places)
    }
  }

  /// The values of this tensor at the places that `mask` stores. Same as `Tensor.sparse_mask`.
  public func sparseMask(_ mask: SparseTensor) -> SparseTensor {
    SparseTensor.guarding(mask.layout) {
      if isPoisoned || mask.isPoisoned { return .poisoned(mask.layout) }
      if shape != mask.shape { throw TensorError.shape("sparse_mask: shapes \(shape) and \(mask.shape) differ") }
      return mask.with(values: picked(mask))
    }
  }

  /// The elements of this tensor, of the shape of `mask` or a view expanded to it, at its places.
  func picked(_ mask: SparseTensor) -> Tensor {
    let (places, values) = mask.elements()
    if places.isEmpty { return unsqueeze(dim: 0).indexSelect(dim: 0, Tensor.zeros([values.size(0)], dtype: .int64)) }
    return index(places).reshape(mask.values.shape)
  }
}

extension SparseTensor {
  /// The same tensor in another layout; `blockSize` for bsr and bsc (by default that of this tensor). Same as
  /// `Tensor.to_sparse(layout=…)`.
  public func toLayout(_ wanted: SparseLayout, blockSize: (Int, Int)? = nil) -> SparseTensor {
    SparseTensor.guarding(wanted) {
      if isPoisoned { return .poisoned(wanted) }
      let blocks = blockSize ?? (layout.hasBlocks ? self.blockSize : nil)
      if wanted == layout && (blockSize == nil || blockSize! == self.blockSize) { return self }
      let source = toCOO().coalesced()
      if wanted == .coo { return source.isPoisoned ? .poisoned() : source }
      if source.isPoisoned { return .poisoned(wanted) }
      let op = "to_sparse_\(wanted.rawValue)"
      let outer = source.outerSizes
      if outer.count < 2 { throw TensorError.shape("\(op): expected 2 or more sparse dims, got \(outer.count) of \(shape)") }
      if wanted.hasBlocks && blocks == nil { throw TensorError.value("\(op): give a block size") }
      let (high, wide) = wanted.hasBlocks ? blocks! : (1, 1)
      let (rows, columns) = (outer[outer.count - 2], outer[outer.count - 1])
      if high < 1 || wide < 1 || rows % high != 0 || columns % wide != 0 {
        throw TensorError.shape("\(op): blocks of \(high) x \(wide) do not divide \(rows) x \(columns)")
      }
      let made = try source.compress(wanted, high, wide, op)
      return layout.isCompressed ? made.indexed(by: plain.dtype) : made
    }
  }

  private func compress(_ wanted: SparseLayout, _ high: Int, _ wide: Int, _ op: String) throws -> SparseTensor {
    let outer = outerSizes, batch = Array(outer.dropLast(2)), batches = batch.reduce(1, *)
    let (rows, columns) = (outer[outer.count - 2] / high, outer[outer.count - 1] / wide)
    let (lines, others) = wanted.compressesRows ? (rows, columns) : (columns, rows)
    let (starts, plain, slot, each) = try withNoGrad {
      let places = elements().places
      let (row, column) = (places[batch.count], places[batch.count + 1])
      let lead = SparseTensor.linear(Array(places.prefix(batch.count)), batch, count: nnz)
      let (blockRow, blockColumn) = (row.floorDivide(high), column.floorDivide(wide))
      let (line, other) = wanted.compressesRows ? (blockRow, blockColumn) : (blockColumn, blockRow)
      let key = (lead * lines + line) * others + other
      let distinct = key.unique()
      let owner = others == 0 ? distinct.values : distinct.values.floorDivide(others)
      let counts = owner.bincount(minLength: batches * lines).reshape([batches, lines])
      let starts = Tensor.cat([Tensor.zeros([batches, 1], dtype: .int64), counts.cumsum(dim: 1)], dim: 1)
      let totals = counts.sum(dim: 1).array(Int.self)
      let each = totals.first ?? 0
      if totals.contains(where: { $0 != each }) {
        throw TensorError.value("\(op): every matrix of the batch must store as many elements, got \(totals.prefix(8))")
      }
      let plain = others == 0 ? distinct.values : distinct.values.remainder(others)
      let slot = (distinct.inverse * high + row.remainder(high)) * wide + column.remainder(wide)
      return (starts, plain, slot, each)
    }
    let inner = (wanted.hasBlocks ? [high, wide] : []) + denseSizes
    let spread = SparseTensor.add(values, at: slot, count: batches * each * high * wide)
    return SparseTensor(
      layout: wanted, shape: shape, values: spread.reshape(Shape(batch + [each] + inner)),
      plain: plain.reshape(Shape(batch + [each])), compressed: starts.reshape(Shape(batch + [lines + 1])))
  }

  /// Nothing stored, in this tensor's shape, layout (or another) and dtype. Same as `torch.zeros_like`.
  public func zerosLike(layout wanted: SparseLayout? = nil, dtype: DType? = nil) -> SparseTensor {
    let wanted = wanted ?? layout
    let type = dtype ?? self.dtype
    if isPoisoned { return .poisoned(wanted) }
    if wanted == .coo {
      let outer = outerSizes.count
      return SparseTensor(
        layout: .coo, shape: shape, values: Tensor.zeros(Shape([0] + denseSizes), dtype: type),
        plain: Tensor.zeros([outer, 0], dtype: .int64))
    }
    return SparseTensor.guarding(wanted) {
      if wanted.hasBlocks && !layout.hasBlocks {
        throw TensorError.value("zeros_like: a \(wanted.rawValue) tensor needs a block size, which \(layout.rawValue) has not")
      }
      let batch = layout.isCompressed ? batchDim : Swift.max(sparseDim - 2, 0)
      if shape.count - denseDim - batch != 2 {
        throw TensorError.shape("zeros_like: a \(wanted.rawValue) tensor needs 2 or more sparse dims, got shape \(shape)")
      }
      let lead = Array(shape.array.prefix(batch)), (high, wide) = blockSize
      let (rows, columns) = (shape[batch] / (wanted.hasBlocks ? high : 1), shape[batch + 1] / (wanted.hasBlocks ? wide : 1))
      let inner = (wanted.hasBlocks ? [high, wide] : []) + denseSizes
      return SparseTensor(
        layout: wanted, shape: shape, values: Tensor.zeros(Shape(lead + [0] + inner), dtype: type),
        plain: Tensor.zeros(Shape(lead + [0]), dtype: .int64),
        compressed: Tensor.zeros(Shape(lead + [(wanted.compressesRows ? rows : columns) + 1]), dtype: .int64)
      ).indexed(by: layout.isCompressed ? plain.dtype : .int64)
    }
  }

  /// `value` at this tensor's places. Same as `torch.full_like`, and `torch.ones_like` with 1.
  public func fullLike(_ value: some ScalarConvertible, dtype: DType? = nil) -> SparseTensor {
    with(values: values.detach().fullLike(value, dtype: dtype))
  }

  /// This tensor's places (COO: none) with any values. Same as `torch.empty_like`.
  public func emptyLike(dtype: DType? = nil) -> SparseTensor {
    layout == .coo ? zerosLike(dtype: dtype) : with(values: values.detach().zerosLike(dtype: dtype))
  }

  /// The values in another dtype. Same as `Tensor.to(dtype)`.
  public func to(_ dtype: DType) -> SparseTensor { dtype == self.dtype ? self : with(values: values.to(dtype)) }

  /// Normal random numbers at this tensor's places. Same as `torch.randn_like`.
  public func randnLike(dtype: DType? = nil) -> SparseTensor { with(values: values.detach().randnLike(dtype: dtype)) }
}
