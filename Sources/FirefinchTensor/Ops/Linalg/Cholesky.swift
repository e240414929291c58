import CFirefinch
import FirefinchCore

private func definite() -> Tensor { Tensor([[4.0, 1.0, -0.5], [1.0, 3.0, 0.25], [-0.5, 0.25, 2.0]], dtype: .float64) }
private func lower() -> Tensor { Tensor([[2.0, 0.0, 0.0], [0.5, 1.5, 0.0], [-0.25, 0.75, 1.25]], dtype: .float64) }

extension Op {
  /// Cholesky's factor of one triangle and LAPACK's info.
  static let choleskyEx: Op = .structured(
    "linalg_cholesky_ex(Tensor self, *, bool upper=False) -> (Tensor, Tensor)", saves: .outputs(0), differentiableResults: 1, complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkSquare(a, "linalg.cholesky")
      return [TensorSpec(a.shape, a.dtype), TensorSpec(Shape(a.batch), .int32)]
    },
    forward: { call, results in
      let l = ColumnMajor(call.tensor(0)), upper = call.bool(1)
      if l.rows > 0 {
        try Lapack.each(l.count, "linalg.cholesky", info: results[1]) {
          ff_lapack_potrf(l.type, Lapack.letter(upper ? "U" : "L"), Int32(l.rows), l[$0])
        }
      } else {
        results[1].fillData(.int(0))
      }
      withNoGrad { results[0].copyData(from: upper ? l.tensor.triu() : l.tensor.tril()) }
    },
    derivative: { c in
      // Smith 1995: L^-H phi(L^H g) L^-1 with phi the lower triangle, its diagonal halved, made Hermitian.
      let upper = c.bool(1)
      let l = upper ? c.output(0).mH : c.output(0)
      let triangle = l.mH.matmul(upper ? c.grad().mH : c.grad()).tril()
      let phi = (triangle + triangle.tril(-1).mH) * 0.5
      let left = Linalg.solveTriangular(l.mH, phi, upper: true)
      return [Linalg.solveTriangular(l, left, upper: false, left: false)]
    },
    samples: {
      [
        // Symmetric by construction, so that finite differences see the whole matrix: tested through the composite.
        Sample(.tensor(definite()), .bool(false), gradient: false),
        Sample(.tensor(definite()), .bool(true), gradient: false),
        Sample(error: "linalg.cholesky", "square", arguments: [.tensor(Tensor.ones([2, 3], dtype: .float64)), .bool(false)]),
      ]
    })

  /// X of A X = B from Cholesky's factor of A; both have the same batch dims.
  static let choleskySolve: Op = .structured(
    "cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", saves: Saves(inputs: [1], outputs: [0]),
    complex: .native,
    plan: { call in
      try Lapack.checkDType(call.tensor(0), "cholesky_solve")
      return [TensorSpec(call.tensor(0).shape, call.tensor(0).dtype)]
    },
    forward: { call, results in
      let l = ColumnMajor(call.tensor(1)), b = ColumnMajor(call.tensor(0))
      if b.rows > 0 && b.columns > 0 {
        // L and then L^H, or U^H and then U.
        let adjoint = Lapack.letter(call.tensor(0).dtype.isComplex ? "C" : "T"), plain = Lapack.letter("N")
        let (rows, columns, upper) = (Int32(b.rows), Int32(b.columns), call.bool(2))
        try Lapack.each(b.count, "cholesky_solve") { i in
          for transposed in [upper, !upper] {
            let info = ff_lapack_trsm(
              b.type, Lapack.letter("L"), Lapack.letter(upper ? "U" : "L"), transposed ? adjoint : plain, plain, rows, columns,
              l[i], b[i])
            if info != 0 { return info }
          }
          return 0
        }
      }
      results[0].copyData(from: b.tensor)
    },
    derivative: { c in
      let (factor, x, upper) = (c.input(1), c.output(0), c.bool(2))
      let gradient = Linalg.choleskySolve(c.grad(), factor: factor, upper: upper)
      let product = gradient.matmul(x.mH)
      let symmetric = product + product.mH
      // As PyTorch does: of the whole factor, not of its triangle alone.
      return [gradient, c.needs(1) ? -(upper ? factor.matmul(symmetric) : symmetric.matmul(factor)) : nil]
    },
    samples: {
      let b = Tensor([[0.5, -1.0], [1.5, 0.25], [0.75, 2.0]], dtype: .float64)
      // The factor's gradient is not masked to its triangle, which finite differences would see.
      return [Sample(.tensor(b), .tensor(lower()), .bool(false), gradient: false)]
    })

  /// X of A X = B or X A = B with a triangular A; both have the same batch dims.
  static let solveTriangular: Op = .structured(
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    saves: Saves(inputs: [0], outputs: [0]), complex: .native,
    plan: { call in
      try Lapack.checkDType(call.tensor(1), "linalg.solve_triangular")
      return [TensorSpec(call.tensor(1).shape, call.tensor(1).dtype)]
    },
    forward: { call, results in
      let (upper, left, unit) = (call.bool(2), call.bool(3), call.bool(4))
      let (a, b) = (ColumnMajor(call.tensor(0)), ColumnMajor(call.tensor(1)))
      if b.rows > 0 && b.columns > 0 {
        try Lapack.each(b.count, "linalg.solve_triangular") {
          ff_lapack_trsm(
            a.type, Lapack.letter(left ? "L" : "R"), Lapack.letter(upper ? "U" : "L"), Lapack.letter("N"),
            Lapack.letter(unit ? "U" : "N"), Int32(b.rows), Int32(b.columns), a[$0], b[$0])
        }
      }
      results[0].copyData(from: b.tensor)
    },
    derivative: { c in
      let (upper, left, unit) = (c.bool(2), c.bool(3), c.bool(4))
      let (a, x) = (c.input(0), c.output(0))
      let gradient = Linalg.solveTriangular(a.mH, c.grad(), upper: !upper, left: left, unitriangular: unit)
      guard c.needs(0) else { return [nil, gradient] }
      let full = left ? gradient.matmul(x.mH) : x.mH.matmul(gradient)
      let triangle = upper ? full.triu(unit ? 1 : 0) : full.tril(unit ? -1 : 0)
      return [-triangle, gradient]
    },
    samples: {
      let b = Tensor([[0.5, -1.0], [1.5, 0.25], [0.75, 2.0]], dtype: .float64)
      return [
        Sample(.tensor(lower()), .tensor(b), .bool(false), .bool(true), .bool(false)),
        Sample(.tensor(lower().mT), .tensor(b.mT.contiguous()), .bool(true), .bool(false), .bool(true)),
      ]
    })
}

