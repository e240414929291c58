/// Whether operations are recorded for backward, per thread. Same as `torch.is_grad_enabled()`.
public enum GradMode {
  /// True unless inside `withNoGrad`.
  public static var isEnabled: Bool { !ThreadFlags.current.contains(.noGrad) }
}

/// Runs `body` without recording operations. Same as `with torch.no_grad():`.
@discardableResult
public func withNoGrad<R>(_ body: () throws -> R) rethrows -> R { try ThreadFlags.with(.noGrad, true, body) }

/// Runs `body` recording operations, also inside `withNoGrad`. Same as `with torch.enable_grad():`.
@discardableResult
public func withGrad<R>(_ body: () throws -> R) rethrows -> R { try ThreadFlags.with(.noGrad, false, body) }
