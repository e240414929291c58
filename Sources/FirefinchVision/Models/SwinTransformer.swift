import Firefinch
import Foundation

/// Which of two positions' offsets selects a bias: indices into a table of (2 h - 1)(2 w - 1) rows, shape (h w, h w), int64.
func relativePositionIndex(_ height: Int, _ width: Int) -> Tensor {
  let count = height * width
  var indices = [Int](repeating: 0, count: count * count)
  for i in 0..<count {
    for j in 0..<count {
      let rows = i / width - j / width + height - 1
      let columns = i % width - j % width + width - 1
      indices[i * count + j] = rows * (2 * width - 1) + columns
    }
  }
  return Tensor(indices, shape: [count, count])
}

/// A transformer whose attention stays in windows that shift from block to block (Liu et al. 2021), and its second version (2022).
/// Same as `torchvision.models.SwinTransformer`.
public final class SwinTransformer: Module, Layer {
  public enum Version: Sendable { case v1, v2 }

  /// Halves the resolution: four neighbours become one position of twice the width.
  final class PatchMerging: Module, Layer {
    let reduction: Linear
    let norm: any Layer
    let version: Version

    init(_ width: Int, _ version: Version, norm: NormLayer) {
      reduction = Linear(4 * width, 2 * width, bias: false)
      self.norm = norm(version == .v1 ? 4 * width : 2 * width)
      self.version = version
      super.init()
    }

    /// (N, H, W, C) to (N, H / 2, W / 2, 2 C); odd sizes are padded.
    func forward(_ x: Tensor) -> Tensor {
      let padded = x.pad([0, 0, 0, x.size(2) % 2, 0, x.size(1) % 2])
      func every(_ row: Int, _ column: Int) -> Tensor {
        padded.slice(dim: 1, start: row, step: 2).slice(dim: 2, start: column, step: 2)
      }
      let merged = Tensor.cat([every(0, 0), every(1, 0), every(0, 1), every(1, 1)], dim: -1)
      return version == .v1 ? reduction(norm(merged)) : norm(reduction(merged))
    }
  }

  /// Attention within windows, with a bias by relative position: from a table (v1), or from an MLP of the offset, between
  /// normalised queries and keys (v2). torchvision's `ShiftedWindowAttention` and `ShiftedWindowAttentionV2`.
  final class Attention: Module, Layer {
    @Parameter var relativePositionBiasTable: Tensor?
    @Parameter var logitScale: Tensor?
    @Buffer var relativeCoordsTable: Tensor?
    @Buffer var relativePositionIndex: Tensor
    let qkv: Linear
    let proj: Linear
    let cpbMlp: Sequential?
    let window: [Int], shift: [Int]
    let heads: Int
    let dropout: Double, attentionDropout: Double

    init(
      _ width: Int, heads: Int, window: [Int], shift: [Int], version: Version, dropout: Double, attentionDropout: Double
    ) {
      (self.heads, self.window, self.shift) = (heads, window, shift)
      (self.dropout, self.attentionDropout) = (dropout, attentionDropout)
      qkv = Linear(width, 3 * width)
      proj = Linear(width, width)
      let rows = (2 * window[0] - 1) * (2 * window[1] - 1)
      let isFirst = version == .v1
      relativePositionBiasTable = isFirst ? Init.truncNormal_(Tensor.empty([rows, heads]), std: 0.02) : nil
      relativeCoordsTable = isFirst ? nil : Attention.coordinates(window)
      relativePositionIndex = FirefinchVision.relativePositionIndex(window[0], window[1]).flatten()
      logitScale = isFirst ? nil : Tensor.full([heads, 1, 1], 10.0).log()
      cpbMlp = isFirst ? nil : Sequential(Linear(2, 512), ReLU(), Linear(512, heads, bias: false))
      super.init()
      if !isFirst { withNoGrad { _ = qkv.bias!.slice(dim: 0, start: width, end: 2 * width).fill_(0) } }
    }

    /// Offsets on a logarithmic scale, shape (1, 2 h - 1, 2 w - 1, 2).
    private static func coordinates(_ window: [Int]) -> Tensor {
      var values: [Float] = []
      for row in (1 - window[0])..<window[0] {
        for column in (1 - window[1])..<window[1] {
          for (offset, size) in [(row, window[0]), (column, window[1])] {
            let x = Float(offset) / Float(size - 1) * 8
            let sign: Float = x > 0 ? 1 : x < 0 ? -1 : 0
            values.append(sign * log2(abs(x) + 1) / 3)
          }
        }
      }
      return Tensor(values, shape: [1, 2 * window[0] - 1, 2 * window[1] - 1, 2])
    }

