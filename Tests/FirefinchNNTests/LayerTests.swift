import Firefinch
import FirefinchTestSupport
import Testing

extension SeededTests {
  @Suite struct LayerTests {
    /// A layer and how it is called with its inputs.
    private struct Subject {
      let module: Module
      let call: ([Tensor]) -> [Tensor]

      init(_ layer: any Layer) {
        module = layer
        call = { [layer($0[0])] }
      }
      init(_ loss: Loss) {
        module = loss
        call = { [loss($0[0], $0[1])] }
      }
      init(_ module: Module, _ call: @escaping ([Tensor]) -> [Tensor]) {
        self.module = module
        self.call = call
      }
    }

    /// The layer of a golden case, made as the script makes it.
    private func make(_ name: String) -> Subject? {
      switch name {
      case "Linear": return Subject(Linear(4, 3))
      case "Linear.noBias": return Subject(Linear(4, 3, bias: false))
      case "Bilinear":
        let layer = Bilinear(3, 2, 4)
        return Subject(layer) { [layer($0[0], $0[1])] }
      case "Conv1d": return Subject(Conv1d(2, 4, kernelSize: 3, stride: 2, padding: 1))
      case "Conv2d": return Subject(Conv2d(2, 4, kernelSize: 3, padding: 1))
      case "Conv2d.same": return Subject(Conv2d(2, 2, kernelSize: [2, 3], padding: .same, bias: false))
      case "Conv2d.groups": return Subject(Conv2d(4, 4, kernelSize: 3, stride: 2, padding: 2, dilation: 2, groups: 2))
      case "Conv2d.reflect": return Subject(Conv2d(1, 2, kernelSize: 3, padding: 1, paddingMode: .reflect))
      case "Conv3d": return Subject(Conv3d(1, 2, kernelSize: 2))
      case "ConvTranspose1d": return Subject(ConvTranspose1d(2, 3, kernelSize: 3, stride: 2))
      case "ConvTranspose2d":
        return Subject(ConvTranspose2d(4, 2, kernelSize: 3, stride: 2, padding: 1, outputPadding: 1, groups: 2))
      case "ConvTranspose3d": return Subject(ConvTranspose3d(1, 1, kernelSize: 2))
      case "BatchNorm1d": return Subject(BatchNorm1d(3))
      case "BatchNorm2d": return Subject(BatchNorm2d(3))
      case "BatchNorm2d.cumulative": return Subject(BatchNorm2d(2, momentum: nil))
      case "BatchNorm2d.noStats": return Subject(BatchNorm2d(2, affine: false, trackRunningStats: false))
      case "BatchNorm3d": return Subject(BatchNorm3d(2))
      case "LayerNorm": return Subject(LayerNorm([3, 4]))
      case "LayerNorm.noBias": return Subject(LayerNorm(4, bias: false))
      case "RMSNorm": return Subject(RMSNorm(4))
      case "GroupNorm": return Subject(GroupNorm(2, 4))
      case "InstanceNorm1d": return Subject(InstanceNorm1d(2))
      case "InstanceNorm2d": return Subject(InstanceNorm2d(2, affine: true, trackRunningStats: true))
      case "InstanceNorm3d": return Subject(InstanceNorm3d(2))
      case "Embedding": return Subject(Embedding(6, 3, paddingIdx: 1))
      case "PReLU": return Subject(PReLU(2))
      case "Dropout": return Subject(Dropout(p: 0.4))
      case "Dropout2d": return Subject(Dropout2d(p: 0.4))
      case "AlphaDropout": return Subject(AlphaDropout(p: 0.4))
      default: return pooling(name) ?? recurrent(name) ?? attention(name) ?? activation(name) ?? loss(name)
      }
    }

    private func pooling(_ name: String) -> Subject? {
      switch name {
      case "MaxPool1d": Subject(MaxPool1d(kernelSize: 2))
      case "MaxPool2d": Subject(MaxPool2d(kernelSize: 3, stride: 2, padding: 1))
      case "MaxPool3d": Subject(MaxPool3d(kernelSize: 2))
      case "AvgPool1d": Subject(AvgPool1d(kernelSize: 3, stride: 2, padding: 1))
      case "AvgPool2d": Subject(AvgPool2d(kernelSize: 2, ceilMode: true, countIncludePad: false))
      case "AvgPool3d": Subject(AvgPool3d(kernelSize: 2))
      case "AdaptiveAvgPool1d": Subject(AdaptiveAvgPool1d(outputSize: 3))
      case "AdaptiveAvgPool2d": Subject(AdaptiveAvgPool2d(outputSize: [2, nil]))
      case "AdaptiveAvgPool3d": Subject(AdaptiveAvgPool3d(outputSize: 1))
      case "AdaptiveMaxPool1d": Subject(AdaptiveMaxPool1d(outputSize: 3))
      case "AdaptiveMaxPool2d": Subject(AdaptiveMaxPool2d(outputSize: 2))
      default: nil
      }
    }

