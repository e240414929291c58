import Firefinch

extension Table {
  /// torch.linalg and the decompositions that torch has beside it.
  mutating func addLinalg() {
    addFactorizations()
    addSolvers()
    addEigen()
    addMatrixFunctions()
  }

  private mutating func addFactorizations() {
    for name in ["cholesky", "linalg.cholesky"] {
      op("\(name)(Tensor A, *, bool upper=False, Tensor? out=None) -> Tensor") { c in
        Linalg.cholesky(try c.tensor(0), upper: try c.bool(1))
      }
    }
    op("cholesky(Tensor input, bool upper=False) -> Tensor") { c in Linalg.cholesky(try c.tensor(0), upper: try c.bool(1)) }
    op("linalg.cholesky_ex(Tensor A, *, bool upper=False, bool check_errors=False) -> (Tensor, Tensor)") { c in
      let r = Linalg.choleskyEx(try c.tensor(0), upper: try c.bool(1), checkErrors: try c.bool(2))
      return [r.l, r.info]
    }
    op("cholesky_inverse(Tensor L, bool upper=False) -> Tensor") { c in
      Linalg.choleskyInverse(try c.tensor(0), upper: try c.bool(1))
    }
    op("cholesky_solve(Tensor B, Tensor L, bool upper=False) -> Tensor") { c in
      Linalg.choleskySolve(try c.tensor(0), factor: try c.tensor(1), upper: try c.bool(2))
    }
    op("linalg.lu_factor(Tensor A, *, bool pivot=True) -> (Tensor, Tensor)") { c in
      let r = Linalg.luFactor(try c.tensor(0), pivot: try c.bool(1))
      return [r.lu, r.pivots]
    }
    op("linalg.lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor, Tensor, Tensor)") { c in
      let r = Linalg.luFactorEx(try c.tensor(0), pivot: try c.bool(1))
      if try c.bool(2) { _ = Linalg.luFactor(try c.tensor(0)) }
      return [r.lu, r.pivots, r.info]
    }
    op("lu(Tensor A, bool pivot=True, bool get_infos=False) -> (Tensor, Tensor, Tensor)") { c in
      let r = Linalg.luFactorEx(try c.tensor(0), pivot: try c.bool(1))
      return try c.bool(2) ? [r.lu, r.pivots, r.info] : [r.lu, r.pivots]
    }
    op("linalg.lu(Tensor A, *, bool pivot=True) -> (Tensor, Tensor, Tensor)") { c in
      let r = Linalg.lu(try c.tensor(0), pivot: try c.bool(1))
      return [r.p, r.l, r.u]
    }
    op("lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor, Tensor, Tensor)") { c in
      let r = Linalg.luUnpack(
        try c.tensor(0), try c.tensor(1), unpackData: try c.bool(2), unpackPivots: try c.bool(3))
      return [r.p!, r.l!, r.u!]
    }
    op("linalg.qr(Tensor A, str mode='reduced') -> (Tensor, Tensor)") { c in
      guard let mode = Linalg.QRMode(rawValue: try c.string(1)) else {
        throw TensorError.value("linalg.qr: the mode must be 'reduced', 'complete' or 'r', got '\(try c.string(1))'")
      }
      let r = Linalg.qr(try c.tensor(0), mode: mode)
      return [r.q, r.r]
    }
    op("qr(Tensor input, bool some=True) -> (Tensor, Tensor)") { c in
      let r = Linalg.qr(try c.tensor(0), mode: try c.bool(1) ? .reduced : .complete)
      return [r.q, r.r]
    }
    op("geqrf(Tensor input) -> (Tensor, Tensor)") { c in
      let r = Linalg.geqrf(try c.tensor(0))
      return [r.a, r.tau]
    }
    for name in ["linalg.householder_product", "orgqr"] {
      op("\(name)(Tensor input, Tensor tau) -> Tensor") { c in Linalg.householderProduct(try c.tensor(0), try c.tensor(1)) }
    }
    op("ormqr(Tensor input, Tensor tau, Tensor other, bool left=True, bool transpose=False) -> Tensor") { c in
      Linalg.ormqr(try c.tensor(0), try c.tensor(1), try c.tensor(2), left: try c.bool(3), transpose: try c.bool(4))
    }
    op("linalg.ldl_factor(Tensor A, *, bool hermitian=False) -> (Tensor, Tensor)") { c in
      let r = Linalg.ldlFactor(try c.tensor(0), hermitian: try c.bool(1))
      return [r.ld, r.pivots]
    }
    op("linalg.ldl_factor_ex(Tensor A, *, bool hermitian=False, bool check_errors=False) -> (Tensor, Tensor, Tensor)") { c in
      let r = Linalg.ldlFactorEx(try c.tensor(0), hermitian: try c.bool(1))
      return [r.ld, r.pivots, r.info]
    }
    op("linalg.ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor") { c in
      Linalg.ldlSolve(try c.tensor(0), try c.tensor(1), try c.tensor(2), hermitian: try c.bool(3))
    }
  }

