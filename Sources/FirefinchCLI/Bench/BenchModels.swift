import Firefinch

/// A decoder block: attention and a feed-forward part, normalised first, each with a residual (GPT-2).
final class GPTBlock: Module {
  private let heads: Int
  let ln1: LayerNorm
  let ln2: LayerNorm
  let qkv: Linear
  let proj: Linear
  let fc1: Linear
  let fc2: Linear

  init(_ width: Int, _ heads: Int) {
    self.heads = heads
    ln1 = LayerNorm(width)
    ln2 = LayerNorm(width)
    qkv = Linear(width, 3 * width)
    proj = Linear(width, width)
    fc1 = Linear(width, 4 * width)
    fc2 = Linear(4 * width, width)
  }

  /// `x` (N, T, width); `cache` holds the keys and values of the positions before, and is extended.
  func callAsFunction(_ x: Tensor, _ cache: KeyValueCache? = nil) -> Tensor {
    let (n, t, d) = (x.size(0), x.size(1), x.size(2))
    let parts = qkv(ln1(x)).view(n, t, 3, heads, d / heads).permute(2, 0, 3, 1, 4)
    var (k, v) = (parts.select(dim: 0, 1), parts.select(dim: 0, 2))
    if let cache { (k, v) = cache.append(k, v) }
    let attended = F.scaledDotProductAttention(parts.select(dim: 0, 0), k, v, isCausal: t > 1)
    let y = x + proj(attended.transpose(1, 2).reshape(n, t, d))
    return y + fc2(fc1(ln2(y)).gelu())
  }
}

/// Keys and values of one layer, (N, heads, T, head size) each.
final class KeyValueCache {
  private var keys: Tensor?
  private var values: Tensor?

  /// Adds positions at the end and gives all.
  func append(_ k: Tensor, _ v: Tensor) -> (Tensor, Tensor) {
    let all = (keys.map { Tensor.cat([$0, k], dim: 2) } ?? k, values.map { Tensor.cat([$0, v], dim: 2) } ?? v)
    (keys, values) = all
    return all
  }
}

/// A small GPT: token and position tables, decoder blocks, a head without bias.
final class GPT: Module {
  let tok: Embedding
  let pos: Embedding
  let blocks: ModuleList<GPTBlock>
  let ln: LayerNorm
  let head: Linear

  init(vocabulary: Int = 8192, width: Int = 384, layers: Int = 6, heads: Int = 6, context: Int = 256) {
    tok = Embedding(vocabulary, width)
    pos = Embedding(context, width)
    blocks = ModuleList((0..<layers).map { _ in GPTBlock(width, heads) })
    ln = LayerNorm(width)
    head = Linear(width, vocabulary, bias: false)
  }

  /// Logits (N, T, vocabulary) of token indices (N, T) that begin at position `start`.
  func callAsFunction(_ tokens: Tensor, start: Int = 0, caches: [KeyValueCache]? = nil) -> Tensor {
    var x = tok(tokens) + pos(Tensor.arange(start, start + tokens.size(1)))
    for (i, block) in blocks.enumerated() { x = block(x, caches?[i]) }
    return head(ln(x))
  }
}

/// The architectures whose speed is compared with PyTorch's.
enum BenchModels {
  static func mlp() -> Sequential {
    Sequential(Linear(4, 64), Tanh(), Linear(64, 64), Tanh(), Linear(64, 2))
  }

  /// Twelve layers of BERT's size.
  static func bert() -> TransformerEncoder {
    TransformerEncoder(
      TransformerEncoderLayer(768, 12, dimFeedforward: 3072, dropout: 0, activation: .gelu, batchFirst: true), 12)
  }
}

/// Two LSTM layers and a classifier on the last output.
final class LSTMClassifier: Module {
  let l = LSTM(256, 256, layers: 2, batchFirst: true)
  let o = Linear(256, 10)

  /// Logits (N, 10) of sequences (N, T, 256).
  func callAsFunction(_ x: Tensor) -> Tensor { o(l(x).output.select(dim: 1, -1)) }
}
