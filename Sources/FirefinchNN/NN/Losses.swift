import FirefinchCore
import FirefinchTensor

/// Common part of the losses of an output and a target. Call them with both: `loss(output, target)`.
open class Loss: Module {
  /// Whether losses of the elements are averaged, summed or given one by one.
  public let reduction: Reduction

  public init(reduction: Reduction = .mean) { self.reduction = reduction }

  /// The loss. Call the module itself instead.
  open func forward(_ input: Tensor, _ target: Tensor) -> Tensor { input }

  /// The loss of `input` for `target`.
  public final func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    invoke([input, target]) { [forward($0[0], $0[1])] }[0]
  }
}

/// Cross entropy of logits `[N, C, ...]` and class indices or class probabilities. Same as `nn.CrossEntropyLoss`.
public final class CrossEntropyLoss: Loss {
  @Buffer public var weight: Tensor?
  private let ignoreIndex: Int
  private let labelSmoothing: Double

  public init(weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: Reduction = .mean, labelSmoothing: Double = 0)
  {
    self.weight = weight
    self.ignoreIndex = ignoreIndex
    self.labelSmoothing = labelSmoothing
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.crossEntropy(
      target, weight: weight, ignoreIndex: ignoreIndex, reduction: reduction, labelSmoothing: labelSmoothing)
  }
}

/// Negative log likelihood of log probabilities `[N, C, ...]` and class indices. Same as `nn.NLLLoss`.
public final class NLLLoss: Loss {
  @Buffer public var weight: Tensor?
  private let ignoreIndex: Int

  public init(weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: Reduction = .mean) {
    self.weight = weight
    self.ignoreIndex = ignoreIndex
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.nllLoss(target, weight: weight, ignoreIndex: ignoreIndex, reduction: reduction)
  }
}

/// Squared difference. Same as `nn.MSELoss`.
public final class MSELoss: Loss {
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.mseLoss(target, reduction: reduction)
  }
}

/// Absolute difference. Same as `nn.L1Loss`.
public final class L1Loss: Loss {
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.l1Loss(target, reduction: reduction)
  }
}

/// Squared difference near 0, absolute beyond `beta`. Same as `nn.SmoothL1Loss`.
public final class SmoothL1Loss: Loss {
  private let beta: Double
  public init(reduction: Reduction = .mean, beta: Double = 1) {
    self.beta = beta
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.smoothL1Loss(target, reduction: reduction, beta: beta)
  }
}

/// Squared difference near 0, linear beyond `delta`. Same as `nn.HuberLoss`.
public final class HuberLoss: Loss {
  private let delta: Double
  public init(reduction: Reduction = .mean, delta: Double = 1) {
    self.delta = delta
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.huberLoss(target, reduction: reduction, delta: delta)
  }
}

/// Binary cross entropy of probabilities. Same as `nn.BCELoss`.
public final class BCELoss: Loss {
  @Buffer public var weight: Tensor?
  public init(weight: Tensor? = nil, reduction: Reduction = .mean) {
    self.weight = weight
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.binaryCrossEntropy(target, weight: weight, reduction: reduction)
  }
}

/// Binary cross entropy of logits. Same as `nn.BCEWithLogitsLoss`.
public final class BCEWithLogitsLoss: Loss {
  @Buffer public var weight: Tensor?
  @Buffer public var posWeight: Tensor?
  public init(weight: Tensor? = nil, reduction: Reduction = .mean, posWeight: Tensor? = nil) {
    self.weight = weight
    self.posWeight = posWeight
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.binaryCrossEntropyWithLogits(target, weight: weight, posWeight: posWeight, reduction: reduction)
  }
}

/// Kullback-Leibler divergence of log probabilities from a target distribution. Same as `nn.KLDivLoss`.
public final class KLDivLoss: Loss {
  private let logTarget: Bool
  private let batchMean: Bool

  /// - Parameter batchMean: divide the sum by the size of the first dim, PyTorch's reduction "batchmean".
  public init(reduction: Reduction = .mean, logTarget: Bool = false, batchMean: Bool = false) {
    self.logTarget = logTarget
    self.batchMean = batchMean
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.klDiv(target, reduction: reduction, logTarget: logTarget, batchMean: batchMean)
  }
}
