/// Functions of one tensor that keep 0 at 0: they change the stored values only. Same as PyTorch's of the same name.
extension SparseTensor {
  public func neg() -> SparseTensor { mapValues { $0.neg() } }
  public func abs() -> SparseTensor { mapValues { $0.abs() } }
  public func sqrt() -> SparseTensor { mapValues { $0.sqrt() } }
  public func square() -> SparseTensor { mapValues { $0.square() } }
  public func sin() -> SparseTensor { mapValues { $0.sin() } }
  public func sinh() -> SparseTensor { mapValues { $0.sinh() } }
  public func asin() -> SparseTensor { mapValues { $0.asin() } }
  public func asinh() -> SparseTensor { mapValues { $0.asinh() } }
  public func tan() -> SparseTensor { mapValues { $0.tan() } }
  public func tanh() -> SparseTensor { mapValues { $0.tanh() } }
  public func atan() -> SparseTensor { mapValues { $0.atan() } }
  public func atanh() -> SparseTensor { mapValues { $0.atanh() } }
  public func ceil() -> SparseTensor { mapValues { $0.ceil() } }
  public func floor() -> SparseTensor { mapValues { $0.floor() } }
  public func trunc() -> SparseTensor { mapValues { $0.trunc() } }
  public func round() -> SparseTensor { mapValues { $0.round() } }
  public func sign() -> SparseTensor { mapValues { $0.sign() } }
  public func sgn() -> SparseTensor { mapValues { $0.sgn() } }
  public func expm1() -> SparseTensor { mapValues { $0.expm1() } }
  public func log1p() -> SparseTensor { mapValues { $0.log1p() } }
  public func erf() -> SparseTensor { mapValues { $0.erf() } }
  public func erfinv() -> SparseTensor { mapValues { $0.erfinv() } }
  public func deg2rad() -> SparseTensor { mapValues { $0.deg2rad() } }
  public func rad2deg() -> SparseTensor { mapValues { $0.rad2deg() } }
  public func relu() -> SparseTensor { mapValues { $0.relu() } }
  public func isNaN() -> SparseTensor { mapValues { $0.isNaN() } }
  public func isInf() -> SparseTensor { mapValues { $0.isInf() } }
  public func signbit() -> SparseTensor { mapValues { $0.signbit() } }
}
