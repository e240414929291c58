import CFirefinch
import FirefinchCore

private func tall() -> Tensor { Tensor([[0.5, 2.0], [3.0, 0.25], [-1.0, 1.5]], dtype: .float64) }

extension Op {
  /// Householder's reflectors below the diagonal, R above and on it, and the reflectors' factors.
  static let geqrf: Op = .structured(
    "geqrf(Tensor self) -> (Tensor, Tensor)", complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkDType(a, "geqrf")
      try Lapack.checkMatrix(a, "geqrf")
      return [TensorSpec(a.shape, a.dtype), TensorSpec(Shape(a.batch + [min(a.size(-1), a.size(-2))]), a.dtype)]
    },
    forward: { call, results in
      let a = ColumnMajor(call.tensor(0))
      let tau = LapackVector(a.tensor.batch, min(a.rows, a.columns), results[1].dtype)
      if a.rows > 0 && a.columns > 0 {
        try Lapack.each(a.count, "geqrf") { ff_lapack_geqrf(a.type, Int32(a.rows), Int32(a.columns), a[$0], tau[$0]) }
      }
      results[0].copyData(from: a.tensor)
      results[1].copyData(from: tau.tensor)
    },
    samples: { [Sample(.tensor(tall())), Sample(error: "geqrf", "2 dims", arguments: [.tensor(Tensor([1.0]))])] })

  /// The first columns of the product of reflectors.
  static let householderProduct: Op = .structured(
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor", complex: .native,
    plan: { call in
      try Lapack.checkDType(call.tensor(0), "linalg.householder_product")
      return [TensorSpec(call.tensor(0).shape, call.tensor(0).dtype)]
    },
    forward: { call, results in
      let q = ColumnMajor(call.tensor(0)), tau = LapackVector(call.tensor(1))
      if q.rows > 0 && q.columns > 0 {
        try Lapack.each(q.count, "linalg.householder_product") {
          ff_lapack_orgqr(q.type, Int32(q.rows), Int32(q.columns), Int32(call.tensor(1).size(-1)), q[$0], tau[$0])
        }
      }
      results[0].copyData(from: q.tensor)
    },
    samples: {
      let a = Tensor([[0.5, 2.0], [0.3, 0.25], [-0.4, 0.5]], dtype: .float64)
      return [Sample(.tensor(a), .tensor(Tensor([1.2, 1.1], dtype: .float64)))]
    })

  /// A product with the full Q of the reflectors.
  static let ormqr: Op = .structured(
    "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor", complex: .native,
    plan: { call in
      try Lapack.checkDType(call.tensor(2), "ormqr")
      return [TensorSpec(call.tensor(2).shape, call.tensor(2).dtype)]
    },
    forward: { call, results in
      let a = ColumnMajor(call.tensor(0)), tau = LapackVector(call.tensor(1)), c = ColumnMajor(call.tensor(2))
      if c.rows > 0 && c.columns > 0 && call.tensor(1).elementCount > 0 {
        let (left, transpose, k) = (call.bool(3), call.bool(4), Int32(call.tensor(1).size(-1)))
        try Lapack.each(c.count, "ormqr") {
          ff_lapack_ormqr(
            c.type, Lapack.letter(left ? "L" : "R"), transpose ? 1 : 0, Int32(c.rows), Int32(c.columns), k, a[$0], tau[$0],
            c[$0])
        }
      }
      results[0].copyData(from: c.tensor)
    },
    samples: {
      let a = Tensor([[0.5, 2.0], [0.3, 0.25], [-0.4, 0.5]], dtype: .float64), tau = Tensor([1.2, 1.1], dtype: .float64)
      return [Sample(.tensor(a), .tensor(tau), .tensor(tall()), .bool(true), .bool(false))]
    })

  /// Q and R; mode reduced, complete or r.
  static let qr: Op = .structured(
    "linalg_qr(Tensor A, str mode='reduced') -> (Tensor, Tensor)", saves: .outputs(0, 1), complex: .native,
    plan: { call in
      let (a, mode) = (call.tensor(0), call.string(1))
      try Lapack.checkDType(a, "linalg.qr")
      try Lapack.checkMatrix(a, "linalg.qr")
      if !["reduced", "complete", "r"].contains(mode) {
        throw TensorError.value("linalg.qr: the mode must be 'reduced', 'complete' or 'r', got '\(mode)'")
      }
      let (m, n) = (a.size(-2), a.size(-1))
      let width = mode == "complete" ? m : min(m, n)
      let q = mode == "r" ? Shape([0]) : Shape(a.batch + [m, width])
      return [TensorSpec(q, a.dtype), TensorSpec(Shape(a.batch + [width, n]), a.dtype)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      let (m, n) = (x.size(-2), x.size(-1))
      let width = results[1].size(-2), k = min(m, n)
      // Room for as many columns as Q may get.
      let a = ColumnMajor(x, columns: Swift.max(n, width))
      let tau = LapackVector(x.batch, k, x.dtype)
      if k > 0 { try Lapack.each(a.count, "linalg.qr") { ff_lapack_geqrf(a.type, Int32(m), Int32(n), a[$0], tau[$0]) } }
      withNoGrad { results[1].copyData(from: a.corner(width, n).triu()) }
      if results[0].rank < 2 || m == 0 || width == 0 { return }
      try Lapack.each(a.count, "linalg.qr") {
        ff_lapack_orgqr(a.type, Int32(m), Int32(width), Int32(k), a[$0], tau[$0])
      }
      results[0].copyData(from: a.corner(m, width))
    },
    derivative: { c in
      let (q, r) = (c.output(0), c.output(1))
      if q.rank < 2 { return [c.mistake("linalg.qr: mode 'r' has no derivative, because Q is not computed")] }
      let (m, k, n) = (q.size(-2), q.size(-1), r.size(-1))
      if m == k && m > n { return [c.mistake("linalg.qr: mode 'complete' has a derivative for m <= n only, got \(m) x \(n)")] }
      let few = min(m, n)
      let gr = c.grad(1)
      var gq = c.grad(0)
      let square = r.narrow(dim: -1, start: 0, length: few)
      if n > few {
        // The further columns Y give V = Q^H Y.
        let (v, gv) = (r.narrow(dim: -1, start: few, length: n - few), gr.narrow(dim: -1, start: few, length: n - few))
        gq = gq + q.matmul(v).matmul(gv.mH)
      }
      // Walter and Lehmann 2018: (g + Q copyltu(M)) R^-H.
      let gram = gr.narrow(dim: -1, start: 0, length: few).matmul(square.mH) - q.mH.matmul(gq)
      let upper = gram.triu(1)
      let symmetric = upper + upper.mH + gram.diagonals.real.to(gram.dtype).diagEmbed()
      let first = Linalg.solveTriangular(square.mH, gq + q.matmul(symmetric), upper: false, left: false)
      if n == few { return [first] }
      return [Tensor.cat([first, q.matmul(gr.narrow(dim: -1, start: few, length: n - few))], dim: -1)]
    },
    samples: {
      [
        Sample(.tensor(tall()), .string("reduced")), Sample(.tensor(tall().mT.contiguous()), .string("reduced")),
        Sample(.tensor(tall().narrow(dim: 0, start: 0, length: 2)), .string("complete")),
        Sample(.tensor(tall()), .string("complete"), gradient: false), Sample(.tensor(tall()), .string("r"), gradient: false),
        Sample(error: "linalg.qr", "mode", "thin", arguments: [.tensor(tall()), .string("thin")]),
      ]
    })
}

