import Firefinch

/// A network whose inner maps a segmentation model classifies. Same as torchvision's `IntermediateLayerGetter` over a model.
public struct SegmentationBackbone {
  let module: Module
  /// Channels of the shallower map and of the last.
  public let lowChannels: Int, highChannels: Int
  let maps: (Tensor) -> (low: Tensor, high: Tensor)

  /// A network of one's own; `maps` gives its shallower map and its last.
  public init(
    _ module: Module, lowChannels: Int, highChannels: Int, maps: @escaping (Tensor) -> (low: Tensor, high: Tensor)
  ) {
    (self.module, self.lowChannels, self.highChannels, self.maps) = (module, lowChannels, highChannels, maps)
  }

  /// Stages 3 and 4 of a network, which loses its classifier. torchvision's have
  /// `replaceStrideWithDilation: [false, true, true]`, which keeps the resolution of stage 2.
  public static func resnet(_ resnet: ResNet) -> SegmentationBackbone {
    resnet.removeClassifier()
    return SegmentationBackbone(resnet, lowChannels: resnet.featureCount / 2, highChannels: resnet.featureCount) { x in
      let stages = resnet.stages(x)
      return (stages[2], stages[3])
    }
  }

  /// The last map of a network, and the one before its third last halving, as torchvision takes them; the network should be
  /// `dilated`, which keeps the resolution of its last stages.
  public static func mobileNetV3(_ network: MobileNetV3) -> SegmentationBackbone {
    let features = network.features
    let layers = Array(features)
    let strided = layers.indices.filter { (layers[$0] as? MobileNetV3.Block)?.isStrided ?? false }
    let stages = [0] + strided + [layers.count - 1]
    guard stages.count >= 4, let low = layers[stages[stages.count - 4]] as? MobileNetV3.Block,
      let last = layers[layers.count - 2] as? MobileNetV3.Block
    else {
      fatalError(
        "SegmentationBackbone: the MobileNetV3 has only \(strided.count) strided blocks, at least 3 are needed")
    }
    return SegmentationBackbone(features, lowChannels: low.outChannels, highChannels: 6 * last.outChannels) { x in
      var (x, shallow) = (x, x)
      for layer in layers {
        x = layer(x)
        if layer === low { shallow = x }
      }
      return (shallow, x)
    }
  }
}

/// A backbone's inner maps and a classifier of every pixel. Same as torchvision's `FCN`, `DeepLabV3` and `LRASPP` models.
///
/// `forward` gives torchvision's `out`: logits (N, numClasses, H, W); `outputs` also the auxiliary classifier's.
public final class SegmentationModel: Module, Layer {
  let backbone: Module
  let classifier: Module
  let auxClassifier: (any Layer)?
  private let maps: (Tensor) -> (low: Tensor, high: Tensor)

  private init(_ backbone: SegmentationBackbone, anyClassifier: Module, auxClassifier: (any Layer)?) {
    (self.backbone, maps) = (backbone.module, backbone.maps)
    (classifier, self.auxClassifier) = (anyClassifier, auxClassifier)
    super.init()
  }

  /// A classifier of the last map, and in training perhaps one of the shallower map. Same as torchvision's `FCN` and `DeepLabV3`.
  public convenience init(_ backbone: SegmentationBackbone, classifier: any Layer, auxClassifier: (any Layer)? = nil) {
    self.init(backbone, anyClassifier: classifier, auxClassifier: auxClassifier)
  }

  /// A classifier of both maps. Same as torchvision's `LRASPP`.
  public convenience init(_ backbone: SegmentationBackbone, classifier: LRASPPHead) {
    self.init(backbone, anyClassifier: classifier, auxClassifier: nil)
  }

  /// Logits of every pixel (N, numClasses, H, W).
  public func forward(_ x: Tensor) -> Tensor { outputs(x, auxiliary: false).out }

