import CFirefinch

/// The one thread pool, shared with oneDNN. Results of Firefinch's own kernels never depend on the thread count: work is
/// split so that every output element is computed by one task in a fixed order.
public enum Parallel {
  /// Threads used by operations started from this process. Same as `torch.get_num_threads()`.
  public static var threadCount: Int {
    get { Int(ff_num_threads()) }
    set { ff_set_num_threads(Int32(clamping: Swift.max(newValue, 1))) }
  }

  /// Runs `body` over sub-ranges of `0..<count`, each of at least `grain` elements, and returns when all are done.
  @inlinable public static func ranges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    if count <= grain || threadCount == 1 {
      if count > 0 { body(0..<count) }
      return
    }
    // A few tasks a thread, so that a late thread does not hold up the others.
    let tasks = Swift.min((count + grain - 1) / grain, threadCount * 4)
    let chunk = (count + tasks - 1) / tasks
    run((count + chunk - 1) / chunk) { task in
      body(task * chunk..<Swift.min((task + 1) * chunk, count))
    }
  }

  /// Runs `body(0)` … `body(tasks - 1)`, in any order and on any thread, and returns when all are done.
  public static func run(_ tasks: Int, _ body: (Int) -> Void) {
    withoutActuallyEscaping(body) { escaping in
      var closure = escaping
      withUnsafeMutablePointer(to: &closure) { pointer in
        ff_parallel(
          Int64(tasks),
          { task, context in context!.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int(task)) },
          UnsafeMutableRawPointer(pointer))
      }
    }
  }
}
