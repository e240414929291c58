import Firefinch

/// MobileNet V3 (Howard et al. 2019). Same as `torchvision.models.MobileNetV3`.
public final class MobileNetV3: Module, Layer {
  /// One block: torchvision's `InvertedResidualConfig`.
  public struct BlockSettings: Sendable {
    public var channels: Int, kernel: Int, expanded: Int, outChannels: Int
    public var hasSqueezeExcitation: Bool
    /// Hardswish instead of ReLU.
    public var isHardswish: Bool
    public var stride: Int, dilation: Int

    public init(
      _ channels: Int, _ kernel: Int, _ expanded: Int, _ outChannels: Int, squeeze: Bool, hardswish: Bool,
      stride: Int = 1,
      dilation: Int = 1, widthMult: Double = 1
    ) {
      func wide(_ channels: Int) -> Int { makeDivisible(Double(channels) * widthMult, by: 8) }
      (self.channels, self.expanded, self.outChannels) = (wide(channels), wide(expanded), wide(outChannels))
      (self.kernel, self.stride, self.dilation) = (kernel, stride, dilation)
      (hasSqueezeExcitation, isHardswish) = (squeeze, hardswish)
    }
  }

  /// The paper's two networks.
  public enum Size: String, Sendable, CaseIterable { case large, small }

  /// Expansion, depthwise convolution, squeeze and excitation, projection; torchvision's `mobilenetv3.InvertedResidual`.
  public final class Block: Module, Layer {
    let block: Sequential
    let hasShortcut: Bool
    let isStrided: Bool
    let outChannels: Int

    init(_ settings: BlockSettings, norm: @escaping NormLayer) {
      requireModelArgument(
        (1...2).contains(settings.stride), "MobileNetV3: a block's stride must be 1 or 2, got \(settings.stride)")
      let activation: ActivationLayer = settings.isHardswish ? { Hardswish() } : { ReLU(inPlace: true) }
      let expanded = settings.expanded
      var layers: [any Layer] = []
      if expanded != settings.channels {
        layers.append(
          ConvNormActivation(settings.channels, expanded, kernelSize: 1, norm: norm, activation: activation))
      }
      layers.append(
        ConvNormActivation(
          expanded, expanded, kernelSize: settings.kernel, stride: settings.dilation > 1 ? 1 : settings.stride,
          groups: expanded, norm: norm, activation: activation, dilation: settings.dilation))
      if settings.hasSqueezeExcitation {
        let squeeze = makeDivisible(Double(expanded / 4), by: 8)
        layers.append(SqueezeExcitation(expanded, squeeze: squeeze, scaleActivation: { Hardsigmoid() }))
      }
      layers.append(ConvNormActivation(expanded, settings.outChannels, kernelSize: 1, norm: norm, activation: nil))
      block = Sequential(layers)
      hasShortcut = settings.stride == 1 && settings.channels == settings.outChannels
      isStrided = settings.stride > 1
      outChannels = settings.outChannels
      super.init()
    }

    public func forward(_ x: Tensor) -> Tensor { hasShortcut ? block(x).add_(x) : block(x) }
  }

  let features: Sequential
  let classifier: Sequential

  /// - Parameters:
  ///   - lastChannel: width of the hidden layer of the classifier.
  public init(
    _ settings: [BlockSettings], lastChannel: Int, numClasses: Int = 1000,
    norm: @escaping NormLayer = { BatchNorm2d($0, eps: 1e-3, momentum: 0.01) }, dropout: Double = 0.2
  ) {
    requireModelArgument(!settings.isEmpty, "MobileNetV3: there must be at least one block")
    let first = settings[0].channels, last = settings[settings.count - 1].outChannels
    var layers: [any Layer] = [ConvNormActivation(3, first, stride: 2, norm: norm, activation: { Hardswish() })]
    layers += settings.map { Block($0, norm: norm) }
    layers.append(ConvNormActivation(last, 6 * last, kernelSize: 1, norm: norm, activation: { Hardswish() }))
    features = Sequential(layers)
    classifier = Sequential(
      Linear(6 * last, lastChannel), Hardswish(), Dropout(p: dropout), Linear(lastChannel, numClasses))
    super.init()
    initialise(linear: Draw.normal(0.01))
  }

