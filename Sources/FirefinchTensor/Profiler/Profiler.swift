import CFirefinch
import FirefinchCore
import Glibc

/// Records what runs on this thread inside `withProfiler`.
final class Profiler {
  private struct Open {
    var event: Profile.Event
    var childTime: UInt64 = 0
    var allocated: Int
  }

  private let recordShapes: Bool
  private let start = Profiler.now()
  private var open: [Open] = []
  private var events: [Profile.Event] = []
  /// The module in which the node of this sequence number was made, for the time of its backward.
  private var modules: [UInt64: String] = [:]

  private init(recordShapes: Bool) { self.recordShapes = recordShapes }

  @inline(__always) static var isActive: Bool { ThreadFlags.current.contains(.profiling) }

  private static var current: Profiler? {
    guard let raw = ff_tls_slot(Int32(ThreadSlot.profiler.rawValue)).pointee else { return nil }
    return Unmanaged<Profiler>.fromOpaque(raw).takeUnretainedValue()
  }

  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Runs `body` with a fresh recorder, and gives what it recorded.
  static func run(recordShapes: Bool, _ body: () throws -> Void) rethrows -> Profile {
    let profiler = Profiler(recordShapes: recordShapes)
    let slot = ff_tls_slot(Int32(ThreadSlot.profiler.rawValue))
    let outer = slot.pointee
    slot.pointee = Unmanaged.passUnretained(profiler).toOpaque()
    defer { slot.pointee = outer }
    try withExtendedLifetime(profiler) { try ThreadFlags.with(.profiling, true, body) }
    return Profile(events: profiler.events, wallTime: Profiler.now() - profiler.start)
  }

  /// Runs `body`, as an event when a profiler is at work.
  @inline(__always)
  static func span<R>(
    _ name: @autoclosure () -> String, _ category: Profile.Category, _ inputs: @autoclosure () -> [Tensor] = [],
    node: UInt64? = nil, _ body: () throws -> R
  ) rethrows -> R {
    if !isActive { return try body() }
    guard let profiler = current else { return try body() }
    profiler.begin(name(), category, inputs(), node)
    defer { profiler.end() }
    return try body()
  }

  /// Runs an operation as an event, and remembers for its node which module it belongs to.
  static func operation(_ name: String, _ inputs: [Tensor], _ body: () throws -> [Tensor]) rethrows -> [Tensor] {
    try span(name, .forward, inputs) {
      let results = try body()
      if let node = results.first?.node, let profiler = current, let path = CallSite.modulePath {
        profiler.modules[node.sequence] = path
      }
      return results
    }
  }

  private func begin(_ name: String, _ category: Profile.Category, _ inputs: [Tensor], _ node: UInt64?) {
    let module = node.map { modules[$0] } ?? CallSite.modulePath
    let event = Profile.Event(
      name: name, category: category, module: module ?? "", shapes: recordShapes ? inputs.map(\.shape) : [],
      depth: open.count, start: Profiler.now() - start)
    open.append(Open(event: event, allocated: CachingAllocator.shared.statistics.allocated))
  }

  private func end() {
    var closed = open.removeLast()
    closed.event.duration = Profiler.now() - start - closed.event.start
    closed.event.selfTime = closed.event.duration - Swift.min(closed.childTime, closed.event.duration)
    closed.event.allocated = CachingAllocator.shared.statistics.allocated - closed.allocated
    if !open.isEmpty { open[open.count - 1].childTime += closed.event.duration }
    events.append(closed.event)
  }
}

/// Runs `body` and records every operation, backward function, optimizer step and module call of this thread. Inside
/// another profiler's body the inner one records and the outer one pauses. Same as `torch.profiler.profile`.
///
/// ```swift
/// let profile = withProfiler { for _ in 0..<10 { step() } }
/// print(profile.table())
/// ```
/// - Parameter recordShapes: also keep the shapes of operations' inputs; the table then has a line for each.
@discardableResult
public func withProfiler(recordShapes: Bool = false, _ body: () throws -> Void) rethrows -> Profile {
  try Profiler.run(recordShapes: recordShapes, body)
}

/// Runs `body` as an event of its own when a profiler is at work. Same as `torch.profiler.record_function`.
public func recordFunction<R>(_ name: String, _ body: () throws -> R) rethrows -> R {
  try Profiler.span(name, .user) { try body() }
}

/// For the optimizers: an update as an event.
package func recordOptimizer<R>(_ name: @autoclosure () -> String, _ body: () throws -> R) rethrows -> R {
  try Profiler.span(name(), .optimizer) { try body() }
}
