import FirefinchCore
import FirefinchCPU

/// The short way for what most calls are: dense CPU tensors of one dtype. No arrays, no existentials, two objects an op.
extension Op {
  @inline(__always) private static func isPlain(_ tensor: Tensor) -> Bool {
    tensor.flags.rawValue & (Tensor.Flags.strided.rawValue | Tensor.Flags.wrapped.rawValue
      | Tensor.Flags.poisoned.rawValue | Tensor.Flags.elsewhere.rawValue) == 0
  }

  /// Whether either may take part in differentiation; a view may through its base.
  @inline(__always) private static func mayRecord(_ a: Tensor, _ b: Tensor) -> Bool {
    (a.flags.rawValue | b.flags.rawValue) & (Tensor.Flags.requiresGrad.rawValue | Tensor.Flags.view.rawValue) != 0
  }

  /// The op of two tensors.
  @inline(never) func binary(_ a: Tensor, _ b: Tensor) -> Tensor {
    let modes = ThreadFlags.current
    guard let definition = pointwise, Op.isPlain(a), Op.isPlain(b), a.dtype == b.dtype, a.hasShape(of: b),
      definition.takesDirectly(a.dtype), !modes.contains(.profiling)
    else { return self(.tensor(a), .tensor(b)) }
    let function = definition.plainFunction(self)
    return function._withUnsafeGuaranteedRef { function in
      let isBool = definition.rule == .comparison
      let result = Tensor(denseLike: a, dtype: isBool ? .bool : a.dtype)
      let faults = run(function, a, b, result)
      if !faults.isEmpty { return self(.tensor(a), .tensor(b)) }
      if Op.mayRecord(a, b) && !modes.contains(.noGrad) && !isBool && a.dtype.isDifferentiable {
        let mask = (a.requiresGrad ? 1 : 0) | (b.requiresGrad ? 2 : 0)
        if mask != 0 { result.setHistory(PointwiseNode(function, a, b, result, mask), 0) }
      }
      return result
    }
  }

  @inline(__always)
  private func run(_ function: PointwiseFunction, _ a: Tensor, _ b: Tensor?, _ result: Tensor) -> KernelFault {
    let count = result.layout.elementCount
    if count <= 2 * PointwiseKernel.grain, a.dtype.isRegister,
      let bits = function.runStep(a.dtype.registerClass, count, a.data, b?.data ?? a.data, result.data)
    {
      return KernelFault(rawValue: bits)
    }
    return function.directProgram(a.dtype.registerClass)._withUnsafeGuaranteedRef {
      PointwiseKernel.dense($0, count: count, a.data, a.dtype, b?.data, a.dtype, result.data, result.dtype)
    }
  }

  /// The op of a tensor and a number.
  func binary(_ a: Tensor, _ b: Scalar) -> Tensor { self(.tensor(a), .scalar(b)) }
  /// The op of a number and a tensor.
  func binary(_ a: Scalar, _ b: Tensor) -> Tensor { self(.scalar(a), .tensor(b)) }

  /// The op of one tensor.
  @inline(never) func unary(_ a: Tensor) -> Tensor {
    let modes = ThreadFlags.current
    guard let definition = pointwise, Op.isPlain(a), definition.takesDirectly(a.dtype), definition.rule != .comparison,
      !modes.contains(.profiling)
    else { return self(.tensor(a)) }
    let function = definition.plainFunction(self)
    return function._withUnsafeGuaranteedRef { function in
      let result = Tensor(denseLike: a, dtype: a.dtype)
      _ = run(function, a, nil, result)
      if Op.mayRecord(a, a) && !modes.contains(.noGrad) && a.requiresGrad && a.dtype.isDifferentiable {
        result.setHistory(PointwiseNode(function, a, nil, result, 1), 0)
      }
      return result
    }
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
