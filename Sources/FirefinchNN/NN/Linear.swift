import FirefinchCore
import FirefinchTensor

/// `x W^T + b` over the last dim. Same as `nn.Linear`.
open class Linear: Module, Layer {
  public let inFeatures: Int
  public let outFeatures: Int
  /// `[outFeatures, inFeatures]`.
  @Parameter public var weight: Tensor
  /// `[outFeatures]`, or nil.
  @Parameter public var bias: Tensor?

  public init(_ inFeatures: Int, _ outFeatures: Int, bias: Bool = true) {
    self.inFeatures = inFeatures
    self.outFeatures = outFeatures
    weight = Tensor.empty([outFeatures, inFeatures])
    self.bias = bias ? Tensor.empty([outFeatures]) : nil
    super.init()
    resetParameters()
  }

  /// Draws new starting values.
  open func resetParameters() { Init.defaults(weight: weight, bias: bias) }

  open func forward(_ x: Tensor) -> Tensor { x.linear(weight, bias) }

  open override var extraDescription: String {
    "in_features=\(inFeatures), out_features=\(outFeatures), bias=\(bias != nil ? "True" : "False")"
  }
}

/// `x1 A x2 + b` for two inputs. Same as `nn.Bilinear`.
public final class Bilinear: Module {
  /// `[outFeatures, in1Features, in2Features]`.
  @Parameter public var weight: Tensor
  @Parameter public var bias: Tensor?

  public init(_ in1Features: Int, _ in2Features: Int, _ outFeatures: Int, bias: Bool = true) {
    weight = Tensor.empty([outFeatures, in1Features, in2Features])
    self.bias = bias ? Tensor.empty([outFeatures]) : nil
    super.init()
    let bound = 1 / Double(in1Features).squareRoot()
    Init.uniform_(weight, -bound, bound)
    if let bias = self.bias { Init.uniform_(bias, -bound, bound) }
  }

  public func callAsFunction(_ x1: Tensor, _ x2: Tensor) -> Tensor {
    invoke([x1, x2]) { [$0[0].bilinear($0[1], weight, bias)] }[0]
  }
}
