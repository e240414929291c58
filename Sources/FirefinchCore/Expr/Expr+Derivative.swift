/// Symbolic reverse-mode differentiation of expressions: one table over the primitives serves every pointwise operation,
/// and, because a derivative is again an expression, every order.
extension Expr {
  /// Gradients of `self` with respect to inputs `0..<inputs`, for the gradient `grad` of the result. nil where the result
  /// does not depend smoothly on the input (comparisons, rounding, selection conditions).
  ///
  /// `complex` follows the rules over complex numbers, where gradients are conjugated.
  public func gradients(inputs: Int, grad: Expr, complex: Bool = false) -> [Expr?] {
    var adjoint: [ObjectIdentifier: Expr] = [ObjectIdentifier(node): grad]
    var result = [Expr?](repeating: nil, count: inputs)
    for expr in postOrder().reversed() {
      guard let g = adjoint[ObjectIdentifier(expr.node)] else { continue }
      switch expr.node.kind {
      case .input(let index):
        if index < inputs { result[index] = result[index].map { $0 + g } ?? g }
      case .scalar, .literal: break
      case .cast(let source, let to):
        // Through bool or integer values nothing flows.
        if to == .float32 || to == .float64 { add(g, to: source, &adjoint) }
      case .apply(let primitive, let operands):
        let partials =
          complex
          ? Expr.complexPartials(primitive, operands, result: expr, g)
          : Expr.partials(primitive, operands, result: expr, g)
        for (operand, partial) in zip(operands, partials) {
          if let partial { add(partial, to: operand, &adjoint) }
        }
      }
    }
    return result
  }

  private func add(_ g: Expr, to expr: Expr, _ adjoint: inout [ObjectIdentifier: Expr]) {
    if expr.literalValue != nil { return }
    let id = ObjectIdentifier(expr.node)
    adjoint[id] = adjoint[id].map { $0 + g } ?? g
  }

  /// Every sub-expression once, operands before users.
  func postOrder() -> [Expr] {
    var order: [Expr] = []
    var seen: Set<ObjectIdentifier> = []
    func visit(_ expr: Expr) {
      if !seen.insert(ObjectIdentifier(expr.node)).inserted { return }
      switch expr.node.kind {
      case .apply(_, let operands): operands.forEach(visit)
      case .cast(let source, _): visit(source)
      default: break
      }
      order.append(expr)
    }
    visit(self)
    return order
  }

  /// The indices of the inputs that the expression reads.
  public var inputsUsed: Set<Int> {
    Set(
      postOrder().compactMap {
        if case .input(let index) = $0.node.kind { return index }
        return nil
      })
  }

  /// The expression with inputs replaced.
  public func substituting(_ replace: (Int) -> Expr?) -> Expr {
    var memo: [ObjectIdentifier: Expr] = [:]
    for expr in postOrder() {
      let id = ObjectIdentifier(expr.node)
      switch expr.node.kind {
      case .input(let index): memo[id] = replace(index) ?? expr
      case .scalar, .literal: memo[id] = expr
      case .cast(let source, let to): memo[id] = memo[ObjectIdentifier(source.node)]!.cast(to)
      case .apply(let primitive, let operands):
        memo[id] = Expr(.apply(primitive, operands.map { memo[ObjectIdentifier($0.node)]! }))
      }
    }
    return memo[ObjectIdentifier(node)]!
  }

  /// The expression with the call's numbers replaced by known ones.
  public func substituting(scalars: [Double]) -> Expr {
    var memo: [ObjectIdentifier: Expr] = [:]
    for expr in postOrder() {
      let id = ObjectIdentifier(expr.node)
      switch expr.node.kind {
      case .scalar(let index): memo[id] = .literal(scalars[index])
      case .input, .literal: memo[id] = expr
      case .cast(let source, let to): memo[id] = memo[ObjectIdentifier(source.node)]!.cast(to)
      case .apply(let primitive, let operands):
        let o = operands.map { memo[ObjectIdentifier($0.node)]! }
        switch primitive {
        case .add: memo[id] = o[0] + o[1]
        case .sub: memo[id] = o[0] - o[1]
        case .mul: memo[id] = o[0] * o[1]
        case .pow: memo[id] = Expr.pow(o[0], o[1])
        default: memo[id] = Expr(.apply(primitive, o))
        }
      }
    }
    return memo[ObjectIdentifier(node)]!
  }

