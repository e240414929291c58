import FirefinchCore
import FirefinchCPU

/// How the losses of the elements become one result.
public enum Reduction: String, Sendable {
  /// The mean, for class targets weighted by the classes' weights.
  case mean
  case sum
  /// Every element's own loss.
  case none

  /// The reduced loss.
  func callAsFunction(_ losses: Tensor) -> Tensor {
    switch self {
    case .mean: losses.mean()
    case .sum: losses.sum()
    case .none: losses
    }
  }
}

/// What the mean squared error and its gradient compute; scalar 0 is the number of elements or the factor.
private enum SquaredError {
  static let square = Reduce.function("square", inputs: 2, (.input(0) - .input(1)) * (.input(0) - .input(1)))
  static let mean = Reduce.function("mean", .input(0) / .scalar(0))
  static let sum = Reduce.function("sum", .input(0))
  static let slope = PointwiseFunction(
    name: "mse_loss_backward", inputs: 3, rule: .promote, exprs: [(.input(0) - .input(1)) * (.input(2) * .scalar(0))])
}

extension Op {
  /// `reduction` is 1 for the mean and 2 for the sum.
  static let mseLoss: Op = Op.structured(
    "mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", saves: .inputs(0, 1),
    plan: { call in
      let (x, y) = (call.tensor(0), call.tensor(1))
      if x.shape != y.shape || x.dtype != y.dtype || !x.dtype.isFloatingPoint {
        throw TensorError.shape(
          "mseLoss: expected floating-point tensors of one shape and dtype, got \(x.shape) \(x.dtype.name) and "
            + "\(y.shape) \(y.dtype.name)")
      }
      return [TensorSpec([], x.dtype)]
    },
    forward: { call, results in
      let (x, y) = (call.tensor(0).detach(), call.tensor(1).detach())
      Reduce.run(
        .sum, map: SquaredError.square, inputs: [x, y], compute: x.dtype.registerClass, shape: x.shape,
        dims: Array(0..<x.rank), finish: call.int(2) == 1 ? SquaredError.mean : SquaredError.sum, into: results[0])
    },
    derivative: { c in
      let (x, y, g) = (c.input(0), c.input(1), c.grad())
      let factor = c.int(2) == 1 ? 2 / Double(x.elementCount) : 2
      let slope: Tensor
      if GradMode.isEnabled {
        slope = (x - y) * (g * factor)
      } else {
        slope = ErrorScope.guarding {
          try PointwiseCall(name: "mse_loss_backward", SquaredError.slope, [x, y, g], [.double(factor)], []).fresh()[0]
        }
      }
      return [c.needs(0) ? slope : nil, c.needs(1) ? -slope : nil]
    },
    samples: {
      let x = Tensor([0.5, -1.25, 2.0, 1.5], shape: [2, 2], dtype: .float64)
      let y = Tensor([0.25, 0.75, -1.0, 1.0], shape: [2, 2], dtype: .float64)
      return [
        Sample(.tensor(x), .tensor(y)), Sample(.tensor(x), .tensor(y), .int(2)),
        Sample(error: "mseLoss", "[2]", arguments: [.tensor(x), .tensor(Tensor.ones([2], dtype: .float64))]),
      ]
    })

