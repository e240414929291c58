import FirefinchCore
import FirefinchTensor

/// Common part of `RNN`, `LSTM` and `GRU`: weights under PyTorch's names (`weight_ih_l0`, `bias_hh_l1_reverse`, ...).
open class RecurrentLayer: Module {
  public let inputSize: Int
  public let hiddenSize: Int
  public let layerCount: Int
  public let hasBias: Bool
  /// Whether inputs and outputs are `[N, L, ...]` rather than `[L, N, ...]`.
  public let batchFirst: Bool
  /// Probability of dropout between layers in training.
  public let dropout: Double
  public let isBidirectional: Bool
  /// Size of the projected hidden state; 0 for none.
  public let projectionSize: Int
  private var names: [String] = []

  init(
    gates: Int, _ inputSize: Int, _ hiddenSize: Int, layers: Int, bias: Bool, batchFirst: Bool, dropout: Double,
    bidirectional: Bool, projectionSize: Int = 0
  ) {
    self.inputSize = inputSize
    self.hiddenSize = hiddenSize
    layerCount = layers
    hasBias = bias
    self.batchFirst = batchFirst
    self.dropout = dropout
    isBidirectional = bidirectional
    self.projectionSize = projectionSize
    super.init()
    if inputSize < 1 || hiddenSize < 1 || layers < 1 {
      Mistake.report(
        .value("\(type(of: self)): sizes must be positive, got \(inputSize), \(hiddenSize) and \(layers) layers"))
    }
    if projectionSize < 0 || projectionSize >= hiddenSize && projectionSize != 0 {
      Mistake.report(
        .value("\(type(of: self)): projectionSize must be below the hidden size \(hiddenSize), got \(projectionSize)"))
    }
    let directions = bidirectional ? 2 : 1
    let outSize = projectionSize > 0 ? projectionSize : hiddenSize
    for layer in 0..<layers {
      for direction in 0..<directions {
        let suffix = "l\(layer)" + (direction == 1 ? "_reverse" : "")
        let inSize = layer == 0 ? inputSize : outSize * directions
        add("weight_ih_\(suffix)", [gates * hiddenSize, inSize])
        add("weight_hh_\(suffix)", [gates * hiddenSize, outSize])
        if bias {
          add("bias_ih_\(suffix)", [gates * hiddenSize])
          add("bias_hh_\(suffix)", [gates * hiddenSize])
        }
        if projectionSize > 0 { add("weight_hr_\(suffix)", [projectionSize, hiddenSize]) }
      }
    }
    resetParameters()
  }

  private func add(_ name: String, _ shape: Shape) {
    registerParameter(name, Tensor.empty(shape))
    names.append(name)
  }

  /// Draws new starting values, within 1/sqrt(hidden size).
  open func resetParameters() {
    let bound = hiddenSize > 0 ? 1 / Double(hiddenSize).squareRoot() : 0
    for weight in flatWeights { Init.uniform_(weight, -bound, bound) }
  }

  /// The weights in PyTorch's flat order.
  var flatWeights: [Tensor] { names.compactMap(registered) }

  /// Puts the input into batched form and checks it; nil after a mistake was reported.
  func batched(_ x: Tensor, _ states: [Tensor]?, _ sizes: [Int]) -> (x: Tensor, states: [Tensor], isBatched: Bool)? {
    let name = "\(type(of: self))"
    if x.isPoisoned { return nil }
    if x.rank != 2 && x.rank != 3 {
      Mistake.report(.shape("\(name): expected an input of 2 or 3 dims, got shape \(x.shape)"))
      return nil
    }
    if x.size(-1) != inputSize {
      Mistake.report(.shape("\(name): expected inputs of size \(inputSize) in the last dim, got shape \(x.shape)"))
      return nil
    }
    let isBatched = x.rank == 3
    let input = isBatched ? x : x.unsqueeze(dim: batchFirst ? 0 : 1)
    let batch = input.size(batchFirst ? 0 : 1)
    let count = layerCount * (isBidirectional ? 2 : 1)
    guard let states else {
      let zeros = sizes.map { Tensor.zeros([count, batch, $0], dtype: x.dtype, device: x.device) }
      return (input, zeros, isBatched)
    }
    var given: [Tensor] = []
    for (state, size) in zip(states, sizes) {
      let wide = isBatched || state.rank != 2 ? state : state.unsqueeze(dim: 1)
      if wide.shape != [count, batch, size] {
        let expected: Shape = isBatched ? [count, batch, size] : [count, size]
        Mistake.report(.shape("\(name): expected a state of shape \(expected), got \(state.shape)"))
        return nil
      }
      given.append(wide)
    }
    return (input, given, isBatched)
  }

