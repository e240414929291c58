import FirefinchCore
import FirefinchTensor

/// The objects that a pickle describes, as plain data. They are kept in one array and refer to one another by index, so
/// that no nesting or cycle, however deep, can exhaust the stack when they are built or freed.
package struct PickleGraph {
  /// Index of a node.
  package typealias Ref = Int

  enum Kind {
    case none
    case bool(Bool)
    case int(Int)
    /// A whole number beyond 64 bits: two's complement, least byte first.
    case bigInt([UInt8])
    case double(Double)
    case string(String)
    case bytes([UInt8])
    /// Children are the elements.
    case list, tuple, set
    /// Children are keys and values in turn.
    case dict
    /// An allowed name, such as `torch.FloatStorage`.
    case global(String)
    /// Index in `storages`.
    case storage(Int)
    /// Index in `tensors`.
    case tensor(Int)
    /// NumPy's element type.
    case numpyType(ElementFormat, isBigEndian: Bool)
    /// NumPy's array before its state is set.
    case emptyArray
    /// A tensor that is complete already.
    case ready(Tensor)
  }

  struct Node {
    var kind: Kind
    var children: [Ref] = []
  }

  /// A storage that tensors refer to; whoever reads the file provides its bytes.
  package struct StorageRecord {
    var key: String
    /// Nil when the storage has no type of its own.
    var format: ElementFormat?
    /// In elements, or in bytes for a storage without type.
    var count: Int
    /// Where a view of old files begins in the storage, in elements.
    var viewOffset = 0
    /// In bytes.
    package var byteCount: Int { count * (format?.size ?? 1) }
  }

  struct TensorRecord {
    var storage: Int
    var format: ElementFormat
    var offset: Int
    var sizes: [Int]
    var strides: [Int]
    var requiresGrad: Bool
  }

  var nodes: [Node] = []
  package internal(set) var storages: [StorageRecord] = []
  var tensors: [TensorRecord] = []

  mutating func add(_ kind: Kind, _ children: [Ref] = []) -> Ref {
    nodes.append(Node(kind: kind, children: children))
    return nodes.count - 1
  }
}

// MARK: As plain values

extension PickleGraph {
  /// Deepest nesting that is converted.
  static let depthLimit = 256
  /// Most values of a tree, those reached on several ways counted each time.
  static let valueLimit = 1 << 24

  /// The tree under `root`. `storage` gives the bytes of a storage. Throws `FormatError` for cycles, for what a state
  /// tree cannot hold, and for tensors that leave their storage.
  package func value(_ root: Ref, storage: (Int) throws -> Storage) throws -> StateValue {
    var conversion = Conversion(graph: self)
    return try conversion.value(root, depth: 0, storage: storage).value
  }

  private struct Conversion {
    /// Values reached on several ways are built once.
    typealias Done = (value: StateValue, count: Int)
    let graph: PickleGraph
    var done: [Ref: Done] = [:]
    var open: Set<Ref> = []

    mutating func value(_ ref: Ref, depth: Int, storage: (Int) throws -> Storage) throws -> Done {
      let node = graph.nodes[ref]
      switch node.kind {
      case .none: return (.none, 1)
      case .bool(let value): return (.bool(value), 1)
      case .int(let value): return (.int(value), 1)
      case .bigInt(let bytes): return (.double(try PickleGraph.double(bytes)), 1)
      case .double(let value): return (.double(value), 1)
      case .string(let value): return (.string(value), 1)
      case .global(let name):
        guard name.hasPrefix("torch.") else { throw FormatError("the class \(name) itself is not a value") }
        return (.string(name), 1)
      case .numpyType(let format, _): return (.string(format.bits.name), 1)
      case .emptyArray: throw FormatError("an array without data")
      case .storage: throw FormatError("a bare storage; save tensors instead")
      case .ready(let tensor): return (.tensor(tensor), 1)
      case .bytes, .tensor, .list, .tuple, .set, .dict: break
      }
      if let known = done[ref] { return known }
      if depth >= PickleGraph.depthLimit {
        throw FormatError("more than \(PickleGraph.depthLimit) levels of nested containers")
      }
      if !open.insert(ref).inserted { throw FormatError("a container that contains itself") }
      let result = try container(node, depth: depth, storage: storage)
      open.remove(ref)
      if result.count > PickleGraph.valueLimit {
        throw FormatError("more than \(PickleGraph.valueLimit) values, many of them the same")
      }
      done[ref] = result
      return result
    }

