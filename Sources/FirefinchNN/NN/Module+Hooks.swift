import FirefinchCore
import FirefinchTensor

/// A module of one input and one output: write `forward`, call the module. Calls run hooks and name the module in errors.
public protocol Layer: Module {
  /// Computes the output. Call the module itself, not `forward`, so that hooks run.
  func forward(_ x: Tensor) -> Tensor
}

extension Layer {
  /// The module's output for `x`. Same as calling a `torch.nn.Module`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    if hooks == nil { return CallSite.within(self) { forward(x) } }
    return invoke([x]) { [forward($0[0])] }[0]
  }
}

/// Removes a hook of a module when asked. Same as PyTorch's `RemovableHandle`.
public struct ModuleHookHandle {
  let action: () -> Void
  /// Takes the hook away.
  public func remove() { action() }
}

/// Hooks of one module.
package final class ModuleHooks {
  var before: [(key: Int, hook: (Module, [Tensor]) -> [Tensor]?)] = []
  var after: [(key: Int, hook: (Module, [Tensor], [Tensor]) -> [Tensor]?)] = []
  var next = 0
}

extension Module {
  /// Calls `hook` with the inputs before every call of the module; returned tensors replace them.
  /// Same as `register_forward_pre_hook`.
  @discardableResult
  public func registerForwardPreHook(_ hook: @escaping (Module, [Tensor]) -> [Tensor]?) -> ModuleHookHandle {
    let hooks = hooks ?? ModuleHooks()
    self.hooks = hooks
    hooks.next += 1
    let key = hooks.next
    hooks.before.append((key, hook))
    return ModuleHookHandle { [weak self] in self?.removeHook(key) }
  }

  /// Calls `hook` with inputs and outputs after every call of the module; returned tensors replace the outputs.
  /// Same as `register_forward_hook`.
  @discardableResult
  public func registerForwardHook(_ hook: @escaping (Module, [Tensor], [Tensor]) -> [Tensor]?) -> ModuleHookHandle {
    let hooks = hooks ?? ModuleHooks()
    self.hooks = hooks
    hooks.next += 1
    let key = hooks.next
    hooks.after.append((key, hook))
    return ModuleHookHandle { [weak self] in self?.removeHook(key) }
  }

  private func removeHook(_ key: Int) {
    guard let hooks else { return }
    hooks.before.removeAll { $0.key == key }
    hooks.after.removeAll { $0.key == key }
    if hooks.before.isEmpty && hooks.after.isEmpty { self.hooks = nil }
  }

  /// Runs `body` as a call of this module: hooks run, mistakes inside name the module. Modules with several inputs or
  /// outputs write their own `callAsFunction` and use this.
  public func invoke(_ inputs: [Tensor], _ body: ([Tensor]) -> [Tensor]) -> [Tensor] {
    guard let hooks else { return CallSite.within(self) { body(inputs) } }
    var inputs = inputs
    for (_, hook) in hooks.before {
      if let changed = hook(self, inputs) { inputs = changed }
    }
    var outputs = CallSite.within(self) { body(inputs) }
    for (_, hook) in hooks.after {
      if let changed = hook(self, inputs, outputs) { outputs = changed }
    }
    return outputs
  }
}

/// Names running modules for error messages.
enum ModulePath {
  /// Tells FirefinchTensor how to name modules; evaluated once, by the first module made.
  static let install: Void = {
    CallSite.pathDescriber = { describe($0.compactMap { $0 as? Module }) }
  }()

  /// `encoder.layer.3.fc1` from the running modules, outermost first. A module that is not below its caller is named by its
  /// class.
  static func describe(_ running: [Module]) -> String? {
    guard let root = running.first else { return nil }
    if running.count == 1 { return "\(type(of: root))" }
    var parts: [String] = []
    for (outer, inner) in zip(running, running.dropFirst()) {
      if outer === inner { continue }
      let path = outer.namedModules().first { $0.1 === inner }?.0
      parts.append(path ?? "\(type(of: inner))")
    }
    return parts.isEmpty ? "\(type(of: root))" : parts.joined(separator: ".")
  }
}