  /// The paper's large or small network; see `settings` for the other arguments.
  public convenience init(
    _ size: Size, numClasses: Int = 1000, widthMult: Double = 1, reducedTail: Bool = false, dilated: Bool = false,
    norm: @escaping NormLayer = { BatchNorm2d($0, eps: 1e-3, momentum: 0.01) }, dropout: Double = 0.2
  ) {
    let (settings, last) = MobileNetV3.settings(size, widthMult: widthMult, reducedTail: reducedTail, dilated: dilated)
    self.init(settings, lastChannel: last, numClasses: numClasses, norm: norm, dropout: dropout)
  }

  /// The blocks and the classifier's width. `reducedTail` halves the last stages, `dilated` keeps their resolution: for
  /// segmentation and detection. Same as torchvision's `_mobilenet_v3_conf`.
  public static func settings(
    _ size: Size, widthMult: Double = 1, reducedTail: Bool = false, dilated: Bool = false
  ) -> (blocks: [BlockSettings], lastChannel: Int) {
    let divider = reducedTail ? 2 : 1
    let dilation = dilated ? 2 : 1
    func block(
      _ channels: Int, _ kernel: Int, _ expanded: Int, _ out: Int, _ squeeze: Bool, _ hardswish: Bool, _ stride: Int,
      _ dilation: Int = 1
    ) -> BlockSettings {
      BlockSettings(
        channels, kernel, expanded, out, squeeze: squeeze, hardswish: hardswish, stride: stride, dilation: dilation,
        widthMult: widthMult)
    }
    switch size {
    case .large:
      let (wide, narrow) = (960 / divider, 160 / divider)
      let blocks = [
        block(16, 3, 16, 16, false, false, 1),
        block(16, 3, 64, 24, false, false, 2), block(24, 3, 72, 24, false, false, 1),
        block(24, 5, 72, 40, true, false, 2), block(40, 5, 120, 40, true, false, 1),
        block(40, 5, 120, 40, true, false, 1),
        block(40, 3, 240, 80, false, true, 2), block(80, 3, 200, 80, false, true, 1),
        block(80, 3, 184, 80, false, true, 1),
        block(80, 3, 184, 80, false, true, 1), block(80, 3, 480, 112, true, true, 1),
        block(112, 3, 672, 112, true, true, 1),
        block(112, 5, 672, narrow, true, true, 2, dilation), block(narrow, 5, wide, narrow, true, true, 1, dilation),
        block(narrow, 5, wide, narrow, true, true, 1, dilation),
      ]
      return (blocks, makeDivisible(Double(1280 / divider) * widthMult, by: 8))
    case .small:
      let (wide, narrow) = (576 / divider, 96 / divider)
      let blocks = [
        block(16, 3, 16, 16, true, false, 2),
        block(16, 3, 72, 24, false, false, 2), block(24, 3, 88, 24, false, false, 1),
        block(24, 5, 96, 40, true, true, 2), block(40, 5, 240, 40, true, true, 1), block(40, 5, 240, 40, true, true, 1),
        block(40, 5, 120, 48, true, true, 1), block(48, 5, 144, 48, true, true, 1),
        block(48, 5, 288, narrow, true, true, 2, dilation), block(narrow, 5, wide, narrow, true, true, 1, dilation),
        block(narrow, 5, wide, narrow, true, true, 1, dilation),
      ]
      return (blocks, makeDivisible(Double(1024 / divider) * widthMult, by: 8))
    }
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    classifier(features(x).adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
  }
}

extension VisionModels {
  static let mobileNetV3s = MobileNetV3.Size.allCases.map { size in
    VisionModel("mobilenet_v3_\(size.rawValue)") { MobileNetV3(size, numClasses: $0.numClasses) }
  }
}
