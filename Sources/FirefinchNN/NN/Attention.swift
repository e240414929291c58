import FirefinchCore
import FirefinchTensor

/// Attention with several heads. Same as `nn.MultiheadAttention`.
public final class MultiheadAttention: Module {
  public let embedDim: Int
  public let headCount: Int
  public let headDim: Int
  public let dropout: Double
  public let batchFirst: Bool
  private let addsZero: Bool
  /// `[3 * embedDim, embedDim]`, when keys and values have the queries' size.
  @Parameter public var inProjWeight: Tensor?
  @Parameter public var qProjWeight: Tensor?
  @Parameter public var kProjWeight: Tensor?
  @Parameter public var vProjWeight: Tensor?
  @Parameter public var inProjBias: Tensor?
  @Parameter public var biasK: Tensor?
  @Parameter public var biasV: Tensor?
  public let outProj: Linear

  /// - Parameters:
  ///   - kdim: size of the keys when it differs from `embedDim`; likewise `vdim` for values.
  ///   - batchFirst: inputs are `[N, L, E]` rather than `[L, N, E]`.
  public init(
    _ embedDim: Int, _ headCount: Int, dropout: Double = 0, bias: Bool = true, addBiasKV: Bool = false,
    addZeroAttn: Bool = false, kdim: Int? = nil, vdim: Int? = nil, batchFirst: Bool = false
  ) {
    if headCount < 1 || embedDim < 1 || embedDim % max(headCount, 1) != 0 {
      Mistake.report(.value("MultiheadAttention: \(embedDim) is not divisible by \(headCount) heads"))
    }
    self.embedDim = embedDim
    self.headCount = max(headCount, 1)
    headDim = embedDim / max(headCount, 1)
    self.dropout = dropout
    self.batchFirst = batchFirst
    addsZero = addZeroAttn
    let (keySize, valueSize) = (kdim ?? embedDim, vdim ?? embedDim)
    let packed = keySize == embedDim && valueSize == embedDim
    inProjWeight = packed ? Tensor.empty([3 * embedDim, embedDim]) : nil
    qProjWeight = packed ? nil : Tensor.empty([embedDim, embedDim])
    kProjWeight = packed ? nil : Tensor.empty([embedDim, keySize])
    vProjWeight = packed ? nil : Tensor.empty([embedDim, valueSize])
    inProjBias = bias ? Tensor.empty([3 * embedDim]) : nil
    biasK = addBiasKV ? Tensor.empty([1, 1, embedDim]) : nil
    biasV = addBiasKV ? Tensor.empty([1, 1, embedDim]) : nil
    outProj = Linear(embedDim, embedDim, bias: bias)
    super.init()
    // In PyTorch's order of draws, after those of outProj.
    for weight in [inProjWeight, qProjWeight, kProjWeight, vProjWeight] {
      if let weight { Init.xavierUniform_(weight) }
    }
    if let inProjBias {
      Init.zeros_(inProjBias)
      if let bias = outProj.bias { Init.zeros_(bias) }
    }
    if let biasK { Init.xavierNormal_(biasK) }
    if let biasV { Init.xavierNormal_(biasV) }
  }

  /// Attends from `query` to `key` and `value`, `[L, N, E]` (or `[N, L, E]` with `batchFirst`, or `[L, E]`).
  ///
  /// - Parameters:
  ///   - keyPaddingMask: `[N, S]`, true (or -inf) for keys to leave out.
  ///   - attnMask: `[L, S]` or `[N * heads, L, S]`, true (or -inf) for pairs to leave out.
  ///   - needWeights: also give the attention weights; without them a faster way is taken.
  ///   - isCausal: tells that `attnMask` is the causal mask, which then must be given.
  /// - Returns: the output, and the weights `[N, L, S]` (or `[N, heads, L, S]`) if wanted.
  public func callAsFunction(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, keyPaddingMask: Tensor? = nil, needWeights: Bool = true,
    attnMask: Tensor? = nil, averageAttnWeights: Bool = true, isCausal: Bool = false
  ) -> (output: Tensor, weights: Tensor?) {
    let results = invoke([query, key, value]) { inputs in
      do {
        return try attend(
          inputs[0], inputs[1], inputs[2], keyPaddingMask, needWeights, attnMask, averageAttnWeights, isCausal)
      } catch {
        let poison = Mistake.guarding { throw error }
        return needWeights ? [poison, poison] : [poison]
      }
    }
    return (results[0], results.count > 1 ? results[1] : nil)
  }

