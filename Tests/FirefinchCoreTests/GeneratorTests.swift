import Foundation
import Testing

import FirefinchCore

/// PyTorch's numbers for the same seed; written by goldens/make_rng.py.
private struct Goldens: Decodable {
  struct Plain: Decodable {
    let randn_0: [Float], rand_0: [Float], randperm_0: [Int], randint_0: [Int64]
  }
  let weights: [Double]
  let plain: Plain
  let state: Data, after: Data
  let cases: [Case]

  struct Case: Decodable {
    let op: String, dtype: DType, seed: UInt64, count: Int
    let args: [Double]
    /// The same where a double cannot hold them.
    let integers: [Int]
    let bits: String, state: String

    init(from decoder: any Decoder) throws {
      var row = try decoder.unkeyedContainer()
      op = try row.decode(String.self)
      dtype = try #require(DType(name: try row.decode(String.self)))
      seed = try row.decode(UInt64.self)
      count = try row.decode(Int.self)
      let numbers = try row.decode([Number].self)
      args = numbers.map(\.double)
      integers = numbers.map(\.int)
      bits = try row.decode(String.self)
      state = try row.decode(String.self)
    }
  }

  struct Number: Decodable {
    let double: Double, int: Int
    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      double = try value.decode(Double.self)
      int = (try? value.decode(Int.self)) ?? 0
    }
  }

  static func load() throws -> Goldens {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("goldens/rng.json")
    return try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: file))
  }
}

private func checksum(_ bytes: some Sequence<UInt8>) -> String {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  let text = String(hash, radix: 16)
  return String(repeating: "0", count: 16 - text.count) + text
}

/// `count` elements of `dtype`, filled by `body`, as bytes.
private func bytes(_ dtype: DType, _ count: Int, _ body: (UnsafeMutableRawPointer) throws -> Void) rethrows -> [UInt8] {
  let data = UnsafeMutableRawPointer.allocate(byteCount: max(count * dtype.size, 1), alignment: 64)
  data.initializeMemory(as: UInt8.self, repeating: 0, count: count * dtype.size)
  defer { data.deallocate() }
  try body(data)
  return Array(UnsafeRawBufferPointer(start: data, count: count * dtype.size))
}

/// `values` stored as `dtype`.
private func stored(_ values: [Double], _ dtype: DType) -> [UInt8] {
  bytes(dtype, values.count) { Draw.store(values, values.count, $0, dtype, at: 0) }
}

private func floats(_ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> Void) rethrows -> [Float] {
  try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
    buffer.initialize(repeating: 0)
    try body(buffer.baseAddress!)
    initialized = count
  }
}

@Suite("Generator")
struct GeneratorTests {
  /// One fill of a golden case.
  private func fill(_ g: Generator, _ c: Goldens.Case, weights: [Double]) throws -> [UInt8] {
    let (d, n, a) = (c.dtype, c.count, c.args)
    if c.op == "multinomial" {
      let w = stored(weights, d)
      return try bytes(.int64, n) { out in
        try w.withUnsafeBytes {
          try g.fillMultinomial(
            out.assumingMemoryBound(to: Int64.self), weights: $0.baseAddress!, dtype: d, rows: 1,
            categories: weights.count, samples: n, replacement: a[0] == 1)
        }
      }
    }
    return try bytes(d, n) { out in
      switch c.op {
      case "uniform": try g.fillUniform(out, dtype: d, count: n, from: a[0], to: a[1])
      case "normal": try g.fillNormal(out, dtype: d, count: n, mean: a[0], std: a[1])
      case "log_normal": try g.fillLogNormal(out, dtype: d, count: n, mean: a[0], std: a[1])
      case "exponential": try g.fillExponential(out, dtype: d, count: n, lambda: a[0])
      case "cauchy": try g.fillCauchy(out, dtype: d, count: n, median: a[0], sigma: a[1])
      case "geometric": try g.fillGeometric(out, dtype: d, count: n, p: a[0])
      case "bernoulli": try g.fillBernoulli(out, dtype: d, count: n, p: a[0])
      case "bernoulli_tensor":
        let kind = d.isFloatingPoint ? d : .float32
        // Division in float first, as PyTorch computes the ramp.
        let p = stored((0..<n).map { Double(Float($0 % 11) / 10) }, kind)
        try p.withUnsafeBytes {
          try g.fillBernoulli(out, dtype: d, count: n, probabilities: $0.baseAddress!, probabilityDType: kind)
        }
      case "dropout": try g.fillDropoutMask(out, dtype: d, count: n, p: a[0])
      case "random": try g.fillRandom(out, dtype: d, count: n)
      case "random_from": try g.fillRandom(out, dtype: d, count: n, from: c.integers[0], to: nil)
      case "randint": try g.fillRandom(out, dtype: d, count: n, from: c.integers[0], to: c.integers[1])
      case "randperm": try g.fillPermutation(out, dtype: d, count: n)
      case "poisson":
        let rates = stored((0..<n).map { Double($0 % 7) * a[0] }, d)
        try rates.withUnsafeBytes { try g.fillPoisson(out, rates: $0.baseAddress!, dtype: d, count: n) }
      case "trunc_normal":
        try g.fillTruncatedNormal(out, dtype: d, count: n, mean: a[0], std: a[1], low: a[2], high: a[3])
      default: Issue.record("unknown golden op \(c.op)")
      }
    }
  }

