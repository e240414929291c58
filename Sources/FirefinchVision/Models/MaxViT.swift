import Firefinch

/// Attention within windows and then over a coarse grid, after convolutions (Tu et al. 2022). Same as `torchvision.models.MaxVit`.
public final class MaxViT: Module, Layer {
  /// MobileNet's inverted residual with a normalisation in front.
  final class MBConv: Module, Layer {
    let proj: any Layer
    let stochasticDepth: any Layer
    let layers: Sequential

    init(
      _ channels: Int, _ out: Int, expansion: Double, squeeze: Double, stride: Int, dropProbability: Double,
      norm: @escaping NormLayer, activation: @escaping ActivationLayer
    ) {
      if stride == 1 && channels == out {
        proj = Identity()
      } else {
        let conv = Conv2d(channels, out, kernelSize: 1)
        proj = stride == 2 ? Sequential(AvgPool2d(kernelSize: 3, stride: 2, padding: 1), conv) : Sequential(conv)
      }
      stochasticDepth = dropProbability > 0 ? StochasticDepth(p: dropProbability) : Identity()
      let middle = Int(Double(out) * expansion)
      layers = Sequential([
        "pre_norm": norm(channels),
        "conv_a": ConvNormActivation(channels, middle, kernelSize: 1, norm: norm, activation: activation),
        "conv_b": ConvNormActivation(
          middle, middle, stride: stride, groups: middle, norm: norm, activation: activation),
        "squeeze_excitation": SqueezeExcitation(middle, squeeze: Int(Double(out) * squeeze), activation: { SiLU() }),
        "conv_c": Conv2d(middle, out, kernelSize: 1),
      ])
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { proj(x) + stochasticDepth(layers(x)) }
  }

  /// Attention over (N, groups, positions, C) with a bias by relative position.
  final class Attention: Module, Layer {
    @Parameter var relativePositionBiasTable: Tensor
    @Buffer var relativePositionIndex: Tensor
    let toQkv: Linear
    let merge: Linear
    let heads: Int, headWidth: Int

    init(_ width: Int, headWidth: Int, side: Int) {
      (heads, self.headWidth) = (width / headWidth, headWidth)
      toQkv = Linear(width, 3 * width)
      merge = Linear(width, width)
      let rows = (2 * side - 1) * (2 * side - 1)
      relativePositionBiasTable = Init.truncNormal_(Tensor.empty([rows, width / headWidth]), std: 0.02)
      relativePositionIndex = FirefinchVision.relativePositionIndex(side, side)
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor {
      let (batch, groups, positions, width) = (x.size(0), x.size(1), x.size(2), x.size(3))
      let parts = toQkv(x).reshape([batch, groups, positions, 3, heads, headWidth]).permute(3, 0, 1, 4, 2, 5)
      // torchvision scales by the whole width, not by a head's.
      let keys = parts.select(dim: 0, 1) * (1 / Double(width).squareRoot())
      let bias = relativePositionBiasTable.indexSelect(dim: 0, relativePositionIndex.flatten())
        .reshape([positions, positions, heads]).permute(2, 0, 1)
      let weights = (parts.select(dim: 0, 0).matmul(keys.transpose(-2, -1)) + bias).softmax(dim: -1)
      let y = weights.matmul(parts.select(dim: 0, 2))
      return merge(y.permute(0, 1, 3, 2, 4).reshape([batch, groups, positions, width]))
    }
  }

  /// Attention and MLP in windows of `partition` x `partition`, or between every `side / partition`-th position (grid).
  final class PartitionAttention: Module, Layer {
    let attnLayer: Sequential
    let mlpLayer: Sequential
    let stochasticDropout: StochasticDepth
    let isGrid: Bool
    /// Side of the windows that the map is cut into.
    let window: Int

    init(
      _ width: Int, headWidth: Int, partition: Int, isGrid: Bool, side: Int, mlpRatio: Int, attentionDropout: Double,
      mlpDropout: Double, dropProbability: Double, activation: ActivationLayer
    ) {
      self.isGrid = isGrid
      window = isGrid ? side / partition : partition
      attnLayer = Sequential(
        LayerNorm(width), Attention(width, headWidth: headWidth, side: partition), Dropout(p: attentionDropout))
      mlpLayer = Sequential(
        LayerNorm(width), Linear(width, width * mlpRatio), activation(), Linear(width * mlpRatio, width),
        Dropout(p: mlpDropout))
      stochasticDropout = StochasticDepth(p: dropProbability)
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor {
      let (batch, width, height, across) = (x.size(0), x.size(1), x.size(2), x.size(3))
      let (rows, columns, p) = (height / window, across / window, window)
      var y = x.reshape([batch, width, rows, p, columns, p]).permute(0, 2, 4, 3, 5, 1)
        .reshape([batch, rows * columns, p * p, width])
      if isGrid { y = y.transpose(1, 2) }
      y = y + stochasticDropout(attnLayer(y))
      y = y + stochasticDropout(mlpLayer(y))
      if isGrid { y = y.transpose(1, 2) }
      return y.reshape([batch, rows, columns, p, p, width]).permute(0, 5, 1, 3, 2, 4).reshape([
        batch, width, height, across,
      ])
    }
  }

