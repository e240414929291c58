import CFirefinch
import FirefinchCore

/// Where mistakes go: by default the program stops with one sentence; inside `withErrors` the scope keeps the first one.
final class ErrorScope {
  var first: TensorError?

  /// The innermost scope of this thread.
  static var current: ErrorScope? {
    guard let raw = ff_tls_slot(Int32(ThreadSlot.errorScope.rawValue)).pointee else { return nil }
    return Unmanaged<ErrorScope>.fromOpaque(raw).takeUnretainedValue()
  }

  /// Reports anything thrown.
  static func report(_ error: any Error) {
    report(error as? TensorError ?? TensorError.value("\(error)"))
  }

  /// Reports a mistake: keeps it in the scope, or stops the program.
  static func report(_ error: TensorError) {
    guard let scope = current else { stop(error) }
    if scope.first == nil {
      scope.first = TensorError(error.kind, error.message + CallSite.modulePathNote)
    }
  }

  /// Stops the program with the sentence, the module path and the user's line.
  static func stop(_ error: TensorError) -> Never {
    fatalError(error.message + CallSite.modulePathNote + CallSite.sourceNote())
  }

  /// A tensor that stands for the result of a failed operation: 0-dim, NaN, false or 0.
  static func poison(_ dtype: DType = .float32) -> Tensor {
    let result = Tensor(empty: [], dtype: dtype)
    result.data.initializeMemory(as: UInt8.self, repeating: 0, count: dtype.size)
    if dtype == .float32 { result.pointer(Float.self).pointee = .nan }
    result.flags.insert(.poisoned)
    return result
  }

  /// Runs `body`; a mistake gives `count` poisoned tensors instead.
  static func guarding(_ count: Int, _ body: () throws -> [Tensor]) -> [Tensor] {
    do { return try body() } catch {
      report(error)
      return (0..<count).map { _ in poison() }
    }
  }

  /// Runs `body`; a mistake gives a poisoned tensor instead.
  static func guarding(_ body: () throws -> Tensor) -> Tensor {
    do { return try body() } catch {
      report(error)
      return poison()
    }
  }
}

/// Uses of the C thread-local slots.
enum ThreadSlot: Int { case errorScope = 0, modulePath = 1, freeList = 3, sequence = 4, freeing = 5, profiler = 6 }

/// Runs `body` so that a wrong shape, dtype, device or index throws instead of stopping the program: for servers that must
/// survive bad input. A failed operation gives a poisoned tensor; the first mistake is thrown when `body` ends.
///
/// Inside, in-place operations, `backward`, `step` and saving do nothing on poisoned tensors. Per thread and synchronous.
public func withErrors<R>(_ body: () throws -> R) throws -> R {
  let scope = ErrorScope()
  let slot = ff_tls_slot(Int32(ThreadSlot.errorScope.rawValue))
  let outer = slot.pointee
  slot.pointee = Unmanaged.passUnretained(scope).toOpaque()
  defer { slot.pointee = outer }
  let result = try withExtendedLifetime(scope) { try body() }
  if let error = scope.first { throw error }
  return result
}
