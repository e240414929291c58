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
    let result = emptyLike(dtype: dtype)
    result.fillData(value.scalar)
    return result
  }

  /// `start`, `start + step`, … below `end`; int64 when all are integers. Same as `torch.arange`.
  public static func arange<N: ScalarConvertible>(
    _ start: N, _ end: N, step: N? = nil, dtype: DType? = nil
  ) -> Tensor {
    let (first, last, by) = (start.scalar, end.scalar, step?.scalar ?? .int(1))
    return ErrorScope.guarding {
      let stride = by.doubleValue
      let span = last.doubleValue - first.doubleValue
      if stride == 0 || !stride.isFinite || !span.isFinite {
        throw TensorError.value("arange: from \(first) to \(last) in steps of \(by) never ends; use a finite step other than 0")
      }
      if span / stride < 0 {
        throw TensorError.value("arange: a step of \(by) leads away from \(last), starting at \(first)")
      }
      let isInteger = [first, last, by].allSatisfy { if case .double = $0 { false } else { true } }
      let count = Int((span / stride).rounded(.up))
      let type = dtype ?? (isInteger ? .int64 : DType.defaultFloat)
      if isInteger {
        return Tensor((0..<count).map { first.intValue + $0 * by.intValue }, dtype: type)
      }
      return Tensor((0..<count).map { first.doubleValue + Double($0) * stride }, dtype: type)
    }
  }

  /// 0, 1, … below `end`. Same as `torch.arange(end)`.
  public static func arange<N: ScalarConvertible>(_ end: N, dtype: DType? = nil) -> Tensor {
    if case .double = end.scalar { return arange(0.0, end.scalar.doubleValue, dtype: dtype) }
    return arange(0, end.scalar.intValue, dtype: dtype)
  }

  /// `count` values evenly from `start` to `end`, both included. Same as `torch.linspace`.
  public static func linspace(_ start: Double, _ end: Double, _ count: Int, dtype: DType? = nil) -> Tensor {
    ErrorScope.guarding {
      if count < 0 { throw TensorError.value("linspace: the number of steps must not be negative, got \(count)") }
      let step = count > 1 ? (end - start) / Double(count - 1) : 0
      // From both ends to the middle, so that the last value is exact.
      let values = (0..<count).map { i in
        i < (count + 1) / 2 ? start + step * Double(i) : end - step * Double(count - 1 - i)
      }
      return Tensor(values, dtype: dtype ?? DType.defaultFloat)
    }
  }

  /// Powers of `base` with evenly spaced exponents. Same as `torch.logspace`.
  public static func logspace(
    _ start: Double, _ end: Double, _ count: Int, base: Double = 10, dtype: DType? = nil
  ) -> Tensor {
    let exponents = linspace(start, end, count, dtype: .float64)
    return Tensor(base, dtype: .float64).pow(exponents).to(dtype ?? DType.defaultFloat)
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
