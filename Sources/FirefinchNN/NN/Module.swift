import FirefinchCore
import FirefinchTensor
import Foundation

/// Base class of everything with parameters. Same as `torch.nn.Module`.
///
/// Declare parameters with `@Parameter`, saved state with `@Buffer`, children as `let` properties of module type (also in
/// arrays), then write `forward`. Keys of the state dict are the property names in snake case; exceptions go into
/// `stateKeys`. Not Sendable: serve a model to several threads through `Frozen`.
///
/// ```swift
/// final class Net: Module, Layer {
///   let fc1 = Linear(784, 128)
///   let fc2 = Linear(128, 10)
///   func forward(_ x: Tensor) -> Tensor { fc2(fc1(x).relu()) }
/// }
/// ```
open class Module {
  /// Keys of properties whose name does not give PyTorch's key, such as `["mixed5b": "Mixed_5b"]`.
  open class var stateKeys: [String: String] { [:] }
  /// Keys that `loadStateDict` may find missing, because older checkpoints do not have them.
  open class var optionalStateKeys: Set<String> { [] }

  /// Whether layers such as dropout behave as in training. Change it with `train()` and `eval()`.
  public internal(set) var isTraining = true
  /// Set by `Frozen`: the module may no longer be changed.
  var isFrozen = false

  /// Hooks, made on demand.
  package var hooks: ModuleHooks?
  private(set) var registeredSlots: [(key: String, slot: any Slot)] = []
  private(set) var registeredChildren: [(key: String, module: Module)] = []
  private var cachedMembers: Members?

  public init() { ModulePath.install }

  /// Adds a parameter under a computed name; for fixed names use `@Parameter`. Same as `register_parameter`.
  public func registerParameter(_ key: String, _ tensor: Tensor?) {
    set(key, Parameter<Tensor?>(wrappedValue: tensor))
  }

  /// Adds a buffer under a computed name; for fixed names use `@Buffer`. Same as `register_buffer`.
  public func registerBuffer(_ key: String, _ tensor: Tensor?, persistent: Bool = true) {
    if persistent {
      set(key, Buffer<Tensor?>(wrappedValue: tensor))
    } else {
      set(key, TransientBuffer<Tensor?>(wrappedValue: tensor))
    }
  }

  /// Adds a child under a computed name, replacing one of the same name. Same as `register_module`.
  public func registerModule(_ key: String, _ module: Module) {
    if let at = registeredChildren.firstIndex(where: { $0.key == key }) {
      registeredChildren[at].module = module
    } else {
      registeredChildren.append((key, module))
    }
    cachedMembers = nil
  }

  /// The tensor registered under a computed name, or nil.
  public func registered(_ key: String) -> Tensor? { registeredSlots.first { $0.key == key }?.slot.raw }

  func removeRegisteredChildren() {
    registeredChildren = []
    cachedMembers = nil
  }

  private func set(_ key: String, _ slot: any Slot) {
    if let at = registeredSlots.firstIndex(where: { $0.key == key }) {
      registeredSlots[at].slot = slot
    } else {
      registeredSlots.append((key, slot))
    }
    cachedMembers = nil
  }

  /// Parameters, buffers and children of this module itself.
  var members: Members {
    if let cachedMembers { return cachedMembers }
    let found = Members(of: self)
    cachedMembers = found
    #if DEBUG
      for problem in found.problems { FileHandle.standardError.write(Data("Firefinch: \(problem)\n".utf8)) }
    #endif
    return found
  }

  /// Finds the members again. Needed only after changing an array of modules or a `var` child without `@Child`.
  public func refreshMembers() { cachedMembers = nil }

  /// What is wrong with the declarations of this module and its children: duplicate keys, tensors that are neither
  /// parameters nor buffers, modules in unordered containers. Empty when all is well. Debug builds print these once.
  public func problems() -> [String] { modules().flatMap(\.members.problems) }

  /// Short facts for the printed form, such as `in=3, out=8`.
  open var extraDescription: String { "" }
}

extension Module {
  /// Children of this module in order. Same as `Module.named_children()`.
  public func namedChildren() -> [(String, Module)] {
    members.children.compactMap { key, source in source.module.map { (key, $0) } }
  }

  /// Children of this module in order. Same as `Module.children()`.
  public func children() -> [Module] { namedChildren().map(\.1) }

  /// This module (path "") and all below it with their paths; each object once. Same as `Module.named_modules()`.
  public func namedModules() -> [(String, Module)] {
    var seen: Set<ObjectIdentifier> = []
    var result: [(String, Module)] = []
    func visit(_ module: Module, _ path: String) {
      guard seen.insert(ObjectIdentifier(module)).inserted else { return }
      result.append((path, module))
      for (key, child) in module.namedChildren() { visit(child, path.isEmpty ? key : "\(path).\(key)") }
    }
    visit(self, "")
    return result
  }

  /// This module and all below it; each object once. Same as `Module.modules()`.
  public func modules() -> [Module] { namedModules().map(\.1) }

  /// Parameters with their paths; a tensor used twice is given once. Same as `Module.named_parameters()`.
  public func namedParameters() -> [(String, Tensor)] { distinct { $0.members.parameters } }
  /// Parameters in order, each once. Same as `Module.parameters()`.
  public func parameters() -> [Tensor] { namedParameters().map(\.1) }
  /// Buffers with their paths, also those that are not saved. Same as `Module.named_buffers()`.
  public func namedBuffers() -> [(String, Tensor)] { distinct { $0.members.buffers } }
  /// Buffers in order. Same as `Module.buffers()`.
  public func buffers() -> [Tensor] { namedBuffers().map(\.1) }

