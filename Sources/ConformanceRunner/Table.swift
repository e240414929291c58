import Firefinch

/// Every function by its public PyTorch name: schemas with the Swift calls they stand for. Records need no entry.
struct Table {
  /// One overload.
  struct Entry {
    let schema: Schema
    let body: (Call) throws -> any Answer
  }

  private(set) var entries: [String: [Entry]] = [:]
  private var records: [String: [Op]] = [:]
  private var raws: [String: ([Argument], [(String, Argument)]) throws -> any Answer] = [:]

  init() {
    for op in OpCatalog.all { records[op.schema.name, default: []].append(op) }
    addCore()
    addFFT()
    addLinalg()
    addProducts()
    addSparse()
    addCreation()
    addRandom()
    addShapes()
    addReductions()
    addPointwise()
    addNeural()
    addLosses()
    addIndexing()
    addMasked()
  }

  /// Adds an overload. The schema's name may contain dots (`linalg.qr`); there are no overload names.
  mutating func op(_ schema: String, _ body: @escaping (Call) throws -> any Answer) {
    let parsed = Schema(schema, hasOverload: false)
    entries[parsed.name, default: []].append(Entry(schema: parsed, body: body))
  }

  /// Adds a function that takes its arguments as they come.
  mutating func raw(_ name: String, _ body: @escaping (_ args: [Argument], _ kwargs: [(String, Argument)]) throws -> any Answer) {
    raws[name] = body
  }

  /// Gives what is known as `name` another name.
  mutating func alias(_ other: String, _ name: String) {
    entries[other] = entries[name]
    if let ops = records[name] { records[other] = ops }
  }

  /// Whether anything answers to the name.
  func contains(_ name: String) -> Bool { raws[name] != nil || entries[name] != nil || record(name) != nil }

  /// Every name that something answers to.
  var names: Set<String> { Set(entries.keys).union(raws.keys).union(records.keys) }

  /// The records that answer to the name, if any.
  func record(_ name: String) -> [Op]? {
    if let known = records[name] { return known }
    let prefixes = ["nn.functional.", "special.", "torch.ops.aten."]
    for prefix in prefixes where name.hasPrefix(prefix) { return records[String(name.dropFirst(prefix.count))] }
    return nil
  }

  /// Calls the function `name`. The first overload whose arguments bind is taken; first without, then with conversions of
  /// tensors to numbers and bools to integers.
  func call(_ name: String, _ args: [Argument], _ kwargs: [(String, Argument)]) throws -> any Answer {
    guard contains(name) else { throw Unsupported("\(name) is not implemented") }
    if let raw = raws[name] { return try raw(args, kwargs) }
    var why = ""
    for isLenient in [false, true] {
      for entry in entries[name] ?? [] {
        do {
          let bound = try Binder(schema: entry.schema, isLenient: isLenient).bind(args, kwargs)
          return try entry.body(Call(name: name, schema: entry.schema, arguments: bound))
        } catch let mismatch as Mismatch { why = mismatch.message }
      }
      for op in record(name) ?? [] {
        do {
          let bound = try Binder(schema: op.schema, isLenient: isLenient).bind(args, kwargs)
          return op.results(try Call(name: name, schema: op.schema, arguments: bound).values())
        } catch let mismatch as Mismatch { why = mismatch.message }
      }
    }
    throw TensorError.value("\(name): the arguments fit no form of it: \(why)")
  }

  /// Calls the in-place form of `name`: its own entry (`name_`), a record's in-place form, or the function's result written
  /// into the first argument.
  func callInPlace(_ name: String, _ args: [Argument], _ kwargs: [(String, Argument)]) throws -> any Answer {
    if entries[name + "_"] != nil { return try call(name + "_", args, kwargs) }
    // Forms for sparse tensors have no in-place ones.
    let isOwn = entries[name]?.contains { entry in !entry.schema.parameters.contains { $0.type == "Sparse" } } ?? false
    if !isOwn, let ops = record(name) {
      for isLenient in [false, true] {
        for op in ops {
          let binder = Binder(schema: op.schema, isLenient: isLenient)
          guard let bound = try? binder.bind(args, kwargs), !op.isView else { continue }
          return op.inPlace(try Call(name: name, schema: op.schema, arguments: bound).values())
        }
      }
    }
    guard case .tensor(let target)? = args.first else { throw Unsupported("\(name)_ without a tensor") }
    guard let result = try call(name, args, kwargs).leaves.first?.tensor else { throw Unsupported("\(name)_") }
    return target.assign_(result, op: name + "_")
  }
}

