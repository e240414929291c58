import FirefinchCore

/// A key of a dictionary in a saved state: PyTorch's are strings and, for optimizer states, integers.
public enum StateKey: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral
{
  case int(Int)
  case string(String)

  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .int(value) }

  public var description: String {
    switch self {
    case .int(let value): "\(value)"
    case .string(let value): value
    }
  }
}

/// A tree of saved values: what `torch.save` writes for optimizers, schedulers and whole checkpoints.
public indirect enum StateValue: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case tensor(Tensor)
  case list([StateValue])
  case tuple([StateValue])
  /// In order.
  case dict([(key: StateKey, value: StateValue)])
}

extension StateValue {
  /// A dictionary with string keys, in order.
  public static func record(_ entries: [(String, StateValue)]) -> StateValue {
    .dict(entries.map { (.string($0.0), $0.1) })
  }

  /// A list of numbers.
  public static func doubles(_ values: [Double]) -> StateValue { .list(values.map { .double($0) }) }

  /// The value under a key of a dictionary, or nil.
  public subscript(_ key: StateKey) -> StateValue? {
    if case .dict(let entries) = self { return entries.first { $0.key == key }?.value }
    return nil
  }

  /// Entries of a dictionary in order; nil for other values.
  public var entries: [(key: StateKey, value: StateValue)]? {
    if case .dict(let entries) = self { return entries }
    return nil
  }

  /// Elements of a list or tuple; nil for other values.
  public var elements: [StateValue]? {
    switch self {
    case .list(let values), .tuple(let values): values
    default: nil
    }
  }

  /// A number: an integer, a double, a bool (1 for true) or a tensor of one element; nil for other values.
  public var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    case .bool(let value): value ? 1 : 0
    case .tensor(let tensor): tensor.elementCount == 1 && tensor.device == .cpu ? tensor.doubleValue : nil
    default: nil
    }
  }

  /// A whole number; nil for other values and beyond Int's range.
  public var integer: Int? {
    if case .int(let value) = self { return value }
    return number.flatMap { Int(exactly: $0) }
  }

  /// A truth value; numbers are true unless 0. Nil for other values.
  public var flag: Bool? { number.map { $0 != 0 } }

  /// A list or tuple of numbers; nil for other values.
  public var numbers: [Double]? {
    guard let elements else { return nil }
    let values = elements.compactMap(\.number)
    return values.count == elements.count ? values : nil
  }

  /// The string, or nil.
  public var text: String? {
    if case .string(let value) = self { return value }
    return nil
  }

  /// The tensor, or nil.
  public var tensor: Tensor? {
    if case .tensor(let value) = self { return value }
    return nil
  }
}

extension StateValue: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByStringLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral
{
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(nilLiteral: ()) { self = .none }
  public init(arrayLiteral elements: StateValue...) { self = .list(elements) }
}

extension StateValue: Equatable {
  /// Equal structure and equal elements; tensors also compare dtypes and shapes.
  public static func == (a: StateValue, b: StateValue) -> Bool {
    switch (a, b) {
    case (.none, .none): return true
    case (.bool(let x), .bool(let y)): return x == y
    case (.int(let x), .int(let y)): return x == y
    case (.double(let x), .double(let y)): return x == y
    case (.string(let x), .string(let y)): return x == y
    case (.tensor(let x), .tensor(let y)):
      return x === y || (x.dtype == y.dtype && x.shape == y.shape && x.array(Double.self) == y.array(Double.self))
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)): return x == y
    case (.dict(let x), .dict(let y)):
      return x.count == y.count && zip(x, y).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    default: return false
    }
  }
}
