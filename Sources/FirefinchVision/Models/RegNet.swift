import Firefinch
import Foundation

/// Networks whose widths follow a quantised line (Radosavovic et al. 2020). Same as `torchvision.models.RegNet`.
public final class RegNet: Module, Layer {
  /// The stages of a network; torchvision's `BlockParams`.
  public struct Design: Sendable {
    /// Blocks of one width; the first has the stride.
    public struct Stage: Sendable {
      public var depth: Int, width: Int, groupWidth: Int
      /// Width of the blocks' 3x3 convolutions in the stage's.
      public var bottleneckMultiplier: Double
      public var stride: Int

      public init(depth: Int, width: Int, groupWidth: Int, bottleneckMultiplier: Double = 1, stride: Int = 2) {
        (self.depth, self.width, self.groupWidth) = (depth, width, groupWidth)
        (self.bottleneckMultiplier, self.stride) = (bottleneckMultiplier, stride)
      }
    }

    public var stages: [Stage]
    /// Squeeze and excitation's width in the block's input (RegNetY); nil without (RegNetX).
    public var squeezeRatio: Double?

    public init(_ stages: [Stage], squeezeRatio: Double? = nil) {
      (self.stages, self.squeezeRatio) = (stages, squeezeRatio)
    }

    /// A design from few numbers, computed in single precision as torchvision does. Same as `BlockParams.from_init_params`.
    public init(
      _ depth: Int, _ initialWidth: Int, _ slope: Double, _ step: Double, groupWidth: Int,
      bottleneckMultiplier: Double = 1,
      squeezeRatio: Double? = nil
    ) {
      requireModelArgument(
        slope >= 0 && initialWidth > 0 && step > 1 && initialWidth % 8 == 0,
        "RegNet: expected a slope of at least 0, a width that is a positive multiple of 8 and a step over 1, got \(slope), "
          + "\(initialWidth) and \(step)")
      let first = Float(initialWidth)
      var runs: [(width: Int, depth: Int)] = []
      for block in 0..<depth {
        let line = Float(block) * Float(slope) + first
        let capacity = (Float(log(Double(line / first))) / Float(log(step))).rounded(.toNearestOrEven)
        let width = Int((first * Float(pow(step, Double(capacity))) / 8).rounded(.toNearestOrEven)) * 8
        if runs.last?.width == width { runs[runs.count - 1].depth += 1 } else { runs.append((width, 1)) }
      }
      stages = runs.map { run in
        let inner = Int(Double(run.width) * bottleneckMultiplier)
        let groupWidth = min(groupWidth, inner)
        let width = Int(Double(makeDivisible(Double(inner), by: groupWidth)) / bottleneckMultiplier)
        return Stage(depth: run.depth, width: width, groupWidth: groupWidth, bottleneckMultiplier: bottleneckMultiplier)
      }
      self.squeezeRatio = squeezeRatio
    }
  }

  /// 1x1, 3x3 in groups, squeeze and excitation, 1x1, around which the input is added.
  final class Block: Module, Layer {
    let proj: ConvNormActivation?
    let f: Sequential
    let activation: any Layer

    init(
      _ channels: Int, _ stage: Design.Stage, stride: Int, squeezeRatio: Double?, norm: @escaping NormLayer,
      activation makeActivation: @escaping ActivationLayer
    ) {
      let out = stage.width
      let inner = Int((Double(out) * stage.bottleneckMultiplier).rounded(.toNearestOrEven))
      proj =
        channels != out || stride != 1
        ? ConvNormActivation(channels, out, kernelSize: 1, stride: stride, norm: norm, activation: nil) : nil
      f = Sequential([
        "a": ConvNormActivation(channels, inner, kernelSize: 1, norm: norm, activation: makeActivation),
        "b": ConvNormActivation(
          inner, inner, stride: stride, groups: inner / stage.groupWidth, norm: norm, activation: makeActivation),
      ])
      if let squeezeRatio, squeezeRatio != 0 {
        let squeeze = Int((squeezeRatio * Double(channels)).rounded(.toNearestOrEven))
        f.append(SqueezeExcitation(inner, squeeze: squeeze, activation: makeActivation), key: "se")
      }
      f.append(ConvNormActivation(inner, out, kernelSize: 1, norm: norm, activation: nil), key: "c")
      activation = makeActivation()
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { activation((proj?(x) ?? x) + f(x)) }
  }

  let stem: ConvNormActivation
  let trunkOutput: Sequential
  let fc: Linear

  /// - Parameters:
  ///   - stemWidth: channels of the first convolution.
  public init(
    _ design: Design, numClasses: Int = 1000, stemWidth: Int = 32, norm: @escaping NormLayer = { BatchNorm2d($0) },
    activation: @escaping ActivationLayer = { ReLU(inPlace: true) }
  ) {
    stem = ConvNormActivation(3, stemWidth, stride: 2, norm: norm, activation: activation)
    trunkOutput = Sequential([any Layer]())
    var channels = stemWidth
    for (index, stage) in design.stages.enumerated() {
      let blocks = Sequential([any Layer]())
      for i in 0..<stage.depth {
        let block = Block(
          channels, stage, stride: i == 0 ? stage.stride : 1, squeezeRatio: design.squeezeRatio, norm: norm,
          activation: activation)
        blocks.append(block, key: "block\(index + 1)-\(i)")
        channels = stage.width
      }
      trunkOutput.append(blocks, key: "block\(index + 1)")
    }
    fc = Linear(channels, numClasses)
    super.init()
    initialise(
      convolutions: { conv in
        let fanOut = conv.kernelSize[0] * conv.kernelSize[1] * conv.outChannels
        Init.normal_(conv.weight, std: (2 / Double(fanOut)).squareRoot())
      }, linear: Draw.normal(0.01))
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    fc(trunkOutput(stem(x)).adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
  }
}

extension VisionModels {
  static let regNets: [VisionModel] = {
    let designs: [(String, Int, Int, Double, Double, Int)] = [
      ("y_400mf", 16, 48, 27.89, 2.09, 8), ("y_800mf", 14, 56, 38.84, 2.4, 16), ("y_1_6gf", 27, 48, 20.71, 2.65, 24),
      ("y_3_2gf", 21, 80, 42.63, 2.66, 24), ("y_8gf", 17, 192, 76.82, 2.19, 56), ("y_16gf", 18, 200, 106.23, 2.48, 112),
      ("y_32gf", 20, 232, 115.89, 2.53, 232), ("y_128gf", 27, 456, 160.83, 2.52, 264),
      ("x_400mf", 22, 24, 24.48, 2.54, 16), ("x_800mf", 16, 56, 35.73, 2.28, 16), ("x_1_6gf", 18, 80, 34.01, 2.25, 24),
      ("x_3_2gf", 25, 88, 26.31, 2.25, 48), ("x_8gf", 23, 80, 49.56, 2.88, 120), ("x_16gf", 22, 216, 55.59, 2.1, 128),
      ("x_32gf", 23, 320, 69.86, 2.0, 168),
    ]
    return designs.map { name, depth, width, slope, step, groupWidth in
      let design = RegNet.Design(
        depth, width, slope, step, groupWidth: groupWidth, squeezeRatio: name.hasPrefix("y") ? 0.25 : nil)
      return VisionModel("regnet_\(name)") { RegNet(design, numClasses: $0.numClasses) }
    }
  }()
}
