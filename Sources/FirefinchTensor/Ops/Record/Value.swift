import FirefinchCore

/// One argument of an operation: what a call by name, the tape and the profiler see.
public enum Value: Sendable {
  case none
  case tensor(Tensor)
  case tensors([Tensor])
  case optionalTensors([Tensor?])
  /// A number: PyTorch's Scalar, int, float or bool.
  case scalar(Scalar)
  case ints([Int])
  case doubles([Double])
  case string(String)
  case dtype(DType)
  case device(Device)
  case generator(Generator)

  /// An optional tensor as an argument.
  public init(_ tensor: Tensor?) { self = tensor.map { .tensor($0) } ?? .none }
  /// An optional integer as an argument.
  public init(_ value: Int?) { self = value.map { .scalar(.int($0)) } ?? .none }
  /// An optional double as an argument.
  public init(_ value: Double?) { self = value.map { .scalar(.double($0)) } ?? .none }
  /// An optional list of integers as an argument.
  public init(_ value: [Int]?) { self = value.map { .ints($0) } ?? .none }
  /// An optional dtype as an argument.
  public init(_ value: DType?) { self = value.map { .dtype($0) } ?? .none }
  /// A flag as an argument.
  public static func bool(_ value: Bool) -> Value { .scalar(.bool(value)) }
  /// An integer as an argument.
  public static func int(_ value: Int) -> Value { .scalar(.int(value)) }
  /// A floating-point number as an argument.
  public static func double(_ value: Double) -> Value { .scalar(.double(value)) }

  var isNone: Bool {
    if case .none = self { return true }
    return false
  }
}

/// A call of an operation: its arguments in the schema's order, with typed access for shape rules and kernels.
public struct OpCall: Sendable {
  public let op: Op
  public var arguments: [Value]

  /// Name for messages.
  public var name: String { op.schema.name }

  subscript(_ index: Int) -> Value { index < arguments.count ? arguments[index] : .none }

  private func wrong(_ index: Int, _ expected: String) -> Never {
    fatalError("\(name): argument '\(op.schema.parameters[index].name)' must be \(expected), got \(self[index])")
  }

  /// Tensor argument `index`.
  public func tensor(_ index: Int) -> Tensor {
    if case .tensor(let tensor) = self[index] { return tensor }
    wrong(index, "a tensor")
  }
  /// Tensor argument `index`, or nil for None.
  public func optionalTensor(_ index: Int) -> Tensor? {
    if case .tensor(let tensor) = self[index] { return tensor }
    return nil
  }
  /// Tensor-list argument `index`.
  public func tensors(_ index: Int) -> [Tensor] {
    if case .tensors(let tensors) = self[index] { return tensors }
    wrong(index, "a list of tensors")
  }
  /// List of optional tensors.
  public func optionalTensors(_ index: Int) -> [Tensor?] {
    switch self[index] {
    case .optionalTensors(let tensors): tensors
    case .tensors(let tensors): tensors
    default: wrong(index, "a list of tensors")
    }
  }
  /// Number argument `index`.
  public func scalar(_ index: Int) -> Scalar {
    if case .scalar(let value) = self[index] { return value }
    wrong(index, "a number")
  }
  /// Number argument `index`, or nil for None.
  public func optionalScalar(_ index: Int) -> Scalar? {
    if case .scalar(let value) = self[index] { return value }
    return nil
  }
  public func int(_ index: Int) -> Int { scalar(index).intValue }
  public func optionalInt(_ index: Int) -> Int? { optionalScalar(index)?.intValue }
  public func double(_ index: Int) -> Double { scalar(index).doubleValue }
  public func optionalDouble(_ index: Int) -> Double? { optionalScalar(index)?.doubleValue }
  public func bool(_ index: Int) -> Bool { scalar(index).doubleValue != 0 }
  /// Integer-list argument `index`; a single number stands for a list of one.
  public func ints(_ index: Int) -> [Int] {
    switch self[index] {
    case .ints(let values): values
    case .scalar(let value): [value.intValue]
    default: wrong(index, "a list of integers")
    }
  }
  /// Integer-list argument `index`, or nil for None.
  public func optionalInts(_ index: Int) -> [Int]? { self[index].isNone ? nil : ints(index) }
  public func string(_ index: Int) -> String {
    if case .string(let value) = self[index] { return value }
    wrong(index, "a string")
  }
  /// String argument `index`, or nil for None.
  public func optionalString(_ index: Int) -> String? {
    if case .string(let value) = self[index] { return value }
    return nil
  }
  public func optionalDType(_ index: Int) -> DType? {
    if case .dtype(let value) = self[index] { return value }
    return nil
  }
  public func optionalDevice(_ index: Int) -> Device? {
    if case .device(let value) = self[index] { return value }
    return nil
  }
  public func optionalGenerator(_ index: Int) -> Generator? {
    if case .generator(let value) = self[index] { return value }
    return nil
  }

  /// All tensor arguments in order, lists flattened; None entries are left out.
  public var tensorArguments: [Tensor] {
    var result: [Tensor] = []
    for argument in arguments {
      switch argument {
      case .tensor(let tensor): result.append(tensor)
      case .tensors(let tensors): result += tensors
      case .optionalTensors(let tensors): result += tensors.compactMap { $0 }
      default: break
      }
    }
    return result
  }
}

/// Shape, dtype and memory layout of a result, known before any data.
public struct TensorSpec: Sendable {
  public var layout: Layout
  public var dtype: DType

  /// A dense row-major result.
  public init(_ shape: Shape, _ dtype: DType) {
    layout = Layout(contiguous: shape)
    self.dtype = dtype
  }

  /// A result with given strides.
  public init(layout: Layout, dtype: DType) {
    self.layout = layout
    self.dtype = dtype
  }
}
