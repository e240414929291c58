import Glibc
import Synchronization

/// Memory for tensors on the CPU. Large blocks are kept after use and handed out again, because fresh pages cost a page
/// fault each (a 64 MB result takes five times longer in fresh memory); small ones go to malloc.
public final class CachingAllocator: Sendable {
  public static let shared = CachingAllocator()

  /// Where zero-byte blocks point.
  static nonisolated(unsafe) let empty = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)

  /// Blocks below this size are malloc's.
  @inline(__always) private static var cachedFrom: Int { 32 << 10 }

  /// What the allocator holds, in bytes and in blocks of the cached sizes (32 KiB and more).
  public struct Statistics: Sendable, Equatable {
    /// Bytes handed out now.
    public var allocated = 0
    /// Largest `allocated` since the start or `resetPeak`.
    public var peak = 0
    /// Bytes kept for reuse.
    public var cached = 0
    /// Requests served from kept blocks, and by fresh memory.
    public var hits = 0
    public var misses = 0
  }

  private struct State {
    var free: [Int: [UInt]] = [:]
    var statistics = Statistics()
    var limit = Int.max
  }

  private let state = Mutex(State())

  /// Bytes that may be handed out together; a request beyond it first empties the cache, then stops the program with a
  /// message that names the sizes.
  public var limit: Int {
    get { state.withLock { $0.limit } }
    set { state.withLock { $0.limit = newValue } }
  }

  /// A snapshot of the counters.
  public var statistics: Statistics { state.withLock { $0.statistics } }

  /// Sets the peak to what is allocated now.
  public func resetPeak() { state.withLock { $0.statistics.peak = $0.statistics.allocated } }

  /// Gives every kept block back to the system. Same as `torch.cuda.empty_cache()`.
  public func emptyCache() {
    state.withLock { state in
      for blocks in state.free.values {
        for block in blocks { Glibc.free(UnsafeMutableRawPointer(bitPattern: block)) }
      }
      state.free = [:]
      state.statistics.cached = 0
    }
  }

  /// The size really reserved for a request: eight steps a power of two, so that at most an eighth is wasted.
  static func sizeClass(_ byteCount: Int) -> Int {
    let step = Swift.max(1 << (Int.bitWidth - 1 - byteCount.leadingZeroBitCount - 3), 4096)
    return (byteCount + step - 1) / step * step
  }

  @inline(__always) func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    if byteCount < CachingAllocator.cachedFrom {
      // One vector more than asked, so that kernels may read a whole register at the end.
      return malloc(byteCount &+ 64)!
    }
    return allocateLarge(byteCount)
  }

  @inline(__always) func free(_ block: UnsafeMutableRawPointer, _ byteCount: Int) {
    if byteCount < CachingAllocator.cachedFrom { Glibc.free(block) } else { freeLarge(block, byteCount) }
  }

  /// With FIREFINCH_ALLOCATOR=malloc every block is malloc's and exactly as large as asked, for memory checkers.
  private static let isPlain = getenv("FIREFINCH_ALLOCATOR").map { String(cString: $0) } == "malloc"

  @inline(never) private func allocateLarge(_ byteCount: Int) -> UnsafeMutableRawPointer {
    if byteCount < 0 || byteCount > 1 << 46 { fatalError("allocator: \(byteCount) bytes cannot be allocated") }
    if CachingAllocator.isPlain, let block = malloc(byteCount) { return block }
    let size = CachingAllocator.sizeClass(byteCount)
    let (kept, over) = state.withLock { state -> (UInt?, Bool) in
      let over = state.statistics.allocated + size > state.limit
      state.statistics.allocated += size
      state.statistics.peak = Swift.max(state.statistics.peak, state.statistics.allocated)
      if let block = state.free[size]?.popLast() {
        state.statistics.cached -= size
        state.statistics.hits += 1
        return (block, over)
      }
      state.statistics.misses += 1
      return (nil, over)
    }
    if over { outOfMemory(byteCount, "the limit set on CachingAllocator") }
    if let kept { return UnsafeMutableRawPointer(bitPattern: kept)! }
    if let fresh = CachingAllocator.fresh(size) { return fresh }
    emptyCache()
    if let fresh = CachingAllocator.fresh(size) { return fresh }
    outOfMemory(byteCount, "the system's memory")
  }

  private static func fresh(_ size: Int) -> UnsafeMutableRawPointer? {
    let large = size >= 4 << 20
    var block: UnsafeMutableRawPointer?
    guard posix_memalign(&block, large ? 2 << 20 : 4096, size) == 0, let block else { return nil }
    if large { madvise(block, size, Int32(MADV_HUGEPAGE)) }
    return block
  }

  @inline(never) private func freeLarge(_ block: UnsafeMutableRawPointer, _ byteCount: Int) {
    if CachingAllocator.isPlain {
      Glibc.free(block)
      return
    }
    let size = CachingAllocator.sizeClass(byteCount)
    state.withLock { state in
      state.free[size, default: []].append(UInt(bitPattern: block))
      state.statistics.allocated -= size
      state.statistics.cached += size
    }
  }

  private func outOfMemory(_ byteCount: Int, _ what: String) -> Never {
    let now = statistics
    fatalError(
      "allocator: out of memory for \(byteCount) bytes: \(now.allocated) bytes are in use and \(now.cached) cached, "
        + "over \(what); use a smaller batch or free tensors")
  }
}
