import CFirefinch
import FirefinchCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Running sums and their like along the middle of dense (outer, n, inner) memory of float32, float64 or int64
/// (logSumExp also complex). Every
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
    func walk<R: ScanRule>(_: R.Type) {
      walkLines(
        R.self, outer, n, inner, x.assumingMemoryBound(to: R.Element.self), y.assumingMemoryBound(to: R.Element.self))
    }
    switch (dtype, join) {
    case (.float32, .sum): walk(SumRule<Float>.self)
    case (.float32, .product): walk(ProductRule<Float>.self)
    case (.float32, .logSumExp): walk(LogSumExpRule<Float>.self)
    case (.float64, .sum): walk(SumRule<Double>.self)
    case (.float64, .product): walk(ProductRule<Double>.self)
    case (.float64, .logSumExp): walk(LogSumExpRule<Double>.self)
    case (.complex64, .logSumExp): walk(ComplexLogSumExpRule<Float>.self)
    case (.complex128, .logSumExp): walk(ComplexLogSumExpRule<Double>.self)
    case (_, .product): walk(IntegerProductRule.self)
    default: walk(IntegerSumRule.self)
    }
  }

  private static func walkLines<R: ScanRule>(
    _: R.Type, _ outer: Int, _ n: Int, _ inner: Int, _ x: UnsafePointer<R.Element>,
    _ y: UnsafeMutablePointer<R.Element>
  ) {
    if inner > 1 {
      blocks(outer, n, inner) { start, lines in
        withUnsafeTemporaryAllocation(of: R.Total.self, capacity: width) { total in
          for i in 0..<lines { total[i] = R.initial }
          var at = start
          for _ in 0..<n {
            for i in 0..<lines {
              total[i] = R.next(total[i], x[at + i])
              y[at + i] = R.element(total[i])
            }
            at += inner
          }
        }
      }
      return
    }
    Parallel.ranges(outer, grain: Swift.max(1, 16384 / Swift.max(n, 1))) { range in
      var row = range.lowerBound
      // A step waits for the one before it: four lines at a time keep the processor busy.
      while row + 4 <= range.upperBound {
        let (x0, y0) = (x + row * n, y + row * n)
        var (a, b, c, d) = (R.initial, R.initial, R.initial, R.initial)
        for k in 0..<n {
          a = R.next(a, x0[k])
          b = R.next(b, x0[n + k])
          c = R.next(c, x0[2 * n + k])
          d = R.next(d, x0[3 * n + k])
          y0[k] = R.element(a)
          y0[n + k] = R.element(b)
          y0[2 * n + k] = R.element(c)
          y0[3 * n + k] = R.element(d)
        }
        row += 4
      }
      while row < range.upperBound {
        var total = R.initial
        for at in row * n..<(row + 1) * n {
          total = R.next(total, x[at])
          y[at] = R.element(total)
        }
        row += 1
      }
    }
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
    func walk<T: ScanFloat>(_: T.Type) {
      recurrence(
        T.self, reverse, outer, n, inner, a.assumingMemoryBound(to: T.self), b.assumingMemoryBound(to: T.self),
        y.assumingMemoryBound(to: T.self))
    }
    if dtype == .float64 { walk(Double.self) } else { walk(Float.self) }
  }

  private static func recurrence<T: ScanFloat>(
    _: T.Type, _ reverse: Bool, _ outer: Int, _ n: Int, _ inner: Int, _ factor: UnsafePointer<T>,
    _ term: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>
  ) {
    blocks(outer, n, inner) { start, lines in
      let step = reverse ? -inner : inner
      withUnsafeTemporaryAllocation(of: Double.self, capacity: width) { total in
        var at = reverse ? start + (n - 1) * inner : start
        // The first factor has nothing to multiply: it is not read, so that NaN there does no harm.
        for i in 0..<lines {
          total[i] = term[at + i].wide
          y[at + i] = T(wide: total[i])
        }
        for _ in 1..<Swift.max(n, 1) {
          at += step
          for i in 0..<lines {
            total[i] = term[at + i].wide + factor[at + i].wide * total[i]
            y[at + i] = T(wide: total[i])
          }
        }
      }
    }
  }

  /// The middle dim in reverse order; elements of any type by their size.
  public static func flip(
    _ elementSize: Int, outer: Int, n: Int, inner: Int, x: UnsafeMutableRawPointer, out: UnsafeMutableRawPointer
  ) {
    if inner == 1 {
      // Long lines are cut: the first part of the result is the last of the line.
      let parts = outer > 4 ? 1 : Swift.max(1, Swift.min(n >> 15, 64))
      let size = (n + parts - 1) / parts
      Parallel.ranges(outer * parts, grain: Swift.max(1, 32768 / Swift.max(size, 1))) { range in
        if parts == 1 {
          let start = range.lowerBound * n * elementSize
          return ff_reverse(Int32(elementSize), Int64(range.count), Int64(n), x + start, out + start)
        }
        for index in range {
          let (line, part) = index.quotientAndRemainder(dividingBy: parts)
          let first = Swift.min(part * size, n), count = Swift.min(size, n - first)
          ff_reverse(
            Int32(elementSize), 1, Int64(count), x + (line * n + n - first - count) * elementSize,
            out + (line * n + first) * elementSize)
        }
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

/// Elements whose running values are kept in double.
private protocol ScanFloat {
  var wide: Double { get }
  init(wide: Double)
}
extension Float: ScanFloat {
  fileprivate var wide: Double { Double(self) }
  fileprivate init(wide: Double) { self = Float(wide) }
}
extension Double: ScanFloat {
  fileprivate var wide: Double { self }
  fileprivate init(wide: Double) { self = wide }
}

/// How a line is walked; a type rather than closures, so that every loop is compiled for its own rule.
private protocol ScanRule {
  associatedtype Element
  associatedtype Total
  static var initial: Total { get }
  static func next(_ total: Total, _ x: Element) -> Total
  static func element(_ total: Total) -> Element
}

private enum SumRule<T: ScanFloat>: ScanRule {
  static var initial: Double { 0 }
  static func next(_ total: Double, _ x: T) -> Double { total + x.wide }
  static func element(_ total: Double) -> T { T(wide: total) }
}

private enum ProductRule<T: ScanFloat>: ScanRule {
  static var initial: Double { 1 }
  static func next(_ total: Double, _ x: T) -> Double { total * x.wide }
  static func element(_ total: Double) -> T { T(wide: total) }
}

private enum LogSumExpRule<T: ScanFloat>: ScanRule {
  static var initial: Double { -.infinity }
  static func element(_ total: Double) -> T { T(wide: total) }
  /// log(exp(total) + exp(x)) without overflow.
  static func next(_ total: Double, _ x: T) -> Double {
    let value = x.wide
    if total.isNaN || value.isNaN { return .nan }
    let (low, high) = total < value ? (total, value) : (value, total)
    // Two equal infinities would give inf - inf.
    if low == high && low.isInfinite { return low }
    return high + log1p(exp(low - high))
  }
}

/// Complex numbers as (re, im). The logarithm's branch follows the order of the elements: the imaginary part of the one with
/// the larger real part is kept and only the rest's angle is added to it.
private enum ComplexLogSumExpRule<T: ScanFloat & SIMDScalar>: ScanRule {
  static var initial: SIMD2<Double> { SIMD2(-.infinity, 0) }
  static func element(_ total: SIMD2<Double>) -> SIMD2<T> { SIMD2(T(wide: total.x), T(wide: total.y)) }
  static func next(_ total: SIMD2<Double>, _ x: SIMD2<T>) -> SIMD2<Double> {
    let value = SIMD2(x.x.wide, x.y.wide)
    if total.x.isNaN || total.y.isNaN || value.x.isNaN || value.y.isNaN { return SIMD2(.nan, .nan) }
    let (low, high) = total.x < value.x ? (total, value) : (value, total)
    if low.x == high.x && low.x.isInfinite { return low }
    let size = exp(low.x - high.x)
    if size == 0 { return high }
    // log(1 + z) of z = size * (cos, sin).
    let (re, im) = (size * cos(low.y - high.y), size * sin(low.y - high.y))
    return SIMD2(high.x + 0.5 * log1p(2 * re + size * size), high.y + atan2(im, 1 + re))
  }
}

private enum IntegerSumRule: ScanRule {
  static var initial: Int64 { 0 }
  static func next(_ total: Int64, _ x: Int64) -> Int64 { total &+ x }
  static func element(_ total: Int64) -> Int64 { total }
}

private enum IntegerProductRule: ScanRule {
  static var initial: Int64 { 1 }
  static func next(_ total: Int64, _ x: Int64) -> Int64 { total &* x }
  static func element(_ total: Int64) -> Int64 { total }
}
