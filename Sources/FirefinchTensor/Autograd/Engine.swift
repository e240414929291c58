import FirefinchCore
import Synchronization

/// The backward pass: iterative, latest operation first, deterministic.
enum Engine {
  private static let epochs = Atomic<UInt64>(0)
  /// One pass at a time uses the nodes' own fields; nested and concurrent passes use a dictionary instead.
  private static let busy = Atomic<Bool>(false)

  /// Runs backward from `roots` with the given gradients. When `wanted` is given, gradients of those tensors are returned
  /// and nothing is accumulated into leaves; otherwise leaves' `grad` is added to.
  static func run(
    roots: [Tensor], gradients: [Tensor], wanted: [Tensor]?, retainGraph: Bool, createGraph: Bool
  ) throws -> [Tensor?] {
    let exclusive = busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    defer { if exclusive { busy.store(false, ordering: .releasing) } }
    var pass = Pass(
      epoch: epochs.wrappingAdd(1, ordering: .relaxed).newValue, usesFields: exclusive, retainGraph: retainGraph,
      createGraph: createGraph)
    return try ThreadFlags.with(.noGrad, !createGraph) {
      try Profiler.span("backward", .backward) { try pass.run(roots, gradients, wanted) }
    }
  }

  /// A gradient brought to the shape and dtype of the tensor it belongs to: broadcast dims are summed out.
  static func fit(_ gradient: Tensor, shape: Shape, dtype: DType) -> Tensor {
    var result = gradient
    if result.layout.shape != shape { result = result.sumTo(shape) }
    if result.dtype != dtype { result = result.to(dtype) }
    return result
  }

  private struct Pass {
    let epoch: UInt64
    let usesFields: Bool
    let retainGraph: Bool
    let createGraph: Bool
    var dictionary: [ObjectIdentifier: Int] = [:]
    var nodes: [Node] = []
    var dependencies: [Int] = []
    var buffers: [Buffer] = []
    var ready = ReadyHeap()

    /// Gradients gathered for one node's results.
    struct Buffer {
      var first: Tensor?
      var rest: [Tensor?] = []
      /// Whether `first` was made by accumulation here, so that it may be added to in place.
      var ownsFirst = false
    }

    init(epoch: UInt64, usesFields: Bool, retainGraph: Bool, createGraph: Bool) {
      self.epoch = epoch
      self.usesFields = usesFields
      self.retainGraph = retainGraph
      self.createGraph = createGraph
    }

    func find(_ node: Node) -> Int? {
      if usesFields { return node.epoch == epoch ? node.slot : nil }
      return dictionary[ObjectIdentifier(node)]
    }

    mutating func insert(_ node: Node) -> Int {
      let slot = nodes.count
      if usesFields {
        node.epoch = epoch
        node.slot = slot
      } else {
        dictionary[ObjectIdentifier(node)] = slot
      }
      nodes.append(node)
      dependencies.append(0)
      buffers.append(Buffer())
      return slot
    }

    mutating func run(_ roots: [Tensor], _ gradients: [Tensor], _ wanted: [Tensor]?) throws -> [Tensor?] {
      var seeds: [(Int, Int, Tensor)] = []
      for (root, gradient) in zip(roots, gradients) {
        let (node, index) = root.gradientEdge
        guard let node else { continue }
        let known = find(node)
        let slot = known ?? insert(node)
        seeds.append((slot, index, gradient))
      }
      discover()
      var captures: [Int: [(index: Int, position: Int)]] = [:]
      var captured = [Tensor?](repeating: nil, count: wanted?.count ?? 0)
      for (position, tensor) in (wanted ?? []).enumerated() {
        let (node, index) = tensor.gradientEdge
        if let node, let slot = find(node) { captures[slot, default: []].append((index, position)) }
      }
      for (slot, index, gradient) in seeds { add(gradient, to: slot, index) }
      for slot in Set(seeds.map(\.0)) where dependencies[slot] == 0 { ready.push(nodes[slot].sequence, slot) }
      while let slot = ready.pop() {
        try step(slot, captures[slot] ?? [], &captured, accumulates: wanted == nil)
      }
      return captured
    }

    /// Counts, for every node below the roots, how many gradients it will receive.
    private mutating func discover() {
      var stack = Array(0..<nodes.count)
      while let slot = stack.popLast() {
        for edge in nodes[slot].edges {
          guard let target = edge.node else { continue }
          var index = find(target)
          if index == nil {
            index = insert(target)
            stack.append(index!)
          }
          dependencies[index!] += 1
        }
      }
    }

