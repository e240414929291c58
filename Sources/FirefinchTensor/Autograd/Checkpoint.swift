import FirefinchCore

/// Runs `body` without keeping what backward would need, and runs it again when backward comes: memory for time. Same as
/// `torch.utils.checkpoint.checkpoint` with `use_reentrant=False`.
///
/// Statistics that `body` updates, such as batch normalisation's, are updated twice, as in PyTorch.
///
/// - Parameters:
///   - inputs: what `body` is given.
///   - parameters: the other tensors in `body` that want gradients, such as a module's `parameters()`.
///   - preserveRNGState: whether the second run draws the random numbers of the first.
///   - body: computes the result from the inputs; it must compute the same both times.
public func checkpoint(
  _ inputs: [Tensor], parameters: [Tensor] = [], preserveRNGState: Bool = true, _ body: @escaping ([Tensor]) -> Tensor
) -> Tensor {
  let all = inputs + parameters
  guard GradMode.isEnabled, all.contains(where: \.requiresGrad) else { return body(inputs) }
  nonisolated(unsafe) let body = body
  let count = inputs.count
  let function = CustomFunction("Checkpoint") { context, all in
    if preserveRNGState { context.values = [Generator.default.state] }
    all.forEach { context.save($0) }
    return [body(Array(all.prefix(count)))]
  } backward: { context, gradients in
    let now = Generator.default.state
    if let before = context.values.first as? [UInt8] { Generator.default.state = before }
    defer { if preserveRNGState { Generator.default.state = now } }
    let createGraph = GradMode.isEnabled
    let saved = context.savedTensors
    // A gradient that is itself recorded must reach the inputs' own history; otherwise the second run ends at the inputs.
    let inputs = saved.prefix(count).map { $0.requiresGrad && !createGraph ? $0.detach().requiresGrad_() : $0 }
    return withGrad {
      let sources = inputs + saved.dropFirst(count)
      let wanted = sources.indices.filter { sources[$0].requiresGrad }
      let found = grad(
        of: [body(inputs)], wrt: wanted.map { sources[$0] }, gradients: gradients, createGraph: createGraph, allowUnused: true)
      var result = [Tensor?](repeating: nil, count: sources.count)
      for (index, gradient) in zip(wanted, found) { result[index] = gradient }
      return result
    }
  }
  return function.apply(all)[0]
}
