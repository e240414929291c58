import FirefinchCore

/// More factories of `torch`: nested arrays, and tensors that follow another's dtype and device.
extension Tensor {
  /// A three-dim tensor of equal matrices. Same as `torch.tensor([[[…], …], …])`.
  public convenience init<T: TensorElement>(_ blocks: [[[T]]], dtype: DType? = nil) {
    let (height, width) = (blocks.first?.count ?? 0, blocks.first?.first?.count ?? 0)
    if blocks.contains(where: { $0.count != height || $0.contains { $0.count != width } }) {
      ErrorScope.stop(
        .shape(
          "Tensor: blocks have different sizes \(blocks.map { $0.map(\.count) }); all rows and blocks must be equal"))
    }
    self.init(blocks.flatMap { $0.flatMap { $0 } }, shape: [blocks.count, height, width], dtype: dtype)
  }

  /// A four-dim tensor of equal blocks. Same as `torch.tensor([[[[…], …], …], …])`.
  public convenience init<T: TensorElement>(_ groups: [[[[T]]]], dtype: DType? = nil) {
    let sizes = [groups.first?.count ?? 0, groups.first?.first?.count ?? 0, groups.first?.first?.first?.count ?? 0]
    let isEven = groups.allSatisfy { group in
      group.count == sizes[0] && group.allSatisfy { $0.count == sizes[1] && $0.allSatisfy { $0.count == sizes[2] } }
    }
    if !isEven {
      ErrorScope.stop(.shape("Tensor: nested arrays have different lengths; all of one depth must be equal"))
    }
    self.init(groups.flatMap { $0.flatMap { $0.flatMap { $0 } } }, shape: Shape([groups.count] + sizes), dtype: dtype)
  }

  /// Zeros of any shape with this tensor's dtype and device. Same as `Tensor.new_zeros`.
  public func newZeros(_ shape: Shape, dtype: DType? = nil) -> Tensor {
    Tensor.zeros(shape, dtype: dtype ?? self.dtype, device: device)
  }
  /// Ones of any shape with this tensor's dtype and device. Same as `Tensor.new_ones`.
  public func newOnes(_ shape: Shape, dtype: DType? = nil) -> Tensor {
    Tensor.ones(shape, dtype: dtype ?? self.dtype, device: device)
  }
  /// One value everywhere, with this tensor's dtype and device. Same as `Tensor.new_full`.
  public func newFull(_ shape: Shape, _ value: some ScalarConvertible, dtype: DType? = nil) -> Tensor {
    Tensor.full(shape, value, dtype: dtype ?? self.dtype, device: device)
  }
  /// Uninitialised elements with this tensor's dtype and device. Same as `Tensor.new_empty`.
  public func newEmpty(_ shape: Shape, dtype: DType? = nil) -> Tensor {
    Tensor.empty(shape, dtype: dtype ?? self.dtype, device: device)
  }

  /// Uninitialised elements with the given strides and this tensor's dtype. Same as `Tensor.new_empty_strided`.
  public func newEmptyStrided(_ shape: Shape, strides: Shape, dtype: DType? = nil) -> Tensor {
    Tensor.emptyStrided(shape, strides: strides, dtype: dtype ?? self.dtype)
  }

  /// Uninitialised elements with the given strides. Same as `torch.empty_strided`.
  public static func emptyStrided(_ shape: Shape, strides: Shape, dtype: DType? = nil) -> Tensor {
    ErrorScope.guarding {
      try checkSizes(shape, op: "emptyStrided")
      guard strides.count == shape.count, strides.allSatisfy({ $0 >= 0 && $0 <= elementLimit }) else {
        throw TensorError.value("emptyStrided: expected a stride of 0 or more for each dim of \(shape), got \(strides)")
      }
      var span = 1
      for (size, step) in zip(shape, strides) {
        let (reach, overflow) = Swift.max(size - 1, 0).multipliedReportingOverflow(by: step)
        if overflow || reach > elementLimit - span {
          throw TensorError.value("emptyStrided: \(shape) with strides \(strides) needs too much memory")
        }
        span += reach
      }
      return Tensor(
        uninitialised: TensorSpec(layout: Layout(shape: shape, strides: strides), dtype: dtype ?? DType.defaultFloat),
        device: .cpu)
    }
  }

  /// Powers of the elements of a vector as columns, `columns` of them (as many as rows when left out), from the highest
  /// power unless `increasing`. Same as `torch.vander`.
  public func vander(_ columns: Int? = nil, increasing: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank != 1 || (columns ?? 0) < 0 {
        throw TensorError.shape(
          "vander: expected a vector and 0 or more columns, got shape \(shape) and \(columns ?? 0)")
      }
      let powers = Tensor.arange(columns ?? elementCount)
      return unsqueeze(dim: 1).pow(increasing ? powers : powers.flip([0]))
    }
  }
}
