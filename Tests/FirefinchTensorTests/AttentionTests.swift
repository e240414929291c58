import Firefinch
import FirefinchTestSupport
import Testing

/// The attention kernel against the chain of plain operations, and against PyTorch.
@Suite(.serialized) struct AttentionTests {
  /// Sizes of a case: (N, H, L, E) queries, (N, kv heads, S, E) keys, (…, S, Ev) values.
  struct Sizes: CustomStringConvertible {
    var (n, heads, kv, l, s, e, ev) = (1, 2, 2, 3, 3, 4, 4)
    var description: String { "n \(n) heads \(heads)/\(kv) L \(l) S \(s) E \(e)/\(ev)" }
  }

  private static let sizes: [Sizes] = [
    Sizes(n: 1, heads: 1, kv: 1, l: 1, s: 1, e: 1, ev: 1), Sizes(n: 2, heads: 3, kv: 3, l: 1, s: 200, e: 64, ev: 64),
    Sizes(n: 1, heads: 2, kv: 2, l: 4, s: 9, e: 7, ev: 85), Sizes(n: 1, heads: 2, kv: 2, l: 5, s: 300, e: 16, ev: 24),
    Sizes(n: 2, heads: 2, kv: 2, l: 130, s: 130, e: 64, ev: 64), Sizes(n: 1, heads: 4, kv: 2, l: 64, s: 129, e: 32, ev: 32),
    Sizes(n: 1, heads: 3, kv: 1, l: 70, s: 257, e: 7, ev: 5), Sizes(n: 1, heads: 1, kv: 1, l: 200, s: 70, e: 80, ev: 40),
  ]

  /// Query, key and value as views of memory (N, T, H, E), as a joint projection gives them.
  private static func operands(_ z: Sizes, _ dtype: DType) -> [Tensor] {
    manualSeed(7)
    func make(_ heads: Int, _ t: Int, _ e: Int) -> Tensor {
      Tensor.randn([z.n, t, 2, heads, e], dtype: dtype).select(dim: 2, 1).transpose(1, 2)
    }
    return [make(z.heads, z.l, z.e), make(z.kv, z.s, z.e), make(z.kv, z.s, z.ev)]
  }

  /// Masks of many forms for a case.
  private static func masks(_ z: Sizes, _ dtype: DType) -> [(String, Tensor?)] {
    let full: Shape = [z.n, z.heads, z.l, z.s]
    let padding = Tensor.zeros([z.n, 1, 1, z.s], dtype: dtype)
    if z.s > 2 { padding.slice(dim: 3, start: z.s * 2 / 3).fill_(-Double.infinity) }
    let rows = Tensor.rand([z.l, z.s]) .> 0.6
    rows.slice(dim: 0, end: 1).fill_(0)
    return [
      ("no mask", nil), ("padding", padding), ("bool padding", Tensor.rand([z.n, 1, 1, z.s]) .> 0.3),
      ("float", Tensor.randn([z.l, z.s], dtype: dtype)), ("float of all", Tensor.randn(full, dtype: dtype)),
      ("float, transposed", Tensor.randn([z.s, z.l], dtype: dtype).t()),
      ("float with rows of -inf", Tensor.where(rows, Tensor.randn([z.l, z.s], dtype: dtype), -Double.infinity)),
      ("bool with empty rows", rows), ("bool per head", Tensor.rand([1, z.heads, z.l, z.s]) .> 0.5),
    ]
  }

  /// Whether two tensors have the same shape and bits that compare equal.
  private func same(_ x: Tensor, _ y: Tensor) -> Bool {
    x.shape == y.shape && (x .== y).all().item().intValue == 1
  }

  private static func close(_ got: [Tensor?], _ want: [Tensor?], _ tolerance: Double) -> String? {
    for (i, (x, y)) in zip(got, want).enumerated() {
      guard let x, let y else { return "result \(i) is missing" }
      let difference = Compare.difference(x.to(.float64), y.to(.float64), rtol: tolerance, atol: tolerance)
      if let difference { return "result \(i): \(difference)" }
    }
    return nil
  }

