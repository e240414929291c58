// Fills with whole numbers, and permutations. See Generator+Distributions.swift.
extension Generator {
  /// Whole numbers from 0 to the dtype's largest value (for floating dtypes: to the largest below which every whole number
  /// is exact). Same as `tensor.random_()`. Any real dtype.
  public func fillRandom(_ data: UnsafeMutableRawPointer, dtype: DType, count: Int) throws {
    lock()
    defer { unlock() }
    switch dtype {
    case .int64: integers64(count, data, dtype) { Int64(bitPattern: $0 & (1 << 63 - 1)) }
    case .float64: integers64(count, data, dtype) { Int64($0 % (1 << 53 + 1)) }
    case .float32: integers32(count, data, dtype) { Int64($0 % (1 << 24 + 1)) }
    case .float16: integers32(count, data, dtype) { Int64($0 % (1 << 11 + 1)) }
    case .bfloat16: integers32(count, data, dtype) { Int64($0 % (1 << 8 + 1)) }
    case .int32: integers32(count, data, dtype) { Int64($0 & 0x7fff_ffff) }
    case .int16: integers32(count, data, dtype) { Int64($0 & 0x7fff) }
    case .int8: integers32(count, data, dtype) { Int64($0 & 0x7f) }
    case .uint8: integers32(count, data, dtype) { Int64($0 & 0xff) }
    case .bool: integers32(count, data, dtype) { Int64($0 & 1) }
    case .complex32, .complex64, .complex128: throw TensorError.dtype("random_: expects a real dtype, got \(dtype)")
    }
  }

  /// Whole numbers in [from, to), or from `from` to the dtype's largest value when `to` is nil.
  ///
  /// Same as `tensor.random_(from, to)` and `torch.randint(from, to)`: `value % (to - from) + from`, from 32-bit draws for
  /// ranges below 2^28 and 64-bit ones otherwise. Throws when the range is empty or does not fit the dtype.
  public func fillRandom(_ data: UnsafeMutableRawPointer, dtype: DType, count: Int, from: Int, to: Int?) throws {
    let range: UInt64
    var from = from
    if let to {
      (from, range) = try Draw.integerRange(dtype, from, to)
    } else if from == Int.min {
      guard dtype == .int64 || dtype == .float64 || dtype == .float32 || dtype == .bfloat16 else {
        throw TensorError.dtype(
          "random_: the full 64-bit range needs int64, float64, float32 or bfloat16, got \(dtype)")
      }
      range = 0
    } else {
      (from, range) = try Draw.integerRange(dtype, from, toInclusive: Draw.largestExactInteger(dtype))
    }
    lock()
    defer { unlock() }
    let base = from == Int.min && range == 0 ? 0 : Int64(from)
    if range == 0 {
      integers64(count, data, dtype) { Int64(bitPattern: $0) &+ base }
    } else if range >= 1 << 28 {
      integers64(count, data, dtype) { Int64(bitPattern: $0 % range) &+ base }
    } else {
      let small = UInt32(range)
      integers32(count, data, dtype) { Int64($0 % small) &+ base }
    }
  }

  /// Int64 numbers in [from, to). Same as `torch.randint(from, to)`.
  public func fillRandom(_ data: UnsafeMutablePointer<Int64>, count: Int, from: Int, to: Int) throws {
    try fillRandom(UnsafeMutableRawPointer(data), dtype: .int64, count: count, from: from, to: to)
  }

