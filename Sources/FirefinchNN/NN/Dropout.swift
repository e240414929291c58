import FirefinchCore
import FirefinchTensor

/// Common part of the dropout layers, which do nothing in evaluation mode.
open class DropoutLayer: Module, Layer {
  /// Probability of an element (or channel) to be zeroed.
  public let p: Double

  public init(p: Double = 0.5) {
    if !(p >= 0 && p <= 1) { Mistake.report(.value("Dropout: the probability must be between 0 and 1, got \(p)")) }
    self.p = p
  }
  open func forward(_ x: Tensor) -> Tensor { x }
  open override var extraDescription: String { "p=\(p)" }
}

/// Zeroes elements at random in training and scales the rest up. Same as `nn.Dropout`.
public final class Dropout: DropoutLayer {
  public override func forward(_ x: Tensor) -> Tensor { x.dropout(p, training: isTraining) }
}

/// Zeroes whole channels of `[N, C, L]`. Same as `nn.Dropout1d`.
public final class Dropout1d: DropoutLayer {
  public override func forward(_ x: Tensor) -> Tensor {
    // A single sample gets a batch dim for it.
    x.rank == 2
      ? x.unsqueeze(dim: 0).featureDropout(p, training: isTraining).squeeze(dim: 0)
      : x.featureDropout(p, training: isTraining)
  }
}

/// Zeroes whole channels of `[N, C, H, W]`. Same as `nn.Dropout2d`.
public final class Dropout2d: DropoutLayer {
  public override func forward(_ x: Tensor) -> Tensor { x.featureDropout(p, training: isTraining) }
}

/// Zeroes whole channels of `[N, C, D, H, W]`. Same as `nn.Dropout3d`.
public final class Dropout3d: DropoutLayer {
  public override func forward(_ x: Tensor) -> Tensor { x.featureDropout(p, training: isTraining) }
}

/// Dropout that keeps mean and variance of SELU's outputs. Same as `nn.AlphaDropout`.
public final class AlphaDropout: DropoutLayer {
  public override func forward(_ x: Tensor) -> Tensor { x.alphaDropout(p, training: isTraining) }
}
