import CFirefinch
import FirefinchCore
import FirefinchCPU

/// Thread-local modes, one word (`ff_tls_flags`), so that the common case is one load.
struct ThreadFlags: OptionSet {
  let rawValue: UInt32
  /// Operations are not recorded.
  static let noGrad = ThreadFlags(rawValue: 1)
  /// Work is recorded by a profiler.
  static let profiling = ThreadFlags(rawValue: 2)

  @inline(__always) static var current: ThreadFlags { ThreadFlags(rawValue: ff_tls_flags().pointee) }

  /// Runs `body` with a flag set or cleared on this thread.
  static func with<R>(_ flag: ThreadFlags, _ on: Bool, _ body: () throws -> R) rethrows -> R {
    let word = ff_tls_flags()
    let before = word.pointee
    word.pointee = on ? before | flag.rawValue : before & ~flag.rawValue
    defer { word.pointee = before }
    return try body()
  }
}

extension Op {
  /// The single result of calling the op. Mistakes are reported as `withErrors` says.
  func callAsFunction(_ arguments: Value...) -> Tensor { results(arguments)[0] }

  /// All results of calling the op.
  public func results(_ arguments: [Value]) -> [Tensor] {
    ErrorScope.guarding(schema.returnsCount) { try call(arguments) }
  }

  /// All results; throws the user's mistakes.
  public func call(_ arguments: [Value]) throws -> [Tensor] {
    if Profiler.isActive {
      let inputs = OpCall(op: self, arguments: arguments).tensorArguments
      return try Profiler.operation(name, inputs) { try dispatch(arguments) }
    }
    return try dispatch(arguments)
  }

  @inline(__always) private func dispatch(_ arguments: [Value]) throws -> [Tensor] {
    if case .pointwise(let definition) = kind { return [try definition.call(self, arguments)] }
    let call = OpCall(op: self, arguments: complete(arguments))
    let inputs = call.tensorArguments
    if let count = poisonedCount(inputs) { return (0..<count).map { _ in ErrorScope.poison() } }
    if call.meetsComplex, let results = try complexForm(call) { return results }
    let device = try Op.commonDevice(inputs, call)
    let plan = try self.plan(call)
    var results: [Tensor]
    switch plan {
    case .fresh(let specs):
      results = specs.map { Tensor(uninitialised: $0, device: device) }
      if device == .cpu { try forward(call, results) }
    case .views(let layouts, let dtype):
      results = layouts.map { inputs[0].alias(layout: $0, dtype: dtype) }
      track(views: results, of: inputs[0], call)
    case .same: return [inputs[0]]
    }
    record(call, inputs, results)
    return results
  }

  /// Writes the op's first result into its first argument. Same as PyTorch's trailing underscore.
  @discardableResult
  public func inPlace(_ arguments: [Value]) -> Tensor {
    Profiler.operation(inPlace: name + "_", OpCall(op: self, arguments: arguments).tensorArguments) { overwrite(arguments) }
  }

  private func overwrite(_ arguments: [Value]) -> Tensor {
    ErrorScope.guarding {
      let call = OpCall(op: self, arguments: complete(arguments))
      let target = call.tensor(0)
      if call.tensorArguments.contains(where: \.isPoisoned) { return target }
      if case .pointwise(let definition) = kind { return try definition.inPlace(self, arguments) }
      let inputs = call.tensorArguments
      if call.meetsComplex, let results = try complexForm(call) {
        try InPlace.check(target, spec: TensorSpec(results[0].shape, results[0].dtype), op: name + "_")
        return target.copy_(results[0])
      }
      let device = try Op.commonDevice(inputs, call)
      guard case .fresh(let specs) = try plan(call) else { fatalError("\(name): views have no in-place form") }
      try InPlace.check(target, spec: specs[0], op: name + "_")
      let result = Tensor(uninitialised: specs[0], device: device)
      if device == .cpu {
        try forward(call, [result])
        target.copyData(from: result)
      }
      let node = self.node(call, inputs, [target])
      (node as? StructuredNode)?.shiftVersion(of: target.storage)
      InPlace.commit(target, node)
      return target
    }
  }

  /// Writes the results into given tensors, which must have the right shape and dtype. Same as PyTorch's `out=`.
  @discardableResult
  public func into(_ out: Tensor, _ arguments: [Value]) -> Tensor {
    ErrorScope.guarding {
      let call = OpCall(op: self, arguments: complete(arguments))
      let inputs = call.tensorArguments
      if inputs.contains(where: \.isPoisoned) || out.isPoisoned { return out }
      if GradMode.isEnabled && (out.requiresGrad || inputs.contains(where: \.requiresGrad)) {
        throw TensorError.autograd("\(name): out= does not support automatic differentiation; use the plain form")
      }
      let result = try self.call(arguments)[0]
      guard out.shape == result.shape else {
        throw TensorError.shape("\(name): out has shape \(out.shape), expected \(result.shape)")
      }
      guard out.dtype == result.dtype else {
        throw TensorError.dtype("\(name): out has dtype \(out.dtype.name), expected \(result.dtype.name)")
      }
      out.copyData(from: result)
      out.storage.version += 1
      return out
    }
  }

  /// Arguments with the schema's defaults added at the end.
  func complete(_ arguments: [Value]) -> [Value] {
    let parameters = schema.parameters
    if arguments.count >= parameters.count { return arguments }
    return arguments + parameters[arguments.count...].map(\.defaultValue)
  }

  /// How many poisoned results to give, or nil when no input is poisoned.
  private func poisonedCount(_ inputs: [Tensor]) -> Int? {
    inputs.contains(where: \.isPoisoned) ? schema.returnsCount : nil
  }

  static func commonDevice(_ inputs: [Tensor], _ call: OpCall) throws -> Device {
    var device: Device?
    for input in inputs {
      // A 0-dim CPU tensor may meet tensors of any device.
      if let known = device {
        if known != input.device && input.rank > 0 {
          throw TensorError.device(
            "\(call.name): tensors are on \(known) and \(input.device); move them to one device with to(device)")
        }
      } else if input.rank > 0 || inputs.count == 1 {
        device = input.device
      }
    }
    return device ?? inputs.first?.device ?? .cpu
  }

  /// Adds the tape's node to fresh results.
  private func record(_ call: OpCall, _ inputs: [Tensor], _ results: [Tensor]) {
    guard let node = node(call, inputs, results) else { return }
    for (i, result) in results.prefix(differentiableResults).enumerated() where result.dtype.isDifferentiable {
      result.setHistory(node, i)
    }
  }

  /// The tape's node for a call, or nil when nothing is to be recorded.
  func node(_ call: OpCall, _ inputs: [Tensor], _ results: [Tensor]) -> Node? {
    guard derivative != nil, GradMode.isEnabled, inputs.contains(where: \.requiresGrad) else { return nil }
    return StructuredNode(call, inputs, results)
  }
}
