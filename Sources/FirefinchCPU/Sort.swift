import FirefinchCore

/// Sorting of dense rows of n elements (float32, float64 or int64) with NaN above every number, stable.
public enum SortKernel {
  /// Values and original positions of each row in order; only the first `keep` of a row are written when given.
  public static func sort(
    _ dtype: DType, rows: Int, n: Int, descending: Bool, keep: Int? = nil, x: UnsafeMutableRawPointer,
    values: UnsafeMutableRawPointer, indices: UnsafeMutablePointer<Int64>
  ) {
    let width = keep ?? n
    func run<T: Comparable>(_: T.Type) {
      let from = x.assumingMemoryBound(to: T.self), to = values.assumingMemoryBound(to: T.self)
      Parallel.ranges(rows, grain: Swift.max(1, 4096 / Swift.max(n, 1))) { range in
        var order = [Int32](repeating: 0, count: n)
        for row in range {
          let line = from + row * n
          for i in 0..<n { order[i] = Int32(truncatingIfNeeded: i) }
          // NaN is the only value that differs from itself.
          let less: (Int32, Int32) -> Bool = { a, b in
            let (u, v) = (line[Int(a)], line[Int(b)])
            return u < v || (v != v && u == u)
          }
          let precedes: (Int32, Int32) -> Bool = descending ? { less($1, $0) } : less
          if width < n / 8 {
            select(&order, width, precedes)
          } else {
            order.sort(by: precedes)
          }
          for i in 0..<width {
            to[row * width + i] = line[Int(order[i])]
            indices[row * width + i] = Int64(order[i])
          }
          if width < n / 8 { order = [Int32](repeating: 0, count: n) }
        }
      }
    }
    switch dtype {
    case .float32: run(Float.self)
    case .float64: run(Double.self)
    default: run(Int64.self)
    }
  }

  /// Moves the first `count` of the order to the front with a bounded heap: n log count steps.
  private static func select(_ order: inout [Int32], _ count: Int, _ precedes: (Int32, Int32) -> Bool) {
    if count == 0 { return }
    // The root is the last of those kept; equal values keep the earlier position.
    func after(_ a: Int32, _ b: Int32) -> Bool { precedes(b, a) || (!precedes(a, b) && a > b) }
    var heap = Array(order[..<count])
    func sink(_ start: Int) {
      var parent = start
      while true {
        var child = 2 * parent + 1
        if child >= count { return }
        if child + 1 < count && after(heap[child + 1], heap[child]) { child += 1 }
        if !after(heap[child], heap[parent]) { return }
        heap.swapAt(parent, child)
        parent = child
      }
    }
    for start in stride(from: count / 2 - 1, through: 0, by: -1) { sink(start) }
    for candidate in order[count...] where after(heap[0], candidate) {
      heap[0] = candidate
      sink(0)
    }
    heap.sort { after($1, $0) }
    order.replaceSubrange(..<count, with: heap)
  }
}
