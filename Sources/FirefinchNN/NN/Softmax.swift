import FirefinchCore
import FirefinchTensor

/// Exponentials that sum to 1 along a dim. Same as `nn.Softmax`.
public final class Softmax: Module, Layer {
  private let dim: Int
  public init(dim: Int) { self.dim = dim }
  public func forward(_ x: Tensor) -> Tensor { x.softmax(dim: dim) }
  public override var extraDescription: String { "dim=\(dim)" }
}

/// Logarithm of the softmax along a dim. Same as `nn.LogSoftmax`.
public final class LogSoftmax: Module, Layer {
  private let dim: Int
  public init(dim: Int) { self.dim = dim }
  public func forward(_ x: Tensor) -> Tensor { x.logSoftmax(dim: dim) }
  public override var extraDescription: String { "dim=\(dim)" }
}

/// Softmax of the negated input along a dim. Same as `nn.Softmin`.
public final class Softmin: Module, Layer {
  private let dim: Int
  public init(dim: Int) { self.dim = dim }
  public func forward(_ x: Tensor) -> Tensor { x.softmin(dim: dim) }
  public override var extraDescription: String { "dim=\(dim)" }
}

/// Softmax over the channels of `[N, C, H, W]` or `[C, H, W]`. Same as `nn.Softmax2d`.
public final class Softmax2d: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor {
    if !(3...4).contains(x.rank) && !x.isPoisoned {
      return Mistake.report(.shape("Softmax2d: expected 3 or 4 dims, got shape \(x.shape)"))
    }
    return x.softmax(dim: -3)
  }
}

/// The first half of a dim times the sigmoid of the second. Same as `nn.GLU`.
public final class GLU: Module, Layer {
  private let dim: Int
  public init(dim: Int = -1) { self.dim = dim }
  public func forward(_ x: Tensor) -> Tensor { x.glu(dim: dim) }
  public override var extraDescription: String { "dim=\(dim)" }
}
