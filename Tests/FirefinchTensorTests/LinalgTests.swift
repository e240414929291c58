import Firefinch
import FirefinchTestSupport
import Testing

/// torch.linalg against PyTorch's numbers (`goldens/make_linalg.py`) and its errors. Skipped where LAPACK is switched off.
@Suite(.enabled(if: OpCatalog.available.count == OpCatalog.all.count, "LAPACK is not here"))
struct LinalgTests {
  private static func positive(_ a: Tensor) -> Tensor { a.matmul(a.mH) + 2 * Tensor.eye(3, dtype: .float64) }

  private static let functions: [String: @Sendable ([Tensor]) -> Tensor] = [
    "cholesky": { Linalg.cholesky(positive($0[0])) },
    "cholesky_upper": { Linalg.cholesky(positive($0[0]), upper: true) },
    "inv": { Linalg.inv($0[0]) },
    "solve": { Linalg.solve($0[0], $0[1]) },
    "solve_right": { Linalg.solve($0[0], $0[1], left: false) },
    "det": { Linalg.det($0[0]) },
    "slogdet": { Linalg.slogdet($0[0]).logAbsDet },
    "lu_solve": { x in
      let (lu, pivots) = Linalg.luFactor(x[0])
      return Linalg.luSolve(lu, pivots, x[1])
    },
    "lu_product": { x in
      let (_, l, u) = Linalg.lu(x[0])
      return l.sum(dim: -1) + u.sum(dim: -1)
    },
    "qr_abs": { x in
      let (q, r) = Linalg.qr(x[0])
      return q.abs() + r.abs().sum(dim: [-2, -1], keepDim: true)
    },
    "eigvalsh": { Linalg.eigvalsh($0[0] + $0[0].mH) },
    "eigh_abs": { Linalg.eigh($0[0] + $0[0].mH).eigenvectors.abs() },
    "svdvals": { Linalg.svdvals($0[0]) },
    "svd_abs": { x in
      let (u, s, vh) = Linalg.svd(x[0], fullMatrices: false)
      return u.abs().sum(dim: -2) + s + vh.abs().sum(dim: -1)
    },
    "pinv": { Linalg.pinv($0[0]) },
    "lstsq": { Linalg.lstsq($0[0], $0[1], driver: .gelsd).solution },
    "matrix_exp": { Linalg.matrixExp($0[0]) },
    "matrix_power": { Linalg.matrixPower($0[0], -2) },
    "nuclear": { Linalg.matrixNorm($0[0], .nuc) },
    "tensorsolve": { Linalg.tensorSolve($0[0], $0[1]) },
  ]

  private static func flat(_ x: Tensor) -> [Double] {
    (x.dtype.isComplex ? x.detach().viewAsReal() : x.detach()).contiguous().array(Double.self)
  }

  @Test func resultsAndGradientsArePyTorchs() throws {
    let cases = try Golden.cases("linalg.json")
    #expect(cases.count == 2 * Self.functions.count)
    for golden in cases {
      let name = golden["name"].string, isComplex = golden["complex"].bool
      let inputs = zip(golden["inputs"].list, golden["shapes"].list).map { numbers, shape -> Tensor in
        let sizes = shape.ints
        let x = Tensor(numbers.doubles, shape: Shape(isComplex ? sizes + [2] : sizes), dtype: .float64)
        return (isComplex ? x.viewAsComplex() : x).clone().requiresGrad_()
      }
      let function = try #require(Self.functions[name])
      let y = function(inputs)
      let weights = Tensor.linspace(0.5, 1.5, y.elementCount, dtype: .float64).reshape(y.shape)
      let gradients = grad(of: [(weights * y.real).sum()], wrt: inputs)
      for (got, want) in zip([y] + gradients.compactMap { $0 }, golden["outputs"].list + golden["grads"].list) {
        let (a, b) = (Self.flat(got), want.doubles)
        let scale = b.reduce(1) { max($0, abs($1)) }
        let worst = zip(a, b).map { abs($0 - $1) }.max() ?? 0
        #expect(a.count == b.count && worst < 1e-9 * scale, "\(name) complex \(isComplex): off by \(worst)")
      }
    }
  }

  @Test func decompositionsOfHermitianInputsDifferentiate() {
    let a = Tensor([0.4, -1.1, 0.7, 0.3, 1.9, -0.6, 0.8, 0.2, -1.4], shape: [3, 3], dtype: .float64)
    for function: @Sendable ([Tensor]) -> [Tensor] in [
      { [Linalg.cholesky(Self.positive($0[0]))] }, { [Linalg.eigvalsh($0[0] + $0[0].mT)] },
      { [Linalg.choleskySolve($0[0], factor: Linalg.cholesky(Self.positive($0[0])))] },
      { [Linalg.pinv($0[0].narrow(dim: 1, start: 0, length: 2))] }, { [Linalg.det($0[0])] },
    ] {
      let first = Gradcheck.check([a.clone().requiresGrad_()], function)
      #expect(first == nil, "\(first!)")
      let second = Gradcheck.checkSecond([a.clone().requiresGrad_()], function)
      #expect(second == nil, "\(second!)")
    }
  }

  @Test func theDeterminantOfASingularMatrixHasItsAdjugateAsGradient() {
    let a = Tensor([1.0, 2, 3, 2, 4, 6, 1, 1, 1], shape: [3, 3], dtype: .float64).requiresGrad_()
    let d = Linalg.det(a)
    d.backward()
    let adjugate: [Double] = [-2, 4, -2, 1, -2, 1, 0, 0, 0]
    #expect(abs(d.doubleValue) < 1e-12)
    let got = a.grad!.array(Double.self)
    #expect(zip(got, adjugate).allSatisfy { abs($0 - $1) < 1e-9 }, "\(got)")
  }

  @Test func mistakesAreExplained() {
    let mistakes: [([String], @Sendable () -> Void)] = [
      (["linalg.inv", "singular"], { _ = Linalg.inv(Tensor([1.0, 2, 2, 4], shape: [2, 2])) }),
      (["linalg.solve", "singular"], { _ = Linalg.solve(Tensor([1.0, 2, 2, 4], shape: [2, 2]), Tensor([1.0, 1])) }),
      (["linalg.cholesky", "positive-definite"], { _ = Linalg.cholesky(-Tensor.eye(2)) }),
      (["linalg.svd", "NaN"], { _ = Linalg.svd(Tensor([Double.nan, 1], shape: [1, 2])) }),
      (["linalg.eigh", "UPLO"], { _ = Linalg.eigh(Tensor.eye(2), uplo: "X") }),
      (["linalg.solve", "[2, 2]", "[3, 1]"], { _ = Linalg.solve(Tensor.eye(2), Tensor.ones([3, 1])) }),
      (["lu_unpack", "pivots"], { _ = Linalg.luUnpack(Tensor.eye(2), Tensor([1, 9], dtype: .int32)) }),
      (["linalg.ldl_solve", "partner"], {
        _ = Linalg.ldlSolve(Tensor.eye(2), Tensor([1, -2], dtype: .int32), Tensor.ones([2, 1]))
      }),
    ]
    for (words, call) in mistakes {
      let error = #expect(throws: TensorError.self) { try withErrors { call() } }
      for word in words { #expect(error?.message.contains(word) ?? false, "\(word) is missing in: \(error?.message ?? "")") }
    }
  }
}
