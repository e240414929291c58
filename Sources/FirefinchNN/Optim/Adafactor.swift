import FirefinchCore
import FirefinchTensor
import Glibc

/// Adam's second moments kept as row and column means for matrices: sublinear memory. Shazeer & Stern (2018). Same as
/// `torch.optim.Adafactor`.
public final class Adafactor: Optimizer {
  /// - Parameters:
  ///   - beta2Decay: the second moment's decay is 1 - step^beta2Decay.
  ///   - eps: the smallest square root of a second moment (the dtype's own when nil) and the smallest relative step.
  ///   - d: the root mean square at which updates are clipped.
  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-2, beta2Decay: Double = -0.8, eps: (Double?, Double) = (nil, 1e-3),
    d: Double = 1, weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, beta2Decay: beta2Decay, eps: eps, d: d, weightDecay: weightDecay,
      maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-2, beta2Decay: Double = -0.8, eps: (Double?, Double) = (nil, 1e-3),
    d: Double = 1, weightDecay: Double = 0, maximize: Bool = false
  ) {
    OptionCheck("Adafactor").notNegative("lr", lr).notNegative("beta2Decay", -beta2Decay).notNegative("eps", eps.1)
      .notNegative("weightDecay", weightDecay)
    if d < 1 { Mistake.report(.value("Adafactor: d must be at least 1, got \(d)")) }
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("beta2_decay", .double(beta2Decay)),
        ("eps", .tuple([eps.0.map { .double($0) } ?? .none, .double(eps.1)])), ("d", .double(d)),
        ("weight_decay", .double(weightDecay)), ("foreach", .none), ("maximize", .bool(maximize)),
      ], state: ["step", "row_var", "col_var", "variance"])
  }

  /// Row and column means are smaller than the parameter.
  override func check(_ tensor: Tensor, _ name: String, _ parameter: Tensor, _ wrong: (String) -> TensorError) throws {
    if name == "variance" { return try super.check(tensor, name, parameter, wrong) }
    if tensor.rank != parameter.rank { throw wrong("'\(name)' has shape \(tensor.shape) for a parameter of shape \(parameter.shape)") }
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let eps = group["eps"]?.elements ?? []
    let floor = eps.count > 1 ? eps[1].number ?? 1e-3 : 1e-3
    for (parameter, given) in ready {
      let state = ensureState(of: parameter)
      state.step += 1
      let grad = group.flag("maximize") ? -given : given
      let smallest = eps.first?.number ?? (parameter.dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne))
      let fresh = Glibc.pow(state.step, group.number("beta2_decay"))
      let rate = Swift.min(group.lr, 1 / state.step.squareRoot())
      let count = Double(parameter.elementCount)
      let alpha = Swift.max(floor, parameter.detach().vectorNorm().doubleValue / count.squareRoot()) * rate
      let decay = group.number("weight_decay")
      if decay != 0 { parameter.mul_(1 - group.lr * decay) }
      let estimate: Tensor
      if grad.rank > 1 {
        func mean(_ dim: Int, _ key: String) -> Tensor {
          let squares = grad.vectorNorm(2, dim: [dim], keepDim: true).square() / grad.size(dim)
          let kept = state.tensors[key] ?? squares.zerosLike()
          state.tensors[key] = kept
          return kept.lerp_(squares, fresh)
        }
        let (rows, columns) = (mean(-1, "row_var"), mean(-2, "col_var"))
        estimate = rows.matmul(columns) / rows.mean(dim: -2, keepDim: true).clamp(min: smallest)
      } else {
        estimate = state.tensor("variance", like: parameter).lerp_(grad.square(), fresh)
      }
      let update = estimate.clamp(min: smallest * smallest).rsqrt() * grad
      let size = update.vectorNorm().doubleValue / (count.squareRoot() * group.number("d"))
      parameter.add_(update, alpha: -alpha / Swift.max(1, size))
    }
  }
}
