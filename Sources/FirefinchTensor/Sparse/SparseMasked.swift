import FirefinchCore

/// Reductions over the stored elements that a mask keeps. Same as `torch.masked` of sparse tensors.
extension Masked {
  /// What a reduction of sparse tensors does.
  public enum SparseReduction: String, Sendable { case sum, prod, amax, amin, mean }

  /// Reduces over `dim` (all by default) of a COO or CSR tensor what is stored and kept by `mask`, a bool tensor of the same layout
  /// whose shape broadcasts; kept places that are not stored count as 0. CSR takes `keepDim` only. Sparse result of the same layout.
  public static func sparse(
    _ reduction: SparseReduction, _ x: SparseTensor, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil,
    mask: SparseTensor? = nil
  ) -> SparseTensor {
    SparseTensor.guarding(x.layout) {
      let op = "masked.\(reduction.rawValue)"
      if x.isPoisoned || mask?.isPoisoned ?? false { return .poisoned(x.layout) }
      if x.layout != .coo && x.layout != .csr { throw TensorError.value("\(op): expected coo or csr, got \(x.layout.rawValue)") }
      let rank = x.shape.count
      if x.layout == .csr && rank != 2 { throw TensorError.shape("\(op): expected a csr matrix, got shape \(x.shape)") }
      if mask == nil && reduction != .sum { throw TensorError.value("\(op): sparse tensors need a mask; pass all true for none") }
      if reduction == .mean {
        if x.layout == .coo { throw TensorError.value("\(op): means of coo tensors are not defined; convert to csr") }
        let type = dtype ?? x.dtype
        if !type.isFloatingPoint && !type.isComplex {
          throw TensorError.dtype("\(op): expected floating point or complex, got \(type.name); pass dtype")
        }
      }
      let given = dim.map { $0.isEmpty ? Array(0..<rank) : $0 } ?? Array(0..<rank)
      let dims = try Layout.wrap(dims: given, rank: Swift.max(rank, 1), op: op).sorted().filter { $0 < rank }
      let kept = try mask.map { try x.masked(by: $0, op) } ?? x.toCOO().coalesced()
      let natural: DType =
        kept.dtype.isDifferentiable || reduction == .amax || reduction == .amin
        ? kept.dtype : reduction == .mean ? DType.defaultFloat : .int64
      let source = kept.with(values: kept.values.to(dtype ?? natural))
      if x.layout == .csr {
        if !keepDim { throw TensorError.value("\(op): reductions of csr tensors need keepdim=True") }
        if dims.isEmpty { return source.toLayout(.csr) }
        return source.reduced(reduction, dims, keepDim: true, ofCSR: true).toLayout(.csr).indexed(by: x.plain.dtype)
      }
      if reduction != .sum && dims.contains(where: { $0 >= source.outerSizes.count }) {
        throw TensorError.value("\(op): only sums go over dense dims, got dims \(dims) of shape \(x.shape)")
      }
      return source.reduced(reduction, dims, keepDim: keepDim, ofCSR: false)
    }
  }
}

extension SparseTensor {
  /// The elements at the places where the mask is true, COO; those that are not stored are 0.
  fileprivate func masked(by mask: SparseTensor, _ op: String) throws -> SparseTensor {
    let wide = try mask.broadcast(to: shape, op)
    if wide.denseDim != denseDim { throw TensorError.shape("\(op): mask and input must have as many dense dims") }
    let a = toCOO().coalesced(), m = wide.toCOO().coalesced()
    var (places, flags) = (m.plain, m.values.detach() .!= 0)
    if flags.rank > 1 { flags = flags.reshape([m.nnz, -1]).any(dim: 1) }
    let on = withNoGrad { flags.nonzero().reshape([-1]) }
    places = withNoGrad { places.indexSelect(dim: 1, on) }
    let chosen = SparseTensor(layout: .coo, shape: shape, values: m.values.indexSelect(dim: 0, on), plain: places)
    let (inA, inM) = SparseTensor.common(a, chosen)
    let start = Tensor.zeros(Shape([chosen.nnz] + a.values.shape.array.dropFirst()), dtype: a.dtype)
    return chosen.with(values: start.indexAdd(dim: 0, index: inM, a.values.indexSelect(dim: 0, inA)))
  }

