import FirefinchCore

extension Tensor {
  /// Whether each pair is equal within `atol + rtol * |other|`; equal infinities are, NaNs only with `equalNaN`. Both have
  /// the same dtype. Same as `torch.isclose`.
  public func isclose(_ other: Tensor, rtol: Double = 1e-5, atol: Double = 1e-8, equalNaN: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || other.isPoisoned { return ErrorScope.poison(.bool) }
      if dtype != other.dtype {
        throw TensorError.dtype("isclose: expected tensors of one dtype, got \(dtype.name) and \(other.dtype.name)")
      }
      if rtol < 0 || atol < 0 || rtol.isNaN || atol.isNaN {
        throw TensorError.value("isclose: rtol and atol must not be negative, got \(rtol) and \(atol)")
      }
      return withNoGrad {
        var result = self .== other
        if equalNaN && dtype.isDifferentiable { result = result.logicalOr(isNaN().logicalAnd(other.isNaN())) }
        if rtol == 0 && atol == 0 { return result }
        // Integers are compared in floating point, so that differences do not wrap.
        let wide: DType = dtype == .float64 ? .float64 : dtype.isFloatingPoint ? dtype : .float64
        let (a, b) = dtype.isComplex ? (self, other) : (to(wide), other.to(wide))
        let allowed = b.abs() * rtol + atol
        let difference = (a - b).abs()
        return result.logicalOr(difference.isFinite().logicalAnd(difference .<= allowed))
      }
    }
  }

  /// Whether all pairs are equal within a tolerance. Same as `torch.allclose`; false inside `withErrors` after a mistake.
  public func allclose(_ other: Tensor, rtol: Double = 1e-5, atol: Double = 1e-8, equalNaN: Bool = false) -> Bool {
    let each = isclose(other, rtol: rtol, atol: atol, equalNaN: equalNaN)
    return !each.isPoisoned && each.all().doubleValue != 0
  }

  /// Whether shape and elements are equal. Same as `torch.equal`; different dtypes are a mistake.
  public func equal(_ other: Tensor) -> Bool {
    if isPoisoned || other.isPoisoned { return false }
    if dtype != other.dtype {
      Mistake.report(.dtype("equal: expected tensors of one dtype, got \(dtype.name) and \(other.dtype.name)"))
      return false
    }
    return shape == other.shape && withNoGrad { (self .== other).all().doubleValue != 0 }
  }
}
