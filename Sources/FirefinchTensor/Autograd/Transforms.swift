import FirefinchCore

/// Forward-mode derivatives of recorded `outputs`: for each the directional derivative along `tangents` of `inputs`; zeros
/// for an output that does not depend on them.
///
/// The backward pass is linear in the gradients it is given, so differentiating it with respect to them along the tangents
/// gives the Jacobian times the tangents: every operation with a differentiable backward has a forward-mode derivative. It
/// costs about two backward passes.
public func jvp(of outputs: [Tensor], wrt inputs: [Tensor], tangents: [Tensor]) -> [Tensor] {
  let seeds = outputs.map { $0.zerosLike().requiresGrad_() }
  let zeros = { outputs.map { $0.detach().zerosLike() } }
  let recorded = outputs.indices.filter { outputs[$0].requiresGrad }
  if recorded.isEmpty { return zeros() }
  let pulled = grad(
    of: recorded.map { outputs[$0] }, wrt: inputs, gradients: recorded.map { seeds[$0] }, retainGraph: true,
    createGraph: true, allowUnused: true)
  let pairs = zip(pulled, tangents).compactMap { pull, tangent in pull.flatMap { $0.requiresGrad ? ($0, tangent) : nil } }
  if pairs.isEmpty { return zeros() }
  let pushed = grad(
    of: pairs.map(\.0), wrt: seeds, gradients: pairs.map(\.1), retainGraph: true,
    createGraph: GradMode.isEnabled && tangents.contains(where: \.requiresGrad), allowUnused: true)
  return zip(pushed, zeros()).map { $0 ?? $1 }
}

/// Functions of functions, as `torch.func` has them. Tensors that `f` uses beside its arguments are constants to it unless
/// they require gradients themselves.
public enum Functional {
  /// Fresh leaves with the values of `tensors`, history kept when an outer transform differentiates them.
  private static func leaves(_ tensors: [Tensor]) -> [Tensor] {
    tensors.map { $0.requiresGrad ? $0.reshape($0.shape) : $0.detach().requiresGrad_() }
  }

  /// The gradient of a function of tensors with a 0-dim result. Same as `torch.func.grad`.
  public static func grad(_ f: @escaping ([Tensor]) -> Tensor) -> ([Tensor]) -> [Tensor] {
    { arguments in gradAndValue(f)(arguments).gradients }
  }

  /// As `grad`, with the function's value. Same as `torch.func.grad_and_value`.
  public static func gradAndValue(
    _ f: @escaping ([Tensor]) -> Tensor
  ) -> ([Tensor]) -> (gradients: [Tensor], value: Tensor) {
    { arguments in
      let outer = arguments.contains(where: \.requiresGrad)
      let inputs = leaves(arguments)
      let value = withGrad { f(inputs) }
      if value.rank != 0 && !value.isPoisoned {
        let poison = Mistake.report(.shape("grad: the function must give a 0-dim tensor, got shape \(value.shape)"))
        return (inputs.map { _ in poison }, poison)
      }
      if !value.requiresGrad { return (inputs.map { $0.detach().zerosLike() }, value) }
      let gradients = FirefinchTensor.grad(of: [value], wrt: inputs, createGraph: outer, allowUnused: true)
      return (zip(gradients, inputs).map { $0 ?? $1.detach().zerosLike() }, outer ? value : value.detach())
    }
  }

  /// The gradient of a function of one tensor with a 0-dim result. Same as `torch.func.grad`.
  public static func grad(_ f: @escaping (Tensor) -> Tensor) -> (Tensor) -> Tensor {
    { x in grad { f($0[0]) }([x])[0] }
  }

