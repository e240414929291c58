#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Generator {
  // MARK: Multinomial

  /// Indices of categories, drawn with probabilities proportional to weights. Same as `torch.multinomial`.
  ///
  /// With replacement (and more than one sample) each index is a binary search in the cumulative weights; otherwise it is
  /// the largest of weight / Exp(1), as in PyTorch. Among equal quotients the lower index comes first.
  ///
  /// - Parameters:
  ///   - result: [rows, samples] int64, contiguous.
  ///   - weights: [rows, categories] of a floating `dtype`, contiguous; finite, not negative, not all zero in a row.
  public func fillMultinomial(
    _ result: UnsafeMutablePointer<Int64>, weights: UnsafeRawPointer, dtype: DType, rows: Int, categories: Int,
    samples: Int, replacement: Bool
  ) throws {
    try Draw.requireFloating(dtype, "multinomial")
    guard samples > 0 else {
      throw TensorError.value("multinomial: cannot draw \(samples) samples; ask for at least 1")
    }
    guard categories <= 1 << 24 else {
      throw TensorError.value("multinomial: at most 2^24 categories are possible, got \(categories)")
    }
    guard replacement || samples <= categories else {
      throw TensorError.value(
        "multinomial: cannot draw \(samples) samples from \(categories) categories without replacement; "
          + "pass replacement: true")
    }
    let size = rows * categories
    let values = UnsafeMutablePointer<Double>.allocate(capacity: Swift.max(size, 1))
    defer { values.deallocate() }
    Draw.load(values, size, weights, dtype, at: 0)
    for row in 0..<rows {
      var sum = 0.0
      for i in row * categories..<(row + 1) * categories {
        guard values[i] >= 0, values[i] < .infinity else {
          throw TensorError.value(
            "multinomial: weights must be finite and not negative, got \(values[i]) at row \(row), "
              + "category \(i - row * categories)")
        }
        sum += values[i]
      }
      guard sum > 0 else { throw TensorError.value("multinomial: the weights of row \(row) are all zero") }
    }
    lock()
    defer { unlock() }
    if replacement && samples > 1 {
      for row in 0..<rows {
        drawIndices(result + row * samples, samples, values + row * categories, categories, wide: dtype == .float64)
      }
      return
    }
    let quotients = UnsafeMutableRawPointer.allocate(byteCount: Swift.max(size * dtype.size, 1), alignment: 64)
    defer { quotients.deallocate() }
    exponential(quotients, dtype, size, 1)
    divide(values, by: quotients, dtype, size)
    for row in 0..<rows {
      let q = values + row * categories, out = result + row * samples
      if samples == 1 {
        var best = 0
        for i in 1..<Swift.max(categories, 1) where q[i] > q[best] { best = i }
        out[0] = Int64(best)
        continue
      }
      let order = (0..<categories).sorted { q[$0] != q[$1] ? q[$0] > q[$1] : $0 < $1 }
      for i in 0..<samples { out[i] = Int64(order[i]) }
    }
  }

  /// Indices drawn with probabilities proportional to `weights`. Same as `torch.multinomial` of a float64 vector.
  ///
  /// Ends the program with a sentence where `fillMultinomial` would throw.
  public func multinomial(_ weights: [Double], samples: Int, replacement: Bool = false) -> [Int] {
    var result = [Int64](repeating: 0, count: Swift.max(samples, 0))
    do {
      try result.withUnsafeMutableBufferPointer { out in
        try weights.withUnsafeBytes { raw in
          // Empty arrays have no address; the checks of the count come before any access.
          guard let weights = raw.baseAddress, let out = out.baseAddress else {
            throw TensorError.value("multinomial: cannot draw \(samples) samples from \(weights.count) categories")
          }
          try fillMultinomial(
            out, weights: weights, dtype: .float64, rows: 1, categories: raw.count / 8, samples: samples,
            replacement: replacement)
        }
      }
    } catch { fatalError("\(error)") }
    return result.map { Int($0) }
  }

  /// `values[i] = values[i] / divisors[i]`, rounded as the dtype's own division.
  private func divide(_ values: UnsafeMutablePointer<Double>, by divisors: UnsafeRawPointer, _ dtype: DType, _ n: Int) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: Draw.chunk) { divisor in
      let divisor = divisor.baseAddress!
      let rounding = Draw.Rounding(dtype)
      for start in stride(from: 0, to: n, by: Draw.chunk) {
        let count = Swift.min(Draw.chunk, n - start)
        Draw.load(divisor, count, divisors, dtype, at: start)
        for i in 0..<count {
          let (a, b) = (values[start + i], divisor[i])
          values[start + i] = dtype == .float64 ? a / b : Double(rounding.round(Float(a) / Float(b)))
        }
      }
    }
  }

  /// With replacement: cumulative weights in the dtype's arithmetic (float for the short ones), then one double a sample.
  private func drawIndices(
    _ out: UnsafeMutablePointer<Int64>, _ samples: Int, _ weights: UnsafeMutablePointer<Double>, _ categories: Int,
    wide: Bool
  ) {
    var sum = 0.0
    for i in 0..<categories {
      sum = wide ? sum + weights[i] : Double(Float(sum) + Float(weights[i]))
      weights[i] = sum
    }
    for i in 0..<categories { weights[i] = wide ? weights[i] / sum : Double(Float(weights[i]) / Float(sum)) }
    weights[categories - 1] = 1
    for s in 0..<samples {
      let u = drawDouble()
      var low = 0, high = categories
      while low < high {
        let middle = low + (high - low) / 2
        if weights[middle] < u { low = middle + 1 } else { high = middle }
      }
      out[s] = Int64(low)
    }
  }

  // MARK: Poisson

  /// Poisson distributed counts with the rate of the same place. Same as `torch.poisson(rates)`.
  ///
  /// `data` and `rates` have `count` elements of a floating `dtype`; rates are not negative. They may be the same memory.
  public func fillPoisson(_ data: UnsafeMutableRawPointer, rates: UnsafeRawPointer, dtype: DType, count: Int) throws {
    try Draw.requireFloating(dtype, "poisson")
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: Draw.chunk) { values in
      let values = values.baseAddress!
      for start in stride(from: 0, to: count, by: Draw.chunk) {
        let n = Swift.min(Draw.chunk, count - start)
        Draw.load(values, n, rates, dtype, at: start)
        for i in 0..<n where !(values[i] >= 0 && values[i] < .infinity) {
          throw TensorError.value(
            "poisson: rates must be finite and not negative, got \(values[i]) at element \(start + i)")
        }
      }
      lock()
      defer { unlock() }
      for start in stride(from: 0, to: count, by: Draw.chunk) {
        let n = Swift.min(Draw.chunk, count - start)
        Draw.load(values, n, rates, dtype, at: start)
        for i in 0..<n { values[i] = drawPoisson(values[i]) }
        Draw.store(values, n, data, dtype, at: start)
      }
    }
  }

  private func drawPoisson(_ rate: Double) -> Double {
    if rate == 0 { return 0 }
    if rate < 10 {
      // Counts how many uniforms may be multiplied before the product falls below exp(-rate).
      let limit = exp(-rate)
      var count = 0.0, product = 1.0
      while true {
        product *= drawDouble()
        if !(product > limit) { return count }
        count += 1
      }
    }
    // Transformed rejection (Hoermann 1993, "PTRS").
    let root = rate.squareRoot(), logRate = log(rate)
    let b = 0.931 + 2.53 * root
    let a = -0.059 + 0.02483 * b
    let inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
    let limit = 0.9277 - 3.6224 / (b - 2)
    while true {
      let u = drawDouble() - 0.5, v = drawDouble()
      let us = 0.5 - u.magnitude
      let k = ((2 * a / us + b) * u + rate + 0.43).rounded(.down)
      if us >= 0.07 && v <= limit { return k }
      if k < 0 || (us < 0.013 && v > us) { continue }
      if log(v) + log(inverseAlpha) - log(a / (us * us) + b) <= -rate + k * logRate - lgamma(k + 1) { return k }
    }
  }

  // MARK: Truncated normal

  /// Normally distributed numbers, those outside [low, high] drawn again. Same as `torch.nn.init.trunc_normal_` (2.13).
  ///
  /// Where at least 30% of a normal distribution lies inside the bounds, whole tensors of normal numbers are drawn until
  /// each place has had one inside; otherwise uniform candidates are accepted in proportion to the density.
  /// Floating dtypes. Throws when low >= high or std <= 0.
  public func fillTruncatedNormal(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, mean: Double = 0, std: Double = 1, low: Double = -2,
    high: Double = 2
  ) throws {
    try Draw.requireFloating(dtype, "trunc_normal_")
    try Draw.requirePositive(std, "std", "trunc_normal_")
    guard low < high else {
      throw TensorError.value("trunc_normal_: expects a < b, got a=\(low) and b=\(high)")
    }
    if count <= 0 { return }
    func below(_ x: Double) -> Double { (1 + erf(x / 2.0.squareRoot())) / 2 }
    let inside = below((high - mean) / std) - below((low - mean) / std)
    lock()
    defer { unlock() }
    let fresh = UnsafeMutableRawPointer.allocate(byteCount: count * dtype.size, alignment: 64)
    defer { fresh.deallocate() }
    let values = UnsafeMutablePointer<Double>.allocate(capacity: count)
    let next = UnsafeMutablePointer<Double>.allocate(capacity: count)
    defer {
      values.deallocate()
      next.deallocate()
    }
    func round(_ x: Double) -> Double {
      dtype == .float64 ? x : Double(Draw.Rounding(dtype).round(Float(x)))
    }
    if inside > 0.3 {
      normal(data, dtype, count, mean, std)
      Draw.load(values, count, data, dtype, at: 0)
      let (low, high) = (round(low), round(high))
      while (0..<count).contains(where: { values[$0] < low || values[$0] > high }) {
        normal(fresh, dtype, count, mean, std)
        Draw.load(next, count, fresh, dtype, at: 0)
        for i in 0..<count where values[i] < low || values[i] > high { values[i] = next[i] }
      }
    } else {
      // log density of the candidates relative to the peak inside the bounds, each step rounded to the dtype.
      let mode = Swift.max(low, Swift.min(mean, high))
      let logPeak = -0.5 * ((mode - mean) / std) * ((mode - mean) / std)
      var pending = [Bool](repeating: true, count: count)
      var first = true
      repeat {
        uniform(fresh, dtype, count, low, high)
        Draw.load(next, count, fresh, dtype, at: 0)
        for i in 0..<count where pending[i] { values[i] = next[i] }
        uniform(fresh, dtype, count, 0, 1)
        for i in 0..<count {
          var x = first ? values[i] : next[i]
          x = round(round(x - round32(mean, dtype)) / round32(std, dtype))
          x = round(x * x)
          next[i] = round(round(x * -0.5) - round32(logPeak, dtype))
        }
        withUnsafeTemporaryAllocation(of: Double.self, capacity: Draw.chunk) { u in
          let u = u.baseAddress!
          for start in stride(from: 0, to: count, by: Draw.chunk) {
            let n = Swift.min(Draw.chunk, count - start)
            Draw.load(u, n, fresh, dtype, at: start)
            for i in 0..<n where pending[start + i] { pending[start + i] = round(log(u[i])) > next[start + i] }
          }
        }
        first = false
      } while pending.contains(true)
    }
    Draw.store(values, count, data, dtype, at: 0)
  }

  /// A scalar operand as PyTorch's kernels take it: in float unless the tensor is double.
  private func round32(_ x: Double, _ dtype: DType) -> Double { dtype == .float64 ? x : Double(Float(x)) }
}
