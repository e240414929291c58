import Firefinch

/// Optimizers and schedulers by PyTorch's name.
struct OptimizerTable {
  private var optimizers: [String: (Schema, (Call, [ParameterGroup]) throws -> Optimizer)] = [:]
  private var schedulers: [String: (Schema, (Call, Optimizer) throws -> LRScheduler)] = [:]

  init() {
    addOptimizers()
    addSchedulers()
  }

  mutating func optimizer(_ signature: String, _ make: @escaping (Call, [ParameterGroup]) throws -> Optimizer) {
    let flags = "Any foreach=None, Any capturable=False, Any differentiable=False, Any fused=None"
    let separator = signature.hasSuffix("(") ? "" : ", "
    let schema = Schema("\(signature)\(separator)\(flags)) -> Optimizer", hasOverload: false)
    optimizers[schema.name] = (schema, make)
  }

  mutating func scheduler(_ signature: String, _ make: @escaping (Call, Optimizer) throws -> LRScheduler) {
    let schema = Schema("\(signature), int last_epoch=-1) -> LRScheduler", hasOverload: false)
    schedulers[schema.name] = (schema, make)
  }

  func make(_ name: String, _ kwargs: [(String, Argument)], _ groups: [ParameterGroup]) throws -> Optimizer {
    guard let (schema, make) = optimizers[name] else { throw Unsupported("optimizer \(name) is not implemented") }
    do {
      return try make(Call(name: name, schema: schema, arguments: Binder(schema: schema, isLenient: true).bind([], kwargs)), groups)
    } catch let mismatch as Mismatch { throw Unsupported("\(name): \(mismatch.message)") }
  }

  func makeScheduler(_ name: String, _ kwargs: [(String, Argument)], _ optimizer: Optimizer) throws -> LRScheduler {
    guard let (schema, make) = schedulers[name] else { throw Unsupported("scheduler \(name) is not implemented") }
    do {
      return try make(Call(name: name, schema: schema, arguments: Binder(schema: schema, isLenient: true).bind([], kwargs)), optimizer)
    } catch let mismatch as Mismatch { throw Unsupported("\(name): \(mismatch.message)") }
  }
}

extension OptimizerTable {
  private static func pair(_ c: Call, _ index: Int) throws -> (Double, Double) {
    let values = try c.doubles(index)
    guard values.count == 2 else { throw TensorError.value("\(c.name): two numbers expected, got \(values)") }
    return (values[0], values[1])
  }

