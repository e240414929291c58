#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Generator {
  /// Normally distributed numbers. Same as `tensor.normal_(mean, std)`; `torch.randn` is mean 0, std 1.
  ///
  /// Floating dtypes; complex ones are filled as pairs of reals with std / sqrt(2). Throws for another dtype and std < 0.
  ///
  /// PyTorch has two algorithms and so have we: from 16 contiguous elements up, Box-Muller over blocks of 16 in the dtype's
  /// own arithmetic; otherwise one double at a time. Pass `contiguous: false` for memory that is not the whole of a
  /// contiguous tensor (a dense transposed one, say): the values then come in memory order.
  public func fillNormal(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, mean: Double = 0, std: Double = 1,
    contiguous: Bool = true
  ) throws {
    let std0 = std
    let (real, count) = try Draw.realParts(dtype, count, "normal_")
    let std = dtype.isComplex ? std0 / 2.0.squareRoot() : std0
    guard std >= 0 else { throw TensorError.value("normal_: expects std >= 0, got std=\(std0)") }
    lock()
    defer { unlock() }
    normal(data, real, count, mean, std, contiguous: contiguous)
  }

  /// Float numbers of a normal distribution. Same as `tensor.normal_(mean, std)` for float32.
  public func fillNormal(_ data: UnsafeMutablePointer<Float>, count: Int, mean: Double = 0, std: Double = 1) throws {
    try fillNormal(UnsafeMutableRawPointer(data), dtype: .float32, count: count, mean: mean, std: std)
  }

  /// Double numbers of a normal distribution. Same as `tensor.normal_(mean, std)` for float64.
  public func fillNormal(_ data: UnsafeMutablePointer<Double>, count: Int, mean: Double = 0, std: Double = 1) throws {
    try fillNormal(UnsafeMutableRawPointer(data), dtype: .float64, count: count, mean: mean, std: std)
  }

  /// One normally distributed double by the scalar algorithm, whose second value the next call returns.
  public func normal(mean: Double = 0, std: Double = 1) -> Double {
    lock()
    defer { unlock() }
    return drawNormal(mean, std)
  }

  /// exp of normally distributed numbers. Same as `tensor.log_normal_(mean, std)`. Floating dtypes.
  public func fillLogNormal(
    _ data: UnsafeMutableRawPointer, dtype: DType, count: Int, mean: Double = 1, std: Double = 2
  ) throws {
    try Draw.requireFloating(dtype, "log_normal_")
    try Draw.requirePositive(std, "std", "log_normal_")
    lock()
    defer { unlock() }
    scalars(count, data, dtype) { exp($0.drawNormal(mean, std)) }
  }

  // MARK: The callers below hold the lock

  package func normal(
    _ data: UnsafeMutableRawPointer, _ dtype: DType, _ count: Int, _ mean: Double, _ std: Double,
    contiguous: Bool = true
  ) {
    guard count >= 16, contiguous else {
      scalars(count, data, dtype) { $0.drawNormal(mean, std) }
      return
    }
    if dtype == .float64 {
      normalBlocks(data.assumingMemoryBound(to: Double.self), count, mean, std)
    } else {
      normalBlocks(data, dtype, count, Float(mean), Float(std))
    }
  }

  func drawNormal(_ mean: Double, _ std: Double) -> Double {
    let value: Double
    if let cached = cachedNormal {
      value = cached
      cachedNormal = nil
    } else {
      let angle = drawDouble(), size = drawDouble()
      let radius = (-2 * log1p(-size)).squareRoot()
      let theta = 2 * Double.pi * angle
      cachedNormal = radius * sin(theta)
      value = radius * cos(theta)
    }
    return mean.addingProduct(value, std)
  }

  /// Stores `count` values of `next`.
  private func scalars(
    _ count: Int, _ data: UnsafeMutableRawPointer, _ dtype: DType, _ next: (Generator) -> Double
  ) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: Draw.chunk) { values in
      let values = values.baseAddress!
      for offset in stride(from: 0, to: count, by: Draw.chunk) {
        let n = Swift.min(Draw.chunk, count - offset)
        for i in 0..<n { values[i] = next(self) }
        Draw.store(values, n, data, dtype, at: offset)
      }
    }
  }

  /// float64: uniforms for all, each block of 16 transformed in place, and the last 16 once more if a part block is left.
  private func normalBlocks(_ data: UnsafeMutablePointer<Double>, _ count: Int, _ mean: Double, _ std: Double) {
    func transform(_ block: UnsafeMutablePointer<Double>) {
      for j in 0..<8 {
        let radius = (-2 * log(1 - block[j])).squareRoot()
        let theta = 2 * Double.pi * block[j + 8]
        block[j] = mean.addingProduct(radius * cos(theta), std)
        block[j + 8] = mean.addingProduct(radius * sin(theta), std)
      }
    }
    doubles(count) { values, offset, n in (data + offset).update(from: values, count: n) }
    for i in stride(from: 0, to: count - 15, by: 16) { transform(data + i) }
    if count % 16 != 0 {
      let last = data + count - 16
      doubles(16) { values, _, n in last.update(from: values, count: n) }
      transform(last)
    }
  }

  /// The other dtypes: in float arithmetic, from the words of the blocks at once.
  private func normalBlocks(
    _ data: UnsafeMutableRawPointer, _ dtype: DType, _ count: Int, _ mean: Float, _ std: Float
  ) {
    BoxMuller.withScratch(elements: count) { box in
      let most = box.capacity
      let whole = count & ~15
      for offset in stride(from: 0, to: whole, by: most) {
        let n = Swift.min(most, whole - offset)
        drawWords(box.words, n)
        box.transform(n, mean, std)
        Draw.store(box.values, n, data, dtype, at: offset)
      }
      if whole == count { return }
      // PyTorch draws uniforms for the part block in float32, which the recomputed last block then replaces.
      if dtype == .float32 { drawWords(box.words, count - whole) }
      drawWords(box.words, 16)
      box.transform(16, mean, std)
      Draw.store(box.values, 16, data, dtype, at: count - 16)
    }
  }
}
