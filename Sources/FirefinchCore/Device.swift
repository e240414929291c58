/// Where a tensor's data lives. Same as `torch.device`.
public enum Device: Sendable, Hashable, CustomStringConvertible {
  case cpu
  /// Shapes and dtypes without data: operators run their shape rules only.
  case meta
  /// An NVIDIA GPU. Reserved for the CUDA backend.
  case cuda(Int)

  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .meta: "meta"
    case .cuda(let index): "cuda:\(index)"
    }
  }

  /// Parses `cpu`, `meta`, `cuda` or `cuda:1`; nil for anything else.
  public init?(_ text: String) {
    switch text {
    case "cpu": self = .cpu
    case "meta": self = .meta
    case "cuda": self = .cuda(0)
    default:
      guard text.hasPrefix("cuda:"), let index = Int(text.dropFirst(5)), index >= 0 else { return nil }
      self = .cuda(index)
    }
  }
}
