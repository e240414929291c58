import CFirefinch
import FirefinchCore

private func sample() -> Tensor { Tensor([[0.5, 2.0, -1.0], [3.0, 0.25, 1.5], [-1.0, 1.0, 2.5]], dtype: .float64) }

extension Op {
  /// LU factors packed in one matrix, row exchanges counted from 1, LAPACK's info.
  static let luFactorEx: Op = .structured(
    "linalg_lu_factor_ex(Tensor A) -> (Tensor, Tensor, Tensor)", saves: .outputs(0, 1), differentiableResults: 1,
    complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkDType(a, "linalg.lu_factor")
      try Lapack.checkMatrix(a, "linalg.lu_factor")
      let few = min(a.size(-1), a.size(-2))
      return [TensorSpec(a.shape, a.dtype), TensorSpec(Shape(a.batch + [few]), .int32), TensorSpec(Shape(a.batch), .int32)]
    },
    forward: { call, results in
      let lu = ColumnMajor(call.tensor(0))
      let pivots = LapackVector(lu.tensor.batch, min(lu.rows, lu.columns), .int32)
      results[2].fillData(.int(0))
      if lu.rows > 0 && lu.columns > 0 {
        try Lapack.each(lu.count, "linalg.lu_factor", info: results[2]) {
          ff_lapack_getrf(lu.type, Int32(lu.rows), Int32(lu.columns), lu[$0], pivots.integers($0))
        }
      }
      results[0].copyData(from: lu.tensor)
      results[1].copyData(from: pivots.tensor)
    },
    derivative: { c in
      let (lu, pivots, g) = (c.output(0), c.output(1), c.grad())
      let (m, n) = (lu.size(-2), lu.size(-1))
      let k = min(m, n)
      let square = lu.narrow(dim: -2, start: 0, length: k).narrow(dim: -1, start: 0, length: k)
      let (l, u) = (square.tril(-1) + square.detach().identities, square.triu())
      let (gl, gu) = (g.tril(-1).narrow(dim: -1, start: 0, length: k), g.triu().narrow(dim: -2, start: 0, length: k))
      let gl1 = gl.narrow(dim: -2, start: 0, length: k), gu1 = gu.narrow(dim: -1, start: 0, length: k)
      var below = l.mH.matmul(gl1)
      var above = gu1.matmul(u.mH)
      if n > k {
        let (u2, gu2) = (lu.narrow(dim: -1, start: k, length: n - k), gu.narrow(dim: -1, start: k, length: n - k))
        below = below - gu2.matmul(u2.mH)
      }
      if m > k {
        let (l2, gl2) = (lu.narrow(dim: -2, start: k, length: m - k), gl.narrow(dim: -2, start: k, length: m - k))
        above = above - l2.mH.matmul(gl2)
      }
      let core = Linalg.solveTriangular(u.mH, below.tril(-1) + above.triu(), upper: false, left: false)
      var result = Linalg.solveTriangular(l.mH, core, upper: true, unitriangular: true)
      if n > k {
        let gu2 = gu.narrow(dim: -1, start: k, length: n - k)
        result = Tensor.cat([result, Linalg.solveTriangular(l.mH, gu2, upper: true, unitriangular: true)], dim: -1)
      }
      if m > k {
        let gl2 = gl.narrow(dim: -2, start: k, length: m - k)
        result = Tensor.cat([result, Linalg.solveTriangular(u.mH, gl2, upper: false, left: false)], dim: -2)
      }
      let back = Permutation(pivots, rows: m)
      return [back.rowsPutBack(result)]
    },
    samples: {
      let wide = Tensor([[0.5, 2.0, -1.0], [3.0, 0.25, 1.5]], dtype: .float64)
      return [
        Sample(.tensor(sample())), Sample(.tensor(wide)), Sample(.tensor(wide.mT.contiguous())),
        Sample(error: "linalg.lu_factor", "2 dims", arguments: [.tensor(Tensor([1.0], dtype: .float64))]),
      ]
    })
}

/// LAPACK's row exchanges as the order of rows they end in.
struct Permutation {
  /// int64 (…, rows): row i of P^T A is row order[i] of A.
  let order: Tensor

  /// From exchanges counted from 1, (…, k), which are as `LU` made them.
  init(_ pivots: Tensor, rows: Int) {
    let exchanges = pivots.detach().array(Int.self)
    let k = pivots.size(-1), count = k == 0 ? pivots.shape.dropLast().reduce(1, *) : exchanges.count / k
    var list: [Int] = []
    list.reserveCapacity(count * rows)
    for matrix in 0..<count {
      var order = Array(0..<rows)
      for i in 0..<k { order.swapAt(i, exchanges[matrix * k + i] - 1) }
      list += order
    }
    order = Tensor(list, shape: Shape(pivots.shape.array.dropLast() + [rows]), dtype: .int64)
  }

  /// P^T x.
  func rowsOrdered(_ x: Tensor) -> Tensor { take(x, order) }
  /// P x.
  func rowsPutBack(_ x: Tensor) -> Tensor { take(x, withNoGrad { order.argsort(dim: -1) }) }

  private func take(_ x: Tensor, _ index: Tensor) -> Tensor {
    x.gather(dim: -2, index: index.unsqueeze(dim: -1).expand(x.shape))
  }
}

extension Linalg {
  // MARK: LU

