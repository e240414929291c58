import Firefinch

/// A transformer over patches of a picture (Dosovitskiy et al. 2020). Same as `torchvision.models.VisionTransformer`.
public final class VisionTransformer: Module, Layer {
  /// A layer of a convolutional stem (Xiao et al. 2021); torchvision's `ConvStemConfig`.
  public struct StemLayer: Sendable {
    public var outChannels: Int, kernel: Int, stride: Int
    public var norm: @Sendable (_ channels: Int) -> any Layer
    public var activation: @Sendable () -> any Layer

    public init(
      outChannels: Int, kernel: Int, stride: Int,
      norm: @escaping @Sendable (_ channels: Int) -> any Layer = { BatchNorm2d($0) },
      activation: @escaping @Sendable () -> any Layer = { ReLU(inPlace: true) }
    ) {
      (self.outChannels, self.kernel, self.stride) = (outChannels, kernel, stride)
      (self.norm, self.activation) = (norm, activation)
    }
  }

  /// Attention and MLP, each after a normalisation.
  final class Block: Module, Layer {
    let ln1: any Layer
    let selfAttention: MultiheadAttention
    let dropout: Dropout
    let ln2: any Layer
    let mlp: TransformerMLP

    override class var stateKeys: [String: String] { ["ln1": "ln_1", "ln2": "ln_2"] }

    init(_ width: Int, heads: Int, hidden: Int, dropout p: Double, attentionDropout: Double, norm: NormLayer) {
      ln1 = norm(width)
      selfAttention = MultiheadAttention(width, heads, dropout: attentionDropout, batchFirst: true)
      dropout = Dropout(p: p)
      ln2 = norm(width)
      mlp = TransformerMLP(width, hidden: hidden, dropout: p)
      super.init()
    }

    func forward(_ input: Tensor) -> Tensor {
      let x = ln1(input)
      let attended = dropout(selfAttention(x, x, x, needWeights: false).output) + input
      return attended + mlp(ln2(attended))
    }
  }

  final class Encoder: Module, Layer {
    @Parameter var posEmbedding: Tensor
    let dropout: Dropout
    let layers: Sequential
    let ln: any Layer

    init(_ length: Int, layers count: Int, _ width: Int, dropout p: Double, norm: NormLayer, block: () -> Block) {
      posEmbedding = Init.normal_(Tensor.empty([1, length, width]), std: 0.02)
      dropout = Dropout(p: p)
      layers = Sequential([any Layer]())
      for i in 0..<count { layers.append(block(), key: "encoder_layer_\(i)") }
      ln = norm(width)
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor { ln(layers(dropout(x + posEmbedding))) }
  }

  @Parameter var classToken: Tensor
  let convProj: any Layer
  let encoder: Encoder
  let heads: Sequential
  /// Side of the pictures in pixels, and of the patches.
  public let imageSize: Int, patchSize: Int

  /// - Parameters:
  ///   - imageSize: side of the square pictures; a multiple of `patchSize`.
  ///   - hidden: width of the blocks' MLPs.
  ///   - representationSize: width of a layer before the classifier; nil for none.
  ///   - norm: of the blocks and behind them.
  ///   - stem: convolutions in place of the patches' projection; they must shrink the picture by `patchSize` together.
  public init(
    imageSize: Int = 224, patchSize: Int, layers: Int, heads headCount: Int, width: Int, hidden: Int,
    dropout: Double = 0,
    attentionDropout: Double = 0, numClasses: Int = 1000, representationSize: Int? = nil,
    norm: @escaping NormLayer = { LayerNorm($0, eps: 1e-6) }, stem: [StemLayer]? = nil
  ) {
    requireModelArgument(
      imageSize > 0 && imageSize % patchSize == 0,
      "VisionTransformer: the picture's side must be a multiple of \(patchSize), got \(imageSize)")
    var last: Conv2d?
    if let stem {
      let list = Sequential([any Layer]())
      var channels = 3
      for (index, layer) in stem.enumerated() {
        let conv = ConvNormActivation(
          channels, layer.outChannels, kernelSize: layer.kernel, stride: layer.stride, norm: layer.norm,
          activation: layer.activation)
        list.append(conv, key: "conv_bn_relu_\(index)")
        channels = layer.outChannels
      }
      last = Conv2d(channels, width, kernelSize: 1)
      list.append(last!, key: "conv_last")
      convProj = list
    } else {
      convProj = Conv2d(3, width, kernelSize: patchSize, stride: patchSize)
    }
    classToken = Tensor.zeros([1, 1, width])
    let side = imageSize / patchSize
    encoder = Encoder(side * side + 1, layers: layers, width, dropout: dropout, norm: norm) {
      Block(width, heads: headCount, hidden: hidden, dropout: dropout, attentionDropout: attentionDropout, norm: norm)
    }
    let head = Linear(representationSize ?? width, numClasses)
    var before: Linear?
    if let representationSize {
      let linear = Linear(width, representationSize)
      before = linear
      heads = Sequential(["pre_logits": linear, "act": Tanh(), "head": head])
    } else {
      heads = Sequential(["head": head])
    }
    (self.imageSize, self.patchSize) = (imageSize, patchSize)
    super.init()
    if let conv = convProj as? Conv2d {
      Init.truncNormal_(conv.weight, std: (1 / Double(3 * patchSize * patchSize)).squareRoot())
      Init.zeros_(conv.bias!)
    }
    if let last {
      Init.normal_(last.weight, std: (2 / Double(width)).squareRoot())
      Init.zeros_(last.bias!)
    }
    if let before {
      Init.truncNormal_(before.weight, std: (1 / Double(width)).squareRoot())
      Init.zeros_(before.bias!)
    }
    Init.zeros_(head.weight)
    Init.zeros_(head.bias!)
  }