  /// A random order of the numbers 0 ..< count. Same as `torch.randperm(count)`. Any real dtype but bool that can hold
  /// `count` exactly.
  public func fillPermutation(_ data: UnsafeMutableRawPointer, dtype: DType, count: Int) throws {
    guard !dtype.isComplex, dtype != .bool else {
      throw TensorError.dtype("randperm: expects an integer or floating dtype, got \(dtype)")
    }
    guard count >= 0, count <= Draw.largestExactInteger(dtype) else {
      throw TensorError.value("randperm: \(dtype) cannot hold the numbers below n=\(count); use int64")
    }
    lock()
    defer { unlock() }
    switch dtype.size {
    case 8 where dtype == .int64: permute(data.assumingMemoryBound(to: Int64.self), count) { Int64($0) }
    case 4 where dtype == .int32: permute(data.assumingMemoryBound(to: Int32.self), count) { Int32($0) }
    default:
      // Rare dtypes: permute wide, then convert.
      let wide = UnsafeMutablePointer<Int64>.allocate(capacity: Swift.max(count, 1))
      defer { wide.deallocate() }
      permute(wide, count) { Int64($0) }
      Draw.store(wide, count, data, dtype, at: 0)
    }
  }

  /// A random order of the numbers 0 ..< count. Same as `torch.randperm(count).tolist()`; count must not be negative.
  public func permutation(_ count: Int) -> [Int] {
    guard count >= 0 else { fatalError("permutation: count must not be negative, got \(count)") }
    lock()
    defer { unlock() }
    return [Int](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress { permute(base, count) { $0 } }
      initialized = count
    }
  }

  private func permute<T>(_ data: UnsafeMutablePointer<T>, _ count: Int, _ convert: (Int) -> T) {
    if count < Int(UInt32.max) / 20 {
      for i in 0..<Swift.max(count, 0) { data[i] = convert(i) }
      var i = 0
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Draw.chunk) { words in
        let words = words.baseAddress!
        while i < count - 1 {
          let n = Swift.min(Draw.chunk, count - 1 - i)
          drawWords(words, n)
          for k in 0..<n {
            // count fits 32 bits here.
            let j = i &+ Int(words[k] % UInt32(truncatingIfNeeded: count &- i))
            let value = data[i]
            data[i] = data[j]
            data[j] = value
            i &+= 1
          }
        }
      }
      return
    }
    // So many that the remainder of 32 bits would be uneven: 64-bit draws, shuffled from the inside out.
    for i in 0..<count {
      let j = Int(draw64() % UInt64(i + 1))
      data[i] = convert(i)
      data[i] = data[j]
      data[j] = convert(i)
    }
  }

  // MARK: Chunks of draws

  @inline(__always)
  private func integers32(
    _ count: Int, _ data: UnsafeMutableRawPointer, _ dtype: DType, _ transform: (UInt32) -> Int64
  ) {
    withUnsafeTemporaryAllocation(byteCount: Draw.chunk * 12, alignment: 64) { scratch in
      let values = scratch.baseAddress!.bindMemory(to: Int64.self, capacity: Draw.chunk)
      let words = (scratch.baseAddress! + Draw.chunk * 8).bindMemory(to: UInt32.self, capacity: Draw.chunk)
      var offset = 0
      while offset < count {
        let n = Swift.min(Draw.chunk, count - offset)
        drawWords(words, n)
        for i in 0..<n { values[i] = transform(words[i]) }
        Draw.store(values, n, data, dtype, at: offset)
        offset += n
      }
    }
  }

  @inline(__always)
  private func integers64(
    _ count: Int, _ data: UnsafeMutableRawPointer, _ dtype: DType, _ transform: (UInt64) -> Int64
  ) {
    withUnsafeTemporaryAllocation(byteCount: Draw.chunk * 16, alignment: 64) { scratch in
      let values = scratch.baseAddress!.bindMemory(to: Int64.self, capacity: Draw.chunk)
      let words = (scratch.baseAddress! + Draw.chunk * 8).bindMemory(to: UInt32.self, capacity: Draw.chunk * 2)
      var offset = 0
      while offset < count {
        let n = Swift.min(Draw.chunk, count - offset)
        drawWords(words, 2 * n)
        for i in 0..<n { values[i] = transform(UInt64(words[2 &* i]) &<< 32 | UInt64(words[2 &* i &+ 1])) }
        Draw.store(values, n, data, dtype, at: offset)
        offset += n
      }
    }
  }
}
