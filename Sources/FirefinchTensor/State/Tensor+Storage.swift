import FirefinchCore

extension Tensor {
  /// The most elements that a tensor may have.
  public static let elementLimit = 1 << 45

  /// A tensor over memory that may be shared with others, as `torch.as_strided` over a storage. For readers of files:
  /// every number is checked, so that hostile ones throw instead of reading elsewhere.
  public convenience init(storage: Storage, checked layout: Layout, dtype: DType) throws(TensorError) {
    guard layout.shape.count == layout.strides.count, layout.rank <= 256 else {
      throw .shape("Tensor: \(layout.rank) sizes with \(layout.strides.count) strides, expected as many, at most 256")
    }
    guard layout.offset >= 0, layout.shape.allSatisfy({ $0 >= 0 }), layout.strides.allSatisfy({ $0 >= 0 }) else {
      throw .shape(
        "Tensor: sizes \(layout.shape), strides \(layout.strides) and offset \(layout.offset) must not be negative")
    }
    guard let count = Tensor.checkedCount(layout.shape) else {
      throw .shape("Tensor: \(layout.shape) has too many elements")
    }
    if count == 0 {
      // Nothing is ever read, so the offset does not matter; 0 keeps the address inside the storage.
      self.init(storage: storage, layout: Layout(shape: layout.shape, strides: layout.strides), dtype: dtype)
      return
    }
    let available = storage.byteCount / dtype.size
    var last = layout.offset
    var overflows = false
    for i in 0..<layout.rank {
      let (step, tooFar) = (layout.shape[i] - 1).multipliedReportingOverflow(by: layout.strides[i])
      let (sum, beyond) = last.addingReportingOverflow(step)
      if tooFar || beyond { overflows = true }
      last = sum
    }
    guard !overflows, last < available else {
      throw .shape(
        "Tensor: sizes \(layout.shape), strides \(layout.strides) and offset \(layout.offset) reach beyond the "
          + "\(available) elements of the storage")
    }
    self.init(storage: storage, layout: layout, dtype: dtype)
  }

  /// The number of elements of a shape, or nil when a size is negative or they are more than `elementLimit` (sizes of 0
  /// counted as 1, so that strides cannot overflow either).
  public static func checkedCount(_ shape: some Collection<Int>) -> Int? {
    var (count, bound) = (1, 1)
    for size in shape {
      if size < 0 { return nil }
      let (product, overflow) = bound.multipliedReportingOverflow(by: Swift.max(size, 1))
      if overflow || product > elementLimit { return nil }
      bound = product
      count *= size
    }
    return count
  }
}