  mutating func addOptimizers() {
    optimizer("SGD(float lr=0.001, float momentum=0, float dampening=0, float weight_decay=0, bool nesterov=False, bool maximize=False") { c, groups in
      SGD(
        groups: groups, lr: try c.double(0), momentum: try c.double(1), dampening: try c.double(2),
        weightDecay: try c.double(3), nesterov: try c.bool(4), maximize: try c.bool(5))
    }
    for name in ["Adam", "AdamW"] {
      let decay = name == "Adam" ? "0" : "0.01"
      optimizer("\(name)(float lr=0.001, float[] betas=None, float eps=1e-8, float weight_decay=\(decay), bool amsgrad=False, bool maximize=False, bool decoupled_weight_decay=False") { c, groups in
        let betas = try c.optionalDoubles(1).map { ($0[0], $0[1]) } ?? (0.9, 0.999)
        if name == "AdamW" {
          return AdamW(
            groups: groups, lr: try c.double(0), betas: betas, eps: try c.double(2), weightDecay: try c.double(3),
            amsgrad: try c.bool(4), maximize: try c.bool(5))
        }
        return Adam(
          groups: groups, lr: try c.double(0), betas: betas, eps: try c.double(2), weightDecay: try c.double(3),
          amsgrad: try c.bool(4), maximize: try c.bool(5), decoupledWeightDecay: try c.bool(6))
      }
    }
    optimizer("SparseAdam(float lr=0.001, float[] betas=None, float eps=1e-8, bool maximize=False") { c, groups in
      let betas = try c.optionalDoubles(1).map { ($0[0], $0[1]) } ?? (0.9, 0.999)
      return SparseAdam(
        groups: groups, lr: try c.double(0), betas: betas, eps: try c.double(2), maximize: try c.bool(3))
    }
    optimizer("Adamax(float lr=0.002, float[] betas=None, float eps=1e-8, float weight_decay=0, bool maximize=False") { c, groups in
      let betas = try c.optionalDoubles(1).map { ($0[0], $0[1]) } ?? (0.9, 0.999)
      return Adamax(
        groups: groups, lr: try c.double(0), betas: betas, eps: try c.double(2), weightDecay: try c.double(3),
        maximize: try c.bool(4))
    }
    optimizer("NAdam(float lr=0.002, float[] betas=None, float eps=1e-8, float weight_decay=0, float momentum_decay=0.004, bool decoupled_weight_decay=False, bool maximize=False") { c, groups in
      let betas = try c.optionalDoubles(1).map { ($0[0], $0[1]) } ?? (0.9, 0.999)
      return NAdam(
        groups: groups, lr: try c.double(0), betas: betas, eps: try c.double(2), weightDecay: try c.double(3),
        momentumDecay: try c.double(4), decoupledWeightDecay: try c.bool(5), maximize: try c.bool(6))
    }
    optimizer("RAdam(float lr=0.001, float[] betas=None, float eps=1e-8, float weight_decay=0, bool decoupled_weight_decay=False, bool maximize=False") { c, groups in
      let betas = try c.optionalDoubles(1).map { ($0[0], $0[1]) } ?? (0.9, 0.999)
      return RAdam(
        groups: groups, lr: try c.double(0), betas: betas, eps: try c.double(2), weightDecay: try c.double(3),
        decoupledWeightDecay: try c.bool(4), maximize: try c.bool(5))
    }
    optimizer("RMSprop(float lr=0.01, float alpha=0.99, float eps=1e-8, float weight_decay=0, float momentum=0, bool centered=False, bool maximize=False") { c, groups in
      RMSprop(
        groups: groups, lr: try c.double(0), alpha: try c.double(1), eps: try c.double(2), weightDecay: try c.double(3),
        momentum: try c.double(4), centered: try c.bool(5), maximize: try c.bool(6))
    }
    optimizer("Adagrad(float lr=0.01, float lr_decay=0, float weight_decay=0, float initial_accumulator_value=0, float eps=1e-10, bool maximize=False") { c, groups in
      Adagrad(
        groups: groups, lr: try c.double(0), lrDecay: try c.double(1), weightDecay: try c.double(2),
        initialAccumulatorValue: try c.double(3), eps: try c.double(4), maximize: try c.bool(5))
    }
    optimizer("Adadelta(float lr=1.0, float rho=0.9, float eps=1e-6, float weight_decay=0, bool maximize=False") { c, groups in
      Adadelta(
        groups: groups, lr: try c.double(0), rho: try c.double(1), eps: try c.double(2), weightDecay: try c.double(3),
        maximize: try c.bool(4))
    }
    optimizer("ASGD(float lr=0.01, float lambd=0.0001, float alpha=0.75, float t0=1000000.0, float weight_decay=0, bool maximize=False") { c, groups in
      ASGD(
        groups: groups, lr: try c.double(0), lambd: try c.double(1), alpha: try c.double(2), t0: try c.double(3),
        weightDecay: try c.double(4), maximize: try c.bool(5))
    }
    optimizer("Rprop(float lr=0.01, float[] etas=None, float[] step_sizes=None, bool maximize=False") { c, groups in
      let etas = try c.optionalDoubles(1).map { ($0[0], $0[1]) } ?? (0.5, 1.2)
      let sizes = try c.optionalDoubles(2).map { ($0[0], $0[1]) } ?? (1e-6, 50)
      return Rprop(groups: groups, lr: try c.double(0), etas: etas, stepSizes: sizes, maximize: try c.bool(3))
    }
    optimizer("Adafactor(float lr=0.01, float beta2_decay=-0.8, Any eps=None, float d=1.0, float weight_decay=0.0, bool maximize=False") { c, groups in
      let eps = c.argument(2).elements.map { ($0[0].scalar?.doubleValue, $0[1].scalar?.doubleValue ?? 1e-3) } ?? (nil, 1e-3)
      return Adafactor(
        groups: groups, lr: try c.double(0), beta2Decay: try c.double(1), eps: eps, d: try c.double(3),
        weightDecay: try c.double(4), maximize: try c.bool(5))
    }
    optimizer("Muon(float lr=0.001, float weight_decay=0.1, float momentum=0.95, bool nesterov=True, float[] ns_coefficients=None, float eps=1e-7, int ns_steps=5, str? adjust_lr_fn=None") { c, groups in
      let numbers = try c.optionalDoubles(4) ?? [3.4445, -4.775, 2.0315]
      return Muon(
        groups: groups, lr: try c.double(0), weightDecay: try c.double(1), momentum: try c.double(2),
        nesterov: try c.bool(3), coefficients: (numbers[0], numbers[1], numbers[2]), eps: try c.double(5),
        steps: try c.int(6), rateRule: Muon.RateRule(rawValue: try c.optionalString(7) ?? "original") ?? .original)
    }
    optimizer("LBFGS(float lr=1, int max_iter=20, int? max_eval=None, float tolerance_grad=1e-7, float tolerance_change=1e-9, int history_size=100, str? line_search_fn=None") { c, groups in
      LBFGS(
        groups[0].parameters, lr: try c.double(0), maxIter: try c.int(1), maxEval: try c.optionalInt(2),
        toleranceGrad: try c.double(3), toleranceChange: try c.double(4), historySize: try c.int(5),
        lineSearch: try c.optionalString(6) == "strong_wolfe" ? .strongWolfe : .none)
    }
  }

