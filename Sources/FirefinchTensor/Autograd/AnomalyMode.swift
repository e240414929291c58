import FirefinchCore
import Synchronization

/// Looks for NaN in every gradient and names the operation that made it. Same as `torch.autograd.detect_anomaly`.
public enum AnomalyMode {
  private static let enabled = Atomic<Bool>(false)
  /// Whether gradients are checked. Costs a pass over every gradient.
  public static var isEnabled: Bool {
    get { enabled.load(ordering: .relaxed) }
    set { enabled.store(newValue, ordering: .relaxed) }
  }

  static func check(_ gradients: [Tensor?], _ node: Node) {
    for (i, gradient) in gradients.enumerated() {
      guard let gradient, gradient.dtype.isFloatingPoint, gradient.device == .cpu else { continue }
      if withNoGrad({ gradient.isNaN().any().item().doubleValue != 0 }) {
        ErrorScope.report(TensorError.autograd("backward: \(node.name) gave NaN as the gradient of its input \(i)"))
      }
    }
  }
}
