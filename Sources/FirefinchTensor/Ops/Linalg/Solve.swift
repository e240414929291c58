import CFirefinch
import FirefinchCore

private func sampleMatrix() -> Tensor { Tensor([[0.5, 2.0, -1.0], [3.0, 0.25, 1.5], [-1.0, 1.0, 2.5]], dtype: .float64) }
private func columns() -> Tensor { Tensor([[0.5, -1.0], [1.5, 0.25], [0.75, 2.0]], dtype: .float64) }

extension Op {
  /// X of A X = B, the LU factors it took, and LAPACK's info; both have the same batch dims.
  static let solveEx: Op = .structured(
    "_linalg_solve_ex(Tensor A, Tensor B) -> (Tensor, Tensor, Tensor, Tensor)", saves: Saves(inputs: [0], outputs: [0, 1, 2]),
    differentiableResults: 1, complex: .native,
    plan: { call in
      let (a, b) = (call.tensor(0), call.tensor(1))
      try Lapack.checkDType(a, "linalg.solve")
      return [
        TensorSpec(b.shape, b.dtype), TensorSpec(a.shape, a.dtype), TensorSpec(Shape(a.batch + [a.size(-1)]), .int32),
        TensorSpec(Shape(a.batch), .int32),
      ]
    },
    forward: { call, results in
      let lu = ColumnMajor(call.tensor(0)), b = ColumnMajor(call.tensor(1))
      let pivots = LapackVector(call.tensor(0).batch, lu.rows, .int32)
      results[3].fillData(.int(0))
      if lu.rows > 0 {
        try Lapack.each(lu.count, "linalg.solve", info: results[3]) {
          let info = ff_lapack_getrf(lu.type, Int32(lu.rows), Int32(lu.rows), lu[$0], pivots.integers($0))
          if info < 0 || b.columns == 0 { return info }
          let n = Int32(lu.rows)
          let further = ff_lapack_getrs(lu.type, Lapack.letter("N"), n, Int32(b.columns), lu[$0], pivots.integers($0), b[$0])
          return info != 0 ? info : further
        }
      }
      results[0].copyData(from: b.tensor)
      results[1].copyData(from: lu.tensor)
      results[2].copyData(from: pivots.tensor)
    },
    derivative: { c in
      // The factors serve again, unless the derivative is to be differentiated.
      let gradient =
        GradMode.isEnabled
        ? Linalg.solveEx(c.input(0).mH, c.grad()).result
        : Linalg.luSolve(c.output(1), c.output(2), c.grad(), adjoint: true)
      return [c.needs(0) ? -gradient.matmul(c.output(0).mH) : nil, gradient]
    },
    samples: { [Sample(.tensor(sampleMatrix()), .tensor(columns()))] })

