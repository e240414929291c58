import Firefinch

/// The one-column variant of AlexNet (Krizhevsky 2014). Same as `torchvision.models.AlexNet`.
public final class AlexNet: Module, Layer {
  let features: Sequential
  let classifier: Sequential

  public init(numClasses: Int = 1000, dropout: Double = 0.5) {
    features = Sequential(
      Conv2d(3, 64, kernelSize: 11, stride: 4, padding: 2), ReLU(inPlace: true), MaxPool2d(kernelSize: 3, stride: 2),
      Conv2d(64, 192, kernelSize: 5, padding: 2), ReLU(inPlace: true), MaxPool2d(kernelSize: 3, stride: 2),
      Conv2d(192, 384, kernelSize: 3, padding: 1), ReLU(inPlace: true),
      Conv2d(384, 256, kernelSize: 3, padding: 1), ReLU(inPlace: true),
      Conv2d(256, 256, kernelSize: 3, padding: 1), ReLU(inPlace: true), MaxPool2d(kernelSize: 3, stride: 2))
    classifier = Sequential(
      Dropout(p: dropout), Linear(256 * 6 * 6, 4096), ReLU(inPlace: true), Dropout(p: dropout), Linear(4096, 4096),
      ReLU(inPlace: true), Linear(4096, numClasses))
    super.init()
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    classifier(features(x).adaptiveAvgPool2d([6, 6]).flatten(startDim: 1))
  }
}

extension VisionModels {
  static let alexNets = [VisionModel("alexnet") { AlexNet(numClasses: $0.numClasses) }]
}