    private mutating func add(_ gradient: Tensor, to slot: Int, _ index: Int) {
      if index == 0 {
        guard let present = buffers[slot].first else {
          buffers[slot].first = gradient
          return
        }
        if buffers[slot].ownsFirst && !createGraph {
          present.add_(gradient)
        } else {
          buffers[slot].first = present + gradient
          buffers[slot].ownsFirst = true
        }
        return
      }
      while buffers[slot].rest.count < index { buffers[slot].rest.append(nil) }
      if let present = buffers[slot].rest[index - 1] {
        buffers[slot].rest[index - 1] = present + gradient
      } else {
        buffers[slot].rest[index - 1] = gradient
      }
    }

    private mutating func step(
      _ slot: Int, _ captures: [(index: Int, position: Int)], _ captured: inout [Tensor?], accumulates: Bool
    ) throws {
      let node = nodes[slot]
      var buffer = buffers[slot]
      buffers[slot] = Buffer()
      if !node.preHooks.isEmpty { runHooks(node, &buffer) }
      for capture in captures {
        captured[capture.position] = capture.index == 0 ? buffer.first : buffer.rest[safe: capture.index - 1] ?? nil
      }
      if let leaf = node as? AutogradMeta {
        if accumulates { Engine.accumulate(leaf, &buffer.first, owned: buffer.ownsFirst, createGraph: createGraph) }
        return
      }
      let hasGradient = buffer.first != nil || buffer.rest.contains { $0 != nil }
      var results: [Tensor?] = []
      if hasGradient {
        if node.isReleased {
          throw TensorError.autograd(
            "backward: the graph was already freed by an earlier backward (at \(node.name)); "
              + "pass retainGraph: true to the first one")
        }
        var gradients = [buffer.first]
        gradients += buffer.rest
        while gradients.count < node.resultCount { gradients.append(nil) }
        buffer = Buffer()
        results = Profiler.span(node.name, .backward, gradients.compactMap { $0 }, node: node.sequence) {
          accumulates && !createGraph && node.accumulateSparse(gradients) ? [] : node.apply(gradients)
        }
        if AnomalyMode.isEnabled { AnomalyMode.check(results, node) }
      }
      let edges = node.edges
      for (i, edge) in edges.enumerated() {
        guard let target = edge.node, let targetSlot = find(target) else { continue }
        if i < results.count, let gradient = results[i], !gradient.isPoisoned {
          let type = target.resultType(Int(edge.index))
          add(Engine.fit(gradient, shape: type.shape, dtype: type.dtype), to: targetSlot, Int(edge.index))
        }
        dependencies[targetSlot] -= 1
        if dependencies[targetSlot] == 0 { ready.push(target.sequence, targetSlot) }
      }
      if !retainGraph { node.release() }
    }

    private func runHooks(_ node: Node, _ buffer: inout Buffer) {
      for entry in node.preHooks {
        if entry.index == 0 {
          if let gradient = buffer.first, let changed = entry.hook(gradient) {
            buffer.first = changed
            buffer.ownsFirst = false
          }
        } else if entry.index <= buffer.rest.count, let gradient = buffer.rest[entry.index - 1] {
          if let changed = entry.hook(gradient) { buffer.rest[entry.index - 1] = changed }
        }
      }
    }
  }

  /// Adds a finished gradient to a leaf.
  private static func accumulate(_ leaf: AutogradMeta, _ gradient: inout Tensor?, owned: Bool, createGraph: Bool) {
    guard gradient != nil else { return }
    if let rows = leaf.sparseGrad {
      leaf.grad = rows.toDense()
      leaf.sparseGrad = nil
    }
    if let present = leaf.grad {
      if createGraph {
        leaf.grad = present + gradient!
      } else {
        withNoGrad { present.add_(gradient!) }
      }
    } else if createGraph {
      leaf.grad = gradient
    } else {
      // Steal the gradient's memory when nothing else can see it.
      let isOwn = isKnownUniquelyReferenced(&gradient!) && isKnownUniquelyReferenced(&gradient!.storage)
      leaf.grad = isOwn && gradient!.isContiguous && !gradient!.flags.contains(.view) ? gradient : gradient!.clone()
    }
    for entry in leaf.postAccumulateHooks { entry.hook(leaf.grad!) }
  }
}

/// Nodes whose gradients are complete, latest first.
private struct ReadyHeap {
  private var items: [(sequence: UInt64, slot: Int)] = []

  mutating func push(_ sequence: UInt64, _ slot: Int) {
    items.append((sequence, slot))
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if items[parent].sequence >= items[child].sequence { break }
      items.swapAt(parent, child)
      child = parent
    }
  }

  mutating func pop() -> Int? {
    guard let top = items.first else { return nil }
    let last = items.removeLast()
    if items.isEmpty { return top.slot }
    items[0] = last
    var parent = 0
    while true {
      let left = 2 * parent + 1
      if left >= items.count { break }
      let right = left + 1
      let child = right < items.count && items[right].sequence > items[left].sequence ? right : left
      if items[parent].sequence >= items[child].sequence { break }
      items.swapAt(parent, child)
      parent = child
    }
    return top.slot
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
