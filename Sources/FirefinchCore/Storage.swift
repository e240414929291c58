import CFirefinch

/// A block of memory that tensors view. Views of one storage share its version counter.
///
/// `@unchecked Sendable`: concurrent reads are fine; concurrent in-place writes are the caller's race, as in PyTorch.
public final class Storage: @unchecked Sendable {
  /// First byte. Valid for `byteCount` bytes; dangling for the meta device, which has no data.
  public var data: UnsafeMutableRawPointer { base }
  // Accessors of this module: other modules would check every access for exclusivity.
  @exclusivity(unchecked) private var base: UnsafeMutableRawPointer
  @exclusivity(unchecked) public private(set) var byteCount: Int
  public let device: Device
  /// Counts in-place writes, so that backward can tell that a saved tensor was overwritten.
  public var version: Int {
    get { writes }
    set { writes = newValue }
  }
  @exclusivity(unchecked) private var writes = 0
  /// What kernels derived from the contents and keep for the next call (weights in another form). Its maker checks `version`.
  public var derived: AnyObject?
  /// Keeps foreign memory (a mapped file) alive; nil for the allocator's own blocks.
  @exclusivity(unchecked) private var owner: AnyObject?

  /// Uninitialised memory from the caching allocator.
  public init(byteCount: Int, device: Device = .cpu) {
    self.byteCount = byteCount
    self.device = device
    base = device == .meta ? CachingAllocator.empty : CachingAllocator.shared.allocate(byteCount)
  }

  /// Memory that `owner` keeps alive. It is never freed here; writing to it must be allowed.
  public init(borrowing data: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject) {
    base = data
    self.byteCount = byteCount
    self.owner = owner
    device = .cpu
  }

  deinit {
    if owner == nil && device != .meta { CachingAllocator.shared.free(base, byteCount) }
  }

  /// Grows to at least `byteCount`, keeping what is there. Same as `UntypedStorage.resize_` for growth.
  public func grow(to byteCount: Int) {
    if byteCount <= self.byteCount { return }
    if device != .meta {
      let fresh = CachingAllocator.shared.allocate(byteCount)
      fresh.copyMemory(from: base, byteCount: self.byteCount)
      if owner == nil { CachingAllocator.shared.free(base, self.byteCount) }
      owner = nil
      base = fresh
    }
    self.byteCount = byteCount
  }
}