extension Gradient {
  /// Reports that there is no derivative here.
  func mistake(_ message: String) -> Tensor { Mistake.report(TensorError.autograd(message)) }
}

extension Linalg {
  // MARK: QR

  /// How much of Q is computed. Same as `mode` of `torch.linalg.qr`.
  public enum QRMode: String, Sendable { case reduced, complete, r }

  /// Q with orthonormal columns and upper triangular R with A = Q R. Same as `torch.linalg.qr`.
  public static func qr(_ a: Tensor, mode: QRMode = .reduced) -> (q: Tensor, r: Tensor) {
    let results = Op.qr.results([.tensor(a), .string(mode.rawValue)])
    return (results[0], results[1])
  }

  /// Householder's reflectors (below the diagonal) with R (above and on it), and the reflectors' factors tau. No derivative.
  /// Same as `torch.geqrf`.
  public static func geqrf(_ a: Tensor) -> (a: Tensor, tau: Tensor) {
    let results = Op.geqrf.results([.tensor(a)])
    return (results[0], results[1])
  }

  private static func checkReflectors(_ a: Tensor, _ tau: Tensor, _ op: String) throws {
    try Lapack.checkDType(a, op)
    try Lapack.checkMatrix(a, op, "input")
    try Lapack.checkSameDType(a, tau, op)
    let (m, n, k) = (a.size(-2), a.size(-1), tau.rank == 0 ? 0 : tau.size(-1))
    if m < n { throw TensorError.shape("\(op): input must have at least as many rows as columns, got shape \(a.shape)") }
    if tau.rank != a.rank - 1 || tau.shape.array.dropLast() != a.batch[...] || k > n {
      throw TensorError.shape("\(op): tau of shape \(tau.shape) does not belong to input of shape \(a.shape)")
    }
  }