    private mutating func container(_ node: Node, depth: Int, storage: (Int) throws -> Storage) throws -> Done {
      switch node.kind {
      case .bytes(let bytes): return (.tensor(Tensor(bytes)), 1)
      case .tensor(let index): return (.tensor(try graph.tensor(index, storage: storage)), 1)
      case .dict:
        var entries: [(key: StateKey, value: StateValue)] = []
        var places: [StateKey: Int] = [:]
        var total = 1
        for i in stride(from: 0, to: node.children.count - 1, by: 2) {
          let key = try key(node.children[i])
          let (value, count) = try value(node.children[i + 1], depth: depth + 1, storage: storage)
          total += count
          if let place = places[key] {
            entries[place].value = value
          } else {
            places[key] = entries.count
            entries.append((key, value))
          }
        }
        return (.dict(entries), total)
      default:
        var elements: [StateValue] = []
        elements.reserveCapacity(node.children.count)
        var total = 1
        for child in node.children {
          let (value, count) = try value(child, depth: depth + 1, storage: storage)
          total += count
          elements.append(value)
        }
        if case .tuple = node.kind { return (.tuple(elements), total) }
        return (.list(elements), total)
      }
    }

    private func key(_ ref: Ref) throws -> StateKey {
      switch graph.nodes[ref].kind {
      case .string(let text): return .string(text)
      case .bytes(let bytes):
        guard let text = String(validating: bytes, as: UTF8.self) else { throw FormatError("a dictionary key of bytes that are no text") }
        return .string(text)
      case .int(let value): return .int(value)
      // As in Python, where True == 1.
      case .bool(let value): return .int(value ? 1 : 0)
      default: throw FormatError("a dictionary key that is neither a string nor a whole number")
      }
    }
  }

  /// The nearest double of a two's-complement number.
  static func double(_ bytes: [UInt8]) throws -> Double {
    let isNegative = (bytes.last ?? 0) & 0x80 != 0
    var value = 0.0
    for byte in bytes.reversed() { value = value * 256 + Double(isNegative ? ~byte : byte) }
    if !value.isFinite { throw FormatError("a whole number of \(bytes.count) bytes is too large") }
    return isNegative ? -(value + 1) : value
  }

  private func tensor(_ index: Int, storage: (Int) throws -> Storage) throws -> Tensor {
    let record = tensors[index]
    let owner = storages[record.storage]
    let memory = try storage(record.storage)
    let (offset, overflow) = record.offset.addingReportingOverflow(owner.viewOffset)
    if overflow { throw FormatError("a tensor's offset is too large") }
    let layout = Layout(shape: Shape(record.sizes), strides: Shape(record.strides), offset: offset)
    var tensor: Tensor
    do { tensor = try Tensor(storage: memory, checked: layout, dtype: record.format.bits) } catch {
      throw FormatError(error.message)
    }
    if tensor.dtype == .bool { try FileTensor.checkBools(tensor) }
    if record.format.nativeType == nil {
      guard tensor.elementCount <= memory.byteCount / record.format.size else {
        throw FormatError("an expanded tensor of an unsigned dtype")
      }
      guard let wide = record.format.widened(tensor.contiguous()) else {
        throw FormatError("an unsigned number is too large for int64")
      }
      tensor = wide
    }
    if record.requiresGrad && tensor.dtype.isFloatingPoint { tensor.requiresGrad = true }
    return tensor
  }
}
