import Firefinch
import FirefinchTestSupport
import Testing

/// The fused sequences against the steps one by one.
@Suite struct RecurrentTests {
  static let cells: [Recurrent.Cell] = [.tanh, .relu, .gru, .lstm]

  private struct Setup {
    var x: Tensor, h: Tensor, c: Tensor?
    var weights: Recurrent.Weights
    var leaves: [Tensor] {
      [x, h] + [c, weights.inputBias, weights.hiddenBias].compactMap { $0 } + [weights.inputHidden, weights.hiddenHidden]
    }
  }

  private func setup(_ cell: Recurrent.Cell, bias: Bool, steps: Int, batch: Int, hidden: Int, dtype: DType) -> Setup {
    manualSeed(3)
    func random(_ shape: Shape) -> Tensor { (Tensor.randn(shape, dtype: dtype) * 0.4).detach().requiresGrad_() }
    let gates = cell.gates * hidden
    return Setup(
      x: random([steps, batch, 5]), h: random([batch, hidden]), c: cell == .lstm ? random([batch, hidden]) : nil,
      weights: Recurrent.Weights(
        inputHidden: random([gates, 5]), hiddenHidden: random([gates, hidden]), inputBias: bias ? random([gates]) : nil,
        hiddenBias: bias ? random([gates]) : nil))
  }

  /// Output, last states and all gradients of a weighted sum of them; by single steps through `cell` when `stepwise`.
  private func run(_ cell: Recurrent.Cell, _ s: Setup, reverse: Bool, stepwise: Bool) -> [Tensor] {
    for leaf in s.leaves { leaf.grad = nil }
    let output: Tensor, h: Tensor, c: Tensor?
    if stepwise {
      var (now, state) = (s.h, s.c)
      var outputs = [Tensor?](repeating: nil, count: s.x.size(0))
      for i in 0..<s.x.size(0) {
        let t = reverse ? s.x.size(0) - 1 - i : i
        (now, state) = Recurrent.cell(cell, s.x.select(dim: 0, t), h: now, c: state, s.weights)
        outputs[t] = now
      }
      (output, h, c) = (Tensor.stack(outputs.map { $0! }), now, state)
    } else {
      (output, h, c) = Recurrent.sequence(cell, s.x, h: s.h, c: s.c, s.weights, reverse: reverse)
    }
    let weight = Tensor.arange(output.elementCount).to(output.dtype).view(output.shape) * 0.01
    var loss = (output * weight).sum() + (h * h).sum()
    if let c { loss = loss + (c * 0.5).sum() }
    loss.backward()
    return [output.detach(), h.detach()] + (c.map { [$0.detach()] } ?? []) + s.leaves.map { $0.grad! }
  }

  @Test(arguments: cells, [false, true])
  func sequencesEqualTheirSteps(_ cell: Recurrent.Cell, _ reverse: Bool) {
    for (bias, dtype, tolerance) in [(true, DType.float64, 1e-10), (false, .float64, 1e-10), (true, .float32, 3e-4)] {
      // 21 rows are three chunks, 19 is no multiple of a vector.
      let s = setup(cell, bias: bias, steps: 6, batch: 21, hidden: 19, dtype: dtype)
      let fused = run(cell, s, reverse: reverse, stepwise: false)
      let single = run(cell, s, reverse: reverse, stepwise: true)
      for (a, b) in zip(fused, single) { #expect(Compare.difference(a, b, rtol: tolerance, atol: tolerance) == nil) }
    }
  }

  @Test(arguments: cells)
  func threadsDoNotChangeTheBits(_ cell: Recurrent.Cell) {
    let threads = Parallel.threadCount
    defer { Parallel.threadCount = threads }
    let s = setup(cell, bias: true, steps: 5, batch: 20, hidden: 16, dtype: .float64)
    Parallel.threadCount = 1
    let one = run(cell, s, reverse: false, stepwise: false)
    Parallel.threadCount = 2
    let two = run(cell, s, reverse: false, stepwise: false)
    for (a, b) in zip(one, two) { #expect(a.array(Double.self) == b.array(Double.self)) }
  }

  @Test func emptyBatchesAndSequencesPass() {
    let s = setup(.lstm, bias: true, steps: 3, batch: 0, hidden: 4, dtype: .float32)
    #expect(Recurrent.sequence(.lstm, s.x, h: s.h, c: s.c, s.weights).output.shape == [3, 0, 4])
  }

  @Test func wrongShapesAreExplained() {
    let s = setup(.lstm, bias: true, steps: 3, batch: 2, hidden: 4, dtype: .float32)
    let error = #expect(throws: TensorError.self) {
      try withErrors { _ = Recurrent.sequence(.lstm, s.x, h: Tensor.zeros([2, 5]), c: s.c, s.weights) }
    }
    #expect(error.map { "\($0)".contains("[2, 5]") } == true)
  }
}
