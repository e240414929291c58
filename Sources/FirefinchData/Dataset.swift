import FirefinchCore
import FirefinchTensor

/// Samples by index. Same as `torch.utils.data.Dataset`.
///
/// `element(at:)` may be called from several threads at once, so a data set is `Sendable`.
public protocol Dataset<Element>: Sendable {
  associatedtype Element: Sendable
  /// Number of samples.
  var count: Int { get }
  /// Sample `index`, `0..<count`. Errors reach the loop that reads the loader, with the index.
  func element(at index: Int) throws -> Element
  /// Several samples at once, for data sets that can do better than one by one. Same as `__getitems__`.
  func elements(at indices: [Int]) throws -> [Element]
}

extension Dataset {
  /// One by one; an error names the sample.
  public func elements(at indices: [Int]) throws -> [Element] {
    try indices.map { index in
      do { return try element(at: index) } catch let error as SampleError { throw error } catch {
        throw SampleError(index: index, underlying: error)
      }
    }
  }
}

/// Samples in a stream of unknown length. Same as `torch.utils.data.IterableDataset`.
public protocol IterableDataset<Element>: Sendable {
  associatedtype Element: Sendable
  /// A fresh pass. Each call of the returned function gives the next sample, nil at the end.
  func makeStream() -> () throws -> Element?
}

/// A sample that could not be read: its index and why.
public struct SampleError: Error, CustomStringConvertible {
  public let index: Int
  public let underlying: any Error
  public var description: String { "data set: sample \(index) could not be read: \(underlying)" }
}

/// Rows of tensors with equal first dims. Same as `torch.utils.data.TensorDataset`.
public struct TensorDataset: Dataset {
  public let tensors: [Tensor]

  /// Tensors of shape (count, …). Throws when the counts differ.
  public init(_ tensors: Tensor...) throws { try self.init(tensors) }

  /// Tensors of shape (count, …). Throws when the counts differ.
  public init(_ tensors: [Tensor]) throws {
    let counts = tensors.map { $0.rank > 0 ? $0.size(0) : -1 }
    if Set(counts).count != 1 || counts.contains(-1) {
      throw TensorError.shape("TensorDataset: first dims must be equal, got shapes \(tensors.map(\.shape))")
    }
    self.tensors = tensors
  }

  public var count: Int { tensors[0].size(0) }

  /// Row `index` of every tensor.
  public func element(at index: Int) throws -> [Tensor] { tensors.map { $0.select(dim: 0, index) } }

  /// Rows gathered in one copy per tensor; what `DataLoader` uses instead of stacking rows.
  public func batch(at indices: [Int]) -> [Tensor] {
    let index = Tensor(indices)
    return tensors.map { $0.indexSelect(dim: 0, index) }
  }
}

/// Some samples of another data set. Same as `torch.utils.data.Subset`.
public struct Subset<Base: Dataset>: Dataset {
  public let base: Base
  public let indices: [Int]

  /// Throws when an index is outside the base.
  public init(_ base: Base, indices: [Int]) throws {
    if let bad = indices.first(where: { $0 < 0 || $0 >= base.count }) {
      throw TensorError.index("Subset: index \(bad) is outside a data set of \(base.count) samples")
    }
    self.base = base
    self.indices = indices
  }

  public var count: Int { indices.count }
  public func element(at index: Int) throws -> Base.Element { try base.element(at: indices[index]) }
  public func elements(at positions: [Int]) throws -> [Base.Element] { try base.elements(at: positions.map { indices[$0] }) }
}

/// Data sets one after another. Same as `torch.utils.data.ConcatDataset`.
public struct ConcatDataset<Base: Dataset>: Dataset {
  public let parts: [Base]
  private let ends: [Int]

  public init(_ parts: [Base]) {
    self.parts = parts
    var total = 0
    ends = parts.map { part in
      total += part.count
      return total
    }
  }

  public var count: Int { ends.last ?? 0 }
  public func element(at index: Int) throws -> Base.Element {
    let part = ends.firstIndex { index < $0 }!
    return try parts[part].element(at: index - (part > 0 ? ends[part - 1] : 0))
  }
}

/// A data set whose samples are changed when read, for augmentation.
public struct MappedDataset<Base: Dataset, Output: Sendable>: Dataset {
  public let base: Base
  private let transform: @Sendable (Base.Element) throws -> Output

  public init(_ base: Base, _ transform: @escaping @Sendable (Base.Element) throws -> Output) {
    self.base = base
    self.transform = transform
  }

  public var count: Int { base.count }
  public func element(at index: Int) throws -> Output { try transform(try base.element(at: index)) }
}

extension Dataset {
  /// The data set with `transform` applied to every sample as it is read.
  public func map<Output: Sendable>(_ transform: @escaping @Sendable (Element) throws -> Output) -> MappedDataset<Self, Output> {
    MappedDataset(self, transform)
  }
}

/// Splits a data set at random into parts of the given lengths, or of the given fractions that add up to 1. Same as
/// `torch.utils.data.random_split`.
public func randomSplit<Base: Dataset>(
  _ dataset: Base, lengths: [Int], generator: Generator = .default
) throws -> [Subset<Base>] {
  if lengths.contains(where: { $0 < 0 }) || lengths.reduce(0, +) != dataset.count {
    throw TensorError.value("randomSplit: lengths \(lengths) do not add up to the \(dataset.count) samples")
  }
  let order = generator.permutation(dataset.count)
  var start = 0
  return try lengths.map { length in
    defer { start += length }
    return try Subset(dataset, indices: Array(order[start..<start + length]))
  }
}

/// Splits by fractions; samples left over by rounding go to the first parts, as in PyTorch.
public func randomSplit<Base: Dataset>(
  _ dataset: Base, fractions: [Double], generator: Generator = .default
) throws -> [Subset<Base>] {
  let total = fractions.reduce(0, +)
  if fractions.contains(where: { $0 < 0 || $0 > 1 }) || abs(total - 1) > 1e-9 {
    throw TensorError.value("randomSplit: fractions \(fractions) do not add up to 1")
  }
  var lengths = fractions.map { Int((Double(dataset.count) * $0).rounded(.down)) }
  let left = dataset.count - lengths.reduce(0, +)
  for i in 0..<left { lengths[i % lengths.count] += 1 }
  return try randomSplit(dataset, lengths: lengths, generator: generator)
}
