import Firefinch

/// Convolution without bias, normalisation and ReLU, with the keys `conv` and `bn`. Same as torchvision's `BasicConv2d` of
/// GoogLeNet and Inception.
final class BasicConv2d: Module, Layer {
  let conv: Conv2d
  let bn: BatchNorm2d

  init(_ channels: Int, _ outChannels: Int, kernel: any SpatialSizes, stride: Int = 1, padding: [Int] = [0, 0]) {
    conv = Conv2d(channels, outChannels, kernelSize: kernel, stride: stride, padding: padding, bias: false)
    bn = BatchNorm2d(outChannels, eps: 1e-3)
    super.init()
  }

  func forward(_ x: Tensor) -> Tensor { bn(conv(x)).relu_() }
}

/// Pictures normalised with ImageNet's statistics, as networks ported from TensorFlow want them: in -1...1.
func rescaledForTensorFlow(_ x: Tensor) -> Tensor {
  let scale = Tensor([0.229 / 0.5, 0.224 / 0.5, 0.225 / 0.5], shape: [3, 1, 1], dtype: x.dtype)
  let shift = Tensor(
    [(0.485 - 0.5) / 0.5, (0.456 - 0.5) / 0.5, (0.406 - 0.5) / 0.5], shape: [3, 1, 1], dtype: x.dtype)
  return x * scale + shift
}

/// Inception v1 (Szegedy et al. 2014). Same as `torchvision.models.GoogLeNet`.
public final class GoogLeNet: Module, Layer {
  /// Convolutions of three sizes and a pooling side by side.
  final class Inception: Module, Layer {
    let branch1: BasicConv2d
    let branch2: Sequential
    let branch3: Sequential
    let branch4: Sequential

    init(_ channels: Int, _ widths: [Int]) {
      branch1 = BasicConv2d(channels, widths[0], kernel: 1)
      branch2 = Sequential(
        BasicConv2d(channels, widths[1], kernel: 1), BasicConv2d(widths[1], widths[2], kernel: 3, padding: [1, 1]))
      // 3x3 where the paper has 5x5, as in torchvision and its weights.
      branch3 = Sequential(
        BasicConv2d(channels, widths[3], kernel: 1), BasicConv2d(widths[3], widths[4], kernel: 3, padding: [1, 1]))
      branch4 = Sequential(
        MaxPool2d(kernelSize: 3, stride: 1, padding: 1, ceilMode: true), BasicConv2d(channels, widths[5], kernel: 1))
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { Tensor.cat([branch1(x), branch2(x), branch3(x), branch4(x)], dim: 1) }
  }

  /// A classifier on an inner layer, which helps training.
  final class Auxiliary: Module, Layer {
    let conv: BasicConv2d
    let fc1: Linear
    let fc2: Linear
    let dropout: Dropout

    init(_ channels: Int, _ numClasses: Int, dropout p: Double) {
      conv = BasicConv2d(channels, 128, kernel: 1)
      fc1 = Linear(2048, 1024)
      fc2 = Linear(1024, numClasses)
      dropout = Dropout(p: p)
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor {
      let y = conv(x.adaptiveAvgPool2d([4, 4])).flatten(startDim: 1)
      return fc2(dropout(fc1(y).relu_()))
    }
  }

  let conv1 = BasicConv2d(3, 64, kernel: 7, stride: 2, padding: [3, 3])
  let conv2 = BasicConv2d(64, 64, kernel: 1)
  let conv3 = BasicConv2d(64, 192, kernel: 3, padding: [1, 1])
  let inception3a = Inception(192, [64, 96, 128, 16, 32, 32])
  let inception3b = Inception(256, [128, 128, 192, 32, 96, 64])
  let inception4a = Inception(480, [192, 96, 208, 16, 48, 64])
  let inception4b = Inception(512, [160, 112, 224, 24, 64, 64])
  let inception4c = Inception(512, [128, 128, 256, 24, 64, 64])
  let inception4d = Inception(512, [112, 144, 288, 32, 64, 64])
  let inception4e = Inception(528, [256, 160, 320, 32, 128, 128])
  let inception5a = Inception(832, [256, 160, 320, 32, 128, 128])
  let inception5b = Inception(832, [384, 192, 384, 48, 128, 128])
  let aux1: Auxiliary?
  let aux2: Auxiliary?
  let dropout: Dropout
  let fc: Linear
  /// Whether pictures normalised with ImageNet's statistics are rescaled first, as torchvision does for its weights.
  public let transformInput: Bool

  public override class var stateKeys: [String: String] {
    let names = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"].map { "inception" + $0 }
    return Dictionary(uniqueKeysWithValues: (names + ["aux1", "aux2", "conv1", "conv2", "conv3"]).map { ($0, $0) })
  }

  /// - Parameters:
  ///   - auxLogits: whether there are two inner classifiers; see `outputs`.
  ///   - transformInput: rescale pictures normalised with ImageNet's statistics to -1...1.
  ///   - initWeights: draw from torchvision's truncated normals; otherwise layers keep what they draw themselves.
  ///   - dropout, dropoutAux: before the classifier, and in the inner ones.
  public init(
    numClasses: Int = 1000, auxLogits: Bool = true, transformInput: Bool = false, initWeights: Bool = true,
    dropout p: Double = 0.2, dropoutAux: Double = 0.7
  ) {
    aux1 = auxLogits ? Auxiliary(512, numClasses, dropout: dropoutAux) : nil
    aux2 = auxLogits ? Auxiliary(528, numClasses, dropout: dropoutAux) : nil
    dropout = Dropout(p: p)
    fc = Linear(1024, numClasses)
    self.transformInput = transformInput
    super.init()
    if initWeights {
      initialise(
        convolutions: { Init.truncNormal_($0.weight, std: 0.01) }, linear: { Init.truncNormal_($0.weight, std: 0.01) })
    }
  }

  /// (N, 3, H, W) to logits (N, numClasses), H and W at least 15. Training with the inner classifiers takes `outputs`.
  public func forward(_ x: Tensor) -> Tensor { outputs(x, auxiliary: false).main }

  /// The logits and, with `auxiliary`, those of the two inner classifiers (nil without them). torchvision's training output.
  public func outputs(_ x: Tensor, auxiliary: Bool = true) -> (main: Tensor, aux2: Tensor?, aux1: Tensor?) {
    func pool(_ x: Tensor, _ kernel: Int = 3) -> Tensor {
      x.maxPool2d([kernel, kernel], stride: [2, 2], ceilMode: true)
    }
    let stem = pool(conv1(transformInput ? rescaledForTensorFlow(x) : x))
    let third = pool(inception3b(inception3a(pool(conv3(conv2(stem))))))
    let first = inception4a(third)
    // Where torchvision computes them: their dropout draws before the classifier's.
    let aux1 = auxiliary ? self.aux1?(first) : nil
    let second = inception4d(inception4c(inception4b(first)))
    let aux2 = auxiliary ? self.aux2?(second) : nil
    let last = inception5b(inception5a(pool(inception4e(second), 2)))
    let main = fc(dropout(last.adaptiveAvgPool2d([1, 1]).flatten(startDim: 1)))
    return (main, aux2, aux1)
  }
}

extension VisionModels {
  static let googLeNets = [
    VisionModel("googlenet") {
      GoogLeNet(numClasses: $0.numClasses, auxLogits: $0.auxiliary, transformInput: $0.isPublished)
    }
  ]
}
