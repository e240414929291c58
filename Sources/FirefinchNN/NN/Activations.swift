import FirefinchCore
import FirefinchTensor

/// `max(x, 0)`. Same as `nn.ReLU`.
public final class ReLU: Module, Layer {
  private let inPlace: Bool
  /// - Parameter inPlace: overwrite the input. It must not be needed afterwards.
  public init(inPlace: Bool = false) { self.inPlace = inPlace }
  public func forward(_ x: Tensor) -> Tensor { inPlace ? x.relu_() : x.relu() }
  public override var extraDescription: String { inPlace ? "inplace=True" : "" }
}

/// `min(max(x, 0), 6)`. Same as `nn.ReLU6`.
public final class ReLU6: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.relu6() }
}

/// `x` if positive, else `negativeSlope * x`. Same as `nn.LeakyReLU`.
public final class LeakyReLU: Module, Layer {
  private let negativeSlope: Double
  public init(_ negativeSlope: Double = 0.01) { self.negativeSlope = negativeSlope }
  public func forward(_ x: Tensor) -> Tensor { x.leakyRelu(negativeSlope: negativeSlope) }
  public override var extraDescription: String { "negative_slope=\(negativeSlope)" }
}

/// Leaky ReLU with a trained slope, one for all channels or one each. Same as `nn.PReLU`.
public final class PReLU: Module, Layer {
  @Parameter public var weight: Tensor
  public init(_ parameterCount: Int = 1, initial: Double = 0.25) {
    weight = Tensor.full([parameterCount], initial, dtype: DType.defaultFloat)
  }
  public func forward(_ x: Tensor) -> Tensor { x.prelu(weight) }
  public override var extraDescription: String { "num_parameters=\(weight.elementCount)" }
}

/// Gaussian error linear unit; `approximate` is "none" or "tanh". Same as `nn.GELU`.
public final class GELU: Module, Layer {
  private let approximate: String
  public init(approximate: String = "none") { self.approximate = approximate }
  public func forward(_ x: Tensor) -> Tensor { x.gelu(approximate: approximate) }
  public override var extraDescription: String { "approximate='\(approximate)'" }
}

/// `x * sigmoid(x)`. Same as `nn.SiLU`.
public final class SiLU: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.silu() }
}

/// `x * tanh(softplus(x))`. Same as `nn.Mish`.
public final class Mish: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.mish() }
}

/// Exponential linear unit. Same as `nn.ELU`.
public final class ELU: Module, Layer {
  private let alpha: Double
  public init(alpha: Double = 1) { self.alpha = alpha }
  public func forward(_ x: Tensor) -> Tensor { x.elu(alpha: alpha) }
  public override var extraDescription: String { "alpha=\(alpha)" }
}

/// Exponential linear unit with a continuous derivative. Same as `nn.CELU`.
public final class CELU: Module, Layer {
  private let alpha: Double
  public init(alpha: Double = 1) { self.alpha = alpha }
  public func forward(_ x: Tensor) -> Tensor { x.celu(alpha: alpha) }
  public override var extraDescription: String { "alpha=\(alpha)" }
}

/// Scaled exponential linear unit. Same as `nn.SELU`.
public final class SELU: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.selu() }
}

/// `log(1 + exp(beta x)) / beta`. Same as `nn.Softplus`.
public final class Softplus: Module, Layer {
  private let beta: Double
  private let threshold: Double
  public init(beta: Double = 1, threshold: Double = 20) {
    self.beta = beta
    self.threshold = threshold
  }
  public func forward(_ x: Tensor) -> Tensor { x.softplus(beta: beta, threshold: threshold) }
  public override var extraDescription: String { "beta=\(beta), threshold=\(threshold)" }
}

/// Same as `nn.Tanh`.
public final class Tanh: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.tanh() }
}

/// Same as `nn.Sigmoid`.
public final class Sigmoid: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.sigmoid() }
}

/// Logarithm of the sigmoid. Same as `nn.LogSigmoid`.
public final class LogSigmoid: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.logSigmoid() }
}

/// Same as `nn.Hardswish`.
public final class Hardswish: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.hardswish() }
}

/// Same as `nn.Hardsigmoid`.
public final class Hardsigmoid: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.hardsigmoid() }
}

/// Clamps to a range. Same as `nn.Hardtanh`.
public final class Hardtanh: Module, Layer {
  private let low: Double
  private let high: Double
  public init(min: Double = -1, max: Double = 1) {
    low = min
    high = max
  }
  public func forward(_ x: Tensor) -> Tensor { x.hardtanh(min: low, max: high) }
  public override var extraDescription: String { "min_val=\(low), max_val=\(high)" }
}

/// 0 between -lambda and lambda. Same as `nn.Hardshrink`.
public final class Hardshrink: Module, Layer {
  private let lambda: Double
  public init(_ lambda: Double = 0.5) { self.lambda = lambda }
  public func forward(_ x: Tensor) -> Tensor { x.hardshrink(lambda: lambda) }
}

/// Moves values toward 0 by lambda. Same as `nn.Softshrink`.
public final class Softshrink: Module, Layer {
  private let lambda: Double
  public init(_ lambda: Double = 0.5) { self.lambda = lambda }
  public func forward(_ x: Tensor) -> Tensor { x.softshrink(lambda: lambda) }
}

/// `x / (1 + |x|)`. Same as `nn.Softsign`.
public final class Softsign: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.softsign() }
}

/// `x - tanh(x)`. Same as `nn.Tanhshrink`.
public final class Tanhshrink: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x.tanhshrink() }
}

/// `x` above the threshold, else `value`. Same as `nn.Threshold`.
public final class Threshold: Module, Layer {
  private let threshold: Double
  private let value: Double
  public init(_ threshold: Double, _ value: Double) {
    self.threshold = threshold
    self.value = value
  }
  public func forward(_ x: Tensor) -> Tensor { x.threshold(threshold, value) }
}
