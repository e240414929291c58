import FirefinchCore
import FirefinchTensor

/// The names that a checkpoint may use, and what each means. Nothing is executed: every rule makes plain data.
extension Unpickler {
  /// Types of storages by name; nil for those without a type of their own.
  private static let storageTypes: [String: ElementFormat?] = [
    "FloatStorage": .native(.float32), "DoubleStorage": .native(.float64), "HalfStorage": .native(.float16),
    "BFloat16Storage": .native(.bfloat16), "CharStorage": .native(.int8), "ShortStorage": .native(.int16),
    "IntStorage": .native(.int32), "LongStorage": .native(.int64), "ByteStorage": .native(.uint8),
    "BoolStorage": .native(.bool), "ComplexHalfStorage": .native(.complex32), "ComplexFloatStorage": .native(.complex64),
    "ComplexDoubleStorage": .native(.complex128), "UntypedStorage": ElementFormat?.none,
    "TypedStorage": ElementFormat?.none,
  ]

  private static let functions: Set<String> = [
    "collections.OrderedDict", "collections.Counter", "collections.defaultdict", "_codecs.encode", "builtins.set",
    "builtins.frozenset", "builtins.bytearray", "builtins.bytes", "builtins.complex", "builtins.dict", "builtins.list",
    "builtins.int", "builtins.float", "torch.Size", "torch.device", "torch.Tensor", "torch.nn.parameter.Parameter",
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
    "torch._tensor._rebuild_from_type_v2",
    "torch.serialization._get_layout", "numpy.dtype", "numpy.ndarray", "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar", "numpy.core.numeric._frombuffer",
  ]

  /// The one spelling of an allowed name. Throws for every other.
  static func allowed(_ module: String, _ name: String) throws -> String {
    var module = module
    // Python 2, old and new NumPy, and tensors of a GPU, which are read to the CPU.
    if module == "__builtin__" { module = "builtins" }
    if module.hasPrefix("numpy._core.") { module = "numpy.core." + module.dropFirst("numpy._core.".count) }
    if ["torch.cuda", "torch.storage"].contains(module), storageTypes[name] != nil { module = "torch" }
    let full = "\(module).\(name)"
    if functions.contains(full) { return full }
    if module == "torch", storageTypes[name] != nil || ElementFormat(torch: name) != nil { return full }
    throw FormatError(
      "the global '\(full)' is not allowed: a checkpoint may hold tensors and plain values only, and this one could run code"
    )
  }

  private func kind(_ ref: Ref) -> PickleGraph.Kind { graph.nodes[ref].kind }

  private mutating func charge(_ count: Int) throws {
    budget -= count
    if budget < 0 { throw FormatError("it unpacks to far more data than it has") }
  }

  // MARK: Calls

  /// What `function(*arguments)` gives.
  mutating func call(_ function: Ref, _ arguments: Ref) throws -> Ref {
    guard case .global(let name) = kind(function) else { throw FormatError("a call of what is not a function") }
    guard case .tuple = kind(arguments) else { throw FormatError("the arguments of \(name) are not a tuple") }
    return try call(name, graph.nodes[arguments].children, depth: 0)
  }

  private mutating func call(_ name: String, _ args: [Ref], depth: Int) throws -> Ref {
    func wrong() -> FormatError { FormatError("\(name) has \(args.count) arguments of the wrong kind") }
    switch name {
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
      return try tensor(name, args)
    case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
      guard args.count >= 3, case .bool(let requiresGrad) = kind(args[1]) else { throw wrong() }
      guard case .tensor(let index) = kind(args[0]) else { throw wrong() }
      graph.tensors.append(graph.tensors[index])
      graph.tensors[graph.tensors.count - 1].requiresGrad = requiresGrad
      return graph.add(.tensor(graph.tensors.count - 1))
    case "torch._tensor._rebuild_from_type_v2":
      guard depth == 0, args.count == 4, case .global(let inner) = kind(args[0]),
        case .global(let type) = kind(args[1]),
        ["torch.Tensor", "torch.nn.parameter.Parameter"].contains(type), inner.hasPrefix("torch._utils."),
        case .tuple = kind(args[2])
      else { throw wrong() }
      return try call(inner, graph.nodes[args[2]].children, depth: 1)
    case "torch.Size":
      guard args.count == 1 else { throw wrong() }
      switch kind(args[0]) {
      case .tuple, .list: return graph.add(.tuple, graph.nodes[args[0]].children)
      default: throw wrong()
      }
    case "torch.device", "torch.serialization._get_layout":
      guard let first = args.first, case .string(let type) = kind(first) else { throw wrong() }
      if args.count == 2, case .int(let index) = kind(args[1]) { return graph.add(.string("\(type):\(index)")) }
      guard args.count == 1 else { throw wrong() }
      return first
    case "collections.OrderedDict", "collections.Counter", "builtins.dict": return try dictionary(args, wrong)
    case "collections.defaultdict": return try dictionary(Array(args.dropFirst()), wrong)
    case "builtins.set", "builtins.frozenset", "builtins.list":
      if args.isEmpty { return graph.add(name == "builtins.list" ? .list : .set) }
      guard args.count == 1 else { throw wrong() }
      switch kind(args[0]) {
      case .tuple, .list, .set: return graph.add(name == "builtins.list" ? .list : .set, graph.nodes[args[0]].children)
      default: throw wrong()
      }
    case "builtins.complex":
      guard args.count == 2, case .double(let re) = kind(args[0]), case .double(let im) = kind(args[1]) else {
        throw wrong()
      }
      let tensor = Tensor(empty: [], dtype: .complex128)
      tensor.pointer(Double.self)[0] = re
      tensor.pointer(Double.self)[1] = im
      return graph.add(.ready(tensor))
    case "_codecs.encode", "builtins.bytearray", "builtins.bytes": return try bytes(args, wrong)
    default: return try numpy(name, args, wrong)
    }
  }

