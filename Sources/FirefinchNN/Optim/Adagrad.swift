import FirefinchCore
import FirefinchTensor

/// Divides gradients by the root of the sum of their squares. Same as `torch.optim.Adagrad`.
public final class Adagrad: Optimizer {
  private let cache = UpdateCache()

  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-2, lrDecay: Double = 0, weightDecay: Double = 0,
    initialAccumulatorValue: Double = 0, eps: Double = 1e-10, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, lrDecay: lrDecay, weightDecay: weightDecay,
      initialAccumulatorValue: initialAccumulatorValue, eps: eps, maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-2, lrDecay: Double = 0, weightDecay: Double = 0,
    initialAccumulatorValue: Double = 0, eps: Double = 1e-10, maximize: Bool = false
  ) {
    OptionCheck("Adagrad").notNegative("lr", lr).notNegative("lrDecay", lrDecay).notNegative("eps", eps)
      .notNegative("weightDecay", weightDecay).notNegative("initialAccumulatorValue", initialAccumulatorValue)
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("lr_decay", .double(lrDecay)), ("eps", .double(eps)),
        ("weight_decay", .double(weightDecay)), ("initial_accumulator_value", .double(initialAccumulatorValue)),
        ("foreach", .none), ("maximize", .bool(maximize)), ("differentiable", false), ("fused", .none),
      ], state: ["step", "sum"])
    // PyTorch makes this state at once, so that it is saved even before the first step.
    for group in self.groups {
      for parameter in group.parameters { prepare(parameter, group) }
    }
  }

  @discardableResult
  private func prepare(_ parameter: Tensor, _ group: ParameterGroup) -> ParameterState {
    let state = ensureState(of: parameter)
    if state.tensors["sum"] == nil {
      state.step = 0
      _ = state.tensor("sum", like: parameter, filledWith: group.number("initial_accumulator_value"))
    }
    return state
  }

  /// Sparse gradients move their rows only, which weight decay does not go with.
  public override func updateSparse(_ group: ParameterGroup, _ parameter: Tensor, _ grad: SparseTensor) {
    if group.number("weight_decay") != 0 {
      Mistake.report(
        .value("Adagrad: weightDecay does not go with the sparse gradient of a parameter of shape \(parameter.shape)"))
      return
    }
    let state = prepare(parameter, group)
    state.step += 1
    let rate = group.lr / (1 + (state.step - 1) * group.number("lr_decay"))
    let rows = SparseRows(grad)
    if rows.values.elementCount == 0 { return }
    let g = group.flag("maximize") ? -rows.values : rows.values
    let sum = state.tensors["sum"]!
    rows.add(g * g, to: sum)
    rows.add(g / (rows.of(sum).sqrt() + group.number("eps")) * -rate, to: parameter)
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let decay = group.number("weight_decay")
    let maximize = group.flag("maximize")
    let items = ready.map { parameter, grad in
      let state = prepare(parameter, group)
      state.step += 1
      let rate = group.lr / (1 + (state.step - 1) * group.number("lr_decay"))
      return FusedUpdate.Item([parameter, grad, state.tensors["sum"]!], [-rate, group.number("eps"), decay])
    }
    cache.update(optionKey(maximize, decay != 0)) {
      FusedUpdate("Adagrad", inputs: 3) { x, n in
        var g = maximize ? -x[1] : x[1]
        if decay != 0 { g = UpdateMath.add(g, x[0], n(2)) }
        let sum = x[2] + g * g
        return [(0, UpdateMath.addcdiv(x[0], g, sum.sqrt() + n(1), n(0))), (2, sum)]
      }
    }.run(items)
  }
}
