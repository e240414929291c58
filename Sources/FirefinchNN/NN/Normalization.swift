import FirefinchCore
import FirefinchTensor

/// Common part of the batch normalisations.
open class BatchNorm: Module, Layer {
  // Checkpoints from before PyTorch 0.4.1 do not have it.
  open override class var optionalStateKeys: Set<String> { ["num_batches_tracked"] }

  public let featureCount: Int
  public let eps: Double
  /// Weight of the newest batch in the running statistics; nil for a plain average over all batches.
  public let momentum: Double?
  @Parameter public var weight: Tensor?
  @Parameter public var bias: Tensor?
  @Buffer public var runningMean: Tensor?
  @Buffer public var runningVar: Tensor?
  @Buffer public var numBatchesTracked: Tensor?
  private let ranks: ClosedRange<Int>

  init(
    _ ranks: ClosedRange<Int>, _ featureCount: Int, eps: Double, momentum: Double?, affine: Bool,
    trackRunningStats: Bool, bias: Bool
  ) {
    self.ranks = ranks
    self.featureCount = featureCount
    self.eps = eps
    self.momentum = momentum
    weight = affine ? Tensor.ones([featureCount]) : nil
    self.bias = affine && bias ? Tensor.zeros([featureCount]) : nil
    runningMean = trackRunningStats ? Tensor.zeros([featureCount]) : nil
    runningVar = trackRunningStats ? Tensor.ones([featureCount]) : nil
    numBatchesTracked = trackRunningStats ? Tensor.zeros([], dtype: .int64) : nil
    super.init()
  }

  open func forward(_ x: Tensor) -> Tensor {
    if !ranks.contains(x.rank) && !x.isPoisoned {
      let dims = ranks.count == 1 ? "\(ranks.lowerBound)" : "\(ranks.lowerBound) or \(ranks.upperBound)"
      return Mistake.report(.shape("\(type(of: self)): expected \(dims) dims, got shape \(x.shape)"))
    }
    var factor = momentum ?? 0
    if isTraining, let count = numBatchesTracked, count.device == .cpu {
      withNoGrad { _ = count.add_(1) }
      if momentum == nil { factor = 1 / count.doubleValue }
    }
    // Without running statistics a batch is always normalised by its own.
    let ownStatistics = isTraining || (runningMean == nil && runningVar == nil)
    return x.batchNorm(
      runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias, training: ownStatistics,
      momentum: factor, eps: eps)
  }

  /// Sets the running statistics back to the start.
  public func resetRunningStats() {
    withNoGrad {
      _ = runningMean?.zero_()
      _ = runningVar?.fill_(1)
      _ = numBatchesTracked?.zero_()
    }
  }

  open override var extraDescription: String {
    "\(featureCount), eps=\(eps), momentum=\(momentum.map { "\($0)" } ?? "None"), "
      + "affine=\(weight != nil ? "True" : "False"), track_running_stats=\(runningMean != nil ? "True" : "False")"
  }
}

/// Batch normalisation of `[N, C]` or `[N, C, L]`. Same as `nn.BatchNorm1d`.
public final class BatchNorm1d: BatchNorm {
  public init(
    _ featureCount: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true,
    trackRunningStats: Bool = true, bias: Bool = true
  ) {
    super.init(2...3, featureCount, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats,
      bias: bias)
  }
}

/// Batch normalisation of `[N, C, H, W]`. Same as `nn.BatchNorm2d`.
public final class BatchNorm2d: BatchNorm {
  public init(
    _ featureCount: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true,
    trackRunningStats: Bool = true, bias: Bool = true
  ) {
    super.init(4...4, featureCount, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats,
      bias: bias)
  }
}

/// Batch normalisation of `[N, C, D, H, W]`. Same as `nn.BatchNorm3d`.
public final class BatchNorm3d: BatchNorm {
  public init(
    _ featureCount: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true,
    trackRunningStats: Bool = true, bias: Bool = true
  ) {
    super.init(5...5, featureCount, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats,
      bias: bias)
  }
}

/// Normalises over the last dims, whose sizes are given. Same as `nn.LayerNorm`.
public final class LayerNorm: Module, Layer {
  public let normalizedShape: [Int]
  public let eps: Double
  @Parameter public var weight: Tensor?
  @Parameter public var bias: Tensor?

  /// - Parameter normalizedShape: sizes of the last dims; one number for the last dim only.
  public init(
    _ normalizedShape: any SpatialSizes, eps: Double = 1e-5, elementwiseAffine: Bool = true, bias: Bool = true
  ) {
    self.normalizedShape = normalizedShape.sizes
    self.eps = eps
    weight = elementwiseAffine ? Tensor.ones(Shape(self.normalizedShape)) : nil
    self.bias = elementwiseAffine && bias ? Tensor.zeros(Shape(self.normalizedShape)) : nil
    super.init()
  }

  public func forward(_ x: Tensor) -> Tensor { x.layerNorm(normalizedShape, weight: weight, bias: bias, eps: eps) }
  public override var extraDescription: String { "\(normalizedShape), eps=\(eps)" }
}

/// Divides by the root mean square over the last dims. Same as `nn.RMSNorm`.
public final class RMSNorm: Module, Layer {
  public let normalizedShape: [Int]
  /// Nil for the dtype's machine epsilon.
  public let eps: Double?
  @Parameter public var weight: Tensor?