  /// The determinant with the LU factors it took.
  static let det: Op = .structured(
    "_linalg_det(Tensor A) -> Tensor", saves: Saves(inputs: [0], outputs: [0]), complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkSquare(a, "linalg.det")
      return [TensorSpec(Shape(a.batch), a.dtype)]
    },
    forward: { call, results in
      try withNoGrad {
        let factors = try Op.luFactorEx.call([.tensor(call.tensor(0).detach())])
        let parity = Linalg.parity(factors[1], dtype: results[0].dtype)
        results[0].copyData(from: factors[0].diagonals.prod(dim: -1) * parity)
      }
    },
    derivative: { c in
      let (a, det) = (c.input(0), c.output(0))
      let isSingular = withNoGrad { (det.detach() .== 0).any().item().doubleValue != 0 }
      if !isSingular {
        let scale = (c.grad() * det.conj()).unsqueeze(dim: -1).unsqueeze(dim: -1)
        return [Linalg.solveEx(a.mH, a.detach().identities).result * scale]
      }
      // The adjugate from singular values, each product without one of them: right for singular matrices, too.
      let (u, s, vh) = Linalg.svd(a, fullMatrices: false)
      let n = s.size(-1)
      let others = Tensor.stack(
        (0..<n).map { i in
          let rest = Tensor.cat([s.narrow(dim: -1, start: 0, length: i), s.narrow(dim: -1, start: i + 1, length: n - i - 1)], dim: -1)
          return rest.prod(dim: -1)
        }, dim: -1)
      let turn = (Linalg.det(u) * Linalg.det(vh)).conj() * c.grad()
      let middle = (others.to(a.dtype) * turn.unsqueeze(dim: -1)).unsqueeze(dim: -2)
      return [(u * middle).matmul(vh)]
    },
    samples: {
      [
        Sample(.tensor(sampleMatrix())),
        // Rank 2: first order only.
        Sample(error: "linalg.det", "square", arguments: [.tensor(columns())]),
      ]
    })

  /// The determinant's sign and the logarithm of its magnitude.
  static let slogdet: Op = .structured(
    "_linalg_slogdet(Tensor A) -> (Tensor, Tensor)", saves: Saves(inputs: [0], outputs: [0]), complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkSquare(a, "linalg.slogdet")
      return [TensorSpec(Shape(a.batch), a.dtype), TensorSpec(Shape(a.batch), a.dtype.realType)]
    },
    forward: { call, results in
      try withNoGrad {
        let factors = try Op.luFactorEx.call([.tensor(call.tensor(0).detach())])
        let diagonal = factors[0].diagonals
        results[0].copyData(from: diagonal.sgn().prod(dim: -1) * Linalg.parity(factors[1], dtype: results[0].dtype))
        results[1].copyData(from: diagonal.abs().log().sum(dim: -1))
      }
    },
    derivative: { c in
      let (a, sign) = (c.input(0), c.output(0))
      var scale = c.grad(1).to(a.dtype)
      if a.dtype.isComplex, let gsign = c.optionalGrad(0) {
        let turn = (gsign.conj() * sign).imag
        scale = scale - Tensor.complex(turn.zerosLike(), turn)
      }
      return [Linalg.solveEx(a.mH, a.detach().identities).result * scale.unsqueeze(dim: -1).unsqueeze(dim: -1)]
    },
    samples: {
      [Sample(.tensor(sampleMatrix())), Sample(error: "linalg.slogdet", "square", arguments: [.tensor(columns())])]
    })

  /// Least squares by one of LAPACK's drivers: solution (max(m, n) rows), rank, singular values.
  static let lstsq: Op = .structured(
    "_linalg_lstsq(Tensor self, Tensor b, float rcond, str driver) -> (Tensor, Tensor, Tensor)", saves: Saves(inputs: [0, 1], outputs: [0]),
    differentiableResults: 1, complex: .native,
    plan: { call in
      let (a, b) = (call.tensor(0), call.tensor(1))
      try Lapack.checkDType(a, "linalg.lstsq")
      let (m, n) = (a.size(-2), a.size(-1))
      return [
        TensorSpec(Shape(a.batch + [max(m, n), b.size(-1)]), a.dtype), TensorSpec(Shape(a.batch), .int64),
        TensorSpec(Shape(a.batch + [min(m, n)]), a.dtype.realType),
      ]
    },
    forward: { call, results in
      let (m, n, k) = (call.tensor(0).size(-2), call.tensor(0).size(-1), call.tensor(1).size(-1))
      let a = ColumnMajor(call.tensor(0)), b = ColumnMajor(call.tensor(1), rows: max(m, n))
      let s = LapackVector(call.tensor(0).batch, min(m, n), results[2].dtype)
      let ranks = Tensor.zeros([a.count], dtype: .int32), info = Tensor.zeros([a.count], dtype: .int32)
      let driver = Linalg.Driver(rawValue: call.string(3))!
      if m > 0 && n > 0 && k > 0 {
        try Lapack.each(a.count, "linalg.lstsq", info: info) {
          ff_lapack_lstsq(
            a.type, driver.code, Int32(m), Int32(n), Int32(k), a[$0], b[$0], call.double(2), s[$0],
            ranks.pointer(Int32.self) + $0)
        }
      }
      try Lapack.checkInfo(info, "linalg.lstsq") {
        "the least squares solution could not be computed (code \($0)); the matrix may not have full rank: try another driver"
      }
      results[0].copyData(from: b.tensor)
      withNoGrad { results[1].copyData(from: ranks.reshape(results[1].shape)) }
      results[2].copyData(from: s.tensor)
    },
    derivative: { c in
      let a = c.input(0), n = a.size(-1)
      let inverse = Linalg.pinv(a)
      let g = c.grad().narrow(dim: -2, start: 0, length: n)
      let ga = c.needs(0) ? Linalg.pinvGradient(g.matmul(c.input(1).mH), inverse, a) : nil
      return [ga, inverse.mH.matmul(g)]
    },
    samples: {
      [Sample(.tensor(sampleMatrix().narrow(dim: 1, start: 0, length: 2)), .tensor(columns()), .double(1e-12), .string("gelsd"), gradient: false)]
    })

  /// Moore and Penrose's inverse; singular values up to max(atol, rtol * largest) count as 0.
  static let pinv: Op = .structured(
    "_linalg_pinv(Tensor self, Tensor atol, Tensor rtol, bool hermitian) -> Tensor", saves: Saves(inputs: [0], outputs: [0]),
    complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkDType(a, "linalg.pinv")
      try Lapack.checkMatrix(a, "linalg.pinv")
      return [TensorSpec(Shape(a.batch + [a.size(-1), a.size(-2)]), a.dtype)]
    },
    forward: { call, results in
      try withNoGrad {
        let a = call.tensor(0).detach()
        if a.elementCount == 0 { return results[0].fillData(.int(0)) }
        var left: Tensor, right: Tensor, values: Tensor
        if call.bool(3) {
          let r = try Op.eigh.call([.tensor(a), .string("L"), .bool(true)])
          (left, values, right) = (r[1], r[0], r[1].mH)
        } else {
          let r = try Op.svd.call([.tensor(a), .bool(false), .bool(true)])
          (left, values, right) = (r[0], r[1], r[2])
        }
        let size = values.abs()
        let largest = size.amax(dim: [-1], keepDim: true)
        let limit = (call.tensor(2).unsqueeze(dim: -1) * largest).maximum(call.tensor(1).unsqueeze(dim: -1))
        let inverse = Tensor.where(size .> limit, 1 / values, 0).to(a.dtype).unsqueeze(dim: -2)
        results[0].copyData(from: (right.mH * inverse).matmul(left.mH))
      }
    },
    derivative: { c in [Linalg.pinvGradient(c.grad(), c.output(0), c.input(0)), nil, nil] },
    samples: {
      let zero = Tensor([0.0], dtype: .float64).squeeze(dim: 0)
      return [
        Sample(.tensor(columns()), .tensor(zero), .tensor(zero + 1e-15), .bool(false), gradient: false),
        Sample(error: "linalg.pinv", "2 dims", arguments: [.tensor(Tensor([1.0])), .tensor(zero), .tensor(zero), .bool(false)]),
      ]
    })
}