  mutating func addSchedulers() {
    scheduler("StepLR(int step_size, float gamma=0.1") { c, o in StepLR(o, stepSize: try c.int(0), gamma: try c.double(1)) }
    scheduler("MultiStepLR(int[] milestones, float gamma=0.1") { c, o in
      MultiStepLR(o, milestones: try c.ints(0), gamma: try c.double(1))
    }
    scheduler("ConstantLR(float factor=0.3333333333333333, int total_iters=5") { c, o in
      ConstantLR(o, factor: try c.double(0), totalIters: try c.int(1))
    }
    scheduler("LinearLR(float start_factor=0.3333333333333333, float end_factor=1.0, int total_iters=5") { c, o in
      LinearLR(o, startFactor: try c.double(0), endFactor: try c.double(1), totalIters: try c.int(2))
    }
    scheduler("ExponentialLR(float gamma") { c, o in ExponentialLR(o, gamma: try c.double(0)) }
    scheduler("PolynomialLR(int total_iters=5, float power=1.0") { c, o in
      PolynomialLR(o, totalIters: try c.int(0), power: try c.double(1))
    }
    scheduler("CosineAnnealingLR(int T_max, float eta_min=0.0") { c, o in
      CosineAnnealingLR(o, tMax: try c.int(0), etaMin: try c.double(1))
    }
    scheduler("CosineAnnealingWarmRestarts(int T_0, int T_mult=1, float eta_min=0.0") { c, o in
      CosineAnnealingWarmRestarts(o, t0: try c.int(0), tMult: try c.int(1), etaMin: try c.double(2))
    }
    scheduler("CyclicLR(float base_lr, float max_lr, int step_size_up=2000, int? step_size_down=None, str mode='triangular', float gamma=1.0, Any scale_fn=None, str scale_mode='cycle', bool cycle_momentum=True, float base_momentum=0.8, float max_momentum=0.9") { c, o in
      guard let mode = CyclicLR.Mode(rawValue: try c.string(4)) else { throw TensorError.value("CyclicLR: mode '\(try c.string(4))'") }
      return CyclicLR(
        o, baseLR: try c.double(0), maxLR: try c.double(1), stepSizeUp: try c.int(2), stepSizeDown: try c.optionalInt(3),
        mode: mode, gamma: try c.double(5), cycleMomentum: try c.bool(8), baseMomentum: try c.double(9),
        maxMomentum: try c.double(10))
    }
    scheduler("OneCycleLR(float max_lr, int? total_steps=None, int? epochs=None, int? steps_per_epoch=None, float pct_start=0.3, str anneal_strategy='cos', bool cycle_momentum=True, float base_momentum=0.85, float max_momentum=0.95, float div_factor=25.0, float final_div_factor=10000.0, bool three_phase=False") { c, o in
      OneCycleLR(
        o, maxLR: try c.double(0), totalSteps: try c.optionalInt(1), epochs: try c.optionalInt(2),
        stepsPerEpoch: try c.optionalInt(3), pctStart: try c.double(4),
        annealStrategy: try c.string(5) == "linear" ? .linear : .cos, cycleMomentum: try c.bool(6),
        baseMomentum: try c.double(7), maxMomentum: try c.double(8), divFactor: try c.double(9),
        finalDivFactor: try c.double(10), threePhase: try c.bool(11))
    }
  }
}

