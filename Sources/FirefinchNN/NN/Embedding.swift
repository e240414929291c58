import FirefinchCore
import FirefinchTensor

/// A table of vectors looked up by index. Same as `nn.Embedding`.
public final class Embedding: Module, Layer {
  public let count: Int
  public let dim: Int
  /// The row that stays zero and gets no gradient; nil for none.
  public let paddingIndex: Int?
  /// `[count, dim]`.
  @Parameter public var weight: Tensor

  private let maxNorm: Double?, normType: Double
  private let scaleGradByFrequency: Bool
  private let sparse: Bool

  /// - Parameters:
  ///   - paddingIdx: a row that is not trained; counted from the end when negative.
  ///   - maxNorm: rows that are looked up are scaled down in place to at most this `normType`-norm.
  ///   - scaleGradByFrequency: a row's gradient is divided by how often it is looked up.
  ///   - sparse: the table gets `sparseGrad` of the rows that are looked up instead of `grad`, for `SparseAdam` and `SGD`.
  public init(
    _ count: Int, _ dim: Int, paddingIdx: Int? = nil, maxNorm: Double? = nil, normType: Double = 2,
    scaleGradByFrequency: Bool = false, sparse: Bool = false
  ) {
    self.maxNorm = maxNorm
    self.normType = normType
    self.scaleGradByFrequency = scaleGradByFrequency
    self.sparse = sparse
    var padding: Int?
    if let paddingIdx {
      padding = paddingIdx < 0 ? paddingIdx + count : paddingIdx
      if !(0..<count).contains(padding!) {
        Mistake.report(.value("Embedding: paddingIdx \(paddingIdx) is out of range for \(count) rows"))
        padding = nil
      }
    }
    self.count = count
    self.dim = dim
    paddingIndex = padding
    weight = Tensor.empty([count, dim])
    super.init()
    Init.normal_(weight)
    if let padding { withNoGrad { _ = weight.select(dim: 0, padding).zero_() } }
  }

  public func forward(_ x: Tensor) -> Tensor { 
    weight.embedding(
      x, paddingIndex: paddingIndex, maxNorm: maxNorm, normType: normType, scaleGradByFrequency: scaleGradByFrequency,
      sparse: sparse)
  }
  public override var extraDescription: String {
    "\(count), \(dim)" + (paddingIndex.map { ", padding_idx=\($0)" } ?? "")
  }
}

/// Rows of a table joined by bags. Same as `nn.EmbeddingBag`.
public final class EmbeddingBag: Module {
  public let count: Int
  public let dim: Int
  public let mode: BagMode
  /// The row that is left out of every bag and stays zero; nil for none.
  public let paddingIndex: Int?
  /// `[count, dim]`.
  @Parameter public var weight: Tensor

  private let maxNorm: Double?, normType: Double
  private let includesLastOffset: Bool, sparse: Bool

  /// - Parameters:
  ///   - maxNorm: rows that are looked up are scaled down in place to at most this `normType`-norm.
  ///   - sparse: the table gets `sparseGrad` of the rows that are looked up instead of `grad`; not for `.max`.
  ///   - includesLastOffset: the offsets end with the number of indices.
  public init(
    _ count: Int, _ dim: Int, mode: BagMode = .mean, maxNorm: Double? = nil, normType: Double = 2, sparse: Bool = false,
    includesLastOffset: Bool = false, paddingIdx: Int? = nil
  ) {
    (self.count, self.dim, self.mode) = (count, dim, mode)
    (self.maxNorm, self.normType) = (maxNorm, normType)
    (self.includesLastOffset, self.sparse) = (includesLastOffset, sparse)
    var padding = paddingIdx.map { $0 < 0 ? $0 + count : $0 }
    if let row = padding, !(0..<count).contains(row) {
      Mistake.report(.value("EmbeddingBag: paddingIdx \(paddingIdx!) is out of range for \(count) rows"))
      padding = nil
    }
    paddingIndex = padding
    weight = Tensor.empty([count, dim])
    super.init()
    Init.normal_(weight)
    if let padding { withNoGrad { _ = weight.select(dim: 0, padding).zero_() } }
  }

  /// Bags of indices (bags, size), or a vector of indices cut at `offsets`; `weights` of the single rows are for `.sum`.
  public func callAsFunction(_ indices: Tensor, offsets: Tensor? = nil, weights: Tensor? = nil) -> Tensor {
    weight.embeddingBag(
      indices, offsets: offsets, mode: mode, weights: weights, includesLastOffset: includesLastOffset,
      paddingIndex: paddingIndex, maxNorm: maxNorm, normType: normType, sparse: sparse)
  }
  public override var extraDescription: String {
    "\(count), \(dim), mode='\(mode.rawValue)'" + (paddingIndex.map { ", padding_idx=\($0)" } ?? "")
  }
}
