import Firefinch

/// Small classifiers for 28x28 grey pictures, trained from scratch in minutes.
public enum SmallModels {
  /// The names `make` knows.
  public static let names = ["cnn", "mlp", "resnet"]

  /// A model by name for pictures of shape (N, 1, 28, 28), giving logits (N, classes); nil for an unknown name.
  public static func make(_ name: String, classes: Int = 10) -> Sequential? {
    switch name {
    case "cnn": cnn(classes)
    case "mlp": mlp(classes)
    case "resnet": resnet(classes)
    default: nil
    }
  }

  /// Two convolution blocks and a hidden layer; about 421,000 parameters.
  private static func cnn(_ classes: Int) -> Sequential {
    Sequential(
      Conv2d(1, 32, kernelSize: 3, padding: 1), BatchNorm2d(32), ReLU(), MaxPool2d(kernelSize: 2),
      Conv2d(32, 64, kernelSize: 3, padding: 1), BatchNorm2d(64), ReLU(), MaxPool2d(kernelSize: 2),
      Flatten(), Linear(64 * 7 * 7, 128), ReLU(), Linear(128, classes))
  }

  /// Two hidden layers with dropout.
  private static func mlp(_ classes: Int) -> Sequential {
    Sequential(
      Flatten(), Linear(784, 256), ReLU(), Dropout(p: 0.2), Linear(256, 128), ReLU(), Dropout(p: 0.2),
      Linear(128, classes))
  }

  /// A small residual network: a stem and four residual blocks of 32 to 128 channels.
  private static func resnet(_ classes: Int) -> Sequential {
    Sequential(
      Conv2d(1, 32, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(32), ReLU(),
      ResidualBlock(32, 32), ResidualBlock(32, 64, stride: 2), ResidualBlock(64, 128, stride: 2),
      ResidualBlock(128, 128),
      AdaptiveAvgPool2d(outputSize: 1), Flatten(), Linear(128, classes))
  }
}

/// Two 3x3 convolutions around which the input is added, as in ResNet (He et al. 2015); torchvision's `BasicBlock` with its
/// state-dict keys.
public final class ResidualBlock: Module, Layer {
  let conv1: Conv2d
  let bn1: BatchNorm2d
  let conv2: Conv2d
  let bn2: BatchNorm2d
  let downsample: Sequential?

  /// From `channels` to `outChannels`; a stride or a change of width puts a 1x1 convolution on the short cut.
  public init(_ channels: Int, _ outChannels: Int, stride: Int = 1) {
    conv1 = Conv2d(channels, outChannels, kernelSize: 3, stride: stride, padding: 1, bias: false)
    bn1 = BatchNorm2d(outChannels)
    conv2 = Conv2d(outChannels, outChannels, kernelSize: 3, padding: 1, bias: false)
    bn2 = BatchNorm2d(outChannels)
    downsample =
      stride == 1 && channels == outChannels
      ? nil
      : Sequential(Conv2d(channels, outChannels, kernelSize: 1, stride: stride, bias: false), BatchNorm2d(outChannels))
    super.init()
  }

  /// (N, channels, H, W) to (N, outChannels, H / stride, W / stride).
  public func forward(_ x: Tensor) -> Tensor {
    let y = bn2(conv2(bn1(conv1(x)).relu()))
    return (y + (downsample?(x) ?? x)).relu()
  }
}
