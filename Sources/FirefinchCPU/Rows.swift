import CFirefinch
import FirefinchCore

/// Softmax and its relatives, losses and normalisations over rows, float32 or float64, dense memory.
public enum RowKernel {
  /// Rows that a task handles at least, so that a task is worth its start.
  private static func grain(_ width: Int) -> Int { Swift.max(1, 16384 / Swift.max(width, 1)) }

  /// (Log-)softmax along the middle of (outer, n, inner).
  public static func softmax(
    _ dtype: DType, log: Bool, outer: Int, n: Int, inner: Int, _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer
  ) {
    Parallel.ranges(outer * inner, grain: grain(n)) { r in
      let (b, e, count, step) = (Int64(r.lowerBound), Int64(r.upperBound), Int64(n), Int64(inner))
      switch (dtype, log) {
      case (.float64, false): ff_softmax_f64(b, e, count, step, f64(x), f64(y))
      case (.float64, true): ff_log_softmax_f64(b, e, count, step, f64(x), f64(y))
      case (_, false): ff_softmax_f32(b, e, count, step, f32(x), f32(y))
      case (_, true): ff_log_softmax_f32(b, e, count, step, f32(x), f32(y))
      }
    }
  }

  /// Gradient of `softmax` from the gradient and the result.
  public static func softmaxBackward(
    _ dtype: DType, log: Bool, outer: Int, n: Int, inner: Int, gy: UnsafeMutableRawPointer, y: UnsafeMutableRawPointer,
    gx: UnsafeMutableRawPointer
  ) {
    Parallel.ranges(outer * inner, grain: grain(n)) { r in
      let (b, e, count, step) = (Int64(r.lowerBound), Int64(r.upperBound), Int64(n), Int64(inner))
      switch (dtype, log) {
      case (.float64, false): ff_softmax_backward_f64(b, e, count, step, f64(gy), f64(y), f64(gx))
      case (.float64, true): ff_log_softmax_backward_f64(b, e, count, step, f64(gy), f64(y), f64(gx))
      case (_, false): ff_softmax_backward_f32(b, e, count, step, f32(gy), f32(y), f32(gx))
      case (_, true): ff_log_softmax_backward_f32(b, e, count, step, f32(gy), f32(y), f32(gx))
      }
    }
  }

  /// Per-row cross-entropy of logits (rows, n) against class indices.
  public static func crossEntropy(
    _ dtype: DType, rows: Int, n: Int, x: UnsafeMutableRawPointer, target: UnsafeMutablePointer<Int64>,
    weight: UnsafeMutableRawPointer?, ignore: Int, smoothing: Double, loss: UnsafeMutableRawPointer,
    logSum: UnsafeMutableRawPointer
  ) -> KernelFault {
    let faults = FaultCollector()
    Parallel.ranges(rows, grain: grain(n)) { r in
      let (b, e, count) = (Int64(r.lowerBound), Int64(r.upperBound), Int64(n))
      faults.note(
        dtype == .float64
          ? ff_cross_entropy_f64(
            b, e, count, f64(x), target, f64(weight), Int64(ignore), smoothing, f64(loss), f64(logSum))
          : ff_cross_entropy_f32(
            b, e, count, f32(x), target, f32(weight), Int64(ignore), smoothing, f32(loss), f32(logSum)))
    }
    return faults.faults
  }

  /// Gradient of the logits from the per-row gradient of the loss.
  public static func crossEntropyBackward(
    _ dtype: DType, rows: Int, n: Int, x: UnsafeMutableRawPointer, target: UnsafeMutablePointer<Int64>,
    weight: UnsafeMutableRawPointer?, ignore: Int, smoothing: Double, gloss: UnsafeMutableRawPointer,
    logSum: UnsafeMutableRawPointer, gx: UnsafeMutableRawPointer
  ) {
    Parallel.ranges(rows, grain: grain(n)) { r in
      let (b, e, count) = (Int64(r.lowerBound), Int64(r.upperBound), Int64(n))
      if dtype == .float64 {
        ff_cross_entropy_backward_f64(
          b, e, count, f64(x), target, f64(weight), Int64(ignore), smoothing, f64(gloss), f64(logSum), f64(gx))
      } else {
        ff_cross_entropy_backward_f32(
          b, e, count, f32(x), target, f32(weight), Int64(ignore), smoothing, f32(gloss), f32(logSum), f32(gx))
      }
    }
  }

