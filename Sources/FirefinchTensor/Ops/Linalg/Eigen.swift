import CFirefinch
import FirefinchCore

private func symmetric() -> Tensor { Tensor([[4.0, 1.0, -0.5], [1.0, 3.0, 0.25], [-0.5, 0.25, 2.0]], dtype: .float64) }
private func general() -> Tensor { Tensor([[0.5, 2.0, -1.0], [3.0, 0.25, 1.5]], dtype: .float64) }

extension Op {
  /// Ascending eigenvalues and, when asked for, orthonormal eigenvectors of symmetric or Hermitian matrices.
  static let eigh: Op = .structured(
    "_linalg_eigh(Tensor A, str UPLO='L', bool compute_v=True) -> (Tensor, Tensor)", saves: .outputs(0, 1), complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkSquare(a, "linalg.eigh")
      try Lapack.checkTriangle(call.string(1), "linalg.eigh")
      return [
        TensorSpec(Shape(a.batch + [a.size(-1)]), a.dtype.realType), TensorSpec(call.bool(2) ? a.shape : [0], a.dtype),
      ]
    },
    forward: { call, results in
      try Lapack.checkFinite(call.tensor(0), "linalg.eigh")
      let a = ColumnMajor(call.tensor(0)), values = LapackVector(a.tensor.batch, a.rows, results[0].dtype)
      let info = Tensor.zeros([a.count], dtype: .int32)
      let triangle = Lapack.letter(call.string(1).uppercased() == "U" ? "U" : "L")
      if a.rows > 0 {
        try Lapack.each(a.count, "linalg.eigh", info: info) {
          ff_lapack_syevd(a.type, Lapack.letter(call.bool(2) ? "V" : "N"), triangle, Int32(a.rows), a[$0], values[$0])
        }
      }
      try Lapack.checkInfo(info, "linalg.eigh") { "the algorithm did not converge (\($0) off-diagonal elements are left)" }
      results[0].copyData(from: values.tensor)
      if call.bool(2) { results[1].copyData(from: a.tensor) }
    },
    derivative: { c in
      let (values, v) = (c.output(0), c.output(1))
      let gl = c.optionalGrad(0).map { $0.to(v.dtype).diagEmbed() }
      guard let gv = c.optionalGrad(1) else { return [gl.map { v.matmul($0).matmul(v.mH) }] }
      let distance = (values.unsqueeze(dim: -2) - values.unsqueeze(dim: -1)).to(v.dtype)
      // Only the part that turns the vectors counts, their length is fixed.
      let inner = v.mH.matmul(gv)
      let outside = (inner - inner.mH) * 0.5 / (distance + v.detach().identities)
      let core = outside - outside.diagonals.diagEmbed()
      return [v.matmul(gl.map { core + $0 } ?? core).matmul(v.mH)]
    },
    samples: {
      [
        // Gradients of matrices that stay symmetric are checked through the composite.
        Sample(.tensor(symmetric()), .string("L"), .bool(true), gradient: false),
        Sample(.tensor(symmetric()), .string("U"), .bool(false), gradient: false),
        Sample(error: "linalg.eigh", "square", arguments: [.tensor(general()), .string("L"), .bool(true)]),
      ]
    })

  /// Complex eigenvalues and eigenvectors of length 1 of square matrices.
  static let eig: Op = .structured(
    "linalg_eig(Tensor self) -> (Tensor, Tensor)", saves: Saves(inputs: [], outputs: [0, 1]), complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkSquare(a, "linalg.eig")
      let type = a.dtype.complexType
      return [TensorSpec(Shape(a.batch + [a.size(-1)]), type), TensorSpec(a.shape, type)]
    },
    forward: { call, results in
      try Lapack.checkFinite(call.tensor(0), "linalg.eig")
      let a = ColumnMajor(call.tensor(0))
      let values = LapackVector(a.tensor.batch, a.rows, results[0].dtype)
      let vectors = ColumnMajor(a.tensor.batch, a.rows, a.rows, results[1].dtype)
      let info = Tensor.zeros([a.count], dtype: .int32)
      if a.rows > 0 {
        try Lapack.each(a.count, "linalg.eig", info: info) {
          ff_lapack_geev(a.type, Int32(a.rows), a[$0], values[$0], vectors[$0])
        }
      }
      try Lapack.checkInfo(info, "linalg.eig") { "the algorithm did not converge from eigenvalue \($0) on" }
      results[0].copyData(from: values.tensor)
      results[1].copyData(from: vectors.tensor)
    },
    derivative: { c in
      // Boeddeker et al. 2017, with the vectors' length held at 1.
      let (values, v) = (c.output(0), c.output(1))
      var core = c.grad(0).diagEmbed()
      if let gv = c.optionalGrad(1) {
        let inner = v.mH.matmul(gv)
        let lengths = inner.diagonals.real.to(v.dtype).unsqueeze(dim: -2)
        let distance = (values.unsqueeze(dim: -2) - values.unsqueeze(dim: -1)).conj() + v.detach().identities
        let outside = (inner - v.mH.matmul(v) * lengths) / distance
        core = core + outside - outside.diagonals.diagEmbed()
      }
      let result = Linalg.solve(v.mH, core.matmul(v.mH))
      return [c.dtype(0).isComplex ? result : result.real]
    },
    samples: {
      [
        Sample(.tensor(Tensor([[0.5, 2.0], [3.0, 0.25]], dtype: .float64)), gradient: false),
        Sample(error: "linalg.eig", "square", arguments: [.tensor(general())]),
      ]
    })

  /// U, S and V^H, singular values descending.
  static let svd: Op = .structured(
    "_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True) -> (Tensor, Tensor, Tensor)",
    saves: .outputs(0, 1, 2), complex: .native,
    plan: { call in
      let (a, full, vectors) = (call.tensor(0), call.bool(1), call.bool(2))
      try Lapack.checkDType(a, "linalg.svd")
      try Lapack.checkMatrix(a, "linalg.svd")
      let (m, n) = (a.size(-2), a.size(-1))
      let k = min(m, n)
      return [
        TensorSpec(vectors ? Shape(a.batch + [m, full ? m : k]) : [0], a.dtype),
        TensorSpec(Shape(a.batch + [k]), a.dtype.realType),
        TensorSpec(vectors ? Shape(a.batch + [full ? n : k, n]) : [0], a.dtype),
      ]
    },
    forward: { call, results in
      let (x, full, vectors) = (call.tensor(0), call.bool(1), call.bool(2))
      try Lapack.checkFinite(x, "linalg.svd")
      let a = ColumnMajor(x)
      let k = min(a.rows, a.columns)
      let s = LapackVector(x.batch, k, results[1].dtype)
      let u = ColumnMajor(vectors ? x.batch : [0], a.rows, full ? a.rows : k, x.dtype)
      let vh = ColumnMajor(vectors ? x.batch : [0], full ? a.columns : k, a.columns, x.dtype)
      let info = Tensor.zeros([a.count], dtype: .int32)
      if k > 0 {
        let job = Lapack.letter(!vectors ? "N" : full ? "A" : "S")
        try Lapack.each(a.count, "linalg.svd", info: info) {
          ff_lapack_gesdd(
            a.type, job, Int32(a.rows), Int32(a.columns), a[$0], s[$0], vectors ? u[$0] : nil, vectors ? vh[$0] : nil)
        }
      }
      try Lapack.checkInfo(info, "linalg.svd") { "the algorithm did not converge (code \($0))" }
      results[1].copyData(from: s.tensor)
      if !vectors { return }
      // Of a matrix without elements the full bases are any: the identity.
      results[0].copyData(from: k > 0 ? u.tensor : results[0].identities)
      results[2].copyData(from: k > 0 ? vh.tensor : results[2].identities)
    },
    derivative: { c in
      let (s, k) = (c.output(1), c.output(1).size(-1))
      let u = c.output(0).narrow(dim: -1, start: 0, length: k), vh = c.output(2).narrow(dim: -2, start: 0, length: k)
      // Of full matrices the further columns of U and rows of Vh are any basis of the rest: nothing may depend on them.
      func kept(_ g: Tensor?, _ dim: Int) -> Tensor? {
        guard let g, g.size(dim) > k else { return g }
        let rest = withNoGrad { (g.detach().narrow(dim: dim, start: k, length: g.size(dim) - k) .!= 0).any() }
        if rest.item().doubleValue != 0 {
          return c.mistake("linalg.svd: the columns that fullMatrices adds have no derivative; use fullMatrices: false")
        }
        return g.narrow(dim: dim, start: 0, length: k)
      }
      let gu = kept(c.optionalGrad(0), -1), gv = kept(c.optionalGrad(2), -2)?.mH
      if gu?.isPoisoned ?? false || gv?.isPoisoned ?? false { return [ErrorScope.poison()] }
      let dtype = u.dtype
      var core = c.optionalGrad(1).map { $0.to(dtype).diagEmbed() }
      let row = s.to(dtype).unsqueeze(dim: -2), column = s.to(dtype).unsqueeze(dim: -1)
      let square = row * row - column * column
      func skew(_ x: Tensor) -> Tensor { x - x.mH }
      /// Divided by the differences of squares, 0 on the diagonal.
      func spread(_ x: Tensor) -> Tensor {
        let y = skew(x) / (square + u.detach().mH.matmul(u.detach()).identities)
        return y - y.diagonals.diagEmbed()
      }
      func add(_ x: Tensor) { core = core.map { $0 + x } ?? x }
      if let gu {
        let inner = u.mH.matmul(gu)
        add(spread(inner) * row)
        if dtype.isComplex {
          let phase = Tensor.complex(inner.diagonals.imag.zerosLike(), inner.diagonals.imag)
          add((phase / s.to(dtype)).diagEmbed())
        }
      }
      if let gv { add(column * spread(vh.matmul(gv))) }
      guard let core else { return [nil] }
      var result = u.matmul(core).matmul(vh)
      if let gu, u.size(-2) > k {
        let scaled = gu / row
        result = result + (scaled - u.matmul(u.mH.matmul(scaled))).matmul(vh)
      }
      if let gv, vh.size(-1) > k {
        let scaled = gv.mH / column
        result = result + u.matmul(scaled - scaled.matmul(vh.mH).matmul(vh))
      }
      return [result]
    },
    samples: {
      [
        Sample(.tensor(general()), .bool(false), .bool(true)), Sample(.tensor(general().mT.contiguous()), .bool(false), .bool(true)),
        Sample(.tensor(general()), .bool(true), .bool(true), gradient: false),
        Sample(.tensor(general()), .bool(false), .bool(false), gradient: false),
        Sample(error: "linalg.svd", "2 dims", arguments: [.tensor(Tensor([1.0])), .bool(false), .bool(true)]),
      ]
    })
}

