#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

// Fills of contiguous memory. `data` points at `count` elements of `dtype`. Each fill takes the lock once and consumes
// exactly the draws that PyTorch's CPU kernel for the same call consumes, in the same order.
extension Generator {
  // MARK: Uniform

  /// Numbers in [from, to). Same as `tensor.uniform_(from, to)`; `torch.rand` is from 0 to 1.
  ///
  /// Floating dtypes only; complex ones are filled as pairs of reals. Throws for another dtype and for bad bounds.
  public func fillUniform(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, from: Double = 0, to: Double = 1
  ) throws {
    let (dtype, count) = try Draw.realParts(dtype, count, "uniform_")
    let largest = Draw.largestFinite(dtype)
    guard from >= -largest, from <= largest else { throw Draw.outOfBounds("uniform_", "from", from, dtype) }
    guard to >= -largest, to <= largest else { throw Draw.outOfBounds("uniform_", "to", to, dtype) }
    guard from <= to else {
      throw TensorError.value("uniform_: expects a range [from, to), got from=\(from) > to=\(to); swap the bounds")
    }
    guard to - from <= largest else {
      throw TensorError.value("uniform_: to - from does not fit \(dtype), got from=\(from) and to=\(to)")
    }
    lock()
    defer { unlock() }
    uniform(data, dtype, count, from, to)
  }

  /// Float numbers in [from, to). Same as `tensor.uniform_(from, to)` for float32.
  public func fillUniform(_ data: UnsafeMutablePointer<Float>, count: Int, from: Float = 0, to: Float = 1) throws {
    try fillUniform(UnsafeMutableRawPointer(data), dtype: .float32, count: count, from: Double(from), to: Double(to))
  }

  /// Double numbers in [from, to). Same as `tensor.uniform_(from, to)` for float64.
  public func fillUniform(_ data: UnsafeMutablePointer<Double>, count: Int, from: Double = 0, to: Double = 1) throws {
    try fillUniform(UnsafeMutableRawPointer(data), dtype: .float64, count: count, from: from, to: to)
  }

  func uniform(_ data: UnsafeMutableRawPointer, _ dtype: DType, _ count: Int, _ from: Double, _ to: Double) {
    if dtype == .float64 {
      let out = data.assumingMemoryBound(to: Double.self)
      // Rounds once, as PyTorch's fused multiply-add does.
      let plain = from == 0 && to == 1
      doubles(count) { values, offset, n in
        for i in 0..<n { out[offset &+ i] = plain ? values[i] : Draw.bounded(values[i], from, to) }
      }
      return
    }
    let (low, high) = (Float(from), Float(to))
    let span = high - low
    let plain = low == 0 && high == 1
    if dtype == .float32 {
      let out = data.assumingMemoryBound(to: Float.self)
      floats(count) { values, offset, n in
        if plain {
          (out + offset).update(from: values, count: n)
        } else {
          for i in 0..<n {
            let value = Draw.multiplyAdd(values[i], span, low)
            out[offset &+ i] = value == high ? low : value
          }
        }
      }
      return
    }
    // The store may round up to the upper bound, which then becomes the lower one.
    let out = data.assumingMemoryBound(to: UInt16.self)
    let half = dtype == .float16
    let highBits = half ? Draw.halfBits(high) : Draw.bfloat16Bits(high)
    let lowBits = half ? Draw.halfBits(low) : Draw.bfloat16Bits(low)
    // Zeros of both signs are equal.
    let mask: UInt16 = highBits & 0x7fff == 0 ? 0x7fff : 0xffff
    floats(count) { values, offset, n in
      if !plain {
        for i in 0..<n { values[i] = Draw.multiplyAdd(values[i], span, low) }
      }
      Draw.store(values, n, data, dtype, at: offset)
      for i in offset..<offset &+ n { out[i] = (out[i] ^ highBits) & mask == 0 ? lowBits : out[i] }
    }
  }

  // MARK: Continuous distributions from one double a value

