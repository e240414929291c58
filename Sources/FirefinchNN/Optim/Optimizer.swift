import FirefinchCore
import FirefinchTensor

/// Base class of optimizers: parameter groups, per-parameter state, saving. Same as `torch.optim.Optimizer`.
///
/// A subclass gives its options and state names to `init` and overrides `update`.
open class Optimizer {
  /// Groups of parameters with their options.
  public private(set) var groups: [ParameterGroup]
  /// Options of groups that do not set their own.
  public let defaults: [(key: String, value: StateValue)]
  /// Names of what is kept for each parameter, in PyTorch's order.
  let stateNames: [String]
  /// Those of `stateNames` that are single numbers.
  let numberNames: Set<String>
  private var states: [ObjectIdentifier: ParameterState] = [:]

  /// - Parameters:
  ///   - defaults: options in PyTorch's order and under its names.
  ///   - state: names of the state kept for each parameter, in PyTorch's order.
  ///   - numbers: those of them that are single numbers rather than tensors.
  public init(
    _ groups: [ParameterGroup], defaults: [(key: String, value: StateValue)], state: [String] = [],
    numbers: Set<String> = ["step"]
  ) {
    self.groups = []
    self.defaults = defaults
    stateNames = state
    numberNames = numbers
    if groups.allSatisfy({ $0.parameters.isEmpty }) {
      Mistake.report(.value("\(type(of: self)): there are no parameters to optimize; pass model.parameters()"))
    }
    for group in groups { addGroup(group) }
  }

  /// Adds a group. Same as `add_param_group`.
  public func addGroup(_ group: ParameterGroup) {
    var known = Set(groups.flatMap { $0.parameters.map(ObjectIdentifier.init) })
    for parameter in group.parameters {
      if !parameter.isLeaf {
        Mistake.report(
          .value(
            "\(type(of: self)): a tensor of shape \(parameter.shape) is the result of an operation; "
              + "only leaves can be optimized, use detach()"))
        return
      }
      if !known.insert(ObjectIdentifier(parameter)).inserted {
        Mistake.report(
          .value("\(type(of: self)): a tensor of shape \(parameter.shape) is given twice; each belongs to one group"))
        return
      }
    }
    group.complete(with: defaults)
    groups.append(group)
  }

  /// The learning rate of the first group; setting it sets that of all groups.
  public var lr: Double {
    get { groups.first?.lr ?? 0 }
    set { for group in groups { group.lr = newValue } }
  }

  /// What is kept of `parameter`, or nil before its first update.
  public func state(of parameter: Tensor) -> ParameterState? { states[ObjectIdentifier(parameter)] }

  /// What is kept of `parameter`; empty the first time.
  public func ensureState(of parameter: Tensor) -> ParameterState {
    if let known = states[ObjectIdentifier(parameter)] { return known }
    let fresh = ParameterState()
    states[ObjectIdentifier(parameter)] = fresh
    return fresh
  }

  /// Updates the parameters that have a gradient. Same as `Optimizer.step()`.
  open func step() {
    recordOptimizer("Optimizer.step#\(type(of: self))") {
      withNoGrad {
        for group in groups {
          let ready = group.parameters.compactMap { parameter in
            parameter.grad.map { (parameter: parameter, grad: $0) }
          }
          for parameter in group.parameters {
            if let grad = parameter.sparseGrad, !grad.values.isPoisoned { updateSparse(group, parameter, grad) }
          }
          if ready.isEmpty || ready.contains(where: { $0.grad.isPoisoned || $0.parameter.isPoisoned }) { continue }
          update(group, ready)
        }
      }
    }
  }

  /// Computes the loss (and gradients) by `closure`, updates, and gives the loss back. Same as `step(closure)`.
  open func step(_ closure: () -> Tensor) -> Tensor {
    let loss = withGrad { closure() }
    step()
    return loss
  }

