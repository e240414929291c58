import CFirefinch
import FirefinchCore

/// Whole sequences of recurrent cells over dense (steps, batch, …) buffers of float32 or float64.
public enum RecurrentKernel {
  /// All steps of a layer and direction. `cell`: 0 tanh, 1 relu, 2 GRU, 3 LSTM. `x` holds the input's part of the gates,
  /// `turnedWeights` the hidden weights as (hidden, gates); `saved` receives what `backward` needs.
  public static func forward(
    _ dtype: DType, cell: Int, reverse: Bool, steps: Int, batch: Int, hidden: Int, x: UnsafeMutableRawPointer,
    h0: UnsafeMutableRawPointer, c0: UnsafeMutableRawPointer?, turnedWeights: UnsafeMutableRawPointer,
    bias: UnsafeMutableRawPointer?, out: UnsafeMutableRawPointer, cells: UnsafeMutableRawPointer?,
    saved: UnsafeMutableRawPointer?
  ) {
    var plan = plan(cell, reverse, steps, batch, hidden)
    if dtype == .float64 {
      ff_recurrent_forward_f64(
        &plan, f64(x), f64(h0), f64(c0), f64(turnedWeights), f64(bias), f64(out), f64(cells), f64(saved))
    } else {
      ff_recurrent_forward_f32(
        &plan, f32(x), f32(h0), f32(c0), f32(turnedWeights), f32(bias), f32(out), f32(cells), f32(saved))
    }
  }

  /// Gradients of the gates (`dx` of the input's part, `dy` of the hidden part; one buffer for both but for GRU) and of the
  /// first states. `weights` are (gates, hidden).
  public static func backward(
    _ dtype: DType, cell: Int, reverse: Bool, steps: Int, batch: Int, hidden: Int, gout: UnsafeMutableRawPointer?,
    gcells: UnsafeMutableRawPointer?, h0: UnsafeMutableRawPointer, c0: UnsafeMutableRawPointer?,
    weights: UnsafeMutableRawPointer, out: UnsafeMutableRawPointer, cells: UnsafeMutableRawPointer?,
    saved: UnsafeMutableRawPointer?, dx: UnsafeMutableRawPointer, dy: UnsafeMutableRawPointer,
    dh0: UnsafeMutableRawPointer, dc0: UnsafeMutableRawPointer?
  ) {
    var plan = plan(cell, reverse, steps, batch, hidden)
    if dtype == .float64 {
      ff_recurrent_backward_f64(
        &plan, f64(gout), f64(gcells), f64(h0), f64(c0), f64(weights), f64(out), f64(cells), f64(saved), f64(dx), f64(dy),
        f64(dh0), f64(dc0))
    } else {
      ff_recurrent_backward_f32(
        &plan, f32(gout), f32(gcells), f32(h0), f32(c0), f32(weights), f32(out), f32(cells), f32(saved), f32(dx), f32(dy),
        f32(dh0), f32(dc0))
    }
  }

  private static func plan(_ cell: Int, _ reverse: Bool, _ steps: Int, _ batch: Int, _ hidden: Int) -> ff_recurrent {
    ff_recurrent(
      cell: Int32(cell), reverse: reverse ? 1 : 0, steps: Int64(steps), batch: Int64(batch), hidden: Int64(hidden))
  }
}
