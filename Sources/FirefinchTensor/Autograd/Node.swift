import CFirefinch
import FirefinchCore

/// One step of the tape. Subclasses say how gradients of the results become gradients of the inputs.
///
/// Freed iteratively: a chain of a million nodes is released without recursion (see `deinit`).
open class Node: @unchecked Sendable {
  /// Order of creation: backward runs the latest first.
  final let sequence: UInt64
  @exclusivity(unchecked) final var edges: EdgeList
  /// Run on the gradient of one result before the node: tensor hooks and `retainGrad`.
  final var preHooks: [(index: Int, key: Int, hook: (Tensor) -> Tensor?)] {
    get { hooks ?? [] }
    set { hooks = newValue.isEmpty ? nil : newValue }
  }
  @exclusivity(unchecked) private final var hooks: [(index: Int, key: Int, hook: (Tensor) -> Tensor?)]?
  /// Place in the engine's tables during a backward pass.
  @exclusivity(unchecked) final var slot = 0
  @exclusivity(unchecked) final var epoch: UInt64 = 0

  init(edges: consuming EdgeList) {
    self.edges = edges
    sequence = Node.nextSequence()
  }

  @inline(__always) private static func nextSequence() -> UInt64 {
    // Unique per thread is enough for ordering; threads that share a graph order by creation roughly.
    let word = ff_tls_slot(Int32(ThreadSlot.sequence.rawValue))
    let next = UInt(bitPattern: word.pointee) &+ 1
    word.pointee = UnsafeMutableRawPointer(bitPattern: next)
    return UInt64(next)
  }

  /// Sequence of the node made last on this thread.
  static var lastSequence: UInt64 {
    UInt64(UInt(bitPattern: ff_tls_slot(Int32(ThreadSlot.sequence.rawValue)).pointee))
  }

  /// How many results the node's operation had.
  var resultCount: Int { 1 }
  /// Shape and dtype of a result, which its gradient must have.
  func resultType(_ index: Int) -> (shape: Shape, dtype: DType) { fatalError("\(name) has no resultType") }
  /// PyTorch-like name for messages, such as `MulBackward`.
  var name: String { "\(type(of: self))" }
  /// PyTorch's form of an operation's name: `native_batch_norm` becomes `NativeBatchNormBackward0`.
  static func name(of op: String) -> String {
    op.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() + "Backward0"
  }

  /// Gradients of the inputs, in the order of `edges`, for the gradients of the results.
  func apply(_ gradients: [Tensor?]) -> [Tensor?] { fatalError("\(name) has no apply") }

  /// Adds the gradients to leaves as sparse tensors, for nodes that can; then there are none to hand on. Only when the pass
  /// accumulates into leaves and is not recorded.
  func accumulateSparse(_ gradients: [Tensor?]) -> Bool { false }

  /// Drops what was saved, after a backward that does not keep the graph.
  func release() {}
  /// Whether `release` has run.
  var isReleased: Bool { false }

  /// Hands the objects that hold further nodes to the list that is being freed.
  func surrender(_ take: (AnyObject) -> Void) {}

  /// Whether everything the node holds beside its edges belongs to its inputs, whose history the edges name.
  var holdsOnlyInputs: Bool { false }

  deinit {
    if mayRecurse { Reclaimer.reclaim(&edges, surrender) }
  }

  /// Whether letting go of the inputs' nodes may free further nodes. A function of its own: in `deinit` a reference to a
  /// node would live until the end, and free the node there, inside this one.
  @inline(__always) private final var mayRecurse: Bool {
    let isShallow = holdsOnlyInputs
    for i in 0..<edges.count {
      // A leaf's node holds no others: letting it go cannot recurse.
      if let node = edges[i].node, !(isShallow && node.isLeaf) { return true }
    }
    return false
  }

  /// Whether gradients end here.
  final var isLeaf: Bool { edges.count == 0 }
}

/// Frees graphs iteratively: nodes dropped while another is being freed are queued instead of freed inside it.
private enum Reclaimer {
  final class Queue { var objects: [AnyObject] = [] }

  static func reclaim(_ edges: inout EdgeList, _ surrender: ((AnyObject) -> Void) -> Void) {
    let slot = ff_tls_slot(Int32(ThreadSlot.freeList.rawValue))
    let running = ff_tls_slot(Int32(ThreadSlot.freeing.rawValue))
    let queue: Queue
    if let raw = slot.pointee {
      queue = Unmanaged<Queue>.fromOpaque(raw).takeUnretainedValue()
    } else {
      // One for each thread that frees graphs, kept.
      queue = Queue()
      slot.pointee = Unmanaged.passRetained(queue).toOpaque()
    }
    for edge in edges { if let node = edge.node { queue.objects.append(node) } }
    edges.removeAll()
    surrender { queue.objects.append($0) }
    if running.pointee != nil { return }
    running.pointee = slot.pointee
    while !queue.objects.isEmpty {
      // Releasing the last reference may call back into `reclaim`, which then only queues.
      _ = queue.objects.removeLast()
    }
    running.pointee = nil
  }
}

