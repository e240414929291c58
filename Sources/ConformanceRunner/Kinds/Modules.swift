import Firefinch

/// A module made from a case's constructor arguments, with how it is called.
struct BuiltModule {
  let module: Module
  /// The signature of `forward`.
  let signature: Schema
  let run: (Call) throws -> any Answer

  init(_ module: Module, _ signature: String, _ run: @escaping (Call) throws -> any Answer) {
    self.module = module
    self.signature = Schema("forward(\(signature)) -> Tensor", hasOverload: false)
    self.run = run
  }

  /// A layer of one tensor.
  static func layer(_ layer: any Layer) -> BuiltModule {
    BuiltModule(layer, "Tensor input") { c in layer(try c.tensor(0)) }
  }

  /// A loss of an output and a target.
  static func loss(_ loss: Loss) -> BuiltModule {
    BuiltModule(loss, "Tensor input, Tensor target") { c in loss(try c.tensor(0), try c.tensor(1)) }
  }
}

/// The modules by PyTorch's name (`nn.Linear`): the constructor's signature and the Swift initialiser.
struct ModuleTable {
  struct Entry {
    let constructor: Schema
    let build: (Call) throws -> BuiltModule
  }
  private var entries: [String: Entry] = [:]

  init() {
    addLayers()
    addConvolutions()
    addPooling()
    addNorms()
    addLosses()
    addRecurrent()
    addTransformers()
  }

  /// Adds a module.
  mutating func module(_ signature: String, _ build: @escaping (Call) throws -> BuiltModule) {
    let schema = Schema(signature + " -> Module", hasOverload: false)
    entries[schema.name] = Entry(constructor: schema, build: build)
  }

  /// The module `name` (with or without `torch.`) for constructor arguments.
  func make(_ name: String, _ args: [Argument], _ kwargs: [(String, Argument)]) throws -> BuiltModule {
    let key = name.hasPrefix("torch.") ? String(name.dropFirst("torch.".count)) : name
    guard let entry = entries[key] else { throw Unsupported("module \(name) is not implemented") }
    // The device and dtype that every constructor takes are the usual ones.
    let rest = kwargs.filter { $0.0 != "device" && $0.0 != "dtype" }
    do {
      let bound = try Binder(schema: entry.constructor, isLenient: true).bind(args, rest)
      return try entry.build(Call(name: key, schema: entry.constructor, arguments: bound))
    } catch let mismatch as Mismatch { throw Unsupported("\(name): \(mismatch.message)") }
  }
}

/// The kind `modules`: construct, load, call, differentiate.
struct ModuleCase {
  let name: String
  let json: JSONValue
  let table: ModuleTable
  let decoder: Decoder

  private func pairs(_ json: JSONValue?) throws -> [(String, Argument)] {
    try (json?.members ?? []).map { ($0.name, try decoder.decode($0.value)) }
  }
  private func list(_ json: JSONValue?) throws -> [Argument] { try (json?.elements ?? []).map(decoder.decode) }

  func run() throws -> [(String, JSONValue)] {
    try withErrors {
      let built = try table.make(name, list(json["ctor_args"]), pairs(json["ctor_kwargs"]))
      let module = built.module.float()
      let (args, kwargs) = (try list(json["args"]), try pairs(json["kwargs"]))
      if json["lazy"] == .bool(true) {
        let first = (try list(json["args"]), try pairs(json["kwargs"]))
        _ = try withNoGrad { try call(built, first.0, first.1) }
      }
      module.train(json["training"] == .bool(true))
      let keys = module.stateDict().map { key, tensor -> JSONValue in
        .array([.string(key), .array(tensor.shape.map { .int($0) }), .string(tensor.dtype.name)])
      }
      let state = StateDict(try pairs(json["state_dict"]).map { ($0.0, $0.1.tensors.first ?? Tensor(0.0)) })
      try module.loadStateDict(state)
      let inputs = (args + kwargs.map(\.1)).flatMap(\.tensors).filter(\.requiresGrad)
      let parameters = module.namedParameters().filter { $0.1.requiresGrad }
      let leaves = try call(built, args, kwargs)
      var results: [(String, JSONValue)] = [("outputs", .array(leaves.map(\.json))), ("state_keys", .array(keys))]
      if let request = json["grad"] {
        let chosen = (request["outputs"]?.elements ?? []).compactMap(\.integer).compactMap { leaves[$0].tensor }
        let seeds = try list(request["grad_outputs"]).map { $0.tensors.first }
        let all = inputs + parameters.map(\.1)
        if let grads = try? withErrors({ grad(of: chosen, wrt: all, gradients: seeds, allowUnused: true) }) {
          results.append(("grads", OperatorCase.encode(Array(grads.prefix(inputs.count)))))
          let own = zip(parameters, grads.dropFirst(inputs.count)).map { ($0.0, $1.map(Leaf.encode) ?? JSONValue.null) }
          results.append(("param_grads", .record(own)))
        }
      }
      let names = Set(parameters.map(\.0))
      let after = module.stateDict().filter { !names.contains($0.0) }.map { ($0.0, Leaf.encode($0.1)) }
      results.append(("state_after", .record(after)))
      return results
    }
  }

  private func call(_ built: BuiltModule, _ args: [Argument], _ kwargs: [(String, Argument)]) throws -> [Leaf] {
    do {
      let bound = try Binder(schema: built.signature, isLenient: true).bind(args, kwargs)
      return try built.run(Call(name: name, schema: built.signature, arguments: bound)).leaves
    } catch let mismatch as Mismatch { throw Unsupported("\(name): \(mismatch.message)") }
  }
}
