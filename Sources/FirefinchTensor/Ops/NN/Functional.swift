import FirefinchCore

/// `torch.nn.functional` by its usual name: each function is the Tensor method of the same name.
public enum F {
  public static func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor { x.linear(weight, bias) }
  public static func relu(_ x: Tensor) -> Tensor { x.relu() }
  public static func gelu(_ x: Tensor, approximate: String = "none") -> Tensor { x.gelu(approximate: approximate) }
  public static func silu(_ x: Tensor) -> Tensor { x.silu() }
  public static func sigmoid(_ x: Tensor) -> Tensor { x.sigmoid() }
  public static func tanh(_ x: Tensor) -> Tensor { x.tanh() }
  public static func leakyRelu(_ x: Tensor, negativeSlope: Double = 0.01) -> Tensor { x.leakyRelu(negativeSlope: negativeSlope) }
  public static func elu(_ x: Tensor, alpha: Double = 1) -> Tensor { x.elu(alpha: alpha) }
  public static func softplus(_ x: Tensor, beta: Double = 1, threshold: Double = 20) -> Tensor {
    x.softplus(beta: beta, threshold: threshold)
  }
  public static func softmax(_ x: Tensor, dim: Int, dtype: DType? = nil) -> Tensor { x.softmax(dim: dim, dtype: dtype) }
  public static func logSoftmax(_ x: Tensor, dim: Int, dtype: DType? = nil) -> Tensor { x.logSoftmax(dim: dim, dtype: dtype) }
  public static func dropout(_ x: Tensor, p: Double = 0.5, training: Bool = true) -> Tensor { x.dropout(p, training: training) }
  public static func embedding(_ indices: Tensor, _ weight: Tensor, paddingIndex: Int? = nil) -> Tensor {
    weight.embedding(indices, paddingIndex: paddingIndex)
  }
  public static func oneHot(_ indices: Tensor, classes: Int = -1) -> Tensor { indices.oneHot(classes) }
  public static func pad(_ x: Tensor, _ amounts: [Int], value: Double = 0) -> Tensor { x.pad(amounts, value: value) }

  public static func conv1d(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil, stride: [Int] = [1], padding: ConvPadding = 0,
    dilation: [Int] = [1], groups: Int = 1
  ) -> Tensor { x.conv1d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups) }
  public static func conv2d(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil, stride: [Int] = [1], padding: ConvPadding = 0,
    dilation: [Int] = [1], groups: Int = 1
  ) -> Tensor { x.conv2d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups) }
  public static func maxPool2d(
    _ x: Tensor, _ kernelSize: [Int], stride: [Int]? = nil, padding: [Int] = [0], dilation: [Int] = [1], ceilMode: Bool = false
  ) -> Tensor { x.maxPool2d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode) }
  public static func avgPool2d(
    _ x: Tensor, _ kernelSize: [Int], stride: [Int]? = nil, padding: [Int] = [0], ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) -> Tensor { x.avgPool2d(kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad) }
  public static func adaptiveAvgPool2d(_ x: Tensor, _ outputSize: [Int?]) -> Tensor { x.adaptiveAvgPool2d(outputSize) }
  public static func batchNorm(
    _ x: Tensor, _ runningMean: Tensor?, _ runningVar: Tensor?, weight: Tensor? = nil, bias: Tensor? = nil,
    training: Bool = false, momentum: Double = 0.1, eps: Double = 1e-5
  ) -> Tensor {
    x.batchNorm(
      runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias, training: training,
      momentum: momentum, eps: eps)
  }
  public static func layerNorm(
    _ x: Tensor, _ normalizedShape: [Int], weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5
  ) -> Tensor { x.layerNorm(normalizedShape, weight: weight, bias: bias, eps: eps) }
  public static func groupNorm(
    _ x: Tensor, _ groups: Int, weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5
  ) -> Tensor { x.groupNorm(groups, weight: weight, bias: bias, eps: eps) }

  public static func crossEntropy(
    _ x: Tensor, _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: Reduction = .mean,
    labelSmoothing: Double = 0
  ) -> Tensor {
    x.crossEntropy(
      target, weight: weight, ignoreIndex: ignoreIndex, reduction: reduction, labelSmoothing: labelSmoothing)
  }
  public static func nllLoss(
    _ x: Tensor, _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: Reduction = .mean
  ) -> Tensor { x.nllLoss(target, weight: weight, ignoreIndex: ignoreIndex, reduction: reduction) }
  public static func mseLoss(_ x: Tensor, _ target: Tensor, reduction: Reduction = .mean) -> Tensor {
    x.mseLoss(target, reduction: reduction)
  }
  public static func l1Loss(_ x: Tensor, _ target: Tensor, reduction: Reduction = .mean) -> Tensor {
    x.l1Loss(target, reduction: reduction)
  }
  public static func smoothL1Loss(_ x: Tensor, _ target: Tensor, reduction: Reduction = .mean, beta: Double = 1) -> Tensor {
    x.smoothL1Loss(target, reduction: reduction, beta: beta)
  }
  public static func binaryCrossEntropy(
    _ x: Tensor, _ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean
  ) -> Tensor { x.binaryCrossEntropy(target, weight: weight, reduction: reduction) }
  public static func binaryCrossEntropyWithLogits(
    _ x: Tensor, _ target: Tensor, weight: Tensor? = nil, posWeight: Tensor? = nil, reduction: Reduction = .mean
  ) -> Tensor { x.binaryCrossEntropyWithLogits(target, weight: weight, posWeight: posWeight, reduction: reduction) }
  public static func scaledDotProductAttention(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, mask: Tensor? = nil, dropoutP: Double = 0, isCausal: Bool = false,
    scale: Double? = nil, enableGQA: Bool = false
  ) -> Tensor {
    query.scaledDotProductAttention(
      key, value, mask: mask, dropoutP: dropoutP, isCausal: isCausal, scale: scale, enableGQA: enableGQA)
  }
}
