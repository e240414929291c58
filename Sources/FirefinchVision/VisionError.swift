/// A model, picture or weights file that is missing or does not fit.
public struct VisionError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
