import FirefinchCore
import FirefinchTensor

/// A model for serving: in evaluation mode, without gradients, unchangeable, and safe to call from several threads.
///
/// ```swift
/// let model = Frozen(Net())
/// let logits = model(images)
/// ```
/// The wrapped model belongs to the wrapper: do not keep using it elsewhere.
public final class Frozen<Model: Module>: @unchecked Sendable {
  // Reads of an unchanging module are safe from any thread; train(), loading and hooks are refused or not reachable.
  private let model: Model

  /// Takes over a model.
  public init(_ model: Model) {
    model.eval()
    model.requiresGrad_(false)
    for module in model.modules() {
      // Found now, so that later calls only read.
      _ = module.members
      module.isFrozen = true
    }
    self.model = model
  }

  /// Calls `body` with the model, without recording gradients.
  public func run<R>(_ body: (Model) throws -> R) rethrows -> R { try withNoGrad { try body(model) } }

  /// Parameters and buffers, for saving.
  public func stateDict() -> StateDict { model.stateDict() }
}

extension Frozen where Model: Layer {
  /// The model's output for `x`.
  public func callAsFunction(_ x: Tensor) -> Tensor { withNoGrad { model(x) } }
}
