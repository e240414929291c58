import Firefinch

/// MNASNet B1 (Tan et al. 2018). Same as `torchvision.models.MNASNet`, version 2 (checkpoints of version 1 with other widths than 1
/// do not fit).
public final class MNASNet: Module, Layer {
  // TensorFlow's 0.9997 as PyTorch counts it.
  private static let momentum = 1 - 0.9997

  /// Expansion, depthwise convolution, projection.
  final class Block: Module, Layer {
    let layers: Sequential
    let hasShortcut: Bool

    init(_ channels: Int, _ outChannels: Int, kernel: Int, stride: Int, expansion: Int) {
      let middle = channels * expansion
      func norm(_ channels: Int) -> any Layer { BatchNorm2d(channels, momentum: MNASNet.momentum) }
      layers = Sequential(
        Conv2d(channels, middle, kernelSize: 1, bias: false), norm(middle), ReLU(inPlace: true),
        Conv2d(middle, middle, kernelSize: kernel, stride: stride, padding: kernel / 2, groups: middle, bias: false),
        norm(middle), ReLU(inPlace: true),
        Conv2d(middle, outChannels, kernelSize: 1, bias: false), norm(outChannels))
      hasShortcut = channels == outChannels && stride == 1
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { hasShortcut ? layers(x) + x : layers(x) }
  }

  let layers: Sequential
  let classifier: Sequential

  /// - Parameter alpha: factor on the widths, which are rounded to multiples of 8.
  public init(alpha: Double, numClasses: Int = 1000, dropout: Double = 0.2) {
    requireModelArgument(alpha > 0, "MNASNet: alpha must be positive, got \(alpha)")
    let widths = [32, 16, 24, 40, 80, 96, 192, 320].map { makeDivisible(Double($0) * alpha, by: 8) }
    func norm(_ channels: Int) -> any Layer { BatchNorm2d(channels, momentum: MNASNet.momentum) }
    func stack(_ from: Int, _ kernel: Int, _ stride: Int, _ expansion: Int, _ count: Int) -> any Layer {
      let out = widths[from + 1]
      return Sequential(
        (0..<count).map {
          Block($0 == 0 ? widths[from] : out, out, kernel: kernel, stride: $0 == 0 ? stride : 1, expansion: expansion)
        })
    }
    let first = widths[0]
    var list: [any Layer] = [
      Conv2d(3, first, kernelSize: 3, stride: 2, padding: 1, bias: false), norm(first), ReLU(inPlace: true),
      Conv2d(first, first, kernelSize: 3, padding: 1, groups: first, bias: false), norm(first), ReLU(inPlace: true),
      Conv2d(first, widths[1], kernelSize: 1, bias: false), norm(widths[1]),
    ]
    list += [stack(1, 3, 2, 3, 3), stack(2, 5, 2, 3, 3), stack(3, 5, 2, 6, 3)]
    list += [stack(4, 3, 1, 6, 2), stack(5, 5, 2, 6, 4), stack(6, 3, 1, 6, 1)]
    list += [Conv2d(widths[7], 1280, kernelSize: 1, bias: false), norm(1280), ReLU(inPlace: true)]
    layers = Sequential(list)
    classifier = Sequential(Dropout(p: dropout), Linear(1280, numClasses))
    super.init()
    initialise(linear: { linear in
      Init.kaimingUniform_(linear.weight, mode: .fanOut, nonlinearity: .sigmoid)
      if let bias = linear.bias { Init.zeros_(bias) }
    })
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor { classifier(layers(x).mean(dim: [2, 3])) }
}

extension VisionModels {
  static let mnasNets = [("0_5", 0.5), ("0_75", 0.75), ("1_0", 1.0), ("1_3", 1.3)].map { name, alpha in
    VisionModel("mnasnet\(name)") { MNASNet(alpha: alpha, numClasses: $0.numClasses) }
  }
}