  @Test("every distribution, dtype and size gives PyTorch's bits and leaves PyTorch's state")
  func goldens() throws {
    let goldens = try Goldens.load()
    #expect(goldens.cases.count > 1000)
    var wrong: [String] = []
    let generator = Generator()
    for c in goldens.cases {
      generator.manualSeed(c.seed)
      let got = try fill(generator, c, weights: goldens.weights) + fill(generator, c, weights: goldens.weights)
      let same = c.bits.hasPrefix("#") ? "#" + checksum(got) == c.bits : Data(got) == Data(base64Encoded: c.bits)
      let sameState = checksum(generator.state) == c.state
      if !same || !sameState {
        wrong.append("\(c.op) \(c.dtype) n=\(c.count) \(c.args) seed \(c.seed): bits \(same), state \(sameState)")
      }
    }
    let list = wrong.prefix(20).joined(separator: "; ")
    #expect(wrong.isEmpty, "\(wrong.count) of \(goldens.cases.count) differ: \(list)")
  }

  @Test("torch.manual_seed(0): the first numbers")
  func plain() throws {
    let want = try Goldens.load().plain
    let g = Generator()
    g.manualSeed(0)
    #expect(try floats(5) { try g.fillNormal($0, count: 5) } == want.randn_0)
    g.manualSeed(0)
    #expect(try floats(3) { try g.fillUniform($0, count: 3) } == want.rand_0)
    g.manualSeed(0)
    #expect(g.permutation(10) == want.randperm_0)
    g.manualSeed(0)
    var integers = [Int64](repeating: -1, count: 8)
    try integers.withUnsafeMutableBufferPointer { try g.fillRandom($0.baseAddress!, count: 8, from: 0, to: 10) }
    #expect(integers == want.randint_0)
  }

  @Test("a state from torch.get_rng_state continues as PyTorch does, and comes back unchanged")
  func stateRoundTrip() throws {
    let goldens = try Goldens.load()
    let g = Generator()
    try g.setState(Array(goldens.state))
    #expect(g.state == Array(goldens.state))
    let normal = bytes(.float32, 5) { try! g.fillNormal($0, dtype: .float32, count: 5) }
    let uniform = bytes(.float32, 5) { try! g.fillUniform($0, dtype: .float32, count: 5) }
    #expect(Data(normal + uniform) == goldens.after)
    #expect(Generator().initialSeed == 67_280_421_310_721)
    #expect(Generator().manualSeed(-1).initialSeed == UInt64.max)
  }

