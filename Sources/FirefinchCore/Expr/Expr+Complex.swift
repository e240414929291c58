/// Lowers expressions over complex numbers to pairs of real expressions, which the kernels run: complex tensors are pairs of
/// strided real operands, so no kernel knows complex numbers.
public struct ComplexLowering {
  /// A complex value; `im` is nil for a real one.
  public struct Pair {
    public var re: Expr
    public var im: Expr?

    public init(_ re: Expr, _ im: Expr? = nil) {
      self.re = re
      self.im = im
    }
    /// The imaginary part, 0 for a real value.
    var imaginary: Expr { im ?? 0 }
    var isReal: Bool { im == nil }
  }

  private let inputs: [Pair]
  private let scalars: [Pair]
  private var memo: [ObjectIdentifier: Pair] = [:]

  /// - Parameters:
  ///   - inputs: what each input of the expression is made of.
  ///   - scalars: likewise for the call's numbers.
  public init(inputs: [Pair], scalars: [Pair]) {
    self.inputs = inputs
    self.scalars = scalars
  }

  /// The pair that `expr` becomes, or nil when a primitive in it is not defined for complex numbers (order, rounding, erf …).
  public mutating func lower(_ expr: Expr) -> Pair? {
    let id = ObjectIdentifier(expr.node)
    if let known = memo[id] { return known }
    guard let made = make(expr) else { return nil }
    memo[id] = made
    return made
  }

  private mutating func make(_ expr: Expr) -> Pair? {
    switch expr.node.kind {
    case .input(let index): return inputs[index]
    case .scalar(let slot): return scalars[slot]
    case .literal: return Pair(expr)
    case .cast(let source, let to):
      guard let value = lower(source) else { return nil }
      guard let im = value.im else { return Pair(value.re.cast(to)) }
      if to == .bool { return Pair((value.re .!= 0) | (im .!= 0)) }
      return Pair(value.re.cast(to), im.cast(to))
    case .apply(let primitive, let operands):
      var values: [Pair] = []
      for operand in operands {
        guard let value = lower(operand) else { return nil }
        values.append(value)
      }
      if let rule = ComplexLowering.table[primitive], primitive.isSymbolic || values.contains(where: { !$0.isReal }) {
        return rule(values)
      }
      return values.allSatisfy(\.isReal) ? Pair(Expr(.apply(primitive, values.map(\.re)))) : nil
    }
  }

  /// What each primitive does to pairs, at least one of which is complex (or any, for symbolic primitives).
  private static let table: [Primitive: @Sendable ([Pair]) -> Pair] = [
    .conj: { Pair($0[0].re, $0[0].im.map { -$0 }) },
    .realPart: { Pair($0[0].re) },
    .imagPart: { Pair($0[0].im ?? 0) },
    .timesI: { Pair(-$0[0].imaginary, $0[0].re) },
    .argument: { argument($0[0]) },
    .move: { $0[0] },
    .add: { $0[0] + $0[1] },
    .sub: { $0[0] - $0[1] },
    .mul: { $0[0] * $0[1] },
    .div: { $0[0] / $0[1] },
    .fma: { $0[0] * $0[1] + $0[2] },
    .neg: { -$0[0] },
    .abs: { Pair(modulus($0[0])) },
    .sign: { sign($0[0]) },
    .exp: { exp($0[0]) },
    .exp2: { exp($0[0] * Pair(0.6931471805599453)) },
    .expm1: { expm1($0[0]) },
    .log: { log($0[0]) },
    .log2: { log($0[0]) * Pair(1.4426950408889634) },
    .log10: { log($0[0]) * Pair(0.4342944819032518) },
    .log1p: { log1p($0[0]) },
    .sqrt: { sqrt($0[0]) },
    .rsqrt: { Pair(1) / sqrt($0[0]) },
    .reciprocal: { Pair(1) / $0[0] },
    .pow: { pow($0[0], $0[1]) },
    .sin: { over($0[0], sinh) },
    .cos: { cosh(timesI($0[0])) },
    .tan: { over($0[0], tanh) },
    .asin: { asin($0[0]) },
    .acos: { acos($0[0]) },
    .atan: { over($0[0], atanh) },
    .sinh: { sinh($0[0]) },
    .cosh: { cosh($0[0]) },
    .tanh: { tanh($0[0]) },
    .asinh: { over($0[0], asin) },
    .acosh: { acosh($0[0]) },
    .atanh: { atanh($0[0]) },
    .sigmoid: { Pair(1) / (Pair(1) + exp(-$0[0])) },
    .eq: { Pair(($0[0].re .== $0[1].re) & ($0[0].imaginary .== $0[1].imaginary)) },
    .ne: { Pair(($0[0].re .!= $0[1].re) | ($0[0].imaginary .!= $0[1].imaginary)) },
    .isnan: { Pair($0[0].re.isNaN() | $0[0].imaginary.isNaN()) },
    .isinf: { Pair($0[0].re.isInf() | $0[0].imaginary.isInf()) },
    .and: { Pair(isNonzero($0[0]) & isNonzero($0[1])) },
    .or: { Pair(isNonzero($0[0]) | isNonzero($0[1])) },
    .xor: { Pair(isNonzero($0[0]) ^ isNonzero($0[1])) },
    .not: { Pair(!isNonzero($0[0])) },
    .select: { select($0[0].re, $0[1], $0[2]) },
  ]
}

