import FirefinchCore
import FirefinchCPU

/// Where a tensor is not 0.
enum Nonzero {
  /// A dense mask of bytes and how many of them are not 0.
  private static func mask(_ x: Tensor, op: String) throws -> (bytes: Tensor, count: Int) {
    if x.device != .cpu {
      throw TensorError.device("\(op): the result's size depends on the data, which a tensor on \(x.device) has none of")
    }
    let bytes = withNoGrad { (x.dtype == .bool ? x.detach() : x.detach() .!= 0).contiguous() }
    return (bytes, withNoGrad { bytes.sum() }.intValue)
  }

  /// Coordinates of the elements that are not 0, in row-major order: int64, shape (rank, count).
  private static func places(_ x: Tensor, op: String) throws -> Tensor {
    let (bytes, count) = try mask(x, op: op)
    let result = Tensor(empty: [x.rank, count], dtype: .int64)
    AdvancedIndexKernel.nonzero(
      bytes.pointer(UInt8.self), shape: x.shape, count: count, out: result.pointer(Int64.self))
    return result
  }

  /// One vector of coordinates per dim.
  static func vectors(_ x: Tensor, op: String) throws -> [Tensor] {
    let all = try places(x, op: op)
    return withNoGrad { (0..<x.rank).map { all.select(dim: 0, $0) } }
  }

  static func count(_ x: Tensor, op: String) throws -> Int { try mask(x, op: op).count }

  /// Coordinates side by side: int64, shape (count, rank).
  static func rows(_ x: Tensor, op: String) throws -> Tensor {
    let all = try places(x, op: op)
    return withNoGrad { all.t().contiguous() }
  }

  /// Throws unless the tensor is a mask of bools.
  static func check(_ mask: Tensor, op: String) throws {
    if mask.dtype != .bool && !mask.isPoisoned {
      throw TensorError.dtype("\(op): expected a mask of bools, got \(mask.dtype.name)")
    }
  }
}

private func sample() -> Tensor { Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3], shape: [2, 3], dtype: .float64) }

extension Op {
  static let maskedFill = Op.pointwise(
    "masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", dtypes: .first, ownClass: [1],
    samples: {
      [
        Sample(.tensor(sample()), .tensor(Tensor([true, false, true])), .double(-2.5)),
        Sample(.tensor(sample()), .tensor(Tensor([[true], [false]])), .int(3)),
      ]
    }
  ) { .select($0[1] .!= 0, $0[2], $0[0]) }

  static let maskedFillTensor = Op.pointwise(
    "masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor", dtypes: .first, ownClass: [1],
    samples: {
      [Sample(.tensor(sample()), .tensor(Tensor([true, false, true])), .tensor(Tensor(-2.5, dtype: .float64)))]
    }
  ) { .select($0[1] .!= 0, $0[2], $0[0]) }
}

extension Tensor {
  /// Indices of the elements that are not 0: int64, shape (count, rank). Same as `torch.nonzero`.
  public func nonzero() -> Tensor {
    if isPoisoned { return self }
    return ErrorScope.guarding { try Nonzero.rows(self, op: "nonzero") }
  }

  /// As `nonzero`, one vector per dim; a 0-dim tensor counts as a vector of one. Same as `torch.nonzero(as_tuple=True)`.
  public func nonzeroTuple() -> [Tensor] {
    if isPoisoned { return [] }
    return ErrorScope.guarding(Swift.max(rank, 1)) {
      try Nonzero.vectors(rank == 0 ? unsqueeze(dim: 0) : self, op: "nonzero")
    }
  }

  /// As `nonzero`. Same as `torch.argwhere`.
  public func argwhere() -> Tensor { nonzero() }

  /// How many elements are not 0: int64. Same as `torch.count_nonzero`.
  public func countNonzero(dim: [Int]? = nil) -> Tensor { withNoGrad { (detach() .!= 0).to(.int64).sum(dim: dim) } }
  /// How many elements along one dim are not 0: int64. Same as `torch.count_nonzero`.
  public func countNonzero(dim: Int) -> Tensor { countNonzero(dim: [dim]) }

