import FirefinchCore
import FirefinchTensor
import Glibc

/// Momentum of a group under either of its names.
extension ParameterGroup {
  var usesBetas: Bool { self["betas"] != nil }

  func setMomentum(_ value: Double) {
    if usesBetas { self["betas"] = .betas((value, pair("betas").1)) } else { self["momentum"] = .double(value) }
  }
}

/// One rise and one fall of the rates over the whole run, the momentum going the other way. Same as `OneCycleLR`.
public final class OneCycleLR: LRScheduler {
  /// How the rates go from one value to the next.
  public enum Anneal: String, Sendable { case cos, linear }

  private struct Phase {
    var end: Double
    var startLR: String, endLR: String, startMomentum: String, endMomentum: String
  }

  private var totalSteps: Int
  private var phases: [Phase]
  private var anneal: Anneal
  private var cyclesMomentum: Bool
  private let usesBetas: Bool

  /// - Parameters:
  ///   - maxLR: the rate at the top, for all groups.
  ///   - totalSteps: steps of the whole run; or give `epochs` and `stepsPerEpoch`.
  ///   - pctStart: part of the run in which the rates rise.
  ///   - divFactor: the rates start at `maxLR / divFactor` and end at that by `finalDivFactor`.
  public init(
    _ optimizer: Optimizer, maxLR: Double, totalSteps: Int? = nil, epochs: Int? = nil, stepsPerEpoch: Int? = nil,
    pctStart: Double = 0.3, annealStrategy: Anneal = .cos, cycleMomentum: Bool = true, baseMomentum: Double = 0.85,
    maxMomentum: Double = 0.95, divFactor: Double = 25, finalDivFactor: Double = 1e4, threePhase: Bool = false
  ) {
    let steps = totalSteps ?? (epochs ?? 0) * (stepsPerEpoch ?? 0)
    if steps < 1 {
      Mistake.report(.value("OneCycleLR: give a positive totalSteps, or epochs and stepsPerEpoch"))
    }
    if !(pctStart >= 0 && pctStart <= 1) {
      Mistake.report(.value("OneCycleLR: pctStart must be between 0 and 1, got \(pctStart)"))
    }
    self.totalSteps = max(steps, 1)
    anneal = annealStrategy
    let last = Double(self.totalSteps - 1)
    let rise = pctStart * Double(self.totalSteps) - 1
    if threePhase {
      phases = [
        Phase(
          end: rise, startLR: "initial_lr", endLR: "max_lr", startMomentum: "max_momentum", endMomentum: "base_momentum"
        ),
        Phase(
          end: 2 * pctStart * Double(self.totalSteps) - 2, startLR: "max_lr", endLR: "initial_lr",
          startMomentum: "base_momentum", endMomentum: "max_momentum"),
        Phase(
          end: last, startLR: "initial_lr", endLR: "min_lr", startMomentum: "max_momentum", endMomentum: "max_momentum"),
      ]
    } else {
      phases = [
        Phase(
          end: rise, startLR: "initial_lr", endLR: "max_lr", startMomentum: "max_momentum", endMomentum: "base_momentum"
        ),
        Phase(
          end: last, startLR: "max_lr", endLR: "min_lr", startMomentum: "base_momentum", endMomentum: "max_momentum"),
      ]
    }
    for group in optimizer.groups {
      let initial = maxLR / divFactor
      group["initial_lr"] = .double(initial)
      group["max_lr"] = .double(maxLR)
      group["min_lr"] = .double(initial / finalDivFactor)
    }
    usesBetas = optimizer.groups.first?.usesBetas ?? false
    cyclesMomentum = cycleMomentum
    if cycleMomentum {
      if optimizer.groups.contains(where: { !$0.usesBetas && $0["momentum"] == nil }) {
        Mistake.report(
          .value("OneCycleLR: \(type(of: optimizer)) has no momentum to cycle; pass cycleMomentum: false"))
      }
      for group in optimizer.groups {
        group.setMomentum(maxMomentum)
        group["max_momentum"] = .double(maxMomentum)
        group["base_momentum"] = .double(baseMomentum)
      }
    }
    super.init(optimizer)
  }

  private func blend(_ start: Double, _ end: Double, _ part: Double) -> Double {
    anneal == .cos ? end + (start - end) / 2 * (Glibc.cos(.pi * part) + 1) : (end - start) * part + start
  }

  public override func nextRates() -> [Double] {
    let step = Double(lastEpoch)
    if lastEpoch > totalSteps {
      Mistake.report(
        .value("OneCycleLR: step \(lastEpoch) is beyond the \(totalSteps) steps the schedule was made for"))
      return rates
    }
    return optimizer.groups.map { group in
      var start = 0.0
      for (i, phase) in phases.enumerated() {
        if step <= phase.end || i == phases.count - 1 {
          let part = (step - start) / (phase.end - start)
          if cyclesMomentum {
            group.setMomentum(blend(group.number(phase.startMomentum), group.number(phase.endMomentum), part))
          }
          return blend(group.number(phase.startLR), group.number(phase.endLR), part)
        }
        start = phase.end
      }
      return group.lr
    }
  }

