import FirefinchCore

/// Seeds the default generator; the same seed gives PyTorch's own numbers on the CPU. Same as `torch.manual_seed`.
public func manualSeed(_ seed: Int) { Generator.default.manualSeed(seed) }

/// Runs `body` with the default generator seeded, and puts its state back afterwards.
public func withSeed<R>(_ seed: Int, _ body: () throws -> R) rethrows -> R { try Generator.default.withSeed(seed, body) }

/// Random tensors. All take a generator; the default one is PyTorch's.
extension Tensor {
  /// This tensor with its dims in the order in which they lie in memory, outermost first: the order of random fills.
  private var asInMemory: Tensor { alias(layout: layout.permuted(Array(layout.denseOrder.reversed()))) }

  /// Fills memory by `draw`, in the order in which the elements lie there.
  func drawn(_ draw: (UnsafeMutableRawPointer, Int) throws -> Void) throws {
    if device != .cpu { return }
    // Also without elements: the parameters are checked there.
    if isContiguous || elementCount == 0 || layout.isDense { return try draw(data, elementCount) }
    let target = asInMemory
    let dense = Tensor(empty: target.shape, dtype: dtype)
    try draw(dense.data, elementCount)
    target.copyData(from: dense)
  }

  /// An in-place draw: checks as for any in-place operation, and forgets the history as `fill_` does.
  private func drawInPlace(_ op: String, _ draw: (UnsafeMutableRawPointer, Int) throws -> Void) -> Tensor {
    if isPoisoned { return self }
    return ErrorScope.guarding {
      try InPlace.checkHistory(self, op: op)
      let node = Op.fill.node(OpCall(op: Op.fill, arguments: [.tensor(self), .scalar(.int(0))]), [self], [self])
      try drawn(draw)
      InPlace.commit(self, node)
      return self
    }
  }

  private static func fresh(
    _ shape: Shape, _ dtype: DType?, _ op: String, _ draw: (Tensor) throws -> Void
  ) -> Tensor {
    ErrorScope.guarding {
      try checkSizes(shape, op: op)
      let result = Tensor(empty: shape, dtype: dtype ?? DType.defaultFloat)
      try draw(result)
      return result
    }
  }

  /// Uniform numbers in [0, 1). Same as `torch.rand`.
  public static func rand(_ shape: Shape, dtype: DType? = nil, generator: Generator = .default) -> Tensor {
    fresh(shape, dtype, "rand") { try generator.fillUniform($0.data, dtype: $0.dtype, count: $0.elementCount) }
  }
  /// Uniform numbers in [0, 1). Same as `torch.rand`.
  public static func rand(_ sizes: Int...) -> Tensor { rand(Shape(sizes)) }

  /// Numbers of mean 0 and variance 1. Same as `torch.randn`.
  public static func randn(_ shape: Shape, dtype: DType? = nil, generator: Generator = .default) -> Tensor {
    fresh(shape, dtype, "randn") {
      try generator.fillNormal($0.data, dtype: $0.dtype, count: $0.elementCount, mean: 0, std: 1)
    }
  }
  /// Numbers of mean 0 and variance 1. Same as `torch.randn`.
  public static func randn(_ sizes: Int...) -> Tensor { randn(Shape(sizes)) }

  /// Integers in low..<high. Same as `torch.randint`.
  public static func randint(
    _ low: Int = 0, _ high: Int, _ shape: Shape, dtype: DType = .int64, generator: Generator = .default
  ) -> Tensor {
    fresh(shape, dtype, "randint") {
      try generator.fillRandom($0.data, dtype: $0.dtype, count: $0.elementCount, from: low, to: high)
    }
  }

  /// 0..<count in random order. Same as `torch.randperm`.
  public static func randperm(_ count: Int, dtype: DType = .int64, generator: Generator = .default) -> Tensor {
    fresh([count], dtype, "randperm") {
      try generator.fillPermutation($0.data, dtype: $0.dtype, count: count)
    }
  }

  /// Normal numbers of the given mean and deviation. Same as `torch.normal`.
  public static func normal(
    mean: Double, std: Double, _ shape: Shape, dtype: DType? = nil, generator: Generator = .default
  ) -> Tensor {
    fresh(shape, dtype, "normal") {
      try generator.fillNormal($0.data, dtype: $0.dtype, count: $0.elementCount, mean: mean, std: std)
    }
  }

  /// `rand` with this tensor's shape and dtype. Same as `torch.rand_like`.
  public func randLike(dtype: DType? = nil, generator: Generator = .default) -> Tensor {
    isPoisoned ? self : emptyLike(dtype: dtype).uniform_(generator: generator)
  }
  /// `randn` with this tensor's shape and dtype. Same as `torch.randn_like`.
  public func randnLike(dtype: DType? = nil, generator: Generator = .default) -> Tensor {
    isPoisoned ? self : emptyLike(dtype: dtype).normal_(generator: generator)
  }

  /// 1 with the probability each element says, else 0. Same as `torch.bernoulli`.
  public func bernoulli(generator: Generator = .default) -> Tensor {
    let p = detach().contiguous()
    return Tensor.fresh(shape, dtype, "bernoulli") {
      try generator.fillBernoulli(
        $0.data, dtype: $0.dtype, count: $0.elementCount, probabilities: p.data, probabilityDType: p.dtype)
    }.drawn(from: self)
  }

