import FirefinchCore
import FirefinchCPU

/// Dtype of a reduction's result.
enum ReductionRule: Sendable {
  /// Integers and bool become int64; a dtype argument overrides. (sum, prod)
  case sum
  /// Floating point only; a dtype argument overrides. (mean, norm)
  case floating
  /// The input's dtype. (amax)
  case same
  /// bool (any, all); uint8 stays uint8.
  case bool
}

/// Runs a mapped, combined and finished reduction over tensors.
enum Reduce {
  /// Combines `map` of the inputs (broadcast to `shape`) over `dims` into `result`, whose elements are the kept ones in
  /// row-major order. `finish` turns the combined value (input 0) into the result; scalar 0 is the number of elements.
  static func run(
    _ combiner: Combiner, map: PointwiseFunction, inputs: [Tensor], compute: RegisterClass, shape: Shape, dims: [Int],
    finish: PointwiseFunction? = nil, scalars: [Scalar] = [], into result: Tensor
  ) {
    let program = map.program(compute)
    let cls = program.resultClasses[0]
    let direct = finish == nil && result.dtype == cls.dtype && result.isContiguous
    let accumulator = direct ? result : Tensor(empty: [result.elementCount], dtype: cls.dtype)
    _ = ReductionKernel.run(
      program, scalars: scalars, combiner: combiner, shape: shape, reduced: dims,
      inputs: inputs.enumerated().map { $1.operand($0) }, result: accumulator.data, indices: nil)
    if direct { return }
    let count = dims.reduce(1) { $0 * shape[$1] }
    let last = (finish ?? identity).program(cls)
    let flat = Layout(contiguous: result.shape)
    let source = LoopOperand(accumulator.data, flat, cls.dtype, register: 0)
    _ = PointwiseKernel.run(
      last, scalars: [.int(count)] + scalars, shape: result.shape, inputs: [source],
      outputs: [result.operand(last.results[0])])
  }

  private static let identity = function("identity", .input(0))

  /// An expression with its compiled programs, to be made once for every reduction.
  static func function(_ name: String, inputs: Int = 1, _ expr: Expr) -> PointwiseFunction {
    PointwiseFunction(name: name, inputs: inputs, rule: .first, exprs: [expr])
  }

  /// Shape after reducing `dims`.
  static func shape(_ shape: Shape, dims: [Int], keepDim: Bool) -> Shape {
    var result = Shape()
    for (i, size) in shape.enumerated() {
      if !dims.contains(i) { result.append(size) } else if keepDim { result.append(1) }
    }
    return result
  }
}

extension Op {
  /// A reduction `name(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None)`: a map expression of
  /// the element, a combiner, and a finish expression of the combined value and the element count.
  static func reduction(
    _ schema: String, _ combiner: Combiner, dtypes rule: ReductionRule, saves: Saves = .nothing, complex: ComplexRule = .refused,
    map: @escaping @Sendable (Expr) -> Expr = { $0 }, finish: (@Sendable (_ value: Expr, _ count: Expr) -> Expr)? = nil,
    derivative: (@Sendable (Gradient) -> [Tensor?])? = nil, samples: @escaping @Sendable () -> [Sample]
  ) -> Op {
    let isBool = combiner == .any || combiner == .all
    let mapped = Reduce.function("map", isBool ? map(.input(0)) .!= 0 : map(.input(0)))
    let finished = finish.map { Reduce.function("finish", $0(.input(0), .scalar(0))) }
    return .structured(
      schema, saves: saves, complex: complex,
      plan: { call in
        let x = call.tensor(0)
        let dims = try Layout.wrap(dims: call.optionalInts(1), rank: x.rank, op: call.name)
        if combiner == .max || combiner == .min {
          for dim in dims where x.shape[dim] == 0 {
            throw TensorError.value("\(call.name): dim \(dim) has size 0, and an empty set has no \(call.name)")
          }
        }
        let dtype = try resultDType(x.dtype, call.optionalDType(3), rule, call.name)
        return [TensorSpec(Reduce.shape(x.shape, dims: dims, keepDim: call.bool(2)), dtype)]
      },
      forward: { call, results in
        let x = call.tensor(0)
        let dims = try Layout.wrap(dims: call.optionalInts(1), rank: x.rank, op: call.name)
        let compute = rule == .bool || rule == .same ? x.dtype.registerClass : results[0].dtype.registerClass
        Reduce.run(
          combiner, map: mapped, inputs: [x], compute: compute, shape: x.shape, dims: dims, finish: finished,
          into: results[0])
      }, derivative: derivative, samples: samples)
  }

  private static func resultDType(
    _ input: DType, _ requested: DType?, _ rule: ReductionRule, _ name: String
  ) throws -> DType {
    switch rule {
    case .sum: return requested ?? (input.isFloatingPoint ? input : .int64)
    case .same: return input
    case .bool: return input == .uint8 ? .uint8 : .bool
    case .floating:
      let dtype = requested ?? input
      guard dtype.isFloatingPoint else {
        throw TensorError.dtype(
          "\(name): expected a floating-point tensor, got \(input.name); pass dtype: .float32 or convert first")
      }
      return dtype
    }
  }
}

extension Gradient {
  /// The gradient of a reduction's result (argument 1 = dims, argument 2 = keepdim) with the reduced dims of size 1 back in
  /// place, so that it broadcasts against the input.
  func unreduced(_ tensor: Tensor) -> Tensor {
    let rank = shape(0).count
    if call.bool(2) { return tensor }
    let dims = (try? Layout.wrap(dims: call.optionalInts(1), rank: rank, op: call.name)) ?? []
    var result = tensor
    for dim in dims.sorted() { result = result.unsqueeze(dim: dim) }
    return result
  }

  /// Number of elements that were joined into each result.
  var reducedCount: Int {
    let rank = shape(0).count
    let dims = (try? Layout.wrap(dims: call.optionalInts(1), rank: rank, op: call.name)) ?? []
    return dims.reduce(1) { $0 * shape(0)[$1] }
  }
}