  private mutating func dictionary(_ args: [Ref], _ wrong: () -> FormatError) throws -> Ref {
    if args.isEmpty { return graph.add(.dict) }
    guard args.count == 1 else { throw wrong() }
    let items = graph.nodes[args[0]].children
    switch kind(args[0]) {
    case .dict: return graph.add(.dict, items)
    case .list, .tuple:
      // Python 2's OrderedDict([[key, value], …]).
      try charge(2 * items.count)
      var children: [Ref] = []
      for item in items {
        let pair = graph.nodes[item].children
        switch kind(item) {
        case .list where pair.count == 2, .tuple where pair.count == 2: children += pair
        default: throw wrong()
        }
      }
      return graph.add(.dict, children)
    default: throw wrong()
    }
  }

  /// `encode(text, "latin1")` is how old protocols write bytes; `bytearray` and `bytes` wrap them.
  private mutating func bytes(_ args: [Ref], _ wrong: () -> FormatError) throws -> Ref {
    guard let first = args.first else { return graph.add(.bytes([])) }
    guard args.count <= 2 else { throw wrong() }
    switch kind(first) {
    case .bytes: return first
    case .string(let text):
      guard args.count == 2, case .string(let codec) = kind(args[1]), ["latin1", "latin-1"].contains(codec) else {
        throw wrong()
      }
      if let known = encoded[first] { return known }
      var out: [UInt8] = []
      out.reserveCapacity(text.utf8.count)
      for scalar in text.unicodeScalars {
        guard let byte = UInt8(exactly: scalar.value) else { throw FormatError("text beyond latin1 stands for bytes") }
        out.append(byte)
      }
      let result = graph.add(.bytes(out))
      encoded[first] = result
      return result
    default: throw wrong()
    }
  }

  // MARK: Tensors

  private func integers(_ ref: Ref) throws -> [Int] {
    let children = graph.nodes[ref].children
    switch kind(ref) {
    case .tuple, .list: break
    default: throw FormatError("sizes or strides that are not a tuple")
    }
    guard children.count <= 64 else { throw FormatError("a tensor of \(children.count) dims, at most 64 are possible") }
    return try children.map { child in
      guard case .int(let value) = kind(child), value >= 0 else {
        throw FormatError("sizes or strides that are not whole numbers from 0")
      }
      return value
    }
  }

  /// (storage, offset, sizes, strides[, requires grad, hooks[, dtype or metadata]]).
  private mutating func tensor(_ name: String, _ args: [Ref]) throws -> Ref {
    func wrong() -> FormatError { FormatError("\(name) has \(args.count) arguments of the wrong kind") }
    guard args.count >= 4, case .storage(let storage) = kind(args[0]), case .int(let offset) = kind(args[1]),
      offset >= 0
    else { throw wrong() }
    var requiresGrad = false
    if args.count > 4 {
      guard case .bool(let value) = kind(args[4]) else { throw wrong() }
      requiresGrad = value
    }
    var format = graph.storages[storage].format
    if name.hasSuffix("_v3") {
      guard args.count >= 7, case .global(let type) = kind(args[6]), type.hasPrefix("torch.") else { throw wrong() }
      format = ElementFormat(torch: type.dropFirst("torch.".count))
    }
    guard let format else { throw FormatError("a tensor over a storage without dtype") }
    let (sizes, strides) = (try integers(args[2]), try integers(args[3]))
    guard sizes.count == strides.count else { throw FormatError("\(sizes.count) sizes with \(strides.count) strides") }
    graph.tensors.append(
      .init(
        storage: storage, format: format, offset: offset, sizes: sizes, strides: strides, requiresGrad: requiresGrad))
    return graph.add(.tensor(graph.tensors.count - 1))
  }