/// Arguments that do not fit a schema.
struct Mismatch: Error {
  let message: String
  init(_ message: String) { self.message = message }
}

/// Puts arguments into a schema's order as Python does: by position, then by name, then defaults.
struct Binder {
  let schema: Schema
  /// Whether tensors of one element may stand for numbers and bools for integers.
  let isLenient: Bool

  func bind(_ args: [Argument], _ kwargs: [(String, Argument)]) throws -> [Argument] {
    let parameters = schema.parameters
    var bound = [Argument?](repeating: nil, count: parameters.count)
    var position = 0
    let positional = parameters.prefix { !$0.isKeywordOnly }.count
    while position < args.count {
      guard position < positional else { throw Mismatch("expected at most \(positional) positional arguments, got \(args.count)") }
      let parameter = parameters[position]
      // x.view(2, 3): the last list takes what is left.
      let rest = args[position...]
      let isVariadic = parameter.type.hasSuffix("]") && position == positional - 1 && rest.count > 1
      if isVariadic && rest.allSatisfy({ $0.elements == nil }) {
        bound[position] = .list(Array(rest))
        position = args.count
      } else {
        bound[position] = args[position]
        position += 1
      }
    }
    for (name, value) in kwargs {
      let known = parameters.firstIndex { $0.name == name || ($0.name == "self" && name == "input") }
      guard let index = known else { throw Mismatch("unexpected keyword argument '\(name)'") }
      if bound[index] != nil { throw Mismatch("argument '\(name)' given twice") }
      bound[index] = value
    }
    let hasTensor = bound.contains { if case .tensor? = $0 { true } else { false } }
    return try zip(parameters, bound).map { parameter, value in
      guard let value else {
        guard parameter.defaultText != nil || parameter.isOptional else { throw Mismatch("missing argument '\(parameter.name)'") }
        return Binder.argument(parameter.defaultValue, parameter)
      }
      guard fits(value, parameter, besideTensor: hasTensor) else {
        throw Mismatch("argument '\(parameter.name)' must be \(parameter.type), got \(value.typeName)")
      }
      return value
    }
  }

  private static func argument(_ value: Value, _ parameter: Schema.Parameter) -> Argument {
    switch value {
    case .scalar(.bool(let value)): .bool(value)
    case .scalar(.int(let value)): .int(value)
    case .scalar(.double(let value)): .double(value)
    case .ints(let values): .list(values.map { .int($0) })
    case .string(let text): .string(text)
    default: .none
    }
  }

  private func fits(_ value: Argument, _ parameter: Schema.Parameter, besideTensor: Bool) -> Bool {
    if case .none = value { return parameter.isOptional || parameter.type == "Any" || parameter.defaultText == "None" }
    let type = parameter.type
    if type == "Any" { return true }
    if type == "Sparse" {
      if case .sparse = value { return true }
      return false
    }
    if type.hasPrefix("Tensor") {
      if type.hasSuffix("]") {
        return value.elements?.allSatisfy {
          switch $0 {
          case .tensor: true
          case .none: type.contains("?")
          default: false
          }
        } ?? false
      }
      if case .tensor = value { return true }
      if value.scalar == nil { return false }
      return type == "TensorOrNumber" || type == "TensorOrScalar" && besideTensor
    }
    if type.hasSuffix("]") { return fits(list: value, type) }
    switch type {
    case "Scalar", "number":
      if case .tensor(let tensor) = value { return isLenient && tensor.rank == 0 }
      return value.scalar != nil
    case "int", "SymInt":
      if case .bool = value { return isLenient }
      if case .tensor = value { return isLenient && value.integer != nil }
      return value.integer != nil
    case "float":
      switch value {
      case .int, .double: return true
      case .bool: return isLenient
      case .tensor(let tensor): return isLenient && tensor.elementCount == 1
      default: return false
      }
    case "bool":
      if case .bool = value { return true }
      if case .int = value { return isLenient }
      return false
    case "str":
      if case .string = value { return true }
      return false
    case "ScalarType":
      if case .dtype = value { return true }
      return false
    case "device":
      // A device's name will do, as in Python.
      if case .device = value { return true }
      if case .string = value { return true }
      return false
    default: return true
    }
  }

  private func fits(list value: Argument, _ type: String) -> Bool {
    let isFloat = type.hasPrefix("float")
    func number(_ value: Argument) -> Bool {
      if isFloat { if case .double = value { return true } }
      if case .bool = value { return isLenient }
      if case .tensor(let tensor) = value { return tensor.rank == 0 && value.integer != nil }
      return value.integer != nil
    }
    if let elements = value.elements { return elements.allSatisfy(number) }
    return number(value)
  }
}
