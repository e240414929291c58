import FirefinchCore

/// Differentiation, as on `torch.Tensor`.
extension Tensor {
  /// Whether operations on the tensor are recorded. Setting it is allowed on leaves of a floating dtype.
  public var requiresGrad: Bool {
    get { flags.contains(.requiresGrad) || viewRequiresGrad }
    set {
      if newValue == requiresGrad { return }
      if newValue && !dtype.isDifferentiable {
        ErrorScope.report(.autograd("requiresGrad: only floating-point tensors can require gradients, got \(dtype.name)"))
        return
      }
      if !newValue && node != nil {
        ErrorScope.report(.autograd("requiresGrad: can only be cleared on leaves; use detach() for a result"))
        return
      }
      if newValue {
        if autograd == nil { autograd = AutogradMeta(self) }
        flags.insert(.requiresGrad)
      } else {
        flags.remove(.requiresGrad)
      }
      autograd?.requiresGrad = newValue
    }
  }

  /// A view made before its base began to require gradients.
  private var viewRequiresGrad: Bool {
    guard flags.contains(.view), let view = autograd?.view else { return false }
    return view.base.flags.contains(.requiresGrad) && view.base.node != nil
  }

  /// Sets `requiresGrad` and returns the tensor. Same as `Tensor.requires_grad_()`.
  @discardableResult
  public func requiresGrad_(_ value: Bool = true) -> Tensor {
    requiresGrad = value
    return self
  }

  /// Whether the tensor was made by the user rather than by a recorded operation. Same as `Tensor.is_leaf`.
  public var isLeaf: Bool { !requiresGrad || (gradFn == nil) }

  /// Name of the function that made the tensor, such as `MulBackward`, or nil for a leaf. Same as `grad_fn.name()`.
  public var gradFnName: String? { requiresGrad ? gradFn?.name : nil }

  /// The gradient accumulated by `backward`; a sparse one is in `sparseGrad` instead. Same as `Tensor.grad`.
  public var grad: Tensor? {
    get { autograd?.grad }
    set {
      if let newValue, newValue.shape != shape {
        ErrorScope.report(.shape("grad: the gradient has shape \(newValue.shape), the tensor \(shape)"))
        return
      }
      if autograd == nil {
        if newValue == nil { return }
        autograd = AutogradMeta(self)
      }
      autograd!.grad = newValue
      autograd!.sparseGrad = nil
    }
  }

  /// Computes gradients of this tensor with respect to the leaves and adds them to their `grad`.
  ///
  /// - Parameters:
  ///   - gradient: gradient of the final result with respect to this tensor; may be left out for one element.
  ///   - retainGraph: keep what backward needs, so that it can run again. Defaults to `createGraph`.
  ///   - createGraph: record the backward pass itself, for higher derivatives.
  /// Same as `Tensor.backward`.
  public func backward(_ gradient: Tensor? = nil, retainGraph: Bool? = nil, createGraph: Bool = false) {
    if isPoisoned { return }
    do {
      let seed = try seedGradient(gradient, op: "backward")
      _ = try Engine.run(
        roots: [self], gradients: [seed], wanted: nil, retainGraph: retainGraph ?? createGraph,
        createGraph: createGraph)
    } catch { ErrorScope.report(error) }
  }

  fileprivate func seedGradient(_ gradient: Tensor?, op: String) throws -> Tensor {
    if !requiresGrad {
      throw TensorError.autograd(
        "\(op): the tensor does not require grad and was not made from one that does; set requiresGrad on an input")
    }
    guard let gradient else {
      if elementCount != 1 {
        throw TensorError.autograd(
          "\(op): a gradient can be left out only for one element, this tensor has shape \(shape); "
            + "reduce it with sum() or mean(), or pass a gradient")
      }
      return Tensor.ones(shape, dtype: dtype, device: device)
    }
    if gradient.shape != shape {
      throw TensorError.shape("\(op): the gradient has shape \(gradient.shape), the tensor \(shape)")
    }
    return gradient
  }

  /// The same data without history; shares storage. Same as `Tensor.detach()`.
  public func detach() -> Tensor {
    let result = alias()
    if flags.contains(.elsewhere) { result.flags.insert(.elsewhere) }
    return result
  }

  /// Forgets the history in place. Same as `Tensor.detach_()`.
  @discardableResult
  public func detach_() -> Tensor {
    if autograd?.view != nil {
      ErrorScope.report(.autograd("detach_: a view cannot be detached in place; use detach()"))
      return self
    }
    node = nil
    outputIndex = 0
    flags.remove(.requiresGrad)
    autograd?.requiresGrad = false
    return self
  }