  /// -inf where a bool mask is true; other masks are added as they are.
  static func additive(_ mask: Tensor?, _ dtype: DType) -> Tensor? {
    guard let mask else { return nil }
    if mask.dtype != .bool { return mask }
    return Tensor.where(mask, -Double.infinity, Tensor.zeros(mask.shape, dtype: dtype, device: mask.device))
  }

  private func attend(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, _ padding: Tensor?, _ needWeights: Bool, _ attnMask: Tensor?,
    _ average: Bool, _ isCausal: Bool
  ) throws -> [Tensor] {
    if [query, key, value].contains(where: \.isPoisoned) { return needWeights ? [query, query] : [query] }
    guard query.rank == 2 || query.rank == 3, key.rank == query.rank, value.rank == query.rank else {
      throw TensorError.shape(
        "MultiheadAttention: expected query, key and value of 2 or 3 dims each, got \(query.shape), \(key.shape) and "
          + "\(value.shape)")
    }
    if query.size(-1) != embedDim {
      throw TensorError.shape("MultiheadAttention: expected queries of size \(embedDim), got shape \(query.shape)")
    }
    if isCausal && attnMask == nil {
      throw TensorError.value("MultiheadAttention: isCausal needs the causal mask as attnMask")
    }
    let isBatched = query.rank == 3
    func sequenceFirst(_ x: Tensor) -> Tensor {
      if !isBatched { return x.unsqueeze(dim: 1) }
      return batchFirst ? x.transpose(0, 1) : x
    }
    // Projected in the order of the inputs' memory, then seen as (positions, batch, size).
    let projected = project(query, key, value)
    var (q, k, v) = (sequenceFirst(projected.0), sequenceFirst(projected.1), sequenceFirst(projected.2))
    let (length, batch) = (q.size(0), q.size(1))

    var paddingMask = MultiheadAttention.additive(padding, query.dtype)
    if !isBatched { paddingMask = paddingMask?.unsqueeze(dim: 0) }
    var causal = isCausal
    var mask: Tensor?
    if isCausal && paddingMask == nil && !needWeights {
      // The kernel makes the causal mask itself.
      mask = nil
    } else {
      mask = MultiheadAttention.additive(attnMask, query.dtype)
      causal = false
    }
    if let given = mask {
      let source = k.size(0)
      if given.rank == 2 && given.shape == [length, source] {
        mask = given.unsqueeze(dim: 0)
      } else if !(given.rank == 3 && given.shape == [batch * headCount, length, source]) {
        throw TensorError.shape(
          "MultiheadAttention: attnMask has shape \(given.shape), expected \([length, source]) or "
            + "\([batch * headCount, length, source])")
      }
    }
    if let biasK, let biasV {
      k = Tensor.cat([k, biasK.expand(1, batch, embedDim)], dim: 0)
      v = Tensor.cat([v, biasV.expand(1, batch, embedDim)], dim: 0)
      mask = mask.map(widened)
      paddingMask = paddingMask.map(widened)
    }
    // (batch, heads, positions, head size), without copies.
    func heads(_ x: Tensor) -> Tensor { x.reshape(x.size(0), batch, headCount, headDim).permute(1, 2, 0, 3) }
    (q, k, v) = (heads(q), heads(k), heads(v))
    if addsZero {
      let zeros = Tensor.zeros([batch, headCount, 1, headDim], dtype: k.dtype, device: k.device)
      k = Tensor.cat([k, zeros], dim: 2)
      v = Tensor.cat([v, zeros], dim: 2)
      mask = mask.map(widened)
      paddingMask = paddingMask.map(widened)
    }
    let source = k.size(2)
    if let given = paddingMask {
      if given.shape != [batch, source] {
        throw TensorError.shape(
          "MultiheadAttention: keyPaddingMask has shape \(given.shape), expected \([batch, source])")
      }
      // Shared by heads and queries, unless there is a mask for each of them.
      let each = given.reshape(batch, 1, 1, source)
      mask = mask.map { fourDims($0, batch) + each } ?? each
    }
    let probability = isTraining ? dropout : 0

    mask = mask.map { fourDims($0, batch) }

    if !needWeights {
      let attended = q.scaledDotProductAttention(k, v, mask: mask, dropoutP: probability, isCausal: causal)
      if batchFirst && isBatched {
        // The kernel's result lies as (batch, positions, heads, head size): joining the heads is a view.
        return [outProj(attended.transpose(1, 2).reshape(batch, length, embedDim))]
      }
      let joined = attended.permute(2, 0, 1, 3).reshape(batch * length, embedDim)
      return [finished(outProj(joined).reshape(length, batch, embedDim), isBatched)]
    }

    let scaled = q * (1 / Double(headDim)).squareRoot()
    let scores = scaled.matmul(k.transpose(-2, -1))
    var weights = (mask.map { scores + $0 } ?? scores).softmax(dim: -1)
    if probability > 0 { weights = weights.dropout(probability) }
    let joined = weights.matmul(v).permute(2, 0, 1, 3).reshape(length * batch, embedDim)
    let output = outProj(joined).reshape(length, batch, embedDim)
    if average { weights = weights.mean(dim: 1) }
    return [finished(output, isBatched), isBatched ? weights : weights.squeeze(dim: 0)]
  }

