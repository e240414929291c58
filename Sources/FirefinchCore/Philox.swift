#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A counter-based source of random numbers, Philox 4x32-10: the same numbers on the CPU and on a GPU, for any number of
/// threads, because element i of a fill depends only on (seed, subsequence, offset + i).
///
/// The bits are cuRAND's and `at::Philox4_32`'s: key = seed, counter = (offset / 4, subsequence). Element i takes lane i % 4
/// of block (offset + i) / 4. A fill advances the offset to the next block, so that fills never share one.
public final class PhiloxGenerator: @unchecked Sendable {
  private let mutex = Lock()
  private var seedValue: UInt64
  private var offsetValue: UInt64

  /// Same stream as `curand_init(seed, subsequence, offset)`; the offset counts 32-bit numbers and is rounded up to a
  /// multiple of 4.
  public init(seed: UInt64, subsequence: UInt64 = 0, offset: UInt64 = 0) {
    seedValue = seed
    self.subsequence = subsequence
    offsetValue = (offset &+ 3) & ~3
  }

  /// The upper half of the counter: streams of one seed that never meet.
  public let subsequence: UInt64

  /// The seed.
  public var seed: UInt64 {
    mutex.lock()
    defer { mutex.unlock() }
    return seedValue
  }

  /// 32-bit numbers used up so far, a multiple of 4. (seed, subsequence, offset) is the whole state.
  public var offset: UInt64 {
    get {
      mutex.lock()
      defer { mutex.unlock() }
      return offsetValue
    }
    set {
      mutex.lock()
      defer { mutex.unlock() }
      offsetValue = (newValue &+ 3) & ~3
    }
  }

  /// Restarts at offset 0 with another seed.
  public func manualSeed(_ seed: UInt64) {
    mutex.lock()
    defer { mutex.unlock() }
    seedValue = seed
    offsetValue = 0
  }

  /// Takes `count` numbers, rounded up to whole blocks, and returns the offset they start at: what a GPU kernel needs.
  public func reserve(_ count: Int) -> UInt64 { take(count).block * 4 }

  /// The seed and the first block of the next `count` numbers, read together.
  private func take(_ count: Int) -> (seed: UInt64, block: UInt64) {
    mutex.lock()
    defer { mutex.unlock() }
    let start = offsetValue / 4
    offsetValue &+= (UInt64(Swift.max(count, 0)) &+ 3) & ~3
    return (seedValue, start)
  }

  /// The next `count` 32-bit numbers.
  public func fillRandom(_ data: UnsafeMutablePointer<UInt32>, count: Int) {
    blocks(count) { i, n, bits in
      for lane in 0..<n { data[i + lane] = bits[lane] }
    }
  }

  /// Floats in [from, to). As `torch.rand` on CUDA: cuRAND's (0, 1] with 1 taken as 0.
  public func fillUniform(_ data: UnsafeMutablePointer<Float>, count: Int, from: Float = 0, to: Float = 1) {
    let span = to - from
    blocks(count) { i, n, bits in
      for lane in 0..<n {
        let u = PhiloxGenerator.uniform(bits[lane])
        let value = from.addingProduct(u == 1 ? 0 : u, span)
        data[i + lane] = value == to ? from : value
      }
    }
  }

  /// Normally distributed floats by Box-Muller over pairs of lanes, as `curand_normal4`: the first of a pair is the sine.
  public func fillNormal(_ data: UnsafeMutablePointer<Float>, count: Int, mean: Float = 0, std: Float = 1) {
    blocks(count) { i, n, bits in
      for pair in stride(from: 0, to: n, by: 2) {
        let u = PhiloxGenerator.uniform(bits[pair])
        // In double and rounded once: within an ulp or two of what a GPU's own functions give.
        let angle = Double(Float(bits[pair + 1]) * (0x1p-32 * 6.2831855) + 0x1p-33 * 6.2831855)
        let radius = Double((-2 * Float(log(Double(u)))).squareRoot())
        data[i + pair] = mean.addingProduct(Float(radius * sin(angle)), std)
        if pair + 1 < n { data[i + pair + 1] = mean.addingProduct(Float(radius * cos(angle)), std) }
      }
    }
  }

  /// As `fillUniform` and `fillNormal`, rounded to a floating dtype. Throws for other dtypes.
  public func fillUniform(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, from: Double = 0, to: Double = 1
  ) throws {
    try Draw.requireFloating(dtype, "uniform_")
    convert(data, dtype, count) { fillUniform($0, count: count, from: Float(from), to: Float(to)) }
  }

  /// As `fillNormal`, rounded to a floating dtype. Throws for other dtypes.
  public func fillNormal(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, mean: Double = 0, std: Double = 1
  ) throws {
    try Draw.requireFloating(dtype, "normal_")
    convert(data, dtype, count) { fillNormal($0, count: count, mean: Float(mean), std: Float(std)) }
  }

  /// (0, 1] from 32 bits, as cuRAND.
  static func uniform(_ bits: UInt32) -> Float { Float(bits) * 0x1p-32 + 0x1p-33 }

  /// The four numbers at `counter`; a pure function.
  public static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var c = counter, k = key
    for _ in 0..<10 {
      let low = 0xd251_1f53 &* UInt64(c[0]), high = 0xcd9e_8d57 &* UInt64(c[2])
      c = SIMD4(
        UInt32(truncatingIfNeeded: high &>> 32) ^ c[1] ^ k[0], UInt32(truncatingIfNeeded: high),
        UInt32(truncatingIfNeeded: low &>> 32) ^ c[3] ^ k[1], UInt32(truncatingIfNeeded: low))
      k = k &+ SIMD2(0x9e37_79b9, 0xbb67_ae85)
    }
    return c
  }

  private func blocks(_ count: Int, _ body: (Int, Int, SIMD4<UInt32>) -> Void) {
    let (seed, start) = take(count)
    let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed &>> 32))
    let stream = SIMD2(UInt32(truncatingIfNeeded: subsequence), UInt32(truncatingIfNeeded: subsequence &>> 32))
    for i in stride(from: 0, to: count, by: 4) {
      let at = start &+ UInt64(i / 4)
      let counter = SIMD4(UInt32(truncatingIfNeeded: at), UInt32(truncatingIfNeeded: at &>> 32), stream[0], stream[1])
      body(i, Swift.min(4, count - i), PhiloxGenerator.block(counter: counter, key: key))
    }
  }

  private func convert(
    _ data: UnsafeMutableRawPointer, _ dtype: DType, _ count: Int, _ fill: (UnsafeMutablePointer<Float>) -> Void
  ) {
    if dtype == .float32 { return fill(data.assumingMemoryBound(to: Float.self)) }
    let values = UnsafeMutablePointer<Float>.allocate(capacity: Swift.max(count, 1))
    defer { values.deallocate() }
    fill(values)
    if dtype == .float64 {
      let out = data.assumingMemoryBound(to: Double.self)
      for i in 0..<count { out[i] = Double(values[i]) }
    } else {
      Draw.store(values, count, data, dtype, at: 0)
    }
  }
}
