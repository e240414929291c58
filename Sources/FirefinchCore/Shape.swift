import Synchronization

/// Sizes of a tensor's dims, outermost first; also used for strides.
///
/// Up to eight dims are stored inline, so that making and copying a shape allocates nothing and counts no references; of
/// longer ones each distinct list is kept once, for good. Equal to PyTorch's `torch.Size` in meaning. Reading an element
/// outside the dims gives 0, never a trap.
public struct Shape: @unchecked Sendable, RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral,
  CustomStringConvertible
{
  @usableFromInline static var inlineDims: Int { 8 }
  /// The dims; of a longer list the address.
  @usableFromInline var small: InlineArray<8, Int>
  @usableFromInline var length: Int

  /// The shape of a 0-dim tensor.
  @inlinable public init() {
    small = InlineArray(repeating: 0)
    length = 0
  }

  /// Whether the dims are kept elsewhere, at `spill`.
  @inlinable @inline(__always) var isLong: Bool { length > 8 }
  @inlinable var spill: UnsafePointer<Int> { UnsafePointer(bitPattern: small[0]).unsafelyUnwrapped }

  /// A list too long to lie inline.
  @usableFromInline init(long dims: [Int]) {
    small = InlineArray(repeating: 0)
    length = dims.count
    small[0] = Int(bitPattern: LongShapes.shared.keep(dims))
  }

  /// `count` dims of the same value.
  @inline(never) public init(repeating value: Int, count: Int) {
    if count > Shape.inlineDims {
      self.init(long: [Int](repeating: value, count: count))
    } else {
      self.init()
      length = count
      for i in 0..<count { small[i] = value }
    }
  }

  @inlinable public init(_ dims: some Collection<Int>) {
    if dims.count > Shape.inlineDims {
      self.init(long: Array(dims))
    } else {
      self.init()
      for dim in dims {
        small[length] = dim
        length += 1
      }
    }
  }

  // Never inlined: Swift 6.3 lays out constant arrays of shapes wrongly when it sees through this to the inline array.
  @inline(never) public init(arrayLiteral elements: Int...) { self.init(elements) }

  @inlinable public var count: Int { length }
  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { length }

  @inlinable public subscript(index: Int) -> Int {
    get {
      if index < 0 || index >= length { return 0 }
      if isLong { return spill[index] }
      return small[index]
    }
    set {
      if index < 0 || index >= length { fatalError("Shape: dim \(index) is out of range for \(length) dims") }
      if !isLong {
        small[index] = newValue
      } else {
        var dims = array
        dims[index] = newValue
        self = Shape(long: dims)
      }
    }
  }

  /// Adds a dim at the end.
  @inlinable public mutating func append(_ value: Int) {
    if length < Shape.inlineDims {
      small[length] = value
      length += 1
    } else {
      self = Shape(long: array + [value])
    }
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
  @inlinable public var array: [Int] {
    if isLong { return Array(UnsafeBufferPointer(start: spill, count: length)) }
    return (0..<length).map { small[$0] }
  }

  /// Number of elements: the product of the dims; 1 for no dims.
  @inlinable public var elementCount: Int {
    var product = 1
    if isLong {
      for i in 0..<length { product &*= spill[i] }
    } else {
      for i in 0..<length { product &*= small[i] }
    }
    return product
  }

  public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}

extension Shape: Hashable {
  @inlinable public static func == (a: Shape, b: Shape) -> Bool {
    if a.length != b.length { return false }
    // Long lists are kept once each: equal ones have one address.
    for i in 0..<Swift.min(a.length, Shape.inlineDims) where a.small[i] != b.small[i] { return false }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(length)
    for value in self { hasher.combine(value) }
  }
}

/// Keeps each list of more than eight dims once.
private final class LongShapes: Sendable {
  static let shared = LongShapes()
  private let known = Mutex<[[Int]: UInt]>([:])

  func keep(_ dims: [Int]) -> UnsafePointer<Int> {
    let address = known.withLock { known in
      if let present = known[dims] { return present }
      let block = UnsafeMutablePointer<Int>.allocate(capacity: dims.count)
      block.initialize(from: dims, count: dims.count)
      known[dims] = UInt(bitPattern: block)
      return UInt(bitPattern: block)
    }
    return UnsafePointer(bitPattern: address)!
  }
}
