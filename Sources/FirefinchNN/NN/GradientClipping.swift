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
    let grads = parameters.compactMap(\.grad)
    if grads.isEmpty { return Tensor(0.0) }
    let norms = grads.map { norm($0, normType) }
    let total = norm(Tensor.stack(norms.map { $0.to(norms[0].dtype) }, dim: 0), normType)
    if errorIfNonFinite && !total.doubleValue.isFinite {
      throw TensorError.value(
        "clipGradNorm_: the norm of the gradients is \(total.doubleValue); some gradient is NaN or infinite")
    }
    let factor = (maxNorm / (total + 1e-6)).clamp(max: 1.0)
    for grad in grads { grad.mul_(factor.to(grad.dtype)) }
    return total
  }
}

/// A vector norm over all elements.
private func norm(_ x: Tensor, _ order: Double) -> Tensor {
  if order == 2 { return (x * x).sum().sqrt() }
  if order == .infinity { return x.abs().max() }
  if order == 1 { return x.abs().sum() }
  return x.abs().pow(order).sum().pow(1 / order)
}

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