/// The functions of complex numbers, over real expressions.
extension ComplexLowering {
  private static func isNonzero(_ z: Pair) -> Expr { z.im.map { (z.re .!= 0) | ($0 .!= 0) } ?? (z.re .!= 0) }
  private static func timesI(_ z: Pair) -> Pair { Pair(-z.imaginary, z.re) }
  private static func timesMinusI(_ z: Pair) -> Pair { Pair(z.imaginary, -z.re) }
  /// -i·f(i·z): from a hyperbolic function to the circular one, and back.
  private static func over(_ z: Pair, _ f: (Pair) -> Pair) -> Pair { timesMinusI(f(timesI(z))) }

  private static func select(_ condition: Expr, _ a: Pair, _ b: Pair) -> Pair {
    let re = Expr.select(condition, a.re, b.re)
    if a.isReal && b.isReal { return Pair(re) }
    return Pair(re, Expr.select(condition, a.imaginary, b.imaginary))
  }

  /// |z|; the derivative table knows abs of a complex number, so this is never differentiated.
  private static func modulus(_ z: Pair) -> Expr { z.im.map { Expr.hypot(z.re, $0) } ?? z.re.abs() }

  private static func argument(_ z: Pair) -> Pair {
    if let im = z.im { return Pair(.atan2(im, z.re)) }
    return Pair(.select(z.re.isNaN(), z.re, .select(z.re .< 0, .literal(Double.pi), 0)))
  }

  private static func sign(_ z: Pair) -> Pair {
    let size = modulus(z)
    let isZero = size .== 0
    let safe = Expr.select(isZero, 1, size)
    return Pair(.select(isZero, 0, z.re / safe), .select(isZero, 0, z.imaginary / safe))
  }

  private static func exp(_ z: Pair) -> Pair {
    let size = z.re.exp()
    let im = z.imaginary
    // Infinity on the real axis stays there instead of turning into NaN, and 0 is 0 in every direction.
    let isZero = size .== 0
    return Pair(.select(isZero, 0, size * im.cos()), Expr.select(isZero | (im .== 0), 0, size * im.sin()))
  }

  private static func expm1(_ z: Pair) -> Pair {
    let im = z.imaginary
    let half = (im * 0.5).sin()
    return Pair(z.re.expm1() * im.cos() - half * half * 2, z.re.exp() * im.sin())
  }

  private static func log(_ z: Pair) -> Pair { Pair(modulus(z).log(), .atan2(z.imaginary, z.re)) }

  private static func log1p(_ z: Pair) -> Pair {
    let im = z.imaginary
    // For small z by log1p(2 re + |z|^2) / 2, which keeps the digits that 1 + re would lose.
    let near = (z.re * (z.re + 2) + im * im).log1p() * 0.5
    let far = Expr.hypot(z.re + 1, im).log()
    let isNear = (z.re.abs() .< 0.5) & (im.abs() .< 0.5)
    return Pair(.select(isNear, near, far), .atan2(im, z.re + 1))
  }

  /// The principal root, by the half-angle formula without cancellation.
  private static func sqrt(_ z: Pair) -> Pair {
    let im = z.imaginary
    // Halves first: the modulus of large numbers would overflow.
    let quarter = Expr.hypot(z.re * 0.25, im * 0.25) + z.re.abs() * 0.25
    let t = (quarter * 2).sqrt()
    let isZero = t .== 0
    let other = Expr.select(isZero, 0, im.abs() / Expr.select(isZero, 1, t * 2))
    let right = z.re .>= 0
    let unbounded = im.isInf()
    let re = Expr.select(right, t, other)
    let size = Expr.select(right, other, t)
    return Pair(.select(unbounded, im.abs(), re), .select(unbounded, im, .copysign(size, im)))
  }

