import FirefinchCore

/// How ops whose kernels know real numbers run on complex tensors.
extension Op {
  /// The results of a call with complex tensors, or nil when the op's own kernel is to run.
  func complexForm(_ call: OpCall) throws -> [Tensor]? {
    if let converted = conversion(call) { return try self.call(converted) }
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
      // Products of parts leave the other tensors as they are, which therefore must be real.
      for (place, argument) in call.arguments.enumerated() where place != i && place != j {
        if case .tensor(let other) = argument, other.dtype.isComplex {
          throw TensorError.dtype(
            "\(name): argument '\(schema.parameters[place].name)' must be real beside real factors, got \(other.dtype.name)")
        }
      }
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

  /// The arguments with the tensors in the dtype that is asked for, where the op's own rule does not know complex dtypes.
  private func conversion(_ call: OpCall) -> [Value]? {
    let place = call.arguments.firstIndex { if case .dtype = $0 { true } else { false } }
    guard let place, let dtype = call.optionalDType(place) else { return nil }
    switch complex {
    case .parts: break
    case .composite where dtype.isComplex: break
    default: return nil
    }
    var arguments = call.arguments.map { $0.mapTensors { $0.to(dtype) } }
    arguments[place] = .none
    return arguments
  }

  private func complexName(_ call: OpCall) -> String {
    call.tensorArguments.first { $0.dtype.isComplex }?.dtype.name ?? "complex"
  }

  private func parts(_ call: OpCall, _ part: (Tensor) -> Tensor) -> [Value] { call.arguments.map { $0.mapTensors(part) } }
}

extension Value {
  /// The argument with its tensors replaced.
  fileprivate func mapTensors(_ body: (Tensor) -> Tensor) -> Value {
    switch self {
    case .tensor(let tensor): .tensor(body(tensor))
    case .tensors(let tensors): .tensors(tensors.map(body))
    case .optionalTensors(let tensors): .optionalTensors(tensors.map { $0.map(body) })
    default: self
    }
  }
}

extension OpCall {
  /// Whether complex numbers go in or are asked for.
  var meetsComplex: Bool {
    arguments.contains { argument in
      switch argument {
      case .tensor(let tensor): tensor.dtype.isComplex
      case .tensors(let tensors): tensors.contains { $0.dtype.isComplex }
      case .optionalTensors(let tensors): tensors.contains { $0?.dtype.isComplex ?? false }
      case .dtype(let dtype): dtype.isComplex
      default: false
      }
    }
  }
}
