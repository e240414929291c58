import FirefinchCore
import FirefinchTensor

/// Self-attention and a feed-forward part, each with a residual. Same as `nn.TransformerEncoderLayer`.
public final class TransformerEncoderLayer: Module {
  /// The function between the two linear layers.
  public enum Activation: String, Sendable {
    case relu, gelu

    func callAsFunction(_ x: Tensor) -> Tensor { self == .relu ? x.relu() : x.gelu() }
  }

  /// What the layer was made with, to make more of its kind.
  struct Options {
    var dModel: Int, headCount: Int, feedForward: Int
    var dropout: Double
    var activation: Activation
    var layerNormEps: Double
    var batchFirst: Bool, normFirst: Bool, bias: Bool
  }

  let options: Options
  public let selfAttn: MultiheadAttention
  public let linear1: Linear
  public let dropout: Dropout
  public let linear2: Linear
  public let norm1: LayerNorm
  public let norm2: LayerNorm
  public let dropout1: Dropout
  public let dropout2: Dropout

  /// - Parameter normFirst: normalise before each part rather than after.
  public convenience init(
    _ dModel: Int, _ headCount: Int, dimFeedforward: Int = 2048, dropout: Double = 0.1, activation: Activation = .relu,
    layerNormEps: Double = 1e-5, batchFirst: Bool = false, normFirst: Bool = false, bias: Bool = true
  ) {
    self.init(
      Options(
        dModel: dModel, headCount: headCount, feedForward: dimFeedforward, dropout: dropout, activation: activation,
        layerNormEps: layerNormEps, batchFirst: batchFirst, normFirst: normFirst, bias: bias))
  }

  init(_ options: Options) {
    self.options = options
    let (size, bias) = (options.dModel, options.bias)
    selfAttn = MultiheadAttention(
      size, options.headCount, dropout: options.dropout, bias: bias, batchFirst: options.batchFirst)
    linear1 = Linear(size, options.feedForward, bias: bias)
    dropout = Dropout(p: options.dropout)
    linear2 = Linear(options.feedForward, size, bias: bias)
    norm1 = LayerNorm(size, eps: options.layerNormEps, bias: bias)
    norm2 = LayerNorm(size, eps: options.layerNormEps, bias: bias)
    dropout1 = Dropout(p: options.dropout)
    dropout2 = Dropout(p: options.dropout)
    super.init()
  }

  /// A layer with the same options and a copy of the weights.
  public func copy() -> TransformerEncoderLayer {
    let copy = Init.skipped { TransformerEncoderLayer(options) }
    copyWeights(to: copy)
    return copy
  }

  /// - Parameters:
  ///   - srcMask: `[L, L]` or `[N * heads, L, L]`, true (or -inf) for pairs to leave out.
  ///   - srcKeyPaddingMask: `[N, L]`, true (or -inf) for positions to leave out.
  public func callAsFunction(
    _ src: Tensor, srcMask: Tensor? = nil, srcKeyPaddingMask: Tensor? = nil, isCausal: Bool = false
  ) -> Tensor {
    invoke([src]) { inputs in
      func attended(_ x: Tensor) -> Tensor {
        dropout1(
          selfAttn(
            x, x, x, keyPaddingMask: srcKeyPaddingMask, needWeights: false, attnMask: srcMask, isCausal: isCausal
          ).output)
      }
      func transformed(_ x: Tensor) -> Tensor { dropout2(linear2(dropout(options.activation(linear1(x))))) }
      var x = inputs[0]
      if options.normFirst {
        x = x + attended(norm1(x))
        return [x + transformed(norm2(x))]
      }
      x = norm1(x + attended(x))
      return [norm2(x + transformed(x))]
    }[0]
  }
}

extension Module {
  /// Copies parameters and buffers to a module of the same structure and dtype.
  func copyWeights(to other: Module) {
    let state = stateDict()
    if let dtype = state.pairs.first(where: { $0.1.dtype.isFloatingPoint })?.1.dtype, dtype != DType.defaultFloat {
      other.to(dtype)
    }
    do { try other.loadStateDict(state) } catch { fatalError("copy: \(error)") }
    other.train(isTraining)
  }
}

/// Encoder layers one after another. Same as `nn.TransformerEncoder`.
public final class TransformerEncoder: Module {
  public let layers: ModuleList<TransformerEncoderLayer>
  public let norm: LayerNorm?

