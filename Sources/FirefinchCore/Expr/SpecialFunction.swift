/// Functions that have a scalar kernel rather than a vector one. Names as in `torch.special`.
public enum SpecialFunction: Sendable {
  case i0, i0e, i1, i1e
  case besselJ0, besselJ1, besselY0, besselY1
  case modifiedBesselK0, modifiedBesselK1, scaledModifiedBesselK0, scaledModifiedBesselK1
  case sphericalBesselJ0, airyAi, erfcx, ndtri, logNdtr
  /// Of (s, q): Hurwitz zeta. Of (n, x): polygamma. Of (a, x): the regularised incomplete gamma functions.
  case zeta, polygamma, igamma, igammac
  /// Of (x, n): orthogonal polynomials.
  case chebyshevT, chebyshevU, chebyshevV, chebyshevW, hermiteH, hermiteHe, laguerreL, legendreP
  /// Of two integers.
  case gcd, lcm

  var primitive: Primitive {
    switch self {
    case .i0: .i0
    case .i0e: .i0e
    case .i1: .i1
    case .i1e: .i1e
    case .besselJ0: .besselJ0
    case .besselJ1: .besselJ1
    case .besselY0: .besselY0
    case .besselY1: .besselY1
    case .modifiedBesselK0: .modifiedBesselK0
    case .modifiedBesselK1: .modifiedBesselK1
    case .scaledModifiedBesselK0: .scaledModifiedBesselK0
    case .scaledModifiedBesselK1: .scaledModifiedBesselK1
    case .sphericalBesselJ0: .sphericalBesselJ0
    case .airyAi: .airyAi
    case .erfcx: .erfcx
    case .ndtri: .ndtri
    case .logNdtr: .logNdtr
    case .zeta: .zeta
    case .polygamma: .polygamma
    case .igamma: .igamma
    case .igammac: .igammac
    case .chebyshevT: .chebyshevT
    case .chebyshevU: .chebyshevU
    case .chebyshevV: .chebyshevV
    case .chebyshevW: .chebyshevW
    case .hermiteH: .hermiteH
    case .hermiteHe: .hermiteHe
    case .laguerreL: .laguerreL
    case .legendreP: .legendreP
    case .gcd: .gcd
    case .lcm: .lcm
    }
  }
}