extension Linalg {
  // MARK: Eigenvalues

  /// Eigenvalues, real and ascending (…, n), and orthonormal eigenvectors as columns (…, n, n) of symmetric or Hermitian
  /// matrices, of which the triangle `uplo` is read. Gradients of the vectors are finite only for distinct eigenvalues. Same as
  /// `torch.linalg.eigh`.
  public static func eigh(_ a: Tensor, uplo: String = "L") -> (eigenvalues: Tensor, eigenvectors: Tensor) {
    let results = Op.eigh.results([.tensor(a), .string(uplo), .bool(true)])
    return (results[0], results[1])
  }

  /// Only the eigenvalues of `eigh`. Same as `torch.linalg.eigvalsh`.
  public static func eigvalsh(_ a: Tensor, uplo: String = "L") -> Tensor {
    Op.eigh.results([.tensor(a), .string(uplo), .bool(a.isRecorded)])[0]
  }

  /// Complex eigenvalues (…, n), in no order, and eigenvectors of length 1 as columns (…, n, n) of square matrices. Same as
  /// `torch.linalg.eig`.
  public static func eig(_ a: Tensor) -> (eigenvalues: Tensor, eigenvectors: Tensor) {
    let results = Op.eig.results([.tensor(a)])
    return (results[0], results[1])
  }

