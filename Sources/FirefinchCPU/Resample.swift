import FirefinchCore

/// Weighted sums of slices along one dim: what interpolation is made of.
public enum ResampleKernel {
  /// x is (outer, n, inner), y is (outer, m, inner). `y[o, j] = sum over t of w[t, j] x[o, index[t, j]]`, or transposed
  /// `x[o, index[t, j]] += w[t, j] y[o, j]` into x, which holds zeros.
  public static func run(
    _ dtype: DType, transposed: Bool, outer: Int, n: Int, m: Int, inner: Int, taps: Int,
    x: UnsafeMutableRawPointer, y: UnsafeMutableRawPointer, index: UnsafePointer<Int64>, weights: UnsafeMutableRawPointer
  ) {
    if dtype == .float64 {
      run(Double.self, transposed, outer, n, m, inner, taps, x, y, index, weights)
    } else {
      run(Float.self, transposed, outer, n, m, inner, taps, x, y, index, weights)
    }
  }

  private static func run<T: BinaryFloatingPoint>(
    _: T.Type, _ transposed: Bool, _ outer: Int, _ n: Int, _ m: Int, _ inner: Int, _ taps: Int,
    _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer, _ index: UnsafePointer<Int64>,
    _ weights: UnsafeMutableRawPointer
  ) {
    let source = x.assumingMemoryBound(to: T.self), target = y.assumingMemoryBound(to: T.self)
    let w = weights.assumingMemoryBound(to: T.self)
    Parallel.ranges(outer, grain: Swift.max(1, 16384 / Swift.max(m * inner * taps, 1))) { rows in
      for o in rows {
        for j in 0..<m {
          let there = target + (o * m + j) * inner
          for t in 0..<taps {
            let weight = w[t * m + j]
            let here = source + (o * n + Int(index[t * m + j])) * inner
            if transposed {
              for i in 0..<inner { here[i] += weight * there[i] }
            } else if t == 0 {
              for i in 0..<inner { there[i] = weight * here[i] }
            } else {
              for i in 0..<inner { there[i] += weight * here[i] }
            }
          }
        }
      }
    }
  }
}
