import FirefinchCore

/// Dropout in its forms; the same seed drops the same elements as PyTorch does on the CPU.
extension Tensor {
  private func mask(_ shape: Shape, _ p: Double, _ generator: Generator) throws -> Tensor {
    let result = noise(shape)
    try result.drawn { try generator.fillDropoutMask($0, dtype: dtype, count: $1, p: p) }
    return result
  }

  /// Memory for random factors, laid out as this tensor where it has its shape.
  private func noise(_ shape: Shape) -> Tensor {
    shape == self.shape ? emptyLike() : Tensor(empty: shape, dtype: dtype)
  }

  /// Everything dropped: no number is drawn.
  private var dropped: Tensor { self * Tensor.zeros([], dtype: dtype) }

  private func checkProbability(_ p: Double, _ op: String) throws {
    if !(p >= 0 && p <= 1) { throw TensorError.value("\(op): the probability must be within 0...1, got \(p)") }
  }

  /// Elements set to 0 with probability `p`, the others divided by 1 - p; the identity when not training. Same as
  /// `F.dropout`.
  public func dropout(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      try checkProbability(p, "dropout")
      if !training || p == 0 || isPoisoned || device != .cpu || elementCount == 0 { return self }
      if p == 1 { return dropped }
      return self * (try mask(shape, p, generator))
    }
  }

  /// Factors for whole channels of (N, C, …).
  private func channels(_ op: String) throws -> Shape {
    if rank < 2 { throw TensorError.shape("\(op): expected (N, C, …), got shape \(shape)") }
    var channels = Shape(repeating: 1, count: rank)
    (channels[0], channels[1]) = (size(0), size(1))
    return channels
  }

  /// Whole channels of (N, C, …) set to 0. Same as `torch.feature_dropout`, and as `F.dropout2d` and `F.dropout3d` for
  /// batches.
  public func featureDropout(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      try checkProbability(p, "featureDropout")
      if !training || p == 0 || isPoisoned || device != .cpu || elementCount == 0 { return self }
      if p == 1 { return dropped }
      return self * (try mask(try channels("featureDropout"), p, generator))
    }
  }

  /// Whole channels of (N, C, L) or (C, L) set to 0. Same as `F.dropout1d`.
  public func dropout1d(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      try checkProbability(p, "dropout1d")
      if rank != 2 && rank != 3 && !isPoisoned {
        throw TensorError.shape("dropout1d: expected (N, C, L) or (C, L), got shape \(shape)")
      }
      if rank == 3 { return featureDropout(p, training: training, generator: generator) }
      return unsqueeze(dim: 0).featureDropout(p, training: training, generator: generator).squeeze(dim: 0)
    }
  }

  /// Whole channels of (N, C, H, W) set to 0; of other shapes what shares the first two dims. Same as `F.dropout2d`.
  public func dropout2d(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    featureDropout(p, training: training, generator: generator)
  }

  /// Whole channels of (N, C, D, H, W) set to 0; any other shape counts as (C, …). Same as `F.dropout3d`.
  public func dropout3d(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    if rank == 5 { return featureDropout(p, training: training, generator: generator) }
    return unsqueeze(dim: 0).featureDropout(p, training: training, generator: generator).squeeze(dim: 0)
  }

  /// Dropout that keeps mean and variance under SELU. Same as `F.alpha_dropout`.
  public func alphaDropout(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    alpha("alphaDropout", p, training, generator) { $0.shape }
  }

  /// `alphaDropout` of whole channels of (N, C, …). Same as `F.feature_alpha_dropout`.
  public func featureAlphaDropout(_ p: Double = 0.5, training: Bool = true, generator: Generator = .default) -> Tensor {
    alpha("featureAlphaDropout", p, training, generator) { try $0.channels("featureAlphaDropout") }
  }

  private func alpha(
    _ op: String, _ p: Double, _ training: Bool, _ generator: Generator, _ factors: (Tensor) throws -> Shape
  ) -> Tensor {
    ErrorScope.guarding {
      try checkProbability(p, op)
      if !training || p == 0 || isPoisoned || device != .cpu || elementCount == 0 { return self }
      if p == 1 { return dropped }
      if !dtype.isFloatingPoint { throw TensorError.dtype("\(op): expected a floating dtype, got \(dtype.name)") }
      let alpha = 1.7580993408473766
      let a = 1 / ((alpha * alpha * p + 1) * (1 - p)).squareRoot()
      let kept = noise(try factors(self))
      try kept.drawn { try generator.fillBernoulli($0, dtype: dtype, count: $1, p: 1 - p) }
      let shift = (kept - 1) * (alpha * a) + alpha * a * p
      return self * (kept * a) + shift
    }
  }

  /// Samples of the categories whose log probabilities lie along `dim`, as a softmax of temperature `tau`, or with `hard`
  /// as ones and zeros through which gradients flow as through the softmax. Same as `F.gumbel_softmax`.
  public func gumbelSoftmax(
    tau: Double = 1, hard: Bool = false, dim: Int = -1, generator: Generator = .default
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let noise = withNoGrad { emptyLike().exponential_(generator: generator).log() }
      let soft = ((self - noise) / tau).softmax(dim: dim)
      if !hard { return soft }
      let chosen = withNoGrad {
        soft.zerosLike().scatter(dim: dim, index: soft.detach().argmax(dim: dim, keepDim: true), 1.0)
      }
      return chosen - soft.detach() + soft
    }
  }
}