  /// One step of one group. Runs without recording gradients.
  open func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    fatalError("\(type(of: self)) must override update")
  }

  /// One step of one parameter whose gradient is sparse; most optimizers have none.
  open func updateSparse(_ group: ParameterGroup, _ parameter: Tensor, _ grad: SparseTensor) {
    Mistake.report(
      .value(
        "\(type(of: self)): the parameter of shape \(parameter.shape) has a sparse gradient, which this optimizer does not take; "
          + "use SparseAdam, Adagrad or SGD, or leave sparse out"))
  }

  /// Drops the gradients, or sets them to zeros. Same as `zero_grad`.
  public func zeroGrad(setToNone: Bool = true) {
    for group in groups {
      for parameter in group.parameters { parameter.clearGrad(setToNone: setToNone) }
    }
  }

  /// Options and state in the structure of PyTorch's `Optimizer.state_dict()`. Tensors share memory with the optimizer.
  public func stateDict() -> StateValue {
    var entries: [(key: StateKey, value: StateValue)] = []
    var packed: [StateValue] = []
    var next = 0
    for group in groups {
      let first = next
      for parameter in group.parameters {
        if let state = state(of: parameter), !(state.numbers.isEmpty && state.tensors.isEmpty) {
          entries.append((.int(next), encode(state)))
        }
        next += 1
      }
      var options: [(key: StateKey, value: StateValue)] = group.options.map { (.string($0.key), $0.value) }
      options.append(("params", .list((first..<next).map { .int($0) })))
      packed.append(.dict(options))
    }
    return .record([("state", .dict(entries)), ("param_groups", .list(packed))])
  }

  private func encode(_ state: ParameterState) -> StateValue {
    var fields: [(String, StateValue)] = []
    for name in stateNames {
      if let number = state.numbers[name] {
        // PyTorch keeps them as 0-dim float32 tensors.
        fields.append((name, .tensor(Tensor(number, dtype: .float32))))
      } else if let tensor = state.tensors[name] {
        fields.append((name, .tensor(tensor)))
      }
    }
    return .record(fields)
  }

  /// Restores options and state written by `stateDict()` or by PyTorch. Nothing is changed when an error is thrown.
  /// Same as `load_state_dict`.
  public func loadStateDict(_ saved: StateValue) throws {
    let name = "\(type(of: self))"
    func wrong(_ what: String) -> TensorError { .value("loadStateDict: the state does not fit this \(name): \(what)") }
    guard let packed = saved["param_groups"]?.elements, let entries = saved["state"]?.entries else {
      throw wrong("expected a dictionary with 'state' and 'param_groups'")
    }
    if packed.count != groups.count { throw wrong("it has \(packed.count) parameter groups, expected \(groups.count)") }
    var byIndex: [Int: Tensor] = [:]
    var newOptions: [[(key: String, value: StateValue)]] = []
    for (i, (group, saved)) in zip(groups, packed).enumerated() {
      guard let fields = saved.entries, let indices = saved["params"]?.elements?.compactMap(\.integer) else {
        throw wrong("group \(i) has no 'params'")
      }
      if indices.count != group.parameters.count {
        throw wrong("group \(i) has \(indices.count) parameters, expected \(group.parameters.count)")
      }
      for (index, parameter) in zip(indices, group.parameters) { byIndex[index] = parameter }
      var options = group.options
      for (key, value) in fields where key != "params" {
        let text = key.description
        if let at = options.firstIndex(where: { $0.key == text }) {
          options[at].value = value
        } else {
          options.append((text, value))
        }
      }
      newOptions.append(options)
    }
    var loaded: [ObjectIdentifier: ParameterState] = [:]
    for (key, value) in entries {
      guard case .int(let index) = key, let parameter = byIndex[index] else {
        throw wrong("state of an unknown parameter \(key)")
      }
      guard let fields = value.entries else { throw wrong("the state of parameter \(index) is not a dictionary") }
      loaded[ObjectIdentifier(parameter)] = try decode(fields, parameter, wrong)
    }
    for (group, options) in zip(groups, newOptions) { group.replaceOptions(options) }
    states = loaded
  }

  private func decode(
    _ fields: [(key: StateKey, value: StateValue)], _ parameter: Tensor, _ wrong: (String) -> TensorError
  ) throws -> ParameterState {
    let state = ParameterState()
    for (key, value) in fields {
      let name = key.description
      if numberNames.contains(name) {
        guard let number = value.number else { throw wrong("'\(name)' is not a number") }
        state.numbers[name] = number
      } else if case .tensor(let tensor) = value {
        try check(tensor, name, parameter, wrong)
        // A copy: the checkpoint's tensors stay as they are while training goes on.
        state.tensors[name] = withNoGrad {
          tensor.dtype == parameter.dtype ? tensor.detach().clone() : tensor.detach().to(parameter.dtype)
        }
      } else if case .none = value {
        continue
      } else {
        throw wrong("'\(name)' is not a tensor")
      }
    }
    return state
  }

  /// Whether a saved tensor can belong to a parameter: by default it has the parameter's shape.
  func check(_ tensor: Tensor, _ name: String, _ parameter: Tensor, _ wrong: (String) -> TensorError) throws {
    if tensor.shape != parameter.shape {
      throw wrong("'\(name)' has shape \(tensor.shape) for a parameter of shape \(parameter.shape)")
    }
  }
}

/// Option values as PyTorch saves them.
extension StateValue {
  static func betas(_ betas: (Double, Double)) -> StateValue { .tuple([.double(betas.0), .double(betas.1)]) }
}

/// Expressions that PyTorch's updates are written with, in its order of operations.
enum UpdateMath {
  /// `start.lerp(end, weight)`; `small` tells whether the weight is below a half.
  static func lerp(_ start: Expr, _ end: Expr, _ weight: Expr, small: Bool) -> Expr {
    small ? .fma(weight, end - start, start) : .fma(weight - 1, end - start, end)
  }
  /// `a.addcmul(b, c, value)`.
  static func addcmul(_ a: Expr, _ b: Expr, _ c: Expr, _ value: Expr) -> Expr { a + value * b * c }
  /// `a.addcdiv(b, c, value)`.
  static func addcdiv(_ a: Expr, _ b: Expr, _ c: Expr, _ value: Expr) -> Expr { a + value * b / c }
  /// `a.add(b, alpha)`.
  static func add(_ a: Expr, _ b: Expr, _ alpha: Expr) -> Expr { .fma(b, alpha, a) }
}

/// The fused updates of one optimizer, one for each combination of options, made when first needed.
final class UpdateCache {
  private var known: [Int: FusedUpdate] = [:]

  /// The update for the options in `key`.
  func update(_ key: Int, _ make: () -> FusedUpdate) -> FusedUpdate {
    if let update = known[key] { return update }
    let made = make()
    known[key] = made
    return made
  }
}

/// Packs flags into a key for `UpdateCache`.
func optionKey(_ flags: Bool...) -> Int { flags.reduce(0) { $0 << 1 | ($1 ? 1 : 0) } }