  /// The tensor repeated along dims of size 1 and new leading dims.
  func broadcast(to wanted: Shape, _ op: String) throws -> SparseTensor {
    if shape == wanted { return self }
    _ = try Layout(contiguous: shape).expanded(to: wanted, op: op)
    let source = toCOO()
    let extra = wanted.count - shape.count, outer = extra + source.outerSizes.count
    var places = source.elements().places, values = source.values
    if denseDim > 0 { values = values.expand(Shape([values.size(0)] + wanted.array.dropFirst(outer))) }
    var all: [Tensor] = []
    for d in 0..<outer {
      let size = d < extra ? 1 : shape[d - extra]
      if size == wanted[d] {
        all.append(d < extra ? withNoGrad { Tensor.zeros([values.size(0)], dtype: .int64) } : places[d - extra])
        continue
      }
      // Every element once for each place along the dim.
      let n = wanted[d], count = values.size(0)
      func many(_ x: Tensor) -> Tensor { withNoGrad { x.repeatInterleave(n) } }
      values = values.repeatInterleave(n, dim: 0)
      all = all.map(many)
      places = places.map(many)
      all.append(withNoGrad { Tensor.arange(n, dtype: .int64).repeat(count) })
    }
    let made = SparseTensor(
      layout: .coo, shape: wanted, values: values, plain: withNoGrad { Tensor.stack(all) }, isCoalesced: false)
    return made.coalesced()
  }

  /// A coalesced COO tensor reduced over some dims.
  fileprivate func reduced(
    _ reduction: Masked.SparseReduction, _ dims: [Int], keepDim: Bool, ofCSR isCompressedSource: Bool
  ) -> SparseTensor {
    let outer = outerSizes.count
    let inner = dims.filter { $0 >= outer }.map { $0 - outer + 1 }
    var x = values
    for d in inner.sorted(by: >) {
      switch reduction {
      case .sum: x = x.sum(dim: [d], keepDim: keepDim, dtype: x.dtype)
      case .prod: x = x.prod(dim: d, keepDim: keepDim, dtype: x.dtype)
      case .amax: x = x.amax(dim: [d], keepDim: keepDim)
      case .amin: x = x.amin(dim: [d], keepDim: keepDim)
      case .mean: x = x.mean(dim: d, keepDim: keepDim)
      }
    }
    let sparse = dims.filter { $0 < outer }
    if sparse.isEmpty && outer > 0 { return SparseTensor(layout: .coo, shape: Shape(outerSizes + x.shape.array.dropFirst()), values: x, plain: plain) }
    let kept = (0..<outer).filter { !sparse.contains($0) }
    let groups = withNoGrad {
      SparseTensor.linear(kept.map { plain.select(dim: 0, $0) }, kept.map { outerSizes[$0] }, count: nnz).unique()
    }
    var count = groups.values.size(0)
    var result: Tensor
    if nnz == 0 && kept.isEmpty && reduction != .mean && !isCompressedSource {
      // Of nothing: the value that changes nothing.
      let start: Scalar =
        reduction == .sum ? .int(0)
        : reduction == .prod ? .int(1) : (reduction == .amax ? ScatterReduction.amax : .amin).identity(x.dtype)
      result = Tensor.full(Shape([1] + x.shape.array.dropFirst()), start, dtype: x.dtype)
      count = 1
    } else {
      let index = groups.inverse.reshape(Shape([nnz] + [Int](repeating: 1, count: x.rank - 1))).expand(x.shape)
      let start = Tensor.zeros(Shape([count] + x.shape.array.dropFirst()), dtype: x.dtype)
      result = start.scatterReduce(dim: 0, index: index, x, ScatterReduction(rawValue: reduction.rawValue)!, includeSelf: false)
    }
    let size = keepDim ? outerSizes.enumerated().map { sparse.contains($0) ? 1 : $1 } : kept.map { outerSizes[$0] }
    let places = withNoGrad {
      let coordinates = groups.values.unravelIndex(Shape(kept.map { outerSizes[$0] }))
      if !keepDim || outer == 0 {
        return kept.isEmpty ? Tensor.zeros([0, count], dtype: .int64) : Tensor.stack(coordinates)
      }
      return Tensor.stack((0..<outer).map { d in
        kept.firstIndex(of: d).map { coordinates[$0] } ?? Tensor.zeros([count], dtype: .int64)
      })
    }
    if kept.isEmpty && !isCompressedSource {
      // PyTorch makes a dense number of it and that sparse: a 0 is not stored.
      let dense = SparseTensor(
        layout: .coo, shape: Shape(size + result.shape.array.dropFirst()), values: result, plain: places).toDense()
      return dense.toSparse()
    }
    return SparseTensor(layout: .coo, shape: Shape(size + result.shape.array.dropFirst()), values: result, plain: places)
  }
}
