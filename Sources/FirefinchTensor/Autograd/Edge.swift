/// Where a gradient goes: a node and which of its results the gradient belongs to; no node when none is wanted.
struct Edge {
  let node: Node?
  let index: Int32

  /// Whether a gradient is wanted at all.
  @inline(__always) var isWanted: Bool { node != nil }

  @inline(__always) init(_ node: Node?, _ index: Int32) {
    self.node = node
    self.index = index
  }

  /// The edge to a tensor's history.
  @inline(__always) init(_ tensor: Tensor) {
    if tensor.flags.rawValue & (Tensor.Flags.requiresGrad.rawValue | Tensor.Flags.view.rawValue) == 0 {
      self.init(nil, 0)
      return
    }
    let (node, index) = tensor.gradientEdge
    self.init(node, Int32(truncatingIfNeeded: index))
  }
}

/// The edges of a node. The first two lie inline, so that most operations need no array.
struct EdgeList: RandomAccessCollection {
  private(set) var count: Int
  private var first: Node?
  private var second: Node?
  private var firstIndex: Int32 = 0
  private var secondIndex: Int32 = 0
  // No list rather than an empty one: nothing to retain.
  private var rest: [Edge]?

  @inline(__always) init() {
    count = 0
  }

  @inline(__always) init(_ edge: Edge) {
    count = 1
    first = edge.node
    firstIndex = edge.index
  }

  @inline(__always) init(_ a: Edge, _ b: Edge) {
    count = 2
    first = a.node
    firstIndex = a.index
    second = b.node
    secondIndex = b.index
  }

  /// Edges to the histories of tensors.
  init(_ tensors: [Tensor]) { self.init(tensors.map { Edge($0) }) }

  init(_ edges: [Edge]) {
    self.init()
    count = edges.count
    if count > 0 { (first, firstIndex) = (edges[0].node, edges[0].index) }
    if count > 1 { (second, secondIndex) = (edges[1].node, edges[1].index) }
    if count > 2 { rest = Array(edges[2...]) }
  }

  @inline(__always) var startIndex: Int { 0 }
  @inline(__always) var endIndex: Int { count }

  @inline(__always) subscript(index: Int) -> Edge {
    if index == 0 { return Edge(first, firstIndex) }
    if index == 1 { return Edge(second, secondIndex) }
    return rest![index - 2]
  }

  mutating func removeAll() {
    count = 0
    first = nil
    second = nil
    rest = nil
  }
}
