import FirefinchCPU
import FirefinchCore

/// One direction of one layer of a recurrent network over a sequence, time first. Gate order and formulas are PyTorch's.
public enum Recurrent {
  /// Which cell runs.
  public enum Cell: Sendable, Equatable {
    case tanh, relu, lstm, gru
    /// How many hidden sizes the gates take.
    public var gates: Int {
      switch self {
      case .tanh, .relu: 1
      case .lstm: 4
      case .gru: 3
      }
    }
  }

  /// The weights of a layer and direction: (gates · H, in), (gates · H, H or projection), (gates · H) twice,
  /// (projection, H).
  public struct Weights {
    public var inputHidden: Tensor
    public var hiddenHidden: Tensor
    public var inputBias: Tensor?
    public var hiddenBias: Tensor?
    public var projection: Tensor?

    public init(
      inputHidden: Tensor, hiddenHidden: Tensor, inputBias: Tensor? = nil, hiddenBias: Tensor? = nil,
      projection: Tensor? = nil
    ) {
      (self.inputHidden, self.hiddenHidden) = (inputHidden, hiddenHidden)
      (self.inputBias, self.hiddenBias, self.projection) = (inputBias, hiddenBias, projection)
    }
  }

  /// One step: `input` is the input already multiplied by its weights and biased (N, gates · H).
  static func step(_ cell: Cell, _ input: Tensor, _ h: Tensor, _ c: Tensor?, _ w: Weights) -> (h: Tensor, c: Tensor?) {
    let hidden = h.linear(w.hiddenHidden, w.hiddenBias)
    switch cell {
    case .tanh: return ((input + hidden).tanh(), nil)
    case .relu: return ((input + hidden).relu(), nil)
    case .lstm:
      let size = w.hiddenHidden.size(0) / 4
      let gates = input + hidden
      func gate(_ i: Int) -> Tensor { gates.slice(dim: -1, start: i * size, end: (i + 1) * size) }
      let next = gate(1).sigmoid() * c! + gate(0).sigmoid() * gate(2).tanh()
      let out = gate(3).sigmoid() * next.tanh()
      return (w.projection.map { out.linear($0) } ?? out, next)
    case .gru:
      let size = w.hiddenHidden.size(0) / 3
      func part(_ x: Tensor, _ i: Int) -> Tensor { x.slice(dim: -1, start: i * size, end: (i + 1) * size) }
      let r = (part(input, 0) + part(hidden, 0)).sigmoid()
      let z = (part(input, 1) + part(hidden, 1)).sigmoid()
      let n = (part(input, 2) + r * part(hidden, 2)).tanh()
      return ((h - n) * z + n, nil)
    }
  }

  /// Runs a cell once on `x` (N, in).
  public static func cell(_ cell: Cell, _ x: Tensor, h: Tensor, c: Tensor? = nil, _ weights: Weights) -> (h: Tensor, c: Tensor?) {
    step(cell, x.linear(weights.inputHidden, weights.inputBias), h, c, weights)
  }

  /// Runs a sequence `x` (T, N, in) from `h` (N, H) and `c`: all outputs (T, N, H) and the last states. The inputs of all
  /// steps are multiplied at once; without projection the steps run inside one record.
  public static func sequence(
    _ cell: Cell, _ x: Tensor, h: Tensor, c: Tensor? = nil, _ weights: Weights, reverse: Bool = false
  ) -> (output: Tensor, h: Tensor, c: Tensor?) {
    let inputs = x.linear(weights.inputHidden, weights.inputBias)
    let others = [h, weights.hiddenHidden] + [c, weights.hiddenBias].compactMap { $0 }
    let isPlain = x.device == .cpu && x.dtype.isFloatingPoint && others.allSatisfy { $0.dtype == x.dtype }
    if weights.projection != nil || !isPlain || x.size(0) == 0 || inputs.isPoisoned {
      let (output, h, cells) = steps(cell, inputs, h: h, c: c, weights, reverse: reverse)
      return (output, h, reverse ? cells?.first : cells?.last)
    }
    let results = Op.recurrentLayer.results([
      .tensor(inputs), .tensor(h), Value(c), .tensor(weights.hiddenHidden), Value(weights.hiddenBias), .int(cell.code),
      .bool(reverse),
    ])
    let last = reverse ? 0 : x.size(0) - 1
    return (
      results[0], results[0].select(dim: 0, last), cell == .lstm ? results[1].select(dim: 0, last) : nil
    )
  }