  /// Only the eigenvalues of `eig`. Same as `torch.linalg.eigvals`.
  public static func eigvals(_ a: Tensor) -> Tensor { eig(a).eigenvalues }

  // MARK: Singular values

  /// U, the singular values S, real and descending, and Vᴴ with A = U diag(S) Vᴴ. Without `fullMatrices` U has shape (…, m, k)
  /// and Vᴴ (…, k, n) with k = min(m, n). Gradients of U and Vᴴ are finite only for distinct singular values. Same as
  /// `torch.linalg.svd`.
  public static func svd(_ a: Tensor, fullMatrices: Bool = true) -> (u: Tensor, s: Tensor, vh: Tensor) {
    let results = Op.svd.results([.tensor(a), .bool(fullMatrices), .bool(true)])
    return (results[0], results[1], results[2])
  }

  /// Only the singular values. Same as `torch.linalg.svdvals`.
  public static func svdvals(_ a: Tensor) -> Tensor {
    Op.svd.results([.tensor(a), .bool(false), .bool(a.isRecorded)])[1]
  }

  /// The largest singular values and vectors U, S and V of a big matrix (…, m, n), approximately: `q` columns slightly more than
  /// the rank looked for, `iterations` of the subspace (Halko et al. 2009); `mean` is subtracted. Same as `torch.svd_lowrank`.
  public static func svdLowRank(
    _ a: Tensor, q: Int = 6, iterations: Int = 2, mean: Tensor? = nil
  ) -> (u: Tensor, s: Tensor, v: Tensor) {
    let results = ErrorScope.guarding(3) {
      try Lapack.checkDType(a, "svd_lowrank")
      try Lapack.checkMatrix(a, "svd_lowrank")
      if q < 0 || q > min(a.size(-1), a.size(-2)) || iterations < 0 {
        throw TensorError.value(
          "svd_lowrank: q must be between 0 and \(min(a.size(-1), a.size(-2))) and iterations not negative, got \(q) and "
            + "\(iterations)")
      }
      let full = mean.map { a - $0 } ?? a
      let flipped = a.size(-2) < a.size(-1)
      let x = flipped ? full.mH : full
      var basis = qr(x.matmul(Tensor.randn([x.size(-1), q], dtype: a.dtype))).q
      for _ in 0..<iterations {
        basis = qr(x.mH.matmul(basis)).q
        basis = qr(x.matmul(basis)).q
      }
      let (u, s, vh) = svd(basis.mH.matmul(x), fullMatrices: false)
      let outer = basis.matmul(u)
      return flipped ? [vh.mH, s, outer] : [outer, s, vh.mH]
    }
    return (results[0], results[1], results[2])
  }

  /// Principal components of rows of observations (…, m, n): U, S and V of `svdLowRank` after the mean of each column is taken
  /// off (`center`). Same as `torch.pca_lowrank`.
  public static func pcaLowRank(
    _ a: Tensor, q: Int? = nil, center: Bool = true, iterations: Int = 2
  ) -> (u: Tensor, s: Tensor, v: Tensor) {
    let q = q ?? (a.rank < 2 ? 6 : min(6, a.size(-1), a.size(-2)))
    return svdLowRank(a, q: q, iterations: iterations, mean: center && a.rank >= 2 ? a.mean(dim: -2, keepDim: true) : nil)
  }
}
