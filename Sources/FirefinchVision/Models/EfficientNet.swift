import Firefinch

/// EfficientNet (Tan and Le 2019) and EfficientNet V2 (2021). Same as `torchvision.models.EfficientNet`.
public final class EfficientNet: Module, Layer {
  /// A stage: torchvision's `MBConvConfig`, or with `isFused` its `FusedMBConvConfig`.
  public struct Stage: Sendable {
    public var isFused: Bool
    public var expandRatio: Double, kernel: Int, stride: Int
    public var channels: Int, outChannels: Int, layers: Int

    public init(
      _ expandRatio: Double, _ kernel: Int, _ stride: Int, _ channels: Int, _ outChannels: Int, _ layers: Int,
      fused: Bool = false, widthMult: Double = 1, depthMult: Double = 1
    ) {
      (isFused, self.expandRatio, self.kernel, self.stride) = (fused, expandRatio, kernel, stride)
      // torchvision leaves the widths of fused stages, which it does not scale, as they are.
      func wide(_ channels: Int) -> Int {
        fused && widthMult == 1 ? channels : makeDivisible(Double(channels) * widthMult, by: 8)
      }
      (self.channels, self.outChannels) = (wide(channels), wide(outChannels))
      self.layers = Int((Double(layers) * depthMult).rounded(.up))
    }
  }

  /// Expansion, depthwise convolution, squeeze and excitation, projection; fused: one full convolution for the first two.
  final class Block: Module, Layer {
    let block: Sequential
    let stochasticDepth: StochasticDepth
    let hasShortcut: Bool

    init(_ stage: Stage, channels: Int, stride: Int, dropProbability: Double, norm: @escaping NormLayer) {
      requireModelArgument((1...2).contains(stride), "EfficientNet: a stage's stride must be 1 or 2, got \(stride)")
      let expanded = makeDivisible(Double(channels) * stage.expandRatio, by: 8)
      let out = stage.outChannels
      let silu: ActivationLayer = { SiLU() }
      var layers: [any Layer] = []
      if stage.isFused {
        let inner = expanded == channels ? out : expanded
        layers.append(
          ConvNormActivation(channels, inner, kernelSize: stage.kernel, stride: stride, norm: norm, activation: silu))
      } else {
        if expanded != channels {
          layers.append(ConvNormActivation(channels, expanded, kernelSize: 1, norm: norm, activation: silu))
        }
        layers.append(
          ConvNormActivation(
            expanded, expanded, kernelSize: stage.kernel, stride: stride, groups: expanded, norm: norm, activation: silu
          ))
        layers.append(SqueezeExcitation(expanded, squeeze: max(1, channels / 4), activation: silu))
      }
      if !stage.isFused || expanded != channels {
        layers.append(ConvNormActivation(expanded, out, kernelSize: 1, norm: norm, activation: nil))
      }
      block = Sequential(layers)
      stochasticDepth = StochasticDepth(p: dropProbability)
      hasShortcut = stride == 1 && channels == out
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { hasShortcut ? stochasticDepth(block(x)) + x : block(x) }
  }

  let features: Sequential
  let classifier: Sequential

