import FirefinchCore

/// Points on every branch of the piecewise activations, away from the kinks.
private func sample() -> Tensor { Tensor([-4.2, -1.75, -0.6, -0.2, 0.3, 0.9, 2.2, 3.4, 7.5], dtype: .float64) }
private let activationSamples: @Sendable () -> [Sample] = { [Sample(.tensor(sample()))] }

/// An activation without options.
private func activation(
  _ name: String, dtypes: DTypeRule = .floating, derivative: PointwiseDefinition.Override? = nil,
  _ f: @escaping @Sendable (Expr) -> Expr
) -> Op {
  .pointwise("\(name)(Tensor self) -> Tensor", dtypes: dtypes, samples: activationSamples, derivative: derivative) { f($0[0]) }
}

/// min(x, 0), whose derivative at 0 is 1 as PyTorch has it for the exponential units.
private func negativePart(_ x: Expr) -> Expr { .select(x .> 0, 0, x) }

extension Op {
  static let relu = Op.pointwise(
    "relu(Tensor self) -> Tensor", samples: activationSamples, derivative: { g, e, y in [.select(y .<= 0, 0, g)] }
  ) { .max($0[0], 0) }

  static let silu = activation("silu", derivative: { g, e, y in
    let s = e[0].sigmoid()
    return [g * s * (1 + e[0] * (1 - s))]
  }) { $0 * $0.sigmoid() }

  static let mish = activation("mish") { $0 * softplus($0, 1, 20).tanh() }
  static let relu6 = activation("relu6", dtypes: .notBool, derivative: { g, e, y in [.select((e[0] .<= 0) | (e[0] .>= 6), 0, g)] }) {
    .min(.max($0, 0), 6)
  }
  static let hardsigmoid = activation("hardsigmoid", derivative: { g, e, y in
    [.select((e[0] .> -3) & (e[0] .< 3), g * (1.0 / 6), 0)]
  }) { .min(.max($0 + 3, 0), 6) / 6 }
  static let hardswish = activation("hardswish", derivative: { g, e, y in
    [.select(e[0] .<= -3, 0, .select(e[0] .< 3, g * (e[0] / 3 + 0.5), g))]
  }) { $0 * .min(.max($0 + 3, 0), 6) / 6 }
  static let logSigmoid = activation("log_sigmoid", derivative: { g, e, y in [g * (-e[0]).sigmoid()] }) {
    .min($0, 0) - (-$0.abs()).exp().log1p()
  }
  static let softsign = activation("softsign", dtypes: .promoteToFloat) { $0 / ($0.abs() + 1) }
  static let tanhshrink = activation("tanhshrink", dtypes: .promoteToFloat) { $0 - $0.tanh() }
  static let selu = activation("selu") {
    let alpha: Expr = 1.6732632423543772
    let scale: Expr = 1.0507009873554805
    return .select($0 .> 0, scale * $0, scale * alpha * negativePart($0).expm1())
  }

