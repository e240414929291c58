import FirefinchCore
import FirefinchTensor

/// Adam with the largest gradient in place of the average square. Same as `torch.optim.Adamax`.
public final class Adamax: Optimizer {
  private let cache = UpdateCache()

  public convenience init(
    _ parameters: [Tensor], lr: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay, maximize: maximize
    )
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    OptionCheck("Adamax").notNegative("lr", lr).betas(betas).notNegative("eps", eps)
      .notNegative("weightDecay", weightDecay)
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("betas", .betas(betas)), ("eps", .double(eps)), ("weight_decay", .double(weightDecay)),
        ("foreach", .none), ("maximize", .bool(maximize)), ("differentiable", false), ("capturable", false),
      ], state: ["step", "exp_avg", "exp_inf"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let (beta1, beta2) = group.pair("betas")
    let decay = group.number("weight_decay")
    let maximize = group.flag("maximize")
    let items = ready.map { parameter, grad in
      let state = ensureState(of: parameter)
      state.step += 1
      let rate = group.lr / (1 - power(beta1, state.step))
      return FusedUpdate.Item(
        [parameter, grad, state.tensor("exp_avg", like: parameter), state.tensor("exp_inf", like: parameter)],
        [-rate, 1 - beta1, beta2, group.number("eps"), decay])
    }
    let small = 1 - beta1 < 0.5
    cache.update(optionKey(maximize, decay != 0, small)) {
      FusedUpdate("Adamax", inputs: 4) { x, n in
        var g = maximize ? -x[1] : x[1]
        if decay != 0 { g = UpdateMath.add(g, x[0], n(4)) }
        let average = UpdateMath.lerp(x[2], g, n(1), small: small)
        let largest = Expr.max(x[3] * n(2), g.abs() + n(3))
        return [(0, UpdateMath.addcdiv(x[0], average, largest, n(0))), (2, average), (3, largest)]
      }
    }.run(items)
  }
}

/// Adam with Nesterov momentum. Same as `torch.optim.NAdam`.
public final class NAdam: Optimizer {
  private let cache = UpdateCache()

  public convenience init(
    _ parameters: [Tensor], lr: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, momentumDecay: Double = 4e-3, decoupledWeightDecay: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay,
      momentumDecay: momentumDecay, decoupledWeightDecay: decoupledWeightDecay, maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, momentumDecay: Double = 4e-3, decoupledWeightDecay: Bool = false, maximize: Bool = false
  ) {
    OptionCheck("NAdam").notNegative("lr", lr).betas(betas).notNegative("eps", eps)
      .notNegative("weightDecay", weightDecay).notNegative("momentumDecay", momentumDecay)
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("betas", .betas(betas)), ("eps", .double(eps)), ("weight_decay", .double(weightDecay)),
        ("momentum_decay", .double(momentumDecay)), ("decoupled_weight_decay", .bool(decoupledWeightDecay)),
        ("maximize", .bool(maximize)), ("foreach", .none), ("capturable", false), ("differentiable", false),
      ], state: ["step", "mu_product", "exp_avg", "exp_avg_sq"], numbers: ["step", "mu_product"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let (beta1, beta2) = group.pair("betas")
    let (lr, decay, slow) = (group.lr, group.number("weight_decay"), group.number("momentum_decay"))
    let (decoupled, maximize) = (group.flag("decoupled_weight_decay"), group.flag("maximize"))
    let items = ready.map { parameter, grad in
      let state = ensureState(of: parameter)
      state.step += 1
      let step = state.step
      let mu = beta1 * (1 - 0.5 * power(0.96, step * slow))
      let muNext = beta1 * (1 - 0.5 * power(0.96, (step + 1) * slow))
      // PyTorch keeps the product in a float32 tensor.
      let product = Double(Float(state.numbers["mu_product"] ?? 1) * Float(mu))
      state.numbers["mu_product"] = product
      return FusedUpdate.Item(
        [parameter, grad, state.tensor("exp_avg", like: parameter), state.tensor("exp_avg_sq", like: parameter)],
        [
          1 - beta1, beta2, 1 - beta2, 1 - power(beta2, step), group.number("eps"), -lr * (1 - mu) / (1 - product),
          -lr * muNext / (1 - product * muNext), decoupled ? 1 - lr * decay : decay,
        ])
    }
    let small = 1 - beta1 < 0.5
    cache.update(optionKey(maximize, decoupled, decay != 0, small)) {
      FusedUpdate("NAdam", inputs: 4) { x, n in
        var p = x[0]
        var g = maximize ? -x[1] : x[1]
        if decay != 0 {
          if decoupled { p = p * n(7) } else { g = UpdateMath.add(g, p, n(7)) }
        }
        let average = UpdateMath.lerp(x[2], g, n(0), small: small)
        let squares = UpdateMath.addcmul(x[3] * n(1), g, g, n(2))
        let denominator = (squares / n(3)).sqrt() + n(4)
        let half = UpdateMath.addcdiv(p, g, denominator, n(5))
        return [(0, UpdateMath.addcdiv(half, average, denominator, n(6))), (2, average), (3, squares)]
      }
    }.run(items)
  }
}

