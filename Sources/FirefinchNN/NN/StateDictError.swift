import FirefinchCore
import FirefinchTensor

/// Everything in which a state dict differs from the module it should be loaded into.
public struct StateDictError: Error, CustomStringConvertible, Sendable {
  /// Class of the module.
  public var module: String
  /// Keys that the module has and the state dict lacks.
  public var missing: [String]
  /// Keys that the module does not have.
  public var unexpected: [String]
  /// Keys with their shape in the module and in the state dict.
  public var misshaped: [(key: String, expected: Shape, got: Shape)]

  public var description: String {
    var parts: [String] = []
    if !missing.isEmpty { parts.append("missing keys: \(missing.joined(separator: ", "))") }
    if !unexpected.isEmpty { parts.append("unexpected keys: \(unexpected.joined(separator: ", "))") }
    if !misshaped.isEmpty {
      let shapes = misshaped.map { "\($0.key) (expected \($0.expected), got \($0.got))" }
      parts.append("wrong shapes: \(shapes.joined(separator: ", "))")
    }
    return "loadStateDict: the state dict does not fit \(module): \(parts.joined(separator: "; "))"
  }
}
