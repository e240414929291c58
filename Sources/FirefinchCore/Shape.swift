/// Sizes of a tensor's dims, outermost first; also used for strides.
///
/// Up to six dims are stored inline, so that making and copying a shape allocates nothing; more spill to an array.
/// Equal to PyTorch's `torch.Size` in meaning. Reading an element outside the dims gives 0, never a trap.
public struct Shape: Sendable, RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral,
  CustomStringConvertible
{
  @usableFromInline static let inlineDims = 6
  @usableFromInline var small: InlineArray<6, Int>
  @usableFromInline var spill: [Int]?
  @usableFromInline var length: Int

  /// The shape of a 0-dim tensor.
  @inlinable public init() {
    small = InlineArray(repeating: 0)
    spill = nil
    length = 0
  }

  /// `count` dims of the same value.
  @inlinable public init(repeating value: Int, count: Int) {
    self.init()
    length = count
    if count > Shape.inlineDims {
      spill = [Int](repeating: value, count: count)
    } else {
      for i in 0..<count { small[i] = value }
    }
  }

  @inlinable public init(_ dims: some Collection<Int>) {
    self.init()
    for dim in dims { append(dim) }
  }

  @inlinable public init(arrayLiteral elements: Int...) { self.init(elements) }

  @inlinable public var count: Int { length }
  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { length }

  @inlinable public subscript(index: Int) -> Int {
    get {
      if index < 0 || index >= length { return 0 }
      return spill == nil ? small[index] : spill![index]
    }
    set {
      if index < 0 || index >= length { fatalError("Shape: dim \(index) is out of range for \(length) dims") }
      if spill == nil { small[index] = newValue } else { spill![index] = newValue }
    }
  }

  /// Adds a dim at the end.
  @inlinable public mutating func append(_ value: Int) {
    if spill != nil {
      spill!.append(value)
    } else if length == Shape.inlineDims {
      var dims = (0..<length).map { small[$0] }
      dims.append(value)
      spill = dims
    } else {
      small[length] = value
    }
    length += 1
  }

  /// Adds a dim in front of dim `index`.
  public mutating func insert(_ value: Int, at index: Int) {
    var dims = array
    dims.insert(value, at: index)
    self = Shape(dims)
  }

  /// Removes dim `index`.
  public mutating func remove(at index: Int) {
    var dims = array
    dims.remove(at: index)
    self = Shape(dims)
  }

  /// The dims as an array.
  @inlinable public var array: [Int] { spill ?? (0..<length).map { small[$0] } }

  /// Number of elements: the product of the dims; 1 for no dims.
  @inlinable public var elementCount: Int {
    if spill != nil { return spill!.reduce(1, &*) }
    var product = 1
    for i in 0..<length { product &*= small[i] }
    return product
  }

  public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}

extension Shape: Hashable {
  @inlinable public static func == (a: Shape, b: Shape) -> Bool {
    if a.length != b.length { return false }
    if a.spill != nil { return a.spill! == b.spill! }
    for i in 0..<a.length where a.small[i] != b.small[i] { return false }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(length)
    for value in self { hasher.combine(value) }
  }
}