  /// LU factors with row exchanges, packed: L below the diagonal, U above and on it, and LAPACK's exchanges (int32, counted
  /// from 1). A singular matrix is a mistake. Same as `torch.linalg.lu_factor`.
  public static func luFactor(_ a: Tensor, pivot: Bool = true) -> (lu: Tensor, pivots: Tensor) {
    let results = ErrorScope.guarding(2) {
      let (lu, pivots, info) = luFactorEx(a, pivot: pivot)
      try Lapack.checkInfo(info, "linalg.lu_factor") {
        "U[\($0),\($0)] is zero, and using it for lu_solve would result in a division by zero"
      }
      return [lu, pivots]
    }
    return (results[0], results[1])
  }

  /// As `luFactor`, with LAPACK's info instead of an error. Same as `torch.linalg.lu_factor_ex`.
  public static func luFactorEx(_ a: Tensor, pivot: Bool = true) -> (lu: Tensor, pivots: Tensor, info: Tensor) {
    let results = ErrorScope.guarding(3) {
      if !pivot { throw TensorError.value("linalg.lu_factor: factors without row exchanges exist on CUDA only") }
      return try Op.luFactorEx.call([.tensor(a)])
    }
    return (results[0], results[1], results[2])
  }

  /// P, L and U with A = P L U, A of shape (…, m, n). Same as `torch.linalg.lu`.
  public static func lu(_ a: Tensor, pivot: Bool = true) -> (p: Tensor, l: Tensor, u: Tensor) {
    let results = ErrorScope.guarding(3) {
      if !pivot { throw TensorError.value("linalg.lu: factors without row exchanges exist on CUDA only") }
      let (lu, pivots, _) = luFactorEx(a)
      let (p, l, u) = luUnpack(lu, pivots)
      return [p!, l!, u!]
    }
    return (results[0], results[1], results[2])
  }

  /// The permutation matrix P and the triangles L and U of packed factors, each where asked for. Same as `torch.lu_unpack`.
  public static func luUnpack(
    _ lu: Tensor, _ pivots: Tensor, unpackData: Bool = true, unpackPivots: Bool = true
  ) -> (p: Tensor?, l: Tensor?, u: Tensor?) {
    let results = ErrorScope.guarding(3) {
      try Lapack.checkMatrix(lu, "lu_unpack", "LU")
      let (m, n) = (lu.size(-2), lu.size(-1))
      let k = min(m, n)
      var parts = [Tensor](repeating: Tensor.empty([0], dtype: lu.dtype), count: 3)
      if unpackPivots {
        try checkPivots(pivots, lu, "lu_unpack")
        let order = Permutation(pivots, rows: m)
        let identity = Tensor.eye(m, dtype: lu.dtype).expand(Shape(lu.batch + [m, m]))
        parts[0] = withNoGrad { order.rowsOrdered(identity).mT.contiguous() }
      }
      if unpackData {
        let l = lu.narrow(dim: -1, start: 0, length: k).tril(-1)
        parts[1] = l + l.detach().identities
        parts[2] = lu.narrow(dim: -2, start: 0, length: k).triu()
      }
      return parts
    }
    return (results[0], results[1], results[2])
  }

  private static func checkPivots(_ pivots: Tensor, _ lu: Tensor, _ op: String) throws {
    let m = lu.size(-2)
    if pivots.dtype != .int32 {
      throw TensorError.dtype("\(op): the pivots must be int32 as lu_factor gives them, got \(pivots.dtype.name)")
    }
    if pivots.shape != Shape(lu.batch + [min(m, lu.size(-1))]) {
      throw TensorError.shape("\(op): pivots of shape \(pivots.shape) do not belong to LU of shape \(lu.shape)")
    }
    if let wrong = pivots.array(Int.self).first(where: { $0 < 1 || $0 > m }) {
      throw TensorError.value("\(op): pivots must be between 1 and \(m), got \(wrong); pass those of lu_factor")
    }
  }

  /// X with A X = B (X A = B unless `left`; with Aᴴ for `adjoint`) from the factors of `luFactor`. Same as
  /// `torch.linalg.lu_solve`.
  public static func luSolve(
    _ lu: Tensor, _ pivots: Tensor, _ b: Tensor, left: Bool = true, adjoint: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      let op = "linalg.lu_solve"
      if lu.isPoisoned || b.isPoisoned { return ErrorScope.poison() }
      try Lapack.checkSquare(lu, op, "LU")
      try Lapack.checkMatrix(b, op, "B")
      try Lapack.checkSameDType(lu, b, op)
      try checkPivots(pivots, lu, op)
      if !left { return luSolve(lu, pivots, b.mH, adjoint: !adjoint).mH }
      if lu.size(-1) != b.size(-2) { throw TensorError.shape("\(op): shapes \(lu.shape) and \(b.shape) do not fit A X = B") }
      let batch = try Layout.broadcast(Shape(lu.batch), Shape(b.batch), op: op).array
      let (lu, b) = (lu.batchExpanded(batch), b.batchExpanded(batch))
      let order = Permutation(pivots.expand(Shape(batch + [pivots.size(-1)])), rows: lu.size(-2))
      if adjoint {
        let y = solveTriangular(lu.mH, b, upper: false)
        return order.rowsPutBack(solveTriangular(lu.mH, y, upper: true, unitriangular: true))
      }
      let y = solveTriangular(lu, order.rowsOrdered(b), upper: false, unitriangular: true)
      return solveTriangular(lu, y, upper: true)
    }
  }
}
