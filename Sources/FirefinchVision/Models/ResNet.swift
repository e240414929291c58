import Firefinch

/// Two 3x3 convolutions around which the input is added (He et al. 2015). Same as `torchvision.models.resnet.BasicBlock`.
public final class BasicBlock: Module, Layer {
  let conv1: Conv2d
  let bn1: any Layer
  let conv2: Conv2d
  let bn2: any Layer
  let downsample: Sequential?

  /// From `channels` to `outChannels`; `downsample` changes the short cut's shape where needed.
  public init(
    _ channels: Int, _ outChannels: Int, stride: Int = 1, downsample: Sequential? = nil,
    norm: NormLayer = { BatchNorm2d($0) }
  ) {
    conv1 = Conv2d(channels, outChannels, kernelSize: 3, stride: stride, padding: 1, bias: false)
    bn1 = norm(outChannels)
    conv2 = Conv2d(outChannels, outChannels, kernelSize: 3, padding: 1, bias: false)
    bn2 = norm(outChannels)
    self.downsample = downsample
    super.init()
  }

  /// (N, channels, H, W) to (N, outChannels, H / stride, W / stride).
  public func forward(_ x: Tensor) -> Tensor {
    let y = bn2(conv2(bn1(conv1(x)).relu_()))
    return y.add_(downsample?(x) ?? x).relu_()
  }
}

/// A 1x1, a 3x3 and a widening 1x1 convolution around which the input is added; the stride is the 3x3's.
/// Same as `torchvision.models.resnet.Bottleneck`.
public final class Bottleneck: Module, Layer {
  /// How much wider the output is than `planes`.
  public static let expansion = 4
  let conv1: Conv2d
  let bn1: any Layer
  let conv2: Conv2d
  let bn2: any Layer
  let conv3: Conv2d
  let bn3: any Layer
  let downsample: Sequential?

  public init(
    _ channels: Int, _ planes: Int, stride: Int = 1, downsample: Sequential? = nil, groups: Int = 1,
    baseWidth: Int = 64,
    dilation: Int = 1, norm: NormLayer = { BatchNorm2d($0) }
  ) {
    let width = planes * baseWidth / 64 * groups
    conv1 = Conv2d(channels, width, kernelSize: 1, bias: false)
    bn1 = norm(width)
    conv2 = Conv2d(
      width, width, kernelSize: 3, stride: stride, padding: dilation, dilation: dilation, groups: groups, bias: false)
    bn2 = norm(width)
    conv3 = Conv2d(width, planes * Bottleneck.expansion, kernelSize: 1, bias: false)
    bn3 = norm(planes * Bottleneck.expansion)
    self.downsample = downsample
    super.init()
  }

  /// (N, channels, H, W) to (N, 4 planes, H / stride, W / stride).
  public func forward(_ x: Tensor) -> Tensor {
    let y = bn2(conv2(bn1(conv1(x)).relu_())).relu_()
    return bn3(conv3(y)).add_(downsample?(x) ?? x).relu_()
  }
}

/// Residual networks (He et al. 2015), with ResNeXt's groups and Wide ResNet's widths. Same as `torchvision.models.ResNet`.
public final class ResNet: Module, Layer {
  public enum Block: Sendable { case basic, bottleneck }

  let conv1: Conv2d
  let bn1: any Layer
  let maxpool = MaxPool2d(kernelSize: 3, stride: 2, padding: 1)
  let layer1: Sequential
  let layer2: Sequential
  let layer3: Sequential
  let layer4: Sequential
  @Child private(set) var fc: Linear?
  /// Channels before the classifier.
  public let featureCount: Int