  private func distinct(_ entries: (Module) -> [Members.Entry]) -> [(String, Tensor)] {
    var seen: Set<ObjectIdentifier> = []
    var result: [(String, Tensor)] = []
    for (path, module) in namedModules() {
      for entry in entries(module) {
        guard let tensor = entry.slot.raw, seen.insert(ObjectIdentifier(tensor)).inserted else { continue }
        result.append((path.isEmpty ? entry.key : "\(path).\(entry.key)", tensor))
      }
    }
    return result
  }

  /// Every slot below this module, with its path, in the state dict's order; a shared module is visited at each place.
  func visitSlots(_ body: (_ path: String, _ slot: any Slot, _ owner: Module) -> Void) {
    func visit(_ module: Module, _ prefix: String, _ depth: Int) {
      if depth > 512 { return }
      let members = module.members
      for entry in members.parameters { body(prefix + entry.key, entry.slot, module) }
      for entry in members.buffers { body(prefix + entry.key, entry.slot, module) }
      for (key, source) in members.children {
        if let child = source.module { visit(child, "\(prefix)\(key).", depth + 1) }
      }
    }
    visit(self, "", 0)
  }

  /// Number of elements of all parameters, or of those that are trained.
  public func parameterCount(trainableOnly: Bool = false) -> Int {
    parameters().reduce(0) { $0 + (trainableOnly && !$1.requiresGrad ? 0 : $1.elementCount) }
  }

  /// Puts this module and all below it into training mode, or into evaluation mode. Same as `Module.train`.
  @discardableResult
  public func train(_ mode: Bool = true) -> Self {
    if isFrozen && mode {
      Mistake.report(.value("train: the model is frozen for serving; build a fresh one to train"))
      return self
    }
    for module in modules() { module.isTraining = mode }
    return self
  }

  /// Puts this module and all below it into evaluation mode. Same as `Module.eval`.
  @discardableResult
  public func eval() -> Self { train(false) }

  /// Calls `body` on every module below this one, then on this one. Same as `Module.apply`.
  @discardableResult
  public func apply(_ body: (Module) -> Void) -> Self {
    for child in children() { child.apply(body) }
    body(self)
    return self
  }

  /// Drops the gradients of all parameters, or sets them to zeros. Same as `Module.zero_grad`.
  public func zeroGrad(setToNone: Bool = true) {
    for parameter in parameters() { parameter.clearGrad(setToNone: setToNone) }
  }

  /// Sets whether the parameters are trained. Same as `Module.requires_grad_`.
  @discardableResult
  public func requiresGrad_(_ value: Bool = true) -> Self {
    for parameter in parameters() where parameter.dtype.isFloatingPoint { parameter.requiresGrad = value }
    return self
  }

  /// Converts floating-point parameters and buffers to a dtype. The tensors are replaced: make the optimizer afterwards.
  /// Same as `Module.to(dtype)`.
  @discardableResult
  public func to(_ dtype: DType) -> Self {
    if !dtype.isFloatingPoint {
      Mistake.report(.dtype("to: modules can be converted to floating-point dtypes only, got \(dtype.name)"))
      return self
    }
    return convert { $0.dtype.isFloatingPoint ? $0.to(dtype) : $0 }
  }

  /// Moves parameters and buffers to a device. The tensors are replaced: make the optimizer afterwards.
  /// Same as `Module.to(device)`.
  @discardableResult
  public func to(_ device: Device) -> Self { convert { $0.to(device) } }

  /// Parameters in float32. Same as `Module.float()`.
  @discardableResult public func float() -> Self { to(DType.float32) }
  /// Parameters in float64. Same as `Module.double()`.
  @discardableResult public func double() -> Self { to(DType.float64) }
  /// Parameters in bfloat16. Same as `Module.bfloat16()`.
  @discardableResult public func bfloat16() -> Self { to(DType.bfloat16) }

  private func convert(_ change: (Tensor) -> Tensor) -> Self {
    replaceTensors { old in
      let new = withNoGrad { change(old) }
      if new === old { return old }
      if old.requiresGrad { new.requiresGrad = true }
      if let grad = old.grad { new.grad = withNoGrad { change(grad) } }
      return new
    }
    return self
  }

  /// Replaces every parameter and buffer; tensors used at several places stay shared.
  func replaceTensors(_ change: (Tensor) -> Tensor) {
    var done: [ObjectIdentifier: (old: Tensor, new: Tensor)] = [:]
    visitSlots { _, slot, _ in
      guard let old = slot.raw else { return }
      if let known = done[ObjectIdentifier(old)] {
        slot.raw = known.new
        return
      }
      let new = change(old)
      done[ObjectIdentifier(old)] = (old, new)
      done[ObjectIdentifier(new)] = (new, new)
      slot.raw = new
    }
  }
}

extension Tensor {
  /// Drops the gradient, or fills it with zeros.
  func clearGrad(setToNone: Bool) {
    if let rows = sparseGrad { sparseGrad = setToNone ? nil : rows.zerosLike() }
    guard let present = grad else { return }
    if setToNone {
      grad = nil
    } else {
      let zeros = present.requiresGrad ? present.detach() : present
      withNoGrad { _ = zeros.zero_() }
      grad = zeros
    }
  }
}

extension Module: CustomStringConvertible {
  /// The module and its children, indented, as PyTorch prints them.
  public var description: String {
    let name = "\(type(of: self))"
    let children = namedChildren()
    if children.isEmpty { return "\(name)(\(extraDescription))" }
    var lines = ["\(name)("]
    if !extraDescription.isEmpty { lines.append("  \(extraDescription)") }
    for (key, child) in children {
      let text = child.description.split(separator: "\n", omittingEmptySubsequences: false)
      lines.append("  (\(key)): \(text[0])")
      lines += text.dropFirst().map { "  \($0)" }
    }
    return lines.joined(separator: "\n") + "\n)"
  }
}
