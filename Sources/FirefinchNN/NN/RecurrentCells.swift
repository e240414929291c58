import FirefinchCore
import FirefinchTensor

/// Common part of the cells: one step of a recurrent layer.
open class RecurrentCell: Module {
  public let inputSize: Int
  public let hiddenSize: Int
  @Parameter public var weightIh: Tensor
  @Parameter public var weightHh: Tensor
  @Parameter public var biasIh: Tensor?
  @Parameter public var biasHh: Tensor?

  init(gates: Int, _ inputSize: Int, _ hiddenSize: Int, bias: Bool) {
    self.inputSize = inputSize
    self.hiddenSize = hiddenSize
    weightIh = Tensor.empty([gates * hiddenSize, inputSize])
    weightHh = Tensor.empty([gates * hiddenSize, hiddenSize])
    biasIh = bias ? Tensor.empty([gates * hiddenSize]) : nil
    biasHh = bias ? Tensor.empty([gates * hiddenSize]) : nil
    super.init()
    let bound = hiddenSize > 0 ? 1 / Double(hiddenSize).squareRoot() : 0
    for weight in [weightIh, weightHh, biasIh, biasHh] {
      if let weight { Init.uniform_(weight, -bound, bound) }
    }
  }

  /// Runs a step on batched tensors; a single sample gets a batch dim for it. States default to zeros.
  func stepped(_ x: Tensor, _ states: [Tensor]?, count: Int, _ body: (Tensor, [Tensor]) -> [Tensor]) -> [Tensor] {
    invoke([x] + (states ?? [])) { inputs in
      let x = inputs[0]
      let poison = { (error: TensorError) in [Tensor](repeating: Mistake.report(error), count: count) }
      if x.isPoisoned { return [Tensor](repeating: x, count: count) }
      if x.rank != 1 && x.rank != 2 {
        return poison(.shape("\(type(of: self)): expected an input of 1 or 2 dims, got shape \(x.shape)"))
      }
      if x.size(-1) != inputSize {
        return poison(.shape("\(type(of: self)): expected inputs of size \(inputSize), got shape \(x.shape)"))
      }
      let single = x.rank == 1
      let batch = single ? x.unsqueeze(dim: 0) : x
      var given = inputs.dropFirst().map { single ? $0.unsqueeze(dim: 0) : $0 }
      if given.isEmpty {
        let zeros = Tensor.zeros([batch.size(0), hiddenSize], dtype: x.dtype, device: x.device)
        given = [Tensor](repeating: zeros, count: count)
      }
      if let odd = given.first(where: { $0.shape != [batch.size(0), hiddenSize] }) {
        return poison(
          .shape("\(type(of: self)): expected states of shape \([batch.size(0), hiddenSize]), got \(odd.shape)"))
      }
      let results = body(batch, Array(given))
      return single ? results.map { $0.squeeze(dim: 0) } : results
    }
  }

  /// The weights as the step takes them.
  var weights: Recurrent.Weights {
    Recurrent.Weights(inputHidden: weightIh, hiddenHidden: weightHh, inputBias: biasIh, hiddenBias: biasHh)
  }
}

/// One step of a plain recurrent layer. Same as `nn.RNNCell`.
public final class RNNCell: RecurrentCell {
  public let nonlinearity: RNN.Nonlinearity

  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true, nonlinearity: RNN.Nonlinearity = .tanh) {
    self.nonlinearity = nonlinearity
    super.init(gates: 1, inputSize, hiddenSize, bias: bias)
  }

  /// The next hidden state.
  public func callAsFunction(_ x: Tensor, _ hidden: Tensor? = nil) -> Tensor {
    stepped(x, hidden.map { [$0] }, count: 1) { x, states in
      [Recurrent.cell(nonlinearity == .tanh ? .tanh : .relu, x, h: states[0], weights).h]
    }[0]
  }
}

/// One step of an LSTM. Same as `nn.LSTMCell`.
public final class LSTMCell: RecurrentCell {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true) {
    super.init(gates: 4, inputSize, hiddenSize, bias: bias)
  }

  /// The next hidden and cell states.
  public func callAsFunction(
    _ x: Tensor, _ state: (hidden: Tensor, cell: Tensor)? = nil
  ) -> (hidden: Tensor, cell: Tensor) {
    let results = stepped(x, state.map { [$0.hidden, $0.cell] }, count: 2) { x, states in
      let next = Recurrent.cell(.lstm, x, h: states[0], c: states[1], weights)
      return [next.h, next.c!]
    }
    return (results[0], results[1])
  }
}

/// One step of a GRU. Same as `nn.GRUCell`.
public final class GRUCell: RecurrentCell {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true) {
    super.init(gates: 3, inputSize, hiddenSize, bias: bias)
  }

  /// The next hidden state.
  public func callAsFunction(_ x: Tensor, _ hidden: Tensor? = nil) -> Tensor {
    stepped(x, hidden.map { [$0] }, count: 1) { x, states in
      [Recurrent.cell(.gru, x, h: states[0], weights).h]
    }[0]
  }
}
