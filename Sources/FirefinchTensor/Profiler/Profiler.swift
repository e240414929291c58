import CFirefinch
import FirefinchCore
import Glibc

/// Records what runs on this thread inside `withProfiler`.
final class Profiler {
  private struct Open {
    var event: Profile.Event
    var childTime: UInt64 = 0
    let allocated: Int
    /// Whether it runs as part of a backward pass.
    let isBackward: Bool
    /// The last node made before it began.
    let lastNode: UInt64
  }

  private let recordShapes: Bool
  private let start = Profiler.now()
  private var open: [Open] = []
  private var events: [Profile.Event] = []
  /// The module in which the node of this sequence number was made, for the time of its backward.
  private var modules: [UInt64: String] = [:]
  /// The module in which the profiler was started.
  private let outerModule = CallSite.modulePath ?? ""
  /// Paths by the running modules, for finding one takes longer than most operations. The modules are held, so that no other
  /// object gets the address of one.
  private var paths: [[ObjectIdentifier]: (path: String, owners: [AnyObject])] = [:]

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
  static func run<R>(recordShapes: Bool, _ body: () throws -> R) rethrows -> (value: R, profile: Profile) {
    let profiler = Profiler(recordShapes: recordShapes)
    let slot = ff_tls_slot(Int32(ThreadSlot.profiler.rawValue))
    let outer = slot.pointee
    slot.pointee = Unmanaged.passUnretained(profiler).toOpaque()
    defer { slot.pointee = outer }
    let value = try withExtendedLifetime(profiler) { try ThreadFlags.with(.profiling, true, body) }
    return (value, Profile(events: profiler.events, wallTime: Profiler.now() - profiler.start))
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
      if let result = results.first { current?.claim(result) }
      return results
    }
  }

  /// The same for an operation in place.
  @inline(__always)
  static func operation(
    inPlace name: @autoclosure () -> String, _ inputs: @autoclosure () -> [Tensor], _ body: () throws -> Tensor
  ) rethrows -> Tensor {
    if !isActive { return try body() }
    return try span(name(), .forward, inputs()) {
      let result = try body()
      current?.claim(result)
      return result
    }
  }

  /// Runs a module's call as an event. The module is the innermost of the running ones.
  @inline(__always)
  static func module<R>(_ owner: AnyObject, _ body: () throws -> R) rethrows -> R {
    try span(current?.path(owner) ?? "", .module) { try body() }
  }

  private func path(_ owner: AnyObject) -> String {
    let owners = CallSite.owners
    let key = owners.map { ObjectIdentifier($0) }
    if let known = paths[key] { return known.path }
    let path = CallSite.modulePath ?? "\(type(of: owner))"
    paths[key] = (path, owners)
    return path
  }

  /// Remembers the running event's module for the node of its result, unless the node was there before: an operation may
  /// give its input back.
  private func claim(_ result: Tensor) {
    guard let running = open.last, !running.event.module.isEmpty, let node = result.node else { return }
    if node.sequence > running.lastNode { modules[node.sequence] = running.event.module }
  }

  private func begin(_ name: String, _ category: Profile.Category, _ inputs: [Tensor], _ node: UInt64?) {
    let parent = open.last
    var module = parent?.event.module ?? outerModule
    if category == .module { module = name }
    if let node { module = modules[node] ?? "" }
    // What a backward function calls is backward work of the same module; a module called there (a checkpoint's) runs forward.
    let isBackward = category == .backward || (category != .module && parent?.isBackward == true)
    let event = Profile.Event(
      name: name, category: isBackward && category == .forward ? .backward : category, module: module,
      shapes: recordShapes ? inputs.map(\.shape) : [], depth: open.count, start: Profiler.now() - start)
    open.append(
      Open(
        event: event, allocated: CachingAllocator.shared.statistics.allocated, isBackward: isBackward,
        lastNode: Node.lastSequence))
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
  try Profiler.run(recordShapes: recordShapes, body).profile
}

/// `withProfiler` that also gives the value of `body`.
public func profiled<R>(recordShapes: Bool = false, _ body: () throws -> R) rethrows -> (value: R, profile: Profile) {
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
