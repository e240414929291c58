/// What is wrong with a file, in one sentence.
public struct FileError: Error, CustomStringConvertible, Equatable, Sendable {
  /// The file.
  public let path: String
  /// What is wrong: what, where, got, expected.
  public let message: String

  /// An error about `path`.
  public init(path: String, message: String) {
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}
