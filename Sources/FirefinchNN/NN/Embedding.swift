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

  /// - Parameter paddingIdx: a row that is not trained; counted from the end when negative.
  public init(_ count: Int, _ dim: Int, paddingIdx: Int? = nil) {
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

  public func forward(_ x: Tensor) -> Tensor { weight.embedding(x, paddingIndex: paddingIndex) }
  public override var extraDescription: String {
    "\(count), \(dim)" + (paddingIndex.map { ", padding_idx=\($0)" } ?? "")
  }
}