  /// Layers of one width; the first halves the resolution.
  final class Block: Module, Layer {
    let layers: ModuleList<Sequential>

    /// `layers` one after another, each with the key `layers`, as in torchvision's `MaxVitLayer`.
    init(_ layers: [Sequential]) {
      self.layers = ModuleList(layers.map { Sequential(["layers": $0]) })
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { layers.reduce(x) { $1($0) } }
  }

  let stem: Sequential
  let blocks: ModuleList<Block>
  let classifier: Sequential
  /// Side of the pictures in pixels.
  public let imageSize: Int

  /// - Parameters:
  ///   - imageSize: side of the square pictures; after the stem and every block's halving it must be a multiple of `partition`.
  ///   - norm, activation: of the convolutions; the activation also of the MLPs.
  ///   - stochasticDepth: probability with which the last layer's branches are left out in training.
  public init(
    imageSize: Int = 224, stemChannels: Int, partition: Int, channels: [Int], layers: [Int], headWidth: Int,
    stochasticDepth: Double, norm: @escaping NormLayer = { BatchNorm2d($0, eps: 1e-3, momentum: 0.01) },
    activation: @escaping ActivationLayer = { GELU() }, squeezeRatio: Double = 0.25, expansionRatio: Double = 4,
    mlpRatio: Int = 4, mlpDropout: Double = 0, attentionDropout: Double = 0, numClasses: Int = 1000
  ) {
    self.imageSize = imageSize
    stem = Sequential(
      ConvNormActivation(3, stemChannels, stride: 2, norm: norm, activation: activation, bias: false),
      ConvNormActivation(stemChannels, stemChannels, norm: nil, activation: nil, bias: true))
    var side = (imageSize - 1) / 2 + 1
    let last = Double(max(layers.reduce(0, +) - 1, 1))
    var index = 0
    var before = stemChannels
    blocks = ModuleList()
    for (width, count) in zip(channels, layers) {
      side = (side - 1) / 2 + 1
      requireModelArgument(
        side % partition == 0,
        "MaxViT: pictures of \(imageSize) pixels give a map of \(side), which windows of \(partition) do not fill")
      var list: [Sequential] = []
      for layer in 0..<count {
        let drop = stochasticDepth * Double(index) / last
        func attention(isGrid: Bool) -> any Layer {
          PartitionAttention(
            width, headWidth: headWidth, partition: partition, isGrid: isGrid, side: side, mlpRatio: mlpRatio,
            attentionDropout: attentionDropout, mlpDropout: mlpDropout, dropProbability: drop,
            activation: activation)
        }
        let conv = MBConv(
          layer == 0 ? before : width, width, expansion: expansionRatio, squeeze: squeezeRatio,
          stride: layer == 0 ? 2 : 1,
          dropProbability: drop, norm: norm, activation: activation)
        list.append(
          Sequential([
            "MBconv": conv, "window_attention": attention(isGrid: false), "grid_attention": attention(isGrid: true),
          ]))
        index += 1
      }
      blocks.append(Block(list))
      before = width
    }
    classifier = Sequential(
      AdaptiveAvgPool2d(outputSize: 1), Flatten(), LayerNorm(before), Linear(before, before), Tanh(),
      Linear(before, numClasses, bias: false))
    super.init()
    initialise(
      convolutions: { conv in
        Init.normal_(conv.weight, std: 0.02)
        if let bias = conv.bias { Init.zeros_(bias) }
      }, linear: Draw.normal(0.02))
  }

  /// (N, 3, imageSize, imageSize) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    if x.rank != 4 || x.size(2) != imageSize || x.size(3) != imageSize {
      return Mistake.report(
        .shape("MaxViT: expected pictures (N, 3, \(imageSize), \(imageSize)), got \(x.shape); resize them"))
    }
    return classifier(blocks.reduce(stem(x)) { $1($0) })
  }
}

extension VisionModels {
  static let maxViTs = [
    VisionModel("maxvit_t") {
      MaxViT(
        imageSize: $0.imageSize, stemChannels: 64, partition: 7, channels: [64, 128, 256, 512], layers: [2, 2, 5, 2],
        headWidth: 32, stochasticDepth: 0.2, numClasses: $0.numClasses)
    }
  ]
}