  /// Makes `layerCount` copies of `encoderLayer`; as in PyTorch they start with equal weights.
  public init(_ encoderLayer: TransformerEncoderLayer, _ layerCount: Int, norm: LayerNorm? = nil) {
    layers = ModuleList((0..<max(layerCount, 0)).map { _ in encoderLayer.copy() })
    self.norm = norm
    super.init()
  }

  /// - Parameters: as for `TransformerEncoderLayer`.
  public func callAsFunction(
    _ src: Tensor, mask: Tensor? = nil, srcKeyPaddingMask: Tensor? = nil, isCausal: Bool = false
  ) -> Tensor {
    invoke([src]) { inputs in
      var x = inputs[0]
      for layer in layers {
        x = layer(x, srcMask: mask, srcKeyPaddingMask: srcKeyPaddingMask, isCausal: isCausal)
      }
      return [norm.map { $0(x) } ?? x]
    }[0]
  }
}

/// Self-attention, attention to an encoder's output and a feed-forward part. Same as `nn.TransformerDecoderLayer`.
public final class TransformerDecoderLayer: Module {
  let options: TransformerEncoderLayer.Options
  public let selfAttn: MultiheadAttention
  public let multiheadAttn: MultiheadAttention
  public let linear1: Linear
  public let dropout: Dropout
  public let linear2: Linear
  public let norm1: LayerNorm
  public let norm2: LayerNorm
  public let norm3: LayerNorm
  public let dropout1: Dropout
  public let dropout2: Dropout
  public let dropout3: Dropout

  public convenience init(
    _ dModel: Int, _ headCount: Int, dimFeedforward: Int = 2048, dropout: Double = 0.1,
    activation: TransformerEncoderLayer.Activation = .relu, layerNormEps: Double = 1e-5, batchFirst: Bool = false,
    normFirst: Bool = false, bias: Bool = true
  ) {
    self.init(
      TransformerEncoderLayer.Options(
        dModel: dModel, headCount: headCount, feedForward: dimFeedforward, dropout: dropout, activation: activation,
        layerNormEps: layerNormEps, batchFirst: batchFirst, normFirst: normFirst, bias: bias))
  }

  init(_ options: TransformerEncoderLayer.Options) {
    self.options = options
    let (size, bias) = (options.dModel, options.bias)
    selfAttn = MultiheadAttention(
      size, options.headCount, dropout: options.dropout, bias: bias, batchFirst: options.batchFirst)
    multiheadAttn = MultiheadAttention(
      size, options.headCount, dropout: options.dropout, bias: bias, batchFirst: options.batchFirst)
    linear1 = Linear(size, options.feedForward, bias: bias)
    dropout = Dropout(p: options.dropout)
    linear2 = Linear(options.feedForward, size, bias: bias)
    norm1 = LayerNorm(size, eps: options.layerNormEps, bias: bias)
    norm2 = LayerNorm(size, eps: options.layerNormEps, bias: bias)
    norm3 = LayerNorm(size, eps: options.layerNormEps, bias: bias)
    dropout1 = Dropout(p: options.dropout)
    dropout2 = Dropout(p: options.dropout)
    dropout3 = Dropout(p: options.dropout)
    super.init()
  }

  /// A layer with the same options and a copy of the weights.
  public func copy() -> TransformerDecoderLayer {
    let copy = Init.skipped { TransformerDecoderLayer(options) }
    copyWeights(to: copy)
    return copy
  }

  /// - Parameter memory: the encoder's output.
  public func callAsFunction(
    _ tgt: Tensor, _ memory: Tensor, tgtMask: Tensor? = nil, memoryMask: Tensor? = nil,
    tgtKeyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil, tgtIsCausal: Bool = false,
    memoryIsCausal: Bool = false
  ) -> Tensor {
    invoke([tgt, memory]) { inputs in
      let memory = inputs[1]
      func selfAttended(_ x: Tensor) -> Tensor {
        dropout1(
          selfAttn(
            x, x, x, keyPaddingMask: tgtKeyPaddingMask, needWeights: false, attnMask: tgtMask, isCausal: tgtIsCausal
          ).output)
      }
      func attended(_ x: Tensor) -> Tensor {
        dropout2(
          multiheadAttn(
            x, memory, memory, keyPaddingMask: memoryKeyPaddingMask, needWeights: false, attnMask: memoryMask,
            isCausal: memoryIsCausal
          ).output)
      }
      func transformed(_ x: Tensor) -> Tensor { dropout3(linear2(dropout(options.activation(linear1(x))))) }
      var x = inputs[0]
      if options.normFirst {
        x = x + selfAttended(norm1(x))
        x = x + attended(norm2(x))
        return [x + transformed(norm3(x))]
      }
      x = norm1(x + selfAttended(x))
      x = norm2(x + attended(x))
      return [norm3(x + transformed(x))]
    }[0]
  }
}

