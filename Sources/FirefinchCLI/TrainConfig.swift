import Firefinch

/// The options of a training run that its result depends on. A checkpoint keeps them; `--resume` needs the same.
struct TrainConfig: Equatable {
  var model: String
  var epochs: Int
  var batchSize: Int
  var lr: Double
  var optimizer: String
  var seed: Int
  /// 0 for all pictures.
  var limit: Int
  var threads: Int

  private var fields: [(String, StateValue)] {
    [
      ("model", .string(model)), ("epochs", .int(epochs)), ("batch-size", .int(batchSize)), ("lr", .double(lr)),
      ("optimizer", .string(optimizer)), ("seed", .int(seed)), ("limit", .int(limit)), ("threads", .int(threads)),
    ]
  }

  /// For the checkpoint.
  var stateValue: StateValue { .record(fields) }

  /// One sentence naming the first option that differs from the checkpoint's, or nil.
  func difference(from saved: StateValue) -> String? {
    for (name, value) in fields {
      guard let other = saved[.string(name)] else { return "the checkpoint does not say --\(name)" }
      if other != value {
        return "the checkpoint was made with --\(name) \(TrainConfig.text(other)), this run has --\(name) \(TrainConfig.text(value))"
      }
    }
    return nil
  }

  private static func text(_ value: StateValue) -> String {
    switch value {
    case .string(let text): text
    case .int(let number): "\(number)"
    case .double(let number): "\(number)"
    default: "?"
    }
  }
}