    /// (1, heads, positions, positions).
    private var positionBias: Tensor {
      let count = window[0] * window[1]
      func spread(_ table: Tensor) -> Tensor {
        table.indexSelect(dim: 0, relativePositionIndex).reshape([count, count, heads]).permute(2, 0, 1).unsqueeze(
          dim: 0)
      }
      if let relativePositionBiasTable { return spread(relativePositionBiasTable) }
      let table = cpbMlp!(relativeCoordsTable!).reshape([-1, heads])
      return spread(table).sigmoid() * 16
    }

    /// -100 between positions of a window that a shift brought together from different sides, shape (windows, 1, p, p).
    private func shiftMask(_ height: Int, _ width: Int, _ shift: [Int]) -> Tensor {
      func region(_ at: Int, _ size: Int, _ axis: Int) -> Int {
        shift[axis] == 0 || at < size - window[axis] ? 0 : at < size - shift[axis] ? 1 : 2
      }
      var regions: [Float] = []
      for row in 0..<height {
        for column in 0..<width { regions.append(Float(3 * region(row, height, 0) + region(column, width, 1))) }
      }
      let map = windows(Tensor(regions, shape: [1, height, width, 1])).squeeze(dim: 2)
      let differs = map.unsqueeze(dim: 1) .!= map.unsqueeze(dim: 2)
      return differs.to(.float32).mul_(-100).unsqueeze(dim: 1)
    }

    /// (N, H, W, C) to (N windows, positions, C).
    private func windows(_ x: Tensor) -> Tensor {
      let (rows, columns) = (x.size(1) / window[0], x.size(2) / window[1])
      return x.reshape([x.size(0), rows, window[0], columns, window[1], x.size(3)]).permute(0, 1, 3, 2, 4, 5)
        .reshape([x.size(0) * rows * columns, window[0] * window[1], x.size(3)])
    }

    func forward(_ input: Tensor) -> Tensor {
      let (batch, height, width, channels) = (input.size(0), input.size(1), input.size(2), input.size(3))
      let below = (window[0] - height % window[0]) % window[0], right = (window[1] - width % window[1]) % window[1]
      var x = input.pad([0, 0, 0, right, 0, below])
      let (fullHeight, fullWidth) = (height + below, width + right)
      let shift = [window[0] >= fullHeight ? 0 : self.shift[0], window[1] >= fullWidth ? 0 : self.shift[1]]
      let isShifted = shift[0] + shift[1] > 0
      if isShifted { x = x.roll([-shift[0], -shift[1]], dims: [1, 2]) }
      x = windows(x)
      let (count, positions) = (x.size(0), x.size(1))
      var bias = qkv.bias!
      if logitScale != nil {
        // Keys have no bias.
        let kept = Tensor.ones([3, channels])
        withNoGrad { _ = kept.select(dim: 0, 1).fill_(0) }
        bias = bias * kept.flatten()
      }
      let split = F.linear(x, qkv.weight, bias).reshape([count, positions, 3, heads, channels / heads]).permute(
        2, 0, 3, 1, 4)
      let (q, k, v) = (split.select(dim: 0, 0), split.select(dim: 0, 1), split.select(dim: 0, 2))
      var scores: Tensor
      if let logitScale {
        let cosines = q.normalize(dim: [-1]).matmul(k.normalize(dim: [-1]).transpose(-2, -1))
        scores = cosines * logitScale.clamp(max: log(100.0)).exp()
      } else {
        scores = (q * (1 / Double(channels / heads).squareRoot())).matmul(k.transpose(-2, -1))
      }
      scores = scores + positionBias
      if isShifted {
        let perPicture = count / batch
        let mask = shiftMask(fullHeight, fullWidth, shift)
        scores = (scores.reshape([batch, perPicture, heads, positions, positions]) + mask)
          .reshape([count, heads, positions, positions])
      }
      let weights = scores.softmax(dim: -1).dropout(attentionDropout, training: isTraining)
      x = weights.matmul(v).transpose(1, 2).reshape([count, positions, channels])
      x = proj(x).dropout(dropout, training: isTraining)
      let (rows, columns) = (fullHeight / window[0], fullWidth / window[1])
      x = x.reshape([batch, rows, columns, window[0], window[1], channels]).permute(0, 1, 3, 2, 4, 5)
        .reshape([batch, fullHeight, fullWidth, channels])
      if isShifted { x = x.roll(shift, dims: [1, 2]) }
      return x.slice(dim: 1, end: height).slice(dim: 2, end: width)
    }
  }

