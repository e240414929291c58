import Firefinch
import Foundation

/// One leaf of a flat list of results.
enum Leaf {
  case tensor(Tensor)
  case scalar(Scalar)
  case string(String)
  case sparse(SparseTensor)
  case none

  /// The tensor that gradients start from; a sparse one as a dense one.
  var tensor: Tensor? {
    switch self {
    case .tensor(let tensor): tensor
    case .sparse(let tensor): tensor.toDense()
    default: nil
    }
  }
}

/// What a table entry may return; arrays and tuples are flattened depth first.
protocol Answer {
  var leaves: [Leaf] { get }
}
extension Tensor: Answer { var leaves: [Leaf] { [.tensor(self)] } }
extension SparseTensor: Answer { var leaves: [Leaf] { [.sparse(self)] } }
extension Int: Answer { var leaves: [Leaf] { [.scalar(.int(self))] } }
extension Double: Answer { var leaves: [Leaf] { [.scalar(.double(self))] } }
extension Bool: Answer { var leaves: [Leaf] { [.scalar(.bool(self))] } }
extension String: Answer { var leaves: [Leaf] { [.string(self)] } }
extension Scalar: Answer { var leaves: [Leaf] { [.scalar(self)] } }
extension Shape: Answer { var leaves: [Leaf] { map { .scalar(.int($0)) } } }
extension Leaf: Answer { var leaves: [Leaf] { [self] } }
extension Optional: Answer where Wrapped: Answer { var leaves: [Leaf] { self?.leaves ?? [.none] } }
extension Array: Answer where Element: Answer { var leaves: [Leaf] { flatMap(\.leaves) } }

/// Several results of different types, in order.
struct Several: Answer {
  let leaves: [Leaf]
  init(_ parts: any Answer...) { leaves = parts.flatMap(\.leaves) }
}

extension Leaf {
  /// The leaf as PROTOCOL.md's section 1 wants it.
  var json: JSONValue {
    switch self {
    case .none: .null
    case .string(let text): .string(text)
    case .sparse(let tensor): Leaf.encode(tensor)
    case .scalar(let number): Leaf.number(number)
    case .tensor(let tensor): Leaf.encode(tensor)
    }
  }

  private static func number(_ value: Scalar) -> JSONValue {
    switch value {
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .record([("$f", float(value))])
    case .complex(let re, let im): .record([("$c", .array([float(re), float(im)]))])
    }
  }

  static func float(_ value: Double) -> JSONValue {
    value.isFinite ? .double(value) : .string(value.isNaN ? "nan" : value < 0 ? "-inf" : "inf")
  }

  private static func encode(_ tensor: SparseTensor) -> JSONValue {
    let places: [(String, Tensor)] =
      switch tensor.layout {
      case .coo: [("indices", tensor.indices)]
      case .csr, .bsr: [("crow_indices", tensor.crowIndices), ("col_indices", tensor.colIndices)]
      case .csc, .bsc: [("ccol_indices", tensor.ccolIndices), ("row_indices", tensor.rowIndices)]
      }
    var members = (places + [("values", tensor.values)]).map { ($0.0, encode($0.1)) }
    members.append(("size", .array(tensor.shape.map { .int($0) })))
    if tensor.layout == .coo { members.append(("coalesced", .bool(tensor.isCoalesced))) }
    return .record([("$sparse_\(tensor.layout.rawValue)", .record(members))])
  }

  /// A dense tensor, inline.
  static func encode(_ tensor: Tensor) -> JSONValue {
    let dense = withNoGrad { tensor.detach().contiguous() }
    let bytes = Data(bytes: dense.data, count: dense.elementCount * dense.dtype.size)
    return .record([
      ("b64", .string(bytes.base64EncodedString())), ("dtype", .string(tensor.dtype.name)),
      ("shape", .array(tensor.shape.map { .int($0) })),
    ])
  }
}
