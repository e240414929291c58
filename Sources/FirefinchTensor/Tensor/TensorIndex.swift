import FirefinchCore

/// One position of a subscript: what stands between two commas of PyTorch's `x[…, …]`.
public enum TensorIndex: Sendable {
  /// One index of a dim, which is removed; counted from the end when negative.
  case at(Int)
  /// Elements `start..<end`, every `step`-th; negative bounds count from the end, bounds outside are clamped.
  case slice(from: Int?, to: Int?, by: Int)
  /// A new dim of size 1. Python's `None`.
  case newDim
  /// As many whole dims as are left. Python's `...`.
  case rest
  /// Whole-number indices, or a mask of bools over as many dims as it has.
  case tensor(Tensor)
}

/// What may stand in a tensor's subscript: numbers, ranges, `.all`, `.newAxis`, `.ellipsis`, `.every(2, from: 1)`, tensors
/// of indices, masks, and arrays of whole numbers.
public protocol TensorIndexing {
  var tensorIndex: TensorIndex { get }
}

extension TensorIndex: TensorIndexing {
  public var tensorIndex: TensorIndex { self }
}
extension TensorIndexing where Self == TensorIndex {
  /// A whole dim. Python's `:`.
  public static var all: TensorIndex { .slice(from: nil, to: nil, by: 1) }
  /// A new dim of size 1. Python's `None`.
  public static var newAxis: TensorIndex { .newDim }
  /// As many whole dims as are left. Python's `...`.
  public static var ellipsis: TensorIndex { .rest }
  /// Every `step`-th of the elements `start..<end`. Python's `start:end:step`.
  public static func every(_ step: Int, from start: Int? = nil, to end: Int? = nil) -> TensorIndex {
    .slice(from: start, to: end, by: step)
  }
}
extension Int: TensorIndexing { public var tensorIndex: TensorIndex { .at(self) } }
extension Range<Int>: TensorIndexing {
  public var tensorIndex: TensorIndex { .slice(from: lowerBound, to: upperBound, by: 1) }
}
extension ClosedRange<Int>: TensorIndexing {
  public var tensorIndex: TensorIndex { .slice(from: lowerBound, to: upperBound == -1 ? nil : upperBound + 1, by: 1) }
}
extension PartialRangeFrom<Int>: TensorIndexing {
  public var tensorIndex: TensorIndex { .slice(from: lowerBound, to: nil, by: 1) }
}
extension PartialRangeUpTo<Int>: TensorIndexing {
  public var tensorIndex: TensorIndex { .slice(from: nil, to: upperBound, by: 1) }
}
extension PartialRangeThrough<Int>: TensorIndexing {
  public var tensorIndex: TensorIndex { .slice(from: nil, to: upperBound == -1 ? nil : upperBound + 1, by: 1) }
}
extension Tensor: TensorIndexing { public var tensorIndex: TensorIndex { .tensor(self) } }
extension Array: TensorIndexing where Element: TensorElement {
  public var tensorIndex: TensorIndex { .tensor(isEmpty ? Tensor([Int]()) : Tensor(self)) }
}

extension Tensor {
  /// Part of the tensor. Numbers, ranges, `.all`, `.newAxis` and `.ellipsis` give a view; tensors and arrays of indices and
  /// masks give a copy, placed as in PyTorch and NumPy. Assigning writes into this tensor, broadcast and converted, and is
  /// differentiable. Same as `x[…]` in PyTorch.
  ///
  /// ```swift
  /// x[0]            // first row
  /// x[.all, 1..<3]  // columns 1 and 2
  /// x[.ellipsis, -1] = y
  /// x[x .< 0] = 0
  /// ```
  public subscript(_ indices: any TensorIndexing...) -> Tensor {
    get { ErrorScope.guarding { try item(at: indices.map(\.tensorIndex)) } }
    set { assign(newValue, at: indices.map(\.tensorIndex)) }
  }

