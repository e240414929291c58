import CFirefinch

/// A buffer taking part in a loop: where it is, how it lies, what it holds, and the register it fills or empties.
public struct LoopOperand {
  @usableFromInline let data: UnsafeMutableRawPointer
  @usableFromInline let layout: Layout
  @usableFromInline let dtype: DType
  @usableFromInline let register: UInt8

  @inlinable
  public init(_ data: UnsafeMutableRawPointer, _ layout: Layout, _ dtype: DType, register: Int) {
    self.data = data
    self.layout = layout
    self.dtype = dtype
    self.register = UInt8(truncatingIfNeeded: register)
  }
}

/// Builds the kernels' iteration spaces (`ff_loop`): broadcasts the operands, orders the dims and merges neighbours.
public enum Loop {
  /// How many buffers a loop takes.
  public static var operandLimit: Int { Int(FF_MAX_OPERANDS) }

  /// Calls `body` with a loop over `shape`; operands broadcast to it. The dims follow the memory order of `outputs[0]`, so
  /// linear indices in the loop are not logical positions. Dims beyond the kernels' limit are iterated here.
  public static func pointwise(
    shape: Shape, inputs: [LoopOperand], outputs: [LoopOperand], _ body: (UnsafeMutablePointer<ff_loop>, Int) -> Void
  ) {
    let operands = inputs + outputs
    if operands.count > operandLimit { fatalError("Loop: \(operands.count) operands, the limit is \(operandLimit)") }
    let rank = shape.count
    var strides = operands.map { broadcastStrides($0.layout, to: shape) }
    var sizes = shape.array
    if let lead = outputs.isEmpty ? nil : strides[inputs.count] {
      // Slowest stride first. A stable sort keeps the row-major order of ties.
      let order = (0..<rank).sorted { a, b in lead[a] != lead[b] ? lead[a] > lead[b] : a < b }
      if order != Array(0..<rank) {
        sizes = order.map { sizes[$0] }
        strides = strides.map { s in order.map { s[$0] } }
      }
    }
    merge(&sizes, &strides, from: 0, to: rank)
    run(sizes, strides, operands, nin: inputs.count, nout: outputs.count, kept: 0, body)
  }

  /// Calls `body` with a loop over the kept dims followed by the reduced dims, and the number of kept dims in it. The kept
  /// dims stay in row-major order: the accumulator of linear index o belongs to element o of the result.
  public static func reduction(
    shape: Shape, reduced: [Int], inputs: [LoopOperand], resultRegister: Int,
    _ body: (UnsafeMutablePointer<ff_loop>, Int32) -> Void
  ) {
    let kept = (0..<shape.count).filter { !reduced.contains($0) }
    let order = kept + reduced.sorted()
    var sizes = order.map { shape[$0] }
    var strides = inputs.map { operand in
      let s = broadcastStrides(operand.layout, to: shape)
      return order.map { s[$0] }
    }
    let total = sizes.count
    merge(&sizes, &strides, from: kept.count, to: total)
    let reducedCount = sizes.count - kept.count
    merge(&sizes, &strides, from: 0, to: kept.count)
    var keptCount = sizes.count - reducedCount
    if keptCount == 0 {
      sizes.insert(1, at: 0)
      for i in strides.indices { strides[i].insert(0, at: 0) }
      keptCount = 1
    }
    if sizes.count == keptCount {
      sizes.append(1)
      for i in strides.indices { strides[i].append(0) }
    }
    if sizes.count > Int(FF_MAX_DIMS) {
      fatalError("reduction: \(shape) needs \(sizes.count) loop dims, the limit is \(FF_MAX_DIMS); reshape it first")
    }
    var loop = ff_loop()
    fill(&loop, sizes[...], strides, inputs, nin: inputs.count, nout: 1)
    withOperands(&loop) { $0[inputs.count].reg = UInt8(resultRegister) }
    body(&loop, Int32(keptCount))
  }

  /// Strides of `layout` seen with `shape`: 0 where it repeats.
  static func broadcastStrides(_ layout: Layout, to shape: Shape) -> [Int] {
    let lead = shape.count - layout.rank
    return (0..<shape.count).map { i in
      i < lead || layout.shape[i - lead] == 1 ? 0 : layout.strides[i - lead]
    }
  }

