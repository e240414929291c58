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

  private func attend(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, _ padding: Tensor?, _ needWeights: Bool, _ attnMask: Tensor?,
    _ average: Bool, _ isCausal: Bool
  ) throws -> [Tensor] {
    if [query, key, value].contains(where: \.isPoisoned) { return needWeights ? [query, query] : [query] }
    let inputs: MultiHeadAttention.InputWeights =
      inProjWeight.map { .packed($0) } ?? .separate(qProjWeight!, kProjWeight!, vProjWeight!)
    let heads = MultiHeadAttention(
      embedDim: embedDim, headCount: headCount, inputs: inputs, inputBias: inProjBias, keyBias: biasK, valueBias: biasV,
      addsZero: addsZero, dropout: dropout, training: isTraining, batchFirst: batchFirst)
    return try heads.attend(
      query, key, value, keyPaddingMask: padding, attnMask: attnMask, needsWeights: needWeights, averages: average,
      isCausal: isCausal, project: { outProj($0) })
  }
}
