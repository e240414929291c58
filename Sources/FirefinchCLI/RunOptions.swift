import Firefinch

/// The options of a run that its result depends on, by their names on the command line. A checkpoint keeps them; `--resume` needs
/// the same.
struct RunOptions: Equatable {
  var fields: [(name: String, value: StateValue)]

  init(_ fields: KeyValuePairs<String, StateValue>) { self.fields = fields.map { ($0.key, $0.value) } }

  static func == (a: RunOptions, b: RunOptions) -> Bool { a.difference(from: b.stateValue) == nil }

  /// For the checkpoint.
  var stateValue: StateValue { .record(fields.map { ($0.name, $0.value) }) }

  /// One sentence naming the first option that differs from the checkpoint's, or nil.
  func difference(from saved: StateValue) -> String? {
    for (name, value) in fields {
      guard let other = saved[.string(name)] else { return "the checkpoint does not say --\(name)" }
      if other != value {
        return
          "the checkpoint was made with --\(name) \(RunOptions.text(other)), this run has --\(name) \(RunOptions.text(value))"
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