  /// The values of `f` and the function from gradients of the values to gradients of the arguments. Same as
  /// `torch.func.vjp`.
  public static func vjp(
    _ f: ([Tensor]) -> [Tensor], _ arguments: [Tensor]
  ) -> (values: [Tensor], pullback: ([Tensor]) -> [Tensor]) {
    let inputs = leaves(arguments)
    let outer = arguments.contains(where: \.requiresGrad)
    let values = withGrad { f(inputs) }
    let pullback: ([Tensor]) -> [Tensor] = { cotangents in
      let known = values.indices.filter { values[$0].requiresGrad }
      if known.isEmpty { return inputs.map { $0.detach().zerosLike() } }
      let gradients = FirefinchTensor.grad(
        of: known.map { values[$0] }, wrt: inputs, gradients: known.map { cotangents[$0] }, retainGraph: true,
        createGraph: outer || cotangents.contains(where: \.requiresGrad), allowUnused: true)
      return zip(gradients, inputs).map { $0 ?? $1.detach().zerosLike() }
    }
    return (values.map { outer ? $0 : $0.detach() }, pullback)
  }

  /// The values of `f` and their derivatives along `tangents`. Same as `torch.func.jvp`.
  public static func jvp(
    _ f: ([Tensor]) -> [Tensor], _ arguments: [Tensor], tangents: [Tensor]
  ) -> (values: [Tensor], tangents: [Tensor]) {
    let inputs = leaves(arguments)
    let values = withGrad { f(inputs) }
    let pushed = FirefinchTensor.jvp(of: values, wrt: inputs, tangents: tangents)
    let outer = (arguments + tangents).contains(where: \.requiresGrad)
    return (values.map { outer ? $0 : $0.detach() }, pushed)
  }

  /// The Jacobian of `f` at `x`: the shape of the result followed by that of `x`; one backward pass for each element of the
  /// result. Same as `torch.func.jacrev`.
  public static func jacobian(_ f: (Tensor) -> Tensor, _ x: Tensor) -> Tensor {
    let (values, pullback) = vjp({ [f($0[0])] }, [x])
    let value = values[0]
    if value.isPoisoned { return value }
    let count = value.elementCount
    if count == 0 { return Tensor.zeros(Shape(value.shape.array + x.shape.array), dtype: x.dtype) }
    let basis = Tensor.eye(count, dtype: value.dtype)
    let rows = (0..<count).map { pullback([basis.select(dim: 0, $0).reshape(value.shape)])[0] }
    return Tensor.stack(rows, dim: 0).reshape(Shape(value.shape.array + x.shape.array))
  }

  /// The matrix of second derivatives of a function with a 0-dim result: the shape of `x` twice. Same as
  /// `torch.func.hessian`.
  public static func hessian(_ f: @escaping (Tensor) -> Tensor, _ x: Tensor) -> Tensor {
    jacobian(grad(f), x)
  }

  /// `f` applied to every slice of the arguments along a dim, the results stacked. Same as `torch.func.vmap`.
  ///
  /// - Parameters:
  ///   - inDims: the dim of each argument that is sliced; nil for an argument that every call gets whole.
  ///   - outDim: the dim of the results along which the slices are stacked.
  ///
  /// The slices are computed one after another; gradients flow through. Give a function that takes the whole batch where
  /// speed matters.
  public static func vmap(
    _ f: @escaping ([Tensor]) -> [Tensor], inDims: [Int?]? = nil, outDim: Int = 0
  ) -> ([Tensor]) -> [Tensor] {
    { arguments in
      let dims = inDims ?? arguments.map { _ in 0 }
      if dims.count != arguments.count {
        return [Mistake.report(.value("vmap: \(dims.count) inDims given for \(arguments.count) arguments"))]
      }
      var size: Int?
      for (argument, dim) in zip(arguments, dims) {
        guard let dim else { continue }
        guard dim >= -argument.rank, dim < argument.rank else {
          return [Mistake.report(.shape("vmap: an argument of shape \(argument.shape) has no dim \(dim) to be mapped over"))]
        }
        let own = argument.size(dim)
        if let known = size, known != own {
          return [Mistake.report(.shape("vmap: the mapped dims have different sizes, \(known) and \(own)"))]
        }
        size = own
      }
      guard let size, size > 0 else {
        return [Mistake.report(.value("vmap: at least one argument must be mapped over a dim that is not empty"))]
      }
      let slices = (0..<size).map { i in
        f(zip(arguments, dims).map { argument, dim in dim.map { argument.select(dim: $0, i) } ?? argument })
      }
      return slices[0].indices.map { k in Tensor.stack(slices.map { $0[k] }, dim: outDim) }
    }
  }
}
