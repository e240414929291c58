import FirefinchCore

/// Tensors of indices for some dims of a tensor, brought to one dim and one vector: the dims are moved side by side, joined to
/// a block, and indexed by the numbers of the block's elements.
private struct JoinedIndex {
  /// Dims in the order in which the indexed ones are side by side; nil when they are already.
  var order: [Int]?
  /// Sizes before, inside and behind the block.
  var before: Shape, after: Shape
  var block: Int
  /// Sizes of the broadcast indices, which replace the block.
  var batch: Shape
  /// Numbers of the block's elements; shape (batch's element count).
  var flat: Tensor

  /// The result's sizes.
  var shape: Shape { Shape(before.array + batch.array + after.array) }

  init(_ x: Tensor, _ indices: [Tensor?], op: String) throws {
    var perDim: [(dim: Int, index: Tensor)] = []
    var dim = 0
    for index in indices {
      guard let index else {
        dim += 1
        continue
      }
      if index.dtype == .bool || index.dtype == .uint8 && index.rank > 0 && index.shape == Shape(x.shape.dropFirst(dim).prefix(index.rank)) {
        let covered = Shape(x.shape.dropFirst(dim).prefix(index.rank))
        if index.shape != covered {
          throw TensorError.index(
            "\(op): the mask of shape \(index.shape) does not match the sizes \(covered) of shape \(x.shape) at dim \(dim)")
        }
        for place in index.nonzeroTuple() {
          perDim.append((dim, place))
          dim += 1
        }
      } else if index.dtype.isFloatingPoint || index.dtype.isComplex {
        throw TensorError.dtype("\(op): indices must be whole numbers or a mask of bools, got \(index.dtype.name)")
      } else {
        perDim.append((dim, index.to(.int64)))
        dim += 1
      }
    }
    if dim > x.rank {
      throw TensorError.index("\(op): indices for \(dim) dims, the tensor of shape \(x.shape) has \(x.rank)")
    }
    batch = []
    for entry in perDim { batch = try Layout.broadcast(batch, entry.index.shape, op: op) }
    let dims = perDim.map(\.dim)
    let isAdjacent = dims.isEmpty || dims.last! - dims.first! == dims.count - 1
    let rest = (0..<x.rank).filter { !dims.contains($0) }
    if isAdjacent {
      order = nil
      before = Shape(x.shape.prefix(dims.first ?? 0))
      after = Shape(x.shape.dropFirst((dims.last ?? -1) + 1))
    } else {
      order = dims + rest
      before = []
      after = Shape(rest.map { x.shape[$0] })
    }
    block = dims.reduce(1) { $0 * x.shape[$1] }
    let total = batch
    flat = try withNoGrad {
      var sum = Tensor.zeros(total, dtype: .int64, device: x.device)
      for entry in perDim {
        let size = x.shape[entry.dim]
        try JoinedIndex.check(entry.index, size: size, dim: entry.dim, op: op)
        let wrapped = Tensor.where(entry.index .< 0, entry.index + size, entry.index)
        sum = sum * size + wrapped
      }
      return sum.reshape([total.elementCount])
    }
  }

  private static func check(_ index: Tensor, size: Int, dim: Int, op: String) throws {
    guard index.device == .cpu, index.elementCount > 0 else { return }
    let (low, high) = (index.amin().intValue, index.amax().intValue)
    if low < -size || high >= size {
      throw TensorError.index(
        "\(op): index \(low < -size ? low : high) is out of range for dim \(dim) of size \(size)")
    }
  }

  /// The tensor as (before…, block, after…), joined to three dims.
  func joined(_ x: Tensor) -> Tensor {
    let moved = order.map { x.permute($0) } ?? x
    return moved.reshape([before.elementCount, block, after.elementCount])
  }

  /// The tensor of three dims in the shape of `x` again.
  func separated(_ y: Tensor, like x: Tensor) -> Tensor {
    guard let order else { return y.reshape(x.shape) }
    var inverse = [Int](repeating: 0, count: order.count)
    for (place, dim) in order.enumerated() { inverse[dim] = place }
    return y.reshape(Shape(order.map { x.shape[$0] })).permute(inverse)
  }
}

