import FirefinchCore

/// Factories, as in `torch`.
extension Tensor {
  /// Uninitialised elements. Same as `torch.empty`.
  public static func empty(_ shape: Shape, dtype: DType? = nil, device: Device = .cpu) -> Tensor {
    ErrorScope.guarding {
      try checkSizes(shape, op: "empty")
      return Tensor(empty: shape, dtype: dtype ?? DType.defaultFloat, device: device)
    }
  }

  /// Zeros. Same as `torch.zeros`.
  public static func zeros(_ shape: Shape, dtype: DType? = nil, device: Device = .cpu) -> Tensor {
    full(shape, 0, dtype: dtype ?? DType.defaultFloat, device: device)
  }

  /// Ones. Same as `torch.ones`.
  public static func ones(_ shape: Shape, dtype: DType? = nil, device: Device = .cpu) -> Tensor {
    full(shape, 1, dtype: dtype ?? DType.defaultFloat, device: device)
  }

  /// One value everywhere; the dtype follows the value when not given. Same as `torch.full`.
  public static func full(
    _ shape: Shape, _ value: some ScalarConvertible, dtype: DType? = nil, device: Device = .cpu
  ) -> Tensor {
    ErrorScope.guarding {
      try checkSizes(shape, op: "full")
      let type = dtype ?? value.scalar.dtype(defaultFloat: DType.defaultFloat)
      try value.scalar.checkFits(type, op: "full")
      let result = Tensor(empty: shape, dtype: type, device: device)
      result.fillData(value.scalar)
      return result
    }
  }

  /// Zeros with this tensor's shape and dtype. Same as `torch.zeros_like`.
  public func zerosLike(dtype: DType? = nil) -> Tensor { fullLike(0, dtype: dtype) }
  /// Ones with this tensor's shape and dtype. Same as `torch.ones_like`.
  public func onesLike(dtype: DType? = nil) -> Tensor { fullLike(1, dtype: dtype) }
  /// Uninitialised elements with this tensor's shape, dtype and memory order. Same as `torch.empty_like`.
  public func emptyLike(dtype: DType? = nil) -> Tensor {
    Tensor(uninitialised: TensorSpec(layout: layout.preserved(), dtype: dtype ?? self.dtype), device: device)
  }
  /// One value everywhere, with this tensor's shape and dtype. Same as `torch.full_like`.
  public func fullLike(_ value: some ScalarConvertible, dtype: DType? = nil) -> Tensor {
    ErrorScope.guarding {
      try value.scalar.checkFits(dtype ?? self.dtype, op: "fullLike")
      let result = emptyLike(dtype: dtype)
      result.fillData(value.scalar)
      return result
    }
  }

  /// A 0-dim tensor of the default floating dtype, or `dtype`. Same as `torch.scalar_tensor`.
  public static func scalarTensor(_ value: some ScalarConvertible, dtype: DType? = nil) -> Tensor {
    full([], value, dtype: dtype ?? DType.defaultFloat)
  }

  /// Uninitialised elements, the dims being laid out in memory in the order `physical`, outermost first. Same as
  /// `torch.empty_permuted`.
  public static func emptyPermuted(_ shape: Shape, physical: [Int], dtype: DType? = nil) -> Tensor {
    ErrorScope.guarding {
      try checkSizes(shape, op: "emptyPermuted")
      let dims = physical
      if dims.sorted() != Array(0..<shape.count) {
        throw TensorError.value("emptyPermuted: expected each dim of \(shape) once, got \(physical)")
      }
      let outermost = Tensor(empty: Shape(dims.map { shape[$0] }), dtype: dtype ?? DType.defaultFloat)
      var places = dims
      for (place, dim) in dims.enumerated() { places[dim] = place }
      return outermost.permute(places)
    }
  }

  /// The identity matrix, `rows` by `columns` (square when left out). Same as `torch.eye`.
  public static func eye(_ rows: Int, _ columns: Int? = nil, dtype: DType? = nil) -> Tensor {
    ErrorScope.guarding {
      let width = columns ?? rows
      if rows < 0 || width < 0 { throw TensorError.value("eye: sizes must not be negative, got \(rows) and \(width)") }
      let result = zeros([rows, width], dtype: dtype)
      result.alias(layout: result.layout.diagonal(offset: 0, dim1: 0, dim2: 1)).fillData(.int(1))
      return result
    }
  }

  static func checkSizes(_ shape: Shape, op: String) throws {
    var total = 1
    for size in shape {
      if size < 0 { throw TensorError.value("\(op): sizes must not be negative, got \(shape)") }
      let (product, overflow) = total.multipliedReportingOverflow(by: Swift.max(size, 1))
      if overflow || product > 1 << 45 { throw TensorError.value("\(op): \(shape) has too many elements") }
      total = product
    }
  }
}
