import FirefinchCore

/// How a view came from its base, so that an in-place write through either is seen by backward of both.
final class ViewInfo {
  let base: Tensor
  /// Makes the same view of another tensor with the shape that the base had.
  private let own: @Sendable (Tensor) -> Tensor
  /// How many changes of the base's layout (`t_`) came before the view.
  private let baseLayouts: Int
  /// Makes the same view of another tensor with the shape that the base has.
  var replay: @Sendable (Tensor) -> Tensor {
    let later = base.autograd?.earlierLayouts.dropFirst(baseLayouts) ?? []
    if later.isEmpty { return own }
    return { [own] in own(later.reversed().reduce($0) { $1($0) }) }
  }
  /// Storage version at which the view's `node` was right.
  var version: Int
  /// One of several results (`split`, `unbind`), which may not be written in place.
  let isOneOfMany: Bool

  init(base: Tensor, replay: @escaping @Sendable (Tensor) -> Tensor, isOneOfMany: Bool) {
    self.base = base
    own = replay
    baseLayouts = base.autograd?.earlierLayouts.count ?? 0
    self.isOneOfMany = isOneOfMany
    version = base.storage.version
  }
}

extension Op {
  /// Notes how fresh views of `source` were made.
  func track(views: [Tensor], of source: Tensor, _ call: OpCall) {
    let tracked = GradMode.isEnabled && !source.flags.contains(.untracked)
    for (i, view) in views.enumerated() {
      view.flags.insert(.view)
      guard tracked else {
        view.flags.insert(.untracked)
        continue
      }
      let parent = source.autograd?.view
      let op = self
      let rest = Array(call.arguments.dropFirst())
      let own: @Sendable (Tensor) -> Tensor = { op.results([.tensor($0)] + rest)[i] }
      let meta = view.autograd ?? AutogradMeta(view)
      if let parent {
        let before = parent.replay
        meta.view = ViewInfo(
          base: parent.base, replay: { own(before($0)) }, isOneOfMany: views.count > 1 || parent.isOneOfMany)
      } else {
        meta.view = ViewInfo(base: source, replay: own, isOneOfMany: views.count > 1)
      }
      view.autograd = meta
    }
  }
}

/// Rules and bookkeeping of in-place operations.
enum InPlace {
  /// Throws when `target` may not be written with a result of `spec`.
  static func check(_ target: Tensor, spec: TensorSpec, op: String) throws {
    if target.shape != spec.layout.shape {
      throw TensorError.shape("\(op): the result has shape \(spec.layout.shape), but the tensor written is \(target.shape)")
    }
    if spec.dtype.category > target.dtype.category {
      throw TensorError.dtype("\(op): a \(spec.dtype.name) result cannot be stored in a \(target.dtype.name) tensor")
    }
    if target.layout.overlaps {
      throw TensorError.value(
        "\(op): several elements of the tensor written share memory (it is expanded); clone it before changing it")
    }
    try checkHistory(target, op: op)
  }

  /// Throws when autograd forbids writing to `target`.
  static func checkHistory(_ target: Tensor, op: String) throws {
    guard GradMode.isEnabled else { return }
    let base = target.autograd?.view?.base ?? target
    if base.isLeaf && base.requiresGrad {
      let what = base === target ? "a leaf" : "a view of a leaf"
      throw TensorError.autograd(
        "\(op): \(what) that requires grad is being changed in place; use withNoGrad { } or work on a clone")
    }
    if let view = target.autograd?.view, view.isOneOfMany, target.requiresGrad {
      throw TensorError.autograd(
        "\(op): the tensor is one of several views made together (split, unbind), which backward could not follow; "
          + "use narrow or select for the part to be changed")
    }
  }

  /// After the write: bumps the version and puts `node` into the history of the tensor and of its base.
  static func commit(_ target: Tensor, _ node: Node?) {
    target.storage.version += 1
    guard let node else { return }
    guard let view = target.autograd?.view else {
      target.setHistory(node, 0)
      if target.flags.contains(.untracked) && target.flags.contains(.view) {
        ErrorScope.report(
          TensorError.autograd(
            "in-place: this view was made under withNoGrad, so backward could not follow the change to its base"))
      }
      return
    }
    let base = view.base
    base.setHistory(CopySlices(base: base, view: view, target: target, function: node), 0)
    // Later reads of `target` rebuild its node from the base.
    target.node = nil
    target.flags.insert(.requiresGrad)
  }
}

/// History of a base after one of its views was written: inside the view the function's gradient, outside the old one.
final class CopySlices: Node {
  private let replay: @Sendable (Tensor) -> Tensor
  private var function: Node?
  private let type: (shape: Shape, dtype: DType)

  init(base: Tensor, view: ViewInfo, target: Tensor, function: Node) {
    replay = view.replay
    self.function = function
    type = (base.shape, base.dtype)
    // The function's first edge is the view's own past, which the base's past replaces.
    let rest = function.edges.dropFirst()
    super.init(edges: EdgeList([Edge(base)] + rest))
  }

  override var name: String { "CopySlices" }
  override func resultType(_ index: Int) -> (shape: Shape, dtype: DType) { type }
  override var isReleased: Bool { function == nil }
  override func release() { function = nil }
  override func surrender(_ take: (AnyObject) -> Void) {
    if let function { take(function) }
    function = nil
  }

  override func apply(_ gradients: [Tensor?]) -> [Tensor?] {
    guard let function, let grad = gradients[0] else { return [Tensor?](repeating: nil, count: edges.count) }
    let inside = replay(grad)
    let results = function.apply([inside])
    // Outside the written region the gradient passes unchanged; inside it is the function's.
    let whole = grad.clone()
    let region = replay(whole)
    if let own = results.first ?? nil {
      region.copy_(Engine.fit(own, shape: region.shape, dtype: region.dtype))
    } else {
      region.zero_()
    }
    return [whole] + results.dropFirst()
  }
}

extension Tensor {
  /// Makes `node` the tensor's history.
  func setHistory(_ node: Node, _ index: Int) {
    self.node = node
    outputIndex = index
    flags.insert(.requiresGrad)
    if let meta = autograd, meta.retainsGrad { attachRetainHook() }
  }

  /// The function that made this tensor, rebuilt for a view whose base was written since.
  var gradFn: Node? {
    if let view = autograd?.view, view.base.requiresGrad, node == nil || view.version != storage.version {
      if view.base.node == nil && node != nil { return node }
      let fresh = withGrad { view.replay(view.base) }
      node = fresh.node
      outputIndex = fresh.outputIndex
      view.version = storage.version
      flags.insert(.requiresGrad)
    }
    return node
  }

  /// Where a gradient of this tensor goes.
  var gradientEdge: (Node?, Int) {
    if !requiresGrad { return (nil, 0) }
    if flags.contains(.view) {
      if let node = gradFn { return (node, outputIndex) }
    } else if let node {
      return (node, outputIndex)
    }
    return (autograd, 0)
  }
}
