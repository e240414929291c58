import FirefinchCore
import FirefinchTensor

/// Averaged stochastic gradient descent. Same as `torch.optim.ASGD`; the averages are in `state(of:)` under `ax`.
public final class ASGD: Optimizer {
  private let cache = UpdateCache()

  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-2, lambd: Double = 1e-4, alpha: Double = 0.75, t0: Double = 1e6,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, lambd: lambd, alpha: alpha, t0: t0, weightDecay: weightDecay,
      maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-2, lambd: Double = 1e-4, alpha: Double = 0.75, t0: Double = 1e6,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    OptionCheck("ASGD").notNegative("lr", lr).notNegative("weightDecay", weightDecay)
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("lambd", .double(lambd)), ("alpha", .double(alpha)), ("t0", .double(t0)),
        ("weight_decay", .double(weightDecay)), ("foreach", .none), ("maximize", .bool(maximize)),
        ("differentiable", false), ("capturable", false),
      ], state: ["step", "eta", "mu", "ax"], numbers: ["step", "eta", "mu"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let (lr, lambd, decay) = (group.lr, group.number("lambd"), group.number("weight_decay"))
    let maximize = group.flag("maximize")
    // By whether the average still is the parameter itself.
    var items: [Bool: [FusedUpdate.Item]] = [:]
    for (parameter, grad) in ready {
      let state = ensureState(of: parameter)
      state.step += 1
      // PyTorch keeps both in float32 tensors.
      let eta = state.numbers["eta"] ?? Double(Float(lr))
      let mu = state.numbers["mu"] ?? 1
      items[mu == 1, default: []].append(
        FusedUpdate.Item(
          [parameter, grad, state.tensor("ax", like: parameter)], [1 - lambd * eta, -eta, mu, decay]))
      state.numbers["eta"] = Double(Float(lr / power(1 + lambd * lr * state.step, group.number("alpha"))))
      state.numbers["mu"] = Double(Float(1 / max(1, state.step - group.number("t0"))))
    }
    for (isCopy, items) in items {
      cache.update(optionKey(maximize, decay != 0, isCopy)) {
        FusedUpdate("ASGD", inputs: 3) { x, n in
          var g = maximize ? -x[1] : x[1]
          if decay != 0 { g = UpdateMath.add(g, x[0], n(3)) }
          let next = UpdateMath.add(x[0] * n(0), g, n(1))
          return [(0, next), (2, isCopy ? next : x[2] + (next - x[2]) * n(2))]
        }
      }.run(items)
    }
  }
}

/// Steps that grow while the gradient keeps its sign and shrink when it changes. Same as `torch.optim.Rprop`.
public final class Rprop: Optimizer {
  private let cache = UpdateCache()

  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-2, etas: (Double, Double) = (0.5, 1.2),
    stepSizes: (Double, Double) = (1e-6, 50), maximize: Bool = false
  ) {
    self.init(groups: [ParameterGroup(parameters)], lr: lr, etas: etas, stepSizes: stepSizes, maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-2, etas: (Double, Double) = (0.5, 1.2),
    stepSizes: (Double, Double) = (1e-6, 50), maximize: Bool = false
  ) {
    OptionCheck("Rprop").notNegative("lr", lr)
    if !(0 < etas.0 && etas.0 < 1 && 1 < etas.1) {
      Mistake.report(.value("Rprop: etas must be below and above 1, got \(etas)"))
    }
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("etas", .betas(etas)), ("step_sizes", .betas(stepSizes)), ("foreach", .none),
        ("maximize", .bool(maximize)), ("differentiable", false), ("capturable", false),
      ], state: ["step", "prev", "step_size"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let (shrink, grow) = group.pair("etas")
    let (low, high) = group.pair("step_sizes")
    let maximize = group.flag("maximize")
    let items = ready.map { parameter, grad in
      let state = ensureState(of: parameter)
      state.step += 1
      return FusedUpdate.Item(
        [
          parameter, grad, state.tensor("prev", like: parameter),
          state.tensor("step_size", like: parameter, filledWith: group.lr),
        ], [shrink, grow, low, high])
    }
    cache.update(optionKey(maximize)) {
      FusedUpdate("Rprop", inputs: 4) { x, n in
        let g = maximize ? -x[1] : x[1]
        let agreement = g * x[2]
        let factor = Expr.select(agreement .> 0, n(1), .select(agreement .< 0, n(0), 1))
        let size = Expr.min(.max(x[3] * factor, n(2)), n(3))
        let used = Expr.select(agreement .< 0, 0, g)
        return [(0, x[0] - used.sign() * size), (2, used), (3, size)]
      }
    }.run(items)
  }
}