  /// Exponentially distributed numbers of rate `lambda`. Same as `tensor.exponential_(lambd)`. Floating dtypes.
  public func fillExponential(_ data: UnsafeMutableRawPointer, dtype: DType, count: Int, lambda: Double = 1) throws {
    try Draw.requireFloating(dtype, "exponential_")
    try Draw.requirePositive(lambda, "lambda", "exponential_")
    lock()
    defer { unlock() }
    exponential(data, dtype, count, lambda)
  }

  func exponential(_ data: UnsafeMutableRawPointer, _ dtype: DType, _ count: Int, _ lambda: Double) {
    let scale = -1 / lambda
    doubles(count) { values, offset, n in
      for i in 0..<n { values[i] = scale * log1p(-values[i]) }
      Draw.store(values, n, data, dtype, at: offset)
    }
  }

  /// Cauchy distributed numbers. Same as `tensor.cauchy_(median, sigma)`. Floating dtypes.
  public func fillCauchy(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, median: Double = 0, sigma: Double = 1
  ) throws {
    try Draw.requireFloating(dtype, "cauchy_")
    try Draw.requirePositive(sigma, "sigma", "cauchy_")
    lock()
    defer { unlock() }
    doubles(count) { values, offset, n in
      for i in 0..<n { values[i] = median.addingProduct(sigma, tan(Double.pi * (values[i] - 0.5))) }
      Draw.store(values, n, data, dtype, at: offset)
    }
  }

  /// Numbers of trials up to the first success of probability `p`. Same as `tensor.geometric_(p)`. Any real dtype but bool.
  public func fillGeometric(_ data: UnsafeMutableRawPointer, dtype: DType, count: Int, p: Double) throws {
    guard !dtype.isComplex, dtype != .bool else {
      throw TensorError.dtype("geometric_: expects an integer or floating dtype, got \(dtype)")
    }
    guard p > 0, p < 1 else { throw TensorError.value("geometric_: expects p in (0, 1), got p=\(p)") }
    lock()
    defer { unlock() }
    let scale = log1p(-p)
    doubles(count) { values, offset, n in
      for i in 0..<n { values[i] = (log(values[i]) / scale).rounded(.up) }
      Draw.store(values, n, data, dtype, at: offset)
    }
  }

  // MARK: Bernoulli

  /// 1 with probability `p`, else 0. Same as `tensor.bernoulli_(p)`. Any real dtype.
  public func fillBernoulli(_ data: UnsafeMutableRawPointer, dtype: DType, count: Int, p: Double = 0.5) throws {
    try fillMask(data, dtype: dtype, count: count, p: p, one: 1, operation: "bernoulli_")
  }

  /// The factors of dropout: 0 with probability `p`, else 1 / (1 - p). Same draws and values as `F.dropout` uses.
  ///
  /// Floating dtypes. With p = 1 all factors are 0 and, as in PyTorch, no number is drawn.
  public func fillDropoutMask(_ data: UnsafeMutableRawPointer, dtype: DType, count: Int, p: Double) throws {
    try Draw.requireFloating(dtype, "dropout")
    guard p >= 0, p <= 1 else { throw TensorError.value("dropout: expects a probability p in [0, 1], got p=\(p)") }
    if p == 1 {
      data.initializeMemory(as: UInt8.self, repeating: 0, count: count * dtype.size)
      return
    }
    // PyTorch divides a mask of ones by 1 - p in the arithmetic of the dtype: float for all but double.
    let one = dtype == .float64 ? 1 / (1 - p) : Double(1 / Float(1 - p))
    try fillMask(data, dtype: dtype, count: count, p: 1 - p, one: one, operation: "dropout")
  }

  private func fillMask(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, p: Double, one: Double, operation: String
  ) throws {
    guard !dtype.isComplex else { throw TensorError.dtype("\(operation): expects a real dtype, got \(dtype)") }
    guard p >= 0, p <= 1 else { throw TensorError.value("\(operation): expects p in [0, 1], got p=\(p)") }
    lock()
    defer { unlock() }
    if dtype == .float32 {
      let out = data.assumingMemoryBound(to: Float.self)
      let yes = Float(one)
      doubles(count) { values, offset, n in
        for i in 0..<n { out[offset &+ i] = values[i] < p ? yes : 0 }
      }
      return
    }
    doubles(count) { values, offset, n in
      for i in 0..<n { values[i] = values[i] < p ? one : 0 }
      Draw.store(values, n, data, dtype, at: offset)
    }
  }

