import FirefinchCore

/// A pointwise function of tensors that runs as one pass over memory, and so does its derivative. Made by `fuse`.
///
/// Inputs broadcast and promote as in the single operations, except that a chain over half types is rounded once, at its
/// end, rather than after every operation.
public struct FusedFunction: Sendable {
  private let function: PointwiseFunction

  init(_ function: PointwiseFunction) { self.function = function }

  /// The function's value, recorded for backward when an input requires a gradient.
  public func callAsFunction(_ inputs: Tensor...) -> Tensor { self(inputs) }

  /// The function's value for a list of inputs.
  public func callAsFunction(_ inputs: [Tensor]) -> Tensor {
    ErrorScope.guarding {
      if inputs.count != function.inputCount {
        throw TensorError.value("\(function.name): expected \(function.inputCount) tensors, got \(inputs.count)")
      }
      return try Profiler.operation(function.name, inputs) {
        try PointwiseCall(name: function.name, function, inputs, [], []).fresh()
      }[0]
    }
  }

  /// Writes the value into the first input.
  @discardableResult
  public func inPlace(_ inputs: Tensor...) -> Tensor {
    ErrorScope.guarding {
      if inputs.count != function.inputCount {
        throw TensorError.value("\(function.name): expected \(function.inputCount) tensors, got \(inputs.count)")
      }
      return try Profiler.operation(inPlace: function.name + "_", inputs) {
        try PointwiseCall(name: function.name, function, inputs, [], []).inPlace()
      }
    }
  }
}

/// A function of `inputs` tensors, written once on their elements. Integer inputs are computed in the default floating
/// dtype. Make it once and call it often: it is compiled at the first call for each class of dtypes.
///
/// ```swift
/// let swish = fuse { x, gate in x * gate.sigmoid() }
/// let y = swish(a, b)  // one pass; so is its backward
/// ```
public func fuse(inputs: Int, name: String = "fused", _ body: ([Expr]) -> Expr) -> FusedFunction {
  if inputs < 1 || inputs > 12 { fatalError("fuse: expected 1 to 12 inputs, got \(inputs)") }
  let expr = body((0..<inputs).map { .input($0) })
  return FusedFunction(PointwiseFunction(name: name, inputs: inputs, rule: .promoteToFloat, exprs: [expr]))
}

/// A fused function of one tensor.
public func fuse(name: String = "fused", _ body: (Expr) -> Expr) -> FusedFunction {
  fuse(inputs: 1, name: name) { body($0[0]) }
}

/// A fused function of two tensors.
public func fuse(name: String = "fused", _ body: (Expr, Expr) -> Expr) -> FusedFunction {
  fuse(inputs: 2, name: name) { body($0[0], $0[1]) }
}

/// A fused function of three tensors.
public func fuse(name: String = "fused", _ body: (Expr, Expr, Expr) -> Expr) -> FusedFunction {
  fuse(inputs: 3, name: name) { body($0[0], $0[1], $0[2]) }
}