  /// Logits of every pixel, and with `auxiliary` those of the classifier on the shallower map (nil without one): torchvision's
  /// `out` and `aux`.
  public func outputs(_ x: Tensor, auxiliary: Bool = true) -> (out: Tensor, aux: Tensor?) {
    let (low, high) = maps(x)
    func enlarged(_ y: Tensor) -> Tensor {
      y.interpolate(size: [x.size(-2), x.size(-1)], mode: .bilinear, alignCorners: false)
    }
    let out = (classifier as? LRASPPHead)?.callAsFunction(low, high) ?? (classifier as! any Layer)(high)
    return (enlarged(out), auxiliary ? auxClassifier.map { enlarged($0(low)) } : nil)
  }

  /// A fully convolutional network (Long et al. 2014). Same as torchvision's `fcn_resnet50` and its like, `weights=None`.
  public static func fcn(_ backbone: SegmentationBackbone, numClasses: Int = 21, auxLoss: Bool = false)
    -> SegmentationModel
  {
    // The auxiliary classifier is drawn first, as torchvision does.
    let auxiliary = auxLoss ? FCNHead(backbone.lowChannels, numClasses) : nil
    return SegmentationModel(backbone, classifier: FCNHead(backbone.highChannels, numClasses), auxClassifier: auxiliary)
  }

  /// Dilated convolutions of several rates (Chen et al. 2017). Same as torchvision's `deeplabv3_resnet50` and its like,
  /// `weights=None`.
  public static func deepLabV3(
    _ backbone: SegmentationBackbone, numClasses: Int = 21, auxLoss: Bool = false, rates: [Int] = [12, 24, 36]
  ) -> SegmentationModel {
    let auxiliary = auxLoss ? FCNHead(backbone.lowChannels, numClasses) : nil
    let head = DeepLabHead(backbone.highChannels, numClasses, rates: rates)
    return SegmentationModel(backbone, classifier: head, auxClassifier: auxiliary)
  }

  /// A light head of two maps (Howard et al. 2019). Same as torchvision's `lraspp_mobilenet_v3_large`, `weights=None`.
  public static func lraspp(
    _ backbone: SegmentationBackbone, numClasses: Int = 21, interChannels: Int = 128
  ) -> SegmentationModel {
    let head = LRASPPHead(backbone.lowChannels, backbone.highChannels, numClasses, interChannels: interChannels)
    return SegmentationModel(backbone, classifier: head)
  }
}

/// Two convolutions, (N, channels, H, W) to (N, numClasses, H, W). Same as torchvision's `FCNHead`.
public final class FCNHead: Sequential {
  public init(_ channels: Int, _ numClasses: Int) {
    let middle = channels / 4
    super.init([
      Conv2d(channels, middle, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(middle), ReLU(), Dropout(p: 0.1),
      Conv2d(middle, numClasses, kernelSize: 1),
    ])
  }
}

/// Dilated convolutions of several rates and a view of the whole picture side by side (Chen et al. 2017). Same as torchvision's
/// `ASPP`.
public final class ASPP: Module, Layer {
  /// The mean of the whole map, spread over it again.
  final class Pooling: Sequential {
    init(_ channels: Int, _ out: Int) {
      super.init([
        AdaptiveAvgPool2d(outputSize: 1), Conv2d(channels, out, kernelSize: 1, bias: false), BatchNorm2d(out), ReLU(),
      ])
    }

    override func forward(_ x: Tensor) -> Tensor {
      super.forward(x).interpolate(size: [x.size(-2), x.size(-1)], mode: .bilinear, alignCorners: false)
    }
  }

  let convs: ModuleList<Sequential>
  let project: Sequential

