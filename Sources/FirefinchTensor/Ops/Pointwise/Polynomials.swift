import FirefinchCore

/// A polynomial of `x` of the order `n`, which is rounded toward zero; no derivative, as in PyTorch.
private func polynomial(_ name: String, _ function: SpecialFunction, _ argument: @escaping @Sendable (Expr) -> Expr = { $0 }) -> Op {
  .pointwise(
    "\(name)(TensorOrScalar x, TensorOrScalar n) -> Tensor", dtypes: .promoteToFloat,
    samples: {
      let x = Tensor([-1.0, -0.4, 0.3, 1.7], dtype: .float64)
      return [Sample(.tensor(x), .tensor(Tensor([3.0, 2, 9, 4], dtype: .float64)), gradient: false), Sample(.tensor(x), .int(2), gradient: false)]
    }, derivative: { _, _, _ in [nil, nil] }
  ) { .special(function, argument($0[0]), $0[1]) }
}

/// The argument of a polynomial over 0...1 instead of -1...1.
private let shifted: @Sendable (Expr) -> Expr = { $0 + $0 - 1 }

extension Op {
  static let chebyshevT = polynomial("chebyshev_polynomial_t", .chebyshevT)
  static let chebyshevU = polynomial("chebyshev_polynomial_u", .chebyshevU)
  static let chebyshevV = polynomial("chebyshev_polynomial_v", .chebyshevV)
  static let chebyshevW = polynomial("chebyshev_polynomial_w", .chebyshevW)
  static let shiftedChebyshevT = polynomial("shifted_chebyshev_polynomial_t", .chebyshevT, shifted)
  static let shiftedChebyshevU = polynomial("shifted_chebyshev_polynomial_u", .chebyshevU, shifted)
  static let shiftedChebyshevV = polynomial("shifted_chebyshev_polynomial_v", .chebyshevV, shifted)
  static let shiftedChebyshevW = polynomial("shifted_chebyshev_polynomial_w", .chebyshevW, shifted)
  static let hermiteH = polynomial("hermite_polynomial_h", .hermiteH)
  static let hermiteHe = polynomial("hermite_polynomial_he", .hermiteHe)
  static let laguerreL = polynomial("laguerre_polynomial_l", .laguerreL)
  static let legendreP = polynomial("legendre_polynomial_p", .legendreP)
}

/// Orthogonal polynomials of this tensor's elements; the order is a tensor that broadcasts. No derivative.
extension Tensor {
  /// Chebyshev polynomial of the first kind. Same as `torch.special.chebyshev_polynomial_t`.
  public func chebyshevT(_ n: Tensor) -> Tensor { Op.chebyshevT.binary(self, n) }
  /// Chebyshev polynomial of the second kind. Same as `torch.special.chebyshev_polynomial_u`.
  public func chebyshevU(_ n: Tensor) -> Tensor { Op.chebyshevU.binary(self, n) }
  /// Chebyshev polynomial of the third kind. Same as `torch.special.chebyshev_polynomial_v`.
  public func chebyshevV(_ n: Tensor) -> Tensor { Op.chebyshevV.binary(self, n) }
  /// Chebyshev polynomial of the fourth kind. Same as `torch.special.chebyshev_polynomial_w`.
  public func chebyshevW(_ n: Tensor) -> Tensor { Op.chebyshevW.binary(self, n) }
  /// `chebyshevT` of 2x - 1. Same as `torch.special.shifted_chebyshev_polynomial_t`.
  public func shiftedChebyshevT(_ n: Tensor) -> Tensor { Op.shiftedChebyshevT.binary(self, n) }
  /// `chebyshevU` of 2x - 1. Same as `torch.special.shifted_chebyshev_polynomial_u`.
  public func shiftedChebyshevU(_ n: Tensor) -> Tensor { Op.shiftedChebyshevU.binary(self, n) }
  /// `chebyshevV` of 2x - 1. Same as `torch.special.shifted_chebyshev_polynomial_v`.
  public func shiftedChebyshevV(_ n: Tensor) -> Tensor { Op.shiftedChebyshevV.binary(self, n) }
  /// `chebyshevW` of 2x - 1. Same as `torch.special.shifted_chebyshev_polynomial_w`.
  public func shiftedChebyshevW(_ n: Tensor) -> Tensor { Op.shiftedChebyshevW.binary(self, n) }
  /// Physicist's Hermite polynomial. Same as `torch.special.hermite_polynomial_h`.
  public func hermiteH(_ n: Tensor) -> Tensor { Op.hermiteH.binary(self, n) }
  /// Probabilist's Hermite polynomial. Same as `torch.special.hermite_polynomial_he`.
  public func hermiteHe(_ n: Tensor) -> Tensor { Op.hermiteHe.binary(self, n) }
  /// Laguerre polynomial. Same as `torch.special.laguerre_polynomial_l`.
  public func laguerreL(_ n: Tensor) -> Tensor { Op.laguerreL.binary(self, n) }
  /// Legendre polynomial. Same as `torch.special.legendre_polynomial_p`.
  public func legendreP(_ n: Tensor) -> Tensor { Op.legendreP.binary(self, n) }
}