  /// The first n columns of the product of k reflectors, input (…, m, n) and tau (…, k) as of `geqrf`. Same as
  /// `torch.linalg.householder_product`.
  public static func householderProduct(_ a: Tensor, _ tau: Tensor) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned || tau.isPoisoned { return ErrorScope.poison() }
      try checkReflectors(a, tau, "linalg.householder_product")
      if !a.isRecorded && !tau.isRecorded { return try Op.householderProduct.call([.tensor(a), .tensor(tau)])[0] }
      return reflected(a, tau, a.detach().identities, transposed: false)
    }
  }

  /// Q C, the reflectors one after another so that gradients flow: k steps of O(m n).
  private static func reflected(_ a: Tensor, _ tau: Tensor, _ c: Tensor, transposed: Bool) -> Tensor {
    let k = tau.size(-1)
    var result = c
    let vectors = a.tril(-1) + a.detach().identities
    for i in transposed ? Array(0..<k) : Array((0..<k).reversed()) {
      let v = vectors.narrow(dim: -1, start: i, length: 1)
      let factor = tau.narrow(dim: -1, start: i, length: 1).unsqueeze(dim: -1)
      result = result - (transposed ? factor.conj() : factor) * v.matmul(v.mH.matmul(result))
    }
    return result
  }

  /// Q C, Qᴴ C (`transpose`), C Q or C Qᴴ (not `left`) with the full Q of the reflectors. Same as `torch.ormqr`.
  public static func ormqr(_ a: Tensor, _ tau: Tensor, _ c: Tensor, left: Bool = true, transpose: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned || tau.isPoisoned || c.isPoisoned { return ErrorScope.poison() }
      try Lapack.checkDType(a, "ormqr")
      try Lapack.checkMatrix(a, "ormqr", "input")
      try Lapack.checkMatrix(c, "ormqr", "other")
      try Lapack.checkSameDType(a, tau, "ormqr")
      try Lapack.checkSameDType(a, c, "ormqr")
      let k = tau.rank == 0 ? 0 : tau.size(-1)
      if tau.rank != a.rank - 1 || c.rank != a.rank || tau.shape.array.dropLast() != a.batch[...] || c.batch != a.batch
        || k > a.size(-1) || k > a.size(-2) || c.size(left ? -2 : -1) != a.size(-2)
      {
        throw TensorError.shape(
          "ormqr: input \(a.shape), tau \(tau.shape) and other \(c.shape) do not belong together: expected (…, m, k), (…, k) "
            + "and other with m \(left ? "rows" : "columns")")
      }
      if !a.isRecorded && !tau.isRecorded && !c.isRecorded {
        return try Op.ormqr.call([.tensor(a), .tensor(tau), .tensor(c), .bool(left), .bool(transpose)])[0]
      }
      if left { return reflected(a, tau, c, transposed: transpose) }
      return reflected(a, tau, c.mH, transposed: !transpose).mH
    }
  }
}