  /// Result and gradients of `function` at copies of the operands that require grad.
  private static func run(_ inputs: [Tensor], _ function: ([Tensor]) -> Tensor) -> [Tensor?] {
    let leaves = inputs.map { $0.detach().requiresGrad_() }
    let result = function(leaves)
    manualSeed(3)
    let weight = Tensor.randn(result.shape, dtype: .float64).to(result.dtype)
    return [result.detach()] + grad(of: [result], wrt: leaves, gradients: [weight])
  }

  @Test(arguments: [DType.float64, .float32]) func equalsTheChainOfOperations(_ dtype: DType) {
    var failures: [String] = []
    for z in Self.sizes {
      let inputs = Self.operands(z, dtype)
      let exact = inputs.map { $0.to(.float64) }
      for (name, mask) in Self.masks(z, dtype) {
        for causal in [false, true] where !(causal && mask != nil) {
          let wide = mask?.dtype == .bool ? mask : mask?.to(.float64)
          let want = Self.run(exact) {
            Attention.composite($0[0], $0[1], $0[2], mask: wide, dropoutP: 0, isCausal: causal, scale: 0.3)
          }
          let got = Self.run(inputs) {
            F.scaledDotProductAttention($0[0], $0[1], $0[2], mask: mask, isCausal: causal, scale: 0.3, enableGQA: true)
          }
          if let difference = Self.close(got, want, dtype == .float64 ? 1e-11 : 2e-5) {
            failures.append("\(z), \(name)\(causal ? ", causal" : ""): \(difference)")
          }
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  @Test func isTheSameOnAnyNumberOfThreads() {
    let before = Parallel.threadCount
    defer { Parallel.threadCount = before }
    // Three heads on two threads take separate passes backward; four take one.
    for heads in [3, 4] {
      let inputs = Self.operands(Sizes(n: 1, heads: heads, kv: heads, l: 150, s: 300, e: 32, ev: 32), .float32)
      for causal in [false, true] {
        var results: [[Tensor?]] = []
        for threads in [1, 2, 3] {
          Parallel.threadCount = threads
          results.append(Self.run(inputs) { F.scaledDotProductAttention($0[0], $0[1], $0[2], isCausal: causal) })
        }
        for other in results[1...] {
          for (x, y) in zip(results[0], other) { #expect(same(x!, y!), "\(heads) heads, causal \(causal)") }
        }
      }
    }
  }

  @Test func ranksAndBroadcasting() {
    manualSeed(5)
    let cases: [(Shape, Shape, Shape)] = [
      ([6, 8], [9, 8], [9, 4]), ([3, 6, 8], [3, 9, 8], [3, 9, 4]), ([2, 3, 6, 8], [1, 3, 9, 8], [2, 1, 9, 4]),
      ([3, 6, 8], [2, 3, 9, 8], [2, 3, 9, 4]), ([2, 2, 3, 6, 8], [2, 2, 3, 9, 8], [2, 2, 3, 9, 4]),
      ([2, 1, 3, 6, 8], [2, 2, 3, 9, 8], [2, 2, 3, 9, 4]),
    ]
    for (q, k, v) in cases {
      let inputs = [q, k, v].map { Tensor.randn($0, dtype: .float64) }
      for mask in [nil, Tensor.randn([6, 9], dtype: .float64)] {
        let want = Self.run(inputs) {
          Attention.composite($0[0], $0[1], $0[2], mask: mask, dropoutP: 0, isCausal: false, scale: nil)
        }
        let got = Self.run(inputs) { F.scaledDotProductAttention($0[0], $0[1], $0[2], mask: mask) }
        #expect(Self.close(got, want, 1e-11) == nil, "\(q) \(k) \(v): \(Self.close(got, want, 1e-11)!)")
      }
    }
  }

  @Test func emptyOperands() {
    let q = Tensor.ones([2, 3, 5, 4]).requiresGrad_()
    let none = Tensor.ones([2, 3, 0, 4]).requiresGrad_()
    let result = F.scaledDotProductAttention(q, none, none)
    #expect(same(result, Tensor.zeros([2, 3, 5, 4])))
    result.sum().backward()
    #expect(same(q.grad!, Tensor.zeros([2, 3, 5, 4])))
    #expect(F.scaledDotProductAttention(none, q, q).shape == [2, 3, 0, 4])
    let key = Tensor.ones([2, 3, 5, 4]).requiresGrad_()
    F.scaledDotProductAttention(none, key, key).sum().backward()
    #expect(same(key.grad!, Tensor.zeros([2, 3, 5, 4])))
  }

  @Test func notANumberReachesItsOwnRowsOnly() {
    for length in [3, 40] {
      let (q, k) = (Tensor.randn([1, 1, length, 8]), Tensor.randn([1, 1, 20, 8]))
      q.select(dim: 2, 1).fill_(Double.nan)
      let seen = F.scaledDotProductAttention(q, k, k).isNaN().all(dim: -1).flatten()
      #expect(seen.sum().item().intValue == 1 && seen.select(dim: 0, 1).item().intValue == 1)
    }
  }

  @Test func joiningHeadsIsAView() {
    let x = Tensor.randn([2, 3, 6, 8])
    let joined = F.scaledDotProductAttention(x, x, x).transpose(1, 2)
    #expect(joined.isContiguous)
  }

  @Test func learnedMasksDropoutAndSecondDerivatives() {
    manualSeed(1)
    let inputs = [[1, 2, 3, 2], [1, 2, 4, 2], [1, 2, 4, 3], [3, 4]].map {
      Tensor.randn(Shape($0), dtype: .float64).requiresGrad_()
    }
    #expect(Gradcheck.check(inputs) { [F.scaledDotProductAttention($0[0], $0[1], $0[2], mask: $0[3])] } == nil)
    let three = Array(inputs[..<3])
    #expect(Gradcheck.checkSecond(three) { [F.scaledDotProductAttention($0[0], $0[1], $0[2], isCausal: true)] } == nil)
    let dropped = F.scaledDotProductAttention(inputs[0], inputs[1], Tensor.ones([1, 2, 4, 3], dtype: .float64), dropoutP: 0.5)
    #expect(!same(dropped, Tensor.ones(dropped.shape, dtype: .float64)))
  }

  @Test func mistakesAreExplained() {
    func message(_ body: () -> Tensor) -> String {
      do {
        _ = try withErrors(body)
        return ""
      } catch { return "\(error)" }
    }
    let x = Tensor.ones([1, 4, 3, 2]), three = Tensor.ones([1, 3, 3, 2])
    #expect(message { F.scaledDotProductAttention(x, three, three, enableGQA: true) }.contains("enableGQA"))
    #expect(message { F.scaledDotProductAttention(x, Tensor.ones([1, 4, 3, 5]), x) }.contains("do not fit together"))
    #expect(message { F.scaledDotProductAttention(x, x, x, mask: Tensor.ones([3, 3]), isCausal: true) }.contains("not both"))
  }

  @Test func resultsAreAsInPyTorch() throws {
    var c = GoldenCases()
    c.add("plain") { F.scaledDotProductAttention($0[0], $0[1], $0[2]) }
    c.add("plain_float") { F.scaledDotProductAttention($0[0], $0[1], $0[2]) }
    c.add("plain_bfloat16") { F.scaledDotProductAttention($0[0], $0[1], $0[2]) }
    c.add("causal") { F.scaledDotProductAttention($0[0], $0[1], $0[2], isCausal: true) }
    c.add("causal_more_queries") { F.scaledDotProductAttention($0[0], $0[1], $0[2], isCausal: true) }
    c.add("one_query") { F.scaledDotProductAttention($0[0], $0[1], $0[2], scale: 0.7) }
    c.add("mask") { F.scaledDotProductAttention($0[0], $0[1], $0[2], mask: $0[3]) }
    c.add("mask_bool_empty_row") { F.scaledDotProductAttention($0[0], $0[1], $0[2], mask: $0[3]) }
    c.add("grouped") { F.scaledDotProductAttention($0[0], $0[1], $0[2], enableGQA: true) }
    c.add("rank_3") { F.scaledDotProductAttention($0[0], $0[1], $0[2]) }
    c.addMany("flash") {
      let op = OpCatalog.all.first { $0.name == "_scaled_dot_product_flash_attention_for_cpu" }!
      return op.results([.tensor($0[0]), .tensor($0[1]), .tensor($0[2]), .double(0), .bool(false), .tensor($0[3])])
    }
    let failures = try c.failures("attention.json")
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }
}
