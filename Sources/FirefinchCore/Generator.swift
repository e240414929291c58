#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A source of random numbers on the CPU: PyTorch's own stream (32-bit Mersenne Twister), so that the same seed gives the
/// same numbers as `torch.Generator` on the CPU, and a saved state moves between the two.
///
/// Every call takes the generator's lock: concurrent use is safe, and the stream is then split in an order nobody chose.
public final class Generator: @unchecked Sendable {
  /// The generator that every operation uses when it is given none. Same as `torch.default_generator`.
  public static let `default` = Generator()

  /// The seed of a generator that was never seeded. Same as `torch`'s default.
  public static let defaultSeed: UInt64 = 67_280_421_310_721

  /// Words of the Mersenne Twister's state.
  static let wordCount = 624
  /// Bytes of `state`.
  public static let stateSize = 5056

  // The state after the last block was made. `next` words of it are used up. `left` is PyTorch's counter: the words not
  // yet used, plus one; a fresh seed has (1, 0), a block in use has left = 625 - next.
  private let words: UnsafeMutablePointer<UInt32>
  private var left = 1
  private var next = 0
  private var seedValue: UInt64 = 0
  /// The second value of the last scalar Box-Muller pair, handed out by the next scalar draw.
  var cachedNormal: Double?
  /// PyTorch's state has a place for a float of the same kind; nothing on the CPU uses it, but it survives a round trip.
  private var cachedFloatNormal: Float?
  private let mutex = Lock()

  /// A generator of its own stream. Same as `torch.Generator().manual_seed(seed)`.
  public init(seed: UInt64 = Generator.defaultSeed) {
    words = .allocate(capacity: Generator.wordCount)
    start(seed)
  }

  deinit {
    words.deallocate()
  }

  // MARK: Seeds and state

  /// Restarts the stream. Same as `torch.manual_seed`; a negative seed counts back from 2^64, as there.
  @discardableResult
  public func manualSeed(_ seed: Int) -> Generator { manualSeed(UInt64(bitPattern: Int64(seed))) }

  /// Restarts the stream. Same as `torch.manual_seed`.
  @discardableResult
  public func manualSeed(_ seed: UInt64) -> Generator {
    lock()
    defer { unlock() }
    start(seed)
    return self
  }

  /// Restarts the stream from a seed that the operating system chose, and returns that seed. Same as `torch.seed()`.
  @discardableResult
  public func seed() -> UInt64 {
    // 53 bits, as in PyTorch, so that the seed survives a trip through a double.
    let seed = UInt64.random(in: 0..<(1 << 53))
    manualSeed(seed)
    return seed
  }

  /// The seed that the stream started from. Same as `torch.initial_seed()`.
  public var initialSeed: UInt64 {
    lock()
    defer { unlock() }
    return seedValue
  }

  /// The generator's whole state, 5056 bytes. Same bytes as `torch.get_rng_state()` and `torch.set_rng_state`.
  ///
  /// Setting what is not such a state ends the program with a sentence; use `setState` for bytes from a file.
  public var state: [UInt8] {
    get { savedState() }
    set {
      do { try setState(newValue) } catch { fatalError("\(error)") }
    }
  }

