import FirefinchCore
import FirefinchTensor

/// Base class of learning-rate schedules: call `step()` after `optimizer.step()`. Same as `optim.lr_scheduler.LRScheduler`.
///
/// As in PyTorch each step changes the optimizer's present rates (`nextRates`), so schedules can be chained.
open class LRScheduler {
  public let optimizer: Optimizer
  /// The rates that the schedule started from, one for each group.
  public internal(set) var baseLRs: [Double]
  /// Steps taken; -1 before the first.
  public internal(set) var lastEpoch: Int
  /// The rates after the latest step. Same as `get_last_lr()`.
  public internal(set) var lastLR: [Double] = []
  var stepCount = 0
  /// True while the schedule sets its first rates.
  var isInitial = false

  /// Starts at step 0. A resumed run makes the schedule anew and then calls `loadStateDict`.
  public init(_ optimizer: Optimizer) {
    self.optimizer = optimizer
    for group in optimizer.groups where group["initial_lr"] == nil { group["initial_lr"] = .double(group.lr) }
    baseLRs = optimizer.groups.map { $0.number("initial_lr") }
    lastEpoch = -1
    prepare()
    start()
  }

  /// What a subclass needs to do before the first rates are set.
  func prepare() {}

  /// Sets the first rates.
  func start() {
    stepCount = 0
    isInitial = true
    step()
    isInitial = false
  }

  /// Sets the rates of the next step.
  open func step() {
    stepCount += 1
    lastEpoch += 1
    set(nextRates())
  }

  /// Sets the rates of step `epoch`, however many steps were taken. Same as `step(epoch)`.
  open func step(to epoch: Int) {
    stepCount += 1
    jump(to: epoch)
  }

  /// As `step(to:)` without counting a call.
  func jump(to epoch: Int) {
    lastEpoch = epoch
    set(ratesAtEpoch() ?? nextRates())
  }

  func set(_ rates: [Double]) {
    for (group, rate) in zip(optimizer.groups, rates) { group.lr = rate }
    lastLR = optimizer.groups.map(\.lr)
  }

  /// The optimizer's present rates.
  public var rates: [Double] { optimizer.groups.map(\.lr) }

  /// The rates of step `lastEpoch`, usually from the present ones.
  open func nextRates() -> [Double] { rates }

  /// The rates of step `lastEpoch` from the base rates alone, or nil where there is no such formula.
  open func ratesAtEpoch() -> [Double]? { nil }

  /// The subclass's own values under PyTorch's names, in order.
  open var ownState: [(String, StateValue)] { [] }
  /// Takes back a value of `ownState`.
  open func restore(_ key: String, _ value: StateValue) throws {}

  /// Everything that `loadStateDict` needs, under PyTorch's names. Same as `state_dict()`.
  open func stateDict() -> StateValue {
    .record(
      ownState + [
        ("base_lrs", .doubles(baseLRs)), ("last_epoch", .int(lastEpoch)), ("_step_count", .int(stepCount)),
        ("_is_initial", false), ("_get_lr_called_within_step", false), ("_last_lr", .doubles(lastLR)),
      ])
  }

  /// Restores what `stateDict()` gave, or PyTorch's. The optimizer's rates are restored by its own state.
  open func loadStateDict(_ state: StateValue) throws {
    guard let entries = state.entries else {
      throw TensorError.value("\(type(of: self)): the state is not a dictionary")
    }
    for (key, value) in entries {
      switch key.description {
      case "base_lrs": baseLRs = try numbers(value, "base_lrs")
      case "last_epoch": lastEpoch = try integer(value, "last_epoch")
      case "_step_count": stepCount = try integer(value, "_step_count")
      case "_last_lr": lastLR = try numbers(value, "_last_lr")
      default: try restore(key.description, value)
      }
    }
  }

  func wrong(_ key: String, _ expected: String) -> TensorError {
    .value("\(type(of: self)): '\(key)' in the state is not \(expected)")
  }
  func number(_ value: StateValue, _ key: String) throws -> Double {
    guard let number = value.number else { throw wrong(key, "a number") }
    return number
  }
  func integer(_ value: StateValue, _ key: String) throws -> Int {
    guard let number = value.integer else { throw wrong(key, "a whole number") }
    return number
  }
  func numbers(_ value: StateValue, _ key: String) throws -> [Double] {
    guard let numbers = value.numbers else { throw wrong(key, "a list of numbers") }
    return numbers
  }
}
