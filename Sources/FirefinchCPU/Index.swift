import FirefinchCore

/// Moves and sums elements by index, in dense buffers seen as (outer, n, inner) around the indexed dim. Indices are int64
/// within `-n..<n`; a wrong one is a fault and nothing is read or written for it.
public enum IndexKernel {
  /// The place of an index, or nil when it is out of range.
  @inline(__always)
  static func place(_ index: Int64, _ n: Int) -> Int? {
    let i = Int(index)
    if i >= 0 { return i < n ? i : nil }
    return i >= -n ? i + n : nil
  }

  /// `out[o, j, i] = x[o, index[o, j, i], i]` for index of (outer, m, inner).
  public static func gather(
    _ elementSize: Int, outer: Int, n: Int, m: Int, inner: Int, x: UnsafeMutableRawPointer,
    index: UnsafePointer<Int64>, out: UnsafeMutableRawPointer
  ) -> KernelFault {
    let faults = FaultCollector()
    func run<T>(_: T.Type) {
      let from = x.assumingMemoryBound(to: T.self), to = out.assumingMemoryBound(to: T.self)
      Parallel.ranges(outer * m, grain: Swift.max(1, 8192 / Swift.max(inner, 1))) { rows in
        for row in rows {
          let base = row / m * n * inner
          for i in 0..<inner {
            guard let k = place(index[row * inner + i], n) else {
              faults.note(KernelFault.index.rawValue)
              continue
            }
            to[row * inner + i] = from[base + k * inner + i]
          }
        }
      }
    }
    switch elementSize {
    case 1: run(UInt8.self)
    case 2: run(UInt16.self)
    case 4: run(UInt32.self)
    default: run(UInt64.self)
    }
    return faults.faults
  }

  /// `out[o, j, :] = x[o, index[j], :]` for m indices: whole rows of bytes.
  public static func select(
    _ elementSize: Int, outer: Int, n: Int, inner: Int, x: UnsafeMutableRawPointer, index: UnsafePointer<Int64>, m: Int,
    out: UnsafeMutableRawPointer
  ) -> KernelFault {
    let faults = FaultCollector()
    let bytes = inner * elementSize
    Parallel.ranges(outer * m, grain: Swift.max(1, 65536 / Swift.max(bytes, 1))) { rows in
      for row in rows {
        let (o, j) = row.quotientAndRemainder(dividingBy: m)
        guard let k = place(index[j], n) else {
          faults.note(KernelFault.index.rawValue)
          continue
        }
        (out + row * bytes).copyMemory(from: x + (o * n + k) * bytes, byteCount: bytes)
      }
    }
    return faults.faults
  }

  /// How a scattered value joins what is there.
  public enum Join: Sendable { case assign, add, multiply, min, max }

  /// `out[o, index[o, j, i], i]` joined with `source[o, j, i]`, in the order of j: the same for every thread count.
  /// dtype is float32, float64, int64, or any when only assigning.
  public static func scatter(
    _ dtype: DType, _ join: Join, outer: Int, n: Int, m: Int, inner: Int, source: UnsafeMutableRawPointer,
    index: UnsafePointer<Int64>, out: UnsafeMutableRawPointer
  ) -> KernelFault {
    let faults = FaultCollector()
    func run<T>(_: T.Type, _ combine: @escaping (T, T) -> T) {
      let from = source.assumingMemoryBound(to: T.self), to = out.assumingMemoryBound(to: T.self)
      Parallel.ranges(outer, grain: Swift.max(1, 8192 / Swift.max(m * inner, 1))) { range in
        for o in range {
          for j in 0..<m {
            let row = (o * m + j) * inner
            for i in 0..<inner {
              guard let k = place(index[row + i], n) else {
                faults.note(KernelFault.index.rawValue)
                continue
              }
              let at = (o * n + k) * inner + i
              to[at] = combine(to[at], from[row + i])
            }
          }
        }
      }
    }
    func numbers<T: Numeric & Comparable>(_ type: T.Type) {
      switch join {
      case .assign: run(type) { $1 }
      case .add: run(type) { $0 + $1 }
      case .multiply: run(type) { $0 * $1 }
      // A NaN on either side wins.
      case .min: run(type) { !($0 == $0) || $0 < $1 ? $0 : $1 }
      case .max: run(type) { !($0 == $0) || $0 > $1 ? $0 : $1 }
      }
    }
    func integers(_ type: Int64.Type) {
      switch join {
      case .add: run(type) { $0 &+ $1 }
      case .multiply: run(type) { $0 &* $1 }
      default: numbers(type)
      }
    }
    if join == .assign {
      switch dtype.size {
      case 1: run(UInt8.self) { $1 }
      case 2: run(UInt16.self) { $1 }
      case 4: run(UInt32.self) { $1 }
      default: run(UInt64.self) { $1 }
      }
    } else if dtype == .float32 {
      numbers(Float.self)
    } else if dtype == .float64 {
      numbers(Double.self)
    } else {
      integers(Int64.self)
    }
    return faults.faults
  }

  /// `out[o, index[j], :] += source[o, j, :]`, rows in order of j. dtype is float32, float64 or int64.
  public static func addRows(
    _ dtype: DType, outer: Int, n: Int, inner: Int, source: UnsafeMutableRawPointer, index: UnsafePointer<Int64>, m: Int,
    out: UnsafeMutableRawPointer
  ) -> KernelFault {
    let faults = FaultCollector()
    func run<T: Numeric>(_: T.Type, _ add: @escaping (T, T) -> T) {
      let from = source.assumingMemoryBound(to: T.self), to = out.assumingMemoryBound(to: T.self)
      // Columns are shared out, so that no two threads meet in one element.
      Parallel.ranges(inner, grain: Swift.max(16, 32768 / Swift.max(outer * m, 1))) { columns in
        for o in 0..<outer {
          for j in 0..<m {
            guard let k = place(index[j], n) else {
              faults.note(KernelFault.index.rawValue)
              continue
            }
            let line = from + (o * m + j) * inner, target = to + (o * n + k) * inner
            for i in columns { target[i] = add(target[i], line[i]) }
          }
        }
      }
    }
    switch dtype {
    case .float32: run(Float.self, +)
    case .float64: run(Double.self, +)
    default: run(Int64.self, &+)
    }
    return faults.faults
  }

  /// Positions of the elements that are not 0 (bytes of a bool tensor), ascending.
  public static func nonzero(_ bytes: UnsafePointer<UInt8>, count: Int) -> [Int] {
    var result: [Int] = []
    for i in 0..<count where bytes[i] != 0 { result.append(i) }
    return result
  }
}