  /// Joins neighbouring dims of `from..<to` that every operand steps through evenly, and drops those of size 1.
  private static func merge(_ sizes: inout [Int], _ strides: inout [[Int]], from: Int, to: Int) {
    var last = from
    var dim = from
    var started = false
    while dim < to {
      if sizes[dim] == 1 {
        dim += 1
        continue
      }
      if started && strides.allSatisfy({ $0[last] == $0[dim] * sizes[dim] }) {
        sizes[last] *= sizes[dim]
        for i in strides.indices { strides[i][last] = strides[i][dim] }
      } else {
        if started { last += 1 }
        sizes[last] = sizes[dim]
        for i in strides.indices { strides[i][last] = strides[i][dim] }
        started = true
      }
      dim += 1
    }
    let end = started ? last + 1 : from
    if end < to {
      sizes.removeSubrange(end..<to)
      for i in strides.indices { strides[i].removeSubrange(end..<to) }
    }
  }

  private static func run(
    _ sizes: [Int], _ strides: [[Int]], _ operands: [LoopOperand], nin: Int, nout: Int, kept: Int,
    _ body: (UnsafeMutablePointer<ff_loop>, Int) -> Void
  ) {
    var loop = ff_loop()
    let limit = Int(FF_MAX_DIMS)
    let outer = Swift.max(sizes.count - limit, 0)
    fill(&loop, sizes[outer...], strides.map { Array($0[outer...]) }, operands, nin: nin, nout: nout)
    let inner = sizes[outer...].reduce(1, *)
    if outer == 0 {
      body(&loop, inner)
      return
    }
    let repeats = sizes[..<outer].reduce(1, *)
    for linear in 0..<repeats {
      var rest = linear
      var offsets = [Int](repeating: 0, count: operands.count)
      for dim in (0..<outer).reversed() {
        let index = rest % sizes[dim]
        rest /= sizes[dim]
        for i in operands.indices { offsets[i] += index * strides[i][dim] }
      }
      withOperands(&loop) { ops in
        for i in operands.indices { ops[i].data = operands[i].data + offsets[i] * operands[i].dtype.size }
      }
      body(&loop, inner)
    }
  }

  private static func fill(
    _ loop: inout ff_loop, _ sizes: ArraySlice<Int>, _ strides: [[Int]], _ operands: [LoopOperand], nin: Int, nout: Int
  ) {
    // A 0-dim space is one element along one dim.
    loop.ndim = Int32(Swift.max(sizes.count, 1))
    loop.nin = Int32(nin)
    loop.nout = Int32(nout)
    withUnsafeMutableBytes(of: &loop.sizes) { raw in
      let p = raw.bindMemory(to: Int64.self)
      p[0] = 1
      for (i, size) in sizes.enumerated() { p[i] = Int64(size) }
    }
    withOperands(&loop) { ops in
      for (i, operand) in operands.enumerated() {
        ops[i].data = operand.data
        ops[i].dtype = operand.dtype.rawValue
        ops[i].reg = operand.register
        withUnsafeMutableBytes(of: &ops[i].strides) { raw in
          let p = raw.bindMemory(to: Int64.self)
          p[0] = 0
          for (d, stride) in strides[i].enumerated() { p[d] = Int64(stride) }
        }
      }
    }
  }

  /// The operand array of a loop, which C's fixed array hides in a tuple.
  @inline(__always)
  static func withOperands<R>(_ loop: inout ff_loop, _ body: (UnsafeMutablePointer<ff_operand>) -> R) -> R {
    withUnsafeMutableBytes(of: &loop.ops) { body($0.baseAddress!.assumingMemoryBound(to: ff_operand.self)) }
  }

  /// Single-dim loop over operands that are all dense in the same order: the common case, without arrays.
  @inlinable
  public static func flat(_ loop: inout ff_loop, count: Int, nin: Int, nout: Int) {
    loop.ndim = 1
    loop.nin = Int32(truncatingIfNeeded: nin)
    loop.nout = Int32(truncatingIfNeeded: nout)
    loop.sizes.0 = Int64(count)
  }
}
