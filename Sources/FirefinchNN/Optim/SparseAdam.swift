import FirefinchCore
import FirefinchTensor

/// Adam for sparse gradients: moments and parameters change only in the rows that have a gradient. Same as
/// `torch.optim.SparseAdam`.
public final class SparseAdam: Optimizer {
  /// - Parameter betas: decay rates of the running averages of the gradient and of its square.
  public convenience init(
    _ parameters: [Tensor], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    maximize: Bool = false
  ) {
    self.init(groups: [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, maximize: maximize)
  }

  /// The same with several groups of parameters.
  public init(
    groups: [ParameterGroup], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    maximize: Bool = false
  ) {
    OptionCheck("SparseAdam").positive("lr", lr).betas(betas).positive("eps", eps)
    for parameter in groups.flatMap(\.parameters) where parameter.dtype.isComplex {
      Mistake.report(.dtype("SparseAdam: complex parameters are not supported, got one of shape \(parameter.shape)"))
    }
    super.init(
      groups,
      defaults: [("lr", .double(lr)), ("betas", .betas(betas)), ("eps", .double(eps)), ("maximize", .bool(maximize))],
      state: ["step", "exp_avg", "exp_avg_sq"])
  }

  public override func update(_ group: ParameterGroup, _ ready: [(parameter: Tensor, grad: Tensor)]) {
    Mistake.report(
      .value(
        "SparseAdam: the parameter of shape \(ready[0].parameter.shape) has a dense gradient; use Adam, or make it sparse with "
          + "Embedding(sparse: true)"))
  }

  public override func updateSparse(_ group: ParameterGroup, _ parameter: Tensor, _ grad: SparseTensor) {
    let (beta1, beta2) = group.pair("betas")
    let state = ensureState(of: parameter)
    state.step += 1
    let average = state.tensor("exp_avg", like: parameter), squares = state.tensor("exp_avg_sq", like: parameter)
    let rows = SparseRows(grad)
    if rows.values.elementCount == 0 { return }
    let g = group.flag("maximize") ? -rows.values : rows.values
    let oldAverage = rows.of(average), oldSquares = rows.of(squares)
    let averageStep = (g - oldAverage) * (1 - beta1)
    let squaresStep = (g * g - oldSquares) * (1 - beta2)
    rows.add(averageStep, to: average)
    rows.add(squaresStep, to: squares)
    let stepSize = group.lr * (1 - power(beta2, state.step)).squareRoot() / (1 - power(beta1, state.step))
    let denominator = (squaresStep + oldSquares).sqrt() + group.number("eps")
    rows.add((averageStep + oldAverage) / denominator * -stepSize, to: parameter)
  }
}

/// The elements of a parameter that a sparse gradient has, each once.
struct SparseRows {
  /// The gradient's values, (count, dense…).
  let values: Tensor
  private let places: [Tensor]

  init(_ grad: SparseTensor) {
    let source = grad.toCOO().coalesced()
    values = source.values.detach()
    places = (0..<source.sparseDim).map { source.indices.select(dim: 0, $0) }
  }

  /// What `tensor` has there.
  func of(_ tensor: Tensor) -> Tensor { places.isEmpty ? tensor.detach().reshape(values.shape) : tensor.detach().index(places) }

  /// Adds to what `tensor` has there.
  func add(_ step: Tensor, to tensor: Tensor) {
    if places.isEmpty {
      _ = tensor.add_(step.reshape(tensor.shape).to(tensor.dtype))
    } else {
      tensor.indexPut_(places, step.to(tensor.dtype), accumulate: true)
    }
  }
}
