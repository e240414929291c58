import FirefinchCore
import FirefinchTensor

/// Momentum whose update of each matrix is made orthogonal by Newton-Schulz steps. Jordan, "Muon" (2024). For parameters of
/// two dims. Same as `torch.optim.Muon`.
public final class Muon: Optimizer {
  /// How the learning rate follows a matrix's shape. Same words as PyTorch's `adjust_lr_fn`.
  public enum RateRule: String, Sendable {
    case original
    /// The update's root mean square is AdamW's.
    case matchRMSAdamW = "match_rms_adamw"
  }

  /// - Parameters:
  ///   - coefficients: of the quintic step.
  ///   - steps: Newton-Schulz steps; they run in bfloat16.
  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-3, weightDecay: Double = 0.1, momentum: Double = 0.95, nesterov: Bool = true,
    coefficients: (Double, Double, Double) = (3.4445, -4.775, 2.0315), eps: Double = 1e-7, steps: Int = 5,
    rateRule: RateRule = .original
  ) {
    self.init(
      groups: [ParameterGroup(parameters)], lr: lr, weightDecay: weightDecay, momentum: momentum, nesterov: nesterov,
      coefficients: coefficients, eps: eps, steps: steps, rateRule: rateRule)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-3, weightDecay: Double = 0.1, momentum: Double = 0.95,
    nesterov: Bool = true, coefficients: (Double, Double, Double) = (3.4445, -4.775, 2.0315), eps: Double = 1e-7,
    steps: Int = 5, rateRule: RateRule = .original
  ) {
    OptionCheck("Muon").notNegative("lr", lr).notNegative("momentum", momentum).notNegative("weightDecay", weightDecay)
    if let odd = groups.lazy.flatMap(\.parameters).first(where: { $0.rank != 2 }) {
      Mistake.report(.shape("Muon: only parameters of two dims can be optimized, got shape \(odd.shape)"))
    }
    super.init(
      groups,
      defaults: [
        ("lr", .double(lr)), ("weight_decay", .double(weightDecay)), ("momentum", .double(momentum)),
        ("nesterov", .bool(nesterov)),
        ("ns_coefficients", .tuple([.double(coefficients.0), .double(coefficients.1), .double(coefficients.2)])),
        ("eps", .double(eps)), ("ns_steps", .int(steps)), ("adjust_lr_fn", .string(rateRule.rawValue)),
      ], state: ["momentum_buffer"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    let momentum = group.number("momentum")
    for (parameter, grad) in ready {
      let buffer = ensureState(of: parameter).tensor("momentum_buffer", like: parameter)
      buffer.lerp_(grad, 1 - momentum)
      let direction = group.flag("nesterov") ? grad.lerp(buffer, momentum) : buffer
      let update = orthogonal(direction, group)
      let (rows, columns) = (Double(parameter.size(0)), Double(parameter.size(1)))
      var rate = group.lr
      if case .string("match_rms_adamw")? = group["adjust_lr_fn"] {
        rate *= 0.2 * Swift.max(rows, columns).squareRoot()
      } else {
        rate *= Swift.max(1, rows / columns).squareRoot()
      }
      parameter.mul_(1 - group.lr * group.number("weight_decay"))
      parameter.add_(update.to(parameter.dtype), alpha: -rate)
    }
  }

  /// The nearest orthogonal matrix, roughly: x <- a x + (b g + c g²) x with g = x xᵀ.
  private func orthogonal(_ matrix: Tensor, _ group: ParameterGroup) -> Tensor {
    let numbers = group["ns_coefficients"]?.numbers ?? [3.4445, -4.775, 2.0315]
    let (a, b, c) = (numbers[0], numbers[1], numbers[2])
    var x = matrix.to(.bfloat16)
    let isTall = matrix.size(0) > matrix.size(1)
    if isTall { x = x.t() }
    x = x / x.vectorNorm().clamp(min: group.number("eps"))
    for _ in 0..<Int(group.number("ns_steps")) {
      let gram = x.mm(x.t())
      let step = gram.addmm(gram, gram, beta: b, alpha: c)
      x = x.addmm(step, x, beta: a)
    }
    return isTall ? x.t() : x
  }
}
