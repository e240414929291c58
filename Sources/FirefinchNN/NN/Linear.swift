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
    invoke([x1, x2]) { [bilinear($0[0], $0[1])] }[0]
  }

  private func bilinear(_ x1: Tensor, _ x2: Tensor) -> Tensor {
    if x1.isPoisoned || x2.isPoisoned { return x1.isPoisoned ? x1 : x2 }
    let (outputs, in1, in2) = (weight.size(0), weight.size(1), weight.size(2))
    if x1.size(-1) != in1 || x2.size(-1) != in2 || x1.shape.array.dropLast() != x2.shape.array.dropLast() {
      return Mistake.report(
        .shape(
          "Bilinear: expected inputs of sizes \(in1) and \(in2) in the last dim and equal other dims, "
            + "got \(x1.shape) and \(x2.shape)"))
    }
    let products = x1.reshape(-1, in1).mm(weight.permute(1, 0, 2).reshape(in1, outputs * in2))
    let sums = (products.reshape(-1, outputs, in2) * x2.reshape(-1, 1, in2)).sum(dim: -1)
    let result = sums.reshape(Shape(x1.shape.array.dropLast() + [outputs]))
    return bias.map { result + $0 } ?? result
  }
}
