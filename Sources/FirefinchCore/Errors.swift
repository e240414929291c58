/// A mistake in the use of a tensor operation: what, where, got, expected, hint, in one sentence.
public struct TensorError: Error, CustomStringConvertible, Sendable {
  /// What kind of rule was broken; tests and servers may branch on it.
  public enum Kind: Sendable { case shape, dtype, device, index, value, autograd, memory }

  public let kind: Kind
  /// The sentence, beginning with the operation's name.
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public var description: String { message }

  /// A broken shape rule.
  public static func shape(_ message: String) -> TensorError { TensorError(.shape, message) }
  /// A dtype the operation does not take.
  public static func dtype(_ message: String) -> TensorError { TensorError(.dtype, message) }
  /// Operands on different devices, or a device that is not there.
  public static func device(_ message: String) -> TensorError { TensorError(.device, message) }
  /// A dim or an index out of range.
  public static func index(_ message: String) -> TensorError { TensorError(.index, message) }
  /// An argument whose value is not allowed.
  public static func value(_ message: String) -> TensorError { TensorError(.value, message) }
  /// A broken rule of differentiation or in-place use.
  public static func autograd(_ message: String) -> TensorError { TensorError(.autograd, message) }
}
