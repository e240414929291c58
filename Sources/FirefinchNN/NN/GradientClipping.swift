import FirefinchCore
import FirefinchTensor

/// Scales the gradients so that their norm, taken over all together, is at most `maxNorm`. Same as `clip_grad_norm_`.
///
/// - Returns: the norm before, 0-dim.
/// - Throws: with `errorIfNonFinite` when the norm is NaN or infinite.
@discardableResult
public func clipGradNorm_(
  _ parameters: [Tensor], maxNorm: Double, normType: Double = 2, errorIfNonFinite: Bool = false
) throws -> Tensor {
  try withNoGrad {
    if let sparse = parameters.first(where: { $0.sparseGrad != nil }) {
      throw TensorError.value(
        "clipGradNorm_: the gradient of a parameter of shape \(sparse.shape) is sparse; leave sparse: true out to clip it")
    }
    let grads = parameters.compactMap(\.grad)
    if grads.isEmpty { return Tensor(0.0) }
    let norms = grads.map { $0.vectorNorm(normType) }
    let total = Tensor.stack(norms.map { $0.to(norms[0].dtype) }, dim: 0).vectorNorm(normType)
    if errorIfNonFinite && !total.doubleValue.isFinite {
      throw TensorError.value(
        "clipGradNorm_: the norm of the gradients is \(total.doubleValue); some gradient is NaN or infinite")
    }
    if total.isPoisoned { return total }
    let factor = (maxNorm / (total + 1e-6)).clamp(max: 1.0).doubleValue
    // Also by 1, as PyTorch does: a NaN norm must show.
    scaling.run(grads.map { FusedUpdate.Item([$0], [factor]) })
    return total
  }
}

/// All gradients in one parallel region.
private let scaling = FusedUpdate("clip_grad_norm", inputs: 1) { x, n in [(0, x[0] * n(0))] }

/// Clamps every element of the gradients to `-clipValue ... clipValue`. Same as `clip_grad_value_`.
public func clipGradValue_(_ parameters: [Tensor], clipValue: Double) {
  withNoGrad {
    for case let grad? in parameters.map(\.grad) { grad.clamp_(min: -clipValue, max: clipValue) }
  }
}

/// All parameters one after another in one dim. Same as `parameters_to_vector`.
public func parametersToVector(_ parameters: [Tensor]) -> Tensor {
  Tensor.cat(parameters.map { $0.reshape(-1) }, dim: 0)
}

/// Copies consecutive parts of a vector into the parameters. Same as `vector_to_parameters`.
public func vectorToParameters(_ vector: Tensor, _ parameters: [Tensor]) {
  let total = parameters.reduce(0) { $0 + $1.elementCount }
  if vector.rank != 1 || vector.elementCount != total {
    Mistake.report(.shape("vectorToParameters: \(total) elements are needed, got shape \(vector.shape)"))
    return
  }
  withNoGrad {
    var start = 0
    for parameter in parameters {
      let part = vector.narrow(dim: 0, start: start, length: parameter.elementCount)
      parameter.copy_(part.reshape(parameter.shape))
      start += parameter.elementCount
    }
  }
}
