import FirefinchCore

/// Random tensors whose parameters are tensors, or that follow another tensor.
extension Tensor {
  /// This draw as a function of its parameters, of which it has zero gradients, as in PyTorch.
  func drawn(from parameters: Tensor...) -> Tensor {
    if isPoisoned || !GradMode.isEnabled { return self }
    return parameters.reduce(self) { $1.requiresGrad ? $0 + Op.fill(.tensor($1), .int(0)) : $0 }
  }

  /// `randint` with this tensor's shape and, unless given, dtype. Same as `torch.randint_like`.
  public func randintLike(
    _ low: Int = 0, _ high: Int, dtype: DType? = nil, generator: Generator = .default
  ) -> Tensor {
    isPoisoned ? self : emptyLike(dtype: dtype).random_(from: low, to: high, generator: generator)
  }

  private static func checkDeviation(_ std: Tensor) throws {
    if std.dtype.isComplex { throw TensorError.dtype("normal: the deviation must be real, got \(std.dtype.name)") }
    if std.elementCount > 0 && std.device == .cpu && std.detach().min().doubleValue < 0 {
      throw TensorError.value("normal: every deviation must be 0 or more, got \(std.detach().min().doubleValue)")
    }
  }

  /// Normal numbers, each with the mean and deviation of its place; the tensors broadcast, the dtype is the mean's. Same as
  /// `torch.normal`.
  public static func normal(mean: Tensor, std: Tensor, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      if mean.isPoisoned || std.isPoisoned { return ErrorScope.poison() }
      try checkDeviation(std)
      let shape = try Layout.broadcast(mean.shape, std.shape, op: "normal")
      return withNoGrad {
        normal(mean: 0, std: 1, shape, dtype: mean.dtype, generator: generator).mul_(std).add_(mean)
      }.drawn(from: mean, std)
    }
  }
  /// Normal numbers, each with the mean of its place. Same as `torch.normal`.
  public static func normal(mean: Tensor, std: Double = 1, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      if mean.isPoisoned { return mean }
      return withNoGrad { normal(mean: 0, std: std, mean.shape, dtype: mean.dtype, generator: generator).add_(mean) }
        .drawn(from: mean)
    }
  }
  /// Normal numbers, each with the deviation of its place. Same as `torch.normal`.
  public static func normal(mean: Double, std: Tensor, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      if std.isPoisoned { return std }
      try checkDeviation(std)
      return withNoGrad {
        normal(mean: 0, std: 1, std.shape, dtype: std.dtype, generator: generator).mul_(std).add_(mean)
      }.drawn(from: std)
    }
  }

  /// Poisson distributed counts, each with the rate of its place. Same as `torch.poisson`.
  public func poisson(generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let rates = detach().contiguous()
      let result = Tensor(empty: shape, dtype: dtype)
      try generator.fillPoisson(result.data, rates: rates.data, dtype: dtype, count: result.elementCount)
      return result.drawn(from: self)
    }
  }
}
