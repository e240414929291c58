import FirefinchCore

/// Finds the element of a rank in each dense row of n elements (float32, float64 or int64) in linear time on average.
public enum SelectionKernel {
  /// Which element of a row in order is wanted; NaN is above every number.
  public enum Choice: Sendable {
    /// The element that a stable sort puts at this position.
    case position(Int)
    /// The lower median, or the first NaN if there is one.
    case median
    /// The lower median of what is not NaN.
    case medianOfNumbers
  }

  /// Writes for each row the position of the element: of equal ones the one a stable sort puts there.
  public static func run(
    _ dtype: DType, _ choice: Choice, rows: Int, n: Int, x: UnsafeMutableRawPointer,
    indices: UnsafeMutablePointer<Int64>
  ) {
    func run<T: Comparable>(_: T.Type) {
      let from = x.assumingMemoryBound(to: T.self)
      Parallel.ranges(rows, grain: Swift.max(1, 16384 / Swift.max(n, 1))) { range in
        var numbers: [T] = []
        numbers.reserveCapacity(n)
        for row in range { indices[row] = Int64(find(from + row * n, n, choice, &numbers)) }
      }
    }
    switch dtype {
    case .float32: run(Float.self)
    case .float64: run(Double.self)
    default: run(Int64.self)
    }
  }

  private static func find<T: Comparable>(
    _ line: UnsafePointer<T>, _ n: Int, _ choice: Choice, _ numbers: inout [T]
  ) -> Int {
    numbers.removeAll(keepingCapacity: true)
    // Only NaN differs from itself.
    for i in 0..<n where line[i] == line[i] { numbers.append(line[i]) }
    let count = numbers.count
    var rank: Int
    switch choice {
    case .position(let position): rank = position
    case .median: rank = count < n ? count : (n - 1) / 2
    case .medianOfNumbers: rank = Swift.max(count - 1, 0) / 2
    }
    if rank >= count {
      // The NaN of this rank.
      for i in 0..<n where line[i] != line[i] {
        if rank == count { return i }
        rank -= 1
      }
      return 0
    }
    let value = select(&numbers, rank)
    for i in 0..<n where line[i] < value { rank -= 1 }
    for i in 0..<n where line[i] == value {
      if rank == 0 { return i }
      rank -= 1
    }
    return 0
  }

  /// The value of a rank; reorders the numbers.
  private static func select<T: Comparable>(_ numbers: inout [T], _ rank: Int) -> T {
    numbers.withUnsafeMutableBufferPointer { x in
      var (low, high) = (0, x.count - 1)
      // After so many poor pivots the rest is sorted, so that no input takes quadratic time.
      var patience = 4 * (Int.bitWidth - x.count.leadingZeroBitCount)
      while high - low > 16 && patience > 0 {
        patience -= 1
        let (a, b, c) = (x[low], x[low + (high - low) / 2], x[high])
        let pivot = Swift.max(Swift.min(a, b), Swift.min(Swift.max(a, b), c))
        var (i, j) = (low, high)
        while i <= j {
          while x[i] < pivot { i += 1 }
          while pivot < x[j] { j -= 1 }
          if i <= j {
            x.swapAt(i, j)
            i += 1
            j -= 1
          }
        }
        // low ... j is at most the pivot, i ... high at least; what lies between equals it.
        if rank <= j {
          high = j
        } else if rank >= i {
          low = i
        } else {
          return x[rank]
        }
      }
      x[low...high].sort()
      return x[rank]
    }
  }
}