  /// Calls `hook` with the gradient during backward; a returned tensor replaces it. Same as `Tensor.register_hook`.
  @discardableResult
  public func registerHook(_ hook: @escaping (Tensor) -> Tensor?) -> HookHandle {
    if !requiresGrad {
      ErrorScope.report(.autograd("registerHook: the tensor does not require grad"))
      return HookHandle {}
    }
    let (node, index) = gradientEdge
    let target = node!
    let key = (target.preHooks.last?.key ?? 0) + 1
    target.preHooks.append((index, key, hook))
    return HookHandle { target.preHooks.removeAll { $0.key == key } }
  }

  /// Calls `hook` after a gradient was added to this leaf. Same as `register_post_accumulate_grad_hook`.
  @discardableResult
  public func registerPostAccumulateGradHook(_ hook: @escaping (Tensor) -> Void) -> HookHandle {
    guard isLeaf, requiresGrad, let meta = autograd else {
      ErrorScope.report(.autograd("registerPostAccumulateGradHook: only leaves that require grad accumulate"))
      return HookHandle {}
    }
    meta.nextKey += 1
    let key = meta.nextKey
    meta.postAccumulateHooks.append((key, hook))
    return HookHandle { meta.postAccumulateHooks.removeAll { $0.key == key } }
  }

  /// Keeps this result's gradient in `grad`, as for leaves. Same as `Tensor.retain_grad()`.
  public func retainGrad() {
    if !requiresGrad {
      ErrorScope.report(.autograd("retainGrad: the tensor does not require grad"))
      return
    }
    if isLeaf { return }
    if autograd == nil { autograd = AutogradMeta(self) }
    if autograd!.retainsGrad { return }
    autograd!.retainsGrad = true
    attachRetainHook()
  }

  func attachRetainHook() {
    guard let meta = autograd, let node = gradFn else { return }
    let key = (node.preHooks.last?.key ?? 0) + 1
    node.preHooks.append(
      (
        outputIndex, key,
        { gradient in
          meta.grad = meta.grad.map { present in withNoGrad { present + gradient } } ?? gradient
          return nil
        }
      ))
  }

  /// Bumped by every in-place write to the storage. Same as `Tensor._version`.
  public var version: Int { storage.version }
}

/// Removes a hook when asked. Same as PyTorch's `RemovableHandle`.
public struct HookHandle {
  private let action: () -> Void
  init(_ action: @escaping () -> Void) { self.action = action }
  /// Takes the hook away.
  public func remove() { action() }
}

/// Gradients of `outputs` with respect to `inputs`, without touching any `grad`; nil for inputs that are not used when
/// `allowUnused`. Same as `torch.autograd.grad`.
public func grad(
  of outputs: [Tensor], wrt inputs: [Tensor], gradients: [Tensor?]? = nil, retainGraph: Bool? = nil,
  createGraph: Bool = false, allowUnused: Bool = false
) -> [Tensor?] {
  if (outputs + inputs).contains(where: \.isPoisoned) { return inputs.map { _ in nil } }
  do {
    var seeds: [Tensor] = []
    for (i, output) in outputs.enumerated() { seeds.append(try output.seedGradient(gradients?[i], op: "grad")) }
    let results = try Engine.run(
      roots: outputs, gradients: seeds, wanted: inputs, retainGraph: retainGraph ?? createGraph,
      createGraph: createGraph)
    if !allowUnused, let missing = results.firstIndex(where: { $0 == nil }) {
      throw TensorError.autograd(
        "grad: input \(missing) was not used to compute the outputs; pass allowUnused: true to get nil for it")
    }
    return results
  } catch {
    ErrorScope.report(error)
    return inputs.map { _ in nil }
  }
}

/// Runs backward from several tensors at once. Same as `torch.autograd.backward`.
public func backward(_ outputs: [Tensor], gradients: [Tensor?]? = nil, retainGraph: Bool? = nil, createGraph: Bool = false) {
  do {
    var seeds: [Tensor] = []
    for (i, output) in outputs.enumerated() { seeds.append(try output.seedGradient(gradients?[i], op: "backward")) }
    _ = try Engine.run(
      roots: outputs, gradients: seeds, wanted: nil, retainGraph: retainGraph ?? createGraph, createGraph: createGraph)
  } catch { ErrorScope.report(error) }
}