    private func recurrent(_ name: String) -> Subject? {
      func rnn(_ layer: RNN) -> Subject {
        Subject(layer) {
          let result = layer($0[0])
          return [result.output, result.hidden]
        }
      }
      func lstm(_ layer: LSTM) -> Subject {
        Subject(layer) {
          let result = layer($0[0])
          return [result.output, result.hidden, result.cell]
        }
      }
      switch name {
      case "RNN": return rnn(RNN(3, 2, layers: 2, nonlinearity: .relu))
      case "RNN.bidirectional": return rnn(RNN(3, 2, bias: false, batchFirst: true, bidirectional: true))
      case "LSTM": return lstm(LSTM(3, 2, layers: 2, bidirectional: true))
      case "LSTM.proj": return lstm(LSTM(3, 4, batchFirst: true, projectionSize: 2))
      case "LSTM.unbatched": return lstm(LSTM(3, 2))
      case "GRU":
        let layer = GRU(3, 2, layers: 2, batchFirst: true, bidirectional: true)
        return Subject(layer) {
          let result = layer($0[0])
          return [result.output, result.hidden]
        }
      case "RNNCell":
        let cell = RNNCell(3, 2)
        return Subject(cell) { [cell($0[0])] }
      case "LSTMCell":
        let cell = LSTMCell(3, 2)
        return Subject(cell) {
          let result = cell($0[0])
          return [result.hidden, result.cell]
        }
      case "GRUCell":
        let cell = GRUCell(3, 2)
        return Subject(cell) { [cell($0[0], $0[1])] }
      default: return nil
      }
    }

    private func attention(_ name: String) -> Subject? {
      switch name {
      case "MultiheadAttention":
        let layer = MultiheadAttention(4, 2)
        return Subject(layer) {
          let result = layer($0[0], $0[0], $0[0])
          return [result.output, result.weights!]
        }
      case "MultiheadAttention.kv":
        let layer = MultiheadAttention(4, 2, addBiasKV: true, addZeroAttn: true, kdim: 3, vdim: 2, batchFirst: true)
        return Subject(layer) {
          let result = layer($0[0], $0[1], $0[2])
          return [result.output, result.weights!]
        }
      case "TransformerEncoderLayer":
        let layer = TransformerEncoderLayer(4, 2, dimFeedforward: 6, dropout: 0)
        return Subject(layer) { [layer($0[0])] }
      case "TransformerEncoder":
        let part = TransformerEncoderLayer(
          4, 2, dimFeedforward: 6, dropout: 0, activation: .gelu, batchFirst: true, normFirst: true)
        let encoder = TransformerEncoder(part, 2, norm: LayerNorm(4))
        return Subject(encoder) { [encoder($0[0])] }
      case "TransformerDecoderLayer":
        let layer = TransformerDecoderLayer(4, 2, dimFeedforward: 6, dropout: 0)
        return Subject(layer) { [layer($0[0], $0[1])] }
      case "Transformer":
        let model = Transformer(
          dModel: 4, headCount: 2, encoderLayers: 1, decoderLayers: 1, dimFeedforward: 6, dropout: 0, batchFirst: true)
        return Subject(model) { [model($0[0], $0[1])] }
      default: return nil
      }
    }

    private func activation(_ name: String) -> Subject? {
      let table: [String: any Layer] = [
        "ReLU": ReLU(), "ReLU6": ReLU6(), "LeakyReLU": LeakyReLU(0.2), "GELU": GELU(),
        "GELU.tanh": GELU(approximate: "tanh"), "SiLU": SiLU(), "Mish": Mish(), "ELU": ELU(alpha: 0.5),
        "CELU": CELU(alpha: 0.5), "SELU": SELU(), "Softplus": Softplus(beta: 2), "Tanh": Tanh(), "Sigmoid": Sigmoid(),
        "LogSigmoid": LogSigmoid(), "Hardswish": Hardswish(), "Hardsigmoid": Hardsigmoid(),
        "Hardtanh": Hardtanh(min: -0.5, max: 0.75), "Hardshrink": Hardshrink(), "Softshrink": Softshrink(),
        "Softsign": Softsign(), "Tanhshrink": Tanhshrink(), "Threshold": Threshold(0.1, 20), "Softmax": Softmax(dim: 1),
        "Softmin": Softmin(dim: 1), "LogSoftmax": LogSoftmax(dim: 1), "GLU": GLU(), "Flatten": Flatten(),
        "Unflatten": Unflatten(dim: 1, [2, 2]), "Identity": Identity(),
      ]
      return table[name].map { Subject($0) }
    }