extension Tensor {
  /// Elements at whole-number indices or masks for the leading dims, nil for a whole dim. Indices broadcast together; their
  /// dims stand where the indexed dims stood if those are side by side, else in front. Same as `x[indices]` with tensors.
  public func index(_ indices: [Tensor?]) -> Tensor {
    ErrorScope.guarding {
      let joined = try JoinedIndex(self, indices, op: "index")
      return joined.joined(self).indexSelect(dim: 1, joined.flat).reshape(joined.shape)
    }
  }

  /// A copy with `values`, which broadcast, written at the indices, or added when `accumulate`. Of several values for one
  /// element the last is kept. Same as `torch.index_put`.
  public func indexPut(_ indices: [Tensor?], _ values: Tensor, accumulate: Bool = false) -> Tensor {
    ErrorScope.guarding {
      let joined = try JoinedIndex(self, indices, op: "indexPut")
      if try Layout.broadcast(joined.shape, values.shape, op: "indexPut") != joined.shape {
        throw TensorError.shape("indexPut: values of shape \(values.shape) do not broadcast to \(joined.shape)")
      }
      let sizes: Shape = [joined.before.elementCount, joined.flat.elementCount, joined.after.elementCount]
      let source = values.to(dtype).expand(joined.shape).reshape(sizes)
      let whole = joined.joined(self)
      if accumulate { return joined.separated(whole.indexAdd(dim: 1, index: joined.flat, source), like: self) }
      let index = joined.flat.reshape([1, sizes[1], 1]).expand(sizes)
      return joined.separated(whole.scatter(dim: 1, index: index, source), like: self)
    }
  }

  /// Writes `values` at the indices, or adds them. Same as `Tensor.index_put_`.
  @discardableResult public func indexPut_(_ indices: [Tensor?], _ values: Tensor, accumulate: Bool = false) -> Tensor {
    copy_(indexPut(indices, values, accumulate: accumulate))
  }

  /// A copy with the slices of `dim` named by the indices replaced. Same as `torch.index_copy`.
  public func indexCopy(dim: Int, index: Tensor, _ source: Tensor) -> Tensor {
    indexPut(slices(dim, index, "indexCopy"), source)
  }

  /// A copy with the slices of `dim` named by the indices set to a number. Same as `torch.index_fill`.
  public func indexFill(dim: Int, index: Tensor, _ value: some ScalarConvertible) -> Tensor {
    indexPut(slices(dim, index, "indexFill"), Tensor(value, dtype: dtype))
  }

  /// The value as a 0-dim tensor.
  public func indexFill(dim: Int, index: Tensor, _ value: Tensor) -> Tensor {
    ErrorScope.guarding {
      if value.rank != 0 { throw TensorError.shape("indexFill: the value must be a 0-dim tensor, got shape \(value.shape)") }
      return indexPut(slices(dim, index, "indexFill"), value.to(dtype))
    }
  }

  private func slices(_ dim: Int, _ index: Tensor, _ op: String) -> [Tensor?] {
    let wrapped = dim < 0 ? dim + rank : dim
    if wrapped < 0 || wrapped >= rank {
      ErrorScope.report(.index("\(op): dim \(dim) is out of range for \(rank) dims"))
      return []
    }
    return [Tensor?](repeating: nil, count: wrapped) + [index]
  }

  /// Elements by their number in row-major order. Same as `torch.take`.
  public func take(_ index: Tensor) -> Tensor { reshape([elementCount]).index([index]) }

  /// Writes elements by their number in row-major order. Same as `Tensor.put_`.
  @discardableResult public func put_(_ index: Tensor, _ source: Tensor, accumulate: Bool = false) -> Tensor {
    copy_(reshape([elementCount]).indexPut([index], source.reshape(index.shape), accumulate: accumulate).reshape(shape))
  }
}
