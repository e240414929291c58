import Firefinch

/// The kinds `ops` and `sparse`: one function, its gradients of first and second order and its forward-mode derivative.
struct OperatorCase {
  let name: String
  let json: JSONValue
  let table: Table
  let decoder: Decoder

  private func arguments() throws -> (args: [Argument], kwargs: [(String, Argument)]) {
    let args = try (json["args"]?.elements ?? []).map(decoder.decode)
    let kwargs = try (json["kwargs"]?.members ?? []).map { ($0.name, try decoder.decode($0.value)) }
    return (args, kwargs)
  }

  private func evaluate(_ args: [Argument], _ kwargs: [(String, Argument)]) throws -> [Leaf] {
    if json["form"]?.text == "inplace" { return try table.callInPlace(name, args, kwargs).leaves }
    return try table.call(name, args, kwargs).leaves
  }

  /// Tensors of a list; nil for None.
  private func tensors(_ json: JSONValue?) throws -> [Tensor?] {
    try (json?.elements ?? []).map { try decoder.decode($0).tensors.first }
  }

  func run() throws -> [(String, JSONValue)] {
    guard let request = json["grad"] else {
      let (args, kwargs) = try arguments()
      let leaves = try withErrors { try withNoGrad { try evaluate(args, kwargs) } }
      return [("outputs", .array(leaves.map(\.json)))]
    }
    var results: [(String, JSONValue)] = []
    let (args, kwargs) = try arguments()
    let inputs = (args + kwargs.map(\.1)).flatMap(\.tensors).filter(\.requiresGrad)
    let leaves = try withErrors { try evaluate(args, kwargs) }
    results.append(("outputs", .array(leaves.map(\.json))))
    // Forward is right by now; a derivative that fails is left out.
    let indices = (request["outputs"]?.elements ?? []).compactMap(\.integer)
    let second = json["grad2"]
    // A result without history adds nothing to the gradients.
    let pairs = zip(indices, try tensors(request["grad_outputs"])).compactMap { i, seed -> (Tensor, Tensor?)? in
      guard i < leaves.count, let output = leaves[i].tensor, output.requiresGrad else { return nil }
      return (output, seed)
    }
    guard
      let grads = try? withErrors({
        pairs.isEmpty
          ? inputs.map { _ in nil }
          : grad(
            of: pairs.map(\.0), wrt: inputs, gradients: pairs.map(\.1), createGraph: second != nil, allowUnused: true)
      })
    else { return results }
    // The gradient of a sparse argument is that of its values; the cases have it dense.
    let holders = (args + kwargs.map(\.1)).flatMap(\.sparseTensors)
    let shown = zip(grads, inputs).map { grad, input -> Tensor? in
      guard let grad, let holder = holders.first(where: { $0.values === input }) else { return grad }
      return withNoGrad { holder.with(values: grad.detach()).toDense() }
    }
    results.append(("grads", OperatorCase.encode(shown)))
    if let second {
      let vectors = try tensors(second["v"])
      let pairs = zip(grads, vectors).compactMap { g, v -> (Tensor, Tensor)? in
        guard let g, let v, g.requiresGrad else { return nil }
        return (g, v)
      }
      if let grads2 = try? withErrors({
        pairs.isEmpty
          ? inputs.map { _ in nil } : grad(of: pairs.map(\.0), wrt: inputs, gradients: pairs.map(\.1), allowUnused: true)
      }) {
        results.append(("grad2", OperatorCase.encode(grads2)))
      }
    }
    if let forward = json["jvp"], let tangents = try? forwardMode(forward) { results.append(("jvp", tangents)) }
    return results
  }

  private func forwardMode(_ request: JSONValue) throws -> JSONValue {
    let (args, kwargs) = try arguments()
    let inputs = (args + kwargs.map(\.1)).flatMap(\.tensors).filter(\.requiresGrad)
    let tangents = try zip(inputs, tensors(request["tangents"])).map { $1 ?? $0.detach().zerosLike() }
    return try withErrors {
      let leaves = try evaluate(args, kwargs)
      let chosen = (request["outputs"]?.elements ?? []).compactMap(\.integer).compactMap { leaves[$0].tensor }
      return OperatorCase.encode(jvp(of: chosen, wrt: inputs, tangents: tangents))
    }
  }

  static func encode(_ tensors: [Tensor?]) -> JSONValue { .array(tensors.map { $0.map(Leaf.encode) ?? .null }) }
}