  private static let table: [Primitive: @Sendable (_ x: [Expr], _ y: Expr, _ g: Expr) -> [Expr?]] = [
    .move: { x, y, g in [g] },
    .add: { x, y, g in [g, g] },
    .sub: { x, y, g in [g, -g] },
    .mul: { x, y, g in [g * x[1], g * x[0]] },
    .div: { x, y, g in [g / x[1], -g * (x[0] / x[1]) / x[1]] },
    .fma: { x, y, g in [g * x[1], g * x[0], g] },
    .neg: { x, y, g in [-g] },
    .abs: { x, y, g in [g * x[0].sign()] },
    // With a NaN neither is the smaller one, and both get the gradient.
    .min: { x, y, g in
      [
        select(x[0] .== x[1], g * 0.5, select(x[0] .> x[1], 0, g)),
        select(x[0] .== x[1], g * 0.5, select(x[1] .> x[0], 0, g)),
      ]
    },
    .max: { x, y, g in
      [
        select(x[0] .== x[1], g * 0.5, select(x[0] .< x[1], 0, g)),
        select(x[0] .== x[1], g * 0.5, select(x[1] .< x[0], 0, g)),
      ]
    },
    .fmin: { x, y, g in
      let first = (x[0] .<= x[1]) | x[1].isNaN()
      return [select(first, g, 0), select(first, 0, g)]
    },
    .fmax: { x, y, g in
      let first = (x[0] .>= x[1]) | x[1].isNaN()
      return [select(first, g, 0), select(first, 0, g)]
    },
    .remainder: { x, y, g in [g, -g * floorDivide(x[0], x[1])] },
    .fmod: { x, y, g in [g, -g * truncDivide(x[0], x[1])] },
    .pow: { x, y, g in
      let base = select(x[1] .== 0, 0, g * x[1] * pow(x[0], x[1] - 1))
      let zero = (x[0] .== 0) & (x[1] .>= 0)
      return [base, g * select(zero, 0, y * x[0].log())]
    },
    .atan2: { x, y, g in
      let square = x[0].square() + x[1].square()
      return [g * x[1] / square, -g * x[0] / square]
    },
    .hypot: { x, y, g in [g * x[0] / y, g * x[1] / y] },
    .copysign: { x, y, g in [select(x[0] .== 0, 0, g * (y / x[0])), nil] },
    .exp: { x, y, g in [g * y] },
    .exp2: { x, y, g in [g * y * 0.6931471805599453] },
    .expm1: { x, y, g in [g * (y + 1)] },
    .log: { x, y, g in [g / x[0]] },
    .log2: { x, y, g in [g / (x[0] * 0.6931471805599453)] },
    .log10: { x, y, g in [g / (x[0] * 2.302585092994046)] },
    .log1p: { x, y, g in [g / (x[0] + 1)] },
    .sqrt: { x, y, g in [g / (y * 2)] },
    .rsqrt: { x, y, g in [g * -0.5 * y * y * y] },
    .reciprocal: { x, y, g in [-g * y * y] },
    .sin: { x, y, g in [g * x[0].cos()] },
    .cos: { x, y, g in [-g * x[0].sin()] },
    .tan: { x, y, g in [g * (y.square() + 1)] },
    .asin: { x, y, g in [g * (1 - x[0].square()).rsqrt()] },
    .acos: { x, y, g in [-g * (1 - x[0].square()).rsqrt()] },
    .atan: { x, y, g in [g / (x[0].square() + 1)] },
    .sinh: { x, y, g in [g * x[0].cosh()] },
    .cosh: { x, y, g in [g * x[0].sinh()] },
    .tanh: { x, y, g in [g * (1 - y.square())] },
    .asinh: { x, y, g in [g * (x[0].square() + 1).rsqrt()] },
    .acosh: { x, y, g in [g * (x[0].square() - 1).rsqrt()] },
    .atanh: { x, y, g in [g / (1 - x[0].square())] },
    .erf: { x, y, g in [g * 1.1283791670955126 * (-x[0].square()).exp()] },
    .erfc: { x, y, g in [g * -1.1283791670955126 * (-x[0].square()).exp()] },
    .erfinv: { x, y, g in [g * 0.886226925452758 * y.square().exp()] },
    .lgamma: { x, y, g in [g * x[0].digamma()] },
    .digamma: { x, y, g in [g * x[0].trigamma()] },
    .sigmoid: { x, y, g in [g * y * (1 - y)] },
    .i0: { x, y, g in [g * special(.i1, x[0])] },
    .i0e: { x, y, g in [g * (special(.i1e, x[0]) - x[0].sign() * y)] },
    .i1: { x, y, g in
      let isZero = x[0] .== 0
      return [g * select(isZero, 0.5, special(.i0, x[0]) - y / select(isZero, 1, x[0]))]
    },
    .i1e: { x, y, g in
      let isZero = x[0] .== 0
      let safe = select(isZero, 1, x[0])
      return [g * select(isZero, 0.5, special(.i0e, x[0]) - y * (x[0].sign() + safe.reciprocal()))]
    },
    .erfcx: { x, y, g in [g * (2 * x[0] * y - 1.1283791670955126)] },
    .ndtri: { x, y, g in [g * 2.5066282746310002 * (y.square() * 0.5).exp()] },
    .logNdtr: { x, y, g in
      [g * 0.7978845608028654 / special(.erfcx, x[0] * -0.7071067811865476)]
    },
    .zeta: { x, y, g in [nil, -g * x[0] * special(.zeta, x[0] + 1, x[1])] },
    .polygamma: { x, y, g in [nil, g * special(.polygamma, x[0] + 1, x[1])] },
    .igamma: { x, y, g in [nil, g * ((x[0] - 1) * x[1].log() - x[1] - x[0].lgamma()).exp()] },
    .igammac: { x, y, g in [nil, -g * ((x[0] - 1) * x[1].log() - x[1] - x[0].lgamma()).exp()] },
    .floor: { x, y, g in [nil] },
    .conj: { x, y, g in [g] },
    .realPart: { x, y, g in [g] },
    .imagPart: { x, y, g in [nil] },
    .argument: { x, y, g in [nil] },
    .select: { x, y, g in [nil, select(x[0], g, 0), select(x[0], 0, g)] },
  ]

  /// Gradients of one primitive's operands. Primitives missing from the table are flat almost everywhere.
  static func partials(_ primitive: Primitive, _ x: [Expr], result y: Expr, _ g: Expr) -> [Expr?] {
    table[primitive]?(x, y, g) ?? [Expr?](repeating: nil, count: x.count)
  }
}
