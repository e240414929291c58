import Firefinch
import FirefinchTestSupport
import Testing

@Suite struct ShapeOpTests {
  @Test func shapeOpsAreAsInPyTorch() throws {
    var cases = GoldenCases()
    addRearrangements(&cases)
    addDiagonals(&cases)
    addAxes(&cases)
    addProducts(&cases)
    let failures = try cases.failures("shapes.json") { name in
      guard name.hasPrefix("einsum ") else { return nil }
      return { [Tensor.einsum(String(name.dropFirst(7)), $0)] }
    }
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  private func addRearrangements(_ c: inout GoldenCases) {
    c.add("flip") { $0[0].flip(0, -1) }
    c.add("flip_int8") { $0[0].flip(1) }
    c.add("flip_empty") { $0[0].flip(0) }
    c.add("fliplr") { $0[0].fliplr() }
    c.add("flipud") { $0[0].flipud() }
    c.add("roll") { $0[0].roll(1) }
    c.add("roll_dim") { $0[0].roll(-2, dim: 1) }
    c.add("roll_dims") { $0[0].roll([3, -1], dims: [0, 2]) }
    for k in -1...3 { c.add("rot90_\(k)") { $0[0].rot90(k) } }
    c.add("rot90_dims") { $0[0].rot90(1, dims: (2, 0)) }
    c.add("tile") { $0[0].tile(2, 3) }
    c.add("tile_short") { $0[0].tile(2) }
    c.add("repeat") { $0[0].repeat(2, 1, 3) }
    c.add("repeat_zero") { $0[0].repeat(0, 2) }
    c.add("repeat_interleave") { $0[0].repeatInterleave(2) }
    c.add("repeat_interleave_dim") { $0[0].repeatInterleave(3, dim: 1) }
    c.add("repeat_interleave_counts") { $0[0].repeatInterleave($0[1], dim: 0) }
    c.add("movedim") { $0[0].movedim(0, -1) }
    c.add("movedim_many") { $0[0].movedim([0, 2], [1, 0]) }
    c.addMany("swapaxes") { [$0[0].swapaxes(0, 2), $0[0].swapdims(-1, 1)] }
  }

  private func addDiagonals(_ c: inout GoldenCases) {
    c.add("diagonal") { $0[0].diagonal() }
    c.add("diagonal_offset") { $0[0].diagonal(offset: 1, dim1: 1, dim2: 2) }
    c.add("diagonal_below") { $0[0].diagonal(offset: -1, dim1: -2, dim2: -1) }
    c.add("diagonal_far") { $0[0].diagonal(offset: 9) }
    c.add("diag_vector") { $0[0].diag(1) }
    c.add("diag_matrix") { $0[0].diag(-1) }
    c.add("diag_embed") { $0[0].diagEmbed() }
    c.add("diag_embed_dims") { $0[0].diagEmbed(offset: -1, dim1: 0, dim2: 2) }
    c.add("diagflat") { $0[0].diagflat(1) }
    c.add("diagonal_scatter") { $0[0].diagonalScatter($0[1], offset: 1) }
    for k in [-1, 0, 2] {
      c.add("tril_\(k)") { $0[0].tril(k) }
      c.add("triu_\(k)") { $0[0].triu(k) }
    }
    for name in ["tril_bool", "tril_int"] { c.add(name) { $0[0].tril() } }
    c.add("triu_nan") { $0[0].triu() }
    c.add("tril_indices") { _ in Tensor.trilIndices(3, 4, offset: 1) }
    c.add("triu_indices") { _ in Tensor.triuIndices(4, 3, offset: -1) }
    for name in ["trace", "trace_int"] { c.add(name) { $0[0].trace() } }
    c.add("unfold") { $0[0].unfold(dim: 1, size: 2, step: 1) }
    c.add("unfold_step") { $0[0].unfold(dim: -1, size: 2, step: 2) }
    c.add("unfold_twice") { $0[0].unfold(dim: 0, size: 2, step: 1).unfold(dim: 1, size: 3, step: 1) }
    c.add("as_strided") { $0[0].asStrided([3, 3], strides: [2, 1], offset: 1) }
    c.add("as_strided_of_view") { $0[0].t().asStrided([2, 2], strides: [1, 4]) }
    c.add("as_strided_default") { $0[0].slice(dim: 0, start: 1).asStrided([2, 2], strides: [4, 1]) }
  }

  private func addAxes(_ c: inout GoldenCases) {
    c.add("unflatten") { $0[0].unflatten(dim: -1, [2, -1]) }
    c.add("ravel") { $0[0].t().ravel() }
    for name in ["", "_vector", "_matrix"] {
      c.addMany("atleast" + name) { [$0[0].atLeast1d(), $0[0].atLeast2d(), $0[0].atLeast3d()] }
    }
    c.addMany("broadcast") { Tensor.broadcastTensors($0) }
    c.add("broadcast_to") { $0[0].broadcastTo([2, 3, 4]) }
    for name in ["hstack", "hstack_vectors"] { c.add(name) { Tensor.hstack($0) } }
    c.add("vstack") { Tensor.vstack($0) }
    for name in ["dstack", "dstack_vectors"] { c.add(name) { Tensor.dstack($0) } }
    c.add("column_stack") { Tensor.columnStack($0) }
    c.addMany("tensor_split") { $0[0].tensorSplit(3, dim: -1) }
    c.addMany("tensor_split_at") { $0[0].tensorSplit([1, 3, 9], dim: 2) }
    c.addMany("tensor_split_negative") { $0[0].tensorSplit([-1], dim: 2) }
    c.addMany("hsplit") { $0[0].hsplit(2) }
    c.addMany("hsplit_vector") { $0[0].hsplit([1, 2]) }
    c.addMany("vsplit") { $0[0].vsplit(3) }
    c.addMany("dsplit") { $0[0].dsplit(2) }
    c.addMany("meshgrid_ij") { Tensor.meshgrid($0) }
    c.addMany("meshgrid_xy") { Tensor.meshgrid($0, indexing: .xy) }
    c.add("cartesian_prod") { Tensor.cartesianProd($0) }
    c.add("combinations") { $0[0].combinations(3) }
    c.add("combinations_again") { $0[0].combinations(2, withReplacement: true) }
    c.add("block_diag") { Tensor.blockDiag($0) }
    c.addMany("T") { [$0[0].T, $0[0].mT] }
    c.add("vander") { $0[0].vander() }
    c.add("vander_increasing") { $0[0].vander(3, increasing: true) }
    c.addMany("hann_window") { _ in [.hannWindow(6), .hannWindow(5, periodic: false), .hannWindow(1)] }
    c.addMany("hamming_window") { _ in [.hammingWindow(6), .hammingWindow(5, periodic: false), .hammingWindow(1)] }
    c.addMany("blackman_window") { _ in [.blackmanWindow(6), .blackmanWindow(5, periodic: false), .blackmanWindow(1)] }
    c.addMany("bartlett_window") { _ in [.bartlettWindow(6), .bartlettWindow(5, periodic: false), .bartlettWindow(1)] }
  }

  private func addProducts(_ c: inout GoldenCases) {
    c.add("tensordot") { $0[0].tensordot($0[1], dims: 1) }
    c.add("tensordot_2") { $0[0].tensordot($0[1]) }
    c.add("tensordot_0") { $0[0].tensordot($0[1], dims: 0) }
    c.add("tensordot_dims") { $0[0].tensordot($0[1], dims: [0, 2], [2, 0]) }
    c.add("outer") { $0[0].outer($0[1]) }
    for name in ["dot", "dot_int"] { c.add(name) { $0[0].dot($0[1]) } }
    c.add("vecdot") { $0[0].vecdot($0[1], dim: 1) }
    c.add("mv") { $0[0].mv($0[1]) }
    for name in ["inner", "inner_scalar"] { c.add(name) { $0[0].inner($0[1]) } }
    for name in ["kron", "kron_ranks"] { c.add(name) { $0[0].kron($0[1]) } }
    c.add("cross") { $0[0].cross($0[1]) }
    c.add("cross_dim") { $0[0].cross($0[1], dim: 0) }
    for name in ["", "_same", "_many", "_broadcast"] { c.add("cdist" + name) { $0[0].cdist($0[1]) } }
    c.add("cdist_1") { $0[0].cdist($0[1], p: 1) }
    c.add("cdist_15") { $0[0].cdist($0[1], p: 1.5) }
    c.add("cdist_inf") { $0[0].cdist($0[1], p: .infinity) }
    c.add("cdist_0") { $0[0].cdist($0[1], p: 0) }
    c.add("pdist") { $0[0].pdist() }
    c.add("addmv") { $0[0].addmv($0[1], $0[2], beta: 0.5, alpha: 2) }
    c.add("addr") { $0[0].addr($0[1], $0[2], beta: 2, alpha: 0.5) }
    c.add("addr_int") { $0[0].addr($0[1], $0[2], beta: 2, alpha: 3) }
    c.add("baddbmm") { $0[0].baddbmm($0[1], $0[2], beta: 0.5, alpha: 2) }
    c.add("addbmm") { $0[0].addbmm($0[1], $0[2]) }
    c.add("baddbmm_nan") { $0[0].baddbmm($0[1], $0[2], beta: 0) }
    for name in ["multi_dot", "multi_dot_vectors"] { c.add(name) { Tensor.multiDot($0) } }
    for n in [0, 1, 2, 5] { c.add("matrix_power_\(n)") { $0[0].matrixPower(n) } }
    c.add("matrix_power_batch") { $0[0].matrixPower(3) }
  }

  @Test func viewsShareMemoryAndHistory() {
    let x = Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3])
    x.diagonal().fill_(0)
    #expect(x.array(Float.self) == [0, 2, 3, 4, 0, 6])
    x.unfold(dim: 1, size: 2, step: 1).select(dim: 1, 1).select(dim: 1, 0).fill_(9)
    #expect(x.array(Float.self) == [0, 9, 3, 4, 9, 6])
    x.asStrided([2], strides: [5]).fill_(-1)
    #expect(x.array(Float.self) == [-1, 9, 3, 4, 9, -1])