/// Gradient, hooks and view tracking of a tensor; for leaves also the node where gradients end.
final class AutogradMeta: Node {
  var requiresGrad = false
  var grad: Tensor?
  /// Instead of `grad` where only some rows have a gradient.
  var sparseGrad: SparseTensor?
  var view: ViewInfo?
  var retainsGrad = false
  var nextKey = 0
  /// Called after a leaf's gradient was accumulated.
  var postAccumulateHooks: [(key: Int, hook: (Tensor) -> Void)] = []

  private(set) var shape: Shape
  private let dtype: DType

  init(_ tensor: Tensor) {
    shape = tensor.shape
    dtype = tensor.dtype
    super.init(edges: EdgeList())
  }

  /// Follows a tensor that took over another layout.
  func adopt(shape: Shape) { self.shape = shape }
  /// For each change of the layout in place (`t_`): how a tensor of the new layout is seen in the one before.
  var earlierLayouts: [@Sendable (Tensor) -> Tensor] = []

  override var name: String { "AccumulateGrad" }
  override func resultType(_ index: Int) -> (shape: Shape, dtype: DType) { (shape, dtype) }
}

/// A tensor kept for backward, with the version it had.
struct SavedTensor {
  let tensor: Tensor
  let version: Int

  init(_ tensor: Tensor) {
    self.tensor = tensor
    version = tensor.storage.version
  }

  /// The tensor, if nothing wrote to it since.
  func unpack(_ node: Node) -> Tensor {
    if tensor.storage.version != version {
      ErrorScope.report(
        TensorError.autograd(
          "backward: a tensor of shape \(tensor.shape) needed by \(node.name) was changed by an in-place operation "
            + "(it is at version \(tensor.storage.version), expected \(version)); clone it before changing it"))
    }
    return tensor
  }
}

/// Node of structured and view operations.
final class StructuredNode: Node {
  struct Result {
    let shape: Shape
    let dtype: DType
    let device: Device
  }

  let op: Op
  let results: [Result]
  /// Arguments; tensors that are not saved are replaced by `.none`.
  private var arguments: [Value]
  /// Versions of the saved tensor arguments, by position; -1 for the others.
  private var versions: [Int] = []
  private let shapes: [(shape: Shape, dtype: DType)?]
  /// Saved results with their positions.
  private var outputs: [(index: Int, saved: SavedTensor)] = []
  private var released = false

  init(_ call: OpCall, _ inputs: [Tensor], _ results: [Tensor]) {
    op = call.op
    self.results = results.map { Result(shape: $0.shape, dtype: $0.dtype, device: $0.device) }
    shapes = call.arguments.map {
      if case .tensor(let tensor) = $0 { return (tensor.shape, tensor.dtype) }
      return nil
    }
    arguments = call.arguments
    let keep = op.saves.inputs
    versions = [Int](repeating: -1, count: arguments.count)
    for (i, argument) in arguments.enumerated() {
      let kept = keep?.contains(i) ?? true
      switch argument {
      case .tensor(let tensor):
        if kept { versions[i] = tensor.storage.version } else { arguments[i] = .none }
      case .tensors, .optionalTensors:
        if !kept { arguments[i] = .none }
      default: break
      }
    }
    super.init(edges: EdgeList(inputs))
    for i in op.saves.outputs { outputs.append((i, SavedTensor(results[i].alias()))) }
  }

  override var resultCount: Int { results.count }
  override func resultType(_ index: Int) -> (shape: Shape, dtype: DType) { (results[index].shape, results[index].dtype) }
  override var name: String { Node.name(of: op.name) }
  override var isReleased: Bool { released }
  override var holdsOnlyInputs: Bool { true }

  func argumentShape(_ index: Int) -> Shape { shapes[index]!.shape }
  func argumentDType(_ index: Int) -> DType { shapes[index]!.dtype }

  func output(_ index: Int) -> Tensor {
    guard let entry = outputs.first(where: { $0.index == index }) else {
      fatalError("\(op.name): its derivative reads result \(index), not saved")
    }
    let tensor = entry.saved.unpack(self).alias()
    tensor.setHistory(self, index)
    return tensor
  }

  /// After an in-place write to `storage`: saved results are the written values, whose version is one higher.
  func shiftVersion(of storage: Storage) {
    for i in outputs.indices where outputs[i].saved.tensor.storage === storage {
      outputs[i].saved = SavedTensor(outputs[i].saved.tensor, version: storage.version + 1)
    }
  }

  override func apply(_ gradients: [Tensor?]) -> [Tensor?] {
    for (i, version) in versions.enumerated() where version >= 0 {
      if case .tensor(let tensor) = arguments[i], tensor.storage.version != version {
        _ = SavedTensor(tensor, version: version).unpack(self)
      }
    }
    let call = OpCall(op: op, arguments: arguments)
    return op.derivative!(Gradient(call: call, node: self, gradients: gradients))
  }

  override func release() {
    arguments = []
    outputs = []
    versions = []
    released = true
  }

  override func surrender(_ take: (AnyObject) -> Void) {
    for argument in arguments {
      switch argument {
      case .tensor(let tensor): take(tensor)
      case .tensors(let tensors): tensors.forEach(take)
      default: break
      }
    }
    arguments = []
    for entry in outputs { take(entry.saved.tensor) }
    outputs = []
  }
}

extension SavedTensor {
  init(_ tensor: Tensor, version: Int) {
    self.tensor = tensor
    self.version = version
  }
}