  /// A mask (1, L, S) or (batch * heads, L, S) as (1, 1, L, S) or (batch, heads, L, S).
  private func fourDims(_ mask: Tensor, _ batch: Int) -> Tensor {
    if mask.rank == 4 { return mask }
    return mask.size(0) == 1
      ? mask.unsqueeze(dim: 0) : mask.reshape(batch, headCount, mask.size(1), mask.size(2))
  }

  private func finished(_ output: Tensor, _ isBatched: Bool) -> Tensor {
    if !isBatched { return output.squeeze(dim: 1) }
    return batchFirst ? output.transpose(0, 1) : output
  }

  /// A mask with a column of zeros added, for a key that is always seen.
  private func widened(_ mask: Tensor) -> Tensor {
    let column = Tensor.zeros(Shape(mask.shape.array.dropLast() + [1]), dtype: mask.dtype, device: mask.device)
    return Tensor.cat([mask, column], dim: -1)
  }

  private func project(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> (Tensor, Tensor, Tensor) {
    let biases = inProjBias.map { bias in (0..<3).map { bias.narrow(dim: 0, start: $0 * embedDim, length: embedDim) } }
    if let inProjWeight {
      if q === k && k === v {
        let all = q.linear(inProjWeight, inProjBias)
        func part(_ i: Int) -> Tensor { all.narrow(dim: -1, start: i * embedDim, length: embedDim) }
        return (part(0), part(1), part(2))
      }
      func part(_ x: Tensor, _ i: Int) -> Tensor {
        x.linear(inProjWeight.narrow(dim: 0, start: i * embedDim, length: embedDim), biases?[i])
      }
      return (part(q, 0), part(k, 1), part(v, 2))
    }
    return (
      q.linear(qProjWeight!, biases?[0]), k.linear(kProjWeight!, biases?[1]),
      v.linear(vProjWeight!, biases?[2])
    )
  }
}