/// The kind `optim`: five steps with given gradients or a closure.
struct OptimizerCase {
  let json: JSONValue
  let table: OptimizerTable
  let decoder: Decoder

  func run() throws -> [(String, JSONValue)] {
    try withErrors {
      let parameters = try (json["params"]?.elements ?? []).map { json -> Tensor in
        guard let tensor = try decoder.decode(json).tensors.first else { throw Unsupported("parameter \(json)") }
        return tensor.detach().clone().requiresGrad_()
      }
      let kwargs = try (json["kwargs"]?.members ?? []).map { ($0.name, try decoder.decode($0.value)) }
      var groups: [ParameterGroup] = []
      for group in json["groups"]?.elements ?? [] {
        let chosen = (group["params"]?.elements ?? []).compactMap(\.integer).map { parameters[$0] }
        let made = ParameterGroup(chosen)
        for member in group.members ?? [] where member.name != "params" {
          made[member.name] = .double(try decoder.decode(member.value).scalar?.doubleValue ?? 0)
        }
        groups.append(made)
      }
      if groups.isEmpty { groups = [ParameterGroup(parameters)] }
      let optimizer = try table.make(json["optimizer"]?.text ?? "", kwargs, groups)
      var trajectory: [JSONValue] = []
      for step in 0..<(json["steps"]?.integer ?? 0) {
        if json["mode"]?.text == "closure" {
          _ = optimizer.step(try closure(optimizer, parameters))
        } else {
          let grads = json["grads"]?.elements?[step].elements ?? []
          for (parameter, grad) in zip(parameters, grads) {
            let value = try decoder.decode(grad)
            if case .sparse(let rows) = value { parameter.sparseGrad = rows } else { parameter.grad = value.tensors.first }
          }
          optimizer.step()
        }
        trajectory.append(.array(parameters.map { Leaf.encode($0.detach().clone()) }))
      }
      return [("trajectory", .array(trajectory))]
    }
  }

  /// Least squares of the parameters as one vector.
  private func closure(_ optimizer: Optimizer, _ parameters: [Tensor]) throws -> () -> Tensor {
    guard let a = try json["A"].map(decoder.decode)?.tensors.first, let b = try json["b"].map(decoder.decode)?.tensors.first else {
      throw Unsupported("closure without A and b")
    }
    return {
      optimizer.zeroGrad()
      let x = Tensor.cat(parameters.map { $0.reshape([$0.elementCount]) })
      let loss = (a.matmul(x) - b).square().sum() * 0.5
      loss.backward()
      return loss
    }
  }
}