  @Test("bytes that are no state are refused and change nothing; no state can make a draw leave its memory")
  func hostileStates() throws {
    let g = Generator(seed: 3)
    let good = g.state
    #expect(throws: TensorError.self) { try g.setState([]) }
    #expect(throws: TensorError.self) { try g.setState(Array(good.dropLast())) }
    var random = SystemRandomNumberGenerator()
    var accepted = 0
    for _ in 0..<300 {
      var bytes = good
      // Mostly near the counters, which decide where the next draw reads.
      for _ in 0..<3 { bytes[Int.random(in: 8..<24, using: &random)] = UInt8.random(in: 0...255, using: &random) }
      if (try? g.setState(bytes)) == nil {
        #expect(g.state.count == Generator.stateSize)
      } else {
        accepted += 1
        for _ in 0..<1300 { _ = g.random() }
      }
    }
    // left and next must fit together: the words to come may not reach beyond the state.
    var bytes = good
    bytes.replaceSubrange(8..<12, with: [0x70, 0x02, 0, 0])
    bytes.replaceSubrange(16..<24, with: [0x70, 0x02, 0, 0, 0, 0, 0, 0])
    #expect(throws: TensorError.self) { try g.setState(bytes) }
    for _ in 0..<20 {
      try g.setState((0..<Generator.stateSize).map { $0 < 24 ? good[$0] : UInt8.random(in: 0...255) })
      _ = bytes.count + Int(g.random() & 1)
    }
  }

  @Test("a fill is the same in one piece and in many, and any count consumes what it should")
  func pieces() throws {
    for count in [1, 3, 511, 512, 513, 623, 624, 625, 2000] {
      let whole = Generator(seed: 9), parts = Generator(seed: 9)
      let a = try floats(count) { try whole.fillUniform($0, count: count) }
      let b = try floats(count) { out in
        var i = 0
        while i < count {
          let n = min(count - i, 1 + i % 97)
          try parts.fillUniform(out + i, count: n)
          i += n
        }
      }
      #expect(a == b)
      #expect(whole.state == parts.state)
    }
  }

  @Test("the pointwise engine's Box-Muller gives the bits of the scalar one")
  func boxMullerPaths() {
    let n = 4096
    let once = Generator(seed: 5), blocks = Generator(seed: 5)
    let a = floats(n) { once.normal($0, .float32, n, 0.25, 1.5) }
    let b = floats(n) { out in
      for i in stride(from: 0, to: n, by: 64) { blocks.normal(out + i, .float32, 64, 0.25, 1.5) }
    }
    #expect(a == b)
  }

  @Test("mistakes throw one sentence and draw nothing")
  func mistakes() throws {
    let g = Generator(seed: 1)
    let before = g.state
    var x: Float = 0
    var calls: [(String, (UnsafeMutableRawPointer) throws -> Void)] = []
    calls.append(("uniform_", { try g.fillUniform($0, dtype: .float32, count: 1, from: 1, to: 0) }))
    calls.append(("uniform_", { try g.fillUniform($0, dtype: .float32, count: 1, from: .nan, to: 0) }))
    calls.append(("uniform_", { try g.fillUniform($0, dtype: .int32, count: 1) }))
    calls.append(("uniform_", { try g.fillUniform($0, dtype: .float16, count: 1, from: 0, to: 1e6) }))
    calls.append(("normal_", { try g.fillNormal($0, dtype: .float32, count: 1, std: -1) }))
    calls.append(("normal_", { try g.fillNormal($0, dtype: .float32, count: 1, std: .nan) }))
    calls.append(("exponential_", { try g.fillExponential($0, dtype: .float32, count: 1, lambda: 0) }))
    calls.append(("geometric_", { try g.fillGeometric($0, dtype: .float32, count: 1, p: 1) }))
    calls.append(("bernoulli_", { try g.fillBernoulli($0, dtype: .float32, count: 1, p: 1.5) }))
    calls.append(("dropout", { try g.fillDropoutMask($0, dtype: .float32, count: 1, p: -0.1) }))
    calls.append(("random_", { try g.fillRandom($0, dtype: .int8, count: 1, from: 0, to: 1000) }))
    calls.append(("random_", { try g.fillRandom($0, dtype: .int8, count: 1, from: 5, to: 5) }))
    calls.append(("randperm", { try g.fillPermutation($0, dtype: .int8, count: 1000) }))
    calls.append(("trunc_normal_", { try g.fillTruncatedNormal($0, dtype: .float32, count: 1, low: 1, high: 1) }))
    for (name, call) in calls {
      let error = #expect(throws: TensorError.self) { try withUnsafeMutableBytes(of: &x) { try call($0.baseAddress!) } }
      #expect(error?.message.hasPrefix(name) == true)
    }
    #expect(g.state == before)
  }

