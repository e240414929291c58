import FirefinchCore
import FirefinchTensor

/// Steps scaled by the ratio of past steps to past gradients. Same as `torch.optim.Adadelta`.
public final class Adadelta: Optimizer {
  private let cache = UpdateCache()

  public convenience init(
    _ parameters: [Tensor], lr: Double = 1.0, rho: Double = 0.9, eps: Double = 1e-6, weightDecay: Double = 0,
    maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, rho: rho, eps: eps, weightDecay: weightDecay, maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1.0, rho: Double = 0.9, eps: Double = 1e-6, weightDecay: Double = 0,
    maximize: Bool = false
  ) {
    OptionCheck("Adadelta").notNegative("lr", lr).notNegative("rho", rho).notNegative("eps", eps)
      .notNegative("weightDecay", weightDecay)
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("rho", .double(rho)), ("eps", .double(eps)), ("weight_decay", .double(weightDecay)),
        ("maximize", .bool(maximize)), ("capturable", false), ("foreach", .none), ("differentiable", false),
      ], state: ["step", "square_avg", "acc_delta"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let (rho, decay) = (group.number("rho"), group.number("weight_decay"))
    let maximize = group.flag("maximize")
    let items = ready.map { parameter, grad in
      let state = ensureState(of: parameter)
      state.step += 1
      return FusedUpdate.Item(
        [parameter, grad, state.tensor("square_avg", like: parameter), state.tensor("acc_delta", like: parameter)],
        [-group.lr, rho, 1 - rho, group.number("eps"), decay])
    }
    cache.update(optionKey(maximize, decay != 0)) {
      FusedUpdate("Adadelta", inputs: 4) { x, n in
        var g = maximize ? -x[1] : x[1]
        if decay != 0 { g = UpdateMath.add(g, x[0], n(4)) }
        let squares = UpdateMath.addcmul(x[2] * n(1), g, g, n(2))
        let delta = (x[3] + n(3)).sqrt() / (squares + n(3)).sqrt() * g
        let deltas = UpdateMath.addcmul(x[3] * n(1), delta, delta, n(2))
        return [(0, UpdateMath.add(x[0], delta, n(0))), (2, squares), (3, deltas)]
      }
    }.run(items)
  }
}