  /// Per-row cross-entropy of logits (rows, classes) and the rows' log-sum-exp, in one pass; weighted by class, 0 for
  /// ignored targets.
  static let crossEntropyRows: Op = Op.structured(
    "cross_entropy_rows(Tensor self, Tensor target, Tensor? weight=None, int ignore_index=-100, float label_smoothing=0.0) -> (Tensor, Tensor)",
    saves: Op.Saves(inputs: [0, 1, 2], outputs: [1]),
    differentiableResults: 1,
    plan: { call in
      let (x, target) = (call.tensor(0), call.tensor(1))
      if x.rank != 2 || target.rank != 1 || x.size(0) != target.size(0) {
        throw TensorError.shape(
          "crossEntropy: expected logits (N, C) and N targets, got shapes \(x.shape) and \(target.shape)")
      }
      if !x.dtype.isFloatingPoint || !target.dtype.isInteger {
        throw TensorError.dtype(
          "crossEntropy: expected floating-point logits and integer classes, got \(x.dtype.name) and \(target.dtype.name)")
      }
      if let weight = call.optionalTensor(2), weight.shape != [x.size(1)] {
        throw TensorError.shape("crossEntropy: weight has shape \(weight.shape), expected [\(x.size(1))]")
      }
      return [TensorSpec([x.size(0)], x.dtype), TensorSpec([x.size(0)], x.dtype == .float64 ? .float64 : .float32)]
    },
    forward: { call, results in
      let x = Dense.of(call.tensor(0))
      let target = withNoGrad { call.tensor(1).detach().to(.int64).contiguous() }
      let weight = withNoGrad { call.optionalTensor(2)?.detach().to(x.dtype).contiguous() }
      var faults = KernelFault()
      Dense.fill(results[0]) {
        faults = RowKernel.crossEntropy(
          x.dtype, rows: x.size(0), n: x.size(1), x: x.data, target: target.pointer(Int64.self), weight: weight?.data,
          ignore: call.int(3), smoothing: call.double(4), loss: $0.data, logSum: results[1].data)
      }
      if faults.contains(.index) {
        let bad = target.array(Int.self).first { $0 != call.int(3) && ($0 < 0 || $0 >= x.size(1)) }
        throw TensorError.index(
          "crossEntropy: target \(bad.map(String.init) ?? "?") is out of range for \(x.size(1)) classes")
      }
    },
    derivative: { c in
      let (x, target, g) = (c.input(0), c.input(1), c.grad())
      let (ignore, smoothing) = (c.int(3), c.double(4))
      if GradMode.isEnabled {
        let loss = crossEntropyComposite(x, target, c.optionalInput(2), ignore, smoothing)
        return [grad(of: [loss], wrt: [x], gradients: [g], createGraph: true)[0], nil]
      }
      let dense = Dense.of(x)
      let classes = target.to(.int64).contiguous()
      let weight = c.optionalInput(2)?.to(dense.dtype).contiguous()
      let dy = g.to(dense.dtype).contiguous()
      let result = Tensor(empty: x.shape, dtype: dense.dtype)
      RowKernel.crossEntropyBackward(
        dense.dtype, rows: x.size(0), n: x.size(1), x: dense.data, target: classes.pointer(Int64.self),
        weight: weight?.data, ignore: ignore, smoothing: smoothing, gloss: dy.data, logSum: c.output(1).data,
        gx: result.data)
      return [result, nil]
    },
    samples: {
      let x = Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3, 0.25, -2.0, 1.0], shape: [3, 3], dtype: .float64)
      let target = Tensor([2, 0, 1], dtype: .int64)
      let weight = Tensor([0.5, 1.5, 1.0], dtype: .float64)
      return [
        Sample(.tensor(x), .tensor(target)), Sample(.tensor(x), .tensor(target), .none, .int(0), .double(0.1)),
        Sample(.tensor(x), .tensor(target), .tensor(weight), .int(-100), .double(0.2), gradient: false),
        Sample(error: "out of range", arguments: [.tensor(x), .tensor(Tensor([2, 3, 1], dtype: .int64))]),
      ]
    })

  /// The same loss from differentiable operations.
  private static func crossEntropyComposite(
    _ x: Tensor, _ target: Tensor, _ weight: Tensor?, _ ignore: Int, _ smoothing: Double
  ) -> Tensor {
    let logs = x.logSoftmax(dim: 1)
    let kept = target .!= ignore
    let index = Tensor.where(kept, target, target.zerosLike()).to(.int64)
    let own = logs.gather(dim: 1, index: index.unsqueeze(dim: 1)).squeeze(dim: 1)
    let scale = weight.map { $0.to(x.dtype).indexSelect(dim: 0, index) }
    var loss = -(scale.map { own * $0 } ?? own) * (1 - smoothing)
    if smoothing > 0 {
      let all = weight.map { logs * $0.to(x.dtype) } ?? logs
      loss = loss - all.sum(dim: 1) * (smoothing / Double(x.size(1)))
    }
    return Tensor.where(kept, loss, 0)
  }
}

extension Tensor {
  /// Moves the class dim of (N, C, d1, …) last and flattens the rest: (N · d1 · …, C).
  private var classRows: Tensor {
    if rank <= 2 { return self }
    return permute([0] + Array(2..<rank) + [1]).reshape([elementCount / Swift.max(size(1), 1), size(1)])
  }

