/// Every op record, by name. A test scans `Ops/` for records that are missing here.
public enum OpCatalog {
  /// All records.
  public static let all: [Op] = pointwise + reductions + views + linear + neural + indexing + sorting + complex + special + fourier + linalg

  /// The records that run here: those of linear algebra need LAPACK.
  public static var available: [Op] { Lapack.isAvailable ? all : all.filter { op in !linalg.contains { $0 === op } } }

  static let pointwise: [Op] = [
    .relu, .silu, .mish, .relu6, .hardsigmoid, .hardswish, .logSigmoid, .softsign, .tanhshrink, .selu, .gelu,
    .leakyRelu, .elu, .celu, .softplusOp, .hardtanh, .hardshrink, .softshrink, .threshold, .prelu, .add, .sub,
    .rsub, .mul, .div, .divMode, .remainder, .fmod, .pow, .neg, .eq, .ne, .lt, .le, .gt, .ge, .logicalAnd,
    .logicalOr, .logicalXor, .logicalNot, .isnan, .isinf, .isfinite, .signbit, .bitwiseAnd, .bitwiseOr,
    .bitwiseXor, .leftShift, .rightShift, .bitwiseNot, .where, .maximum, .minimum, .fmax, .fmin, .clamp, .lerp,
    .addcmul, .addcdiv, .atan2, .hypot, .copysign, .nextafter, .xlogy, .nanToNum, .exp, .exp2, .expm1, .log, .log2,
    .log10, .log1p, .sqrt, .rsqrt, .reciprocal, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .asinh,
    .acosh, .atanh, .erf, .erfc, .erfinv, .lgamma, .digamma, .sigmoid, .abs, .sign, .square, .floor, .ceil,
    .round, .trunc, .frac,
  ]
  static let reductions: [Op] = [
    .amax, .amin, .argmax, .argmin, .any, .all, .sum, .mean, .prod, .variance, .vectorNorm, .logsumexp, .cumsum,
    .cumprod, .logcumsumexp, .cummax, .cummin, .linearScan,
  ]
  static let views: [Op] = [
    .cat, .clone, .contiguous, .toCopy, .copy, .fill, .constantPad, .view, .viewDType, .expand, .permute, .transpose,
    .unsqueeze, .squeeze, .select, .slice, .flip, .diagonal, .unfold, .asStrided, .alias, .unbind, .splitWithSizes, .roll,
    .tril, .triu,
  ]
  static let linear: [Op] = [
    .mm, .intMM, .bmm, .addmm, .linear,
  ]
  static let neural: [Op] = [
    .convolution, .convolutionBackwardInput, .convolutionBackwardWeight, .crossEntropyRows, .mseLoss, .recurrentLayer, .batchNorm, .layerNorm, .groupNorm, .rmsNorm,
    .maxPool, .maxPoolBackward, .avgPool, .avgPoolBackward, .adaptiveAvgPool, .adaptiveAvgPoolBackward,
    .adaptiveMaxPool, .resample, .resampleBytes, .maxUnpool, .maxUnpoolBackward, .ctcLoss, .softmax, .logSoftmax, .attention,
  ]
  static let indexing: [Op] = [
    .gather, .scatter, .scatterAdd, .indexSelect, .indexAdd, .index, .indexPut, .maskedFill, .maskedFillTensor, .scatterReduce,
  ]
  static let sorting: [Op] = [
    .sort, .topk,
  ]
  static let fourier: [Op] = [
    .fftC2C, .fftR2C, .fftC2R,
  ]
  static let complex: [Op] = [
    .complex, .viewAsReal, .viewAsComplex, .conj, .angle,
  ]
  static let special: [Op] = [
    .sgn, .sinc, .deg2rad, .rad2deg, .isPosInf, .isNegInf, .isReal, .heaviside, .logaddexp, .logaddexp2, .gcd, .lcm,
    .logit, .frexp, .i0, .i0e, .i1, .i1e, .besselJ0, .besselJ1, .besselY0, .besselY1, .modifiedBesselI0,
    .modifiedBesselI1, .modifiedBesselK0, .modifiedBesselK1, .scaledModifiedBesselK0, .scaledModifiedBesselK1,
    .sphericalBesselJ0, .airyAi, .erfcx, .ndtr, .ndtri, .logNdtr, .entr, .zeta, .polygamma, .igamma, .igammac, .xlog1py,
    .chebyshevT, .chebyshevU, .chebyshevV, .chebyshevW, .shiftedChebyshevT, .shiftedChebyshevU, .shiftedChebyshevV,
    .shiftedChebyshevW, .hermiteH, .hermiteHe, .laguerreL, .legendreP,
  ]
  /// Those that need LAPACK.
  package static let linalg: [Op] = [
    .choleskyEx, .choleskySolve, .solveTriangular, .luFactorEx, .geqrf, .householderProduct, .ormqr, .qr, .eigh, .eig, .svd, .solveEx, .det,
    .slogdet, .lstsq, .pinv, .ldlFactorEx, .ldlSolve,
  ]
}
