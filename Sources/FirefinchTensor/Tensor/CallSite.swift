import CFirefinch
import Runtime

/// Where a mistake happened: the module being run and the user's source line.
public enum CallSite {
  private static var slot: UnsafeMutablePointer<UnsafeMutableRawPointer?> {
    ff_tls_slot(Int32(ThreadSlot.modulePath.rawValue))
  }

  /// Runs `body` as part of the module `name`, so that a mistake inside names the path. `name` is read only on a mistake.
  public static func within<R>(_ owner: AnyObject, _ body: () throws -> R) rethrows -> R {
    let slot = slot
    let frame = Link(owner: Unmanaged.passUnretained(owner), outer: slot.pointee)
    return try withUnsafePointer(to: frame) { pointer in
      slot.pointee = UnsafeMutableRawPointer(mutating: pointer)
      defer { slot.pointee = frame.outer }
      return try Profiler.module(owner) { try body() }
    }
  }

  private struct Link {
    let owner: Unmanaged<AnyObject>
    let outer: UnsafeMutableRawPointer?
  }

  /// The objects whose calls are running, outermost first.
  public static var owners: [AnyObject] {
    var result: [AnyObject] = []
    var next = slot.pointee
    while let raw = next {
      let link = raw.assumingMemoryBound(to: Link.self).pointee
      result.append(link.owner.takeUnretainedValue())
      next = link.outer
    }
    return result.reversed()
  }

  /// Turns the running objects into a path such as `encoder.layer.3.fc1`; set by FirefinchNN, which knows modules.
  public static nonisolated(unsafe) var pathDescriber: @Sendable ([AnyObject]) -> String? = { _ in nil }

  /// Path of the module that is running, or nil outside modules.
  static var modulePath: String? {
    let owners = owners
    return owners.isEmpty ? nil : pathDescriber(owners)
  }

  /// ` (in module encoder.fc1)` or "".
  static var modulePathNote: String {
    guard let path = modulePath else { return "" }
    return " (in module \(path))"
  }

  /// ` (called at file:line)` for the first frame outside Firefinch, or "" when symbols are missing.
  static func sourceNote() -> String {
    guard let backtrace = try? Backtrace.capture(), let symbols = backtrace.symbolicated() else { return "" }
    for frame in symbols.frames {
      guard let symbol = frame.symbol, let location = symbol.sourceLocation else { continue }
      let path = location.path
      let isOwn = ["Core", "CPU", "Tensor", "NN", "Data", "IO", "Vision"].contains { path.contains("Sources/Firefinch\($0)/") }
      let isGenerated = ["<compiler", "/swift/stdlib", "/swift-generated-sources/"].contains { path.contains($0) }
      if isOwn || isGenerated || location.line == 0 { continue }
      return " (called at \(location.path):\(location.line))"
    }
    return ""
  }
}
