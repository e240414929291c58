import FirefinchCore

/// The computation of multi-head attention: what `nn.MultiheadAttention` and `F.multi_head_attention_forward` share.
public struct MultiHeadAttention {
  /// The matrices that inputs are multiplied with.
  public enum InputWeights {
    /// One of (3 · embedDim, embedDim) for queries, keys and values.
    case packed(Tensor)
    case separate(Tensor, Tensor, Tensor)
  }

  let embedDim: Int
  let headCount: Int
  let inputs: InputWeights
  let inputBias: Tensor?
  let keyBias: Tensor?
  let valueBias: Tensor?
  let addsZero: Bool
  let dropout: Double
  let training: Bool
  let batchFirst: Bool

  /// - Parameters:
  ///   - inputBias: (3 · embedDim).
  ///   - keyBias: (1, 1, embedDim), a key added to each sequence; likewise `valueBias`.
  ///   - addsZero: whether a key and a value of zeros are added.
  ///   - dropout: the share of attention weights to drop in training.
  public init(
    embedDim: Int, headCount: Int, inputs: InputWeights, inputBias: Tensor? = nil, keyBias: Tensor? = nil,
    valueBias: Tensor? = nil, addsZero: Bool = false, dropout: Double = 0, training: Bool = true,
    batchFirst: Bool = false
  ) {
    self.embedDim = embedDim
    self.headCount = headCount
    self.inputs = inputs
    self.inputBias = inputBias
    self.keyBias = keyBias
    self.valueBias = valueBias
    self.addsZero = addsZero
    self.dropout = dropout
    self.training = training
    self.batchFirst = batchFirst
  }

  /// -inf where a bool mask is true; other masks are added as they are.
  public static func additive(_ mask: Tensor?, _ dtype: DType) -> Tensor? {
    guard let mask else { return nil }
    if mask.dtype != .bool { return mask }
    return Tensor.where(mask, -Double.infinity, Tensor.zeros(mask.shape, dtype: dtype, device: mask.device))
  }

  /// Attends; `project` is the layer behind the heads, (…, embedDim) to its result. Gives the output, and the weights if
  /// wanted.
  public func attend(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, keyPaddingMask padding: Tensor? = nil, attnMask: Tensor? = nil,
    needsWeights needWeights: Bool = true, averages average: Bool = true, isCausal: Bool = false,
    project outProj: (Tensor) -> Tensor
  ) throws -> [Tensor] {
    let headDim = headCount > 0 ? embedDim / headCount : 0
    if headCount < 1 || headDim * headCount != embedDim {
      throw TensorError.value("MultiheadAttention: \(embedDim) is not divisible by \(headCount) heads")
    }
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

    var paddingMask = MultiHeadAttention.additive(padding, query.dtype)
    if !isBatched { paddingMask = paddingMask?.unsqueeze(dim: 0) }
    var causal = isCausal
    var mask: Tensor?
    if isCausal && paddingMask == nil && !needWeights {
      // The kernel makes the causal mask itself.
      mask = nil
    } else {
      mask = MultiHeadAttention.additive(attnMask, query.dtype)
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
    if let biasK = keyBias, let biasV = valueBias {
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
    let probability = training ? dropout : 0

    mask = mask.map { fourDims($0, batch) }

    if !needWeights {
      let attended = q.scaledDotProductAttention(k, v, mask: mask, dropoutP: probability, isCausal: causal)
      // Dropouts behind attention draw in the order of memory, in which PyTorch has positions first.
      if batchFirst && isBatched && !training {
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
    let biases = inputBias.map { bias in (0..<3).map { bias.narrow(dim: 0, start: $0 * embedDim, length: embedDim) } }
    switch inputs {
    case .packed(let inProjWeight):
      if q === k && k === v {
        let all = q.linear(inProjWeight, inputBias)
        func part(_ i: Int) -> Tensor { all.narrow(dim: -1, start: i * embedDim, length: embedDim) }
        return (part(0), part(1), part(2))
      }
      func part(_ x: Tensor, _ i: Int) -> Tensor {
        x.linear(inProjWeight.narrow(dim: 0, start: i * embedDim, length: embedDim), biases?[i])
      }
      return (part(q, 0), part(k, 1), part(v, 2))
    case .separate(let wq, let wk, let wv):
      return (q.linear(wq, biases?[0]), k.linear(wk, biases?[1]), v.linear(wv, biases?[2]))
    }
  }
}