  /// Layer norm over rows of n, or RMS norm when not centred; also gives each row's mean (0) and reciprocal deviation (root
  /// mean square).
  public static func layerNorm(
    _ dtype: DType, rows: Int, n: Int, centred: Bool = true, x: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?,
    bias: UnsafeMutableRawPointer?, eps: Double, y: UnsafeMutableRawPointer, mean: UnsafeMutableRawPointer,
    rstd: UnsafeMutableRawPointer
  ) {
    let mode: Int32 = centred ? 1 : 0
    Parallel.ranges(rows, grain: grain(n)) { r in
      let (b, e, count) = (Int64(r.lowerBound), Int64(r.upperBound), Int64(n))
      if dtype == .float64 {
        ff_layer_norm_f64(b, e, count, mode, f64(x), f64(weight), f64(bias), eps, f64(y), f64(mean), f64(rstd))
      } else {
        ff_layer_norm_f32(b, e, count, mode, f32(x), f32(weight), f32(bias), Float(eps), f32(y), f32(mean), f32(rstd))
      }
    }
  }

  /// Gradients of layer norm; `gw` and `gb` may be nil.
  public static func layerNormBackward(
    _ dtype: DType, rows: Int, n: Int, centred: Bool = true, gy: UnsafeMutableRawPointer, x: UnsafeMutableRawPointer,
    weight: UnsafeMutableRawPointer?, mean: UnsafeMutableRawPointer, rstd: UnsafeMutableRawPointer,
    gx: UnsafeMutableRawPointer?, gw: UnsafeMutableRawPointer?, gb: UnsafeMutableRawPointer?
  ) {
    let count = Int64(n)
    let mode: Int32 = centred ? 1 : 0
    if let gx {
      Parallel.ranges(rows, grain: grain(n)) { r in
        let (b, e) = (Int64(r.lowerBound), Int64(r.upperBound))
        if dtype == .float64 {
          ff_layer_norm_backward_f64(b, e, count, mode, f64(gy), f64(x), f64(weight), f64(mean), f64(rstd), f64(gx))
        } else {
          ff_layer_norm_backward_f32(b, e, count, mode, f32(gy), f32(x), f32(weight), f32(mean), f32(rstd), f32(gx))
        }
      }
    }
    guard let gw, let gb else { return }
    Parallel.ranges(n, grain: Swift.max(16, 16384 / Swift.max(rows, 1))) { r in
      let (b, e) = (Int64(r.lowerBound), Int64(r.upperBound))
      if dtype == .float64 {
        ff_layer_norm_backward_params_f64(b, e, Int64(rows), count, f64(gy), f64(x), f64(mean), f64(rstd), f64(gw), f64(gb))
      } else {
        ff_layer_norm_backward_params_f32(b, e, Int64(rows), count, f32(gy), f32(x), f32(mean), f32(rstd), f32(gw), f32(gb))
      }
    }
  }

  /// Group norm of (N, groups · d, l); also gives each group's mean and reciprocal deviation.
  public static func groupNorm(
    _ dtype: DType, n: Int, groups: Int, d: Int, l: Int, x: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?,
    bias: UnsafeMutableRawPointer?, eps: Double, y: UnsafeMutableRawPointer, mean: UnsafeMutableRawPointer,
    rstd: UnsafeMutableRawPointer
  ) {
    Parallel.ranges(n * groups, grain: grain(d * l)) { r in
      let (b, e, g) = (Int64(r.lowerBound), Int64(r.upperBound), Int64(groups))
      let (d, l) = (Int64(d), Int64(l))
      if dtype == .float64 {
        ff_group_norm_f64(b, e, g, d, l, f64(x), f64(weight), f64(bias), eps, f64(y), f64(mean), f64(rstd))
      } else {
        ff_group_norm_f32(b, e, g, d, l, f32(x), f32(weight), f32(bias), Float(eps), f32(y), f32(mean), f32(rstd))
      }
    }
  }

