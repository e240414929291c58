import FirefinchCore

extension Tensor {
  /// Row-major numbers of the elements that are not 0.
  private func nonzeroNumbers(_ op: String) throws -> [Int] {
    if device != .cpu { throw TensorError.device("\(op): the result's size depends on data, which \(device) has none of") }
    return withNoGrad { self .!= 0 }.array(Bool.self).enumerated().compactMap { $1 ? $0 : nil }
  }

  /// Indices of the elements that are not 0: int64, shape (count, rank). Same as `torch.nonzero`.
  public func nonzero() -> Tensor {
    ErrorScope.guarding {
      let numbers = try nonzeroNumbers("nonzero")
      var places = [Int](repeating: 0, count: numbers.count * rank)
      for (row, number) in numbers.enumerated() {
        var rest = number
        for dim in stride(from: rank - 1, through: 0, by: -1) {
          places[row * rank + dim] = rest % shape[dim]
          rest /= shape[dim]
        }
      }
      return Tensor(places, shape: [numbers.count, rank])
    }
  }

  /// As `nonzero`, one vector per dim. Same as `torch.nonzero(as_tuple=True)`.
  public func nonzeroTuple() -> [Tensor] {
    let places = nonzero()
    return places.isPoisoned ? [] : (0..<rank).map { places.select(dim: 1, $0).contiguous() }
  }

  /// As `nonzero`. Same as `torch.argwhere`.
  public func argwhere() -> Tensor { nonzero() }

  /// How many elements are not 0: int64. Same as `torch.count_nonzero`.
  public func countNonzero(dim: [Int]? = nil) -> Tensor { withNoGrad { (self .!= 0).to(.int64).sum(dim: dim) } }

  /// A copy with a number where the mask, which broadcasts, is true. Same as `torch.masked_fill`.
  public func maskedFill(_ mask: Tensor, _ value: some ScalarConvertible) -> Tensor {
    maskedFill(mask, Tensor(value, dtype: dtype))
  }

  /// A copy with a 0-dim tensor's number where the mask is true. Same as `torch.masked_fill`.
  public func maskedFill(_ mask: Tensor, _ value: Tensor) -> Tensor {
    ErrorScope.guarding {
      if mask.dtype != .bool { throw TensorError.dtype("maskedFill: expected a mask of bools, got \(mask.dtype.name)") }
      if value.rank != 0 { throw TensorError.shape("maskedFill: expected a 0-dim value, got shape \(value.shape)") }
      return Tensor.where(mask, value.to(dtype), self)
    }
  }

  /// Sets elements where the mask is true. Same as `Tensor.masked_fill_`.
  @discardableResult public func maskedFill_(_ mask: Tensor, _ value: some ScalarConvertible) -> Tensor {
    copy_(maskedFill(mask, value))
  }

  /// The elements where the mask is true, in row-major order; tensor and mask broadcast. Same as `torch.masked_select`.
  public func maskedSelect(_ mask: Tensor) -> Tensor {
    ErrorScope.guarding {
      if mask.dtype != .bool { throw TensorError.dtype("maskedSelect: expected a mask of bools, got \(mask.dtype.name)") }
      let wide = try Layout.broadcast(shape, mask.shape, op: "maskedSelect")
      return expand(wide).index([mask.expand(wide)])
    }
  }

  /// A copy with elements of `source`, in row-major order, where the mask is true. Same as `torch.masked_scatter`.
  public func maskedScatter(_ mask: Tensor, _ source: Tensor) -> Tensor {
    ErrorScope.guarding {
      if mask.dtype != .bool { throw TensorError.dtype("maskedScatter: expected a mask of bools, got \(mask.dtype.name)") }
      let wide = try Layout.broadcast(shape, mask.shape, op: "maskedScatter")
      let given = mask.expand(wide)
      let count = given.countNonzero().intValue
      if source.elementCount < count {
        throw TensorError.value("maskedScatter: the mask has \(count) true elements, the source only \(source.elementCount)")
      }
      return expand(wide).indexPut([given], source.reshape([source.elementCount]).slice(dim: 0, end: count))
    }
  }
}