  /// From `channels` to `out` channels.
  public init(_ channels: Int, rates: [Int], out: Int = 256) {
    var list = [Sequential(Conv2d(channels, out, kernelSize: 1, bias: false), BatchNorm2d(out), ReLU())]
    for rate in rates {
      list.append(
        Sequential(
          Conv2d(channels, out, kernelSize: 3, padding: rate, dilation: rate, bias: false), BatchNorm2d(out), ReLU()))
    }
    list.append(Pooling(channels, out))
    convs = ModuleList(list)
    project = Sequential(
      Conv2d(list.count * out, out, kernelSize: 1, bias: false), BatchNorm2d(out), ReLU(), Dropout(p: 0.5))
    super.init()
  }

  /// (N, channels, H, W) to (N, out, H, W).
  public func forward(_ x: Tensor) -> Tensor { project(Tensor.cat(convs.map { $0(x) }, dim: 1)) }
}

/// `ASPP` and two convolutions, (N, channels, H, W) to (N, numClasses, H, W). Same as torchvision's `DeepLabHead`.
public final class DeepLabHead: Sequential {
  public init(_ channels: Int, _ numClasses: Int, rates: [Int] = [12, 24, 36]) {
    super.init([
      ASPP(channels, rates: rates), Conv2d(256, 256, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(256), ReLU(),
      Conv2d(256, numClasses, kernelSize: 1),
    ])
  }
}

/// A shallow and a deep map together (Howard et al. 2019). Same as torchvision's `LRASPPHead`.
public final class LRASPPHead: Module {
  let cbr: Sequential
  let scale: Sequential
  let lowClassifier: Conv2d
  let highClassifier: Conv2d

  /// `low` and `high` are the maps' channels.
  public init(_ low: Int, _ high: Int, _ numClasses: Int, interChannels middle: Int) {
    cbr = Sequential(Conv2d(high, middle, kernelSize: 1, bias: false), BatchNorm2d(middle), ReLU())
    scale = Sequential(AdaptiveAvgPool2d(outputSize: 1), Conv2d(high, middle, kernelSize: 1, bias: false), Sigmoid())
    lowClassifier = Conv2d(low, numClasses, kernelSize: 1)
    highClassifier = Conv2d(middle, numClasses, kernelSize: 1)
    super.init()
  }

  /// The shallow map (N, low, H, W) and the deep one to (N, numClasses, H, W).
  public func callAsFunction(_ low: Tensor, _ high: Tensor) -> Tensor {
    let deep = (cbr(high) * scale(high)).interpolate(
      size: [low.size(-2), low.size(-1)], mode: .bilinear, alignCorners: false)
    return lowClassifier(low) + highClassifier(deep)
  }
}

extension VisionModels {
  static let segmentationModels: [VisionModel] = {
    @Sendable func overResNet(_ layers: [Int]) -> SegmentationBackbone {
      .resnet(ResNet(.bottleneck, layers: layers, replaceStrideWithDilation: [false, true, true]))
    }
    @Sendable func overMobileNet() -> SegmentationBackbone { .mobileNetV3(MobileNetV3(.large, dilated: true)) }
    let overResNets = [("resnet50", [3, 4, 6, 3]), ("resnet101", [3, 4, 23, 3])].flatMap { name, layers in
      [
        VisionModel("fcn_\(name)", task: .segmentation) {
          SegmentationModel.fcn(overResNet(layers), numClasses: $0.numClasses, auxLoss: $0.auxiliary)
        },
        VisionModel("deeplabv3_\(name)", task: .segmentation) {
          SegmentationModel.deepLabV3(overResNet(layers), numClasses: $0.numClasses, auxLoss: $0.auxiliary)
        },
      ]
    }
    return overResNets + [
      VisionModel("deeplabv3_mobilenet_v3_large", task: .segmentation) {
        SegmentationModel.deepLabV3(overMobileNet(), numClasses: $0.numClasses, auxLoss: $0.auxiliary)
      },
      VisionModel("lraspp_mobilenet_v3_large", task: .segmentation) {
        SegmentationModel.lraspp(overMobileNet(), numClasses: $0.numClasses)
      },
    ]
  }()
}
