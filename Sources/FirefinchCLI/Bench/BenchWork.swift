import Firefinch
import FirefinchVision

/// One unit of work whose time is taken, made from seed 0: weights first, then inputs.
struct BenchWork {
  /// Whether gradients are recorded.
  let trains: Bool
  /// Does the work once and gives the loss or the output.
  let step: () throws -> Tensor

  /// The names `make` knows, besides `overhead`.
  static let names = [
    "mlp-train", "fashion-cnn-train", "lstm-train", "gpt2-small-train", "bert-base-infer", "decode", "pointwise-chain",
    "pointwise-chain-fused", "softmax", "layernorm", "transpose", "sum", "pictures-decode", "pictures-prepare",
    "pictures-load",
    "MODEL-infer", "MODEL-train",
  ]

  /// The work of this name, or nil; `batch` replaces the usual batch size, `pictures` is a folder of them.
  static func make(_ name: String, batch: Int?, pictures: String?) throws -> BenchWork? {
    manualSeed(0)
    if name.hasPrefix("pictures-") { return try BenchPictures.make(name, folder: pictures, batch: batch ?? 16) }
    if let work = try vision(name, batch: batch) { return work }
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

  /// `resnet18-train` and the like: a vision model on random pictures.
  private static func vision(_ name: String, batch: Int?) throws -> BenchWork? {
    guard let dash = name.lastIndex(of: "-"), let entry = VisionModels.entry(String(name[..<dash])),
      ["-infer", "-train"].contains(name[dash...])
    else { return nil }
    let model = try VisionModels.make(entry.name)
    // A vision transformer's head begins with zeros, by which nothing could be compared.
    for parameter in model.parameters() where parameter.rank > 1 && parameter.abs().max().doubleValue == 0 {
      withNoGrad { _ = parameter.normal_(mean: 0, std: 0.02) }
    }
    let trains = name.hasSuffix("-train")
    let n = batch ?? (trains ? 8 : 1)
    let x = Tensor.randn([n, 3, 224, 224])
    if !trains { return inference(model) { model(x) } }
    let y = Tensor.randint(0, 1000, [n])
    return training(model, SGD(model.parameters(), lr: 0.01, momentum: 0.9)) { F.crossEntropy(model(x), y) }
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
