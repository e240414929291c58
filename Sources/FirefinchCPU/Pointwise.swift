import CFirefinch
import FirefinchCore

/// What a kernel met that the operation must turn into an error.
public struct KernelFault: OptionSet, Sendable {
  public let rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }
  /// An integer was divided by zero.
  public static let divisionByZero = KernelFault(rawValue: Int32(FF_ERR_DIVISION_BY_ZERO))
  /// An index was out of range.
  public static let index = KernelFault(rawValue: Int32(FF_ERR_INDEX))
}

/// Faults gathered over the tasks of a parallel region.
public final class FaultCollector: @unchecked Sendable {
  @usableFromInline var bits: Int32 = 0
  public init() {}
  /// Notes a kernel's return value. Tasks race only to set bits that are never cleared, one word at a time.
  @inlinable public func note(_ result: Int32) { if result != 0 { bits |= result } }
  @inlinable public var faults: KernelFault { KernelFault(rawValue: bits) }
}

/// Runs compiled expressions over buffers.
public enum PointwiseKernel {
  /// Elements a thread gets at least; below twice this an operation stays on the calling thread.
  @inlinable public static var grain: Int { 16384 }

  /// Computes `program` for every element of `shape`. Inputs broadcast; outputs have the full shape.
  public static func run(
    _ program: Program, scalars: [Scalar], shape: Shape, inputs: [LoopOperand], outputs: [LoopOperand]
  ) -> KernelFault {
    let faults = FaultCollector()
    program.withProgram(scalars) { compiled in
      Loop.pointwise(shape: shape, inputs: inputs, outputs: outputs) { loop, count in
        execute(compiled, loop, count, faults)
      }
    }
    return faults.faults
  }

  @inline(__always)
  static func execute(
    _ program: UnsafePointer<ff_program>, _ loop: UnsafeMutablePointer<ff_loop>, _ count: Int, _ faults: FaultCollector
  ) {
    if count <= 2 * grain {
      faults.note(ff_pointwise(program, loop, 0, Int64(count)))
      return
    }
    Parallel.ranges(count, grain: grain) { range in
      faults.note(ff_pointwise(program, loop, Int64(range.lowerBound), Int64(range.upperBound)))
    }
  }

  /// One or two dense inputs and one dense output of `count` elements each: no arrays, no plan.
  @inlinable public static func dense(
    _ program: Program, count: Int, _ a: UnsafeMutableRawPointer, _ aType: DType, _ b: UnsafeMutableRawPointer?,
    _ bType: DType, _ out: UnsafeMutableRawPointer, _ outType: DType
  ) -> KernelFault {
    var loop = ff_loop()
    let binary = b != nil
    Loop.flat(&loop, count: count, nin: binary ? 2 : 1, nout: 1)
    set(&loop.ops.0, a, aType, 0)
    if let b { set(&loop.ops.1, b, bType, 1) }
    let register = UInt8(truncatingIfNeeded: program.results[0])
    if binary { set(&loop.ops.2, out, outType, register) } else { set(&loop.ops.1, out, outType, register) }
    return run(program, &loop, count)
  }

  @inlinable @inline(__always)
  static func set(_ operand: inout ff_operand, _ data: UnsafeMutableRawPointer, _ dtype: DType, _ register: UInt8) {
    operand.data = data
    operand.dtype = dtype.rawValue
    operand.reg = register
    operand.strides.0 = 1
  }

  @usableFromInline static func run(_ program: Program, _ loop: inout ff_loop, _ count: Int) -> KernelFault {
    if count <= 2 * grain {
      return withUnsafeMutablePointer(to: &loop) { loop in
        program.withProgram([]) { KernelFault(rawValue: ff_pointwise($0, loop, 0, Int64(count))) }
      }
    }
    let faults = FaultCollector()
    withUnsafeMutablePointer(to: &loop) { loop in
      program.withProgram([]) { execute($0, loop, count, faults) }
    }
    return faults.faults
  }
}
