import FirefinchCore
import FirefinchTensor
import Glibc

/// Multiplies the rates by `gamma` every `stepSize` steps. Same as `StepLR`.
public final class StepLR: LRScheduler {
  private var stepSize: Int
  private var gamma: Double

  public init(_ optimizer: Optimizer, stepSize: Int, gamma: Double = 0.1) {
    if stepSize < 1 { Mistake.report(.value("StepLR: stepSize must be positive, got \(stepSize)")) }
    self.stepSize = max(stepSize, 1)
    self.gamma = gamma
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] {
    lastEpoch == 0 || lastEpoch % stepSize != 0 ? rates : rates.map { $0 * gamma }
  }
  public override func ratesAtEpoch() -> [Double]? { baseLRs.map { $0 * power(gamma, Double(lastEpoch / stepSize)) } }
  public override var ownState: [(String, StateValue)] { [("step_size", .int(stepSize)), ("gamma", .double(gamma))] }
  public override func restore(_ key: String, _ value: StateValue) throws {
    if key == "step_size" { stepSize = max(try integer(value, key), 1) }
    if key == "gamma" { gamma = try number(value, key) }
  }
}

/// Multiplies the rates by `gamma` at each milestone. Same as `MultiStepLR`.
public final class MultiStepLR: LRScheduler {
  private var milestones: [Int]
  private var gamma: Double

  public init(_ optimizer: Optimizer, milestones: [Int], gamma: Double = 0.1) {
    self.milestones = milestones
    self.gamma = gamma
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] {
    let hits = milestones.filter { $0 == lastEpoch }.count
    return hits == 0 ? rates : rates.map { $0 * power(gamma, Double(hits)) }
  }
  public override func ratesAtEpoch() -> [Double]? {
    let passed = milestones.filter { $0 <= lastEpoch }.count
    return baseLRs.map { $0 * power(gamma, Double(passed)) }
  }
  public override var ownState: [(String, StateValue)] {
    // PyTorch keeps a counter: milestone to how often it is listed.
    var counts: [(key: StateKey, value: StateValue)] = []
    for milestone in milestones where !counts.contains(where: { $0.key == .int(milestone) }) {
      counts.append((.int(milestone), .int(milestones.filter { $0 == milestone }.count)))
    }
    return [("milestones", .dict(counts)), ("gamma", .double(gamma))]
  }
  public override func restore(_ key: String, _ value: StateValue) throws {
    if key == "gamma" { gamma = try number(value, key) }
    if key == "milestones" {
      guard let entries = value.entries else { throw wrong(key, "a dictionary") }
      var restored: [Int] = []
      for (milestone, count) in entries {
        guard case .int(let at) = milestone, let times = count.integer, (0...4096).contains(times) else {
          throw wrong(key, "a counter of whole numbers")
        }
        restored += [Int](repeating: at, count: times)
      }
      milestones = restored
    }
  }
}

/// The rates times `factor` for the first `totalIters` steps. Same as `ConstantLR`.
public final class ConstantLR: LRScheduler {
  private var factor: Double
  private var totalIters: Int

  public init(_ optimizer: Optimizer, factor: Double = 1.0 / 3, totalIters: Int = 5) {
    if !(factor >= 0 && factor <= 1) {
      Mistake.report(.value("ConstantLR: factor must be between 0 and 1, got \(factor)"))
    }
    self.factor = factor
    self.totalIters = totalIters
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] {
    if lastEpoch == 0 { return rates.map { $0 * factor } }
    return lastEpoch == totalIters ? rates.map { $0 * (1 / factor) } : rates
  }
  public override func ratesAtEpoch() -> [Double]? {
    baseLRs.map { $0 * (factor + (lastEpoch >= totalIters ? 1 : 0) * (1 - factor)) }
  }
  public override var ownState: [(String, StateValue)] {
    [("factor", .double(factor)), ("total_iters", .int(totalIters))]
  }
  public override func restore(_ key: String, _ value: StateValue) throws {
    if key == "factor" { factor = try number(value, key) }
    if key == "total_iters" { totalIters = try integer(value, key) }
  }
}

/// Goes linearly from `startFactor` to `endFactor` times the rates in `totalIters` steps: warm-up. Same as `LinearLR`.
public final class LinearLR: LRScheduler {
  private var startFactor: Double
  private var endFactor: Double
  private var totalIters: Int