  /// z^w = exp(w log z); 0^w is 0, and 1 for w = 0.
  private static func pow(_ z: Pair, _ w: Pair) -> Pair {
    let isZero = (z.re .== 0) & (z.imaginary .== 0)
    let logarithm = log(Pair(.select(isZero, 1, z.re), z.imaginary))
    let power = exp(logarithm * w)
    let one = (w.re .== 0) & (w.imaginary .== 0)
    let ofZero = Expr.select(one, 1, 0)
    return Pair(
      .select(one, 1, .select(isZero, ofZero, power.re)), .select(one | isZero, 0, power.imaginary))
  }

  private static func sinh(_ z: Pair) -> Pair {
    let im = z.imaginary
    return Pair(z.re.sinh() * im.cos(), Expr.select(im .== 0, im, z.re.cosh() * im.sin()))
  }

  private static func cosh(_ z: Pair) -> Pair {
    let im = z.imaginary
    return Pair(z.re.cosh() * im.cos(), Expr.select((im .== 0) | (z.re .== 0), 0, z.re.sinh() * im.sin()))
  }

  /// By tanh(x) and tan(y), which stay finite where sinh and cosh do not.
  private static func tanh(_ z: Pair) -> Pair {
    let s = z.re.tanh()
    let t = z.imaginary.tan()
    let c = z.re.cosh()
    let narrow = (c * c).reciprocal()
    let t2 = t * t
    let den = s * s * t2 + 1
    // Far out it is 1 or -1 in every direction.
    let isFar = narrow .== 0
    return Pair(.select(isFar, s, s * (t2 + 1) / den), .select(isFar, 0, t * narrow / den))
  }

  /// Kahan, "Branch cuts for complex elementary functions" (1987).
  private static func asin(_ z: Pair) -> Pair {
    let below = sqrt(Pair(1 - z.re, -z.imaginary))
    let above = sqrt(Pair(1 + z.re, z.imaginary))
    let re = Expr.atan2(z.re, (below * above).re)
    let im = (Pair(below.re, -below.imaginary) * above).imaginary.asinh()
    return Pair(re, im)
  }

  private static func acos(_ z: Pair) -> Pair {
    let below = sqrt(Pair(1 - z.re, -z.imaginary))
    let above = sqrt(Pair(1 + z.re, z.imaginary))
    let re = Expr.atan2(below.re, above.re) * 2
    let im = (Pair(above.re, -above.imaginary) * below).imaginary.asinh()
    return Pair(re, im)
  }

  private static func acosh(_ z: Pair) -> Pair {
    let below = sqrt(Pair(z.re - 1, z.imaginary))
    let above = sqrt(Pair(z.re + 1, z.imaginary))
    let re = (Pair(below.re, -below.imaginary) * above).re.asinh()
    let im = Expr.atan2(below.imaginary, above.re) * 2
    return Pair(re, im)
  }

  private static func atanh(_ z: Pair) -> Pair {
    let im = z.imaginary
    let square = im * im
    // Of the size of x, where log1p does not cancel.
    let size = z.re.abs()
    let far = (1 - size) * (1 - size) + square
    let re = Expr.copysign((size * 4 / far).log1p() * 0.25, z.re)
    let turn = Expr.atan2(im * 2, (1 - z.re) * (1 + z.re) - square) * 0.5
    let unbounded = z.re.isInf() | im.isInf()
    let quarter = Expr.copysign(.literal(Double.pi / 2), im)
    return Pair(.select(unbounded, 0, re), .select(unbounded, quarter, turn))
  }
}

extension ComplexLowering.Pair {
  static func + (a: Self, b: Self) -> Self {
    if a.isReal && b.isReal { return Self(a.re + b.re) }
    return Self(a.re + b.re, a.imaginary + b.imaginary)
  }
  static func - (a: Self, b: Self) -> Self {
    if a.isReal && b.isReal { return Self(a.re - b.re) }
    return Self(a.re - b.re, a.imaginary - b.imaginary)
  }
  static prefix func - (a: Self) -> Self { Self(-a.re, a.im.map { -$0 }) }

