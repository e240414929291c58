import CFirefinch
import FirefinchCore

extension Op {
  /// Bunch and Kaufman's factors of symmetric or Hermitian matrices, LAPACK's pivots and info.
  static let ldlFactorEx: Op = .structured(
    "linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False) -> (Tensor, Tensor, Tensor)", complex: .native,
    plan: { call in
      let a = call.tensor(0)
      try Lapack.checkSquare(a, "linalg.ldl_factor")
      return [
        TensorSpec(a.shape, a.dtype), TensorSpec(Shape(a.batch + [a.size(-1)]), .int32), TensorSpec(Shape(a.batch), .int32),
      ]
    },
    forward: { call, results in
      let ld = ColumnMajor(call.tensor(0)), pivots = LapackVector(call.tensor(0).batch, ld.rows, .int32)
      results[2].fillData(.int(0))
      let hermitian: Int32 = call.bool(1) && call.tensor(0).dtype.isComplex ? 1 : 0
      if ld.rows > 0 {
        try Lapack.each(ld.count, "linalg.ldl_factor", info: results[2]) {
          ff_lapack_sytrf(ld.type, hermitian, Lapack.letter("L"), Int32(ld.rows), ld[$0], pivots.integers($0))
        }
      }
      withNoGrad { results[0].copyData(from: ld.tensor.tril()) }
      results[1].copyData(from: pivots.tensor)
    },
    samples: {
      [
        Sample(.tensor(Tensor([[4.0, 1.0], [1.0, 3.0]], dtype: .float64)), .bool(false)),
        Sample(error: "linalg.ldl_factor", "square", arguments: [.tensor(Tensor.ones([2, 3])), .bool(false)]),
      ]
    })

  /// X of A X = B from those factors; all have the same batch dims.
  static let ldlSolve: Op = .structured(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor", complex: .native,
    plan: { call in
      try Lapack.checkDType(call.tensor(2), "linalg.ldl_solve")
      return [TensorSpec(call.tensor(2).shape, call.tensor(2).dtype)]
    },
    forward: { call, results in
      let ld = ColumnMajor(call.tensor(0)), pivots = LapackVector(call.tensor(1)), b = ColumnMajor(call.tensor(2))
      let hermitian: Int32 = call.bool(3) && call.tensor(0).dtype.isComplex ? 1 : 0
      if b.rows > 0 && b.columns > 0 {
        try Lapack.each(b.count, "linalg.ldl_solve") {
          let (n, k) = (Int32(b.rows), Int32(b.columns))
          return ff_lapack_sytrs(ld.type, hermitian, Lapack.letter("L"), n, k, ld[$0], pivots.integers($0), b[$0])
        }
      }
      results[0].copyData(from: b.tensor)
    },
    samples: {
      let ld = Tensor([[4.0, 0.0], [0.25, 2.75]], dtype: .float64)
      let pivots = Tensor([1, 2], dtype: .int32)
      return [Sample(.tensor(ld), .tensor(pivots), .tensor(Tensor([[1.0], [2.0]], dtype: .float64)), .bool(false))]
    })
}

extension Linalg {
  // MARK: LDL

  /// The factors A = L D Lᵀ (Lᴴ for `hermitian`) of symmetric matrices, of which the lower triangle is read, packed with LAPACK's
  /// pivots. No derivative. Same as `torch.linalg.ldl_factor`.
  public static func ldlFactor(_ a: Tensor, hermitian: Bool = false) -> (ld: Tensor, pivots: Tensor) {
    let results = ErrorScope.guarding(2) {
      let (ld, pivots, info) = ldlFactorEx(a, hermitian: hermitian)
      try Lapack.checkInfo(info, "linalg.ldl_factor") { "D[\($0),\($0)] is zero, so the factors cannot solve systems" }
      return [ld, pivots]
    }
    return (results[0], results[1])
  }

  /// As `ldlFactor`, with LAPACK's info instead of an error. Same as `torch.linalg.ldl_factor_ex`.
  public static func ldlFactorEx(_ a: Tensor, hermitian: Bool = false) -> (ld: Tensor, pivots: Tensor, info: Tensor) {
    let results = Op.ldlFactorEx.results([.tensor(a), .bool(hermitian)])
    return (results[0], results[1], results[2])
  }

  /// X with A X = B from the factors of `ldlFactor`; B has shape (…, n, k). No derivative. Same as `torch.linalg.ldl_solve`.
  public static func ldlSolve(_ ld: Tensor, _ pivots: Tensor, _ b: Tensor, hermitian: Bool = false) -> Tensor {
    ErrorScope.guarding {
      let op = "linalg.ldl_solve"
      if ld.isPoisoned || b.isPoisoned { return ErrorScope.poison() }
      try Lapack.checkSquare(ld, op, "LD")
      try Lapack.checkMatrix(b, op, "B")
      try Lapack.checkSameDType(ld, b, op)
      let n = ld.size(-1)
      if b.size(-2) != n { throw TensorError.shape("\(op): shapes \(ld.shape) and \(b.shape) do not fit A X = B") }
      if !pivots.dtype.isInteger || pivots.shape != Shape(ld.batch + [n]) {
        throw TensorError.shape(
          "\(op): expected integer pivots of shape \(ld.batch + [n]), got \(pivots.dtype.name) of shape \(pivots.shape)")
      }
      let exchanges = pivots.array(Int.self)
      if let wrong = exchanges.first(where: { $0 == 0 || abs($0) > n }) {
        throw TensorError.value("\(op): pivots must be between 1 and \(n) in magnitude, got \(wrong); pass those of ldl_factor")
      }
      // Negative pivots come in pairs, one for each row of a 2 x 2 block.
      for matrix in 0..<(n == 0 ? 0 : exchanges.count / n) {
        var row = 0
        while row < n {
          let isPair = exchanges[matrix * n + row] < 0
          if isPair && (row + 1 == n || exchanges[matrix * n + row + 1] >= 0) {
            throw TensorError.value("\(op): the negative pivot of row \(row + 1) has no partner; pass those of ldl_factor")
          }
          row += isPair ? 2 : 1
        }
      }
      let batch = try Layout.broadcast(Shape(ld.batch), Shape(b.batch), op: op).array
      let pivots = pivots.to(.int32).expand(Shape(batch + [n]))
      return try Op.ldlSolve.call([
        .tensor(ld.batchExpanded(batch).detach()), .tensor(pivots), .tensor(b.batchExpanded(batch).detach()), .bool(hermitian),
      ])[0]
    }
  }
}
