import FirefinchCore
import FirefinchTensor

/// One schedule after another, each beginning at its milestone. Same as `SequentialLR`.
public final class SequentialLR: LRScheduler {
  private let schedulers: [LRScheduler]
  private var milestones: [Int]

  /// - Parameter milestones: the steps at which the second, third, … schedule take over; one fewer than schedules.
  public init(_ optimizer: Optimizer, _ schedulers: [LRScheduler], milestones: [Int]) {
    if schedulers.isEmpty || milestones.count != schedulers.count - 1 {
      Mistake.report(
        .value(
          "SequentialLR: \(schedulers.count) schedules need \(max(schedulers.count - 1, 0)) milestones, "
            + "got \(milestones.count)"))
    }
    if schedulers.contains(where: { $0.optimizer !== optimizer }) {
      Mistake.report(.value("SequentialLR: all schedules must have been made for the same optimizer"))
    }
    self.schedulers = schedulers
    self.milestones = milestones
    super.init(optimizer)
  }

  override func start() {
    lastEpoch = 0
    for group in optimizer.groups { group.lr = group.number("initial_lr") }
    // Takes back the first step that each schedule did when it was made.
    for scheduler in schedulers { undo(scheduler) }
    guard !schedulers.isEmpty else { return }
    let first = schedulers[index(at: 0)]
    first.start()
    lastLR = first.lastLR
  }

  private func undo(_ scheduler: LRScheduler) {
    switch scheduler {
    case let sequential as SequentialLR: for inner in sequential.schedulers { undo(inner) }
    case let chained as ChainedScheduler: for inner in chained.schedulers { undo(inner) }
    default: scheduler.lastEpoch -= 1
    }
  }

  private func index(at epoch: Int) -> Int {
    min(milestones.filter { $0 <= epoch }.count, schedulers.count - 1)
  }

  public override func step() {
    guard !schedulers.isEmpty else { return }
    lastEpoch += 1
    let at = index(at: lastEpoch)
    if at > 0 && milestones[at - 1] == lastEpoch {
      schedulers[at].jump(to: 0)
    } else {
      schedulers[at].step()
    }
    lastLR = schedulers[at].lastLR
  }

  public override func stateDict() -> StateValue {
    .record([
      ("_milestones", .list(milestones.map { .int($0) })), ("last_epoch", .int(lastEpoch)),
      ("_last_lr", .doubles(lastLR)), ("_schedulers", .list(schedulers.map { $0.stateDict() })),
    ])
  }
  public override func loadStateDict(_ state: StateValue) throws {
    try super.loadStateDict(state)
    try loadAll(schedulers, state)
  }
  public override func restore(_ key: String, _ value: StateValue) throws {
    if key == "_milestones" {
      let values = try numbers(value, key).compactMap { Int(exactly: $0) }
      if values.count != schedulers.count - 1 { throw wrong(key, "one milestone fewer than schedules") }
      milestones = values
    }
  }
}

/// Several schedules at once: each changes the rates that the one before left. Same as `ChainedScheduler`.
public final class ChainedScheduler: LRScheduler {
  let schedulers: [LRScheduler]

  public init(_ schedulers: [LRScheduler]) {
    guard let optimizer = schedulers.first?.optimizer else {
      fatalError("ChainedScheduler: give at least one schedule")
    }
    if schedulers.contains(where: { $0.optimizer !== optimizer }) {
      Mistake.report(.value("ChainedScheduler: all schedules must have been made for the same optimizer"))
    }
    self.schedulers = schedulers
    super.init(optimizer)
  }

  override func start() { lastLR = rates }

  public override func step() {
    for scheduler in schedulers { scheduler.step() }
    lastLR = rates
  }

  public override func stateDict() -> StateValue {
    .record([("_last_lr", .doubles(lastLR)), ("_schedulers", .list(schedulers.map { $0.stateDict() }))])
  }
  public override func loadStateDict(_ state: StateValue) throws {
    try super.loadStateDict(state)
    try loadAll(schedulers, state)
  }
}

/// Loads the states of inner schedules.
private func loadAll(_ schedulers: [LRScheduler], _ state: StateValue) throws {
  guard let states = state["_schedulers"]?.elements, states.count == schedulers.count else {
    throw TensorError.value("loadStateDict: the state is not of \(schedulers.count) combined schedules")
  }
  for (scheduler, state) in zip(schedulers, states) { try scheduler.loadStateDict(state) }
}

/// Lowers the rates when a measure stops improving: call `step(metric)` after each validation.
/// Same as `ReduceLROnPlateau`.
public final class ReduceLROnPlateau {
  /// Whether smaller or larger measures are better.
  public enum Mode: String, Sendable { case min, max }
  /// Whether `threshold` is a part of the best value or an amount.
  public enum ThresholdMode: String, Sendable { case rel, abs }