    private func loss(_ name: String) -> Subject? {
      let table: [String: Loss] = [
        "CrossEntropyLoss": CrossEntropyLoss(labelSmoothing: 0.1),
        "CrossEntropyLoss.weight": CrossEntropyLoss(weight: Tensor([0.5, 1.0, 2.0]), reduction: .sum),
        "NLLLoss": NLLLoss(), "MSELoss": MSELoss(), "L1Loss": L1Loss(reduction: .none),
        "SmoothL1Loss": SmoothL1Loss(beta: 0.5),
        "HuberLoss": HuberLoss(delta: 0.7), "BCELoss": BCELoss(),
        "BCEWithLogitsLoss": BCEWithLogitsLoss(posWeight: Tensor([1.0, 3.0])), "KLDivLoss": KLDivLoss(batchMean: true),
      ]
      return table[name].map { Subject($0) }
    }

    /// Keys, shapes and starting values for seed 0; outputs, gradients and buffers: all as in PyTorch.
    @Test(arguments: ["layers-a.json", "layers-b.json"])
    func equalPyTorch(_ file: String) throws {
      for golden in try Golden.cases(file) {
        let name = golden["name"].string
        manualSeed(0)
        guard let subject = make(name) else {
          Issue.record("no layer \(name)")
          continue
        }
        func expect(_ got: Tensor?, _ want: Golden, _ what: String, rtol: Double = 2e-5, atol: Double = 4e-6) {
          let difference = got.map { Compare.difference($0, want.tensor, rtol: rtol, atol: atol) } ?? "missing"
          #expect(difference == nil, "\(name), \(what): \(difference ?? "")")
        }
        let state = subject.module.stateDict()
        #expect(state.keys == golden["state"].list.map { $0.list[0].string }, "\(name): keys")
        for entry in golden["state"].list {
          expect(state[entry.list[0].string], entry.list[1], "start of \(entry.list[0].string)", rtol: 3e-7, atol: 0)
        }
        let inputs = golden["inputs"].list.map { $0.tensor }
        for input in inputs where input.dtype.isFloatingPoint { input.requiresGrad = true }
        manualSeed(2)
        let outputs = subject.call(inputs)
        #expect(outputs.count == golden["outputs"].list.count, "\(name): outputs")
        for (output, want) in zip(outputs, golden["outputs"].list) { expect(output, want, "output") }
        for (key, want) in golden["buffers"].fields {
          expect(subject.module.namedBuffers().first { $0.0 == key }?.1, want, "buffer \(key)")
        }
        var loss = Tensor(0.0)
        for (output, weight) in zip(outputs, golden["weights"].list) { loss = loss + (output * weight.tensor).sum() }
        guard loss.requiresGrad else { continue }
        // A mistake inside becomes an issue of this case instead of the end of the run.
        do { try withErrors { loss.backward() } } catch { Issue.record("\(name): \(error)") }
        for (input, want) in zip(inputs, golden["inputGrads"].list) where !want.isNull {
          expect(input.grad, want, "gradient of the input", rtol: 1e-4, atol: 1e-5)
        }
        let parameters = Dictionary(uniqueKeysWithValues: subject.module.namedParameters())
        for (key, want) in golden["grads"].fields {
          expect(parameters[key]?.grad, want, "gradient of \(key)", rtol: 1e-4, atol: 1e-5)
        }
      }
    }

    @Test func evaluationModeUsesRunningStatisticsAndNoDropout() {
      let norm = BatchNorm1d(2)
      withNoGrad {
        _ = norm.runningMean!.fill_(1)
        _ = norm.runningVar!.fill_(4)
      }
      norm.eval()
      let y = norm(Tensor([[3.0, 5.0]]))
      #expect(Compare.difference(y, Tensor([[1.0, 2.0]]), rtol: 1e-4) == nil)
      #expect(norm.numBatchesTracked!.intValue == 0)
      let x = Tensor.ones([100])
      #expect(Dropout(p: 0.5).eval()(x) === x)
      norm.resetRunningStats()
      #expect(norm.runningVar!.array(Float.self) == [1, 1])
    }

    @Test func oldCheckpointsWithoutBatchCountLoad() throws {
      let norm = BatchNorm2d(2)
      var state = norm.stateDict()
      state["num_batches_tracked"] = nil
      try norm.loadStateDict(state)
      state["running_mean"] = nil
      #expect(throws: StateDictError.self) { try norm.loadStateDict(state) }
    }

