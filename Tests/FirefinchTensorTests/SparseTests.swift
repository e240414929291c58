import Firefinch
import FirefinchTestSupport
import Testing

/// Sparse tensors against PyTorch (`goldens/make_sparse.py`), finite differences, and mistakes.
@Suite struct SparseTests {
  /// A sparse result as the script writes it.
  private static func parts(_ x: SparseTensor) -> [Tensor] {
    let y = x.coalesced()
    let indices: [Tensor] =
      switch y.layout {
      case .coo: [y.indices]
      case .csr, .bsr: [y.crowIndices, y.colIndices]
      case .csc, .bsc: [y.ccolIndices, y.rowIndices]
      }
    return [x.toDense()] + indices + [y.values.detach()]
  }

  private static func add(_ c: inout GoldenCases, _ name: String, _ function: @escaping ([Tensor]) -> SparseTensor) {
    c.addMany(name) { parts(function($0)) }
  }

  /// `x` at its elements that are not 0, as a matrix of compressed rows.
  private static func csr(_ x: Tensor) -> SparseTensor { x.toSparse(.csr) }
  private static func mask(_ x: Tensor) -> SparseTensor { (x .> 0).toSparse() }

  @Test func resultsAndGradientsAreTorchs() throws {
    var cases = GoldenCases()
    Self.addConversions(&cases)
    Self.addArithmetic(&cases)
    Self.addProducts(&cases)
    Self.addMasked(&cases)
    Self.addOptimizers(&cases)
    let failures = try cases.failures("sparse.json")
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  private static func addConversions(_ c: inout GoldenCases) {
    let places = Tensor([0, 2, 0, 1, 1, 0, 1, 2], shape: [2, 4])
    add(&c, "to_sparse") { $0[0].toSparse() }
    add(&c, "to_sparse_hybrid") { $0[0].toSparse(sparseDim: 1) }
    add(&c, "to_sparse_int32") { $0[0].toSparse() }
    add(&c, "to_csr") { csr($0[0]) }
    add(&c, "to_csr_batch") { csr($0[0]) }
    add(&c, "to_csr_dense") { $0[0].toSparse(.csr, denseDim: 1) }
    add(&c, "to_csc") { $0[0].toSparse(.csc) }
    add(&c, "to_bsr") { $0[0].toSparse(.bsr, blockSize: (2, 3)) }
    add(&c, "to_bsc") { $0[0].toSparse(.bsc, blockSize: (2, 2)) }
    add(&c, "csr_to_csc") { csr($0[0]).toLayout(.csc) }
    add(&c, "empty_rows") { csr($0[0]) }
    add(&c, "coalesce") { SparseTensor.coo(places, $0[0], shape: [3, 3]).coalesced() }
    add(&c, "coalesce_hybrid") { SparseTensor.coo(places, $0[0], shape: [3, 3, 2]).coalesced() }
    add(&c, "coalesce_bool") { SparseTensor.coo(places, $0[0], shape: [3, 3]).coalesced() }
    add(&c, "sparse_mask") { $0[0].sparseMask($0[1].toSparse()) }
    add(&c, "zeros_like_csc") { csr($0[0]).zerosLike(layout: .csc) }
    add(&c, "t") { csr($0[0]).t() }
  }

  private static func addArithmetic(_ c: inout GoldenCases) {
    add(&c, "add") { $0[0].toSparse() + $0[1].toSparse() }
    add(&c, "add_alpha_csr") { csr($0[0]).add(csr($0[1]), alpha: 2) }
    add(&c, "mul") { $0[0].toSparse() * $0[1].toSparse() }
    add(&c, "mul_dense") { $0[0].toSparse() * $0[1] }
    add(&c, "mul_number") { $0[0].toSparse() * 2.5 }
    add(&c, "mul_bsr_number") { $0[0].toSparse(.bsr, blockSize: (2, 3)).mul(Tensor(2.5)) }
    add(&c, "div") { $0[0].toSparse() / 4 }
    add(&c, "neg") { -$0[0].toSparse() }
    add(&c, "sqrt_abs") { $0[0].toSparse().abs().sqrt() }
    c.add("sum") { $0[0].toSparse().sum() }
    add(&c, "sum_0") { $0[0].toSparse().sum(dim: [0]).sparse! }
    add(&c, "sum_dense_dim") { $0[0].toSparse(sparseDim: 2).sum(dim: [2]).sparse! }
    c.add("sum_all_keep") { $0[0].toSparse().sum(dim: [0, 1], keepDim: true).dense! }
    add(&c, "sum_keep_hybrid") { $0[0].toSparse(sparseDim: 2).sum(dim: [2], keepDim: true).sparse! }
    add(&c, "sum_csr") { csr($0[0]).sum(dim: [1], keepDim: true).sparse! }
    add(&c, "sum_int") { $0[0].toSparse().sum(dim: [0]).sparse! }
  }

  private static func addProducts(_ c: inout GoldenCases) {
    c.add("mm") { $0[0].toSparse().mm($0[1]) }
    c.add("mm_csr") { csr($0[0]).mm($0[1]) }
    add(&c, "mm_sparse") { $0[0].toSparse().mm($0[1].toSparse()) }
    add(&c, "mm_sparse_csr") { csr($0[0]).mm(csr($0[1])) }
    c.add("dense_mm") { $0[0].mm(csr($0[1])) }
    for reduce in [SparseTensor.Reduction.sum, .mean, .amax, .amin] {
      c.add("mm_\(reduce.rawValue)") { csr($0[0]).mm($0[1], reduce: reduce) }
    }
    c.add("addmm") { $0[1].toSparse().addmm($0[0], $0[2], beta: 2, alpha: 3) }
    add(&c, "sampled_addmm") { csr($0[0]).sampledAddmm($0[1], $0[2], beta: 0.5, alpha: 2) }
    add(&c, "softmax") { $0[0].toSparse().softmax(dim: 1) }
    add(&c, "softmax_0") { $0[0].toSparse().softmax(dim: 0) }
    add(&c, "log_softmax_hybrid") { $0[0].toSparse(sparseDim: 1).logSoftmax(dim: 0) }
    add(&c, "softmax_dense_dim") { $0[0].toSparse(sparseDim: 1).softmax(dim: 1) }
  }

  private static func addMasked(_ c: inout GoldenCases) {
    for how in [Masked.SparseReduction.sum, .prod, .amax, .amin] {
      let name = "masked_\(how.rawValue)"
      add(&c, name) { Masked.sparse(how, $0[0].toSparse(), dim: [0], mask: mask($0[1])) }
      add(&c, name + "_keep") { Masked.sparse(how, $0[0].toSparse(), dim: [0, 1], keepDim: true, mask: mask($0[1])) }
      add(&c, name + "_csr") { Masked.sparse(how, csr($0[0]), dim: [0], keepDim: true, mask: csr($0[1] .> 0)) }
    }
    add(&c, "masked_broadcast") { Masked.sparse(.sum, $0[0].toSparse(), dim: [1], mask: mask($0[1])) }
    add(&c, "masked_nothing") {
      Masked.sparse(.prod, $0[0].toSparse(), dim: [0, 1], mask: Tensor.zeros([4, 6], dtype: .bool).toSparse())
    }
    add(&c, "masked_mean_csr") { Masked.sparse(.mean, csr($0[0]), dim: [0], keepDim: true, mask: csr($0[1] .> 0)) }
  }

  private static func addOptimizers(_ c: inout GoldenCases) {
    /// Five steps of a table with sparse gradients of the rows looked up.
    func steps(_ table: Tensor, _ rows: Tensor, _ make: ([Tensor]) -> Optimizer) -> Tensor {
      let table = table.clone().requiresGrad_()
      let optimizer = make([table])
      for row in rows.reshape([5, 2]).unbind(dim: 0) {
        optimizer.zeroGrad()
        table.embedding(row, sparse: true).square().sum().backward()
        optimizer.step()
      }
      return table.detach()
    }
    c.add("sparse_adam") { steps($0[0], $0[1]) { SparseAdam($0, lr: 0.1) } }
    c.add("sparse_adam_maximize") { steps($0[0], $0[1]) { SparseAdam($0, lr: 0.1, betas: (0.8, 0.9), maximize: true) } }
    c.add("sparse_sgd") { steps($0[0], $0[1]) { SGD($0, lr: 0.1) } }
    c.add("sparse_adagrad") { steps($0[0], $0[1]) { Adagrad($0, lr: 0.1, lrDecay: 0.1) } }
  }

  // MARK: Derivatives

  private static let places = Tensor([0, 2, 0, 1, 1, 0, 1, 2], shape: [2, 4])
  private static func numbers(_ shape: Shape, _ seed: Int = 0) -> Tensor {
    let values = (0..<shape.elementCount).map { Double(($0 * 37 + seed * 11 + 5) % 23) / 8 - 1.3 }
    return Tensor(values, shape: shape, dtype: .float64).requiresGrad_()
  }

  @Test func gradientsOfValuesEqualFiniteDifferences() {
    func coo(_ values: Tensor) -> SparseTensor { .coo(Self.places, values, shape: [3, 3]) }
    let (v, w, d) = (Self.numbers([4]), Self.numbers([4], 1), Self.numbers([3, 2], 2))
    #expect(Gradcheck.check([v]) { [coo($0[0]).toDense()] } == nil)
    #expect(Gradcheck.check([v, d]) { [coo($0[0]).mm($0[1])] } == nil)
    #expect(Gradcheck.check([v, w]) { [coo($0[0]).mm(coo($0[1])).toDense()] } == nil)
    #expect(Gradcheck.check([v, w]) { [(coo($0[0]) * coo($0[1])).toDense()] } == nil)
    #expect(Gradcheck.check([v]) { [coo($0[0]).softmax(dim: 1).toDense()] } == nil)
    #expect(Gradcheck.check([v]) { [coo($0[0]).sum(dim: [0]).sparse!.toDense()] } == nil)
    #expect(Gradcheck.check([v]) { [coo($0[0]).toLayout(.csr).toDense()] } == nil)
    #expect(Gradcheck.check([v, d]) { [coo($0[0]).toLayout(.csr).mm($0[1], reduce: .mean)] } == nil)
    #expect(Gradcheck.check([v, d]) { [coo($0[0]).toLayout(.csr).mm($0[1], reduce: .amax)] } == nil)
    #expect(Gradcheck.checkSecond([v, d]) { [coo($0[0]).mm($0[1])] } == nil)
    let (a, b) = (Self.numbers([3, 2], 3), Self.numbers([2, 3], 4))
    #expect(Gradcheck.check([v, a, b]) { [coo($0[0]).toLayout(.csr).sampledAddmm($0[1], $0[2]).toDense()] } == nil)
    #expect(Gradcheck.check([Self.numbers([5, 2])]) { [$0[0].embedding(Tensor([1, 4, 1]), sparse: true)] } == nil)
  }

  @Test func tablesGetSparseGradients() throws {
    let table = Embedding(5, 2, paddingIdx: 3, sparse: true)
    table(Tensor([1, 3, 1])).sum().backward()
    table(Tensor([4])).sum().backward()
    let grad = try #require(table.weight.sparseGrad)
    #expect(table.weight.grad == nil)
    #expect(grad.indices.array(Int.self) == [1, 4])
    #expect(grad.values.array(Double.self) == [2, 2, 1, 1])
    // A dense gradient joins a sparse one.
    (table.weight * 1).sum().backward()
    #expect(table.weight.sparseGrad == nil)
    #expect(table.weight.grad?.array(Double.self) == [1, 1, 3, 3, 1, 1, 1, 1, 2, 2])
    table.zeroGrad()
    #expect(table.weight.grad == nil)
    let bag = EmbeddingBag(4, 2, mode: .mean, sparse: true)
    bag(Tensor([0, 2, 2, 2]), offsets: Tensor([0, 2])).sum().backward()
    #expect(bag.weight.sparseGrad?.indices.array(Int.self) == [0, 2])
    #expect(bag.weight.sparseGrad?.values.array(Double.self) == [0.5, 0.5, 1.5, 1.5])
  }

  // MARK: Mistakes

  private func expectMistake(_ words: String..., line: Int = #line, _ body: () -> Void) {
    let error = #expect(throws: TensorError.self, "line \(line)") { try withErrors(body) }
    for word in words { #expect(error?.message.contains(word) ?? false, "line \(line): \(error?.message ?? "")") }
  }

  @Test func mistakesAreNamed() {
    let square = Tensor.ones([3, 3]).toSparse()
    expectMistake("sparse_coo_tensor", "out of range for size 3") { _ = SparseTensor.coo(Tensor([[5]]), Tensor([1.0]), shape: [3]) }
    expectMistake("sparse_coo_tensor", "indices (dims, nnz)") { _ = SparseTensor.coo(Tensor([5]), Tensor([1.0])) }
    expectMistake("64 bits") { _ = SparseTensor.coo(Tensor([[0], [0]]), Tensor([1.0]), shape: [1 << 40, 1 << 40]) }
    func compressed(_ starts: [Int], _ places: [Int]) {
      _ = SparseTensor.compressed(.csr, Tensor(starts), Tensor(places), Tensor.ones([places.count]), shape: [2, 3])
    }
    expectMistake("begin with 0 and end with nnz = 2") { compressed([0, 1, 1], [0, 1]) }
    expectMistake("ascend within a row") { compressed([0, 2, 2], [1, 0]) }
    expectMistake("out of range for size 3") { compressed([0, 1, 2], [0, 3]) }
    expectMistake("takes compressed indices") { compressed([0, 2], [0, 1]) }
    expectMistake("do not divide 3 x 3") { _ = square.toLayout(.bsr, blockSize: (2, 2)) }
    expectMistake("give a block size") { _ = square.toLayout(.bsr) }
    expectMistake("to_sparse", "1 to 2 sparse dims") { _ = Tensor.ones([2, 2]).toSparse(sparseDim: 3) }
    expectMistake("has no crowIndices") { _ = square.crowIndices }
    expectMistake("sparse.mm", "[3, 3] and [2, 2]") { _ = square.mm(Tensor.ones([2, 2])) }
    expectMistake("expected a csr tensor") { _ = square.sampledAddmm(Tensor.ones([3, 1]), Tensor.ones([1, 3])) }
    expectMistake("need a mask") { _ = Masked.sparse(.amax, square) }
    expectMistake("Adam", "sparse gradient", "SparseAdam") {
      let table = Tensor.ones([3, 2]).requiresGrad_()
      table.embedding(Tensor([1]), sparse: true).sum().backward()
      Adam([table]).step()
    }
    expectMistake("SparseAdam", "dense gradient") {
      let table = Tensor.ones([3, 2]).requiresGrad_()
      table.sum().backward()
      SparseAdam([table]).step()
    }
    expectMistake("SparseAdam: lr must be above 0") { _ = SparseAdam([Tensor.ones([1])], lr: 0) }
  }

  @Test func failedResultsGoOnWithoutTraps() {
    let error = #expect(throws: TensorError.self) {
      try withErrors {
        for layout in SparseLayout.allCases {
          let bad = SparseTensor.coo(Tensor([5]), Tensor([1.0])).toLayout(layout, blockSize: (1, 1))
          #expect(bad.isPoisoned)
          _ = (bad.nnz, bad.sparseDim, bad.denseDim, bad.blockSize, bad.description)
          _ = (bad + bad, bad * bad, bad * 2, -bad, bad.t(), bad.sum(), bad.zerosLike(), bad.toDense(), bad.coalesced())
          _ = (bad.mm(Tensor.ones([1, 1])), bad.mm(bad), bad.softmax(dim: 0), bad.sum(dim: [0]), bad.abs())
        }
      }
    }
    #expect(error?.message.contains("sparse_coo_tensor") ?? false)
  }

  @Test func descriptionNamesThePartsAndTheLayout() {
    let text = Tensor([[0.0, 1.5], [0.0, 0.0]]).toSparse(.csr).description
    for word in ["crow_indices=", "col_indices=", "values=", "nnz=1", "layout=torch.sparse_csr"] { #expect(text.contains(word)) }
  }

  /// A million columns and rows, ten elements: nothing may grow with the shape.
  @Test func memoryFollowsTheStoredElements() {
    let at = Tensor((0..<10).map { $0 * 99_991 })
    let x = SparseTensor.coo(Tensor.stack([at, at]), Tensor.ones([10]), shape: [1 << 20, 1 << 20])
    let y = (x + x).mul(x) - x * 0.5
    #expect(y.nnz == 10)
    #expect(y.sum().doubleValue == 15)
    #expect(y.sum(dim: [0]).sparse?.nnz == 10)
    #expect(y.softmax(dim: 1).sum().doubleValue == 10)
  }
}