  /// Cross-entropy of logits (N, C, …) or (C) against class indices (N, …), or against class probabilities of the logits'
  /// shape. Same as `F.cross_entropy`.
  public func crossEntropy(
    _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: Reduction = .mean,
    labelSmoothing: Double = 0
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || target.isPoisoned { return ErrorScope.poison() }
      if labelSmoothing < 0 || labelSmoothing > 1 {
        throw TensorError.value("crossEntropy: labelSmoothing must be within 0...1, got \(labelSmoothing)")
      }
      if target.dtype.isFloatingPoint {
        if ignoreIndex >= 0 {
          throw TensorError.value("crossEntropy: ignoreIndex \(ignoreIndex) has no meaning for class probabilities")
        }
        return try probabilityCrossEntropy(target, weight, reduction, labelSmoothing)
      }
      if rank == 1 {
        let single = unsqueeze(dim: 0).crossEntropy(
          target.reshape([1]), weight: weight, ignoreIndex: ignoreIndex, reduction: reduction, labelSmoothing: labelSmoothing)
        return reduction == .none ? single.reshape([]) : single
      }
      var expected = shape
      if rank > 1 { expected.remove(at: 1) }
      if target.shape != expected {
        throw TensorError.shape("crossEntropy: logits of shape \(shape) need targets of shape \(expected), got \(target.shape)")
      }
      let flat = target.reshape([target.elementCount])
      let losses = Op.crossEntropyRows.results([
        .tensor(classRows), .tensor(flat), Value(weight), .int(ignoreIndex), .double(labelSmoothing),
      ])[0]
      switch reduction {
      case .none: return losses.reshape(target.shape)
      case .sum: return losses.sum()
      case .mean:
        let total = withNoGrad { flat.weightSum(weight, ignoreIndex, dtype: dtype) }
        return losses.sum() / total
      }
    }
  }

  /// The denominator of a weighted mean: how much the targets that count weigh together.
  private func weightSum(_ weight: Tensor?, _ ignore: Int, dtype: DType) -> Tensor {
    let kept = self .!= ignore
    guard let weight else { return kept.sum().to(dtype) }
    let own = weight.detach().indexSelect(dim: 0, Tensor.where(kept, self, zerosLike()).to(.int64))
    return Tensor.where(kept, own, 0).sum().to(dtype)
  }

  private func probabilityCrossEntropy(
    _ target: Tensor, _ weight: Tensor?, _ reduction: Reduction, _ smoothing: Double
  ) throws -> Tensor {
    if target.shape != shape {
      throw TensorError.shape("crossEntropy: probabilities of shape \(target.shape) do not match logits \(shape)")
    }
    let dim = rank == 1 ? 0 : 1
    let classes = Double(size(dim))
    var logs = logSoftmax(dim: dim)
    if let weight {
      var column = Shape(repeating: 1, count: rank)
      column[dim] = size(dim)
      logs = logs * weight.reshape(column)
    }
    let smooth = smoothing > 0 ? target * (1 - smoothing) + smoothing / classes : target
    let losses = -(logs * smooth).sum(dim: dim)
    return reduction == .mean ? losses.sum() / Swift.max(elementCount / size(dim), 1) : reduction(losses)
  }

  /// Negative log-likelihood of log-probabilities (N, C, …) or (C). Same as `F.nll_loss`.
  public func nllLoss(
    _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: Reduction = .mean
  ) -> Tensor {
    if rank == 1 {
      let single = unsqueeze(dim: 0).nllLoss(
        target.reshape([1]), weight: weight, ignoreIndex: ignoreIndex, reduction: reduction)
      return reduction == .none ? single.reshape([]) : single
    }
    return ErrorScope.guarding {
      var expected = shape
      expected.remove(at: 1)
      if target.shape != expected {
        throw TensorError.shape("nllLoss: input of shape \(shape) needs targets of shape \(expected), got \(target.shape)")
      }
      let flat = target.reshape([target.elementCount])
      let kept = flat .!= ignoreIndex
      let index = withNoGrad { Tensor.where(kept, flat, flat.zerosLike()).to(.int64) }
      var losses = -classRows.gather(dim: 1, index: index.unsqueeze(dim: 1)).squeeze(dim: 1)
      if let weight { losses = losses * weight.indexSelect(dim: 0, index) }
      losses = Tensor.where(kept, losses, 0)
      switch reduction {
      case .none: return losses.reshape(target.shape)
      case .sum: return losses.sum()
      case .mean: return losses.sum() / withNoGrad { flat.weightSum(weight, ignoreIndex, dtype: dtype) }
      }
    }
  }

  /// (x - target)². Same as `F.mse_loss`.
  public func mseLoss(_ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean) -> Tensor {
    if weight != nil { return weighted((self - target).square(), weight, reduction) }
    if reduction == .none || shape != target.shape || dtype != target.dtype || !dtype.isFloatingPoint || device != .cpu {
      return reduction((self - target).square())
    }
    return Op.mseLoss(.tensor(self), .tensor(target), .int(reduction == .mean ? 1 : 2))
  }
  /// |x - target|. Same as `F.l1_loss`.
  public func l1Loss(_ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean) -> Tensor {
    weighted((self - target).abs(), weight, reduction)
  }
  /// A weighted mean divides by the weights' sum.
  private func weighted(_ losses: Tensor, _ weight: Tensor?, _ reduction: Reduction) -> Tensor {
    guard let weight else { return reduction(losses) }
    let all = losses * weight
    return reduction == .mean ? all.sum() / weight.expand(losses.shape).sum() : reduction(all)
  }
  /// Quadratic within `beta`, linear beyond. Same as `F.smooth_l1_loss`.
  public func smoothL1Loss(_ target: Tensor, reduction: Reduction = .mean, beta: Double = 1) -> Tensor {
    let d = (self - target).abs()
    if beta == 0 { return reduction(d) }
    return reduction(Tensor.where(d .< beta, d.square() * (0.5 / beta), d - 0.5 * beta))
  }
  /// Quadratic within `delta`, linear beyond. Same as `F.huber_loss`.
  public func huberLoss(
    _ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean, delta: Double = 1
  ) -> Tensor {
    ErrorScope.guarding {
      if delta <= 0 { throw TensorError.value("huberLoss: delta must be positive, got \(delta)") }
      let d = (self - target).abs()
      return weighted(Tensor.where(d .<= delta, d.square() * 0.5, (d - 0.5 * delta) * delta), weight, reduction)
    }
  }
  /// Binary cross-entropy of probabilities; logarithms are limited to -100. Same as `F.binary_cross_entropy`.
  public func binaryCrossEntropy(_ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean) -> Tensor {
    let losses = (target - 1) * (1 - self).log().clamp(min: -100) - target * log().clamp(min: -100)
    return reduction(weight.map { losses * $0 } ?? losses)
  }
  /// Binary cross-entropy of logits. Same as `F.binary_cross_entropy_with_logits`.
  public func binaryCrossEntropyWithLogits(
    _ target: Tensor, weight: Tensor? = nil, posWeight: Tensor? = nil, reduction: Reduction = .mean
  ) -> Tensor {
    if shape != target.shape && !isPoisoned && !target.isPoisoned {
      return Mistake.report(
        .shape("binaryCrossEntropyWithLogits: logits of shape \(shape) need targets of that shape, got \(target.shape)"))
    }
    var losses = (1 - target) * self
    if let posWeight {
      losses = losses - ((posWeight - 1) * target + 1) * logSigmoid()
    } else {
      losses = losses - logSigmoid()
    }
    return reduction(weight.map { losses * $0 } ?? losses)
  }
  /// Kullback-Leibler divergence of log-probabilities from target probabilities; `.mean` divides by all elements unless
  /// `batchMean`. Same as `F.kl_div`.
  public func klDiv(_ target: Tensor, reduction: Reduction = .mean, logTarget: Bool = false, batchMean: Bool = false) -> Tensor {
    for x in [self, target] where !x.isPoisoned && !x.dtype.isFloatingPoint {
      return Mistake.report(.dtype("klDiv: expected floating-point tensors, got \(x.dtype.name)"))
    }
    let losses = logTarget ? target.exp() * (target - self) : target.xlogy(target) - target * self
    if batchMean { return losses.sum() / size(0) }
    return reduction(losses)
  }
  /// x where the target is 1, max(0, margin - x) where it is -1. Same as `F.hinge_embedding_loss`.
  public func hingeEmbeddingLoss(_ target: Tensor, margin: Double = 1, reduction: Reduction = .mean) -> Tensor {
    if dtype == .bool { return Mistake.report(.dtype("hingeEmbeddingLoss: expected numbers, got bool")) }
    // A whole margin leaves integers what they are.
    let gap = dtype.isInteger && margin == margin.rounded() && margin.magnitude < 1e15 ? Int(margin) - self : margin - self
    let zeros = zerosLike()
    let losses = Tensor.where(target .== 1, zeros.to(gap.dtype), gap.clamp(min: 0)) + Tensor.where(target .== -1, zeros, self)
    if reduction == .mean && losses.dtype.isInteger {
      return Mistake.report(.dtype("hingeEmbeddingLoss: integers of dtype \(dtype.name) have no mean; convert to .float32"))
    }
    return reduction(losses)
  }
  /// max(0, -target · (x1 - x2) + margin). Same as `F.margin_ranking_loss`.
  public func marginRankingLoss(
    _ other: Tensor, _ target: Tensor, margin: Double = 0, reduction: Reduction = .mean
  ) -> Tensor { reduction((-target * (self - other) + margin).clamp(min: 0)) }
  /// log(1 + exp(-target · x)). Same as `F.soft_margin_loss`.
  public func softMarginLoss(_ target: Tensor, reduction: Reduction = .mean) -> Tensor {
    if !isPoisoned && !dtype.isFloatingPoint && !dtype.isComplex {
      return Mistake.report(.dtype("softMarginLoss: expected a floating-point input, got \(dtype.name)"))
    }
    // Without softplus's threshold: PyTorch overflows to inf, too.
    return reduction((-target * self).exp().log1p())
  }
  /// Negative log-likelihood of a normal distribution. Same as `F.gaussian_nll_loss`.
  public func gaussianNLLLoss(
    _ target: Tensor, variance: Tensor, full: Bool = false, eps: Double = 1e-6, reduction: Reduction = .mean
  ) -> Tensor {
    if !variance.isPoisoned && variance.elementCount > 0 && variance.detach().to(.float64).amin().doubleValue < 0 {
      return Mistake.report(.value("gaussianNLLLoss: a variance is negative"))
    }
    if !isPoisoned && !dtype.isFloatingPoint {
      return Mistake.report(.dtype("gaussianNLLLoss: expected a floating-point input, got \(dtype.name)"))
    }
    // A variance without the last dim is that of whole rows.
    let isOfRows = !isPoisoned && variance.shape != shape && variance.shape.array == Array(shape.array.dropLast())
    let variance = isOfRows ? variance.unsqueeze(dim: -1) : variance
    let v = variance + withNoGrad { (variance.clamp(min: eps) - variance).detach() }
    var losses = (v.log() + (self - target).square() / v) * 0.5
    if full { losses = losses + 0.5 * 1.8378770664093453 }
    return reduction(losses)
  }
  /// Negative log-likelihood of a Poisson distribution. Same as `F.poisson_nll_loss`.
  public func poissonNLLLoss(
    _ target: Tensor, logInput: Bool = true, full: Bool = false, eps: Double = 1e-8, reduction: Reduction = .mean
  ) -> Tensor {
    var losses = logInput ? exp() - target * self : self - target * (self + eps).log()
    if full {
      let stirling = target * target.log() - target + (target * (2 * Double.pi)).log() * 0.5
      losses = losses + Tensor.where(target .> 1, stirling, 0)
    }
    return reduction(losses)
  }
  /// Cosine of the angle between vectors along `dim`. Same as `F.cosine_similarity`.
  public func cosineSimilarity(_ other: Tensor, dim: Int = 1, eps: Double = 1e-8) -> Tensor {
    if !isPoisoned && !other.isPoisoned && !dtype.isFloatingPoint && !other.dtype.isFloatingPoint {
      return Mistake.report(.dtype("cosineSimilarity: expected floating-point tensors, got \(dtype.name)"))
    }
    return cosine(other, dim: dim, eps: eps)
  }
  private func cosine(_ other: Tensor, dim: Int, eps: Double = 1e-8) -> Tensor {
    // The vectors' sizes are those after broadcasting.
    let pair = Tensor.broadcastTensors([self, other])
    if pair.contains(where: \.isPoisoned) { return ErrorScope.poison() }
    let a = pair[0].square().sum(dim: dim, keepDim: true).sqrt().clamp(min: eps)
    let b = pair[1].square().sum(dim: dim, keepDim: true).sqrt().clamp(min: eps)
    return ((pair[0] / a) * (pair[1] / b)).sum(dim: dim)
  }
  /// 1 - cosine where the target is 1, max(0, cosine - margin) where it is -1. Same as `F.cosine_embedding_loss`.
  public func cosineEmbeddingLoss(
    _ other: Tensor, _ target: Tensor, margin: Double = 0, reduction: Reduction = .mean
  ) -> Tensor {
    let cosine = cosine(other, dim: -1)
    return reduction(Tensor.where(target .== 1, 1 - cosine, (cosine - margin).clamp(min: 0)))
  }
  /// max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-distance. Same as `F.triplet_margin_loss`.
  public func tripletMarginLoss(
    positive: Tensor, negative: Tensor, margin: Double = 1, p: Double = 2, eps: Double = 1e-6, swap: Bool = false,
    reduction: Reduction = .mean
  ) -> Tensor {
    tripletMarginLoss(
      positive: positive, negative: negative, distance: { $0.pairwiseDistance($1, p: p, eps: eps) }, margin: margin,
      swap: swap, reduction: reduction)
  }
  /// Multi-label one-versus-all loss of logits (N, C). Same as `F.multilabel_soft_margin_loss`.
  public func multiLabelSoftMarginLoss(_ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean) -> Tensor {
    let losses = -(target * logSigmoid() + (1 - target) * (-self).logSigmoid())
    return reduction((weight.map { losses * $0 } ?? losses).mean(dim: -1))
  }
}
