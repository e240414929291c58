import Firefinch

/// A backbone's inner maps and a classifier of every pixel. Same as torchvision's `FCN`, `DeepLabV3` and `LRASPP` models.
///
/// `forward` gives torchvision's `out`: logits (N, numClasses, H, W); `outputs` also the auxiliary classifier's.
public final class SegmentationModel: Module, Layer {
  let backbone: Module
  let classifier: Module
  let auxClassifier: (any Layer)?
  /// The backbone's maps for the classifiers: a shallow one, and the last.
  private let maps: (Tensor) -> (low: Tensor, high: Tensor)

  /// Where the maps come from.
  enum Backbone {
    /// Stages 3 and 4, which keep the resolution of stage 2.
    case resnet(ResNet)
    /// MobileNet V3's layers, with the positions of the shallow map and the last.
    case features(Sequential, low: Int, high: Int)
  }

  init(_ backbone: Backbone, classifier: Module, auxClassifier: (any Layer)?) {
    switch backbone {
    case .resnet(let resnet):
      resnet.removeClassifier()
      self.backbone = resnet
      maps = { x in
        let stages = resnet.stages(x)
        return (stages[2], stages[3])
      }
    case .features(let features, let low, let high):
      self.backbone = features
      maps = { x in
        var (x, shallow) = (x, x)
        for index in 0...high {
          x = features[index](x)
          if index == low { shallow = x }
        }
        return (shallow, x)
      }
    }
    self.classifier = classifier
    self.auxClassifier = auxClassifier
    super.init()
  }

  public func forward(_ x: Tensor) -> Tensor { outputs(x, auxiliary: false).out }

  /// Logits of every pixel, and with `auxiliary` those of the classifier on the shallower map (nil without one).
  public func outputs(_ x: Tensor, auxiliary: Bool = true) -> (out: Tensor, aux: Tensor?) {
    let (low, high) = maps(x)
    func enlarged(_ y: Tensor) -> Tensor { y.interpolate(size: [x.size(-2), x.size(-1)], mode: .bilinear, alignCorners: false) }
    let out = (classifier as? LRASPPHead)?.callAsFunction(low, high) ?? (classifier as! any Layer)(high)
    return (enlarged(out), auxiliary ? auxClassifier.map { enlarged($0(low)) } : nil)
  }
}

/// Two convolutions. Same as torchvision's `FCNHead`.
final class FCNHead: Sequential {
  init(_ channels: Int, _ numClasses: Int) {
    let middle = channels / 4
    super.init([
      Conv2d(channels, middle, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(middle), ReLU(), Dropout(p: 0.1),
      Conv2d(middle, numClasses, kernelSize: 1),
    ])
  }
}

/// Dilated convolutions of several rates and a view of the whole picture side by side (Chen et al. 2017). Same as torchvision's
/// `ASPP`.
final class ASPP: Module, Layer {
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

  init(_ channels: Int, rates: [Int], out: Int = 256) {
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

  func forward(_ x: Tensor) -> Tensor { project(Tensor.cat(convs.map { $0(x) }, dim: 1)) }
}

/// Same as torchvision's `DeepLabHead`.
final class DeepLabHead: Sequential {
  init(_ channels: Int, _ numClasses: Int) {
    super.init([
      ASPP(channels, rates: [12, 24, 36]), Conv2d(256, 256, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(256), ReLU(),
      Conv2d(256, numClasses, kernelSize: 1),
    ])
  }
}

/// A shallow and a deep map together (Howard et al. 2019). Same as torchvision's `LRASPPHead`.
final class LRASPPHead: Module {
  let cbr: Sequential
  let scale: Sequential
  let lowClassifier: Conv2d
  let highClassifier: Conv2d

  init(_ low: Int, _ high: Int, _ numClasses: Int, middle: Int = 128) {
    cbr = Sequential(Conv2d(high, middle, kernelSize: 1, bias: false), BatchNorm2d(middle), ReLU())
    scale = Sequential(AdaptiveAvgPool2d(outputSize: 1), Conv2d(high, middle, kernelSize: 1, bias: false), Sigmoid())
    lowClassifier = Conv2d(low, numClasses, kernelSize: 1)
    highClassifier = Conv2d(middle, numClasses, kernelSize: 1)
    super.init()
  }

  func callAsFunction(_ low: Tensor, _ high: Tensor) -> Tensor {
    let deep = (cbr(high) * scale(high)).interpolate(size: [low.size(-2), low.size(-1)], mode: .bilinear, alignCorners: false)
    return lowClassifier(low) + highClassifier(deep)
  }
}

extension VisionModels {
  /// A segmentation model over ResNet; the auxiliary classifier is drawn first, as torchvision does.
  private static func overResNet(_ layers: [Int], _ classes: Int, head: (Int, Int) -> Module) -> SegmentationModel {
    let resnet = ResNet(.bottleneck, layers: layers, replaceStrideWithDilation: [false, true, true])
    let auxiliary = FCNHead(resnet.featureCount / 2, classes)
    return SegmentationModel(.resnet(resnet), classifier: head(resnet.featureCount, classes), auxClassifier: auxiliary)
  }

  /// MobileNet V3's layers and the maps that torchvision takes: the last, and the one before the third last halving.
  private static func mobileNetBackbone() -> (backbone: SegmentationModel.Backbone, low: Int, high: Int) {
    let features = MobileNetV3(.large, dilated: true).features
    let blocks = Array(features)
    let strided = blocks.indices.filter { (blocks[$0] as? MobileNetV3.Block)?.isStrided ?? false }
    let stages = [0] + strided + [blocks.count - 1]
    let low = stages[stages.count - 4]
    let lowChannels = (blocks[low] as! MobileNetV3.Block).outChannels
    let highChannels = 6 * (blocks[blocks.count - 2] as! MobileNetV3.Block).outChannels
    return (.features(features, low: low, high: blocks.count - 1), lowChannels, highChannels)
  }

  static let segmentationModels: [VisionModel] = {
    let depths = [("resnet50", [3, 4, 6, 3]), ("resnet101", [3, 4, 23, 3])]
    let overResNets = depths.flatMap { name, layers in
      [
        VisionModel("fcn_\(name)", task: .segmentation) { overResNet(layers, $0.numClasses) { FCNHead($0, $1) } },
        VisionModel("deeplabv3_\(name)", task: .segmentation) { overResNet(layers, $0.numClasses) { DeepLabHead($0, $1) } },
      ]
    }
    return overResNets + [
      VisionModel("deeplabv3_mobilenet_v3_large", task: .segmentation) {
        let (backbone, low, high) = mobileNetBackbone()
        let auxiliary = FCNHead(low, $0.numClasses)
        return SegmentationModel(backbone, classifier: DeepLabHead(high, $0.numClasses), auxClassifier: auxiliary)
      },
      VisionModel("lraspp_mobilenet_v3_large", task: .segmentation) {
        let (backbone, low, high) = mobileNetBackbone()
        return SegmentationModel(backbone, classifier: LRASPPHead(low, high, $0.numClasses), auxClassifier: nil)
      },
    ]
  }()
}
