import CFirefinch
import FirefinchCore

/// How values of a reduction are joined (`ff_combiner`).
public enum Combiner: UInt32, Sendable {
  case sum = 0, product, max, min, argmax, argmin, any, all
}

/// Runs reductions. Every result is computed by a tree that depends on sizes only, never on the thread count.
public enum ReductionKernel {
  /// Mapped values that one task combines at most when a single result is split.
  static let chunk = 1 << 16

  /// Combines the mapped values of `shape` over dims `reduced`. `result` receives one value of the program's class for each
  /// kept element, in row-major order; `indices` the position within the reduced dims for argmax and argmin.
  public static func run(
    _ program: Program, scalars: [Scalar], combiner: Combiner, shape: Shape, reduced: [Int], inputs: [LoopOperand],
    result: UnsafeMutableRawPointer, indices: UnsafeMutablePointer<Int64>?
  ) -> KernelFault {
    let faults = FaultCollector()
    let outer = (0..<shape.count).filter { !reduced.contains($0) }.reduce(1) { $0 * shape[$1] }
    let inner = reduced.reduce(1) { $0 * shape[$1] }
    if outer == 0 { return [] }
    let register = program.results[0]
    let cls = program.resultClasses[0]
    program.withProgram(scalars) { compiled in
      Loop.reduction(shape: shape, reduced: reduced, inputs: inputs, resultRegister: register) { loop, kept in
        let call = { (o: Range<Int>, r: Range<Int>, acc: UnsafeMutableRawPointer, index: UnsafeMutablePointer<Int64>?) in
          faults.note(
            ff_reduce(
              compiled, loop, kept, Int32(combiner.rawValue), Int64(o.lowerBound), Int64(o.upperBound),
              Int64(r.lowerBound), Int64(r.upperBound), acc, index))
        }
        // Split the reduced range only by size, so that the tree is the same for every thread count.
        if inner > 2 * chunk && outer < 64 && combiner != .argmax && combiner != .argmin {
          split(cls, combiner, outer, inner, result, faults, call)
        } else {
          let grain = Swift.max(1, 32768 / Swift.max(inner, 1))
          Parallel.ranges(outer, grain: grain) { call($0, 0..<inner, result, indices) }
        }
      }
    }
    return faults.faults
  }

  /// Reduces fixed chunks side by side, then joins their results in order.
  private static func split(
    _ cls: RegisterClass, _ combiner: Combiner, _ outer: Int, _ inner: Int, _ result: UnsafeMutableRawPointer,
    _ faults: FaultCollector,
    _ call: (Range<Int>, Range<Int>, UnsafeMutableRawPointer, UnsafeMutablePointer<Int64>?) -> Void
  ) {
    let chunks = (inner + chunk - 1) / chunk
    let size = cls.dtype.size
    let partials = UnsafeMutableRawPointer.allocate(byteCount: chunks * outer * size, alignment: 64)
    defer { partials.deallocate() }
    Parallel.run(chunks) { c in
      let range = c * chunk..<Swift.min((c + 1) * chunk, inner)
      call(0..<outer, range, partials + c * outer * size, nil)
    }
    let joined = Program([.input(0)], inputs: [cls], common: cls)
    let layout = Layout(contiguous: [chunks, outer])
    _ = run(
      joined, scalars: [], combiner: combiner, shape: layout.shape, reduced: [0],
      inputs: [LoopOperand(partials, layout, cls.dtype, register: 0)], result: result, indices: nil)
  }
}