  /// All layers and directions: the output and the last states.
  func run(_ cell: Recurrent.Cell, _ x: Tensor, _ states: [Tensor]) -> [Tensor] {
    let directions = isBidirectional ? 2 : 1
    var x = batchFirst ? x.transpose(0, 1) : x
    var last: [[Tensor]] = states.map { _ in [] }
    for layer in 0..<layerCount {
      var outputs: [Tensor] = []
      for direction in 0..<directions {
        let index = layer * directions + direction
        let suffix = "l\(layer)" + (direction == 1 ? "_reverse" : "")
        func weight(_ name: String) -> Tensor? { registered("\(name)_\(suffix)") }
        let weights = Recurrent.Weights(
          inputHidden: weight("weight_ih")!, hiddenHidden: weight("weight_hh")!, inputBias: weight("bias_ih"),
          hiddenBias: weight("bias_hh"), projection: weight("weight_hr"))
        let (output, h, c) = Recurrent.sequence(
          cell, x, h: states[0].select(dim: 0, index), c: states.count > 1 ? states[1].select(dim: 0, index) : nil,
          weights, reverse: direction == 1)
        outputs.append(output)
        last[0].append(h)
        if let c { last[1].append(c) }
      }
      x = outputs.count == 1 ? outputs[0] : Tensor.cat(outputs, dim: -1)
      if dropout > 0 && isTraining && layer < layerCount - 1 { x = x.dropout(dropout) }
    }
    return [batchFirst ? x.transpose(0, 1) : x] + last.map { Tensor.stack($0) }
  }

  /// Undoes `batched`.
  func unbatched(_ outputs: [Tensor], _ isBatched: Bool) -> [Tensor] {
    if isBatched { return outputs }
    return outputs.enumerated().map { $1.squeeze(dim: $0 == 0 ? (batchFirst ? 0 : 1) : 1) }
  }

  open override var extraDescription: String {
    "\(inputSize), \(hiddenSize), num_layers=\(layerCount)" + (batchFirst ? ", batch_first=True" : "")
      + (isBidirectional ? ", bidirectional=True" : "")
  }
}

/// Plain recurrent layers. Same as `nn.RNN`.
public final class RNN: RecurrentLayer {
  /// What follows the sum of the two products.
  public enum Nonlinearity: String, Sendable { case tanh, relu }
  public let nonlinearity: Nonlinearity

  public init(
    _ inputSize: Int, _ hiddenSize: Int, layers: Int = 1, nonlinearity: Nonlinearity = .tanh, bias: Bool = true,
    batchFirst: Bool = false, dropout: Double = 0, bidirectional: Bool = false
  ) {
    self.nonlinearity = nonlinearity
    super.init(
      gates: 1, inputSize, hiddenSize, layers: layers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional)
  }

  /// All outputs and the last hidden state `[layers * directions, N, hidden]`.
  public func callAsFunction(_ x: Tensor, _ hidden: Tensor? = nil) -> (output: Tensor, hidden: Tensor) {
    let results = invoke([x] + (hidden.map { [$0] } ?? [])) { inputs in
      let given = inputs.count > 1 ? [inputs[1]] : nil
      guard let (input, states, isBatched) = batched(inputs[0], given, [hiddenSize]) else { return [x, x] }
      return unbatched(run(nonlinearity == .tanh ? .tanh : .relu, input, states), isBatched)
    }
    return (results[0], results[1])
  }
}

/// Long short-term memory. Same as `nn.LSTM`.
public final class LSTM: RecurrentLayer {
  /// - Parameter projectionSize: size to which the hidden state is projected; 0 for none.
  public init(
    _ inputSize: Int, _ hiddenSize: Int, layers: Int = 1, bias: Bool = true, batchFirst: Bool = false,
    dropout: Double = 0, bidirectional: Bool = false, projectionSize: Int = 0
  ) {
    super.init(
      gates: 4, inputSize, hiddenSize, layers: layers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional, projectionSize: projectionSize)
  }

  /// All outputs and the last hidden and cell states `[layers * directions, N, size]`.
  public func callAsFunction(
    _ x: Tensor, _ state: (hidden: Tensor, cell: Tensor)? = nil
  ) -> (output: Tensor, hidden: Tensor, cell: Tensor) {
    let results = invoke([x] + (state.map { [$0.hidden, $0.cell] } ?? [])) { inputs in
      let given = inputs.count > 2 ? Array(inputs[1...2]) : nil
      let sizes = [projectionSize > 0 ? projectionSize : hiddenSize, hiddenSize]
      guard let (input, states, isBatched) = batched(inputs[0], given, sizes) else { return [x, x, x] }
      return unbatched(run(.lstm, input, states), isBatched)
    }
    return (results[0], results[1], results[2])
  }
}

/// Gated recurrent units. Same as `nn.GRU`.
public final class GRU: RecurrentLayer {
  public init(
    _ inputSize: Int, _ hiddenSize: Int, layers: Int = 1, bias: Bool = true, batchFirst: Bool = false,
    dropout: Double = 0, bidirectional: Bool = false
  ) {
    super.init(
      gates: 3, inputSize, hiddenSize, layers: layers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional)
  }

  /// All outputs and the last hidden state `[layers * directions, N, hidden]`.
  public func callAsFunction(_ x: Tensor, _ hidden: Tensor? = nil) -> (output: Tensor, hidden: Tensor) {
    let results = invoke([x] + (hidden.map { [$0] } ?? [])) { inputs in
      let given = inputs.count > 1 ? [inputs[1]] : nil
      guard let (input, states, isBatched) = batched(inputs[0], given, [hiddenSize]) else { return [x, x] }
      return unbatched(run(.gru, input, states), isBatched)
    }
    return (results[0], results[1])
  }
}
