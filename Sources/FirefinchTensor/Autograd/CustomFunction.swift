import FirefinchCore

/// A function with its own derivative. Same as `torch.autograd.Function`.
///
/// `forward` runs without being recorded and may keep tensors in the context; `backward` gives one optional gradient per
/// input from the results' gradients, and is itself recorded under `createGraph`.
public struct CustomFunction: Sendable {
  /// What forward leaves for backward.
  public final class Context: @unchecked Sendable {
    fileprivate var saved: [SavedTensor] = []
    fileprivate weak var node: Node?
    /// Anything that is not a tensor.
    public var values: [any Sendable] = []
    /// Whether each input wants a gradient.
    public fileprivate(set) var needsGradient: [Bool] = []

    /// Keeps tensors for backward; they may be inputs or intermediate results.
    public func save(_ tensors: Tensor...) { saved += tensors.map { SavedTensor($0) } }
    /// The kept tensors; a mistake if one was changed in place since.
    public var savedTensors: [Tensor] { node.map { node in saved.map { $0.unpack(node) } } ?? saved.map(\.tensor) }
  }

  let name: String
  let forward: @Sendable (Context, [Tensor]) -> [Tensor]
  let backward: @Sendable (Context, [Tensor]) -> [Tensor?]

  /// A named function.
  public init(
    _ name: String, forward: @escaping @Sendable (Context, [Tensor]) -> [Tensor],
    backward: @escaping @Sendable (Context, [Tensor]) -> [Tensor?]
  ) {
    self.name = name
    self.forward = forward
    self.backward = backward
  }

  /// Applies the function. Same as `Function.apply`.
  public func callAsFunction(_ inputs: Tensor...) -> [Tensor] { apply(inputs) }

  /// Applies the function to any number of inputs.
  public func apply(_ inputs: [Tensor]) -> [Tensor] {
    let context = Context()
    context.needsGradient = inputs.map(\.requiresGrad)
    let results = withNoGrad { forward(context, inputs) }
    if inputs.contains(where: \.isPoisoned) { return results.map { _ in ErrorScope.poison() } }
    guard GradMode.isEnabled, inputs.contains(where: \.requiresGrad) else { return results }
    // A result that is an input would take over the input's history.
    let fresh = results.map { result in inputs.contains { $0 === result } ? result.alias() : result }
    let node = CustomNode(self, context, inputs, fresh)
    context.node = node
    for (i, result) in fresh.enumerated() where result.dtype.isDifferentiable { result.setHistory(node, i) }
    return fresh
  }
}

private final class CustomNode: Node {
  private let function: CustomFunction
  private var context: CustomFunction.Context?
  private let results: [(shape: Shape, dtype: DType)]

  init(_ function: CustomFunction, _ context: CustomFunction.Context, _ inputs: [Tensor], _ results: [Tensor]) {
    self.function = function
    self.context = context
    self.results = results.map { ($0.shape, $0.dtype) }
    super.init(edges: EdgeList(inputs))
  }

  override var resultCount: Int { results.count }
  override func resultType(_ index: Int) -> (shape: Shape, dtype: DType) { results[index] }
  override var name: String { function.name + "Backward" }
  override var isReleased: Bool { context == nil }
  override func release() { context = nil }

  override func apply(_ gradients: [Tensor?]) -> [Tensor?] {
    let full = zip(gradients, results).map { $0 ?? Tensor.zeros($1.shape, dtype: $1.dtype) }
    let values = function.backward(context!, full)
    if values.count != edges.count {
      ErrorScope.report(
        TensorError.autograd("\(name): backward gave \(values.count) gradients for \(edges.count) inputs; give one each or nil"))
    }
    return values
  }

  override func surrender(_ take: (AnyObject) -> Void) {
    for saved in context?.saved ?? [] { take(saved.tensor) }
    context?.saved = []
  }
}
