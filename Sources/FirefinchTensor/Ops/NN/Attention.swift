import FirefinchCore

extension Tensor {
  /// softmax(q kᵀ · scale + mask) v for q (…, L, E), k (…, S, E), v (…, S, Ev): (…, L, Ev).
  ///
  /// - Parameters:
  ///   - mask: added to the scores, or bool with true where attending is allowed; broadcasts to (…, L, S).
  ///   - isCausal: position i attends to 0...i only.
  ///   - scale: 1 / √E when nil.
  /// Same as `F.scaled_dot_product_attention`.
  public func scaledDotProductAttention(
    _ key: Tensor, _ value: Tensor, mask: Tensor? = nil, dropoutP: Double = 0, isCausal: Bool = false, scale: Double? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || key.isPoisoned || value.isPoisoned { return ErrorScope.poison() }
      if mask != nil && isCausal {
        throw TensorError.value("scaledDotProductAttention: give a mask or isCausal, not both")
      }
      if rank < 2 || key.rank < 2 || value.rank < 2 || size(-1) != key.size(-1) || key.size(-2) != value.size(-2) {
        throw TensorError.shape(
          "scaledDotProductAttention: query \(shape), key \(key.shape) and value \(value.shape) do not fit together")
      }
      let factor = scale ?? 1 / Double(size(-1)).squareRoot()
      var scores = (self * factor).matmul(key.mT)
      if isCausal {
        let allowed = Tensor.arange(size(-2)).unsqueeze(dim: 1) .>= Tensor.arange(key.size(-2))
        scores = Tensor.where(allowed, scores, -Double.infinity)
      } else if let mask {
        scores = mask.dtype == .bool ? Tensor.where(mask, scores, -Double.infinity) : scores + mask
      }
      var weights = scores.softmax(dim: -1)
      if mask?.dtype == .bool || mask != nil {
        // A row that may attend to nothing gives 0, as in PyTorch.
        weights = Tensor.where(scores .== -Double.infinity, 0, weights)
      }
      if dropoutP > 0 { weights = weights.dropout(dropoutP) }
      return weights.matmul(value)
    }
  }
}
