import FirefinchCore
import FirefinchTensor

/// Stochastic gradient descent, with momentum. Same as `torch.optim.SGD`.
public final class SGD: Optimizer {
  private let cache = UpdateCache()

  /// - Parameters:
  ///   - momentum: factor of the running sum of gradients; 0 for none.
  ///   - dampening: how much of the gradient does not enter that sum.
  ///   - nesterov: look ahead along the momentum.
  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, momentum: momentum, dampening: dampening, weightDecay: weightDecay,
      nesterov: nesterov, maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, maximize: Bool = false
  ) {
    OptionCheck("SGD").notNegative("lr", lr).notNegative("momentum", momentum).notNegative("weightDecay", weightDecay)
    if nesterov && (momentum <= 0 || dampening != 0) {
      Mistake.report(.value("SGD: nesterov needs a momentum above 0 and no dampening"))
    }
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("momentum", .double(momentum)), ("dampening", .double(dampening)),
        ("weight_decay", .double(weightDecay)), ("nesterov", .bool(nesterov)), ("maximize", .bool(maximize)),
        ("foreach", .none), ("differentiable", false), ("fused", .none),
      ], state: ["momentum_buffer"], numbers: [])
  }

  /// Sparse gradients move their rows only, which momentum and weight decay do not go with.
  public override func updateSparse(_ group: ParameterGroup, _ parameter: Tensor, _ grad: SparseTensor) {
    if group.number("momentum") != 0 || group.number("weight_decay") != 0 {
      Mistake.report(
        .value("SGD: momentum and weightDecay do not go with the sparse gradient of a parameter of shape \(parameter.shape)"))
      return
    }
    let rows = SparseRows(grad)
    rows.add(rows.values * (group.flag("maximize") ? group.lr : -group.lr), to: parameter)
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let momentum = group.number("momentum")
    let decay = group.number("weight_decay")
    let numbers = [-group.lr, momentum, 1 - group.number("dampening"), decay]
    let (hasMomentum, nesterov) = (momentum != 0, group.flag("nesterov"))
    var first: [FusedUpdate.Item] = []
    var later: [FusedUpdate.Item] = []
    for (parameter, grad) in ready {
      if !hasMomentum {
        later.append(FusedUpdate.Item([parameter, grad], numbers))
        continue
      }
      let state = ensureState(of: parameter)
      let isFirst = state.tensors["momentum_buffer"] == nil
      let buffer = isFirst ? parameter.detach().emptyLike() : state.tensors["momentum_buffer"]!
      state.tensors["momentum_buffer"] = buffer
      let item = FusedUpdate.Item([parameter, grad, buffer], numbers)
      if isFirst { first.append(item) } else { later.append(item) }
    }
    for (items, isFirst) in [(first, true), (later, false)] where !items.isEmpty {
      let maximize = group.flag("maximize")
      let key = optionKey(hasMomentum, isFirst, nesterov, maximize, decay != 0)
      cache.update(key) {
        FusedUpdate("SGD", inputs: hasMomentum ? 3 : 2) { x, n in
          var g = maximize ? -x[1] : x[1]
          if decay != 0 { g = UpdateMath.add(g, x[0], n(3)) }
          if !hasMomentum { return [(0, UpdateMath.add(x[0], g, n(0)))] }
          let buffer = isFirst ? g : UpdateMath.add(x[2] * n(1), g, n(2))
          let direction = nesterov ? UpdateMath.add(g, buffer, n(1)) : buffer
          return [(0, UpdateMath.add(x[0], direction, n(0))), (2, buffer)]
        }
      }.run(items)
    }
  }
}

/// Checks of options, each reported in one sentence.
struct OptionCheck {
  let name: String
  init(_ name: String) { self.name = name }

  @discardableResult
  func notNegative(_ option: String, _ value: Double) -> OptionCheck {
    if !(value >= 0) { Mistake.report(.value("\(name): \(option) must not be negative, got \(value)")) }
    return self
  }

  @discardableResult
  func positive(_ option: String, _ value: Double) -> OptionCheck {
    if !(value > 0) { Mistake.report(.value("\(name): \(option) must be above 0, got \(value)")) }
    return self
  }

  @discardableResult
  func betas(_ betas: (Double, Double)) -> OptionCheck {
    for value in [betas.0, betas.1] where !(value >= 0 && value < 1) {
      Mistake.report(.value("\(name): betas must be at least 0 and below 1, got \(betas)"))
    }
    return self
  }
}
