import CFirefinch
import FirefinchCore
import FirefinchCPU

/// The record of an operation: everything Firefinch knows about it, declared once, in one file.
///
/// From a record come the eager call, in-place and `out` forms, the shape-only run on the meta device, autograd, the generic
/// tests, the profiler's name and the look-up by name. Make one with `pointwise`, `reduction`, `view` or `structured`.
public final class Op: Sendable {
  /// Computes results into tensors that already have their shape.
  typealias Forward = @Sendable (_ call: OpCall, _ results: [Tensor]) throws -> Void

  /// How results come to be.
  enum Plan {
    /// Fresh results of these shapes.
    case fresh([TensorSpec])
    /// Views of the first argument, in its dtype or another.
    case views([Layout], DType)
    /// The first argument itself.
    case same
  }

  /// What kind of operation it is.
  enum Kind: Sendable {
    case pointwise(PointwiseDefinition)
    case structured
    case view
  }

  public let schema: Schema
  let kind: Kind
  /// The definition of a pointwise op, for the short path.
  let pointwise: PointwiseDefinition?
  /// Shape and dtype rule: pure, throws the user's mistakes, touches no data.
  let plan: @Sendable (OpCall) throws -> Plan
  let forward: Forward
  /// Gradients of the tensor arguments, or nil when the op is not differentiable.
  let derivative: (@Sendable (Gradient) -> [Tensor?])?
  /// What the derivative reads.
  let saves: Saves
  /// How many of the results carry gradients; the others are statistics for the derivative.
  let differentiableResults: Int
  /// What the op does with complex tensors.
  let complex: ComplexRule
  /// Sample calls for the generic tests.
  public let samples: @Sendable () -> [Sample]

  /// What an op whose kernel knows real numbers does with complex tensors.
  enum ComplexRule: Sendable {
    /// A clear error.
    case refused
    /// Forward and derivative know complex dtypes.
    case native
    /// Linear in all its tensors: runs on the real and on the imaginary parts.
    case parts
    /// Linear in each of two tensor arguments: four products of parts.
    case product(Int, Int)
    /// Another composition of differentiable ops.
    case composite(@Sendable (OpCall) throws -> [Tensor])
  }

  /// Which tensors a derivative needs kept.
  struct Saves: Sendable {
    /// Positions of tensor arguments; nil keeps all.
    var inputs: [Int]?
    /// Positions of results.
    var outputs: [Int] = []

    static let inputs = Saves()
    static let nothing = Saves(inputs: [])
    static func inputs(_ positions: Int...) -> Saves { Saves(inputs: positions) }
    static func outputs(_ positions: Int...) -> Saves { Saves(inputs: [], outputs: positions) }
  }

  init(
    schema: Schema, kind: Kind, plan: @escaping @Sendable (OpCall) throws -> Plan, forward: @escaping Forward,
    derivative: (@Sendable (Gradient) -> [Tensor?])?, saves: Saves, differentiableResults: Int = .max,
    complex: ComplexRule = .native, samples: @escaping @Sendable () -> [Sample]
  ) {
    self.complex = complex
    self.schema = schema
    self.kind = kind
    if case .pointwise(let definition) = kind { pointwise = definition } else { pointwise = nil }
    self.plan = plan
    self.forward = forward
    self.derivative = derivative
    self.saves = saves
    self.differentiableResults = differentiableResults
    self.samples = samples
  }

  public var name: String { schema.name }
  /// Whether gradients flow through it.
  public var isDifferentiable: Bool {
    if case .pointwise(let definition) = kind { return definition.isDifferentiable }
    return derivative != nil
  }
  /// Whether it is one scalar expression.
  public var isPointwise: Bool {
    if case .pointwise = kind { return true }
    return false
  }
  /// Whether its result is a view.
  public var isView: Bool {
    if case .view = kind { return true }
    return false
  }
}

/// A sample call of an op for the generic tests.
public struct Sample: Sendable {
  public let arguments: [Value]
  /// Words that the error message must contain, for a call that must fail; nil for a good call.
  public let error: [String]?
  /// Whether gradcheck is run on it.
  public let checksGradient: Bool

  /// A good call. Floating-point tensors are given in float64; the tests convert them to other dtypes.
  public init(_ arguments: Value..., gradient: Bool = true) {
    self.arguments = arguments
    error = nil
    checksGradient = gradient
  }

  /// A call that must fail with a message containing `words`.
  public init(error words: String..., arguments: [Value]) {
    self.arguments = arguments
    error = words
    checksGradient = false
  }
}

extension Op {
  /// A structured op: `plan` gives the results' shapes and dtypes, `forward` fills them.
  ///
  /// `derivative` returns one optional gradient per tensor argument (lists flattened); the engine accumulates, sums
  /// broadcast dims out and converts dtypes.
  static func structured(
    _ schema: String, saves: Saves = .inputs, differentiableResults: Int = .max, complex: ComplexRule = .refused,
    plan: @escaping @Sendable (OpCall) throws -> [TensorSpec],
    forward: @escaping Forward, derivative: (@Sendable (Gradient) -> [Tensor?])? = nil,
    samples: @escaping @Sendable () -> [Sample]
  ) -> Op {
    Op(
      schema: Schema(schema), kind: .structured, plan: { .fresh(try plan($0)) }, forward: forward,
      derivative: derivative, saves: saves, differentiableResults: differentiableResults, complex: complex,
      samples: samples)
  }

  /// A view op: only a layout. `layouts` gives one layout per result on the first argument's storage, whose elements are
  /// seen in the dtype that `dtype` gives.
  static func view(
    _ schema: String, dtype: @escaping @Sendable (OpCall) -> DType = { $0.tensor(0).dtype },
    derivative: (@Sendable (Gradient) -> [Tensor?])?,
    samples: @escaping @Sendable () -> [Sample], layouts: @escaping @Sendable (OpCall) throws -> [Layout]
  ) -> Op {
    Op(
      schema: Schema(schema), kind: .view, plan: { .views(try layouts($0), dtype($0)) }, forward: { _, _ in },
      derivative: derivative, saves: .nothing, samples: samples)
  }
}
