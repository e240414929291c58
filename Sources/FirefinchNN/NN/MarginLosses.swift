import FirefinchCore
import FirefinchTensor

/// Hinge loss of class scores. Same as `nn.MultiMarginLoss`.
public final class MultiMarginLoss: Loss {
  private let p: Int
  private let margin: Double
  @Buffer public var weight: Tensor?
  public init(p: Int = 1, margin: Double = 1, weight: Tensor? = nil, reduction: Reduction = .mean) {
    self.p = p
    self.margin = margin
    self.weight = weight
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.multiMarginLoss(target, p: p, margin: margin, weight: weight, reduction: reduction)
  }
}

/// Hinge loss of several labels at once. Same as `nn.MultiLabelMarginLoss`.
public final class MultiLabelMarginLoss: Loss {
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.multiLabelMarginLoss(target, reduction: reduction)
  }
}

/// Connectionist temporal classification of log-probabilities `[T, N, C]`. Same as `nn.CTCLoss`.
public final class CTCLoss: Module {
  private let blank: Int
  private let reduction: Reduction
  private let zeroInfinity: Bool
  public init(blank: Int = 0, reduction: Reduction = .mean, zeroInfinity: Bool = false) {
    self.blank = blank
    self.reduction = reduction
    self.zeroInfinity = zeroInfinity
  }
  /// The loss for targets with the lengths of inputs and targets.
  public func callAsFunction(_ logProbs: Tensor, _ targets: Tensor, inputLengths: [Int], targetLengths: [Int]) -> Tensor {
    invoke([logProbs, targets]) {
      [
        $0[0].ctcLoss(
          $0[1], inputLengths: inputLengths, targetLengths: targetLengths, blank: blank, reduction: reduction,
          zeroInfinity: zeroInfinity)
      ]
    }[0]
  }
}

/// A linear layer and the cross-entropy of its logits in one. Same as `nn.LinearCrossEntropyLoss`.
public final class LinearCrossEntropyLoss: Module {
  public let linear: Linear
  /// Classes, and the sizes that follow them in the logits.
  private let sizes: [Int]
  @Buffer public var weight: Tensor?
  private let ignoreIndex: Int
  private let reduction: Reduction
  private let labelSmoothing: Double

  public init(
    _ inFeatures: Int, _ classes: Int, outFeatures: [Int] = [], bias: Bool = false, weight: Tensor? = nil,
    ignoreIndex: Int = -100, reduction: Reduction = .mean, labelSmoothing: Double = 0
  ) {
    sizes = [classes] + outFeatures
    linear = Linear(inFeatures, sizes.reduce(1, *), bias: bias)
    self.weight = weight
    self.ignoreIndex = ignoreIndex
    self.reduction = reduction
    self.labelSmoothing = labelSmoothing
  }

  /// The loss of `[N, inFeatures]` for class indices or probabilities.
  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    invoke([input, target]) {
      [
        $0[0].linearCrossEntropy(
          linear.weight.reshape(Shape(sizes + [linear.inFeatures])), $0[1], bias: linear.bias?.reshape(Shape(sizes)),
          classWeight: weight, ignoreIndex: ignoreIndex, reduction: reduction, labelSmoothing: labelSmoothing)
      ]
    }[0]
  }
}

/// Channels divided by a power of their neighbours' mean square. Same as `nn.LocalResponseNorm`.
public final class LocalResponseNorm: Module, Layer {
  private let size: Int
  private let alpha: Double, beta: Double, k: Double
  public init(_ size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1) {
    self.size = size
    self.alpha = alpha
    self.beta = beta
    self.k = k
  }
  public func forward(_ x: Tensor) -> Tensor { x.localResponseNorm(size, alpha: alpha, beta: beta, k: k) }
}
