import Firefinch
import FirefinchTestSupport
import Testing

/// Subscripts read and written as in PyTorch, with gradients.
@Suite struct IndexingTests {
  private static func base() -> Tensor { Tensor.arange(24, dtype: .float64).reshape(2, 3, 4) }

  private static let reads: [(String, @Sendable (Tensor) -> Tensor)] = [
    ("first", { $0[0] }), ("last", { $0[-1] }), ("element", { $0[1, 2, 3] }), ("range", { $0[0..<1, 1..<3] }),
    ("from", { $0[.all, 1...] }), ("upto", { $0[.all, ..<2] }), ("through", { $0[.all, ...(-2)] }),
    ("negative", { $0[.ellipsis, (-3)...] }), ("all", { $0[.all, 0] }), ("ellipsis", { $0[.ellipsis, 1] }),
    ("ellipsisMiddle", { $0[0, .ellipsis, 1] }), ("newAxis", { $0[.newAxis] }), ("newAxisLast", { $0[.ellipsis, .newAxis] }),
    ("newAxisMiddle", { $0[.all, .newAxis, 1] }), ("step", { $0[.all, .every(2)] }),
    ("stepFrom", { $0[.all, .all, .every(2, from: 1)] }), ("beyond", { $0[.all, 1..<100] }), ("empty", { $0[.all, 2..<2] }),
    ("indices", { $0[Tensor([1, 0, 1])] }), ("indicesNegative", { $0[.all, Tensor([-1, 0])] }),
    ("list", { $0[.all, .all, [0, 3]] }), ("matrix", { $0[.all, Tensor([[0, 1], [2, 0]])] }),
    ("adjacent", { $0[.all, [0, 2], [1, 3]] }), ("separated", { $0[[0, 1], .all, [1, 3]] }),
    ("separatedByNumber", { $0[[0, 1], 1, [1, 3]] }), ("broadcast", { $0[Tensor([[0], [1]]), [0, 2, 1]] }),
    ("withSlice", { $0[1..., [2, 0], 1..<3] }), ("withNewAxis", { $0[.newAxis, .all, [2, 0]] }), ("mask", { $0[$0 .> 10] }),
    ("maskRows", { $0[[false, true]] }), ("maskTwoDims", { $0[Tensor([[true, false, true], [false, true, false]])] }),
    ("maskLast", { $0[.ellipsis, [true, false, false, true]] }), ("maskAndIndices", { $0[[true, true], [0, 2]] }),
    ("maskEmpty", { $0[$0 .> 100] }), ("zeroDimIndex", { $0[Tensor(1)] }), ("emptyIndices", { $0[[Int]()] }),
    ("maskedSelect", { $0.maskedSelect(Tensor([true, false, true, false])) }),
    ("take", { $0.take(Tensor([[0, 5], [23, -1]])) }), ("transposed", { $0.transpose(0, 2)[[3, 1], 1] }),
    ("maskedFill", { $0.maskedFill($0 .> 12, -1.0) }),
    ("indexCopy", { $0.indexCopy(dim: 1, index: Tensor([2, 0]), Tensor.ones([2, 2, 4], dtype: .float64)) }),
    ("indexFill", { $0.indexFill(dim: 2, index: Tensor([1, 3]), 7) }),
    ("maskedScatter", { $0.maskedScatter($0 .> 12, Tensor.arange(30, 60, dtype: .float64)) }),
  ]

  private static let writes: [(String, @Sendable (Tensor) -> Void)] = [
    ("first", { $0.set(0, to: 5) }), ("range", { $0.set(.all, 1..<3, to: -1.0) }),
    ("column", { $0[.ellipsis, 1] = Tensor([[1.0, 2, 3], [4, 5, 6]], dtype: .float64) }),
    ("broadcastRow", { $0[1] = Tensor([9, 8, 7, 6]) }), ("leadingOnes", { $0[0, 0] = Tensor.ones([1, 1, 4]) }),
    ("mask", { $0.set($0 .> 10, to: 0) }), ("indices", { $0.set([1], to: 3) }),
    ("indicesTensor", { $0[.all, [2, 0]] = Tensor.arange(4, dtype: .float64) }),
    ("separated", { $0[[0, 1], .all, [1, 3]] = Tensor.arange(6, dtype: .float64).reshape(2, 3) }),
    ("step", { $0.set(.ellipsis, .every(2), to: 0.5) }), ("element", { $0.set(1, 2, 3, to: 100) }),
    ("accumulate", { $0.indexPut_([Tensor([0, 0, 1])], Tensor.ones([3, 3, 4], dtype: .float64), accumulate: true) }),
    ("put", { $0.put_(Tensor([1, 5]), Tensor([-3, -4], dtype: .float64)) }),
  ]

