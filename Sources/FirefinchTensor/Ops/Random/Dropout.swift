import FirefinchCore

/// Dropout in its forms; the same seed drops the same elements as PyTorch does on the CPU.
extension Tensor {
  private func mask(_ shape: Shape, _ p: Double, _ generator: Generator) throws -> Tensor {
    let result = Tensor(empty: shape, dtype: dtype)
    try generator.fillDropoutMask(result.data, dtype: dtype, count: result.elementCount, p: p)
    return result
  }

  private func checkProbability(_ p: Double, _ op: String) throws {
    if !(p >= 0 && p <= 1) { throw TensorError.value("\(op): the probability must be within 0...1, got \(p)") }
  }

  /// Elements set to 0 with probability `p`, the others divided by 1 - p; the identity when not training. Same as
  /// `F.dropout`.
  public func dropout(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      try checkProbability(p, "dropout")
      if !training || p == 0 || isPoisoned || device != .cpu { return self }
      return self * (try mask(shape, p, generator))
    }
  }

  /// Whole channels of (N, C, …) set to 0. Same as `F.dropout1d`, `F.dropout2d` and `F.dropout3d`.
  public func featureDropout(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      try checkProbability(p, "featureDropout")
      if rank < 2 && !isPoisoned {
        throw TensorError.shape("featureDropout: expected (N, C, …), got shape \(shape)")
      }
      if !training || p == 0 || isPoisoned || device != .cpu { return self }
      var channels = Shape(repeating: 1, count: rank)
      (channels[0], channels[1]) = (size(0), size(1))
      return self * (try mask(channels, p, generator))
    }
  }

  /// Dropout that keeps mean and variance under SELU. Same as `F.alpha_dropout`.
  public func alphaDropout(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      try checkProbability(p, "alphaDropout")
      if !training || p == 0 || isPoisoned || device != .cpu { return self }
      if p == 1 { return self * 0 }
      let alpha = 1.7580993408473766
      let a = 1 / ((alpha * alpha * p + 1) * (1 - p)).squareRoot()
      let kept = Tensor(empty: shape, dtype: dtype)
      try generator.fillBernoulli(kept.data, dtype: dtype, count: kept.elementCount, p: 1 - p)
      let shift = (kept - 1) * (alpha * a) + alpha * a * p
      return self * (kept * a) + shift
    }
  }
}
