import CFirefinch
import FirefinchCore
import Synchronization

/// Fourier transforms along one dim of dense memory.
public enum FFTKernel {
  /// What goes in and comes out.
  public enum Kind: Sendable {
    /// Complex to complex.
    case complex
    /// Real to complex: the first n / 2 + 1 frequencies when `onesided`, else all n.
    case fromReal(onesided: Bool)
    /// The first n / 2 + 1 frequencies to n reals.
    case toReal
  }

  /// Transforms `outer` groups of `inner` lines of length `n` that lie side by side, and multiplies the results by `scale`.
  ///
  /// float32 or float64 parts (`isDouble`). O(n log n) for every length. False when the length is too large for memory.
  public static func run(
    _ kind: Kind, isDouble: Bool, n: Int, outer: Int, inner: Int, backward: Bool, scale: Double,
    _ input: UnsafeRawPointer, _ output: UnsafeMutableRawPointer
  ) -> Bool {
    let lines = outer * inner
    if lines == 0 { return true }
    var job = ff_fft()
    var isReal = true
    switch kind {
    case .complex:
      isReal = false
      job.kind = Int32(FF_FFT_COMPLEX.rawValue)
    case .fromReal(let onesided):
      job.kind = Int32(FF_FFT_FROM_REAL.rawValue)
      job.onesided = onesided ? 1 : 0
    case .toReal: job.kind = Int32(FF_FFT_TO_REAL.rawValue)
    }
    guard let plan = FFTPlans.shared.plan(n, isDouble: isDouble, real: isReal) else { return false }
    (job.n, job.lines, job.inner) = (Int64(n), Int64(lines), Int64(inner))
    job.backward = backward ? 1 : 0
    job.scale = scale
    let lanes = laneCount(plan, isDouble: isDouble, lines: lines, inner: inner)
    job.lanes = Int64(lanes)
    let grain = Swift.max(1, 16384 / (n * lanes))
    return withExtendedLifetime(plan) {
      job.plan = UnsafePointer(plan.memory)
      Parallel.ranges((lines + lanes - 1) / lanes, grain: grain) { blocks in
        var job = job
        let (first, last) = (Int64(blocks.lowerBound), Int64(blocks.upperBound))
        if isDouble {
          ff_fft_lines_f64(
            &job, first, last, input.assumingMemoryBound(to: Double.self), output.assumingMemoryBound(to: Double.self))
        } else {
          ff_fft_lines_f32(
            &job, first, last, input.assumingMemoryBound(to: Float.self), output.assumingMemoryBound(to: Float.self))
        }
      }
      return true
    }
  }

  /// Lines to transform together: as many as keep the working memory in the second-level cache. Where lines are
  /// interleaved at least four, so that a visit to memory serves several.
  private static func laneCount(_ plan: FFTPlan, isDouble: Bool, lines: Int, inner: Int) -> Int {
    var lanes = isDouble ? 8 : 16
    let length = plan.workingLength
    let least = inner > 1 && length <= 1 << 18 ? 4 : 1
    while lanes > least && lanes * length * (isDouble ? 32 : 16) > 1 << 19 { lanes /= 2 }
    return Swift.max(1, Swift.min(lanes, lines / 2))
  }
}

/// A plan and its lifetime.
private final class FFTPlan: @unchecked Sendable {
  let memory: UnsafeMutablePointer<ff_fft_plan>
  init(_ memory: UnsafeMutablePointer<ff_fft_plan>) { self.memory = memory }
  deinit { ff_fft_plan_free(memory) }

  var bytes: Int { Int(memory.pointee.bytes) }
  /// Elements that a line occupies while it is transformed.
  var workingLength: Int {
    let core = memory.pointee.half?.pointee ?? memory.pointee
    return Int(core.n) + (core.convolution.map { 2 * Int($0.pointee.n) } ?? 0)
  }
}

/// Plans by length. The most recent ones are kept, up to a limit of memory.
private final class FFTPlans: Sendable {
  static let shared = FFTPlans()
  private static let limit = 128 << 20

  private struct Key: Hashable {
    var n: Int
    var isDouble: Bool
    var real: Bool
  }
  private struct Known {
    var plans: [Key: (plan: FFTPlan, used: Int)] = [:]
    var bytes = 0
    var clock = 0
  }
  private let known = Mutex(Known())

  func plan(_ n: Int, isDouble: Bool, real: Bool) -> FFTPlan? {
    // Only even lengths have a plan of their own for real numbers.
    let key = Key(n: n, isDouble: isDouble, real: real && n % 2 == 0)
    let present = known.withLock { known -> FFTPlan? in
      known.clock += 1
      guard let plan = known.plans[key]?.plan else { return nil }
      known.plans[key]?.used = known.clock
      return plan
    }
    if let present { return present }
    guard let memory = ff_fft_plan_make(Int64(n), isDouble ? 1 : 0, key.real ? 1 : 0) else { return nil }
    let plan = FFTPlan(memory)
    known.withLock { known in
      if known.plans[key] == nil { known.bytes += plan.bytes }
      known.plans[key] = (plan, known.clock)
      while known.bytes > FFTPlans.limit, known.plans.count > 1,
        let oldest = known.plans.min(by: { $0.value.used < $1.value.used })
      {
        known.bytes -= oldest.value.plan.bytes
        known.plans[oldest.key] = nil
      }
    }
    return plan
  }
}
