import FirefinchCore
import FirefinchTensor

/// Where a value that is NaN or infinite was first seen.
public struct NonFinite: Sendable, CustomStringConvertible {
  public enum Place: Sendable { case parameter, input, output }

  /// Path of the module, or of the parameter.
  public let path: String
  /// Class of the module.
  public let module: String
  public let place: Place

  public var description: String {
    switch place {
    case .parameter: "parameter \(path)"
    case .input: "the input of \(path.isEmpty ? module : "\(path) (\(module))")"
    case .output: "the output of \(path.isEmpty ? module : "\(path) (\(module))")"
    }
  }
}

extension Module {
  /// Runs `body`, which calls this model, and tells where the first NaN or infinity came from: a parameter, the model's
  /// input, or the first module whose output has one. Nil when everything is finite. For naming the cause of a NaN loss.
  public func firstNonFinite(_ body: () -> Void) -> NonFinite? {
    for (path, tensor) in namedParameters() where !tensor.isAllFinite {
      return NonFinite(path: path, module: "\(type(of: self))", place: .parameter)
    }
    var found: NonFinite?
    var handles: [ModuleHookHandle] = []
    for (path, module) in namedModules() {
      let name = "\(type(of: module))"
      if path.isEmpty {
        handles.append(
          module.registerForwardPreHook { _, inputs in
            if found == nil, inputs.contains(where: { !$0.isAllFinite }) {
              found = NonFinite(path: path, module: name, place: .input)
            }
            return nil
          })
      }
      handles.append(
        module.registerForwardHook { _, _, outputs in
          if found == nil, outputs.contains(where: { !$0.isAllFinite }) {
            found = NonFinite(path: path, module: name, place: .output)
          }
          return nil
        })
    }
    defer { for handle in handles { handle.remove() } }
    body()
    return found
  }
}

extension Layer {
  /// Where the first NaN or infinity appears when the model is run on `input`, without gradients; nil if nowhere.
  public func firstNonFinite(input: Tensor) -> NonFinite? {
    firstNonFinite { withNoGrad { _ = self(input) } }
  }
}

extension Tensor {
  /// Whether no element is NaN or infinite.
  var isAllFinite: Bool {
    if !dtype.isFloatingPoint || device != .cpu { return true }
    let plain = detach()
    return dtype == .float64
      ? plain.withElements(Double.self) { $0.allSatisfy(\.isFinite) }
      : plain.withElements(Float.self) { $0.allSatisfy(\.isFinite) }
  }
}