extension Linalg {
  // MARK: Solving

  /// Whether b is a vector for each matrix of a, as PyTorch decides it.
  private static func isVector(_ a: Tensor, _ b: Tensor) -> Bool {
    b.rank == 1 || (a.rank - 1 == b.rank && b.shape.array == Array(a.shape.array.dropLast()))
  }

  /// X with A X = B (X A = B unless `left`) for square A (…, n, n) and B (…, n, k) or a vector (…, n); batch dims broadcast. A
  /// singular matrix is a mistake. Same as `torch.linalg.solve`.
  public static func solve(_ a: Tensor, _ b: Tensor, left: Bool = true) -> Tensor {
    ErrorScope.guarding {
      let (x, info) = solveEx(a, b, left: left)
      try Lapack.checkInfo(info, "linalg.solve") { _ in "the matrix is singular, so there is no unique solution" }
      return x
    }
  }

  /// As `solve`, with LAPACK's info instead of an error. Same as `torch.linalg.solve_ex`.
  public static func solveEx(_ a: Tensor, _ b: Tensor, left: Bool = true) -> (result: Tensor, info: Tensor) {
    let results = ErrorScope.guarding(2) {
      let op = "linalg.solve"
      if a.isPoisoned || b.isPoisoned { return [ErrorScope.poison(), ErrorScope.poison()] }
      try Lapack.checkSquare(a, op)
      try Lapack.checkSameDType(a, b, op)
      if b.rank == 0 { throw TensorError.shape("\(op): B must have at least 1 dim, got a number") }
      let vector = isVector(a, b)
      if vector && !left { throw TensorError.shape("\(op): with left=False B must be a matrix, got shape \(b.shape)") }
      let matrix = vector ? b.unsqueeze(dim: -1) : b
      if a.size(-1) != matrix.size(left ? -2 : -1) {
        throw TensorError.shape("\(op): shapes \(a.shape) and \(b.shape) do not fit \(left ? "A X = B" : "X A = B")")
      }
      let batch = try Layout.broadcast(Shape(a.batch), Shape(matrix.batch), op: op).array
      let (wideA, wideB) = (a.batchExpanded(batch), matrix.batchExpanded(batch))
      let r = try Op.solveEx.call([.tensor(left ? wideA : wideA.mT), .tensor(left ? wideB : wideB.mT)])
      let x = left ? r[0] : r[0].mT
      return [vector ? x.squeeze(dim: -1) : x, r[3]]
    }
    return (results[0], results[1])
  }

