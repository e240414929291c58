import Firefinch
import FirefinchVision

/// The two files a trained model is kept in, and how to read one back.
enum ModelFiles {
  static func write(_ model: Sequential, to folder: String, metadata: [String: String]) throws {
    let state = model.stateDict()
    try Safetensors.save(state.pairs, to: folder + "/model.safetensors", metadata: metadata)
    try StateValue.record(state.pairs.map { ($0.0, .tensor($0.1)) }).save(to: folder + "/model.pt")
  }

  /// A classifier from model.safetensors, model.pt or checkpoint.pt: the architecture is the one whose keys fit.
  static func load(_ path: String) throws -> Sequential {
    let state = try weights(path)
    var reasons: [String] = []
    for name in SmallModels.names {
      let model = SmallModels.make(name)!
      do {
        try model.loadStateDict(state)
        return model
      } catch { reasons.append("\(name): \(error)") }
    }
    throw CommandFailure(
      "\(path): a checkpoint of another model; its \(state.count) tensors fit none of \(SmallModels.names.joined(separator: ", ")). "
        + "For cnn: \(reasons[0].dropFirst(5))")
  }

  private static func weights(_ path: String) throws -> StateDict {
    if try Safetensors.isSafetensors(path) { return StateDict(try Safetensors.load(path)) }
    let value = try StateValue.load(from: path)
    let model = value["model"] ?? value
    guard let entries = model.entries else {
      throw CommandFailure("\(path): expected a state dict (names and tensors), found \(value.kind)")
    }
    return StateDict(entries.compactMap { entry in entry.value.tensor.map { ("\(entry.key)", $0) } })
  }
}

extension StateValue {
  /// A word for messages.
  fileprivate var kind: String {
    switch self {
    case .none: "nothing"
    case .bool, .int, .double: "a number"
    case .string: "a string"
    case .tensor: "a single tensor"
    case .list, .tuple: "a list"
    case .dict: "a dictionary"
    }
  }
}
