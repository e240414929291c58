import Firefinch

/// A convolutional network built like a transformer (Liu et al. 2022). Same as `torchvision.models.ConvNeXt`.
public final class ConvNeXt: Module, Layer {
  /// A stage: blocks of `channels`, then a halving of the resolution to `outChannels` unless nil. torchvision's `CNBlockConfig`.
  public struct Stage: Sendable {
    public var channels: Int
    public var outChannels: Int?
    public var layers: Int
    public init(_ channels: Int, _ outChannels: Int?, _ layers: Int) {
      (self.channels, self.outChannels, self.layers) = (channels, outChannels, layers)
    }
  }

  /// A 7x7 depthwise convolution and an MLP on every pixel; torchvision's `CNBlock`.
  final class Block: Module, Layer {
    @Parameter var layerScale: Tensor
    let block: Sequential
    let stochasticDepth: StochasticDepth

    init(_ channels: Int, layerScale scale: Double, dropProbability: Double) {
      layerScale = Tensor.full([channels, 1, 1], scale)
      block = Sequential(
        Conv2d(channels, channels, kernelSize: 7, padding: 3, groups: channels), Permute(0, 2, 3, 1),
        LayerNorm(channels, eps: 1e-6), Linear(channels, 4 * channels), GELU(), Linear(4 * channels, channels),
        Permute(0, 3, 1, 2))
      stochasticDepth = StochasticDepth(p: dropProbability)
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { stochasticDepth(layerScale * block(x)) + x }
  }

  let features: Sequential
  let classifier: Sequential

  /// - Parameters:
  ///   - stochasticDepth: probability with which the last block is left out in training; it grows from 0 at the first.
  ///   - layerScale: first factor on every block's output.
  ///   - norm: of the stem, between the stages and before the classifier; blocks always have layer normalisation.
  public init(
    _ stages: [Stage], stochasticDepth: Double = 0, layerScale: Double = 1e-6, numClasses: Int = 1000,
    norm: @escaping NormLayer = { LayerNorm2d($0, eps: 1e-6) }
  ) {
    requireModelArgument(!stages.isEmpty, "ConvNeXt: there must be at least one stage")
    var layers: [any Layer] = [
      ConvNormActivation(
        3, stages[0].channels, kernelSize: 4, stride: 4, padding: [0, 0], norm: norm, activation: nil, bias: true)
    ]
    let last = Double(max(stages.map(\.layers).reduce(0, +) - 1, 1))
    var index = 0
    for stage in stages {
      let blocks = (0..<stage.layers).map { _ -> any Layer in
        defer { index += 1 }
        return Block(stage.channels, layerScale: layerScale, dropProbability: stochasticDepth * Double(index) / last)
      }
      layers.append(Sequential(blocks))
      if let out = stage.outChannels {
        layers.append(Sequential(norm(stage.channels), Conv2d(stage.channels, out, kernelSize: 2, stride: 2)))
      }
    }
    features = Sequential(layers)
    let width = stages[stages.count - 1].outChannels ?? stages[stages.count - 1].channels
    classifier = Sequential(norm(width), Flatten(), Linear(width, numClasses))
    super.init()
    initialise(
      convolutions: { conv in
        Init.truncNormal_(conv.weight, std: 0.02)
        if let bias = conv.bias { Init.zeros_(bias) }
      }, linear: Draw.truncated(0.02))
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor { classifier(features(x).adaptiveAvgPool2d([1, 1])) }
}

extension VisionModels {
  static let convNeXts: [VisionModel] = {
    let sizes: [(String, Int, Int, Double)] = [
      ("tiny", 96, 9, 0.1), ("small", 96, 27, 0.4), ("base", 128, 27, 0.5), ("large", 192, 27, 0.5),
    ]
    return sizes.map { name, width, deep, drop in
      let stages: [ConvNeXt.Stage] = [
        .init(width, 2 * width, 3), .init(2 * width, 4 * width, 3), .init(4 * width, 8 * width, deep),
        .init(8 * width, nil, 3),
      ]
      return VisionModel("convnext_\(name)") { ConvNeXt(stages, stochasticDepth: drop, numClasses: $0.numClasses) }
    }
  }()
}