  /// 1 with probability `p` for each element, else 0. Same as `torch.bernoulli(input, p)`.
  public func bernoulli(_ p: Double, generator: Generator = .default) -> Tensor {
    Tensor.fresh(shape, dtype, "bernoulli") {
      try generator.fillBernoulli($0.data, dtype: $0.dtype, count: $0.elementCount, p: p)
    }
  }

  /// Indices drawn with these weights, (n) or (rows, n). Same as `torch.multinomial`.
  public func multinomial(_ samples: Int, replacement: Bool = false, generator: Generator = .default) -> Tensor {
    ErrorScope.guarding {
      if rank < 1 || rank > 2 || !dtype.isFloatingPoint {
        throw TensorError.shape("multinomial: expected floating-point weights (n) or (rows, n), got \(dtype.name) \(shape)")
      }
      if samples < 1 { throw TensorError.value("multinomial: cannot draw \(samples) samples; ask for at least 1") }
      let weights = detach().contiguous()
      let rows = rank == 2 ? size(0) : 1
      let result = Tensor(empty: rank == 2 ? [rows, samples] : [samples], dtype: .int64)
      try generator.fillMultinomial(
        result.pointer(Int64.self), weights: weights.data, dtype: dtype, rows: rows, categories: size(-1),
        samples: samples, replacement: replacement)
      return result
    }
  }

  /// Fills with uniform numbers in [from, to). Same as `Tensor.uniform_`.
  @discardableResult
  public func uniform_(_ from: Double = 0, _ to: Double = 1, generator: Generator = .default) -> Tensor {
    drawInPlace("uniform_") { try generator.fillUniform($0, dtype: dtype, count: $1, from: from, to: to) }
  }
  /// Fills with normal numbers. Same as `Tensor.normal_`.
  @discardableResult
  public func normal_(mean: Double = 0, std: Double = 1, generator: Generator = .default) -> Tensor {
    drawInPlace("normal_") {
      try generator.fillNormal($0, dtype: dtype, count: $1, mean: mean, std: std, contiguous: isContiguous)
    }
  }
  /// Fills with normal numbers limited to [low, high]. Same as `nn.init.trunc_normal_`.
  @discardableResult
  public func truncNormal_(
    mean: Double = 0, std: Double = 1, low: Double = -2, high: Double = 2, generator: Generator = .default
  ) -> Tensor {
    drawInPlace("truncNormal_") {
      try generator.fillTruncatedNormal($0, dtype: dtype, count: $1, mean: mean, std: std, low: low, high: high)
    }
  }
  /// Fills with 1 (probability p) and 0. Same as `Tensor.bernoulli_`.
  @discardableResult public func bernoulli_(_ p: Double = 0.5, generator: Generator = .default) -> Tensor {
    drawInPlace("bernoulli_") { try generator.fillBernoulli($0, dtype: dtype, count: $1, p: p) }
  }
  /// Fills with integers in from..<to; `to` nil means the dtype's whole range from `from`. Same as `Tensor.random_`.
  @discardableResult public func random_(from: Int = 0, to: Int? = nil, generator: Generator = .default) -> Tensor {
    drawInPlace("random_") {
      if from == 0 && to == nil { return try generator.fillRandom($0, dtype: dtype, count: $1) }
      try generator.fillRandom($0, dtype: dtype, count: $1, from: from, to: to)
    }
  }
  /// Fills from an exponential distribution of rate lambda. Same as `Tensor.exponential_`.
  @discardableResult public func exponential_(_ lambda: Double = 1, generator: Generator = .default) -> Tensor {
    drawInPlace("exponential_") { try generator.fillExponential($0, dtype: dtype, count: $1, lambda: lambda) }
  }
  /// Fills with the number of trials until a success of probability p. Same as `Tensor.geometric_`.
  @discardableResult public func geometric_(_ p: Double, generator: Generator = .default) -> Tensor {
    drawInPlace("geometric_") { try generator.fillGeometric($0, dtype: dtype, count: $1, p: p) }
  }
  /// Fills with 1 and 0, the probability of 1 being that of the same place in `p`, which broadcasts. Same as
  /// `Tensor.bernoulli_(p)`.
  @discardableResult public func bernoulli_(_ p: Tensor, generator: Generator = .default) -> Tensor {
    drawInPlace("bernoulli_") {
      let dims = layout.denseOrder.reversed()
      let dense = withNoGrad { p.detach().expand(shape).permute(Array(dims)).contiguous() }
      if dense.isPoisoned { return }
      try generator.fillBernoulli($0, dtype: dtype, count: $1, probabilities: dense.data, probabilityDType: p.dtype)
    }
  }
  /// Fills from a Cauchy distribution. Same as `Tensor.cauchy_`.
  @discardableResult public func cauchy_(median: Double = 0, sigma: Double = 1, generator: Generator = .default) -> Tensor {
    drawInPlace("cauchy_") { try generator.fillCauchy($0, dtype: dtype, count: $1, median: median, sigma: sigma) }
  }
  /// Fills with exp of normal numbers. Same as `Tensor.log_normal_`.
  @discardableResult public func logNormal_(mean: Double = 1, std: Double = 2, generator: Generator = .default) -> Tensor {
    drawInPlace("log_normal_") { try generator.fillLogNormal($0, dtype: dtype, count: $1, mean: mean, std: std) }
  }
}
