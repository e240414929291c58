import Firefinch
import FirefinchVision

/// One unit of work whose time is taken, made from seed 0: weights first, then inputs.
struct BenchWork {
  /// Whether gradients are recorded.
  let trains: Bool
  /// Does the work once and gives the loss or the output.
  let step: () -> Tensor

  /// The names `make` knows, besides `overhead`.
  static let names = [
    "mlp-train", "fashion-cnn-train", "resnet18-infer", "resnet50-infer", "resnet18-train", "lstm-train",
    "gpt2-small-train", "bert-base-infer", "decode", "pointwise-chain", "pointwise-chain-fused", "softmax", "layernorm",
    "transpose", "sum",
  ]

  /// The work of this name, or nil; `batch` replaces the usual batch size.
  static func make(_ name: String, batch: Int?) -> BenchWork? {
    manualSeed(0)
    switch name {
    case "mlp-train":
      let model = BenchModels.mlp()
      let (x, y) = (Tensor.randn([64, 4]), Tensor.randn([64, 2]))
      return training(model, Adam(model.parameters(), lr: 1e-3)) { F.mseLoss(model(x), y) }
    case "fashion-cnn-train":
      let model = SmallModels.make("cnn")!
      let n = batch ?? 128
      let x = Tensor.randn([n, 1, 28, 28])
      let y = Tensor.randint(0, 10, [n])
      return training(model, Adam(model.parameters(), lr: 1e-3)) { F.crossEntropy(model(x), y) }
    case "resnet18-infer", "resnet50-infer":
      let model = BenchModels.resnet(name == "resnet18-infer" ? 18 : 50)
      let x = Tensor.randn([batch ?? 1, 3, 224, 224])
      return inference(model) { model(x) }
    case "resnet18-train":
      let model = BenchModels.resnet(18)
      let n = batch ?? 8
      let x = Tensor.randn([n, 3, 224, 224])
      let y = Tensor.randint(0, 1000, [n])
      return training(model, SGD(model.parameters(), lr: 0.01, momentum: 0.9)) { F.crossEntropy(model(x), y) }
    case "lstm-train":
      let model = LSTMClassifier()
      let x = Tensor.randn([16, 64, 256])
      let y = Tensor.randint(0, 10, [16])
      return training(model, Adam(model.parameters(), lr: 1e-3)) { F.crossEntropy(model(x), y) }
    case "gpt2-small-train":
      let model = GPT()
      let tokens = Tensor.randint(0, 8192, [batch ?? 4, 129])
      let input = tokens.slice(dim: 1, end: -1)
      return training(model, AdamW(model.parameters(), lr: 3e-4)) {
        F.crossEntropy(model(input).flatten(startDim: 0, endDim: 1), tokens.slice(dim: 1, start: 1).flatten())
      }
    case "bert-base-infer":
      let model = BenchModels.bert()
      let x = Tensor.randn([batch ?? 1, 128, 768])
      return inference(model) { model(x) }
    case "decode":
      let model = GPT()
      return inference(model) { decode(model) }
    default: return kernel(name)
    }
  }

  /// Single functions of a million random numbers.
  private static func kernel(_ name: String) -> BenchWork? {
    let x = Tensor.randn([1024, 1024])
    switch name {
    case "pointwise-chain", "pointwise-chain-fused":
      let y = Tensor.randn([1024, 1024])
      if name == "pointwise-chain" {
        return BenchWork(trains: false) {
          let z = ((x * y + x).tanh().exp() * 0.1 - y).sigmoid()
          return ((z * x) + 1).abs().sqrt()
        }
      }
      let chain = fuse { x, y in
        let z = ((x * y + x).tanh().exp() * 0.1 - y).sigmoid()
        return (z * x + 1).abs().sqrt()
      }
      return BenchWork(trains: false) { chain(x, y) }
    case "softmax": return BenchWork(trains: false) { x.softmax(dim: -1) }
    case "layernorm": return BenchWork(trains: false) { F.layerNorm(x, [1024]) }
    case "transpose": return BenchWork(trains: false) { x.t().contiguous() }
    case "sum": return BenchWork(trains: false) { x.sum(dim: -1) }
    default: return nil
    }
  }

  private static func training(_ model: Module, _ optimizer: Optimizer, _ loss: @escaping () -> Tensor) -> BenchWork {
    model.train()
    return BenchWork(trains: true) {
      optimizer.zeroGrad()
      let value = loss()
      value.backward()
      optimizer.step()
      return value
    }
  }

  private static func inference(_ model: Module, _ step: @escaping () -> Tensor) -> BenchWork {
    model.eval()
    return BenchWork(trains: false, step: step)
  }

  /// 16 tokens at once, then 127 one by one, each the likeliest; gives the first logits.
  private static func decode(_ model: GPT) -> Tensor {
    let caches = model.blocks.map { _ in KeyValueCache() }
    let prompt = model(Tensor.randint(0, 8192, [1, 16]), caches: caches)
    var token = prompt.slice(dim: 1, start: -1).argmax(dim: -1)
    for n in 0..<127 {
      token = model(token, start: 16 + n, caches: caches).slice(dim: 1, start: -1).argmax(dim: -1)
    }
    return prompt
  }
}