  /// The steps one by one, by differentiable operations: outputs, the last hidden state, and the cells in order of time.
  static func steps(
    _ cell: Cell, _ inputs: Tensor, h: Tensor, c: Tensor?, _ weights: Weights, reverse: Bool
  ) -> (output: Tensor, h: Tensor, cells: [Tensor]?) {
    let count = inputs.size(0)
    var outputs = [Tensor?](repeating: nil, count: count)
    var cells = [Tensor?](repeating: nil, count: count)
    var (h, c) = (h, c)
    for i in 0..<count {
      let t = reverse ? count - 1 - i : i
      (h, c) = step(cell, inputs.select(dim: 0, t), h, c, weights)
      outputs[t] = h
      cells[t] = c
    }
    return (Tensor.stack(outputs.map { $0! }), h, c == nil ? nil : cells.map { $0! })
  }
}

extension Recurrent.Cell {
  /// The kernels' number.
  var code: Int {
    switch self {
    case .tanh: 0
    case .relu: 1
    case .gru: 2
    case .lstm: 3
    }
  }
  static func coded(_ code: Int) -> Recurrent.Cell { [.tanh, .relu, .gru, .lstm][code & 3] }
}

private func wave(_ shape: Shape, _ step: Double) -> Tensor {
  Tensor((0..<shape.elementCount).map { Double(($0 * 5 + 2) % 9) * step - 4 * step }, shape: shape, dtype: .float64)
}

extension Op {
  /// All steps of one layer and direction. Results: the outputs (T, N, H), the cells (T, N, H; of LSTM, else empty) and what
  /// the derivative needs of the gates. `input` (T, N, gates · H) is the input already multiplied and biased.
  static let recurrentLayer: Op = .structured(
    "_recurrent_layer(Tensor input, Tensor h0, Tensor? c0, Tensor weight_hh, Tensor? bias_hh, int cell, bool reverse) -> (Tensor, Tensor, Tensor)",
    saves: Op.Saves(inputs: nil, outputs: [0, 1, 2]), differentiableResults: 2,
    plan: { call in
      let (x, h, w) = (call.tensor(0), call.tensor(1), call.tensor(3))
      let cell = Recurrent.Cell.coded(call.int(5))
      guard x.rank == 3, h.rank == 2, w.rank == 2, x.size(2) == cell.gates * h.size(1), h.size(0) == x.size(1),
        w.shape == [x.size(2), h.size(1)], (call.optionalTensor(2) != nil) == (cell == .lstm)
      else {
        throw TensorError.shape(
          "recurrent layer: input \(x.shape), state \(h.shape) and hidden weights \(w.shape) do not fit a \(cell) cell")
      }
      for other in [h, w] + [call.optionalTensor(2), call.optionalTensor(4)].compactMap({ $0 }) where other.dtype != x.dtype {
        throw TensorError.dtype("recurrent layer: expected \(x.dtype.name) throughout, got \(other.dtype.name)")
      }
      let states: Shape = [x.size(0), x.size(1), h.size(1)]
      let kept: Shape = [x.size(0), x.size(1), 4 * h.size(1)]
      return [
        TensorSpec(states, x.dtype), TensorSpec(cell == .lstm ? states : [0], x.dtype),
        TensorSpec(cell == .lstm || cell == .gru ? kept : [0], x.dtype),
      ]
    },
    forward: { call, results in
      let cell = Recurrent.Cell.coded(call.int(5))
      let (x, h, w) = (Dense.of(call.tensor(0)), Dense.of(call.tensor(1)), Dense.of(call.tensor(3)))
      let (c, bias) = (Dense.of(call.optionalTensor(2)), Dense.of(call.optionalTensor(4)))
      let turned = withNoGrad { w.t().contiguous() }
      Dense.fill(results[0]) { out in
        Dense.fill(results[1]) { cells in
          Dense.fill(results[2]) { saved in
            RecurrentKernel.forward(
              x.dtype, cell: cell.code, reverse: call.bool(6), steps: x.size(0), batch: x.size(1), hidden: h.size(1),
              x: x.data, h0: h.data, c0: c?.data, turnedWeights: turned.data, bias: bias?.data, out: out.data,
              cells: cell == .lstm ? cells.data : nil, saved: saved.elementCount > 0 ? saved.data : nil)
          }
        }
      }
    },
    derivative: { c in GradMode.isEnabled ? recurrentComposite(c) : recurrentBackward(c) },
    samples: {
      let (h, c) = (wave([1, 2], 0.1), wave([1, 2], 0.15))
      func sample(_ cell: Recurrent.Cell, _ reverse: Bool, bias: Bool) -> Sample {
        let gates = cell.gates * 2
        return Sample(
          .tensor(wave([2, 1, gates], 0.12)), .tensor(h), cell == .lstm ? .tensor(c) : .none, .tensor(wave([gates, 2], 0.2)),
          bias ? .tensor(wave([gates], 0.1)) : .none, .int(cell.code), .bool(reverse))
      }
      return [
        sample(.lstm, false, bias: true), sample(.lstm, true, bias: false), sample(.gru, true, bias: true),
        sample(.gru, false, bias: false), sample(.tanh, false, bias: true), sample(.relu, true, bias: true),
        Sample(
          error: "recurrent layer", "[1, 2]",
          arguments: [.tensor(wave([2, 1, 5], 1)), .tensor(h), .none, .tensor(wave([6, 2], 1)), .none, .int(2), .bool(false)]),
      ]
    })

