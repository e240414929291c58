import FirefinchCore
import FirefinchTensor

/// Divides gradients by a running average of their size. Same as `torch.optim.RMSprop`.
public final class RMSprop: Optimizer {
  private let cache = UpdateCache()

  /// - Parameters:
  ///   - alpha: decay rate of the average of squares.
  ///   - centered: subtract the squared average of the gradient, which estimates a variance.
  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-2, alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0, centered: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, alpha: alpha, eps: eps, weightDecay: weightDecay,
      momentum: momentum, centered: centered, maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-2, alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0, centered: Bool = false, maximize: Bool = false
  ) {
    OptionCheck("RMSprop").notNegative("lr", lr).notNegative("alpha", alpha).notNegative("eps", eps)
      .notNegative("momentum", momentum).notNegative("weightDecay", weightDecay)
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("momentum", .double(momentum)), ("alpha", .double(alpha)), ("eps", .double(eps)),
        ("centered", .bool(centered)), ("weight_decay", .double(weightDecay)), ("capturable", false),
        ("foreach", .none), ("maximize", .bool(maximize)), ("differentiable", false),
      ], state: ["step", "square_avg", "momentum_buffer", "grad_avg"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let (alpha, momentum) = (group.number("alpha"), group.number("momentum"))
    let decay = group.number("weight_decay")
    let (centered, maximize) = (group.flag("centered"), group.flag("maximize"))
    let hasMomentum = momentum > 0
    let items = ready.map { parameter, grad in
      let state = ensureState(of: parameter)
      state.step += 1
      var tensors = [parameter, grad, state.tensor("square_avg", like: parameter)]
      if hasMomentum { tensors.append(state.tensor("momentum_buffer", like: parameter)) }
      if centered { tensors.append(state.tensor("grad_avg", like: parameter)) }
      return FusedUpdate.Item(tensors, [-group.lr, alpha, 1 - alpha, group.number("eps"), momentum, decay])
    }
    let small = 1 - alpha < 0.5
    cache.update(optionKey(centered, maximize, hasMomentum, decay != 0, small)) {
      FusedUpdate("RMSprop", inputs: items[0].tensors.count) { x, n in
        var g = maximize ? -x[1] : x[1]
        if decay != 0 { g = UpdateMath.add(g, x[0], n(5)) }
        let squares = UpdateMath.addcmul(x[2] * n(1), g, g, n(2))
        var results: [(target: Int, value: Expr)] = [(2, squares)]
        var spread = squares
        if centered {
          let slot = hasMomentum ? 4 : 3
          let average = UpdateMath.lerp(x[slot], g, n(2), small: small)
          results.append((slot, average))
          spread = squares - average * average
        }
        let size = spread.sqrt() + n(3)
        if hasMomentum {
          let buffer = x[3] * n(4) + g / size
          results.append((3, buffer))
          results.append((0, UpdateMath.add(x[0], buffer, n(0))))
        } else {
          results.append((0, UpdateMath.addcdiv(x[0], g, size, n(0))))
        }
        return results
      }
    }.run(items)
  }
}
