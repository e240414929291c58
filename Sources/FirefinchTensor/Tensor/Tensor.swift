import FirefinchCore

/// A multi-dimensional array of one element type, with automatic differentiation. Same as `torch.Tensor`.
///
/// Reference semantics: views alias their base's storage, in-place operations (`add_`) are seen by every view, and `+=`
/// rebinds. `@unchecked Sendable`: concurrent reads are fine; concurrent in-place writes are the caller's race.
public final class Tensor: @unchecked Sendable {
  /// The memory that this tensor and its views share.
  @exclusivity(unchecked) public internal(set) var storage: Storage
  /// Sizes, strides and offset in the storage.
  @exclusivity(unchecked) public internal(set) var layout: Layout
  /// Element type.
  public let dtype: DType
  /// What must be looked at before the short path of an operation may be taken.
  @exclusivity(unchecked) var flags: Flags
  /// The function that made this tensor, for backward; nil for leaves. For views see `gradFn`.
  @exclusivity(unchecked) var node: Node?
  /// Which of the node's results this tensor is.
  @exclusivity(unchecked) var outputIndex = 0
  /// Gradient, hooks and view tracking; made on demand.
  @exclusivity(unchecked) var autograd: AutogradMeta?

  struct Flags: OptionSet {
    let rawValue: UInt8
    /// Not dense row-major.
    static let strided = Flags(rawValue: 1)
    /// Takes part in differentiation.
    static let requiresGrad = Flags(rawValue: 2)
    /// A number made into a tensor: weak in type promotion.
    static let wrapped = Flags(rawValue: 4)
    /// The result of a failed operation inside `withErrors`.
    static let poisoned = Flags(rawValue: 8)
    /// Shares storage with another tensor as its view.
    static let view = Flags(rawValue: 16)
    /// Not on the CPU.
    static let elsewhere = Flags(rawValue: 32)
    /// A view made while gradients were off.
    static let untracked = Flags(rawValue: 64)
  }

  /// A tensor over `storage`.
  init(storage: Storage, layout: Layout, dtype: DType) {
    self.storage = storage
    self.layout = layout
    self.dtype = dtype
    flags = layout.isContiguous ? [] : .strided
    if storage.device != .cpu { flags.insert(.elsewhere) }
  }

  /// A dense tensor with uninitialised elements. Same as `torch.empty`.
  public init(empty shape: Shape, dtype: DType = .float32, device: Device = .cpu) {
    storage = Storage(byteCount: shape.elementCount &* dtype.size, device: device)
    layout = Layout(contiguous: shape)
    self.dtype = dtype
    flags = device == .cpu ? [] : .elsewhere
  }

  /// Whether both have the same shape, without copying either.
  @inline(__always) func hasShape(of other: Tensor) -> Bool { layout.shape == other.layout.shape }

  /// A dense CPU tensor of the shape of another, which is dense, too.
  @inline(__always) init(denseLike other: Tensor, dtype: DType) {
    // Not its strides: those of dims of size 0 or 1 may be anything.
    layout = Layout(contiguous: other.layout.shape)
    storage = Storage(byteCount: layout.elementCount &* dtype.size)
    self.dtype = dtype
    flags = []
  }

  init(uninitialised spec: TensorSpec, device: Device) {
    storage = Storage(byteCount: spec.layout.span &* spec.dtype.size, device: device)
    layout = spec.layout
    dtype = spec.dtype
    flags = spec.layout.isContiguous ? [] : .strided
    if device != .cpu { flags.insert(.elsewhere) }
  }

  /// Sizes of the dims. Same as `Tensor.shape`.
  public var shape: Shape { layout.shape }
  /// Elements between neighbours along each dim. Same as `Tensor.stride()`.
  public var strides: Shape { layout.strides }
  /// Number of dims. Same as `Tensor.ndim`.
  public var rank: Int { layout.rank }
  /// Number of elements. Same as `Tensor.numel()`.
  public var elementCount: Int { layout.elementCount }
  /// Where the data is.
  public var device: Device { storage.device }
  /// Whether the elements lie dense in row-major order. Same as `Tensor.is_contiguous()`.
  public var isContiguous: Bool { !flags.contains(.strided) }
  /// Whether this is the result of a failed operation inside `withErrors`.
  public var isPoisoned: Bool { flags.contains(.poisoned) }

  /// Size of one dim, counted from the end when negative. Same as `Tensor.size(dim)`.
  public func size(_ dim: Int) -> Int {
    let rank = rank
    return layout.shape[dim < 0 ? dim + rank : dim]
  }

  /// Address of the first element.
  public var data: UnsafeMutableRawPointer { storage.data + layout.offset &* dtype.size }

  /// The address of the first element as `T`, which must be the dtype's Swift type.
  public func pointer<T>(_: T.Type = T.self) -> UnsafeMutablePointer<T> { data.assumingMemoryBound(to: T.self) }

  /// As an operand of a kernel's loop.
  func operand(_ register: Int) -> LoopOperand { LoopOperand(data, layout, dtype, register: register) }

  /// The real or imaginary parts of complex elements as an operand.
  func part(_ index: Int, _ register: Int) -> LoopOperand {
    let type = dtype.realType
    return LoopOperand(data + index * type.size, layout.realParts, type, register: register)
  }

  /// Another tensor object on the same memory, without history.
  func alias(layout: Layout? = nil, dtype: DType? = nil) -> Tensor {
    let result = Tensor(storage: storage, layout: layout ?? self.layout, dtype: dtype ?? self.dtype)
    if isPoisoned { result.flags.insert(.poisoned) }
    if flags.contains(.wrapped) { result.flags.insert(.wrapped) }
    return result
  }

  /// Takes over another layout, for `resize_`, `squeeze_` and their like.
  func adopt(layout: Layout) {
    self.layout = layout
    autograd?.adopt(shape: layout.shape)
    if layout.isContiguous { flags.remove(.strided) } else { flags.insert(.strided) }
  }
}
