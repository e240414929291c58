import Firefinch
import FirefinchVision

/// The two files a trained model is kept in, and how to read one back.
enum ModelFiles {
  static func write(_ model: Module, to folder: String, metadata: [String: String]) throws {
    let state = model.stateDict()
    try state.save(to: folder + "/model.safetensors", metadata: metadata)
    try state.save(to: folder + "/model.pt")
  }

  /// A classifier from model.safetensors, model.pt or checkpoint.pt: the architecture is the one whose keys fit.
  static func load(_ path: String) throws -> Sequential {
    let state = try StateDict.load(from: path)
    var reasons: [String] = []
    for name in SmallModels.names {
      let model = SmallModels.make(name)!
      do {
        try model.loadStateDict(state)
        return model
      } catch { reasons.append("\(error)") }
    }
    throw CommandFailure(
      "\(path): a checkpoint of another model; its \(state.count) tensors fit none of "
        + "\(SmallModels.names.joined(separator: ", ")). For \(SmallModels.names[0]): \(reasons[0])")
  }
}