  /// ("storage", type, key, location, count[, (view key, offset, size)]).
  mutating func persistent(_ ref: Ref) throws -> Ref {
    let parts = graph.nodes[ref].children
    guard case .tuple = kind(ref), parts.count == 5 || parts.count == 6, case .string("storage") = kind(parts[0]),
      case .global(let type) = kind(parts[1]), type.hasPrefix("torch."),
      let format = Unpickler.storageTypes[String(type.dropFirst("torch.".count))],
      case .string(let key) = kind(parts[2]), case .int(let count) = kind(parts[4])
    else { throw FormatError("a persistent reference that is not a storage") }
    guard count >= 0, count <= Tensor.elementLimit else {
      throw FormatError("a storage of \(count) elements is not possible")
    }
    var record = PickleGraph.StorageRecord(key: key, format: format, count: count)
    if parts.count == 6 {
      if case .tuple = kind(parts[5]) {
        let view = graph.nodes[parts[5]].children
        guard view.count == 3, case .int(let offset) = kind(view[1]), case .int(let size) = kind(view[2]), offset >= 0,
          size >= 0, offset <= count, size <= count - offset
        else { throw FormatError("a view that leaves its storage") }
        record.viewOffset = offset
      } else if case .none = kind(parts[5]) {
      } else {
        throw FormatError("a storage's view is not a tuple")
      }
    }
    graph.storages.append(record)
    return graph.add(.storage(graph.storages.count - 1))
  }

  // MARK: NumPy

  private mutating func numpy(_ name: String, _ args: [Ref], _ wrong: () -> FormatError) throws -> Ref {
    switch name {
    case "numpy.dtype":
      guard let first = args.first, case .string(let code) = kind(first) else { throw wrong() }
      if code.hasPrefix("O") { throw FormatError("NumPy arrays of objects are refused: they would run code") }
      guard let format = ElementFormat(numpy: code.drop { "<>|=".contains($0) }) else {
        throw FormatError("NumPy's dtype \(code) is not supported")
      }
      return graph.add(.numpyType(format, isBigEndian: code.hasPrefix(">")))
    case "numpy.core.multiarray._reconstruct":
      guard let first = args.first, case .global("numpy.ndarray") = kind(first) else { throw wrong() }
      return graph.add(.emptyArray)
    case "numpy.core.multiarray.scalar":
      guard args.count == 2, case .numpyType(let format, let isBigEndian) = kind(args[0]) else { throw wrong() }
      let tensor = try array(format, isBigEndian, args[1], shape: [], isFortran: false)
      switch tensor.item() {
      case .complex: return graph.add(.ready(tensor))
      case .int(let value): return graph.add(.int(value))
      case .bool(let value): return graph.add(.bool(value))
      case .double(let value): return graph.add(.double(value))
      }
    case "numpy.core.numeric._frombuffer":
      guard args.count == 4, case .numpyType(let format, let isBigEndian) = kind(args[1]),
        case .string(let order) = kind(args[3])
      else { throw wrong() }
      let shape = try integers(args[2])
      return graph.add(.ready(try array(format, isBigEndian, args[0], shape: shape, isFortran: order == "F")))
    default: throw FormatError("\(name) is not a function")
    }
  }

  private mutating func array(
    _ format: ElementFormat, _ isBigEndian: Bool, _ data: Ref, shape: [Int], isFortran: Bool
  ) throws -> Tensor {
    let raw: [UInt8]
    switch kind(data) {
    case .bytes(let bytes): raw = bytes
    case .string(let text): raw = Array(text.utf8)
    default: throw FormatError("a NumPy array's data are not bytes")
    }
    try charge(raw.count)
    let result: Result<Tensor, FormatError> = raw.withUnsafeBytes { bytes in
      do throws(FormatError) {
        return .success(try format.array(bytes, shape: shape, isBigEndian: isBigEndian, isFortran: isFortran))
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// `object.__setstate__(state)`.
  mutating func build(_ target: Ref, _ state: Ref) throws {
    let parts = graph.nodes[state].children
    switch kind(target) {
    // Attributes such as the _metadata of a module's state dict.
    case .dict: return
    case .numpyType(let format, _):
      guard case .tuple = kind(state), parts.count >= 2, case .string(let order) = kind(parts[1]) else {
        throw FormatError("NumPy's dtype is damaged")
      }
      graph.nodes[target].kind = .numpyType(format, isBigEndian: order == ">")
    case .emptyArray:
      guard case .tuple = kind(state), parts.count == 5, case .numpyType(let format, let isBigEndian) = kind(parts[2]),
        case .bool(let isFortran) = kind(parts[3])
      else { throw FormatError("NumPy's array is damaged") }
      let shape = try integers(parts[1])
      graph.nodes[target].kind = .ready(try array(format, isBigEndian, parts[4], shape: shape, isFortran: isFortran))
    default: throw FormatError("the state of an object that has none")
    }
  }
}
