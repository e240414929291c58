import FirefinchCore

extension Tensor {
  /// The gradient of some rows only, COO with one sparse dim, that `backward` accumulated instead of `grad`: from
  /// `embedding(sparse: true)`. It becomes a dense `grad` when a dense gradient comes along. Same as a sparse `Tensor.grad`.
  public var sparseGrad: SparseTensor? {
    get { autograd?.sparseGrad }
    set {
      if let newValue, newValue.shape != shape {
        ErrorScope.report(.shape("sparseGrad: the gradient has shape \(newValue.shape), the tensor \(shape)"))
        return
      }
      if autograd == nil {
        if newValue == nil { return }
        autograd = AutogradMeta(self)
      }
      if newValue != nil { autograd!.grad = nil }
      autograd!.sparseGrad = newValue
    }
  }

  /// Rows of this table by a vector of numbers, as `indexSelect`, but a leaf's gradient is sparse, without the row `padding`.
  func sparselySelected(_ rows: Tensor, without padding: Int? = nil) -> Tensor {
    if isPoisoned || rows.isPoisoned { return ErrorScope.poison() }
    let picked = withNoGrad { detach().indexSelect(dim: 0, rows) }
    if picked.isPoisoned || !GradMode.isEnabled || !requiresGrad { return picked }
    picked.setHistory(SparseRowsNode(self, rows, padding.map { $0 < 0 ? $0 + size(0) : $0 }, picked), 0)
    return picked
  }
}

/// Hands a table the gradient of the rows that were looked up.
private final class SparseRowsNode: Node {
  private var rows: Tensor?
  private let padding: Int?
  private let table: (shape: Shape, dtype: DType)
  private let result: (shape: Shape, dtype: DType)

  init(_ table: Tensor, _ rows: Tensor, _ padding: Int?, _ result: Tensor) {
    self.rows = rows
    self.padding = padding
    self.table = (table.shape, table.dtype)
    self.result = (result.shape, result.dtype)
    super.init(edges: EdgeList(Edge(table)))
  }

  override func resultType(_ index: Int) -> (shape: Shape, dtype: DType) { result }
  override var name: String { "EmbeddingBackward" }
  override var isReleased: Bool { rows == nil }
  override func release() { rows = nil }

  override func apply(_ gradients: [Tensor?]) -> [Tensor?] {
    guard let rows, let gradient = gradients[0] else { return [nil] }
    return [Tensor.zeros(table.shape, dtype: table.dtype).indexAdd(dim: 0, index: rows, gradient)]
  }

  override func accumulateSparse(_ gradients: [Tensor?]) -> Bool {
    // Hooks take dense gradients, and a dense gradient that is there already stays dense.
    guard let rows, let gradient = gradients[0], let leaf = edges[0].node as? AutogradMeta, leaf.preHooks.isEmpty,
      leaf.postAccumulateHooks.isEmpty, leaf.grad == nil
    else { return false }
    var (places, values) = (rows.reshape([1, rows.elementCount]), gradient)
    if let padding {
      let kept = (rows .!= padding).nonzero().reshape([-1])
      (places, values) = (places.indexSelect(dim: 1, kept), values.indexSelect(dim: 0, kept))
    }
    let new = SparseTensor(layout: .coo, shape: table.shape, values: values, plain: places, isCoalesced: false)
    leaf.sparseGrad = leaf.sparseGrad.map { $0.add(new) } ?? new.coalesced()
    return true
  }
}