  private mutating func addSolvers() {
    op("linalg.solve(Tensor A, Tensor B, *, bool left=True) -> Tensor") { c in
      Linalg.solve(try c.tensor(0), try c.tensor(1), left: try c.bool(2))
    }
    op("linalg.solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor, Tensor)") { c in
      if try c.bool(3) { _ = Linalg.solve(try c.tensor(0), try c.tensor(1), left: try c.bool(2)) }
      let r = Linalg.solveEx(try c.tensor(0), try c.tensor(1), left: try c.bool(2))
      return [r.result, r.info]
    }
    for name in ["linalg.inv", "inverse"] { op("\(name)(Tensor A) -> Tensor") { c in Linalg.inv(try c.tensor(0)) } }
    op("linalg.inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor, Tensor)") { c in
      if try c.bool(1) { _ = Linalg.inv(try c.tensor(0)) }
      let r = Linalg.invEx(try c.tensor(0))
      return [r.inverse, r.info]
    }
    op("linalg.solve_triangular(Tensor A, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor") { c in
      Linalg.solveTriangular(
        try c.tensor(0), try c.tensor(1), upper: try c.bool(2), left: try c.bool(3), unitriangular: try c.bool(4))
    }
    op("triangular_solve(Tensor b, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor, Tensor)") { c in
      let (a, upper, transposed) = (try c.tensor(1), try c.bool(2), try c.bool(3))
      let x = Linalg.solveTriangular(
        transposed && a.rank >= 2 ? a.mT : a, try c.tensor(0), upper: upper != transposed, unitriangular: try c.bool(4))
      return [x, a.clone()]
    }
    op("linalg.lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor") { c in
      Linalg.luSolve(try c.tensor(0), try c.tensor(1), try c.tensor(2), left: try c.bool(3), adjoint: try c.bool(4))
    }
    op("lu_solve(Tensor b, Tensor LU_data, Tensor LU_pivots) -> Tensor") { c in
      Linalg.luSolve(try c.tensor(1), try c.tensor(2), try c.tensor(0))
    }
    op("linalg.lstsq(Tensor A, Tensor B, float? rcond=None, *, str? driver=None) -> (Tensor, Tensor, Tensor, Tensor)") { c in
      guard let driver = Linalg.Driver(rawValue: try c.optionalString(3) ?? "gelsy") else {
        throw TensorError.value("linalg.lstsq: the driver must be gels, gelsy, gelsd or gelss, got '\(try c.string(3))'")
      }
      let r = Linalg.lstsq(try c.tensor(0), try c.tensor(1), rcond: try c.optionalDouble(2), driver: driver)
      return [r.solution, r.residuals, r.rank, r.singularValues]
    }
    op("linalg.lstsq.grad_oriented(Tensor A, Tensor B, str driver) -> (Tensor, Tensor)") { c in
      guard let driver = Linalg.Driver(rawValue: try c.string(2)) else { throw TensorError.value("linalg.lstsq: unknown driver") }
      let r = Linalg.lstsq(try c.tensor(0), try c.tensor(1), driver: driver)
      return [r.solution, r.residuals]
    }
    op("linalg.tensorsolve(Tensor A, Tensor B, int[]? dims=None) -> Tensor") { c in
      Linalg.tensorSolve(try c.tensor(0), try c.tensor(1), dims: try c.optionalInts(2))
    }
    op("linalg.tensorinv(Tensor A, int ind=2) -> Tensor") { c in Linalg.tensorInv(try c.tensor(0), ind: try c.int(1)) }
    for name in ["linalg.det", "det"] { op("\(name)(Tensor A) -> Tensor") { c in Linalg.det(try c.tensor(0)) } }
    for name in ["linalg.slogdet", "slogdet"] {
      op("\(name)(Tensor A) -> (Tensor, Tensor)") { c in
        let r = Linalg.slogdet(try c.tensor(0))
        return [r.sign, r.logAbsDet]
      }
    }
    op("logdet(Tensor input) -> Tensor") { c in Linalg.logdet(try c.tensor(0)) }
    op("linalg.pinv(Tensor A, *, Any atol=None, Any rtol=None, bool hermitian=False) -> Tensor") { c in
      Linalg.pinv(try c.tensor(0), atol: try c.tolerance(1), rtol: try c.tolerance(2), hermitian: try c.bool(3))
    }
    op("linalg.pinv(Tensor A, Any rcond, bool hermitian=False) -> Tensor") { c in
      Linalg.pinv(try c.tensor(0), rtol: try c.tolerance(1), hermitian: try c.bool(2))
    }
    // The variant's semantics: the pseudo-inverse of a product of low rank.
    op("linalg.pinv.singular(Tensor a, Tensor b) -> Tensor") { c in
      Linalg.pinv(try c.tensor(0).matmul(try c.tensor(1).mT))
    }
    op("pinverse(Tensor input, float? rcond=1e-15) -> Tensor") { c in
      Linalg.pinv(try c.tensor(0), rtol: try c.tolerance(1))
    }
  }