  private func savedState() -> [UInt8] {
    lock()
    defer { unlock() }
    return [UInt8](unsafeUninitializedCapacity: Generator.stateSize) { buffer, count in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      raw.initializeMemory(as: UInt8.self, repeating: 0)
      raw.storeBytes(of: seedValue.littleEndian, toByteOffset: StateOffset.seed, as: UInt64.self)
      raw.storeBytes(of: Int32(left).littleEndian, toByteOffset: StateOffset.left, as: Int32.self)
      raw.storeBytes(of: Int32(1).littleEndian, toByteOffset: StateOffset.seeded, as: Int32.self)
      raw.storeBytes(of: UInt64(next).littleEndian, toByteOffset: StateOffset.next, as: UInt64.self)
      for i in 0..<Generator.wordCount {
        raw.storeBytes(of: UInt64(words[i]).littleEndian, toByteOffset: StateOffset.words + 8 * i, as: UInt64.self)
      }
      if let value = cachedNormal {
        raw.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: StateOffset.normal, as: UInt64.self)
        raw.storeBytes(of: Int32(1).littleEndian, toByteOffset: StateOffset.normalValid, as: Int32.self)
      }
      if let value = cachedFloatNormal {
        raw.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: StateOffset.floatNormal, as: UInt32.self)
        raw[StateOffset.floatNormalValid] = 1
      }
      count = Generator.stateSize
    }
  }

  /// Continues from a state that `state` or `torch.get_rng_state()` gave. Same as `torch.set_rng_state`.
  ///
  /// Throws `TensorError` and changes nothing when the bytes are not such a state.
  public func setState(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try setState($0) }
  }

  /// As `setState(_: [UInt8])`, from memory.
  public func setState(_ raw: UnsafeRawBufferPointer) throws {
    guard raw.count == Generator.stateSize else {
      throw TensorError.value(
        "setState: a generator's state has \(Generator.stateSize) bytes, got \(raw.count); pass what state or torch.get_rng_state() gave"
      )
    }
    func load<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
      T(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
    let newLeft = load(StateOffset.left, Int32.self)
    let newNext = load(StateOffset.next, UInt64.self)
    let seeded = load(StateOffset.seeded, Int32.self)
    // `left - 1` words are still to be read, from `next` on: both bounds together keep every read inside the state.
    guard seeded == 1, (1...624).contains(newLeft), newNext <= 624, Int(newNext) + Int(newLeft) - 1 <= 624 else {
      throw TensorError.value(
        "setState: not a Mersenne Twister state (seeded \(seeded), left \(newLeft), next \(newNext)); "
          + "pass what state or torch.get_rng_state() gave")
    }
    lock()
    defer { unlock() }
    seedValue = load(StateOffset.seed, UInt64.self)
    left = Int(newLeft)
    next = Int(newNext)
    for i in 0..<Generator.wordCount {
      words[i] = UInt32(truncatingIfNeeded: load(StateOffset.words + 8 * i, UInt64.self))
    }
    let hasNormal = load(StateOffset.normalValid, Int32.self) != 0
    cachedNormal = hasNormal ? Double(bitPattern: load(StateOffset.normal, UInt64.self)) : nil
    let hasFloat = raw[StateOffset.floatNormalValid] != 0
    cachedFloatNormal = hasFloat ? Float(bitPattern: load(StateOffset.floatNormal, UInt32.self)) : nil
  }

  /// Where PyTorch's state keeps what, in bytes. The words are stored as 64-bit integers.
  private enum StateOffset {
    static let seed = 0, left = 8, seeded = 12, next = 16, words = 24
    static let normal = 5024, normalValid = 5040
    static let floatNormal = 5048, floatNormalValid = 5052
  }

  /// Runs `body` with the stream restarted from `seed`, then puts the state back, also when `body` throws.
  public func withSeed<R>(_ seed: Int, _ body: () throws -> R) rethrows -> R {
    let saved = state
    manualSeed(seed)
    defer { try? setState(saved) }
    return try body()
  }

  // MARK: Single draws

  /// The next 32 random bits.
  public func random() -> UInt32 {
    lock()
    defer { unlock() }
    return draw32()
  }

  /// The next 64 random bits: two 32-bit draws, the first one high. Same as `CPUGeneratorImpl::random64`.
  public func random64() -> UInt64 {
    lock()
    defer { unlock() }
    return draw64()
  }

  // MARK: The engine. The callers below this line hold the lock.

  func lock() { mutex.lock() }
  func unlock() { mutex.unlock() }

  private func start(_ seed: UInt64) {
    seedValue = seed
    cachedNormal = nil
    cachedFloatNormal = nil
    var word = UInt32(truncatingIfNeeded: seed)
    words[0] = word
    for i in 1..<Generator.wordCount {
      word = 1_812_433_253 &* (word ^ (word &>> 30)) &+ UInt32(truncatingIfNeeded: i)
      words[i] = word
    }
    left = 1
    next = 0
  }

  func draw32() -> UInt32 {
    if left == 1 { makeBlock() }
    left -= 1
    let word = Generator.temper(words[next])
    next += 1
    return word
  }

  func draw64() -> UInt64 {
    let high = draw32()
    return UInt64(high) &<< 32 | UInt64(draw32())
  }

  /// A double in [0, 1) from 53 of the next 64 bits.
  func drawDouble() -> Double { Double(Int64(bitPattern: draw64() & (1 &<< 53 - 1))) * 0x1p-53 }

  /// Writes the next `count` draws of 32 bits to `out`.
  func drawWords(_ out: UnsafeMutablePointer<UInt32>, _ count: Int) {
    var done = 0
    while done < count {
      if left == 1 { makeBlock() }
      let n = Swift.min(left - 1, count - done)
      let from = words + next, to = out + done
      var i = 0
      while i &+ 4 <= n {
        let four = UnsafeRawPointer(from + i).loadUnaligned(as: SIMD4<UInt32>.self)
        UnsafeMutableRawPointer(to + i).storeBytes(of: Generator.temper(four), as: SIMD4<UInt32>.self)
        i &+= 4
      }
      while i < n {
        to[i] = Generator.temper(from[i])
        i &+= 1
      }
      left -= n
      next += n
      done += n
    }
  }

  @inline(__always)
  private static func temper(_ word: UInt32) -> UInt32 {
    var y = word
    y ^= y &>> 11
    y ^= (y &<< 7) & 0x9d2c_5680
    y ^= (y &<< 15) & 0xefc6_0000
    return y ^ (y &>> 18)
  }

  @inline(__always)
  private static func temper(_ word: SIMD4<UInt32>) -> SIMD4<UInt32> {
    var y = word
    y ^= y &>> SIMD4(repeating: 11)
    y ^= (y &<< SIMD4(repeating: 7)) & SIMD4(repeating: 0x9d2c_5680)
    y ^= (y &<< SIMD4(repeating: 15)) & SIMD4(repeating: 0xefc6_0000)
    return y ^ (y &>> SIMD4(repeating: 18))
  }

  /// Word `i` of the next block from words i, i + 1 and i + 397 of the sequence.
  @inline(__always)
  private static func twist(_ a: UInt32, _ b: UInt32, _ far: UInt32) -> UInt32 {
    let mixed = (a & 0x8000_0000) | (b & 0x7fff_ffff)
    return far ^ (mixed &>> 1) ^ (0 &- (b & 1)) & 0x9908_b0df
  }

  @inline(__always)
  private func twist4(_ i: Int, far: Int) {
    let raw = UnsafeMutableRawPointer(words + i)
    let a = raw.loadUnaligned(as: SIMD4<UInt32>.self)
    let b = raw.loadUnaligned(fromByteOffset: 4, as: SIMD4<UInt32>.self)
    let c = UnsafeRawPointer(words + far).loadUnaligned(as: SIMD4<UInt32>.self)
    let mixed = (a & SIMD4(repeating: 0x8000_0000)) | (b & SIMD4(repeating: 0x7fff_ffff))
    let odd = SIMD4(repeating: 0) &- (b & SIMD4(repeating: 1))
    let result = c ^ (mixed &>> SIMD4(repeating: 1)) ^ (odd & SIMD4(repeating: 0x9908_b0df))
    raw.storeBytes(of: result, as: SIMD4<UInt32>.self)
  }

  /// Makes the next 624 words in place. Four at a time is safe: word i + 4 reads nothing that words i ... i + 3 write.
  private func makeBlock() {
    let n = Generator.wordCount, m = 397
    var i = 0
    while i &+ 4 <= n - m {
      twist4(i, far: i &+ m)
      i &+= 4
    }
    while i < n - m {
      words[i] = Generator.twist(words[i], words[i &+ 1], words[i &+ m])
      i &+= 1
    }
    while i &+ 4 <= n - 1 {
      twist4(i, far: i &- (n - m))
      i &+= 4
    }
    while i < n - 1 {
      words[i] = Generator.twist(words[i], words[i &+ 1], words[i &- (n - m)])
      i &+= 1
    }
    words[n - 1] = Generator.twist(words[n - 1], words[0], words[m - 1])
    left = n + 1
    next = 0
  }
}

/// A plain mutual exclusion lock, not recursive.
final class Lock: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  init() { pthread_mutex_init(mutex, nil) }
  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  func lock() { pthread_mutex_lock(mutex) }
  func unlock() { pthread_mutex_unlock(mutex) }
}