  @Test("halves round to nearest even and survive a round trip")
  func halves() {
    for bits in 0...UInt16.max {
      let value = Draw.float(halfBits: bits)
      let back = Draw.halfBits(value)
      #expect(value.isNaN ? back & 0x7fff == 0x7e00 : back == bits)
      #if !(arch(x86_64) && os(macOS))
        #expect(value.isNaN || value == Float(Float16(bitPattern: bits)))
        // Between this half and the next: below, at and above the middle.
        let next = Draw.float(halfBits: bits &+ 1)
        if value.isFinite, next.isFinite, bits != 0x7fff {
          let middle = (value + next) / 2
          for v in [middle.nextDown, middle, middle.nextUp] { #expect(Draw.halfBits(v) == Float16(v).bitPattern) }
        }
      #endif
    }
    for v: Float in [65519.9, 65520, 1e9, .infinity, 1e-8, 0x1p-25, 0x1.8p-25, -0x1p-24] {
      #expect(Draw.halfBits(v) == Float16(v).bitPattern)
    }
  }

  @Test("the one-rounding multiply-add equals a fused one")
  func multiplyAdd() {
    var random = SystemRandomNumberGenerator()
    func any() -> Float { Float(bitPattern: UInt32.random(in: 0x2000_0000...0x5000_0000, using: &random)) }
    for _ in 0..<20_000 {
      let (x, s, l) = (any(), any(), -any())
      #expect(Draw.multiplyAdd(x, s, l) == l.addingProduct(x, s))
    }
    // A sum exactly between two floats but for a bit that a double cannot hold.
    let (x, s): (Float, Float) = (1 + 0x1p-23, 0x1p-24 + 0x1p-46)
    #expect(Draw.multiplyAdd(x, s, 1) == Float(1).addingProduct(x, s))
  }

  @Test("withSeed puts the stream back; many threads share one generator without harm")
  func sharing() async throws {
    let g = Generator(seed: 2)
    let before = g.state
    let a = g.withSeed(5) { g.random64() }
    #expect(g.state == before)
    #expect(a == Generator(seed: 5).random64())
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { for _ in 0..<500 { _ = g.random() } } }
    }
    let alone = Generator(seed: 2)
    for _ in 0..<4000 { _ = alone.random() }
    #expect(g.state == alone.state)
  }
}

@Suite("PhiloxGenerator")
struct PhiloxTests {
  @Test("the published test vectors of Philox 4x32-10")
  func vectors() {
    let zero = PhiloxGenerator.block(counter: SIMD4(repeating: 0), key: SIMD2(repeating: 0))
    #expect(zero == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let ones = PhiloxGenerator.block(counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
    #expect(ones == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    let pi = PhiloxGenerator.block(
      counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: SIMD2(0xa409_3822, 0x299f_31d0))
    #expect(pi == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test("elements depend on their offset alone; fills start at whole blocks")
  func offsets() throws {
    let whole = floats(40) { PhiloxGenerator(seed: 11, subsequence: 3).fillUniform($0, count: 40) }
    let parts = PhiloxGenerator(seed: 11, subsequence: 3)
    let a = floats(12) { parts.fillUniform($0, count: 12) }, b = floats(28) { parts.fillUniform($0, count: 28) }
    #expect(whole == a + b)
    #expect(parts.offset == 40)
    parts.offset = 8
    #expect(floats(5) { parts.fillUniform($0, count: 5) } == Array(whole[8..<13]))
    #expect(parts.offset == 16)
  }

  @Test("uniform and normal numbers have their moments and ranges")
  func moments() {
    let g = PhiloxGenerator(seed: 0)
    let n = 20_000
    let u = floats(n) { g.fillUniform($0, count: n, from: -1, to: 3) }
    #expect(u.allSatisfy { $0 >= -1 && $0 < 3 })
    #expect(abs(u.reduce(0, +) / Float(n) - 1) < 0.05)
    let z = floats(n) { g.fillNormal($0, count: n, mean: 2, std: 0.5) }
    let mean = z.reduce(0, +) / Float(n)
    let variance = z.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(n)
    #expect(abs(mean - 2) < 0.02)
    #expect(abs(variance - 0.25) < 0.01)
  }
}
