import FirefinchCore

extension Tensor {
  /// Covariance matrix of variables (rows) over observations (columns); a vector gives a 0-dim variance. `frequencies` (integers)
  /// say how often each observation counts, `weights` (floating point) how important it is. Same as `torch.cov`.
  public func cov(correction: Int = 1, frequencies: Tensor? = nil, weights: Tensor? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank > 2 { throw TensorError.shape("cov: expected at most 2 dims, got shape \(shape)") }
      if dtype == .bool { throw TensorError.dtype("cov: bool tensors are not supported") }
      let x = rank == 2 ? self : reshape([1, elementCount])
      let n = x.size(1)
      try Tensor.checkObservations(frequencies, n, "frequencies", isInteger: true)
      try Tensor.checkObservations(weights, n, "weights", isInteger: false)
      let weight = frequencies.map { f in weights.map { f * $0 } ?? f } ?? weights
      let total = weight.map { $0.sum() } ?? Tensor.full([], n, dtype: .int64)
      let sums = (weight.map { x * $0 } ?? x).sum(dim: [1])
      let centred = x - (sums / total).unsqueeze(dim: 1)
      var divisor = total - correction
      if let weight, let weights, correction != 0 { divisor = total - (weight * weights).sum() * correction / total }
      let matrix = centred.mm((weight.map { centred * $0 } ?? centred).mH)
      return (matrix / divisor.clamp(min: 0)).squeeze()
    }
  }

  private static func checkObservations(_ x: Tensor?, _ n: Int, _ name: String, isInteger: Bool) throws {
    guard let x else { return }
    if x.rank > 1 || x.elementCount != n {
      throw TensorError.shape("cov: \(name) must be a vector of \(n) numbers, one an observation, got shape \(x.shape)")
    }
    if isInteger ? !x.dtype.isInteger : !x.dtype.isFloatingPoint {
      throw TensorError.dtype("cov: \(name) must be \(isInteger ? "integers" : "floating point"), got \(x.dtype.name)")
    }
    if x.elementCount > 0 && x.detach().amin().doubleValue < 0 {
      throw TensorError.value("cov: \(name) must not be negative")
    }
  }

  /// Correlation coefficients of variables (rows) over observations (columns). Same as `torch.corrcoef`.
  public func corrcoef() -> Tensor {
    let c = cov()
    if c.isPoisoned { return c }
    if c.rank == 0 { return c / c }
    let deviation = c.diagonal().real.sqrt()
    let r = c / deviation.unsqueeze(dim: 1) / deviation
    if !r.dtype.isComplex { return r.clamp(min: -1, max: 1) }
    return Tensor.complex(r.real.clamp(min: -1, max: 1), r.imag.clamp(min: -1, max: 1))
  }
}
