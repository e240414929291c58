import FirefinchTensor

extension StateDict {
  /// Reads a model's weights from a safetensors file or a file of `torch.save`, told apart by content. In a checkpoint the
  /// dictionary under `model`, `state_dict` or `model_state_dict` is taken. Throws `FileError`.
  public static func load(from path: String) throws -> StateDict {
    if try Safetensors.isSafetensors(path) { return StateDict(try Safetensors.load(path)) }
    let value = try StateValue.load(from: path)
    let inner = ["model", "state_dict", "model_state_dict"].lazy.compactMap { value[.string($0)] }
    let weights = inner.first { $0.entries != nil } ?? value
    if weights.entries == nil { throw FileError(path: path, message: "expected a state dict (names and tensors)") }
    return weights.stateDict
  }

  /// Writes the weights: a safetensors file if the name ends in `.safetensors`, else one that Python's
  /// `torch.load(path, weights_only=True)` opens. Whole or not at all; throws `FileError`.
  public func save(to path: String, metadata: [String: String] = ["format": "pt"]) throws {
    if path.hasSuffix(".safetensors") {
      try Safetensors.save(pairs, to: path, metadata: metadata)
    } else {
      try StateValue.record(pairs.map { ($0.0, .tensor($0.1)) }).save(to: path)
    }
  }
}
