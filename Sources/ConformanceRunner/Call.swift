import Firefinch

/// A bound call: the arguments in the schema's order.
struct Call {
  let name: String
  let schema: Schema
  let arguments: [Argument]

  /// The argument as decoded.
  func argument(_ index: Int) -> Argument { arguments[index] }

  private func wrong(_ index: Int, _ expected: String) -> TensorError {
    .value("\(name): argument '\(schema.parameters[index].name)' must be \(expected), got \(arguments[index].typeName)")
  }

  func tensor(_ index: Int) throws -> Tensor { try optionalTensor(index) ?? { throw wrong(index, "a tensor") }() }
  /// The tensor, a number made one (weak in promotion), or nil for None.
  func optionalTensor(_ index: Int) throws -> Tensor? {
    switch arguments[index] {
    case .tensor(let tensor): return tensor
    case .none: return nil
    default:
      if let number = arguments[index].scalar { return .wrapped(number) }
      throw wrong(index, "a tensor")
    }
  }
  func sparse(_ index: Int) throws -> SparseTensor { try optionalSparse(index) ?? { throw wrong(index, "a sparse tensor") }() }
  func optionalSparse(_ index: Int) throws -> SparseTensor? {
    switch argument(index) {
    case .sparse(let tensor): return tensor
    case .none: return nil
    default: throw wrong(index, "a sparse tensor")
    }
  }
  func optionalLayout(_ index: Int) throws -> SparseLayout? {
    guard case .layout(let name) = argument(index) else { return nil }
    let bare = name.split(separator: ".").last.map(String.init) ?? name
    return SparseLayout(rawValue: bare.hasPrefix("sparse_") ? String(bare.dropFirst(7)) : bare)
  }
  func tensors(_ index: Int) throws -> [Tensor] {
    guard let elements = arguments[index].elements else { throw wrong(index, "a list of tensors") }
    return try elements.map { element in
      if case .tensor(let tensor) = element { return tensor }
      throw wrong(index, "a list of tensors")
    }
  }
  func optionalTensors(_ index: Int) throws -> [Tensor?] {
    guard let elements = arguments[index].elements else { throw wrong(index, "a list of tensors") }
    return elements.map { element in
      if case .tensor(let tensor) = element { return tensor }
      return nil
    }
  }
  func scalar(_ index: Int) throws -> Scalar { try optionalScalar(index) ?? { throw wrong(index, "a number") }() }
  func optionalScalar(_ index: Int) throws -> Scalar? {
    if case .none = arguments[index] { return nil }
    guard let value = arguments[index].scalar else { throw wrong(index, "a number") }
    return value
  }
  func int(_ index: Int) throws -> Int { try optionalInt(index) ?? { throw wrong(index, "an integer") }() }
  func optionalInt(_ index: Int) throws -> Int? {
    if case .none = arguments[index] { return nil }
    guard let value = arguments[index].integer else { throw wrong(index, "an integer") }
    return value
  }
  func double(_ index: Int) throws -> Double { try scalar(index).doubleValue }
  func optionalDouble(_ index: Int) throws -> Double? { try optionalScalar(index)?.doubleValue }
  func bool(_ index: Int) throws -> Bool { try scalar(index).doubleValue != 0 }
  func optionalBool(_ index: Int) throws -> Bool? { try optionalScalar(index).map { $0.doubleValue != 0 } }
  /// Integers; one number stands for a list of one.
  func ints(_ index: Int) throws -> [Int] { try optionalInts(index) ?? { throw wrong(index, "a list of integers") }() }
  func optionalInts(_ index: Int) throws -> [Int]? {
    if case .none = arguments[index] { return nil }
    let elements = arguments[index].elements ?? [arguments[index]]
    return try elements.map { element in
      guard let value = element.integer else { throw wrong(index, "a list of integers") }
      return value
    }
  }
  func doubles(_ index: Int) throws -> [Double] { try optionalDoubles(index) ?? { throw wrong(index, "a list of numbers") }() }
  func optionalDoubles(_ index: Int) throws -> [Double]? {
    if case .none = arguments[index] { return nil }
    let elements = arguments[index].elements ?? [arguments[index]]
    return try elements.map { element in
      guard let value = element.scalar else { throw wrong(index, "a list of numbers") }
      return value.doubleValue
    }
  }
  func string(_ index: Int) throws -> String { try optionalString(index) ?? { throw wrong(index, "a string") }() }
  func optionalString(_ index: Int) throws -> String? {
    switch arguments[index] {
    case .string(let text): return text
    case .none: return nil
    default: throw wrong(index, "a string")
    }
  }
  func dtype(_ index: Int) throws -> DType { try optionalDType(index) ?? { throw wrong(index, "a dtype") }() }
  func optionalDType(_ index: Int) throws -> DType? {
    switch arguments[index] {
    case .none: return nil
    case .dtype(let name):
      guard let dtype = DType(name: name) else { throw Unsupported("dtype \(name)") }
      return dtype
    default: throw wrong(index, "a dtype")
    }
  }
  func shape(_ index: Int) throws -> Shape { Shape(try ints(index)) }

  /// The arguments for a record's call.
  func values() throws -> [Value] {
    try schema.parameters.indices.map { i in
      let argument = arguments[i]
      let type = schema.parameters[i].type
      if case .none = argument { return .none }
      if type.hasPrefix("Tensor") {
        if type.hasSuffix("]") {
          return type.contains("?") ? .optionalTensors(try optionalTensors(i)) : .tensors(try tensors(i))
        }
        if case .tensor(let tensor) = argument { return .tensor(tensor) }
        return .scalar(try scalar(i))
      }
      if type.hasSuffix("]") { return type.hasPrefix("float") ? .doubles(try doubles(i)) : .ints(try ints(i)) }
      switch argument {
      case .string(let text): return .string(text)
      case .dtype: return .dtype(try dtype(i))
      case .device, .layout, .memoryFormat: return .none
      default: return .scalar(try scalar(i))
      }
    }
  }
}
