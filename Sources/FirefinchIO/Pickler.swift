import FirefinchTensor

/// Writes protocol-2 pickles of state trees with the instructions that `torch.load(weights_only=True)` knows.
package struct Pickler {
  /// How a tensor refers to its bytes: the storage's key, its type such as `FloatStorage`, and its length in elements.
  package struct StorageName {
    var key: String
    var type: String
    var count: Int
  }

  private var out: [UInt8] = [0x80, 2]
  private var memo: [String: Int] = [:]
  private var memoCount = 0
  private let storage: (Tensor) throws -> StorageName

  /// The pickle of a tree; `storage` names the bytes of each tensor. Throws `FormatError` for trees nested deeper than
  /// readers accept.
  package static func write(_ value: StateValue, storage: (Tensor) throws -> StorageName) throws -> [UInt8] {
    try withoutActuallyEscaping(storage) { storage in
      var pickler = Pickler(storage: storage)
      try pickler.value(value, depth: 0)
      pickler.out.append(UInt8(ascii: "."))
      return pickler.out
    }
  }

  private init(storage: @escaping (Tensor) throws -> StorageName) { self.storage = storage }

  private mutating func op(_ code: Character) { out.append(code.asciiValue!) }
  private mutating func little(_ value: Int, _ count: Int) {
    for i in 0..<count { out.append(UInt8(truncatingIfNeeded: value >> (8 * i))) }
  }

  /// Refers to what was written before, or writes it and remembers it.
  private mutating func once(_ key: String, _ write: (inout Pickler) throws -> Void) rethrows {
    if let index = memo[key] {
      op(index < 256 ? "h" : "j")
      little(index, index < 256 ? 1 : 4)
      return
    }
    try write(&self)
    let index = memoCount
    memoCount += 1
    memo[key] = index
    op(index < 256 ? "q" : "r")
    little(index, index < 256 ? 1 : 4)
  }

  private mutating func global(_ module: String, _ name: String) {
    once("c\(module) \(name)") { pickler in
      pickler.op("c")
      pickler.out += Array("\(module)\n\(name)\n".utf8)
    }
  }

  private mutating func string(_ text: String) throws {
    let bytes = Array(text.utf8)
    guard bytes.count <= Int(UInt32.max) else { throw FormatError("a string of \(bytes.count) bytes is too long") }
    func plain(_ pickler: inout Pickler) {
      pickler.op("X")
      pickler.little(bytes.count, 4)
      pickler.out += bytes
    }
    // Long texts rarely repeat.
    if bytes.count > 200 { plain(&self) } else { once("s" + text, plain) }
  }

  private mutating func integer(_ value: Int) {
    switch value {
    case 0...255:
      op("K")
      little(value, 1)
    case 256...65535:
      op("M")
      little(value, 2)
    case Int(Int32.min)...Int(Int32.max):
      op("J")
      little(value, 4)
    default:
      out += [0x8A, 8]
      little(value, 8)
    }
  }

  private mutating func value(_ value: StateValue, depth: Int) throws {
    if depth > PickleGraph.depthLimit {
      throw FormatError("more than \(PickleGraph.depthLimit) levels of nested containers")
    }
    switch value {
    case .none: op("N")
    case .bool(let value): out.append(value ? 0x88 : 0x89)
    case .int(let value): integer(value)
    case .double(let value):
      op("G")
      let bits = value.bitPattern
      for i in (0..<8).reversed() { out.append(UInt8(truncatingIfNeeded: bits >> (8 * UInt64(i)))) }
    case .string(let text): try string(text)
    case .tensor(let tensor): try self.tensor(tensor)
    case .list(let elements):
      op("]")
      if elements.isEmpty { return }
      op("(")
      for element in elements { try self.value(element, depth: depth + 1) }
      op("e")
    case .tuple(let elements):
      if elements.isEmpty { return op(")") }
      op("(")
      for element in elements { try self.value(element, depth: depth + 1) }
      op("t")
    case .dict(let entries):
      op("}")
      if entries.isEmpty { return }
      op("(")
      for entry in entries {
        switch entry.key {
        case .int(let key): integer(key)
        case .string(let key): try string(key)
        }
        try self.value(entry.value, depth: depth + 1)
      }
      op("u")
    }
  }

  /// torch._utils._rebuild_tensor_v2(storage, offset, sizes, strides, requires grad, hooks).
  private mutating func tensor(_ tensor: Tensor) throws {
    let name = try storage(tensor)
    global("torch._utils", "_rebuild_tensor_v2")
    op("(")
    op("(")
    try string("storage")
    global("torch", name.type)
    try string(name.key)
    try string("cpu")
    integer(name.count)
    op("t")
    op("Q")
    integer(tensor.layout.offset)
    op("(")
    for size in tensor.shape { integer(size) }
    op("t")
    op("(")
    for stride in tensor.strides { integer(stride) }
    op("t")
    out.append(tensor.requiresGrad && tensor.isLeaf ? 0x88 : 0x89)
    global("collections", "OrderedDict")
    op(")")
    op("R")
    op("t")
    op("R")
  }
}
