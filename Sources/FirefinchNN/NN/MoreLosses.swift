import FirefinchCore
import FirefinchTensor

/// Loss for targets of 1 and -1. Same as `nn.HingeEmbeddingLoss`.
public final class HingeEmbeddingLoss: Loss {
  private let margin: Double
  public init(margin: Double = 1, reduction: Reduction = .mean) {
    self.margin = margin
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.hingeEmbeddingLoss(target, margin: margin, reduction: reduction)
  }
}

/// Logistic loss for targets of 1 and -1. Same as `nn.SoftMarginLoss`.
public final class SoftMarginLoss: Loss {
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.softMarginLoss(target, reduction: reduction)
  }
}

/// Logistic loss of several labels at once. Same as `nn.MultiLabelSoftMarginLoss`.
public final class MultiLabelSoftMarginLoss: Loss {
  @Buffer public var weight: Tensor?
  public init(weight: Tensor? = nil, reduction: Reduction = .mean) {
    self.weight = weight
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.multiLabelSoftMarginLoss(target, weight: weight, reduction: reduction)
  }
}

/// Negative log likelihood of counts. Same as `nn.PoissonNLLLoss`.
public final class PoissonNLLLoss: Loss {
  private let logInput: Bool, full: Bool
  private let eps: Double
  public init(logInput: Bool = true, full: Bool = false, eps: Double = 1e-8, reduction: Reduction = .mean) {
    self.logInput = logInput
    self.full = full
    self.eps = eps
    super.init(reduction: reduction)
  }
  public override func forward(_ input: Tensor, _ target: Tensor) -> Tensor {
    input.poissonNLLLoss(target, logInput: logInput, full: full, eps: eps, reduction: reduction)
  }
}

/// Negative log likelihood of values with a predicted variance. Same as `nn.GaussianNLLLoss`.
public final class GaussianNLLLoss: Module {
  private let full: Bool
  private let eps: Double
  private let reduction: Reduction
  public init(full: Bool = false, eps: Double = 1e-6, reduction: Reduction = .mean) {
    self.full = full
    self.eps = eps
    self.reduction = reduction
  }
  public func callAsFunction(_ input: Tensor, _ target: Tensor, _ variance: Tensor) -> Tensor {
    invoke([input, target, variance]) {
      [$0[0].gaussianNLLLoss($0[1], variance: $0[2], full: full, eps: eps, reduction: reduction)]
    }[0]
  }
}

/// Loss for which of two inputs should rank higher. Same as `nn.MarginRankingLoss`.
public final class MarginRankingLoss: Module {
  private let margin: Double
  private let reduction: Reduction
  public init(margin: Double = 0, reduction: Reduction = .mean) {
    self.margin = margin
    self.reduction = reduction
  }
  public func callAsFunction(_ input1: Tensor, _ input2: Tensor, _ target: Tensor) -> Tensor {
    invoke([input1, input2, target]) {
      [$0[0].marginRankingLoss($0[1], $0[2], margin: margin, reduction: reduction)]
    }[0]
  }
}

/// Loss of the angle between two inputs for targets of 1 and -1. Same as `nn.CosineEmbeddingLoss`.
public final class CosineEmbeddingLoss: Module {
  private let margin: Double
  private let reduction: Reduction
  public init(margin: Double = 0, reduction: Reduction = .mean) {
    self.margin = margin
    self.reduction = reduction
  }
  public func callAsFunction(_ input1: Tensor, _ input2: Tensor, _ target: Tensor) -> Tensor {
    invoke([input1, input2, target]) {
      [$0[0].cosineEmbeddingLoss($0[1], $0[2], margin: margin, reduction: reduction)]
    }[0]
  }
}

/// Loss of distances from an anchor to a positive and a negative example. Same as `nn.TripletMarginLoss`.
public final class TripletMarginLoss: Module {
  private let margin: Double, p: Double, eps: Double
  private let swap: Bool
  private let reduction: Reduction
  public init(margin: Double = 1, p: Double = 2, eps: Double = 1e-6, swap: Bool = false, reduction: Reduction = .mean) {
    self.margin = margin
    self.swap = swap
    self.p = p
    self.eps = eps
    self.reduction = reduction
  }
  public func callAsFunction(_ anchor: Tensor, _ positive: Tensor, _ negative: Tensor) -> Tensor {
    invoke([anchor, positive, negative]) {
      [
        $0[0].tripletMarginLoss(
          positive: $0[1], negative: $0[2], margin: margin, p: p, eps: eps, swap: swap, reduction: reduction)
      ]
    }[0]
  }
}

/// Cosine of the angle along a dim. Same as `nn.CosineSimilarity`.
public final class CosineSimilarity: Module {
  private let dim: Int
  private let eps: Double
  public init(dim: Int = 1, eps: Double = 1e-8) {
    self.dim = dim
    self.eps = eps
  }
  public func callAsFunction(_ x1: Tensor, _ x2: Tensor) -> Tensor {
    invoke([x1, x2]) { [$0[0].cosineSimilarity($0[1], dim: dim, eps: eps)] }[0]
  }
}
