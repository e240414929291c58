import FirefinchCore

/// How ops whose kernels know real numbers run on complex tensors.
extension Op {
  /// The results of a call with complex tensors, or nil when the op's own kernel is to run.
  func complexForm(_ call: OpCall) throws -> [Tensor]? {
    switch complex {
    case .native: return nil
    case .refused: throw TensorError.dtype("\(name): complex tensors are not supported, got \(complexName(call))")
    case .composite(let body): return try body(call)
    case .parts:
      let re = try self.call(parts(call) { $0.dtype.isComplex ? $0.real : $0 })
      let im = try self.call(parts(call) { $0.dtype.isComplex ? $0.imag : $0 })
      return zip(re, im).map { $0.dtype.isFloatingPoint ? Tensor.complex($0, $1) : $0 }
    case .product(let i, let j):
      let (a, b) = (call.tensor(i), call.tensor(j))
      func product(_ x: Tensor, _ y: Tensor) throws -> Tensor {
        var arguments = call.arguments
        arguments[i] = .tensor(x)
        arguments[j] = .tensor(y)
        return try self.call(arguments)[0]
      }
      if !b.dtype.isComplex { return [Tensor.complex(try product(a.real, b), try product(a.imag, b))] }
      if !a.dtype.isComplex { return [Tensor.complex(try product(a, b.real), try product(a, b.imag))] }
      let re = try product(a.real, b.real) - product(a.imag, b.imag)
      let im = try product(a.real, b.imag) + product(a.imag, b.real)
      return [Tensor.complex(re, im)]
    }
  }

  private func complexName(_ call: OpCall) -> String {
    call.tensorArguments.first { $0.dtype.isComplex }?.dtype.name ?? "complex"
  }

  private func parts(_ call: OpCall, _ part: (Tensor) -> Tensor) -> [Value] {
    call.arguments.map { argument in
      switch argument {
      case .tensor(let tensor): .tensor(part(tensor))
      case .tensors(let tensors): .tensors(tensors.map(part))
      case .optionalTensors(let tensors): .optionalTensors(tensors.map { $0.map(part) })
      default: argument
      }
    }
  }
}
