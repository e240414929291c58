import FirefinchCore

/// What the `native_` forms of the norms give beside their output: the statistics.
public struct NormResult {
  /// The normalised tensor.
  public let output: Tensor
  /// Means, and reciprocals of the standard deviations; empty where running statistics were used.
  public let mean: Tensor, invstd: Tensor
}

extension Tensor {
  /// `batchNorm` with the batch's statistics. Same as `torch.native_batch_norm`.
  public func nativeBatchNorm(
    weight: Tensor? = nil, bias: Tensor? = nil, runningMean: Tensor? = nil, runningVar: Tensor? = nil, training: Bool,
    momentum: Double = 0.1, eps: Double = 1e-5
  ) -> NormResult {
    let none = Tensor.empty([0], dtype: dtype == .float64 ? .float64 : dtype)
    if isPoisoned || rank < 2 { return NormResult(output: batchNorm(training: training), mean: none, invstd: none) }
    let usesBatch = training || runningMean == nil
    let dims = [0] + Array(2..<rank)
    let mean = usesBatch ? self.mean(dim: dims) : none
    let invstd = usesBatch ? (self.var(dim: dims, correction: 0) + eps).rsqrt() : none
    let output = batchNorm(
      runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias, training: training, momentum: momentum,
      eps: eps)
    return NormResult(output: output, mean: mean, invstd: invstd)
  }

  /// `layerNorm` with its statistics, whose normalised dims have size 1. Same as `torch.native_layer_norm`.
  public func nativeLayerNorm(
    _ normalizedShape: [Int], weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5
  ) -> NormResult {
    let output = layerNorm(normalizedShape, weight: weight, bias: bias, eps: eps)
    if output.isPoisoned { return NormResult(output: output, mean: output, invstd: output) }
    let dims = (0..<normalizedShape.count).map { $0 - normalizedShape.count }
    let mean = self.mean(dim: dims, keepDim: true)
    return NormResult(output: output, mean: mean, invstd: (self.var(dim: dims, correction: 0, keepDim: true) + eps).rsqrt())
  }

  /// `groupNorm` with its statistics (batch, groups). Same as `torch.native_group_norm`.
  public func nativeGroupNorm(
    weight: Tensor? = nil, bias: Tensor? = nil, batch: Int, channels: Int, groups: Int, eps: Double = 1e-5
  ) -> NormResult {
    let output = groupNorm(groups, weight: weight, bias: bias, eps: eps)
    if output.isPoisoned { return NormResult(output: output, mean: output, invstd: output) }
    let rows = reshape([batch, groups, elementCount / Swift.max(batch * groups, 1)])
    let mean = rows.mean(dim: -1)
    return NormResult(output: output, mean: mean, invstd: (rows.var(dim: -1, correction: 0) + eps).rsqrt())
  }

  /// Each channel of each sample normalised by its own statistics, or by running ones; these follow the means over the
  /// samples. Same as `F.instance_norm`.
  public func instanceNorm(
    runningMean: Tensor?, runningVar: Tensor?, weight: Tensor? = nil, bias: Tensor? = nil, useInputStats: Bool = true,
    momentum: Double = 0.1, eps: Double = 1e-5
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank < 2 { throw TensorError.shape("instanceNorm: expected (N, C, …), got shape \(shape)") }
      if !useInputStats {
        guard let runningMean, let runningVar else { throw TensorError.value("instanceNorm: running statistics are needed without the input's") }
        return batchNorm(runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias, training: false, eps: eps)
      }
      if shape.dropFirst(2).reduce(1, *) < 2 && rank > 2 {
        throw TensorError.shape("instanceNorm: expected more than one value for each channel, got shape \(shape)")
      }
      let (n, channels) = (size(0), size(1))
      let merged = reshape(Shape([1, n * channels] + shape.dropFirst(2)))
      let means = runningMean?.repeat([n]), variances = runningVar?.repeat([n])
      let normal = merged.batchNorm(runningMean: means, runningVar: variances, training: true, momentum: momentum, eps: eps)
      if let runningMean, let runningVar, let means, let variances {
        withNoGrad {
          runningMean.copy_(means.reshape([n, channels]).mean(dim: 0))
          runningVar.copy_(variances.reshape([n, channels]).mean(dim: 0))
        }
      }
      var column = Shape(repeating: 1, count: rank)
      column[1] = channels
      var result = normal.reshape(shape)
      if let weight { result = result * weight.reshape(column) }
      if let bias { result = result + bias.reshape(column) }
      return result
    }
  }
}