  /// Inverses of square matrices; a singular matrix is a mistake. Same as `torch.linalg.inv`.
  public static func inv(_ a: Tensor) -> Tensor {
    ErrorScope.guarding {
      let (x, info) = invEx(a)
      try Lapack.checkInfo(info, "linalg.inv") {
        "the diagonal element \($0) is zero: the matrix is singular and has no inverse"
      }
      return x
    }
  }

  /// As `inv`, with LAPACK's info instead of an error. Same as `torch.linalg.inv_ex`.
  public static func invEx(_ a: Tensor) -> (inverse: Tensor, info: Tensor) {
    let results = ErrorScope.guarding(2) {
      if a.isPoisoned { return [a, a] }
      try Lapack.checkSquare(a, "linalg.inv")
      let r = try Op.solveEx.call([.tensor(a), .tensor(a.detach().identities)])
      return [r[0], r[3]]
    }
    return (results[0], results[1])
  }

  /// A with a multi-dimensional solution: A (shape of B + shape of X), sum over X's dims equals B; `dims` are moved to the end of
  /// A first. Same as `torch.linalg.tensorsolve`.
  public static func tensorSolve(_ a: Tensor, _ b: Tensor, dims: [Int]? = nil) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned || b.isPoisoned { return ErrorScope.poison() }
      var moved = a
      if let dims { moved = a.movedim(dims, Array((a.rank - dims.count)..<a.rank)) }
      let result = moved.shape.array.dropFirst(b.rank)
      let unknowns = result.reduce(1, *)
      if b.rank > moved.rank || unknowns != b.elementCount || unknowns * b.elementCount != moved.elementCount {
        throw TensorError.shape(
          "linalg.tensorsolve: self \(moved.shape) and other \(b.shape) must satisfy prod(self.shape[other.ndim:]) == "
            + "prod(self.shape[:other.ndim]) == other's number of elements")
      }
      return solve(moved.reshape([b.elementCount, unknowns]), b.reshape([b.elementCount])).reshape(Shape(Array(result)))
    }
  }

  /// The inverse of `tensordot`: dims before and after `ind` have the same number of elements. Same as
  /// `torch.linalg.tensorinv`.
  public static func tensorInv(_ a: Tensor, ind: Int = 2) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned { return a }
      if ind <= 0 { throw TensorError.value("linalg.tensorinv: expected a positive ind, got \(ind)") }
      let (first, last) = (Array(a.shape.array.prefix(ind)), Array(a.shape.array.dropFirst(ind)))
      let n = first.reduce(1, *)
      if n != last.reduce(1, *) {
        throw TensorError.shape("linalg.tensorinv: the dims of \(a.shape) before and after dim \(ind) differ in their product")
      }
      return inv(a.reshape([n, n])).reshape(Shape(last + first))
    }
  }

  // MARK: Determinants

  /// 1 or -1 for each list of row exchanges.
  static func parity(_ pivots: Tensor, dtype: DType) -> Tensor {
    let n = pivots.size(-1)
    let moved = (pivots .!= Tensor.arange(1, n + 1, dtype: .int32)).to(.int64).sum(dim: -1)
    return (1 - 2 * moved.remainder(2)).to(dtype)
  }

  /// Determinants of square matrices (…, n, n). Same as `torch.linalg.det`.
  public static func det(_ a: Tensor) -> Tensor { Op.det(.tensor(a)) }

  /// Sign (a complex number of magnitude 1 for complex matrices; 0 for singular ones) and logarithm of the determinant's
  /// magnitude. Same as `torch.linalg.slogdet`.
  public static func slogdet(_ a: Tensor) -> (sign: Tensor, logAbsDet: Tensor) {
    let results = Op.slogdet.results([.tensor(a)])
    return (results[0], results[1])
  }

  /// Logarithms of determinants; NaN for negative ones. Same as `torch.logdet`.
  public static func logdet(_ a: Tensor) -> Tensor {
    ErrorScope.guarding {
      let (sign, size) = slogdet(a)
      if sign.isPoisoned { return sign }
      return a.dtype.isComplex ? sign.log() + size : Tensor.where(sign .== -1, Double.nan, size)
    }
  }

  // MARK: Least squares

  /// LAPACK's drivers: QR with (gelsy) or without (gels) pivoting, singular values by divide and conquer (gelsd) or not (gelss).
  public enum Driver: String, Sendable {
    case gels, gelsy, gelsd, gelss

    var code: Int32 {
      switch self {
      case .gels: Int32(FF_GELS.rawValue)
      case .gelsy: Int32(FF_GELSY.rawValue)
      case .gelsd: Int32(FF_GELSD.rawValue)
      case .gelss: Int32(FF_GELSS.rawValue)
      }
    }
  }

  /// The X of least norm ||A X - B|| for A (…, m, n) and B (…, m, k) or (…, m), the squared residuals (empty unless m > n and the
  /// rank is full), the ranks (empty for gels) and singular values (gelsd, gelss). `rcond` is relative to the largest singular
  /// value. Same as `torch.linalg.lstsq`.
  public static func lstsq(
    _ a: Tensor, _ b: Tensor, rcond: Double? = nil, driver: Driver = .gelsy
  ) -> (solution: Tensor, residuals: Tensor, rank: Tensor, singularValues: Tensor) {
    let r = ErrorScope.guarding(4) {
      let op = "linalg.lstsq"
      if a.isPoisoned || b.isPoisoned { return (0..<4).map { _ in ErrorScope.poison() } }
      try Lapack.checkDType(a, op)
      try Lapack.checkMatrix(a, op)
      try Lapack.checkSameDType(a, b, op)
      if b.rank == 0 { throw TensorError.shape("\(op): B must have at least 1 dim, got a number") }
      let vector = isVector(a, b)
      let matrix = vector ? b.unsqueeze(dim: -1) : b
      let (m, n) = (a.size(-2), a.size(-1))
      if matrix.rank < 2 || matrix.size(-2) != m {
        throw TensorError.shape("\(op): shapes \(a.shape) and \(b.shape) do not fit A X = B")
      }
      let batch = try Layout.broadcast(Shape(a.batch), Shape(matrix.batch), op: op).array
      let (wideA, wideB) = (a.batchExpanded(batch), matrix.batchExpanded(batch))
      let limit = rcond ?? a.epsilon * Double(max(m, n))
      let raw = try Op.lstsq.call([.tensor(wideA), .tensor(wideB), .double(limit), .string(driver.rawValue)])
      let x = raw[0].narrow(dim: -2, start: 0, length: n)
      let none = Tensor.empty([0], dtype: a.dtype.realType)
      var residuals = none
      let knowsRank = driver == .gelsd || driver == .gelss
      let isFull = !knowsRank || raw[1].array(Int.self).allSatisfy { $0 == n }
      if m > n && driver != .gelsy && isFull {
        let rest = wideA.matmul(x) - wideB
        residuals = (rest.dtype.isComplex ? rest.abs() : rest).square().sum(dim: -2)
        if vector { residuals = residuals.squeeze(dim: -1) }
      }
      return [
        vector ? x.squeeze(dim: -1) : x, residuals, driver == .gels ? Tensor.empty([0], dtype: .int64) : raw[1],
        knowsRank ? raw[2] : none,
      ]
    }
    return (r[0], r[1], r[2], r[3])
  }

  // MARK: Pseudo-inverse

  /// The gradient of a pseudo-inverse of constant rank (Golub and Pereyra 1973).
  static func pinvGradient(_ g: Tensor, _ inverse: Tensor, _ a: Tensor) -> Tensor {
    let (h, adjoint) = (g.mH, inverse.mH)
    if a.size(-2) <= a.size(-1) {
      let k = h.matmul(inverse)
      let ka = k.matmul(adjoint)
      let rest = adjoint.matmul(inverse).matmul(h - k.matmul(a))
      return ka - inverse.matmul(k).mH - a.matmul(inverse).matmul(ka) + rest
    }
    let k = inverse.matmul(h)
    let ak = adjoint.matmul(k)
    let rest = (h - a.matmul(k)).matmul(inverse).matmul(adjoint)
    return rest - k.matmul(inverse).mH + ak - ak.matmul(inverse).matmul(a)
  }

  /// The limits under which singular values count as 0, as tensors: `rtol` is by default the dtype's epsilon times the larger size,
  /// or 0 where `atol` is given and positive.
  static func tolerances(_ a: Tensor, atol: Tensor?, rtol: Tensor?, _ op: String) throws -> (atol: Tensor, rtol: Tensor) {
    for tensor in [atol, rtol] {
      if let tensor, tensor.dtype.isComplex { throw TensorError.dtype("\(op): tolerances must be real, got \(tensor.dtype.name)") }
    }
    let type = a.dtype.realType
    let absolute = atol?.detach().to(type) ?? Tensor.full([], 0, dtype: type)
    let usual = Tensor.full([], a.epsilon * Double(max(a.size(-1), a.size(-2))), dtype: type)
    let relative = rtol?.detach().to(type) ?? (atol == nil ? usual : Tensor.where(absolute .> 0, 0, usual).to(type))
    return (absolute, relative)
  }

  /// Moore and Penrose's inverse of matrices (…, m, n), shape (…, n, m); singular values up to max(atol, rtol · largest) count as 0.
  /// For `hermitian` matrices eigenvalues serve. Same as `torch.linalg.pinv`.
  public static func pinv(_ a: Tensor, atol: Tensor? = nil, rtol: Tensor? = nil, hermitian: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned { return a }
      try Lapack.checkDType(a, "linalg.pinv")
      try Lapack.checkMatrix(a, "linalg.pinv")
      if hermitian { try Lapack.checkSquare(a, "linalg.pinv") }
      let (absolute, relative) = try tolerances(a, atol: atol, rtol: rtol, "linalg.pinv")
      return try Op.pinv.call([.tensor(a), .tensor(absolute), .tensor(relative), .bool(hermitian)])[0]
    }
  }
}