  public init(_ optimizer: Optimizer, startFactor: Double = 1.0 / 3, endFactor: Double = 1, totalIters: Int = 5) {
    if !(startFactor > 0 && startFactor <= 1) {
      Mistake.report(.value("LinearLR: startFactor must be above 0 and at most 1, got \(startFactor)"))
    }
    if !(endFactor >= 0 && endFactor <= 1) {
      Mistake.report(.value("LinearLR: endFactor must be between 0 and 1, got \(endFactor)"))
    }
    self.startFactor = startFactor
    self.endFactor = endFactor
    self.totalIters = totalIters
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] {
    if lastEpoch == 0 { return rates.map { $0 * startFactor } }
    if isInitial || lastEpoch > totalIters { return rates }
    let slope = endFactor - startFactor
    let before = Double(totalIters) * startFactor + Double(lastEpoch - 1) * slope
    return rates.map { $0 * (1 + slope / before) }
  }
  public override func ratesAtEpoch() -> [Double]? {
    let slope = endFactor - startFactor
    return baseLRs.map { $0 * (startFactor + slope * Double(min(totalIters, lastEpoch)) / Double(totalIters)) }
  }
  public override var ownState: [(String, StateValue)] {
    [("start_factor", .double(startFactor)), ("end_factor", .double(endFactor)), ("total_iters", .int(totalIters))]
  }
  public override func restore(_ key: String, _ value: StateValue) throws {
    if key == "start_factor" { startFactor = try number(value, key) }
    if key == "end_factor" { endFactor = try number(value, key) }
    if key == "total_iters" { totalIters = try integer(value, key) }
  }
}

/// Multiplies the rates by `gamma` every step. Same as `ExponentialLR`.
public final class ExponentialLR: LRScheduler {
  private var gamma: Double

  public init(_ optimizer: Optimizer, gamma: Double) {
    self.gamma = gamma
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] { isInitial ? rates : rates.map { $0 * gamma } }
  public override func ratesAtEpoch() -> [Double]? { baseLRs.map { $0 * power(gamma, Double(lastEpoch)) } }
  public override var ownState: [(String, StateValue)] { [("gamma", .double(gamma))] }
  public override func restore(_ key: String, _ value: StateValue) throws {
    if key == "gamma" { gamma = try number(value, key) }
  }
}

/// Goes to 0 by a power of the remaining steps. Same as `PolynomialLR`.
public final class PolynomialLR: LRScheduler {
  private var totalIters: Int
  private var exponent: Double

  public init(_ optimizer: Optimizer, totalIters: Int = 5, power: Double = 1) {
    self.totalIters = totalIters
    exponent = power
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] {
    if isInitial || lastEpoch > totalIters { return rates }
    let total = Double(totalIters)
    let factor = power((1 - Double(lastEpoch) / total) / (1 - Double(lastEpoch - 1) / total), exponent)
    return rates.map { $0 * factor }
  }
  public override func ratesAtEpoch() -> [Double]? {
    let rest = 1 - Double(min(totalIters, lastEpoch)) / Double(totalIters)
    return baseLRs.map { $0 * power(rest, exponent) }
  }
  public override var ownState: [(String, StateValue)] {
    [("total_iters", .int(totalIters)), ("power", .double(exponent))]
  }
  public override func restore(_ key: String, _ value: StateValue) throws {
    if key == "total_iters" { totalIters = try integer(value, key) }
    if key == "power" { exponent = try number(value, key) }
  }
}

/// The base rates times a function of the step. Same as `LambdaLR`.
public final class LambdaLR: LRScheduler {
  private let factors: [(Int) -> Double]

  /// One function for all groups.
  public convenience init(_ optimizer: Optimizer, _ factor: @escaping (Int) -> Double) {
    self.init(optimizer, optimizer.groups.map { _ in factor })
  }

  /// One function for each group.
  public init(_ optimizer: Optimizer, _ factors: [(Int) -> Double]) {
    if factors.count != optimizer.groups.count {
      Mistake.report(
        .value("LambdaLR: \(factors.count) functions for \(optimizer.groups.count) parameter groups; give one each"))
    }
    self.factors = factors
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] { zip(baseLRs, factors).map { $0 * $1(lastEpoch) } }
  // Functions cannot be saved.
  public override func stateDict() -> StateValue {
    .dict((super.stateDict().entries ?? []) + [("lr_lambdas", .list(factors.map { _ in .none }))])
  }
}

/// The present rates times a function of the step. Same as `MultiplicativeLR`.
public final class MultiplicativeLR: LRScheduler {
  private let factors: [(Int) -> Double]

  /// One function for all groups.
  public init(_ optimizer: Optimizer, _ factor: @escaping (Int) -> Double) {
    factors = optimizer.groups.map { _ in factor }
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] { isInitial ? rates : zip(rates, factors).map { $0 * $1(lastEpoch) } }
  public override func stateDict() -> StateValue {
    .dict((super.stateDict().entries ?? []) + [("lr_lambdas", .list(factors.map { _ in .none }))])
  }
}