  /// 1 with the probability of the same place, else 0. Same as `tensor.bernoulli_(p)` with a tensor and `torch.bernoulli(p)`.
  ///
  /// - Parameters:
  ///   - dtype: of the result, any real dtype.
  ///   - probabilities: `count` elements of `probabilityDType`, a floating dtype, each in [0, 1]. May be `data` itself.
  public func fillBernoulli(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, probabilities: UnsafeRawPointer, probabilityDType: DType
  ) throws {
    guard !dtype.isComplex else { throw TensorError.dtype("bernoulli_: expects a real dtype, got \(dtype)") }
    try Draw.requireFloating(probabilityDType, "bernoulli_: the probabilities")
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: Draw.chunk) { p in
      let p = p.baseAddress!
      // All are checked first: a throw leaves data and stream as they were.
      for start in stride(from: 0, to: count, by: Draw.chunk) {
        let n = Swift.min(Draw.chunk, count - start)
        Draw.load(p, n, probabilities, probabilityDType, at: start)
        for i in 0..<n where !(p[i] >= 0 && p[i] <= 1) {
          throw TensorError.value("bernoulli_: expects probabilities in [0, 1], got \(p[i]) at element \(start + i)")
        }
      }
      lock()
      defer { unlock() }
      let body = { (values: UnsafeMutablePointer<Double>, offset: Int, n: Int) in
        Draw.load(p, n, probabilities, probabilityDType, at: offset)
        for i in 0..<n { values[i] = values[i] < p[i] ? 1 : 0 }
        Draw.store(values, n, data, dtype, at: offset)
      }
      if probabilityDType == .float64 {
        doubles(count, body)
      } else {
        // One 32-bit draw a value here: float probabilities are compared with a float.
        withUnsafeTemporaryAllocation(of: Double.self, capacity: Draw.chunk) { wide in
          let wide = wide.baseAddress!
          floats(count) { values, offset, n in
            for i in 0..<n { wide[i] = Double(values[i]) }
            body(wide, offset, n)
          }
        }
      }
    }
  }

  // MARK: Chunks of draws

  /// Calls `body` with the next doubles in [0, 1), in chunks it may overwrite: (values, offset of the first, how many).
  func doubles(_ count: Int, _ body: (UnsafeMutablePointer<Double>, Int, Int) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: Draw.chunk * 16, alignment: 64) { scratch in
      let values = scratch.baseAddress!.bindMemory(to: Double.self, capacity: Draw.chunk)
      let words = (scratch.baseAddress! + Draw.chunk * 8).bindMemory(to: UInt32.self, capacity: Draw.chunk * 2)
      var offset = 0
      while offset < count {
        let n = Swift.min(Draw.chunk, count - offset)
        drawWords(words, 2 * n)
        for i in 0..<n {
          // 21 bits of the first word above the whole second one: 53 bits.
          let high = Int64(words[2 &* i] & 0x1f_ffff), low = Int64(words[2 &* i &+ 1])
          values[i] = Double(high &<< 32 | low) * 0x1p-53
        }
        body(values, offset, n)
        offset += n
      }
    }
  }

  /// Calls `body` with the next floats in [0, 1), in chunks it may overwrite: (values, offset of the first, how many).
  func floats(_ count: Int, _ body: (UnsafeMutablePointer<Float>, Int, Int) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: Draw.chunk * 8, alignment: 64) { scratch in
      let values = scratch.baseAddress!.bindMemory(to: Float.self, capacity: Draw.chunk)
      let words = (scratch.baseAddress! + Draw.chunk * 4).bindMemory(to: UInt32.self, capacity: Draw.chunk)
      var offset = 0
      while offset < count {
        let n = Swift.min(Draw.chunk, count - offset)
        drawWords(words, n)
        for i in 0..<n { values[i] = Float(Int32(bitPattern: words[i] & 0xff_ffff)) * 0x1p-24 }
        body(values, offset, n)
        offset += n
      }
    }
  }
}
