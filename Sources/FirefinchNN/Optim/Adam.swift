import FirefinchCore
import FirefinchTensor

/// Adam. Same as `torch.optim.Adam`; `AdamW` is the variant with decoupled weight decay.
public class Adam: Optimizer {
  private let cache = UpdateCache()

  /// - Parameters:
  ///   - betas: decay rates of the running averages of the gradient and of its square.
  ///   - amsgrad: divide by the largest average of squares seen so far.
  ///   - decoupledWeightDecay: shrink the parameters directly rather than through the gradient, as AdamW does.
  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false, decoupledWeightDecay: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay, amsgrad: amsgrad,
      maximize: maximize, decoupledWeightDecay: decoupledWeightDecay)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false, decoupledWeightDecay: Bool = false
  ) {
    OptionCheck("\(Self.self)").notNegative("lr", lr).betas(betas).notNegative("eps", eps)
      .notNegative("weightDecay", weightDecay)
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("betas", .betas(betas)), ("eps", .double(eps)), ("weight_decay", .double(weightDecay)),
        ("amsgrad", .bool(amsgrad)), ("maximize", .bool(maximize)), ("foreach", .none), ("capturable", false),
        ("differentiable", false), ("fused", .none), ("decoupled_weight_decay", .bool(decoupledWeightDecay)),
      ], state: ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let (beta1, beta2) = group.pair("betas")
    let (lr, decay) = (group.lr, group.number("weight_decay"))
    let (amsgrad, maximize) = (group.flag("amsgrad"), group.flag("maximize"))
    let decoupled = group.flag("decoupled_weight_decay")
    let items = ready.map { parameter, grad in
      let state = ensureState(of: parameter)
      state.step += 1
      let stepSize = lr / (1 - power(beta1, state.step))
      let correction = (1 - power(beta2, state.step)).squareRoot()
      var tensors = [
        parameter, grad, state.tensor("exp_avg", like: parameter), state.tensor("exp_avg_sq", like: parameter),
      ]
      if amsgrad { tensors.append(state.tensor("max_exp_avg_sq", like: parameter)) }
      return FusedUpdate.Item(
        tensors,
        [
          1 - beta1, beta2, 1 - beta2, correction, group.number("eps"), -stepSize,
          decoupled ? 1 - lr * decay : decay,
        ])
    }
    let small = 1 - beta1 < 0.5
    let hasDecay = decay != 0
    cache.update(optionKey(amsgrad, maximize, decoupled, hasDecay, small)) {
      FusedUpdate("Adam", inputs: amsgrad ? 5 : 4) { x, n in
        var p = x[0]
        var g = maximize ? -x[1] : x[1]
        if hasDecay {
          if decoupled { p = p * n(6) } else { g = UpdateMath.add(g, p, n(6)) }
        }
        let average = UpdateMath.lerp(x[2], g, n(0), small: small)
        let squares = UpdateMath.addcmul(x[3] * n(1), g, g, n(2))
        let largest = amsgrad ? Expr.max(x[4], squares) : squares
        let denominator = largest.sqrt() / n(3) + n(4)
        let next = UpdateMath.addcdiv(p, average, denominator, n(5))
        var results: [(target: Int, value: Expr)] = [(0, next), (2, average), (3, squares)]
        if amsgrad { results.append((4, largest)) }
        return results
      }
    }.run(items)
  }
}

/// Adam with decoupled weight decay. Same as `torch.optim.AdamW`.
public final class AdamW: Adam {
  /// - Parameter weightDecay: how much of each parameter is taken off per step, in units of `lr`.
  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay, amsgrad: amsgrad,
      maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false
  ) {
    super.init(
      groups: groups, lr: lr, betas: betas, eps: eps, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize,
      decoupledWeightDecay: true)
  }
}
