import FirefinchCore
import FirefinchCPU

/// The short way for what most calls are: dense CPU tensors of one dtype. No arrays, no existentials, two objects an op.
extension Op {
  @inline(__always) private static func isPlain(_ tensor: Tensor) -> Bool {
    tensor.flags.rawValue & (Tensor.Flags.strided.rawValue | Tensor.Flags.wrapped.rawValue
      | Tensor.Flags.poisoned.rawValue | Tensor.Flags.elsewhere.rawValue) == 0
  }

  /// The op of two tensors.
  @inline(never) func binary(_ a: Tensor, _ b: Tensor) -> Tensor {
    guard case .pointwise(let definition) = kind, Op.isPlain(a), Op.isPlain(b), a.dtype == b.dtype,
      a.layout.shape == b.layout.shape, definition.takesDirectly(a.dtype)
    else { return self(.tensor(a), .tensor(b)) }
    let function = definition.plainFunction(self)
    let isBool = definition.rule == .comparison
    let result = Tensor(empty: a.layout.shape, dtype: isBool ? .bool : a.dtype)
    let faults = PointwiseKernel.dense(
      function.program(a.dtype.registerClass), count: a.layout.elementCount, a.data, a.dtype, b.data, b.dtype,
      result.data, result.dtype)
    if !faults.isEmpty { return self(.tensor(a), .tensor(b)) }
    if !isBool && (a.requiresGrad || b.requiresGrad) && GradMode.isEnabled && a.dtype.isDifferentiable {
      let mask = (a.requiresGrad ? 1 : 0) | (b.requiresGrad ? 2 : 0)
      result.setHistory(PointwiseNode(function, [a, b], [], [result], mask), 0)
    }
    return result
  }

  /// The op of a tensor and a number.
  func binary(_ a: Tensor, _ b: Scalar) -> Tensor { self(.tensor(a), .scalar(b)) }
  /// The op of a number and a tensor.
  func binary(_ a: Scalar, _ b: Tensor) -> Tensor { self(.scalar(a), .tensor(b)) }

  /// The op of one tensor.
  @inline(never) func unary(_ a: Tensor) -> Tensor {
    guard case .pointwise(let definition) = kind, Op.isPlain(a), definition.takesDirectly(a.dtype),
      definition.rule != .comparison
    else { return self(.tensor(a)) }
    let function = definition.plainFunction(self)
    let result = Tensor(empty: a.layout.shape, dtype: a.dtype)
    _ = PointwiseKernel.dense(
      function.program(a.dtype.registerClass), count: a.layout.elementCount, a.data, a.dtype, nil, a.dtype,
      result.data, result.dtype)
    if a.requiresGrad && GradMode.isEnabled && a.dtype.isDifferentiable {
      result.setHistory(PointwiseNode(function, [a], [], [result], 1), 0)
    }
    return result
  }
}

extension PointwiseDefinition {
  /// Whether inputs of one dtype are computed in it without any rule to check.
  @inline(__always) func takesDirectly(_ dtype: DType) -> Bool {
    if !ownClass.isEmpty { return false }
    if dtype.isFloatingPoint { return rule != .integral }
    return (rule == .promote || rule == .comparison) && !dtype.isComplex
  }
}