  public override var ownState: [(String, StateValue)] {
    let list = phases.enumerated().map { i, phase in
      StateValue.record([
        ("end_step", i == phases.count - 1 ? .int(Int(phase.end)) : .double(phase.end)),
        ("start_lr", .string(phase.startLR)), ("end_lr", .string(phase.endLR)),
        ("start_momentum", .string(phase.startMomentum)), ("end_momentum", .string(phase.endMomentum)),
      ])
    }
    var state: [(String, StateValue)] = [
      ("total_steps", .int(totalSteps)), ("_schedule_phases", .list(list)),
      ("_anneal_func_type", .string(anneal.rawValue)), ("cycle_momentum", .bool(cyclesMomentum)),
    ]
    if cyclesMomentum { state.append(("use_beta1", .bool(usesBetas))) }
    return state
  }
  public override func restore(_ key: String, _ value: StateValue) throws {
    switch key {
    case "total_steps": totalSteps = max(try integer(value, key), 1)
    case "_anneal_func_type":
      guard let known = value.text.flatMap(Anneal.init(rawValue:)) else { throw wrong(key, "'cos' or 'linear'") }
      anneal = known
    case "cycle_momentum": cyclesMomentum = value.flag ?? cyclesMomentum
    case "_schedule_phases":
      guard let list = value.elements, !list.isEmpty else { throw wrong(key, "a list") }
      phases = try list.map { entry in
        guard let end = entry["end_step"]?.number, let a = entry["start_lr"]?.text, let b = entry["end_lr"]?.text,
          let c = entry["start_momentum"]?.text, let d = entry["end_momentum"]?.text
        else { throw wrong(key, "a list of phases") }
        return Phase(end: end, startLR: a, endLR: b, startMomentum: c, endMomentum: d)
      }
    default: break
    }
  }
}

/// Rates that go up and down between two bounds again and again. Same as `CyclicLR`.
public final class CyclicLR: LRScheduler {
  /// How the height of the cycles changes.
  public enum Mode: String, Sendable {
    case triangular, triangular2
    case expRange = "exp_range"
  }

  private var lows: [Double]
  private var maxLRs: [Double]
  private var totalSize: Double
  private var stepRatio: Double
  private var mode: Mode
  private var gamma: Double
  private var cyclesMomentum: Bool
  private var baseMomentums: [Double]
  private var maxMomentums: [Double]

  public init(
    _ optimizer: Optimizer, baseLR: Double, maxLR: Double, stepSizeUp: Int = 2000, stepSizeDown: Int? = nil,
    mode: Mode = .triangular, gamma: Double = 1, cycleMomentum: Bool = true, baseMomentum: Double = 0.8,
    maxMomentum: Double = 0.9
  ) {
    let groups = optimizer.groups
    lows = groups.map { _ in baseLR }
    maxLRs = groups.map { _ in maxLR }
    totalSize = Double(stepSizeUp + (stepSizeDown ?? stepSizeUp))
    if totalSize <= 0 { Mistake.report(.value("CyclicLR: stepSizeUp and stepSizeDown must be positive")) }
    stepRatio = Double(stepSizeUp) / totalSize
    self.mode = mode
    self.gamma = gamma
    cyclesMomentum = cycleMomentum
    baseMomentums = groups.map { _ in baseMomentum }
    maxMomentums = groups.map { _ in maxMomentum }
    for group in groups { group.lr = baseLR }
    if cycleMomentum {
      if groups.contains(where: { !$0.usesBetas && $0["momentum"] == nil }) {
        Mistake.report(.value("CyclicLR: \(type(of: optimizer)) has no momentum to cycle; pass cycleMomentum: false"))
      }
      for group in groups {
        group.setMomentum(maxMomentum)
        group["max_momentum"] = .double(maxMomentum)
        group["base_momentum"] = .double(baseMomentum)
      }
    }
    super.init(optimizer)
    baseLRs = lows
  }

  override func prepare() { baseLRs = lows }

  public override func nextRates() -> [Double] {
    let time = Double(lastEpoch) / totalSize
    let cycle = (1 + time).rounded(.down)
    let x = 1 + time - cycle
    let height = x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1)
    let scale =
      switch mode {
      case .triangular: 1.0
      case .triangular2: 1 / power(2, cycle - 1)
      case .expRange: power(gamma, Double(lastEpoch))
      }
    if cyclesMomentum {
      for (group, (low, high)) in zip(optimizer.groups, zip(baseMomentums, maxMomentums)) {
        group.setMomentum(high - (high - low) * height * scale)
      }
    }
    return zip(baseLRs, maxLRs).map { $0 + ($1 - $0) * height * scale }
  }

  public override var ownState: [(String, StateValue)] {
    var state: [(String, StateValue)] = [
      ("max_lrs", .doubles(maxLRs)), ("total_size", .double(totalSize)), ("step_ratio", .double(stepRatio)),
      ("mode", .string(mode.rawValue)), ("gamma", .double(gamma)),
      ("scale_mode", .string(mode == .expRange ? "iterations" : "cycle")), ("cycle_momentum", .bool(cyclesMomentum)),
    ]
    if cyclesMomentum {
      state += [
        ("use_beta1", .bool(optimizer.groups.first?.usesBetas ?? false)), ("base_momentums", .doubles(baseMomentums)),
        ("max_momentums", .doubles(maxMomentums)),
      ]
    }
    return state
  }
  public override func stateDict() -> StateValue {
    .dict((super.stateDict().entries ?? []) + [("_scale_fn_custom", .none)])
  }
  public override func restore(_ key: String, _ value: StateValue) throws {
    switch key {
    case "max_lrs": maxLRs = try numbers(value, key)
    case "total_size": totalSize = try number(value, key)
    case "step_ratio": stepRatio = try number(value, key)
    case "gamma": gamma = try number(value, key)
    case "mode":
      guard let known = value.text.flatMap(Mode.init(rawValue:)) else { throw wrong(key, "a known mode") }
      mode = known
    case "cycle_momentum": cyclesMomentum = value.flag ?? cyclesMomentum
    case "base_momentums": baseMomentums = try numbers(value, key)
    case "max_momentums": maxMomentums = try numbers(value, key)
    default: break
    }
  }
}
