import Firefinch

/// ShuffleNet V2 (Ma et al. 2018). Same as `torchvision.models.ShuffleNetV2`.
public final class ShuffleNetV2: Module, Layer {
  /// Half of the channels pass through convolutions (all of them, in two branches, with stride 2), then the halves are
  /// interleaved.
  final class Block: Module, Layer {
    let branch1: Sequential
    let branch2: Sequential
    let stride: Int

    override class var stateKeys: [String: String] { ["branch1": "branch1", "branch2": "branch2"] }

    init(_ channels: Int, _ outChannels: Int, stride: Int) {
      let half = outChannels / 2
      func depthwise(_ channels: Int) -> any Layer {
        Conv2d(channels, channels, kernelSize: 3, stride: stride, padding: 1, groups: channels, bias: false)
      }
      func pointwise(_ from: Int) -> any Layer { Conv2d(from, half, kernelSize: 1, bias: false) }
      branch1 =
        stride == 1
        ? Sequential()
        : Sequential(
          depthwise(channels), BatchNorm2d(channels), pointwise(channels), BatchNorm2d(half), ReLU(inPlace: true))
      branch2 = Sequential(
        pointwise(stride > 1 ? channels : half), BatchNorm2d(half), ReLU(inPlace: true), depthwise(half),
        BatchNorm2d(half),
        pointwise(half), BatchNorm2d(half), ReLU(inPlace: true))
      self.stride = stride
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor {
      var halves = [x, x]
      if stride == 1 { halves = x.chunk(2, dim: 1) }
      return Tensor.cat([branch1(halves[0]), branch2(halves[1])], dim: 1).channelShuffle(2)
    }
  }

  let conv1: Sequential
  let stage2: Sequential
  let stage3: Sequential
  let stage4: Sequential
  let conv5: Sequential
  let fc: Linear

  public override class var stateKeys: [String: String] {
    Dictionary(uniqueKeysWithValues: ["conv1", "stage2", "stage3", "stage4", "conv5"].map { ($0, $0) })
  }

  /// - Parameters:
  ///   - repeats: blocks of the three stages.
  ///   - widths: channels of the stem, the stages and the last convolution.
  public init(repeats: [Int], widths: [Int], numClasses: Int = 1000) {
    requireModelArgument(
      repeats.count == 3 && widths.count == 5,
      "ShuffleNetV2: expected 3 repeats and 5 widths, got \(repeats) and \(widths)")
    func stage(_ index: Int) -> Sequential {
      let out = widths[index + 1]
      return Sequential(
        (0..<repeats[index]).map { Block($0 == 0 ? widths[index] : out, out, stride: $0 == 0 ? 2 : 1) })
    }
    conv1 = Sequential(
      Conv2d(3, widths[0], kernelSize: 3, stride: 2, padding: 1, bias: false), BatchNorm2d(widths[0]),
      ReLU(inPlace: true))
    stage2 = stage(0)
    stage3 = stage(1)
    stage4 = stage(2)
    conv5 = Sequential(
      Conv2d(widths[3], widths[4], kernelSize: 1, bias: false), BatchNorm2d(widths[4]), ReLU(inPlace: true))
    fc = Linear(widths[4], numClasses)
    super.init()
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    let stem = conv1(x).maxPool2d([3, 3], stride: [2, 2], padding: [1, 1])
    return fc(conv5(stage4(stage3(stage2(stem)))).mean(dim: [2, 3]))
  }
}

extension VisionModels {
  static let shuffleNets = [
    ("0_5", [24, 48, 96, 192, 1024]), ("1_0", [24, 116, 232, 464, 1024]), ("1_5", [24, 176, 352, 704, 1024]),
    ("2_0", [24, 244, 488, 976, 2048]),
  ].map { name, widths in
    VisionModel("shufflenet_v2_x\(name)") {
      ShuffleNetV2(repeats: [4, 8, 4], widths: widths, numClasses: $0.numClasses)
    }
  }
}
