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

  /// - Parameters:
  ///   - paddingIdx: a row that is not trained; counted from the end when negative.
  ///   - maxNorm: rows that are looked up are scaled down in place to at most this `normType`-norm.
  ///   - scaleGradByFrequency: a row's gradient is divided by how often it is looked up.
  public init(
    _ count: Int, _ dim: Int, paddingIdx: Int? = nil, maxNorm: Double? = nil, normType: Double = 2,
    scaleGradByFrequency: Bool = false
  ) {
    self.maxNorm = maxNorm
    self.normType = normType
    self.scaleGradByFrequency = scaleGradByFrequency
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
      x, paddingIndex: paddingIndex, maxNorm: maxNorm, normType: normType, scaleGradByFrequency: scaleGradByFrequency)
  }
  public override var extraDescription: String {
    "\(count), \(dim)" + (paddingIndex.map { ", padding_idx=\($0)" } ?? "")
  }
}