  private mutating func addEigen() {
    op("linalg.eigh(Tensor A, str UPLO='L') -> (Tensor, Tensor)") { c in
      let r = Linalg.eigh(try c.tensor(0), uplo: try c.string(1))
      return [r.eigenvalues, r.eigenvectors]
    }
    op("linalg.eigvalsh(Tensor A, str UPLO='L') -> Tensor") { c in Linalg.eigvalsh(try c.tensor(0), uplo: try c.string(1)) }
    op("linalg.eig(Tensor A) -> (Tensor, Tensor)") { c in
      let r = Linalg.eig(try c.tensor(0))
      return [r.eigenvalues, r.eigenvectors]
    }
    op("linalg.eigvals(Tensor A) -> Tensor") { c in Linalg.eigvals(try c.tensor(0)) }
    op("linalg.svd(Tensor A, bool full_matrices=True) -> (Tensor, Tensor, Tensor)") { c in
      let r = Linalg.svd(try c.tensor(0), fullMatrices: try c.bool(1))
      return [r.u, r.s, r.vh]
    }
    op("svd(Tensor input, bool some=True, bool compute_uv=True) -> (Tensor, Tensor, Tensor)") { c in
      let (a, some) = (try c.tensor(0), try c.bool(1))
      if try c.bool(2) {
        let r = Linalg.svd(a, fullMatrices: !some)
        return [r.u, r.s, r.vh.isPoisoned ? r.vh : r.vh.mH]
      }
      let s = Linalg.svdvals(a)
      let (m, n) = (a.rank < 2 ? 0 : a.size(-2), a.rank < 2 ? 0 : a.size(-1))
      let batch = a.shape.array.dropLast(2)
      return [Tensor.zeros(Shape(batch + [m, m]), dtype: a.dtype), s, Tensor.zeros(Shape(batch + [n, n]), dtype: a.dtype)]
    }
    op("linalg.svdvals(Tensor A) -> Tensor") { c in Linalg.svdvals(try c.tensor(0)) }
    op("svd_lowrank(Tensor a, Tensor b, *, int q=6, int niter=2, Tensor? M=None) -> (Tensor, Tensor, Tensor)") { c in
      let r = Linalg.svdLowRank(
        try c.tensor(0).matmul(try c.tensor(1).mT), q: try c.int(2), iterations: try c.int(3), mean: try c.optionalTensor(4))
      return [r.u, r.s, r.v]
    }
    op("pca_lowrank(Tensor a, Tensor b, *, int? q=None, bool center=True, int niter=2) -> (Tensor, Tensor, Tensor)") { c in
      let r = Linalg.pcaLowRank(
        try c.tensor(0).matmul(try c.tensor(1).mT), q: try c.optionalInt(2), center: try c.bool(3), iterations: try c.int(4))
      return [r.u, r.s, r.v]
    }
  }