  /// A copy with a number where the mask, which broadcasts, is true. Same as `torch.masked_fill`.
  public func maskedFill(_ mask: Tensor, _ value: some ScalarConvertible) -> Tensor {
    ErrorScope.guarding {
      try Nonzero.check(mask, op: "maskedFill")
      return Op.maskedFill(.tensor(self), .tensor(mask), .scalar(try value.scalar.fitted(to: dtype, op: "maskedFill")))
    }
  }

  /// A copy with a 0-dim tensor's number where the mask is true. Same as `torch.masked_fill`.
  public func maskedFill(_ mask: Tensor, _ value: Tensor) -> Tensor {
    ErrorScope.guarding {
      try checkFill(mask, value, op: "maskedFill")
      return Op.maskedFillTensor(.tensor(self), .tensor(mask), .tensor(value.to(dtype)))
    }
  }

  private func checkFill(_ mask: Tensor, _ value: Tensor, op: String) throws {
    try Nonzero.check(mask, op: op)
    if value.rank != 0 { throw TensorError.shape("\(op): expected a 0-dim value, got shape \(value.shape)") }
    if value.device == .cpu && !value.isPoisoned { _ = try value.item().fitted(to: dtype, op: op) }
  }

  /// Sets elements where the mask is true. Same as `Tensor.masked_fill_`.
  @discardableResult public func maskedFill_(_ mask: Tensor, _ value: some ScalarConvertible) -> Tensor {
    ErrorScope.guarding {
      try Nonzero.check(mask, op: "maskedFill_")
      let fill = try value.scalar.fitted(to: dtype, op: "maskedFill_")
      return Op.maskedFill.inPlace([.tensor(self), .tensor(mask), .scalar(fill)])
    }
  }

  /// Sets elements where the mask is true to a 0-dim tensor's number. Same as `Tensor.masked_fill_`.
  @discardableResult public func maskedFill_(_ mask: Tensor, _ value: Tensor) -> Tensor {
    ErrorScope.guarding {
      try checkFill(mask, value, op: "maskedFill_")
      return Op.maskedFillTensor.inPlace([.tensor(self), .tensor(mask), .tensor(value.to(dtype))])
    }
  }

  /// The elements where the mask is true, in row-major order; tensor and mask broadcast. Same as `torch.masked_select`.
  public func maskedSelect(_ mask: Tensor) -> Tensor {
    if isPoisoned || mask.isPoisoned { return ErrorScope.poison() }
    return ErrorScope.guarding {
      try Nonzero.check(mask, op: "maskedSelect")
      let wide = try Layout.broadcast(shape, mask.shape, op: "maskedSelect")
      if wide.isEmpty { return unsqueeze(dim: 0).index([mask.unsqueeze(dim: 0)]) }
      return expand(wide).index([mask.expand(wide)])
    }
  }

  /// A copy with elements of `source`, in row-major order, where the mask is true. Same as `torch.masked_scatter`.
  public func maskedScatter(_ mask: Tensor, _ source: Tensor) -> Tensor {
    if isPoisoned || mask.isPoisoned || source.isPoisoned { return ErrorScope.poison() }
    return ErrorScope.guarding {
      let wide = try Layout.broadcast(shape, mask.shape, op: "maskedScatter")
      return expand(wide).clone().maskedScatter_(mask, source)
    }
  }

  /// Writes elements of `source`, in row-major order, where the mask, which broadcasts, is true. Same as
  /// `Tensor.masked_scatter_`.
  @discardableResult public func maskedScatter_(_ mask: Tensor, _ source: Tensor) -> Tensor {
    if isPoisoned || mask.isPoisoned || source.isPoisoned { return self }
    return ErrorScope.guarding {
      try Nonzero.check(mask, op: "maskedScatter")
      if source.dtype != dtype {
        throw TensorError.dtype("maskedScatter: self is \(dtype.name) and source \(source.dtype.name); convert one")
      }
      let given = mask.expand(shape)
      if given.isPoisoned { return self }
      let count = try Nonzero.count(given, op: "maskedScatter")
      if source.elementCount < count {
        throw TensorError.value(
          "maskedScatter: the mask has \(count) true elements, the source only \(source.elementCount)")
      }
      let values = source.reshape([source.elementCount]).slice(dim: 0, end: count)
      if rank > 0 {
        indexPut_([given], values)
      } else {
        unsqueeze(dim: 0).indexPut_([given.unsqueeze(dim: 0)], values)
      }
      return self
    }
  }
}