  /// Attention and MLP; v2 normalises behind them instead of before.
  final class Block: Module, Layer {
    let norm1: any Layer
    let attn: Attention
    let stochasticDepth: StochasticDepth
    let norm2: any Layer
    let mlp: TransformerMLP
    let version: Version

    override class var stateKeys: [String: String] { ["norm1": "norm1", "norm2": "norm2"] }

    init(
      _ width: Int, heads: Int, window: [Int], shift: [Int], version: Version, mlpRatio: Double, dropout: Double,
      attentionDropout: Double, dropProbability: Double, norm: NormLayer
    ) {
      norm1 = norm(width)
      attn = Attention(
        width, heads: heads, window: window, shift: shift, version: version, dropout: dropout,
        attentionDropout: attentionDropout)
      stochasticDepth = StochasticDepth(p: dropProbability)
      norm2 = norm(width)
      mlp = TransformerMLP(width, hidden: Int(Double(width) * mlpRatio), dropout: dropout)
      self.version = version
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor {
      if version == .v1 {
        let y = x + stochasticDepth(attn(norm1(x)))
        return y + stochasticDepth(mlp(norm2(y)))
      }
      let y = x + stochasticDepth(norm1(attn(x)))
      return y + stochasticDepth(norm2(mlp(y)))
    }
  }

  let features: Sequential
  let norm: any Layer
  let head: Linear

  /// - Parameters:
  ///   - version: torchvision's `block` and `downsample_layer`.
  ///   - depths: blocks of every stage, whose width doubles each time from `width`.
  ///   - window: height and width of the windows within which positions attend to one another.
  ///   - mlpRatio: width of the blocks' MLPs in the block's.
  ///   - stochasticDepth: probability with which the last block's branches are left out in training.
  public init(
    _ version: Version, patchSize: [Int] = [4, 4], width: Int, depths: [Int], heads: [Int], window: [Int],
    mlpRatio: Double = 4,
    dropout: Double = 0, attentionDropout: Double = 0, stochasticDepth: Double = 0.1, numClasses: Int = 1000,
    norm makeNorm: NormLayer = { LayerNorm($0) }
  ) {
    requireModelArgument(
      depths.count == heads.count && !depths.isEmpty && patchSize.count == 2 && window.count == 2,
      "SwinTransformer: expected as many heads as depths, and patches and windows of two sizes")
    var layers: [any Layer] = [
      Sequential(Conv2d(3, width, kernelSize: patchSize, stride: patchSize), Permute(0, 2, 3, 1), makeNorm(width))
    ]
    let last = Double(max(depths.reduce(0, +) - 1, 1))
    var index = 0
    for (stage, depth) in depths.enumerated() {
      let wide = width << stage
      let blocks = (0..<depth).map { layer -> any Layer in
        defer { index += 1 }
        return Block(
          wide, heads: heads[stage], window: window, shift: layer % 2 == 0 ? [0, 0] : window.map { $0 / 2 },
          version: version, mlpRatio: mlpRatio, dropout: dropout, attentionDropout: attentionDropout,
          dropProbability: stochasticDepth * Double(index) / last, norm: makeNorm)
      }
      layers.append(Sequential(blocks))
      if stage < depths.count - 1 { layers.append(PatchMerging(wide, version, norm: makeNorm)) }
    }
    features = Sequential(layers)
    let final = width << (depths.count - 1)
    norm = makeNorm(final)
    head = Linear(final, numClasses)
    super.init()
    initialise(convolutions: nil, linear: Draw.truncated(0.02))
  }

  /// (N, 3, H, W) to logits (N, numClasses).
  public func forward(_ x: Tensor) -> Tensor { head(norm(features(x)).mean(dim: [1, 2])) }
}

extension VisionModels {
  static let swinTransformers: [VisionModel] = {
    let sizes: [(String, Int, Int, [Int], Double)] = [
      ("t", 96, 6, [3, 6, 12, 24], 0.2), ("s", 96, 18, [3, 6, 12, 24], 0.3), ("b", 128, 18, [4, 8, 16, 32], 0.5),
    ]
    return sizes.flatMap { name, width, deep, heads, drop in
      [SwinTransformer.Version.v1, .v2].map { version in
        VisionModel("swin_\(version == .v1 ? "" : "v2_")\(name)") {
          SwinTransformer(
            version, width: width, depths: [2, 2, deep, 2], heads: heads, window: version == .v1 ? [7, 7] : [8, 8],
            stochasticDepth: drop, numClasses: $0.numClasses)
        }
      }
    }
  }()
}