  public init(_ normalizedShape: any SpatialSizes, eps: Double? = nil, elementwiseAffine: Bool = true) {
    self.normalizedShape = normalizedShape.sizes
    self.eps = eps
    weight = elementwiseAffine ? Tensor.ones(Shape(self.normalizedShape)) : nil
    super.init()
  }

  public func forward(_ x: Tensor) -> Tensor { x.rmsNorm(normalizedShape, weight: weight, eps: eps) }
  public override var extraDescription: String { "\(normalizedShape), eps=\(eps.map { "\($0)" } ?? "None")" }
}

/// Normalises within groups of channels. Same as `nn.GroupNorm`.
public final class GroupNorm: Module, Layer {
  public let groupCount: Int
  public let channelCount: Int
  public let eps: Double
  @Parameter public var weight: Tensor?
  @Parameter public var bias: Tensor?

  public init(_ groupCount: Int, _ channelCount: Int, eps: Double = 1e-5, affine: Bool = true, bias: Bool = true) {
    if groupCount < 1 || channelCount % max(groupCount, 1) != 0 {
      Mistake.report(.value("GroupNorm: \(channelCount) channels are not divisible by \(groupCount) groups"))
    }
    self.groupCount = groupCount
    self.channelCount = channelCount
    self.eps = eps
    weight = affine ? Tensor.ones([channelCount]) : nil
    self.bias = affine && bias ? Tensor.zeros([channelCount]) : nil
    super.init()
  }

  public func forward(_ x: Tensor) -> Tensor { x.groupNorm(groupCount, weight: weight, bias: bias, eps: eps) }
  public override var extraDescription: String { "\(groupCount), \(channelCount), eps=\(eps)" }
}

/// Common part of the instance normalisations: each channel of each sample by itself.
open class InstanceNorm: Module, Layer {
  open override class var optionalStateKeys: Set<String> { ["num_batches_tracked"] }

  public let featureCount: Int
  public let eps: Double
  public let momentum: Double
  @Parameter public var weight: Tensor?
  @Parameter public var bias: Tensor?
  @Buffer public var runningMean: Tensor?
  @Buffer public var runningVar: Tensor?
  @Buffer public var numBatchesTracked: Tensor?
  /// Dims of a batch; one fewer is a single sample.
  private let batchedRank: Int

  init(_ batchedRank: Int, _ featureCount: Int, eps: Double, momentum: Double, affine: Bool, trackRunningStats: Bool, bias: Bool) {
    self.batchedRank = batchedRank
    self.featureCount = featureCount
    self.eps = eps
    self.momentum = momentum
    weight = affine ? Tensor.ones([featureCount]) : nil
    self.bias = affine && bias ? Tensor.zeros([featureCount]) : nil
    runningMean = trackRunningStats ? Tensor.zeros([featureCount]) : nil
    runningVar = trackRunningStats ? Tensor.ones([featureCount]) : nil
    numBatchesTracked = trackRunningStats ? Tensor.zeros([], dtype: .int64) : nil
    super.init()
  }

  open func forward(_ x: Tensor) -> Tensor {
    if x.isPoisoned { return x }
    if x.rank != batchedRank && x.rank != batchedRank - 1 {
      return Mistake.report(
        .shape("\(type(of: self)): expected \(batchedRank - 1) or \(batchedRank) dims, got shape \(x.shape)"))
    }
    let single = x.rank == batchedRank - 1
    let batch = single ? x.unsqueeze(dim: 0) : x
    let result = normalized(batch)
    return single ? result.squeeze(dim: 0) : result
  }

  private func normalized(_ x: Tensor) -> Tensor {
    if runningMean != nil && isTraining && x.size(1) != featureCount {
      return Mistake.report(
        .shape("\(type(of: self)): expected \(featureCount) channels in dim 1, got shape \(x.shape)"))
    }
    return x.instanceNorm(
      runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias,
      useInputStats: isTraining || runningMean == nil, momentum: momentum, eps: eps)
  }

  open override var extraDescription: String { "\(featureCount), eps=\(eps), momentum=\(momentum)" }
}

/// Instance normalisation of `[N, C, L]`. Same as `nn.InstanceNorm1d`.
public final class InstanceNorm1d: InstanceNorm {
  public init(
    _ featureCount: Int, eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false,
    trackRunningStats: Bool = false, bias: Bool = true
  ) {
    super.init(3, featureCount, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats,
      bias: bias)
  }
}

/// Instance normalisation of `[N, C, H, W]`. Same as `nn.InstanceNorm2d`.
public final class InstanceNorm2d: InstanceNorm {
  public init(
    _ featureCount: Int, eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false,
    trackRunningStats: Bool = false, bias: Bool = true
  ) {
    super.init(4, featureCount, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats,
      bias: bias)
  }
}

/// Instance normalisation of `[N, C, D, H, W]`. Same as `nn.InstanceNorm3d`.
public final class InstanceNorm3d: InstanceNorm {
  public init(
    _ featureCount: Int, eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false,
    trackRunningStats: Bool = false, bias: Bool = true
  ) {
    super.init(5, featureCount, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats,
      bias: bias)
  }
}
