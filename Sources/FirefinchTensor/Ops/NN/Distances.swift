import FirefinchCore

extension Tensor {
  /// The p-norm of the differences along the last dim, `eps` added to each difference. Same as `F.pairwise_distance`.
  public func pairwiseDistance(_ other: Tensor, p: Double = 2, eps: Double = 1e-6, keepDim: Bool = false) -> Tensor {
    (self - other + eps).vectorNorm(p, dim: [-1], keepDim: keepDim)
  }

  /// Divided by the p-norm along `dim`, which counts as at least `eps`. Same as `F.normalize`.
  public func normalize(p: Double = 2, dim: [Int] = [1], eps: Double = 1e-12) -> Tensor {
    self / vectorNorm(p, dim: dim, keepDim: true).clamp(min: eps).expand(shape)
  }

  /// Each channel divided by a power of the mean square of its `size` neighbours: (N, C, …). Krizhevsky et al. (2012); same
  /// as `F.local_response_norm`.
  public func localResponseNorm(_ size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank < 3 { throw TensorError.shape("localResponseNorm: expected (N, C, …) of at least 3 dims, got shape \(shape)") }
      if size < 1 { throw TensorError.value("localResponseNorm: the size must be positive, got \(size)") }
      if elementCount == 0 { return self }
      let squares = square().movedim(1, -1)
      let padded = squares.pad([size / 2, (size - 1) / 2])
      let sums = padded.unfold(dim: -1, size: size, step: 1).sum(dim: -1).movedim(-1, 1)
      let means = dtype.isInteger ? sums.truncDivide(Tensor(size)) : sums / size
      return self / (means * alpha + k).pow(beta)
    }
  }

  /// The first half along `dim` times the sigmoid of the second. Same as `F.glu`.
  public func glu(dim: Int = -1) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank == 0 { throw TensorError.shape("glu: a 0-dim tensor has no halves") }
      let d = try Layout.wrap(dim: dim, rank: rank, op: "glu")
      if shape[d] % 2 != 0 { throw TensorError.shape("glu: dim \(d) must have an even size, got \(shape[d])") }
      let half = shape[d] / 2
      return narrow(dim: d, start: 0, length: half) * narrow(dim: d, start: half, length: half).sigmoid()
    }
  }

  /// y[k] = x1ᵀ · weight[k] · x2 + bias[k] over the last dims: weight (out, in1, in2). Same as `F.bilinear`.
  public func bilinear(_ other: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || other.isPoisoned || weight.isPoisoned { return ErrorScope.poison() }
      let fits = weight.rank == 3 && rank == other.rank && rank > 0 && size(-1) == weight.size(1)
      if !fits || other.size(-1) != weight.size(2) || !shape.dropLast().elementsEqual(other.shape.dropLast()) {
        throw TensorError.shape("bilinear: inputs \(shape) and \(other.shape) do not fit weight (out, in1, in2) of \(weight.shape)")
      }
      let (out, n, m) = (weight.size(0), weight.size(1), weight.size(2))
      let rows = elementCount / Swift.max(n, 1)
      let count = n == 0 ? shape.dropLast().reduce(1, *) : rows
      // (rows, in1) @ (in1, out · in2), then weighted by the second input.
      let partial = reshape([count, n]).matmul(weight.permute(1, 0, 2).reshape([n, out * m])).reshape([count, out, m])
      var result = partial.matmul(other.reshape([count, m, 1])).reshape(Shape(Array(shape.dropLast()) + [out]))
      if let bias { result = result + bias }
      return result
    }
  }

  /// (…, C · r², H, W) as (…, C, H · r, W · r). Same as `F.pixel_shuffle`.
  public func pixelShuffle(_ factor: Int) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank < 3 || factor < 1 || size(-3) % (factor * factor) != 0 {
        throw TensorError.shape("pixelShuffle: shape \(shape) cannot be shuffled by \(factor): the channels must divide by its square")
      }
      let outer = Array(shape.dropLast(3)), (c, h, w) = (size(-3) / (factor * factor), size(-2), size(-1))
      let n = outer.count
      let split = reshape(Shape(outer + [c, factor, factor, h, w]))
      return split.permute(Array(0..<n) + [n, n + 3, n + 1, n + 4, n + 2]).reshape(Shape(outer + [c, h * factor, w * factor]))
    }
  }

  /// Undoes `pixelShuffle`. Same as `F.pixel_unshuffle`.
  public func pixelUnshuffle(_ factor: Int) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank < 3 || factor < 1 || size(-2) % factor != 0 || size(-1) % factor != 0 {
        throw TensorError.shape("pixelUnshuffle: height and width of \(shape) must divide by \(factor)")
      }
      let outer = Array(shape.dropLast(3)), (c, h, w) = (size(-3), size(-2) / factor, size(-1) / factor)
      let n = outer.count
      let split = reshape(Shape(outer + [c, h, factor, w, factor]))
      return split.permute(Array(0..<n) + [n, n + 2, n + 4, n + 1, n + 3])
        .reshape(Shape(outer + [c * factor * factor, h, w]))
    }
  }

  /// The channels of (N, C, …) in `groups`, one of each group after another. Same as `F.channel_shuffle`.
  public func channelShuffle(_ groups: Int) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank < 3 || groups < 1 || size(1) % groups != 0 {
        throw TensorError.shape("channelShuffle: the channels of shape \(shape) cannot be divided into \(groups) groups")
      }
      let rest = Array(shape.dropFirst(2))
      return reshape(Shape([size(0), groups, size(1) / groups] + rest)).transpose(1, 2).reshape(shape)
    }
  }

  /// `leakyRelu` with a slope drawn for each element from `lower...upper` in training, their mean else. Same as `F.rrelu`.
  public func rrelu(
    lower: Double = 1.0 / 8, upper: Double = 1.0 / 3, training: Bool = false, generator: Generator = .default
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if lower > upper { throw TensorError.value("rrelu: lower \(lower) is above upper \(upper)") }
      if !training { return leakyRelu(negativeSlope: (lower + upper) / 2) }
      let isNegative = detach() .<= 0
      let count = isNegative.countNonzero().intValue
      let drawn = Tensor.empty([count], dtype: dtype).uniform_(lower, upper, generator: generator)
      return self * onesLike().detach().maskedScatter(isNegative, drawn)
    }
  }

  /// Dropout's gradient: this gradient where the mask is true, scaled. Same as `torch.native_dropout_backward`.
  public func dropoutBackward(_ mask: Tensor, scale: Double) -> Tensor { self * (mask.to(dtype) * scale) }

  /// How segments are joined. Same words as `torch.segment_reduce`.
  public enum SegmentReduction: String, Sendable, CaseIterable { case sum, mean, max, min, prod }

  /// Runs of slices of dim `axis` joined, their lengths (…, segments) for the dims before; `initial` begins each, and fills
  /// empty ones. Same as `torch.segment_reduce`.
  public func segmentReduce(
    _ reduce: SegmentReduction, lengths: Tensor, axis: Int = 0, initial: Double? = nil, checked: Bool = true
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || lengths.isPoisoned { return ErrorScope.poison() }
      let d = try Layout.wrap(dim: axis, rank: rank, op: "segmentReduce")
      if lengths.rank != d + 1 || !lengths.dtype.isInteger || !lengths.shape.dropLast().elementsEqual(shape.prefix(d)) {
        throw TensorError.shape("segmentReduce: lengths of shape \(lengths.shape) do not fit dim \(d) of shape \(shape)")
      }
      let outer = shape.prefix(d).reduce(1, *), n = shape[d], inner = shape.dropFirst(d + 1).reduce(1, *)
      let segments = lengths.size(-1)
      let counts = lengths.to(.int64).array(Int.self)
      // Slices behind the last segment belong to none.
      var owner = [Int](repeating: -1, count: outer * n)
      for o in 0..<outer {
        var at = 0
        for s in 0..<segments {
          let length = counts[o * segments + s]
          if length < 0 || at + length > n { throw TensorError.value("segmentReduce: the lengths do not sum to \(n), the size of dim \(d)") }
          for i in at..<at + length { owner[o * n + i] = o * segments + s }
          at += length
        }
        if checked && at != n { throw TensorError.value("segmentReduce: the lengths sum to \(at), not to \(n), the size of dim \(d)") }
      }
      let used = owner.indices.filter { owner[$0] >= 0 }
      let every = reshape([outer * n, inner])
      let rows = used.count == owner.count ? every : every.indexSelect(dim: 0, Tensor(used))
      let index = Tensor(used.map { owner[$0] })
      let total = lengths.reshape([outer * segments, 1]).to(dtype)
      let empty = (total .== 0)
      func start(_ usual: Double) -> Tensor { Tensor.full([outer * segments, inner], initial ?? usual, dtype: dtype) }
      let result: Tensor
      switch reduce {
      case .sum: result = start(0).indexAdd(dim: 0, index: index, rows)
      case .mean:
        let sums = start(0).indexAdd(dim: 0, index: index, rows)
        result = Tensor.where(empty, initial ?? Double.nan, sums / total.clamp(min: 1))
      case .max: result = start(-Double.infinity).indexReduce(dim: 0, index: index, rows, .amax)
      case .min: result = start(Double.infinity).indexReduce(dim: 0, index: index, rows, .amin)
      case .prod: result = start(1).indexReduce(dim: 0, index: index, rows, .prod)
      }
      return result.reshape(Shape(Array(shape.prefix(d)) + [segments] + shape.dropFirst(d + 1)))
    }
  }
}