  static let gelu = Op.pointwise(
    "gelu(Tensor self, *, str approximate='none') -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(sample())), Sample(.tensor(sample()), .string("tanh"))] },
    derivative: { g, e, y in
      let x = e[0]
      if e.word(1) == "tanh" {
        let cubic = x * x * x * 0.044715
        let t = ((x + cubic) * 0.7978845608028654).tanh()
        let slope = (1 + x * x * 0.134145) * 0.7978845608028654
        return [g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)]
      }
      let cdf = 0.5 * (1 + (x * 0.7071067811865476).erf())
      let pdf = (x * x * -0.5).exp() * 0.3989422804014327
      return [g * (cdf + x * pdf)]
    }
  ) { e in
    let x = e[0]
    if e.word(1) == "tanh" { return 0.5 * x * (1 + ((x + x * x * x * 0.044715) * 0.7978845608028654).tanh()) }
    return x * 0.5 * (1 + (x * 0.7071067811865476).erf())
  }

  static let leakyRelu = Op.pointwise(
    "leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(sample())), Sample(.tensor(sample()), .double(0.2))] },
    derivative: { g, e, y in [.select(e[0] .> 0, g, g * e[1])] }
  ) { .select($0[0] .> 0, $0[0], $0[0] * $0[1]) }

  static let elu = Op.pointwise(
    "elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(sample())), Sample(.tensor(sample()), .double(0.7))] }
  ) { e in
    .select(e[0] .> 0, e[0] * e[2], e[1] * e[2] * (negativePart(e[0]) * e[3]).expm1())
  }

  static let celu = Op.pointwise(
    "celu(Tensor self, Scalar alpha=1.0) -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(sample())), Sample(.tensor(sample()), .double(0.7))] }
  ) { e in .select(e[0] .> 0, e[0], e[1] * (negativePart(e[0]) / e[1]).expm1()) }

  static let softplusOp = Op.pointwise(
    "softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(sample())), Sample(.tensor(sample()), .double(2), .double(5))] },
    derivative: { g, e, y in [.select(e[0] * e[1] .> e[2], g, g * (e[0] * e[1]).sigmoid())] }
  ) { softplus($0[0], $0[1], $0[2]) }

  private static func softplus(_ x: Expr, _ beta: Expr, _ threshold: Expr) -> Expr {
    let z = x * beta
    // max(z, 0) + log1p(exp(-|z|)) does not overflow.
    return .select(z .> threshold, x, (.max(z, 0) + (-z.abs()).exp().log1p()) / beta)
  }

  static let hardtanh = Op.pointwise(
    "hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor", dtypes: .notBool,
    samples: { [Sample(.tensor(sample())), Sample(.tensor(sample()), .double(-2), .double(0.5))] },
    derivative: { g, e, y in [.select((e[0] .<= e[1]) | (e[0] .>= e[2]), 0, g)] }
  ) { .min(.max($0[0], $0[1]), $0[2]) }

  static let hardshrink = Op.pointwise(
    "hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor", dtypes: .floating, samples: activationSamples
  ) { .select(($0[0] .>= -$0[1]) & ($0[0] .<= $0[1]), 0, $0[0]) }

  static let softshrink = Op.pointwise(
    "softshrink(Tensor self, Scalar lambd=0.5) -> Tensor", dtypes: .floating, samples: activationSamples
  ) { e in .select(e[0] .> e[1], e[0] - e[1], .select(e[0] .< -e[1], e[0] + e[1], e[0] * 0)) }

  static let threshold = Op.pointwise(
    "threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor",
    samples: { [Sample(.tensor(sample()), .double(0.5), .double(-1))] }
  ) { .select($0[0] .<= $0[1], $0[2], $0[0]) }

  static let prelu = Op.pointwise(
    "_prelu_kernel(Tensor self, Tensor weight) -> Tensor", dtypes: .floating,
    samples: { [Sample(.tensor(sample()), .tensor(Tensor(0.25, dtype: .float64)))] },
    derivative: { g, e, y in [.select(e[0] .> 0, g, g * e[1]), .select(e[0] .> 0, 0, g * e[0])] }
  ) { .select($0[0] .> 0, $0[0], $0[0] * $0[1]) }
}

