import FirefinchCore

extension Tensor {
  /// `self[indices]` where the mask is true, `fill` elsewhere; indices are clamped into range first. Same as
  /// `torch._unsafe_masked_index`.
  public func maskedIndex(_ mask: Tensor, _ indices: [Tensor?], fill: some ScalarConvertible) -> Tensor {
    index(clamped(indices)).maskedFill(mask.logicalNot(), fill)
  }

  /// A copy with `values` added at the indices where the mask is true. Same as
  /// `torch._unsafe_masked_index_put_accumulate`.
  public func maskedIndexPutAccumulate(_ mask: Tensor, _ indices: [Tensor?], _ values: Tensor) -> Tensor {
    if elementCount == 0 { return clone() }
    return indexPut(clamped(indices), values.maskedFill(mask.logicalNot(), 0), accumulate: true)
  }

  private func clamped(_ indices: [Tensor?]) -> [Tensor?] {
    indices.enumerated().map { i, index in
      index.map { i < rank ? $0.clamp(min: -shape[i], max: Swift.max(shape[i] - 1, 0)) : $0 }
    }
  }

  /// As `nonzero`, with `count` rows: cut, or filled up with `fill`. Same as `torch.nonzero_static`.
  public func nonzeroStatic(_ count: Int, fill: Int = -1) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if count < 0 { throw TensorError.value("nonzeroStatic: the count must not be negative, got \(count)") }
      let rows = nonzero()
      if rows.isPoisoned { return rows }
      let present = rows.size(0)
      if present >= count { return rows.narrow(dim: 0, start: 0, length: count).clone() }
      return Tensor.cat([rows, Tensor.full([count - present, rank], fill, dtype: .int64)], dim: 0)
    }
  }

  /// Row-major numbers of the elements of a tensor of `shape` as one coordinate tensor for each dim. Same as
  /// `torch.unravel_index`.
  public func unravelIndex(_ shape: Shape) -> [Tensor] {
    ErrorScope.guarding(shape.count) {
      if isPoisoned { return shape.map { _ in self } }
      if !dtype.isInteger { throw TensorError.dtype("unravelIndex: expected integer indices, got \(dtype.name)") }
      if shape.contains(where: { $0 < 0 }) { throw TensorError.value("unravelIndex: sizes must not be negative, got \(shape)") }
      var rest = to(.int64)
      var coordinates: [Tensor] = []
      for size in shape.reversed() {
        coordinates.append(rest.remainder(Swift.max(size, 1)))
        rest = rest.floorDivide(Swift.max(size, 1))
      }
      return coordinates.reversed()
    }
  }
}