  static func * (a: Self, b: Self) -> Self {
    guard let x = a.im else { return Self(a.re * b.re, b.im.map { a.re * $0 }) }
    guard let y = b.im else { return Self(a.re * b.re, x * b.re) }
    return Self(a.re * b.re - x * y, a.re * y + x * b.re)
  }

  /// Smith's method: the divisor's larger part is divided by first, so that squares do not overflow.
  static func / (a: Self, b: Self) -> Self {
    guard let d = b.im else { return Self(a.re / b.re, a.im.map { $0 / b.re }) }
    let byReal = b.re.abs() .>= d.abs()
    let large = Expr.select(byReal, b.re, d)
    let small = Expr.select(byReal, d, b.re)
    let ratio = Expr.select(large .== 0, 0, small / large)
    let den = large + small * ratio
    let x = a.imaginary
    let first = Expr.select(byReal, a.re, x)
    let second = Expr.select(byReal, x, a.re)
    let re = (first + second * ratio) / den
    let cross = second - first * ratio
    return Self(re, Expr.select(byReal, cross, -cross) / den)
  }
}

/// Symbolic differentiation over complex numbers, PyTorch's convention: the gradient of a real loss with respect to the
/// conjugate, so that a holomorphic f gives `grad · conj(f'(x))`.
extension Expr {
  /// The complex conjugate; a real value itself.
  public func conj() -> Expr { .apply(.conj, self) }
  /// The real part.
  public func realPart() -> Expr { .apply(.realPart, self) }
  /// The imaginary part; 0 of a real value.
  public func imagPart() -> Expr { .apply(.imagPart, self) }
  /// The product with the imaginary unit.
  public func timesI() -> Expr { .apply(.timesI, self) }
  /// The angle in the complex plane; pi for a negative real value.
  public func argument() -> Expr { .apply(.argument, self) }

  /// The real form of a symbolic primitive.
  static func realForm(_ primitive: Primitive, _ x: Expr) -> Expr {
    var lowering = ComplexLowering(inputs: [ComplexLowering.Pair(.input(0))], scalars: [])
    let form = lowering.lower(.apply(primitive, .input(0)))?.re ?? x
    return form.substituting { _ in x }
  }

  /// Gradients of the operands of one primitive over complex numbers.
  static func complexPartials(_ primitive: Primitive, _ x: [Expr], result y: Expr, _ g: Expr) -> [Expr?] {
    if let rule = complexTable[primitive] { return rule(x, y, g) }
    // Holomorphic: conj(P(x, y, conj g)), P being the rule over real numbers.
    return partials(primitive, x, result: y, g.conj()).map { $0?.conj() }
  }

  private static let complexTable: [Primitive: @Sendable (_ x: [Expr], _ y: Expr, _ g: Expr) -> [Expr?]] = [
    .move: { x, y, g in [g] },
    .add: { x, y, g in [g, g] },
    .sub: { x, y, g in [g, -g] },
    .neg: { x, y, g in [-g] },
    .select: { x, y, g in [nil, select(x[0], g, 0), select(x[0], 0, g)] },
    .conj: { x, y, g in [g.conj()] },
    .realPart: { x, y, g in [g.realPart()] },
    .imagPart: { x, y, g in [g.realPart().timesI()] },
    .timesI: { x, y, g in [-g.timesI()] },
    .argument: { x, y, g in
      let size = x[0].abs()
      let isZero = size .== 0
      let safe = select(isZero, 1, size)
      return [select(isZero, 0, (g.realPart() / safe) * (x[0] / safe).timesI())]
    },
    .abs: { x, y, g in [g.realPart() * x[0].sign()] },
    // Two roots: the root of x² - 1 has another branch left of the imaginary axis.
    .acosh: { x, y, g in [g * ((x[0] - 1).rsqrt() * (x[0] + 1).rsqrt()).conj()] },
    .sign: { x, y, g in
      let size = x[0].abs()
      let isZero = size .== 0
      let along = (g * y.conj()).realPart() * y
      return [select(isZero, 0, (g - along) / select(isZero, 1, size))]
    },
    .pow: { x, y, g in
      let base = select(x[1] .== 0, 0, g * (x[1] * pow(x[0], x[1] - 1)).conj())
      let isZero = x[0] .== 0
      return [base, select(isZero, 0, g * (y * select(isZero, 1, x[0]).log()).conj())]
    },
  ]
}