/// The kind `lr_scheduler`: learning rates after every step.
struct SchedulerCase {
  let json: JSONValue
  let table: OptimizerTable
  let decoder: Decoder

  func run() throws -> [(String, JSONValue)] {
    try withErrors {
      let rates = try (json["base_lrs"]?.elements ?? []).map { try decoder.decode($0).scalar?.doubleValue ?? 0 }
      let groups = rates.map { ParameterGroup([Tensor.zeros([2]).requiresGrad_()], ["lr": .double($0)]) }
      let optimizer = SGD(groups: groups, lr: 0.1, momentum: 0.9)
      let name = json["scheduler"]?.text ?? ""
      let kwargs = try (json["kwargs"]?.members ?? []).map { ($0.name, try decoder.decode($0.value)) }
      let metrics = try (json["metrics"]?.elements ?? []).map { try decoder.decode($0).scalar?.doubleValue ?? 0 }
      let advance = try stepper(name, kwargs, optimizer, metrics)
      var trajectory = [row(optimizer)]
      for step in 0..<(json["steps"]?.integer ?? 0) {
        optimizer.step()
        advance(step)
        trajectory.append(row(optimizer))
      }
      return [("trajectory", .array(trajectory))]
    }
  }

  private func row(_ optimizer: Optimizer) -> JSONValue {
    .array(optimizer.groups.map { .record([("$f", Leaf.float($0.lr))]) })
  }

  private func stepper(
    _ name: String, _ kwargs: [(String, Argument)], _ optimizer: Optimizer, _ metrics: [Double]
  ) throws -> (Int) -> Void {
    func number(_ key: String, _ usual: Double) -> Double {
      kwargs.first { $0.0 == key }?.1.scalar?.doubleValue ?? usual
    }
    func word(_ key: String) -> String? {
      if case .string(let text)? = kwargs.first(where: { $0.0 == key })?.1 { return text }
      return nil
    }
    if name == "ReduceLROnPlateau" {
      let scheduler = ReduceLROnPlateau(
        optimizer, mode: word("mode") == "max" ? .max : .min, factor: number("factor", 0.1),
        patience: Int(number("patience", 10)), threshold: number("threshold", 1e-4),
        thresholdMode: word("threshold_mode") == "abs" ? .abs : .rel, cooldown: Int(number("cooldown", 0)),
        minLR: number("min_lr", 0), eps: number("eps", 1e-8))
      return { scheduler.step($0 < metrics.count ? metrics[$0] : 0) }
    }
    if name == "SequentialLR" || name == "ChainedScheduler" {
      let parts = try (kwargs.first { $0.0 == "schedulers" }?.1.elements ?? []).map { entry -> LRScheduler in
        guard let pair = entry.elements, pair.count == 2, case .string(let inner) = pair[0] else { throw Unsupported("schedulers") }
        return try table.makeScheduler(inner, Self.members(pair[1]), optimizer)
      }
      if name == "ChainedScheduler" {
        let chained = ChainedScheduler(parts)
        return { _ in chained.step() }
      }
      let milestones = (kwargs.first { $0.0 == "milestones" }?.1.elements ?? []).compactMap(\.integer)
      let sequence = SequentialLR(optimizer, parts, milestones: milestones)
      return { _ in sequence.step() }
    }
    let scheduler = try table.makeScheduler(name, kwargs, optimizer)
    return { _ in scheduler.step() }
  }

  /// A plain JSON object of options.
  private static func members(_ argument: Argument) -> [(String, Argument)] {
    guard case .dict(let pairs) = argument else { return [] }
    return pairs.compactMap { key, value in
      if case .string(let name) = key { return (name, value) }
      return nil
    }
  }
}
