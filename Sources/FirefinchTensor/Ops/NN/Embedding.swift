import FirefinchCore

extension Tensor {
  /// Rows of this table (rows, width) by index: shape of `indices` + width. The row `paddingIndex` gets no gradient. With
  /// `maxNorm` the rows named are scaled down in place first. With `scaleGradByFrequency` a row's gradient is divided by how
  /// often it is named. With `sparse` a leaf gets its gradient as `sparseGrad`, of the rows named only. Same as
  /// `F.embedding`.
  public func embedding(
    _ indices: Tensor, paddingIndex: Int? = nil, maxNorm: Double? = nil, normType: Double = 2,
    scaleGradByFrequency: Bool = false, sparse: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || indices.isPoisoned { return ErrorScope.poison() }
      if rank != 2 || !indices.dtype.isInteger {
        throw TensorError.shape(
          "embedding: expected a table (rows, width) and integer indices, got \(shape) and \(indices.dtype.name)")
      }
      let flat = indices.reshape([indices.elementCount]).to(.int64)
      if sparse && scaleGradByFrequency && requiresGrad {
        throw TensorError.value("embedding: scaleGradByFrequency does not go with sparse gradients; leave one of them out")
      }
      let table = try normalised(indices, maxNorm, normType)
      var rows = sparse ? table.sparselySelected(flat, without: paddingIndex) : table.indexSelect(dim: 0, flat)
      if scaleGradByFrequency && requiresGrad {
        let counts = Tensor.zeros([size(0)], dtype: rows.dtype).indexAdd(dim: 0, index: flat, Tensor.ones([flat.elementCount], dtype: rows.dtype))
        let share = counts.indexSelect(dim: 0, flat).unsqueeze(dim: 1).reciprocal()
        // The value is the row's, the gradient the share's.
        rows = rows * share + (rows * (1 - share)).detach()
      }
      if let paddingIndex {
        if paddingIndex >= size(0) || paddingIndex < -size(0) {
          throw TensorError.index("embedding: paddingIndex \(paddingIndex) is out of range for \(size(0)) rows")
        }
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