  /// - Parameters:
  ///   - layers: blocks in each of the four stages.
  ///   - zeroInitResidual: begin with every residual branch at 0.
  ///   - groups, widthPerGroup: of the 3x3 convolutions (bottleneck blocks only).
  ///   - replaceStrideWithDilation: keep the resolution of stages 2 to 4 (bottleneck blocks only).
  public init(
    _ block: Block, layers: [Int], numClasses: Int = 1000, zeroInitResidual: Bool = false, groups: Int = 1,
    widthPerGroup: Int = 64, replaceStrideWithDilation: [Bool] = [false, false, false],
    norm: NormLayer = { BatchNorm2d($0) }
  ) {
    requireModelArgument(layers.count == 4, "ResNet: layers needs four counts, got \(layers)")
    requireModelArgument(
      replaceStrideWithDilation.count == 3,
      "ResNet: replaceStrideWithDilation needs three values, got \(replaceStrideWithDilation)")
    let isPlain = groups == 1 && widthPerGroup == 64 && !replaceStrideWithDilation.contains(true)
    requireModelArgument(block == .bottleneck || isPlain, "ResNet: basic blocks take no groups, widths or dilation")
    conv1 = Conv2d(3, 64, kernelSize: 7, stride: 2, padding: 3, bias: false)
    bn1 = norm(64)
    var channels = 64
    var dilation = 1
    let expansion = block == .basic ? 1 : Bottleneck.expansion
    func stage(_ planes: Int, _ count: Int, stride: Int, dilate: Bool) -> Sequential {
      let before = dilation
      var stride = stride
      if dilate { (dilation, stride) = (dilation * stride, 1) }
      var downsample: Sequential?
      if stride != 1 || channels != planes * expansion {
        downsample = Sequential(
          Conv2d(channels, planes * expansion, kernelSize: 1, stride: stride, bias: false), norm(planes * expansion))
      }
      let blocks = (0..<count).map { index -> any Layer in
        let (stride, shortcut) = index == 0 ? (stride, downsample) : (1, nil)
        defer { channels = planes * expansion }
        return block == .basic
          ? BasicBlock(channels, planes, stride: stride, downsample: shortcut, norm: norm)
          : Bottleneck(
            channels, planes, stride: stride, downsample: shortcut, groups: groups, baseWidth: widthPerGroup,
            dilation: index == 0 ? before : dilation, norm: norm)
      }
      return Sequential(blocks)
    }
    layer1 = stage(64, layers[0], stride: 1, dilate: false)
    layer2 = stage(128, layers[1], stride: 2, dilate: replaceStrideWithDilation[0])
    layer3 = stage(256, layers[2], stride: 2, dilate: replaceStrideWithDilation[1])
    layer4 = stage(512, layers[3], stride: 2, dilate: replaceStrideWithDilation[2])
    featureCount = 512 * expansion
    fc = Linear(512 * expansion, numClasses)
    super.init()
    initialise()
    if zeroInitResidual {
      for module in modules() {
        let last = (module as? Bottleneck)?.bn3 ?? (module as? BasicBlock)?.bn2
        if let weight = last?.namedParameters().first(where: { $0.0 == "weight" })?.1 { Init.zeros_(weight) }
      }
    }
  }

  /// The outputs of the four stages, for networks that build on them.
  func stages(_ x: Tensor) -> [Tensor] {
    let stem = maxpool(bn1(conv1(x)).relu_())
    let first = layer1(stem)
    let second = layer2(first)
    let third = layer3(second)
    return [first, second, third, layer4(third)]
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    let features = stages(x)[3].adaptiveAvgPool2d([1, 1]).flatten(startDim: 1)
    return fc?(features) ?? features
  }

  /// Leaves only what `stages` needs; `forward` then gives the features (N, featureCount).
  public func removeClassifier() {
    fc = nil
    refreshMembers()
  }
}

extension VisionModels {
  static let resNets: [VisionModel] = {
    func model(_ name: String, _ block: ResNet.Block, _ layers: [Int], groups: Int = 1, width: Int = 64) -> VisionModel
    {
      VisionModel(name) {
        ResNet(block, layers: layers, numClasses: $0.numClasses, groups: groups, widthPerGroup: width)
      }
    }
    return [
      model("resnet18", .basic, [2, 2, 2, 2]),
      model("resnet34", .basic, [3, 4, 6, 3]),
      model("resnet50", .bottleneck, [3, 4, 6, 3]),
      model("resnet101", .bottleneck, [3, 4, 23, 3]),
      model("resnet152", .bottleneck, [3, 8, 36, 3]),
      model("resnext50_32x4d", .bottleneck, [3, 4, 6, 3], groups: 32, width: 4),
      model("resnext101_32x8d", .bottleneck, [3, 4, 23, 3], groups: 32, width: 8),
      model("resnext101_64x4d", .bottleneck, [3, 4, 23, 3], groups: 64, width: 4),
      model("wide_resnet50_2", .bottleneck, [3, 4, 6, 3], width: 128),
      model("wide_resnet101_2", .bottleneck, [3, 4, 23, 3], width: 128),
    ]
  }()
}