  /// - Parameters:
  ///   - stochasticDepth: probability with which the last block is left out in training; it grows from 0 at the first.
  ///   - lastChannel: width before the classifier; nil for four times the last stage's.
  public init(
    _ stages: [Stage], dropout: Double, stochasticDepth: Double = 0.2, numClasses: Int = 1000,
    norm: @escaping NormLayer = { BatchNorm2d($0) }, lastChannel: Int? = nil
  ) {
    requireModelArgument(!stages.isEmpty, "EfficientNet: there must be at least one stage")
    let silu: ActivationLayer = { SiLU() }
    var layers: [any Layer] = [ConvNormActivation(3, stages[0].channels, stride: 2, norm: norm, activation: silu)]
    let total = Double(stages.map(\.layers).reduce(0, +))
    var index = 0
    for stage in stages {
      let blocks = (0..<stage.layers).map { layer -> any Layer in
        defer { index += 1 }
        return Block(
          stage, channels: layer == 0 ? stage.channels : stage.outChannels, stride: layer == 0 ? stage.stride : 1,
          dropProbability: stochasticDepth * Double(index) / total, norm: norm)
      }
      layers.append(Sequential(blocks))
    }
    let before = stages[stages.count - 1].outChannels
    let last = lastChannel ?? 4 * before
    layers.append(ConvNormActivation(before, last, kernelSize: 1, norm: norm, activation: silu))
    features = Sequential(layers)
    classifier = Sequential(Dropout(p: dropout), Linear(last, numClasses))
    super.init()
    initialise(linear: { linear in
      let range = 1 / Double(linear.outFeatures).squareRoot()
      Init.uniform_(linear.weight, -range, range)
      if let bias = linear.bias { Init.zeros_(bias) }
    })
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    classifier(features(x).adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
  }

  /// The stages of b0 to b7 for a factor on widths and depths.
  static func scaled(_ width: Double, _ depth: Double) -> [Stage] {
    let base: [(Double, Int, Int, Int, Int, Int)] = [
      (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3),
      (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
    ]
    return base.map { Stage($0.0, $0.1, $0.2, $0.3, $0.4, $0.5, widthMult: width, depthMult: depth) }
  }

  /// V2's stages: a few fused ones, then plain ones.
  static func second(_ fused: [(Double, Int, Int, Int, Int)], _ plain: [(Double, Int, Int, Int, Int)]) -> [Stage] {
    fused.map { Stage($0.0, 3, $0.1, $0.2, $0.3, $0.4, fused: true) }
      + plain.map { Stage($0.0, 3, $0.1, $0.2, $0.3, $0.4) }
  }
}

extension VisionModels {
  static let efficientNets: [VisionModel] = {
    let scales: [(width: Double, depth: Double, dropout: Double)] = [
      (1, 1, 0.2), (1, 1.1, 0.2), (1.1, 1.2, 0.3), (1.2, 1.4, 0.3), (1.4, 1.8, 0.4), (1.6, 2.2, 0.4), (1.8, 2.6, 0.5),
      (2, 3.1, 0.5),
    ]
    let first = scales.enumerated().map { index, scale in
      VisionModel("efficientnet_b\(index)") {
        EfficientNet(
          EfficientNet.scaled(scale.width, scale.depth), dropout: scale.dropout, numClasses: $0.numClasses,
          norm: { index < 5 ? BatchNorm2d($0) : BatchNorm2d($0, eps: 1e-3, momentum: 0.01) })
      }
    }
    func second(_ name: String, dropout: Double, _ stages: @escaping @Sendable () -> [EfficientNet.Stage])
      -> VisionModel
    {
      VisionModel("efficientnet_v2_\(name)") {
        EfficientNet(
          stages(), dropout: dropout, numClasses: $0.numClasses, norm: { BatchNorm2d($0, eps: 1e-3) }, lastChannel: 1280
        )
      }
    }
    return first + [
      second("s", dropout: 0.2) {
        EfficientNet.second(
          [(1, 1, 24, 24, 2), (4, 2, 24, 48, 4), (4, 2, 48, 64, 4)],
          [(4, 2, 64, 128, 6), (6, 1, 128, 160, 9), (6, 2, 160, 256, 15)])
      },
      second("m", dropout: 0.3) {
        EfficientNet.second(
          [(1, 1, 24, 24, 3), (4, 2, 24, 48, 5), (4, 2, 48, 80, 5)],
          [(4, 2, 80, 160, 7), (6, 1, 160, 176, 14), (6, 2, 176, 304, 18), (6, 1, 304, 512, 5)])
      },
      second("l", dropout: 0.4) {
        EfficientNet.second(
          [(1, 1, 32, 32, 4), (4, 2, 32, 64, 7), (4, 2, 64, 96, 7)],
          [(4, 2, 96, 192, 10), (6, 1, 192, 224, 19), (6, 2, 224, 384, 25), (6, 1, 384, 640, 7)])
      },
    ]
  }()
}