  @Test func readingEqualsPyTorch() throws {
    let golden = try Golden.load("indexing.json")["read"]
    #expect(Set(golden.fields.keys) == Set(Self.reads.map(\.0)))
    for (name, read) in Self.reads {
      let leaf = Self.base().requiresGrad_()
      let result = read(leaf)
      if let difference = Compare.difference(result, golden[name]["result"].tensor) {
        Issue.record("\(name): \(difference)")
        continue
      }
      let weights = (Tensor.arange(result.elementCount, dtype: .float64) + 1).reshape(result.shape)
      (result * weights).sum().backward()
      let gradient = Compare.difference(try #require(leaf.grad, "\(name)"), golden[name]["grad"].tensor)
      #expect(gradient == nil, "gradient of \(name)")
    }
  }

  @Test func writingEqualsPyTorch() throws {
    let golden = try Golden.load("indexing.json")["write"]
    #expect(Set(golden.fields.keys) == Set(Self.writes.map(\.0)))
    for (name, write) in Self.writes {
      let leaf = Self.base().requiresGrad_()
      let result = leaf * 2
      write(result)
      #expect(Compare.difference(result, golden[name]["result"].tensor) == nil, "\(name): \(result)")
      (result * (Tensor.arange(24, dtype: .float64) + 1).reshape(2, 3, 4)).sum().backward()
      #expect(Compare.difference(try #require(leaf.grad), golden[name]["grad"].tensor) == nil, "gradient of \(name)")
    }
  }

  @Test func viewsShareMemoryAndCopiesDoNot() {
    let x = Self.base()
    x[0, 1].fill_(-1)
    #expect(x[0, 1, 2].doubleValue == -1)
    x[[0]].fill_(5)
    #expect(x[0, 0, 0].doubleValue == 0)
    let saved = Tensor([1.0, 2]).requiresGrad_()
    let squares = saved * saved
    squares.set(0, to: 7)
    squares.sum().backward()
    #expect(saved.grad!.array(Float.self) == [0, 4])
  }

  @Test func mistakesNameIndexAndDim() {
    func message(_ body: () -> Void) -> String {
      do {
        try withErrors(body)
        return ""
      } catch { return "\(error)" }
    }
    let x = Self.base()
    #expect(message { _ = x[2] }.contains("index 2 is out of range for dim 0 of size 2"))
    #expect(message { _ = x[0, 0, 0, 0] }.contains("4 indices for a tensor of 3 dims"))
    #expect(message { _ = x[.all, [0, 3]] }.contains("index 3 is out of range for dim 1 of size 3"))
    #expect(message { _ = x[Tensor([true, false, true])] }.contains("mask of shape [3]"))
    #expect(message { _ = x[Tensor([0.5])] }.contains("float32"))
    #expect(message { _ = x[.ellipsis, .ellipsis] }.contains("only one"))
    #expect(message { _ = x[.every(-1)] }.contains("step"))
    #expect(message { x[0] = Tensor.ones([5]) }.contains("copy_"))
    #expect(message { x[[0]] = Tensor.ones([5]) }.contains("indexPut"))
  }

  @Test func nonzeroAndCounts() {
    let x = Tensor([[0, 3], [5, 0], [1, 2]])
    #expect(x.nonzero().array(Int.self) == [0, 1, 1, 0, 2, 0, 2, 1])
    #expect(x.nonzeroTuple().map { $0.array(Int.self) } == [[0, 1, 2, 2], [1, 0, 0, 1]])
    #expect(x.countNonzero().intValue == 4 && x.countNonzero(dim: [0]).array(Int.self) == [2, 2])
    #expect(Tensor(3).nonzero().shape == [1, 0] && Tensor(0).nonzero().shape == [0, 0])
  }
}
