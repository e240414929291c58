import FirefinchCore

/// Compares derivatives with finite differences.
public enum Gradcheck {
  /// Where a derivative and its numeric value differ.
  public struct Mismatch: CustomStringConvertible, Sendable {
    public let input: Int
    public let output: Int
    public let element: Int
    public let analytic: Double
    public let numeric: Double
    public var description: String {
      "d output \(output) / d input \(input)[\(element)]: derivative \(analytic), finite difference \(numeric)"
    }
  }

  /// Checks the gradients of `function` with respect to every floating-point input that requires grad. Inputs should be
  /// float64. Returns the first mismatch, or nil. Same as `torch.autograd.gradcheck`.
  public static func check(
    _ inputs: [Tensor], eps: Double = 1e-6, atol: Double = 1e-5, rtol: Double = 1e-3,
    _ function: ([Tensor]) -> [Tensor]
  ) -> Mismatch? {
    let leaves = inputs.map { input -> Tensor in
      if !input.requiresGrad { return input }
      return input.detach().clone().requiresGrad_()
    }
    let outputs = function(leaves)
    let wanted = leaves.enumerated().filter { $0.element.requiresGrad }
    for (o, output) in outputs.enumerated() where output.dtype.isFloatingPoint && output.requiresGrad {
      // One fixed random-looking direction of the output tests every row of the Jacobian at once.
      let direction = weights(output)
      let analytic = grad(
        of: [output], wrt: wanted.map(\.element), gradients: [direction], retainGraph: true, allowUnused: true)
      for (position, (i, leaf)) in wanted.enumerated() {
        let given = analytic[position]?.contiguous().array(Double.self) ?? [Double](repeating: 0, count: leaf.elementCount)
        let base = leaf.detach().contiguous()
        for element in 0..<leaf.elementCount {
          func probe(_ delta: Double) -> Double {
            withNoGrad {
              let moved = base.clone()
              moved.pointer(Double.self)[element] += delta
              var changed = leaves.map { $0.detach() }
              changed[i] = moved
              return (function(changed)[o].to(.float64) * direction.detach()).sum().doubleValue
            }
          }
          let numeric = (probe(eps) - probe(-eps)) / (2 * eps)
          if !(Swift.abs(given[element] - numeric) <= atol + rtol * Swift.abs(numeric)) {
            return Mismatch(input: i, output: o, element: element, analytic: given[element], numeric: numeric)
          }
        }
      }
    }
    return nil
  }

  /// Checks second derivatives: gradcheck of the gradient. Same as `torch.autograd.gradgradcheck`.
  public static func checkSecond(
    _ inputs: [Tensor], eps: Double = 1e-6, atol: Double = 1e-5, rtol: Double = 1e-3,
    _ function: @escaping ([Tensor]) -> [Tensor]
  ) -> Mismatch? {
    check(inputs, eps: eps, atol: atol, rtol: rtol) { given in
      // Inside the finite differences gradients are off, but this function differentiates.
      withGrad {
        let leaves = zip(given, inputs).map { now, original in
          original.requiresGrad && !now.requiresGrad ? now.detach().requiresGrad_() : now
        }
        let outputs = function(leaves).filter { $0.dtype.isFloatingPoint && $0.requiresGrad }
        let wanted = leaves.filter(\.requiresGrad)
        if outputs.isEmpty { return [] }
        let directions = outputs.map { weights($0) }
        let first = grad(of: outputs, wrt: wanted, gradients: directions, createGraph: true, allowUnused: true)
        return first.compactMap { $0 }
      }
    }
  }

  /// Weights of magnitude 0.5 to 1.5 that differ from element to element.
  private static func weights(_ output: Tensor) -> Tensor {
    let values = (0..<output.elementCount).map { i in
      let magnitude = 0.5 + Double((i * 37 + 11) % 64) / 64
      return i % 3 == 1 ? -magnitude : magnitude
    }
    return Tensor(values, shape: output.shape, dtype: .float64).to(output.dtype)
  }
}