  /// The same with the positions in an array.
  public subscript(indices indices: [TensorIndex]) -> Tensor {
    get { ErrorScope.guarding { try item(at: indices) } }
    set { assign(newValue, at: indices) }
  }

  /// Writes a number at a subscript. Same as `x[…] = number`.
  public func set(_ indices: any TensorIndexing..., to value: some ScalarConvertible) {
    assign(Tensor.wrapped(value.scalar).to(dtype), at: indices.map(\.tensorIndex))
  }

  private func item(at indices: [TensorIndex]) throws -> Tensor {
    if isPoisoned { return self }
    let (view, advanced) = try Subscript.view(self, indices)
    return advanced.isEmpty ? view : view.index(advanced)
  }

  private func assign(_ value: Tensor, at indices: [TensorIndex]) {
    if isPoisoned || value.isPoisoned { return }
    _ = ErrorScope.guarding {
      let (view, advanced) = try Subscript.view(self, indices)
      // PyTorch drops leading dims of size 1 that the target lacks.
      if advanced.isEmpty { return view.copy_(Subscript.trimmed(value, rank: view.rank)) }
      return view.indexPut_(advanced, value)
    }
  }
}

/// How a subscript is taken apart.
private enum Subscript {
  /// The view by everything but tensors, and the tensors at the view's dims.
  static func view(_ x: Tensor, _ indices: [TensorIndex]) throws -> (Tensor, [Tensor?]) {
    let consumed = indices.reduce(0) { $0 + dims($1) }
    if consumed > x.rank {
      throw TensorError.index("subscript: \(consumed) indices for a tensor of \(x.rank) dims (shape \(x.shape))")
    }
    if indices.filter({ if case .rest = $0 { true } else { false } }).count > 1 {
      throw TensorError.index("subscript: only one .ellipsis may stand in a subscript")
    }
    var view = x
    var advanced: [Tensor?] = []
    var dim = 0
    // Dims that `advanced` stands for: a mask stands for several.
    var covered = 0
    for index in indices.map(number) {
      switch index {
      case .at(let position):
        view = view.select(dim: dim, position)
      case .slice(let start, let end, let step):
        if start != nil || end != nil || step != 1 { view = view.slice(dim: dim, start: start, end: end, step: step) }
        dim += 1
      case .newDim:
        view = view.unsqueeze(dim: dim)
        dim += 1
      case .rest:
        dim += x.rank - consumed
      case .tensor(let tensor):
        while covered < dim {
          advanced.append(nil)
          covered += 1
        }
        // A mask of no dims is an index into a dim of its own.
        if tensor.dtype == .bool && tensor.rank == 0 { view = view.unsqueeze(dim: dim) }
        let given = tensor.dtype == .bool && tensor.rank == 0 ? tensor.unsqueeze(dim: 0) : tensor
        advanced.append(given)
        dim += Swift.max(dims(index), 1)
        covered = dim
      }
      if view.isPoisoned { return (view, []) }
    }
    return (view, advanced)
  }

  /// A 0-dim tensor of an integer is that integer, as in PyTorch.
  private static func number(_ index: TensorIndex) -> TensorIndex {
    guard case .tensor(let tensor) = index, tensor.rank == 0, tensor.device == .cpu, !tensor.isPoisoned else { return index }
    return tensor.dtype == .int64 || tensor.dtype == .int32 ? .at(tensor.intValue) : index
  }

  /// Dims of the tensor that an index stands for.
  private static func dims(_ index: TensorIndex) -> Int {
    switch index {
    case .at, .slice: 1
    case .newDim, .rest: 0
    case .tensor(let tensor): tensor.dtype == .bool ? tensor.rank : 1
    }
  }

  static func trimmed(_ value: Tensor, rank: Int) -> Tensor {
    var value = value
    while value.rank > rank && value.shape[0] == 1 { value = value.select(dim: 0, 0) }
    return value
  }
}
