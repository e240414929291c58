import Firefinch

/// Expansion, depthwise and linear projection, with a short cut where the shape stays. Same as torchvision's
/// `mobilenetv2.InvertedResidual`.
public final class InvertedResidual: Module, Layer {
  let conv: Sequential
  let hasShortcut: Bool

  public init(
    _ channels: Int, _ outChannels: Int, stride: Int, expandRatio: Int, norm: @escaping NormLayer = { BatchNorm2d($0) }
  ) {
    requireModelArgument(stride == 1 || stride == 2, "InvertedResidual: stride must be 1 or 2, got \(stride)")
    let hidden = channels * expandRatio
    let relu6: ActivationLayer = { ReLU6() }
    var layers: [any Layer] = []
    if expandRatio != 1 {
      layers.append(ConvNormActivation(channels, hidden, kernelSize: 1, norm: norm, activation: relu6))
    }
    layers.append(ConvNormActivation(hidden, hidden, stride: stride, groups: hidden, norm: norm, activation: relu6))
    layers.append(Conv2d(hidden, outChannels, kernelSize: 1, bias: false))
    layers.append(norm(outChannels))
    conv = Sequential(layers)
    hasShortcut = stride == 1 && channels == outChannels
    super.init()
  }

  /// (N, channels, H, W) to (N, outChannels, H / stride, W / stride).
  public func forward(_ x: Tensor) -> Tensor { hasShortcut ? x + conv(x) : conv(x) }
}

/// MobileNet V2 (Sandler et al. 2018). Same as `torchvision.models.MobileNetV2`.
public final class MobileNetV2: Module, Layer {
  let features: Sequential
  let classifier: Sequential

  /// - Parameters:
  ///   - widthMult: factor on all widths, which are rounded to multiples of `roundNearest`.
  ///   - settings: for each stage its expansion, channels, number of blocks and first stride; nil for the paper's.
  public init(
    numClasses: Int = 1000, widthMult: Double = 1,
    settings: [(expand: Int, channels: Int, blocks: Int, stride: Int)]? = nil,
    roundNearest: Int = 8, norm: @escaping NormLayer = { BatchNorm2d($0) }, dropout: Double = 0.2
  ) {
    let settings =
      settings ?? [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
      ]
    var channels = makeDivisible(32 * widthMult, by: roundNearest)
    let last = makeDivisible(1280 * max(1, widthMult), by: roundNearest)
    let relu6: ActivationLayer = { ReLU6() }
    var layers: [any Layer] = [ConvNormActivation(3, channels, stride: 2, norm: norm, activation: relu6)]
    for (expand, width, blocks, stride) in settings {
      let out = makeDivisible(Double(width) * widthMult, by: roundNearest)
      for block in 0..<blocks {
        layers.append(InvertedResidual(channels, out, stride: block == 0 ? stride : 1, expandRatio: expand, norm: norm))
        channels = out
      }
    }
    layers.append(ConvNormActivation(channels, last, kernelSize: 1, norm: norm, activation: relu6))
    features = Sequential(layers)
    classifier = Sequential(Dropout(p: dropout), Linear(last, numClasses))
    super.init()
    initialise(linear: Draw.normal(0.01))
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    classifier(features(x).adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
  }
}

extension VisionModels {
  static let mobileNetV2s = [VisionModel("mobilenet_v2") { MobileNetV2(numClasses: $0.numClasses) }]
}