/// Adam with a rectified start. Same as `torch.optim.RAdam`.
public final class RAdam: Optimizer {
  private let cache = UpdateCache()

  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, decoupledWeightDecay: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay,
      decoupledWeightDecay: decoupledWeightDecay, maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, decoupledWeightDecay: Bool = false, maximize: Bool = false
  ) {
    OptionCheck("RAdam").notNegative("lr", lr).betas(betas).notNegative("eps", eps)
      .notNegative("weightDecay", weightDecay)
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("betas", .betas(betas)), ("eps", .double(eps)), ("weight_decay", .double(weightDecay)),
        ("maximize", .bool(maximize)), ("foreach", .none), ("capturable", false),
        ("decoupled_weight_decay", .bool(decoupledWeightDecay)), ("differentiable", false),
      ], state: ["step", "exp_avg", "exp_avg_sq"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let (beta1, beta2) = group.pair("betas")
    let (lr, decay) = (group.lr, group.number("weight_decay"))
    let (decoupled, maximize) = (group.flag("decoupled_weight_decay"), group.flag("maximize"))
    // By whether the variance may be used yet, which depends on the parameter's own step count.
    var items: [Bool: [FusedUpdate.Item]] = [:]
    for (parameter, grad) in ready {
      let state = ensureState(of: parameter)
      state.step += 1
      let correction2 = 1 - power(beta2, state.step)
      let limit = 2 / (1 - beta2) - 1
      let length = limit - 2 * state.step * power(beta2, state.step) / correction2
      let rectified = length > 5
      let factor = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
      items[rectified, default: []].append(
        FusedUpdate.Item(
          [parameter, grad, state.tensor("exp_avg", like: parameter), state.tensor("exp_avg_sq", like: parameter)],
          [
            1 - beta1, beta2, 1 - beta2, 1 - power(beta1, state.step), group.number("eps"), lr,
            correction2.squareRoot(), rectified ? factor.squareRoot() : 1, decoupled ? 1 - lr * decay : decay,
          ]))
    }
    let small = 1 - beta1 < 0.5
    for (rectified, items) in items {
      cache.update(optionKey(maximize, decoupled, decay != 0, small, rectified)) {
        FusedUpdate("RAdam", inputs: 4) { x, n in
          var p = x[0]
          var g = maximize ? -x[1] : x[1]
          if decay != 0 {
            if decoupled { p = p * n(8) } else { g = UpdateMath.add(g, p, n(8)) }
          }
          let average = UpdateMath.lerp(x[2], g, n(0), small: small)
          let squares = UpdateMath.addcmul(x[3] * n(1), g, g, n(2))
          var change = average / n(3) * n(5)
          if rectified { change = change * (n(6) / (squares.sqrt() + n(4))) * n(7) }
          return [(0, p - change), (2, average), (3, squares)]
        }
      }.run(items)
    }
  }
}
