import Firefinch

/// A value in a case file, as PROTOCOL.md's section 2 defines it.
indirect enum Argument {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case complex(Double, Double)
  case string(String)
  case list([Argument])
  case tuple([Argument])
  case tensor(Tensor)
  case sparse(SparseTensor)
  case dtype(String)
  case device(String)
  case layout(String)
  case memoryFormat(String)
  case slice(Int?, Int?, Int?)
  case ellipsis
  case dict([(Argument, Argument)])
  case callable(String)
  case module(JSONValue)
  case object(JSONValue)

  /// The elements of a list or tuple.
  var elements: [Argument]? {
    switch self {
    case .list(let elements), .tuple(let elements): elements
    default: nil
    }
  }

  /// A number.
  var scalar: Scalar? {
    switch self {
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .complex(let re, let im): .complex(re, im)
    case .tensor(let tensor) where tensor.elementCount == 1: tensor.item()
    default: nil
    }
  }

  /// A whole number.
  var integer: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    case .tensor(let tensor) where tensor.elementCount == 1 && !tensor.dtype.isDifferentiable: tensor.intValue
    default: nil
    }
  }

  /// The tensors in it, depth first.
  var tensors: [Tensor] {
    switch self {
    case .tensor(let tensor): [tensor]
    case .list(let elements), .tuple(let elements): elements.flatMap(\.tensors)
    case .dict(let pairs): pairs.flatMap { $0.1.tensors }
    case .sparse(let tensor): tensor.values.requiresGrad ? [tensor.values] : []
    default: []
    }
  }

  /// The sparse tensors in it, depth first.
  var sparseTensors: [SparseTensor] {
    switch self {
    case .sparse(let tensor): [tensor]
    case .list(let elements), .tuple(let elements): elements.flatMap(\.sparseTensors)
    default: []
    }
  }

  /// What it is, for messages.
  var typeName: String {
    switch self {
    case .none: "None"
    case .bool: "bool"
    case .int: "int"
    case .double: "float"
    case .complex: "complex"
    case .string: "str"
    case .list: "list"
    case .tuple: "tuple"
    case .tensor: "Tensor"
    case .sparse: "sparse Tensor"
    case .dtype: "torch.dtype"
    case .device: "torch.device"
    case .layout: "torch.layout"
    case .memoryFormat: "torch.memory_format"
    case .slice: "slice"
    case .ellipsis: "Ellipsis"
    case .dict: "dict"
    case .callable: "callable"
    case .module: "Module"
    case .object: "object"
    }
  }
}

/// A form of argument that Firefinch does not have (`unsupported` in the results).
struct Unsupported: Error {
  let message: String
  init(_ message: String) { self.message = message }
}

/// Reads values of case files; tensors come from the safetensors file beside.
struct Decoder {
  let file: [String: Tensor]

  /// The value of `json`.
  func decode(_ json: JSONValue) throws -> Argument {
    switch json {
    case .null: return .none
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let value): return .string(value)
    case .array(let elements): return .list(try elements.map(decode))
    case .object(let members):
      guard let key = members.first?.name else { return .dict([]) }
      // Options of schedulers are plain objects.
      if !key.hasPrefix("$") { return .dict(try members.map { (.string($0.name), try decode($0.value)) }) }
      return try object(json, key, members[0].value)
    }
  }

  private func object(_ json: JSONValue, _ key: String, _ value: JSONValue) throws -> Argument {
    switch key {
    case "$f": return .double(Decoder.float(value))
    case "$c":
      let parts = value.elements ?? []
      guard parts.count == 2 else { throw Unsupported("complex number \(value)") }
      return .complex(Decoder.float(parts[0]), Decoder.float(parts[1]))
    case "$tuple": return .tuple(try (value.elements ?? []).map(decode))
    case "$dtype": return .dtype(value.text ?? "")
    case "$device": return .device(value.text ?? "")
    case "$layout": return .layout(value.text ?? "")
    case "$memory_format": return .memoryFormat(value.text ?? "")
    case "$slice":
      let parts = value.elements ?? []
      let bounds = try (0..<3).map { i in i < parts.count ? try decode(parts[i]).integer : nil }
      return .slice(bounds[0], bounds[1], bounds[2])
    case "$ellipsis": return .ellipsis
    case "$dict":
      return .dict(
        try (value.elements ?? []).map { pair in
          let sides = pair.elements ?? []
          guard sides.count == 2 else { throw Unsupported("dict entry \(pair)") }
          return (try decode(sides[0]), try decode(sides[1]))
        })
    case "$callable": return .callable(value.text ?? "")
    case "$module": return .module(value)
    case "$object": return .object(value)
    case "$t": return .tensor(try tensor(json))
    default:
      if key.hasPrefix("$sparse_") { return .sparse(try sparse(key, value, json)) }
      throw Unsupported("value with key \(key)")
    }
  }

  static func float(_ json: JSONValue) -> Double {
    switch json {
    case .string("inf"): .infinity
    case .string("-inf"): -.infinity
    case .string: .nan
    default: json.number ?? .nan
    }
  }

  /// A tensor of its own memory, laid out as the case says.
  func tensor(_ json: JSONValue) throws -> Tensor {
    guard let key = json["$t"]?.text, let name = json["dtype"]?.text else { throw Unsupported("tensor \(json)") }
    guard let dtype = DType(name: name) else { throw Unsupported("dtype \(name)") }
    guard let stored = file[key] else { throw Unsupported("tensor \(key) of dtype \(name)") }
    let shape = (json["shape"]?.elements ?? []).compactMap(\.integer)
    var result = stored.clone()
    if dtype.isComplex { result = result.viewAsComplex() }
    if let strides = json["strides"]?.elements {
      let steps = strides.compactMap(\.integer)
      result = result.asStrided(Shape(shape), strides: Shape(steps), offset: json["offset"]?.integer ?? 0)
    }
    result = result.detach()
    if result.dtype != dtype || result.shape.array != shape { throw Unsupported("tensor \(key) is stored otherwise") }
    if case .bool(true)? = json["requires_grad"] { result.requiresGrad_() }
    return result
  }

  private func sparse(_ key: String, _ value: JSONValue, _ json: JSONValue) throws -> SparseTensor {
    let names = ["indices", "crow_indices", "ccol_indices", "col_indices", "row_indices"]
    let indices = try names.compactMap { try value[$0].map(tensor) }
    guard let parts = value["values"], let layout = SparseLayout(rawValue: String(key.dropFirst("$sparse_".count))),
      indices.count == (layout == .coo ? 1 : 2)
    else { throw Unsupported("sparse tensor \(key)") }
    let values = try tensor(parts)
    for holder in [value, json] {
      if case .bool(true)? = holder["requires_grad"] { values.requiresGrad_() }
    }
    let size = Shape((value["size"]?.elements ?? []).compactMap(\.integer))
    var isCoalesced = false
    if case .bool(true)? = value["coalesced"] { isCoalesced = true }
    return try withErrors {
      layout == .coo
        ? SparseTensor.coo(indices[0], values, shape: size, isCoalesced: isCoalesced)
        : SparseTensor.compressed(layout, indices[0], indices[1], values, shape: size)
    }
  }
}
