import Firefinch

/// Densely connected networks (Huang et al. 2016). Same as `torchvision.models.DenseNet`.
public final class DenseNet: Module, Layer {
  /// Normalisation, ReLU and convolution twice, on everything that came before in the block.
  final class DenseLayer: Module, Layer {
    let norm1: BatchNorm2d
    let conv1: Conv2d
    let norm2: BatchNorm2d
    let conv2: Conv2d
    let dropRate: Double

    init(_ channels: Int, growthRate: Int, bnSize: Int, dropRate: Double) {
      norm1 = BatchNorm2d(channels)
      conv1 = Conv2d(channels, bnSize * growthRate, kernelSize: 1, bias: false)
      norm2 = BatchNorm2d(bnSize * growthRate)
      conv2 = Conv2d(bnSize * growthRate, growthRate, kernelSize: 3, padding: 1, bias: false)
      self.dropRate = dropRate
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { grown(narrowed(x)) }

    /// `forward` of the concatenated `parts`, which is made again in backward: no layer keeps one.
    func recomputing(_ parts: [Tensor]) -> Tensor {
      // torchvision recomputes behind the first input that wants a gradient; the running statistics tell.
      guard parts.contains(where: \.requiresGrad) else { return forward(Tensor.cat(parts, dim: 1)) }
      let parameters = norm1.parameters() + conv1.parameters()
      return grown(checkpoint(parts, parameters: parameters) { [self] in narrowed(Tensor.cat($0, dim: 1)) })
    }

    private func narrowed(_ x: Tensor) -> Tensor { conv1(norm1(x).relu_()) }

    private func grown(_ x: Tensor) -> Tensor {
      let y = conv2(norm2(x).relu_())
      return dropRate > 0 ? y.dropout(dropRate, training: isTraining) : y
    }
  }

  /// Every layer sees the concatenation of all earlier outputs.
  final class DenseBlock: ModuleDict<DenseLayer>, Layer {
    let isMemoryEfficient: Bool

    init(_ channels: Int, layers: Int, growthRate: Int, bnSize: Int, dropRate: Double, memoryEfficient: Bool) {
      isMemoryEfficient = memoryEfficient
      super.init()
      for i in 0..<layers {
        self["denselayer\(i + 1)"] = DenseLayer(
          channels + i * growthRate, growthRate: growthRate, bnSize: bnSize, dropRate: dropRate)
      }
    }

    func forward(_ x: Tensor) -> Tensor {
      if isMemoryEfficient {
        return Tensor.cat(values.reduce([x]) { parts, layer in parts + [layer.recomputing(parts)] }, dim: 1)
      }
      return values.reduce(x) { seen, layer in Tensor.cat([seen, layer(seen)], dim: 1) }
    }
  }

  let features: Sequential
  let classifier: Linear

  /// - Parameters:
  ///   - growthRate: channels that each layer adds.
  ///   - blocks: layers of the dense blocks.
  ///   - bnSize: width of the 1x1 convolutions in growth rates.
  ///   - dropRate: probability of dropout behind every layer.
  ///   - memoryEfficient: compute the layers' concatenations again in backward: less memory, more time.
  public init(
    growthRate: Int = 32, blocks: [Int] = [6, 12, 24, 16], initFeatures: Int = 64, bnSize: Int = 4,
    dropRate: Double = 0,
    numClasses: Int = 1000, memoryEfficient: Bool = false
  ) {
    features = Sequential([
      "conv0": Conv2d(3, initFeatures, kernelSize: 7, stride: 2, padding: 3, bias: false),
      "norm0": BatchNorm2d(initFeatures), "relu0": ReLU(inPlace: true),
      "pool0": MaxPool2d(kernelSize: 3, stride: 2, padding: 1),
    ])
    var channels = initFeatures
    for (index, layers) in blocks.enumerated() {
      let block = DenseBlock(
        channels, layers: layers, growthRate: growthRate, bnSize: bnSize, dropRate: dropRate,
        memoryEfficient: memoryEfficient)
      features.append(block, key: "denseblock\(index + 1)")
      channels += layers * growthRate
      if index == blocks.count - 1 { continue }
      let transition = Sequential([
        "norm": BatchNorm2d(channels), "relu": ReLU(inPlace: true),
        "conv": Conv2d(channels, channels / 2, kernelSize: 1, bias: false), "pool": AvgPool2d(kernelSize: 2, stride: 2),
      ])
      features.append(transition, key: "transition\(index + 1)")
      channels /= 2
    }
    features.append(BatchNorm2d(channels), key: "norm5")
    classifier = Linear(channels, numClasses)
    super.init()
    initialise(
      convolutions: { Init.kaimingNormal_($0.weight) }, linear: { $0.bias.map { Init.zeros_($0) } })
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    classifier(features(x).relu_().adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
  }

  /// The published weights have `denselayer1.norm.1.weight` where the model has `denselayer1.norm1.weight`.
  static func renamed(_ state: StateDict) -> StateDict {
    state.mapKeys { key in
      guard key.contains("denselayer") else { return key }
      return ["norm", "relu", "conv"].reduce(key) { key, name in
        ["1", "2"].reduce(key) { $0.replacing(".\(name).\($1).", with: ".\(name)\($1).") }
      }
    }
  }
}

extension VisionModels {
  static let denseNets: [VisionModel] = {
    func model(_ name: String, _ growthRate: Int, _ blocks: [Int], _ initFeatures: Int) -> VisionModel {
      VisionModel(name, adaptState: DenseNet.renamed) {
        DenseNet(growthRate: growthRate, blocks: blocks, initFeatures: initFeatures, numClasses: $0.numClasses)
      }
    }
    return [
      model("densenet121", 32, [6, 12, 24, 16], 64), model("densenet161", 48, [6, 12, 36, 24], 96),
      model("densenet169", 32, [6, 12, 32, 32], 64), model("densenet201", 32, [6, 12, 48, 32], 64),
    ]
  }()
}