    let leaf = Tensor([1.0, 2, 3, 4], shape: [2, 2]).requiresGrad_()
    let base = leaf * 1
    base.diagonal().mul_(3)
    (base * base).sum().backward()
    #expect(leaf.grad!.array(Float.self) == [18, 4, 6, 72])
    leaf.grad = nil
    let other = leaf * 1
    other.asStrided([2], strides: [1], offset: 1).mul_(2)
    (other * other).sum().backward()
    #expect(leaf.grad!.array(Float.self) == [2, 16, 24, 8])
  }

  @Test func asStridedStaysInsideTheStorage() {
    let x = Tensor.ones([4])
    for (shape, strides, offset) in [([5], [1], 0), ([2], [4], 0), ([1], [1], 4), ([2], [Int.max], 1), ([1], [1], -1)]
      as [([Int], [Int], Int)]
    {
      expectMistake("asStrided") { _ = x.asStrided(Shape(shape), strides: Shape(strides), offset: offset) }
    }
    expectMistake("asStrided") { _ = x.asStrided([Int.max, Int.max], strides: [1, 1]) }
    expectMistake("asStrided") { _ = x.asStrided([-1], strides: [1]) }
    expectMistake("asStrided") { _ = x.asStrided([1, 1], strides: [1]) }
    #expect(x.asStrided([0], strides: [1], offset: 99).elementCount == 0)
  }

  @Test func secondDerivativesOfComposites() {
    let x = Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0], shape: [3, 3], dtype: .float64).requiresGrad_()
    let y = Tensor([1.5, 0.25, -2.0, 0.5, 1.75, -1.5, 0.75, 2.0, 0.3], shape: [3, 3], dtype: .float64).requiresGrad_()
    let functions: [(String, (Tensor, Tensor) -> Tensor)] = [
      ("einsum", { Tensor.einsum("ij,jk,ik->k", $0, $1, $0) }),
      ("einsum diagonal", { Tensor.einsum("ii,ij->j", $0, $1) }),
      ("cdist", { $0.cdist($1) }), ("cdist 3", { $0.cdist($1, p: 3) }), ("kron", { $0.kron($1).sum(dim: 0) }),
      ("cross", { $0.cross($1) }), ("tensordot", { $0.tensordot($1) }),
      ("multiDot", { Tensor.multiDot([$0, $1, $0]) }),
      ("matrixPower", { $0.matrixPower(3) + $1 }), ("tril", { $0.tril().mm($1.triu()) }),
      ("diagEmbed", { $0.diagEmbed().sum(dim: 0) * $1 }),
      ("unfold", { $0.unfold(dim: 0, size: 2, step: 1).square().sum(dim: 0) * $1.select(dim: 0, 0).unsqueeze(dim: 1) }),
      ("roll", { $0.roll(1, dim: 0) * $1.rot90() }), ("repeat", { $0.repeat(2, 1).square() * $1.tile(2, 1) }),
      (
        "asStrided",
        { $0.asStrided([2, 2], strides: [2, 1]).square() * $1.slice(dim: 0, end: 2).slice(dim: 1, end: 2) }
      ),
    ]
    for (name, function) in functions {
      let mismatch = Gradcheck.check([x, y]) { [function($0[0], $0[1])] }
      #expect(mismatch == nil, "\(name): \(mismatch!)")
      let second = Gradcheck.checkSecond([x, y]) { [function($0[0], $0[1])] }
      #expect(second == nil, "\(name), second order: \(second!)")
    }
  }

  @Test func nestedArraysAndLikes() {
    let x = Tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]])
    #expect(x.shape == [3, 2, 2] && x.dtype == .int64 && x.array(Int.self) == Array(1...12))
    let y = Tensor([[[[1.5, 2]], [[3, 4]]]])
    #expect(y.shape == [1, 2, 1, 2] && y.dtype == .float32)
    #expect(x.newZeros([2]).dtype == .int64 && y.newOnes([2, 2]).sum().doubleValue == 4)
    #expect(y.newFull([2], 7).array(Float.self) == [7, 7] && x.newEmpty([3], dtype: .float64).shape == [3])
    let z = Tensor.emptyStrided([2, 3], strides: [1, 2])
    #expect(z.strides == [1, 2] && z.shape == [2, 3])
  }

  @Test func mistakesNameTheOpAndWhatItGot() {
    let x = Tensor.ones([2, 3])
    expectMistake("einsum", "operands", "got 1") { _ = Tensor.einsum("ij,jk->ik", x) }
    expectMistake("einsum", "label 'j'", "3", "2") { _ = Tensor.einsum("ij,jk->ik", x, x) }
    expectMistake("einsum", "[2, 3]", "names 1 dims") { _ = Tensor.einsum("i->i", x) }
    expectMistake("einsum", "label 'z'", "no operand") { _ = Tensor.einsum("ij->z", x) }
    expectMistake("einsum", "twice") { _ = Tensor.einsum("ij->ii", x) }
    expectMistake("einsum", "not a label") { _ = Tensor.einsum("i1->i", x) }
    expectMistake("einsum", "three dots") { _ = Tensor.einsum("..ij->ij", x) }
    expectMistake("einsum", "'->'") { _ = Tensor.einsum("ij-ji", x) }
    expectMistake("einsum", "float32 and float64") { _ = Tensor.einsum("ij,ij", x, x.double()) }
    for equation in [
      "", "->", ",", "...", "....", ". . .", "i.j", "ij->...k", "é", "-", "ij->-", "i.....j", "ii", "ij->i j",
    ] {
      // Any text gives a result or a sentence.
      _ = try? withErrors { Tensor.einsum(equation, x) }
    }
    expectMistake("roll", "one shift") { _ = x.roll([1, 2], dims: [0]) }
    expectMistake("rot90", "different dims") { _ = x.rot90(1, dims: (0, 0)) }
    expectMistake("repeat", "[2, 3]", "[2]") { _ = x.repeat(2) }
    expectMistake("repeat", "negative") { _ = x.repeat(2, -1) }
    expectMistake("repeatInterleave", "2 counts") { _ = x.repeatInterleave(Tensor([1, 2, 3]), dim: 0) }
    expectMistake("movedim", "as many") { _ = x.movedim([0], [1, 0]) }
    expectMistake("diag", "[1, 1, 1]") { _ = Tensor.ones([1, 1, 1]).diag() }
    expectMistake("tril", "at least 2 dims", "[3]") { _ = Tensor.ones([3]).tril() }
    expectMistake("trace", "matrix", "[3]") { _ = Tensor.ones([3]).trace() }
    expectMistake("unflatten", "[2, 2]", "3") { _ = x.unflatten(dim: 1, [2, 2]) }
    expectMistake("broadcastTensors", "[2, 3]", "[2]") { _ = Tensor.broadcastTensors([x, Tensor.ones([2])]) }
    expectMistake("meshgrid", "[2, 3]") { _ = Tensor.meshgrid([x]) }
    expectMistake("hsplit", "2 equal", "[2, 3]") { _ = x.hsplit(2) }
    expectMistake("tensorSplit", "at least 1", "0") { _ = x.tensorSplit(0) }
    expectMistake("tensordot", "[2, 3]") { _ = x.tensordot(x, dims: [0], [1]) }
    expectMistake("inner", "[2, 3]", "[2]") { _ = x.inner(Tensor.ones([2])) }
    expectMistake("cross", "size 3", "[2, 2]") { _ = Tensor.ones([2, 2]).cross(Tensor.ones([2, 2])) }
    expectMistake("cdist", "[2, 3]", "[4, 2]") { _ = x.cdist(Tensor.ones([4, 2])) }
    expectMistake("multiDot", "[2, 3]", "tensors 0 and 1") { _ = Tensor.multiDot([x, x]) }
    expectMistake("matrixPower", "square", "[2, 3]") { _ = x.matrixPower(2) }
    expectMistake("matrixPower", "-1") { _ = Tensor.eye(2).matrixPower(-1) }
    expectMistake("addr", "expand") { _ = Tensor.ones([3, 3]).addr(Tensor.ones([2]), Tensor.ones([3])) }
    expectMistake("addr", "integers") { _ = Tensor([1]).addr(Tensor([1]), Tensor([1]), beta: 0.5) }
    expectMistake("vander", "[2, 3]") { _ = x.vander() }
    expectMistake("emptyStrided", "stride") { _ = Tensor.emptyStrided([2], strides: [-1]) }
  }

  @Test func poisonPassesThroughComposites() throws {
    _ = try? withErrors {
      let bad = Tensor.ones([2, 3]) + Tensor.ones([2])
      let good = Tensor.ones([2, 3])
      let results: [Tensor] = [
        bad.roll(1), bad.rot90(), bad.tile(2), bad.repeatInterleave(2), bad.movedim(0, 0), bad.diag(), bad.diagEmbed(),
        bad.tril(), bad.trace(), bad.unflatten(dim: 0, [1]), bad.T, bad.cdist(good), bad.kron(good), bad.cross(good),
        Tensor.einsum("ij,ij", bad, good), bad.tensordot(good), bad.inner(good), Tensor.multiDot([good, bad]),
        bad.matrixPower(2), bad.addmv(good, good), Tensor.meshgrid([bad])[0], bad.std(), bad.var(dim: 1), bad.norm(),
        bad.median(), bad.median(dim: 1).values, bad.quantile(0.5), bad.kthvalue(1).values, bad.mode().values,
        bad.cov(), bad.diff(), bad.nansum(), bad.cumsum(dim: 1), bad.logsumexp(dim: 1), bad.prod(), bad.pdist(),
        bad.combinations(), bad.vander(), Tensor.hstack([bad, good]), Tensor.cartesianProd([bad, bad]),
      ]
      for (i, result) in results.enumerated() { #expect(result.isPoisoned, "result \(i)") }
      _ = bad.tensorSplit(2)
      _ = bad.hsplit(2)
    }
  }
}
