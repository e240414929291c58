import FirefinchCore

extension Tensor {
  /// Rows of this table (rows, width) by index: shape of `indices` + width. The row `paddingIndex` gets no gradient. Same
  /// as `F.embedding`.
  public func embedding(_ indices: Tensor, paddingIndex: Int? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || indices.isPoisoned { return ErrorScope.poison() }
      if rank != 2 || !indices.dtype.isInteger {
        throw TensorError.shape(
          "embedding: expected a table (rows, width) and integer indices, got \(shape) and \(indices.dtype.name)")
      }
      let flat = indices.reshape([indices.elementCount]).to(.int64)
      var rows = indexSelect(dim: 0, flat)
      if let paddingIndex {
        let padding = paddingIndex < 0 ? paddingIndex + size(0) : paddingIndex
        let isPadding = (flat .== padding).unsqueeze(dim: 1)
        // The value stays, the gradient does not.
        rows = Tensor.where(isPadding, rows.detach(), rows)
      }
      return rows.reshape(Shape(indices.shape.array + [size(1)]))
    }
  }

  /// 0 everywhere but 1 at each index: shape + classes, int64. `classes` -1 takes the largest index + 1. Same as
  /// `F.one_hot`.
  public func oneHot(_ classes: Int = -1) -> Tensor {
    ErrorScope.guarding {
      if !dtype.isInteger { throw TensorError.dtype("oneHot: expected integer indices, got \(dtype.name)") }
      let values = array(Int.self)
      let count = classes >= 0 ? classes : (values.max() ?? -1) + 1
      if let bad = values.first(where: { $0 < 0 || $0 >= count }) {
        throw TensorError.index("oneHot: index \(bad) is out of range for \(count) classes")
      }
      return (unsqueeze(dim: -1) .== Tensor.arange(count)).to(.int64)
    }
  }
}
