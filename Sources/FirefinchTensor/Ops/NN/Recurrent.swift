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
  /// steps are multiplied at once.
  public static func sequence(
    _ cell: Cell, _ x: Tensor, h: Tensor, c: Tensor? = nil, _ weights: Weights, reverse: Bool = false
  ) -> (output: Tensor, h: Tensor, c: Tensor?) {
    let inputs = x.linear(weights.inputHidden, weights.inputBias)
    let steps = x.size(0)
    var outputs = [Tensor?](repeating: nil, count: steps)
    var (h, c) = (h, c)
    for i in 0..<steps {
      let t = reverse ? steps - 1 - i : i
      (h, c) = step(cell, inputs.select(dim: 0, t), h, c, weights)
      outputs[t] = h
    }
    return (Tensor.stack(outputs.map { $0! }), h, c)
  }
}