  private mutating func addMatrixFunctions() {
    for name in ["matrix_exp", "linalg.matrix_exp"] {
      op("\(name)(Tensor A) -> Tensor") { c in Linalg.matrixExp(try c.tensor(0)) }
    }
    for name in ["linalg.matrix_power", "matrix_power"] {
      op("\(name)(Tensor A, int n) -> Tensor") { c in Linalg.matrixPower(try c.tensor(0), try c.int(1)) }
    }
    op("linalg.matrix_rank(Tensor A, *, Any atol=None, Any rtol=None, bool hermitian=False) -> Tensor") { c in
      Linalg.matrixRank(try c.tensor(0), atol: try c.tolerance(1), rtol: try c.tolerance(2), hermitian: try c.bool(3))
    }
    op("linalg.matrix_rank(Tensor A, Any tol, bool hermitian=False) -> Tensor") { c in
      let tolerance = try c.tolerance(1)
      return Linalg.matrixRank(
        try c.tensor(0), atol: tolerance, rtol: tolerance.map { $0.zerosLike() }, hermitian: try c.bool(2))
    }
    op("linalg.cond(Tensor A, Any p=None) -> Tensor") { c in Linalg.cond(try c.tensor(0), try c.norm(1)) }
    op("linalg.matrix_norm(Tensor A, Any ord='fro', int[2] dim=[-2,-1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      let dims = try c.ints(2)
      if dims.count != 2 { throw TensorError.value("linalg.matrix_norm: dim must name two dims, got \(dims)") }
      return Linalg.matrixNorm(
        try c.tensor(0), try c.norm(1) ?? .fro, dim: (dims[0], dims[1]), keepDim: try c.bool(3), dtype: try c.optionalDType(4))
    }
    op("linalg.norm(Tensor A, Any ord=None, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      Linalg.norm(
        try c.tensor(0), try c.norm(1), dim: try c.optionalInts(2), keepDim: try c.bool(3), dtype: try c.optionalDType(4))
    }
  }
}

extension Call {
  /// A tolerance: a tensor or a number.
  fileprivate func tolerance(_ index: Int) throws -> Tensor? {
    if case .tensor = argument(index) { return try tensor(index) }
    return try optionalDouble(index).map { Tensor.full([], $0, dtype: .float64) }
  }

  /// The order of a norm: a number, 'fro', 'nuc' or None.
  fileprivate func norm(_ index: Int) throws -> Linalg.Norm? {
    if case .string(let name) = argument(index) {
      switch name {
      case "fro": return .fro
      case "nuc": return .nuc
      case "inf": return .number(.infinity)
      case "-inf": return .number(-.infinity)
      default: throw TensorError.value("norm: unknown order '\(name)', expected a number, 'fro' or 'nuc'")
      }
    }
    return try optionalDouble(index).map { .number($0) }
  }
}
