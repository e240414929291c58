import CFirefinch
import FirefinchCPU
import FirefinchCore

/// An update of several tensors by one fused expression, run over many sets of tensors in one parallel region: what an
/// optimizer's step is made of. Nothing is recorded on the tape; the tensors written are overwritten in place.
public final class FusedUpdate: Sendable {
  /// One set of tensors of equal shape and the numbers that go with it.
  public struct Item {
    public var tensors: [Tensor]
    public var scalars: [Double]

    public init(_ tensors: [Tensor], _ scalars: [Double]) {
      self.tensors = tensors
      self.scalars = scalars
    }
  }

  /// Elements a task gets at most, so that two threads share a large tensor evenly.
  private static let chunk = 32768

  private let function: PointwiseFunction
  /// The tensor that each expression's value is written to.
  private let targets: [Int]

  /// - Parameters:
  ///   - name: named in messages and by the profiler.
  ///   - inputs: tensors in a set.
  ///   - build: from the tensors' elements and the numbers (by position) to the new elements of some of the tensors.
  public init(
    _ name: String, inputs: Int, _ build: (_ x: [Expr], _ number: (Int) -> Expr) -> [(target: Int, value: Expr)]
  ) {
    let results = build((0..<inputs).map { .input($0) }, { .scalar($0) })
    targets = results.map(\.target)
    function = PointwiseFunction(name: name, inputs: inputs, rule: .promote, exprs: results.map(\.value))
  }

  /// Runs the update on every set. It is computed in the class of a set's first tensor (float32 for half types). Sets with
  /// poisoned tensors or tensors without data are left alone.
  public func run(_ items: [Item]) {
    Profiler.span("\(function.name) update", .optimizer) { runAll(items) }
  }

  private func runAll(_ items: [Item]) {
    var tasks: [(item: Int, range: Range<Int>)] = []
    var strided: [Int] = []
    var dense = 0
    for (i, item) in items.enumerated() {
      let first = item.tensors[0]
      if item.tensors.contains(where: { $0.isPoisoned || $0.device != .cpu }) { continue }
      if let odd = item.tensors.first(where: { $0.shape != first.shape }) {
        ErrorScope.report(.shape("\(function.name): tensors of a set have shapes \(first.shape) and \(odd.shape)"))
        return
      }
      for target in targets { item.tensors[target].storage.version += 1 }
      let count = first.elementCount
      if count == 0 { continue }
      if FusedUpdate.areAlike(item.tensors) {
        dense += count
        for start in stride(from: 0, to: count, by: FusedUpdate.chunk) {
          tasks.append((i, start..<Swift.min(start + FusedUpdate.chunk, count)))
        }
      } else {
        strided.append(i)
      }
    }
    let list = tasks
    let body: (Int) -> Void = { [self] task in runDense(items[list[task].item], list[task].range) }
    if dense <= FusedUpdate.chunk || Parallel.threadCount == 1 {
      for task in list.indices { body(task) }
    } else {
      Parallel.run(list.count, body)
    }
    for i in strided { runStrided(items[i]) }
  }

  /// Whether element k of every tensor lies k elements after its first, in one common order.
  private static func areAlike(_ tensors: [Tensor]) -> Bool {
    let first = tensors[0]
    if first.isContiguous { return tensors.allSatisfy(\.isContiguous) }
    return first.layout.isDense && tensors.allSatisfy { $0.strides == first.strides }
  }

  private func program(_ item: Item) -> Program {
    function.program(common: item.tensors[0].dtype, inputs: item.tensors.map(\.dtype))
  }

  private func runDense(_ item: Item, _ range: Range<Int>) {
    let program = program(item)
    var loop = ff_loop()
    Loop.flat(&loop, count: range.count, nin: item.tensors.count, nout: targets.count)
    withUnsafeMutableBytes(of: &loop.ops) { raw in
      let ops = raw.assumingMemoryBound(to: ff_operand.self)
      func set(_ slot: Int, _ tensor: Tensor, _ register: Int) {
        ops[slot].data = tensor.data + range.lowerBound * tensor.dtype.size
        ops[slot].dtype = tensor.dtype.rawValue
        ops[slot].reg = UInt8(truncatingIfNeeded: register)
        ops[slot].strides.0 = 1
      }
      for (i, tensor) in item.tensors.enumerated() { set(i, tensor, i) }
      for (i, target) in targets.enumerated() {
        set(item.tensors.count + i, item.tensors[target], program.results[i])
      }
    }
    _ = program.withProgram(item.scalars.map { .double($0) }) { ff_pointwise($0, &loop, 0, Int64(range.count)) }
  }

  private func runStrided(_ item: Item) {
    let program = program(item)
    _ = PointwiseKernel.run(
      program, scalars: item.scalars.map { .double($0) }, shape: item.tensors[0].shape,
      inputs: item.tensors.enumerated().map { $1.operand($0) },
      outputs: targets.enumerated().map { item.tensors[$1].operand(program.results[$0]) })
  }
}