  /// Gradient of group norm's input, and for each (sample, channel) the sums of gy (`sums`) and of gy times the normalised
  /// input (`dots`).
  public static func groupNormBackward(
    _ dtype: DType, n: Int, groups: Int, d: Int, l: Int, gy: UnsafeMutableRawPointer, x: UnsafeMutableRawPointer,
    weight: UnsafeMutableRawPointer?, mean: UnsafeMutableRawPointer, rstd: UnsafeMutableRawPointer,
    gx: UnsafeMutableRawPointer, sums: UnsafeMutableRawPointer, dots: UnsafeMutableRawPointer
  ) {
    Parallel.ranges(n * groups, grain: grain(d * l)) { r in
      let (b, e, g) = (Int64(r.lowerBound), Int64(r.upperBound), Int64(groups))
      let (d, l) = (Int64(d), Int64(l))
      if dtype == .float64 {
        ff_group_norm_backward_f64(
          b, e, g, d, l, f64(gy), f64(x), f64(weight), f64(mean), f64(rstd), f64(gx), f64(sums), f64(dots))
      } else {
        ff_group_norm_backward_f32(
          b, e, g, d, l, f32(gy), f32(x), f32(weight), f32(mean), f32(rstd), f32(gx), f32(sums), f32(dots))
      }
    }
  }

  /// Sum over the rows of (rows, n) for each column.
  public static func columnSum(
    _ dtype: DType, rows: Int, n: Int, x: UnsafeMutableRawPointer, y: UnsafeMutableRawPointer
  ) {
    Parallel.ranges(n, grain: Swift.max(64, 32768 / Swift.max(rows, 1))) { r in
      let (b, e) = (Int64(r.lowerBound), Int64(r.upperBound))
      if dtype == .float64 {
        ff_column_sum_f64(b, e, Int64(rows), Int64(n), f64(x), f64(y))
      } else {
        ff_column_sum_f32(b, e, Int64(rows), Int64(n), f32(x), f32(y))
      }
    }
  }

  /// Mean and biased variance of each channel of (N, C, L).
  public static func batchStatistics(
    _ dtype: DType, n: Int, c: Int, l: Int, x: UnsafeMutableRawPointer, mean: UnsafeMutableRawPointer,
    variance: UnsafeMutableRawPointer
  ) {
    channels(c, n * l) { b, e in
      if dtype == .float64 {
        ff_batch_norm_stats_f64(b, e, Int64(n), Int64(c), Int64(l), f64(x), f64(mean), f64(variance))
      } else {
        ff_batch_norm_stats_f32(b, e, Int64(n), Int64(c), Int64(l), f32(x), f32(mean), f32(variance))
      }
    }
  }

  /// `(x - mean) * invstd * weight + bias` for each channel of (N, C, L).
  public static func batchNormalise(
    _ dtype: DType, n: Int, c: Int, l: Int, x: UnsafeMutableRawPointer, mean: UnsafeMutableRawPointer,
    invstd: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?, bias: UnsafeMutableRawPointer?,
    y: UnsafeMutableRawPointer
  ) {
    channels(c, n * l) { b, e in
      let (n, c, l) = (Int64(n), Int64(c), Int64(l))
      if dtype == .float64 {
        ff_batch_norm_apply_f64(b, e, n, c, l, f64(x), f64(mean), f64(invstd), f64(weight), f64(bias), f64(y))
      } else {
        ff_batch_norm_apply_f32(b, e, n, c, l, f32(x), f32(mean), f32(invstd), f32(weight), f32(bias), f32(y))
      }
    }
  }

  /// Gradients of batch norm; `training` says whether the statistics were the batch's own.
  public static func batchNormBackward(
    _ dtype: DType, n: Int, c: Int, l: Int, gy: UnsafeMutableRawPointer, x: UnsafeMutableRawPointer,
    mean: UnsafeMutableRawPointer, invstd: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?, training: Bool,
    gx: UnsafeMutableRawPointer?, gw: UnsafeMutableRawPointer?, gb: UnsafeMutableRawPointer?
  ) {
    channels(c, n * l) { b, e in
      let (n, c, l, t) = (Int64(n), Int64(c), Int64(l), Int32(training ? 1 : 0))
      if dtype == .float64 {
        ff_batch_norm_backward_f64(
          b, e, n, c, l, f64(gy), f64(x), f64(mean), f64(invstd), f64(weight), t, f64(gx), f64(gw), f64(gb))
      } else {
        ff_batch_norm_backward_f32(
          b, e, n, c, l, f32(gy), f32(x), f32(mean), f32(invstd), f32(weight), t, f32(gx), f32(gw), f32(gb))
      }
    }
  }

  private static func channels(_ count: Int, _ size: Int, _ body: (Int64, Int64) -> Void) {
    Parallel.ranges(count, grain: grain(size)) { body(Int64($0.lowerBound), Int64($0.upperBound)) }
  }
}
