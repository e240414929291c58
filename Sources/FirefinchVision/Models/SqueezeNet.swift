import Firefinch

/// A narrow 1x1 convolution, then a 1x1 and a 3x3 one side by side. Same as `torchvision.models.squeezenet.Fire`.
public final class Fire: Module, Layer {
  let squeeze: Conv2d
  let expand1x1: Conv2d
  let expand3x3: Conv2d

  public override class var stateKeys: [String: String] { ["expand1x1": "expand1x1", "expand3x3": "expand3x3"] }

  public init(_ channels: Int, squeeze narrow: Int, expand: Int) {
    squeeze = Conv2d(channels, narrow, kernelSize: 1)
    expand1x1 = Conv2d(narrow, expand, kernelSize: 1)
    expand3x3 = Conv2d(narrow, expand, kernelSize: 3, padding: 1)
    super.init()
  }

  /// (N, channels, H, W) to (N, 2 expand, H, W).
  public func forward(_ x: Tensor) -> Tensor {
    let y = squeeze(x).relu_()
    return Tensor.cat([expand1x1(y).relu_(), expand3x3(y).relu_()], dim: 1)
  }
}

/// Small convolutional networks (Iandola et al. 2016). Same as `torchvision.models.SqueezeNet`.
public final class SqueezeNet: Module, Layer {
  public enum Version: String, Sendable { case v1_0 = "1_0", v1_1 = "1_1" }

  let features: Sequential
  let classifier: Sequential

  public init(_ version: Version = .v1_0, numClasses: Int = 1000, dropout: Double = 0.5) {
    func pool() -> any Layer { MaxPool2d(kernelSize: 3, stride: 2, ceilMode: true) }
    func fires(_ widths: [(Int, Int, Int)]) -> [any Layer] { widths.map { Fire($0.0, squeeze: $0.1, expand: $0.2) } }
    var layers: [any Layer]
    switch version {
    case .v1_0:
      layers = [Conv2d(3, 96, kernelSize: 7, stride: 2), ReLU(inPlace: true), pool()]
      layers += fires([(96, 16, 64), (128, 16, 64), (128, 32, 128)]) + [pool()]
      layers += fires([(256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256)]) + [pool()]
      layers += fires([(512, 64, 256)])
    case .v1_1:
      layers = [Conv2d(3, 64, kernelSize: 3, stride: 2), ReLU(inPlace: true), pool()]
      layers += fires([(64, 16, 64), (128, 16, 64)]) + [pool()]
      layers += fires([(128, 32, 128), (256, 32, 128)]) + [pool()]
      layers += fires([(256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)])
    }
    features = Sequential(layers)
    let final = Conv2d(512, numClasses, kernelSize: 1)
    classifier = Sequential(Dropout(p: dropout), final, ReLU(inPlace: true), AdaptiveAvgPool2d(outputSize: 1))
    super.init()
    for case let conv as Conv2d in modules() {
      if conv === final { Init.normal_(conv.weight, std: 0.01) } else { Init.kaimingUniform_(conv.weight) }
      if let bias = conv.bias { Init.zeros_(bias) }
    }
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor { classifier(features(x)).flatten(startDim: 1) }
}

extension VisionModels {
  static let squeezeNets = [SqueezeNet.Version.v1_0, .v1_1].map { version in
    VisionModel("squeezenet\(version.rawValue)") { SqueezeNet(version, numClasses: $0.numClasses) }
  }
}