extension Tensor {
  /// max(x, 0). Same as `torch.relu`.
  public func relu() -> Tensor { Op.relu.unary(self) }
  /// max(x, 0) in place. Same as `torch.relu_`.
  @discardableResult public func relu_() -> Tensor { Op.relu.inPlace([.tensor(self)]) }
  /// x · sigmoid(x). Same as `F.silu`.
  public func silu() -> Tensor { Op.silu.unary(self) }
  /// x · tanh(softplus(x)). Same as `F.mish`.
  public func mish() -> Tensor { Op.mish.unary(self) }
  /// min(max(x, 0), 6). Same as `F.relu6`.
  public func relu6() -> Tensor { Op.relu6.unary(self) }
  /// relu6(x + 3) / 6. Same as `F.hardsigmoid`.
  public func hardsigmoid() -> Tensor { Op.hardsigmoid.unary(self) }
  /// x · relu6(x + 3) / 6. Same as `F.hardswish`.
  public func hardswish() -> Tensor { Op.hardswish.unary(self) }
  /// log(sigmoid(x)). Same as `F.logsigmoid`.
  public func logSigmoid() -> Tensor { Op.logSigmoid.unary(self) }
  /// x / (1 + |x|). Same as `F.softsign`.
  public func softsign() -> Tensor { Op.softsign.unary(self) }
  /// x - tanh(x). Same as `F.tanhshrink`.
  public func tanhshrink() -> Tensor { Op.tanhshrink.unary(self) }
  /// Self-normalising ELU. Same as `F.selu`.
  public func selu() -> Tensor { Op.selu.unary(self) }
  /// Gaussian error linear unit; `approximate` is "none" or "tanh". Same as `F.gelu`.
  public func gelu(approximate: String = "none") -> Tensor {
    if approximate != "none" && approximate != "tanh" {
      return Mistake.report(.value("gelu: approximate must be 'none' or 'tanh', got '\(approximate)'"))
    }
    return approximate == "none" ? Op.gelu.unary(self) : Op.gelu(.tensor(self), .string(approximate))
  }
  /// x where positive, else `negativeSlope` · x. Same as `F.leaky_relu`.
  public func leakyRelu(negativeSlope: Double = 0.01) -> Tensor { Op.leakyRelu(.tensor(self), .double(negativeSlope)) }
  /// x where positive, else `alpha` · (exp(x) - 1). Same as `F.elu`.
  public func elu(alpha: Double = 1) -> Tensor { Op.elu(.tensor(self), .double(alpha)) }
  /// Continuously differentiable ELU. Same as `F.celu`.
  public func celu(alpha: Double = 1) -> Tensor { Op.celu(.tensor(self), .double(alpha)) }
  /// log(1 + exp(beta · x)) / beta, linear above the threshold. Same as `F.softplus`.
  public func softplus(beta: Double = 1, threshold: Double = 20) -> Tensor {
    Op.softplusOp(.tensor(self), .double(beta), .double(threshold))
  }
  /// x limited to `min...max`. Same as `F.hardtanh`.
  public func hardtanh(min: Double = -1, max: Double = 1) -> Tensor {
    if min > max { return Mistake.report(.value("hardtanh: min \(min) is above max \(max)")) }
    if dtype == .uint8 && min < 0 { return Mistake.report(.dtype("hardtanh: uint8 has no values below 0, got min \(min)")) }
    return Op.hardtanh(.tensor(self), .double(min), .double(max))
  }
  /// 0 within ±lambda, x outside. Same as `F.hardshrink`.
  public func hardshrink(lambda: Double = 0.5) -> Tensor { Op.hardshrink(.tensor(self), .double(lambda)) }
  /// x moved toward 0 by lambda. Same as `F.softshrink`.
  public func softshrink(lambda: Double = 0.5) -> Tensor {
    if lambda < 0 { return Mistake.report(.value("softshrink: lambda must not be negative, got \(lambda)")) }
    return Op.softshrink(.tensor(self), .double(lambda))
  }
  /// x where above the threshold, else `value`. Same as `F.threshold`.
  public func threshold(_ threshold: Double, _ value: Double) -> Tensor {
    Op.threshold(.tensor(self), .double(threshold), .double(value))
  }
  /// Leaky relu with a learned slope per channel (dim 1). Same as `F.prelu`.
  public func prelu(_ weight: Tensor) -> Tensor {
    if isPoisoned || weight.isPoisoned { return ErrorScope.poison() }
    if weight.elementCount == 1 { return Op.prelu(.tensor(self), .tensor(weight.reshape([]))) }
    let channels = rank > 1 ? shape[1] : rank == 1 ? shape[0] : 1
    if weight.rank > 1 || weight.elementCount != (rank == 1 ? 1 : channels) {
      return Mistake.report(
        .shape("prelu: expected one slope or \(channels) for the channels of shape \(shape), got weight of shape \(weight.shape)"))
    }
    var sizes = Shape(repeating: 1, count: rank)
    if rank > 1 { sizes[1] = weight.elementCount } else { sizes[0] = weight.elementCount }
    return Op.prelu(.tensor(self), .tensor(weight.reshape(sizes)))
  }
}
