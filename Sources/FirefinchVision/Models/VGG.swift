import Firefinch

/// Plain stacks of 3x3 convolutions (Simonyan and Zisserman 2014). Same as `torchvision.models.VGG`.
public final class VGG: Module, Layer {
  /// The paper's four depths; each row is the convolutions of a stage, after which the resolution is halved.
  public enum Depth: Int, Sendable, CaseIterable {
    case vgg11 = 11
    case vgg13 = 13
    case vgg16 = 16
    case vgg19 = 19

    var convolutions: [Int] {
      switch self {
      case .vgg11: [1, 1, 2, 2, 2]
      case .vgg13: [2, 2, 2, 2, 2]
      case .vgg16: [2, 2, 3, 3, 3]
      case .vgg19: [2, 2, 4, 4, 4]
      }
    }
  }

  let features: Sequential
  let classifier: Sequential

  /// One of the paper's networks. Same as torchvision's `vgg11` to `vgg19_bn`.
  public convenience init(
    _ depth: Depth, batchNorm: Bool = false, numClasses: Int = 1000, initWeights: Bool = true, dropout: Double = 0.5
  ) {
    var layers: [any Layer] = []
    var channels = 3
    for (stage, count) in depth.convolutions.enumerated() {
      let width = [64, 128, 256, 512, 512][stage]
      for _ in 0..<count {
        layers.append(Conv2d(channels, width, kernelSize: 3, padding: 1))
        if batchNorm { layers.append(BatchNorm2d(width)) }
        layers.append(ReLU(inPlace: true))
        channels = width
      }
      layers.append(MaxPool2d(kernelSize: 2, stride: 2))
    }
    self.init(features: Sequential(layers), numClasses: numClasses, initWeights: initWeights, dropout: dropout)
  }

  /// - Parameters:
  ///   - features: gives 512 channels.
  ///   - initWeights: draw from torchvision's normals; otherwise layers keep what they draw themselves.
  public init(features: Sequential, numClasses: Int = 1000, initWeights: Bool = true, dropout: Double = 0.5) {
    self.features = features
    classifier = Sequential(
      Linear(512 * 7 * 7, 4096), ReLU(inPlace: true), Dropout(p: dropout), Linear(4096, 4096), ReLU(inPlace: true),
      Dropout(p: dropout), Linear(4096, numClasses))
    super.init()
    if initWeights { initialise(linear: Draw.normal(0.01)) }
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    classifier(features(x).adaptiveAvgPool2d([7, 7]).flatten(startDim: 1))
  }
}

extension VisionModels {
  static let vggs = VGG.Depth.allCases.flatMap { depth in
    [false, true].map { batchNorm in
      VisionModel("vgg\(depth.rawValue)\(batchNorm ? "_bn" : "")") {
        VGG(depth, batchNorm: batchNorm, numClasses: $0.numClasses)
      }
    }
  }
}