/// Decoder layers one after another. Same as `nn.TransformerDecoder`.
public final class TransformerDecoder: Module {
  public let layers: ModuleList<TransformerDecoderLayer>
  public let norm: LayerNorm?

  /// Makes `layerCount` copies of `decoderLayer`; as in PyTorch they start with equal weights.
  public init(_ decoderLayer: TransformerDecoderLayer, _ layerCount: Int, norm: LayerNorm? = nil) {
    layers = ModuleList((0..<max(layerCount, 0)).map { _ in decoderLayer.copy() })
    self.norm = norm
    super.init()
  }

  /// - Parameter memory: the encoder's output.
  public func callAsFunction(
    _ tgt: Tensor, _ memory: Tensor, tgtMask: Tensor? = nil, memoryMask: Tensor? = nil,
    tgtKeyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil, tgtIsCausal: Bool = false
  ) -> Tensor {
    invoke([tgt, memory]) { inputs in
      var x = inputs[0]
      for layer in layers {
        x = layer(
          x, inputs[1], tgtMask: tgtMask, memoryMask: memoryMask, tgtKeyPaddingMask: tgtKeyPaddingMask,
          memoryKeyPaddingMask: memoryKeyPaddingMask, tgtIsCausal: tgtIsCausal)
      }
      return [norm.map { $0(x) } ?? x]
    }[0]
  }
}

/// Encoder and decoder. Same as `nn.Transformer`.
public final class Transformer: Module {
  public let encoder: TransformerEncoder
  public let decoder: TransformerDecoder

  public init(
    dModel: Int = 512, headCount: Int = 8, encoderLayers: Int = 6, decoderLayers: Int = 6, dimFeedforward: Int = 2048,
    dropout: Double = 0.1, activation: TransformerEncoderLayer.Activation = .relu, layerNormEps: Double = 1e-5,
    batchFirst: Bool = false, normFirst: Bool = false, bias: Bool = true
  ) {
    let options = TransformerEncoderLayer.Options(
      dModel: dModel, headCount: headCount, feedForward: dimFeedforward, dropout: dropout, activation: activation,
      layerNormEps: layerNormEps, batchFirst: batchFirst, normFirst: normFirst, bias: bias)
    encoder = TransformerEncoder(
      TransformerEncoderLayer(options), encoderLayers, norm: LayerNorm(dModel, eps: layerNormEps, bias: bias))
    decoder = TransformerDecoder(
      TransformerDecoderLayer(options), decoderLayers, norm: LayerNorm(dModel, eps: layerNormEps, bias: bias))
    super.init()
    for parameter in parameters() where parameter.rank > 1 { Init.xavierUniform_(parameter) }
  }

  /// The decoder's output for `tgt`, given the encoder's for `src`.
  public func callAsFunction(
    _ src: Tensor, _ tgt: Tensor, srcMask: Tensor? = nil, tgtMask: Tensor? = nil, memoryMask: Tensor? = nil,
    srcKeyPaddingMask: Tensor? = nil, tgtKeyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil
  ) -> Tensor {
    invoke([src, tgt]) { inputs in
      let memory = encoder(inputs[0], mask: srcMask, srcKeyPaddingMask: srcKeyPaddingMask)
      return [
        decoder(
          inputs[1], memory, tgtMask: tgtMask, memoryMask: memoryMask, tgtKeyPaddingMask: tgtKeyPaddingMask,
          memoryKeyPaddingMask: memoryKeyPaddingMask)
      ]
    }[0]
  }

  /// The mask with which each position sees only itself and earlier ones: -inf above the diagonal, 0 elsewhere.
  public static func generateSquareSubsequentMask(_ size: Int) -> Tensor {
    var values = [Float](repeating: 0, count: size * size)
    for i in 0..<size {
      for j in (i + 1)..<max(size, i + 1) { values[i * size + j] = -.infinity }
    }
    return Tensor(values, shape: [size, size])
  }
}