    @Test func wrongUseIsNamed() {
      func message(_ body: () -> Void) -> String {
        do {
          try withErrors { body() }
          return "no error"
        } catch { return "\(error)" }
      }
      #expect(message { _ = BatchNorm2d(2)(Tensor.ones([2, 2])) }.contains("BatchNorm2d: expected 4 dims"))
      #expect(message { _ = Conv2d(3, 4, kernelSize: 3, groups: 2) }.contains("not divisible by 2 groups"))
      #expect(message { _ = Conv2d(3, 4, kernelSize: [1, 2, 3]) }.contains("3 sizes given for 2"))
      #expect(message { _ = Conv2d(3, 4, kernelSize: 3, padding: "some") }.contains("'same' or 'valid'"))
      #expect(message { _ = MultiheadAttention(5, 2) }.contains("5 is not divisible by 2 heads"))
      #expect(message { _ = LSTM(3, 2)(Tensor.ones([4, 5])) }.contains("size 3"))
      #expect(
        message { _ = LSTM(3, 2)(Tensor.ones([4, 1, 3]), (Tensor.ones([1, 1, 9]), Tensor.ones([1, 1, 2]))) }
          .contains("expected a state of shape [1, 1, 2]"))
      #expect(message { _ = GRUCell(3, 2)(Tensor.ones([4, 4])) }.contains("GRUCell"))
      #expect(message { _ = Dropout(p: 1.5) }.contains("between 0 and 1"))
      #expect(message { _ = Embedding(3, 2, paddingIdx: 7) }.contains("out of range"))
      #expect(message { _ = Sequential(Linear(4, 3), Linear(5, 2))(Tensor.ones([1, 4])) }.contains("module 1"))
    }

    @Test func kernelSizesMayBeVariables() {
      let size = 3
      let conv = Conv2d(1, 1, kernelSize: size, padding: size / 2)
      #expect(conv(Tensor.ones([1, 1, 4, 5])).shape == [1, 1, 4, 5])
      #expect(Conv1d(1, 1, kernelSize: 2, padding: "same")(Tensor.ones([1, 1, 5])).shape == [1, 1, 5])
      let up = ConvTranspose2d(1, 1, kernelSize: 3, stride: 2, padding: 1)
      #expect(up(Tensor.ones([1, 1, 3, 3]), outputSize: [6, 5]).shape == [1, 1, 6, 5])
    }

    @Test func attentionMasksHideKeys() {
      manualSeed(0)
      let layer = MultiheadAttention(4, 2, batchFirst: true).eval()
      let x = Tensor.randn([2, 3, 4])
      let causal = Tensor([false, true, true, false, false, true, false, false, false], shape: [3, 3])
      let padding = Tensor([false, false, true, false, false, false], shape: [2, 3])
      let (slow, weights) = layer(x, x, x, keyPaddingMask: padding, attnMask: causal)
      let (fast, none) = layer(x, x, x, keyPaddingMask: padding, needWeights: false, attnMask: causal)
      #expect(none == nil && Compare.difference(fast, slow, rtol: 1e-4, atol: 1e-5) == nil)
      let w = weights!.array(Float.self)
      #expect(w[1] == 0 && w[2] == 0 && w[8] == 0 && abs(w[3] + w[4] - 1) < 1e-5)
      let (all, perHead) = layer(x, x, x, averageAttnWeights: false)
      #expect(perHead!.shape == [2, 2, 3, 3] && all.shape == [2, 3, 4])
      let mask = Transformer.generateSquareSubsequentMask(3)
      let (hinted, _) = layer(x, x, x, needWeights: false, attnMask: mask, isCausal: true)
      let (masked, _) = layer(x, x, x, needWeights: false, attnMask: mask)
      #expect(Compare.difference(hinted, masked, rtol: 1e-4, atol: 1e-5) == nil)
    }

    @Test func aSmallNetworkLearns() throws {
      manualSeed(0)
      let model = Sequential(Linear(2, 16), Tanh(), Linear(16, 2))
      let x = Tensor([[0, 0], [0, 1], [1, 0], [1, 1]] as [[Float]])
      let y = Tensor([0, 1, 1, 0])
      let optimizer = AdamW(model.parameters(), lr: 0.05)
      let loss = CrossEntropyLoss()
      var last = Float.infinity
      for _ in 0..<100 {
        optimizer.zeroGrad()
        let value = loss(model(x), y)
        value.backward()
        try clipGradNorm_(model.parameters(), maxNorm: 5)
        optimizer.step()
        last = value.floatValue
      }
      #expect(last < 0.02)
    }
  }
}