  /// Gradients by the kernel: the steps backward, then the weights' gradient as one product over all steps.
  private static func recurrentBackward(_ c: Gradient) -> [Tensor?] {
    let cell = Recurrent.Cell.coded(c.int(5))
    let reverse = c.bool(6)
    let (input, h, w) = (c.input(0), Dense.of(c.input(1)), Dense.of(c.input(3)))
    let first = Dense.of(c.optionalInput(2))
    let (out, cells, saved) = (Dense.of(c.output(0)), Dense.of(c.output(1)), Dense.of(c.output(2)))
    let (steps, batch, hidden) = (input.size(0), input.size(1), h.size(1))
    let gates = input.size(2)
    let dx = Tensor(empty: input.shape, dtype: h.dtype)
    let dy = cell == .gru ? Tensor(empty: input.shape, dtype: h.dtype) : dx
    let dh = Tensor(empty: h.shape, dtype: h.dtype)
    let dc = cell == .lstm ? Tensor(empty: h.shape, dtype: h.dtype) : nil
    // Dense copies must outlive the call: kept by name.
    let (gout, gcells) = (Dense.of(c.optionalGrad(0)), cell == .lstm ? Dense.of(c.optionalGrad(1)) : nil)
    RecurrentKernel.backward(
      h.dtype, cell: cell.code, reverse: reverse, steps: steps, batch: batch, hidden: hidden,
      gout: gout?.data, gcells: gcells?.data, h0: h.data,
      c0: first?.data, weights: w.data, out: out.data, cells: cell == .lstm ? cells.data : nil,
      saved: saved.elementCount > 0 ? saved.data : nil, dx: dx.data, dy: dy.data, dh0: dh.data, dc0: dc?.data)
    var gw: Tensor?, gb: Tensor?
    if c.needs(first == nil ? 2 : 3) {
      // The hidden state before every step is the output one step earlier; of the first step it is h0.
      let made = Tensor(empty: [gates, hidden], dtype: h.dtype)
      let size = h.dtype.size
      func product(_ step: Int, _ count: Int, _ before: UnsafeMutableRawPointer, beta: Double) {
        let turned = MatrixOperand(dy.data + step * batch * gates * size, rowStride: 1, columnStride: gates)
        let states = MatrixOperand(before, rowStride: hidden, columnStride: 1)
        MatMulKernel.run(h.dtype, m: gates, n: hidden, k: count * batch, turned, states, beta: beta, made.data)
      }
      product(reverse ? steps - 1 : 0, 1, h.data, beta: 0)
      if steps > 1 {
        product(reverse ? 0 : 1, steps - 1, out.data + (reverse ? batch * hidden * size : 0), beta: 1)
      }
      gw = made
    }
    if c.optionalInput(4) != nil && c.needs(first == nil ? 3 : 4) {
      let made = Tensor(empty: [gates], dtype: h.dtype)
      RowKernel.columnSum(h.dtype, rows: steps * batch, n: gates, x: dy.data, y: made.data)
      gb = made
    }
    return first == nil ? [dx, dh, gw, gb] : [dx, dh, dc, gw, gb]
  }

  /// Gradients by differentiable operations, for derivatives of derivatives.
  private static func recurrentComposite(_ c: Gradient) -> [Tensor?] {
    let cell = Recurrent.Cell.coded(c.int(5))
    let (state, bias) = (c.optionalInput(2), c.optionalInput(4))
    let weights = Recurrent.Weights(inputHidden: c.input(3), hiddenHidden: c.input(3), hiddenBias: bias)
    let (out, _, cells) = Recurrent.steps(cell, c.input(0), h: c.input(1), c: state, weights, reverse: c.bool(6))
    let inputs = [c.input(0), c.input(1)] + (state.map { [$0] } ?? []) + [c.input(3)] + (bias.map { [$0] } ?? [])
    var (outputs, gradients) = ([out], [c.grad(0)])
    if let cells, let given = c.optionalGrad(1) {
      outputs.append(Tensor.stack(cells))
      gradients.append(given)
    }
    let wanted = inputs.enumerated().filter { c.needs($0.offset) }
    let found = grad(
      of: outputs, wrt: wanted.map(\.element), gradients: gradients, createGraph: true, allowUnused: true)
    var result = [Tensor?](repeating: nil, count: inputs.count)
    for (entry, value) in zip(wanted, found) { result[entry.offset] = value }
    return result
  }
}