/// Linear algebra: decompositions, solvers, norms, as `torch.linalg`. Matrices are the last two dims, all before them are a
/// batch; float32, float64, complex64 and complex128. Decompositions are LAPACK's, found in OpenBLAS at run time.
public enum Linalg {
  // MARK: Cholesky

  /// The factor L with L Lᴴ = A (U with Uᴴ U = A for `upper`) of Hermitian positive-definite matrices (…, n, n), of which one
  /// triangle is read. Other matrices are a mistake. Same as `torch.linalg.cholesky`.
  public static func cholesky(_ a: Tensor, upper: Bool = false) -> Tensor {
    ErrorScope.guarding {
      let (l, info) = choleskyEx(a, upper: upper)
      try Lapack.checkInfo(info, "linalg.cholesky") {
        "the matrix is not positive-definite: the leading minor of order \($0) is not positive"
      }
      return l
    }
  }

  /// As `cholesky`, with LAPACK's info (int32, one a matrix; 0 is success) instead of an error. Same as
  /// `torch.linalg.cholesky_ex`.
  public static func choleskyEx(_ a: Tensor, upper: Bool = false, checkErrors: Bool = false) -> (l: Tensor, info: Tensor) {
    if checkErrors { return (cholesky(a, upper: upper), Tensor.zeros(Shape(a.batch), dtype: .int32)) }
    let results = Op.choleskyEx.results([.tensor(a), .bool(upper)])
    return (results[0], results[1])
  }

  /// X with A X = B for the A whose Cholesky factor `factor` is; B has shape (…, n, k). Same as `torch.cholesky_solve`.
  public static func choleskySolve(_ b: Tensor, factor: Tensor, upper: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if b.isPoisoned || factor.isPoisoned { return ErrorScope.poison() }
      try Lapack.checkSquare(factor, "cholesky_solve", "the factor")
      try Lapack.checkMatrix(b, "cholesky_solve", "B")
      try Lapack.checkSameDType(factor, b, "cholesky_solve")
      if b.size(-2) != factor.size(-1) {
        throw TensorError.shape("cholesky_solve: shapes \(factor.shape) and \(b.shape) do not fit A X = B")
      }
      let batch = try Layout.broadcast(Shape(factor.batch), Shape(b.batch), op: "cholesky_solve").array
      return try Op.choleskySolve.call([
        .tensor(b.batchExpanded(batch)), .tensor(factor.batchExpanded(batch)), .bool(upper),
      ])[0]
    }
  }

  /// The inverse of the matrix whose Cholesky factor is given. Same as `torch.cholesky_inverse`.
  public static func choleskyInverse(_ factor: Tensor, upper: Bool = false) -> Tensor {
    ErrorScope.guarding {
      try Lapack.checkSquare(factor, "cholesky_inverse", "the factor")
      return choleskySolve(factor.detach().identities, factor: factor, upper: upper)
    }
  }

  /// X with A X = B (X A = B unless `left`) for triangular A (…, n, n) and B (…, n, k); batch dims broadcast. The other triangle
  /// is not read, nor the diagonal when `unitriangular`. Same as `torch.linalg.solve_triangular`.
  public static func solveTriangular(
    _ a: Tensor, _ b: Tensor, upper: Bool, left: Bool = true, unitriangular: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned || b.isPoisoned { return ErrorScope.poison() }
      let op = "linalg.solve_triangular"
      try Lapack.checkSquare(a, op)
      try Lapack.checkMatrix(b, op, "B")
      try Lapack.checkSameDType(a, b, op)
      if a.size(-1) != b.size(left ? -2 : -1) {
        throw TensorError.shape("\(op): shapes \(a.shape) and \(b.shape) do not fit \(left ? "A X = B" : "X A = B")")
      }
      let batch = try Layout.broadcast(Shape(a.batch), Shape(b.batch), op: op).array
      return try Op.solveTriangular.call([
        .tensor(a.batchExpanded(batch)), .tensor(b.batchExpanded(batch)), .bool(upper), .bool(left), .bool(unitriangular),
      ])[0]
    }
  }
}
