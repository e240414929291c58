import FirefinchCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Running sums and their like along the middle of dense (outer, n, inner) memory of float32, float64 or int64. Every
/// line is walked by one task from its first element to its last, so that results do not depend on the thread count;
/// float32 lines are accumulated in double.
public enum ScanKernel {
  /// What joins an element with all before it.
  public enum Join: Sendable { case sum, product, logSumExp }

  /// Lines that are walked side by side, so that memory with inner > 1 is read in its order.
  private static let width = 32

  /// Calls `body` with the offset of the first element and the number of neighbouring lines of each block.
  private static func blocks(_ outer: Int, _ n: Int, _ inner: Int, _ body: (_ start: Int, _ lines: Int) -> Void) {
    let columns = (inner + width - 1) / width
    if n == 0 { return }
    let grain = Swift.max(1, 16384 / (n * Swift.min(inner, width)))
    Parallel.ranges(outer * columns, grain: grain) { range in
      for block in range {
        let (o, column) = block.quotientAndRemainder(dividingBy: columns)
        let first = column * width
        body(o * n * inner + first, Swift.min(width, inner - first))
      }
    }
  }

  /// `y[k] = join(y[k - 1], x[k])`.
  public static func run(
    _ dtype: DType, _ join: Join, outer: Int, n: Int, inner: Int, x: UnsafeMutableRawPointer,
    y: UnsafeMutableRawPointer
  ) {
    @inline(__always) func sweep<T, A>(
      _: T.Type, _ initial: A, _ wide: (T) -> A, _ narrow: (A) -> T, _ next: (A, A) -> A
    ) {
      let from = x.assumingMemoryBound(to: T.self), to = y.assumingMemoryBound(to: T.self)
      blocks(outer, n, inner) { start, lines in
        withUnsafeTemporaryAllocation(of: A.self, capacity: width) { total in
          for i in 0..<lines { total[i] = initial }
          var at = start
          for _ in 0..<n {
            for i in 0..<lines {
              total[i] = next(total[i], wide(from[at + i]))
              to[at + i] = narrow(total[i])
            }
            at += inner
          }
        }
      }
    }
    @inline(__always) func floating<T>(_: T.Type, _ wide: (T) -> Double, _ narrow: (Double) -> T) {
      switch join {
      case .sum: sweep(T.self, 0, wide, narrow) { $0 + $1 }
      case .product: sweep(T.self, 1, wide, narrow) { $0 * $1 }
      case .logSumExp: sweep(T.self, -Double.infinity, wide, narrow, logAddExp)
      }
    }
    switch dtype {
    case .float32: floating(Float.self, { Double($0) }, { Float($0) })
    case .float64: floating(Double.self, { $0 }, { $0 })
    default:
      if join == .product {
        sweep(Int64.self, 1, { $0 }, { $0 }) { (a: Int64, b: Int64) in a &* b }
      } else {
        sweep(Int64.self, 0, { $0 }, { $0 }) { (a: Int64, b: Int64) in a &+ b }
      }
    }
  }

  /// log(exp(a) + exp(b)) without overflow.
  private static func logAddExp(_ a: Double, _ b: Double) -> Double {
    if a.isNaN || b.isNaN { return .nan }
    let (low, high) = a < b ? (a, b) : (b, a)
    // Two equal infinities would give inf - inf.
    if low == high && low.isInfinite { return low }
    return high + log1p(exp(low - high))
  }

  /// The largest (or smallest) element so far and its position; of equals the last one, and NaN wins.
  public static func extremes(
    _ dtype: DType, largest: Bool, outer: Int, n: Int, inner: Int, x: UnsafeMutableRawPointer,
    values: UnsafeMutableRawPointer, indices: UnsafeMutablePointer<Int64>
  ) {
    @inline(__always) func sweep<T: Comparable>(_: T.Type) {
      let from = x.assumingMemoryBound(to: T.self), to = values.assumingMemoryBound(to: T.self)
      blocks(outer, n, inner) { start, lines in
        for i in 0..<lines {
          to[start + i] = from[start + i]
          indices[start + i] = 0
        }
        var at = start + inner
        for k in 1..<Swift.max(n, 1) {
          for i in 0..<lines {
            let (value, best) = (from[at + i], to[at + i - inner])
            // Only NaN differs from itself.
            let wins = value != value || (best == best && (largest ? value >= best : value <= best))
            to[at + i] = wins ? value : best
            indices[at + i] = wins ? Int64(k) : indices[at + i - inner]
          }
          at += inner
        }
      }
    }
    switch dtype {
    case .float32: sweep(Float.self)
    case .float64: sweep(Double.self)
    default: sweep(Int64.self)
    }
  }

  /// `y[k] = b[k] + a[k] * y[k - 1]`, or `+ a[k] * y[k + 1]` from the last element when `reverse`.
  public static func linear(
    _ dtype: DType, reverse: Bool, outer: Int, n: Int, inner: Int, a: UnsafeMutableRawPointer,
    b: UnsafeMutableRawPointer, y: UnsafeMutableRawPointer
  ) {
    @inline(__always) func sweep<T: BinaryFloatingPoint>(
      _: T.Type, _ wide: (T) -> Double, _ narrow: (Double) -> T
    ) {
      let factor = a.assumingMemoryBound(to: T.self), term = b.assumingMemoryBound(to: T.self)
      let to = y.assumingMemoryBound(to: T.self)
      blocks(outer, n, inner) { start, lines in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: width) { total in
          var at = reverse ? start + (n - 1) * inner : start
          for k in 0..<n {
            for i in 0..<lines {
              // The first factor has nothing to multiply: it is not read, so that NaN there does no harm.
              total[i] = k == 0 ? wide(term[at + i]) : wide(term[at + i]) + wide(factor[at + i]) * total[i]
              to[at + i] = narrow(total[i])
            }
            at += reverse ? -inner : inner
          }
        }
      }
    }
    if dtype == .float64 {
      sweep(Double.self, { $0 }, { $0 })
    } else {
      sweep(Float.self, { Double($0) }, { Float($0) })
    }
  }

  /// The middle dim in reverse order; elements of any type by their size.
  public static func flip(
    _ elementSize: Int, outer: Int, n: Int, inner: Int, x: UnsafeMutableRawPointer, out: UnsafeMutableRawPointer
  ) {
    func reverse<T>(_: T.Type) {
      let from = x.assumingMemoryBound(to: T.self), to = out.assumingMemoryBound(to: T.self)
      Parallel.ranges(outer, grain: Swift.max(1, 32768 / Swift.max(n, 1))) { range in
        for o in range {
          let (line, target) = (from + o * n, to + o * n)
          for k in 0..<n { target[k] = line[n - 1 - k] }
        }
      }
    }
    if inner == 1 {
      switch elementSize {
      case 1: reverse(UInt8.self)
      case 2: reverse(UInt16.self)
      case 4: reverse(UInt32.self)
      default: reverse(UInt64.self)
      }
      return
    }
    let bytes = inner * elementSize
    Parallel.ranges(outer * n, grain: Swift.max(1, 65536 / Swift.max(bytes, 1))) { range in
      for row in range {
        let (o, k) = row.quotientAndRemainder(dividingBy: n)
        (out + row * bytes).copyMemory(from: x + (o * n + n - 1 - k) * bytes, byteCount: bytes)
      }
    }
  }
}
