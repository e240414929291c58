import FirefinchCore
import FirefinchTensor

/// Parameters that share options, such as one learning rate. Same as an entry of `Optimizer.param_groups`.
public final class ParameterGroup {
  /// The parameters.
  public internal(set) var parameters: [Tensor]
  /// Options under PyTorch's names in its order, such as `lr`, `betas`, `weight_decay`.
  public private(set) var options: [(key: String, value: StateValue)]

  /// A group for an optimizer; options that are not given take the optimizer's values.
  public init(_ parameters: [Tensor], _ options: KeyValuePairs<String, StateValue> = [:]) {
    self.parameters = parameters
    self.options = options.map { ($0.key, $0.value) }
  }

  /// One option by PyTorch's name. A new one goes to the end.
  public subscript(_ key: String) -> StateValue? {
    get { options.first { $0.key == key }?.value }
    set {
      if let at = options.firstIndex(where: { $0.key == key }) {
        if let newValue { options[at].value = newValue } else { options.remove(at: at) }
      } else if let newValue {
        options.append((key, newValue))
      }
    }
  }

  /// The learning rate.
  public var lr: Double {
    get { number("lr") }
    set { self["lr"] = .double(newValue) }
  }

  /// A number; 0 when there is none.
  public func number(_ key: String) -> Double { self[key]?.number ?? 0 }
  /// A truth value; false when there is none.
  public func flag(_ key: String) -> Bool { self[key]?.flag ?? false }
  /// Two numbers, such as the betas.
  public func pair(_ key: String) -> (Double, Double) {
    guard let values = self[key]?.numbers, values.count == 2 else { return (0, 0) }
    return (values[0], values[1])
  }

  /// Puts the optimizer's options in its order, keeping the group's own values.
  func complete(with defaults: [(key: String, value: StateValue)]) {
    let own = options
    options = defaults.map { entry in (entry.key, own.first { $0.key == entry.key }?.value ?? entry.value) }
    for entry in own where !defaults.contains(where: { $0.key == entry.key }) { options.append(entry) }
  }

  func replaceOptions(_ options: [(key: String, value: StateValue)]) { self.options = options }
}

/// What an optimizer remembers of one parameter.
public final class ParameterState {
  /// Numbers such as the step count; saved as 0-dim tensors, as PyTorch does.
  public var numbers: [String: Double] = [:]
  /// Tensors such as running averages.
  public var tensors: [String: Tensor] = [:]

  public init() {}

  /// Steps taken.
  public var step: Double {
    get { numbers["step"] ?? 0 }
    set { numbers["step"] = newValue }
  }

  /// The tensor under `key`, made as `initial` values in the parameter's shape and dtype the first time.
  public func tensor(_ key: String, like parameter: Tensor, filledWith initial: Double = 0) -> Tensor {
    if let known = tensors[key] { return known }
    let fresh = withNoGrad { parameter.detach().fullLike(initial) }
    tensors[key] = fresh
    return fresh
  }
}