  /// (N, 3, imageSize, imageSize) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor {
    if x.rank != 4 || x.size(2) != imageSize || x.size(3) != imageSize {
      return Mistake.report(
        .shape("VisionTransformer: expected pictures (N, 3, \(imageSize), \(imageSize)), got \(x.shape); resize them"))
    }
    let patches = convProj(x).flatten(startDim: 2).transpose(1, 2)
    let token = classToken.expand([x.size(0), 1, classToken.size(2)])
    return heads(encoder(Tensor.cat([token, patches], dim: 1)).select(dim: 1, 0))
  }

  /// A checkpoint's position embeddings brought to another picture size by bicubic interpolation.
  /// Same as torchvision's `interpolate_embeddings`.
  public static func interpolateEmbeddings(
    _ state: StateDict, imageSize: Int, patchSize: Int, mode: InterpolationMode = .bicubic
  ) throws -> StateDict {
    let key = "encoder.pos_embedding"
    guard let old = state[key], old.rank == 3, old.size(0) == 1 else {
      throw VisionError("the state dict has no \(key) of shape (1, length, width)")
    }
    let side = imageSize / patchSize
    if old.size(1) == side * side + 1 { return state }
    let before = Int(Double(old.size(1) - 1).squareRoot())
    guard before * before == old.size(1) - 1 else {
      throw VisionError("\(key) has \(old.size(1) - 1) positions, which are no square")
    }
    var result = state
    let grid = old.slice(dim: 1, start: 1).transpose(1, 2).reshape([1, old.size(2), before, before])
    let align = mode == .bilinear || mode == .bicubic ? true : nil
    let resized = grid.interpolate(size: [side, side], mode: mode, alignCorners: align)
    let positions = resized.reshape([1, old.size(2), side * side]).transpose(1, 2)
    result[key] = Tensor.cat([old.slice(dim: 1, end: 1), positions], dim: 1)
    return result
  }
}

extension VisionModels {
  static let visionTransformers: [VisionModel] = {
    let sizes: [(String, Int, Int, Int, Int, Int)] = [
      ("b_16", 16, 12, 12, 768, 3072), ("b_32", 32, 12, 12, 768, 3072), ("l_16", 16, 24, 16, 1024, 4096),
      ("l_32", 32, 24, 16, 1024, 4096), ("h_14", 14, 32, 16, 1280, 5120),
    ]
    return sizes.map { name, patch, layers, heads, width, hidden in
      VisionModel(
        "vit_\(name)", adaptState: TransformerMLP.renamed,
        imageSize: { state in
          guard let positions = state["encoder.pos_embedding"], positions.rank == 3 else { return nil }
          return Int(Double(max(positions.size(1) - 1, 1)).squareRoot()) * patch
        }
      ) {
        VisionTransformer(
          imageSize: $0.imageSize, patchSize: patch, layers: layers, heads: heads, width: width, hidden: hidden,
          numClasses: $0.numClasses)
      }
    }
  }()
}