  public let optimizer: Optimizer
  /// The rates after the latest step.
  public private(set) var lastLR: [Double]
  /// The best measure so far.
  public private(set) var best: Double
  private var mode: Mode
  private var factor: Double
  private var patience: Int
  private var threshold: Double
  private var thresholdMode: ThresholdMode
  private var cooldown: Int
  private var minLRs: [Double]
  private var eps: Double
  private var lastEpoch = 0
  private var cooldownCounter = 0
  private var badEpochs = 0

  /// - Parameters:
  ///   - factor: what the rates are multiplied by.
  ///   - patience: how many steps without improvement are allowed.
  ///   - cooldown: how many steps after a reduction are not judged.
  public init(
    _ optimizer: Optimizer, mode: Mode = .min, factor: Double = 0.1, patience: Int = 10, threshold: Double = 1e-4,
    thresholdMode: ThresholdMode = .rel, cooldown: Int = 0, minLR: Double = 0, eps: Double = 1e-8
  ) {
    if factor >= 1 { Mistake.report(.value("ReduceLROnPlateau: factor must be below 1, got \(factor)")) }
    self.optimizer = optimizer
    self.mode = mode
    self.factor = factor
    self.patience = patience
    self.threshold = threshold
    self.thresholdMode = thresholdMode
    self.cooldown = cooldown
    self.eps = eps
    minLRs = optimizer.groups.map { _ in minLR }
    lastLR = optimizer.groups.map(\.lr)
    best = mode == .min ? .infinity : -.infinity
  }

  /// Judges a measure and lowers the rates if it has not improved for too long.
  public func step(_ metric: Double) {
    lastEpoch += 1
    if isBetter(metric) {
      best = metric
      badEpochs = 0
    } else {
      badEpochs += 1
    }
    if cooldownCounter > 0 {
      cooldownCounter -= 1
      badEpochs = 0
    }
    if badEpochs > patience {
      for (group, lowest) in zip(optimizer.groups, minLRs) {
        let lowered = Swift.max(group.lr * factor, lowest)
        if group.lr - lowered > eps { group.lr = lowered }
      }
      cooldownCounter = cooldown
      badEpochs = 0
    }
    lastLR = optimizer.groups.map(\.lr)
  }

  private func isBetter(_ value: Double) -> Bool {
    switch (mode, thresholdMode) {
    case (.min, .rel): value < best * (1 - threshold)
    case (.min, .abs): value < best - threshold
    case (.max, .rel): value > best * (threshold + 1)
    case (.max, .abs): value > best + threshold
    }
  }

  /// Everything that `loadStateDict` needs, under PyTorch's names.
  public func stateDict() -> StateValue {
    .record([
      ("factor", .double(factor)), ("default_min_lr", .double(minLRs.first ?? 0)), ("min_lrs", .doubles(minLRs)),
      ("patience", .int(patience)), ("cooldown", .int(cooldown)), ("eps", .double(eps)),
      ("last_epoch", .int(lastEpoch)), ("_last_lr", .doubles(lastLR)),
      ("mode_worse", .double(mode == .min ? .infinity : -.infinity)), ("mode", .string(mode.rawValue)),
      ("threshold", .double(threshold)), ("threshold_mode", .string(thresholdMode.rawValue)), ("best", .double(best)),
      ("cooldown_counter", .int(cooldownCounter)), ("num_bad_epochs", .int(badEpochs)),
    ])
  }

  /// Restores what `stateDict()` gave, or PyTorch's.
  public func loadStateDict(_ state: StateValue) throws {
    func need<T>(_ value: T?, _ key: String) throws -> T {
      guard let value else { throw TensorError.value("ReduceLROnPlateau: '\(key)' is missing in the state or wrong") }
      return value
    }
    factor = try need(state["factor"]?.number, "factor")
    minLRs = try need(state["min_lrs"]?.numbers, "min_lrs")
    patience = try need(state["patience"]?.integer, "patience")
    cooldown = try need(state["cooldown"]?.integer, "cooldown")
    eps = try need(state["eps"]?.number, "eps")
    lastEpoch = try need(state["last_epoch"]?.integer, "last_epoch")
    lastLR = try need(state["_last_lr"]?.numbers, "_last_lr")
    mode = try need(state["mode"]?.text.flatMap(Mode.init(rawValue:)), "mode")
    threshold = try need(state["threshold"]?.number, "threshold")
    thresholdMode = try need(state["threshold_mode"]?.text.flatMap(ThresholdMode.init(rawValue:)), "threshold_mode")
    best = try need(state["best"]?.number, "best")
    cooldownCounter = try need(state["cooldown_counter"]?.integer, "cooldown_counter")
    badEpochs = try need(state["num_bad_epochs"]?.integer, "num_bad_epochs")
  }
}
