import CFirefinch
import FirefinchCore
import FirefinchCPU

/// Swift types that tensor elements are made of and read as.
public protocol TensorElement: Sendable {
  /// The dtype with this memory format.
  static var dtype: DType { get }
}
extension Float: TensorElement { public static var dtype: DType { .float32 } }
extension Double: TensorElement { public static var dtype: DType { .float64 } }
extension Int: TensorElement { public static var dtype: DType { .int64 } }
extension Int64: TensorElement { public static var dtype: DType { .int64 } }
extension Int32: TensorElement { public static var dtype: DType { .int32 } }
extension Int16: TensorElement { public static var dtype: DType { .int16 } }
extension Int8: TensorElement { public static var dtype: DType { .int8 } }
extension UInt8: TensorElement { public static var dtype: DType { .uint8 } }
extension Bool: TensorElement { public static var dtype: DType { .bool } }

extension Tensor {
  /// A tensor of the array's elements; `shape` defaults to one dim. Same as `torch.tensor(list)`, the dtype being the
  /// elements' unless `dtype` is given (Double literals become the default floating dtype).
  public convenience init<T: TensorElement>(_ elements: [T], shape: Shape? = nil, dtype: DType? = nil) {
    let shape = shape ?? [elements.count]
    if shape.elementCount != elements.count {
      ErrorScope.stop(.shape("Tensor: \(elements.count) elements do not fill shape \(shape)"))
    }
    let target = dtype ?? (T.self == Double.self ? DType.defaultFloat : T.dtype)
    if target == T.dtype {
      self.init(empty: shape, dtype: target)
      elements.withUnsafeBytes { if let base = $0.baseAddress { data.copyMemory(from: base, byteCount: $0.count) } }
    } else {
      let source = Tensor(empty: shape, dtype: T.dtype)
      elements.withUnsafeBytes { if let base = $0.baseAddress { source.data.copyMemory(from: base, byteCount: $0.count) } }
      self.init(empty: shape, dtype: target)
      copyData(from: source)
    }
  }

  /// A two-dim tensor of equal rows. Same as `torch.tensor([[…], …])`.
  public convenience init<T: TensorElement>(_ rows: [[T]], dtype: DType? = nil) {
    let width = rows.first?.count ?? 0
    if rows.contains(where: { $0.count != width }) {
      ErrorScope.stop(.shape("Tensor: rows have different lengths \(rows.map(\.count)); all must be equal"))
    }
    self.init(rows.flatMap { $0 }, shape: [rows.count, width], dtype: dtype)
  }

  /// A 0-dim tensor. Same as `torch.tensor(number)`.
  public convenience init(_ number: some ScalarConvertible, dtype: DType? = nil) {
    let scalar = number.scalar
    self.init(empty: [], dtype: dtype ?? scalar.dtype(defaultFloat: DType.defaultFloat))
    fillData(scalar)
  }

  /// A 0-dim tensor that is weak in type promotion, standing for a number.
  package static func wrapped(_ scalar: Scalar) -> Tensor {
    let result = Tensor(scalar)
    result.flags.insert(.wrapped)
    return result
  }

  /// The single element. Same as `Tensor.item()`; a tensor with several elements is a mistake.
  public func item() -> Scalar {
    if elementCount != 1 || device != .cpu {
      if !isPoisoned {
        let why = device == .cpu ? "\(elementCount) elements" : "no data on \(device)"
        ErrorScope.report(.value("item: a tensor with one element is needed, got shape \(shape) with \(why)"))
      }
      return .double(.nan)
    }
    if dtype.isComplex {
      let value = Tensor(empty: [2], dtype: .float64)
      value.copyData(from: alias(layout: Layout(shape: [], strides: [], offset: layout.offset).asReal, dtype: dtype.realType))
      return .complex(value.pointer(Double.self)[0], value.pointer(Double.self)[1])
    }
    switch dtype.registerClass {
    case .float32, .float64:
      let value = Tensor(empty: [], dtype: .float64)
      value.copyData(from: reinterpreted(shape: []))
      return .double(value.pointer(Double.self).pointee)
    case .int64:
      let value = Tensor(empty: [], dtype: .int64)
      value.copyData(from: reinterpreted(shape: []))
      return .int(value.pointer(Int.self).pointee)
    case .bool: return .bool(pointer(UInt8.self).pointee != 0)
    }
  }

  /// The single element as a Double.
  public var doubleValue: Double { item().doubleValue }
  /// The single element as a Float.
  public var floatValue: Float { Float(item().doubleValue) }
  /// The single element as an Int.
  public var intValue: Int { item().intValue }

  private func reinterpreted(shape: Shape) -> Tensor {
    alias(layout: Layout(shape: shape, strides: shape, offset: layout.offset))
  }

  /// The elements in row-major order, converted to `T`. Same as `Tensor.flatten().tolist()`.
  public func array<T: TensorElement>(_: T.Type = T.self) -> [T] {
    if device != .cpu {
      ErrorScope.report(.device("array: a tensor on \(device) has no data to read"))
      return []
    }
    let source: Tensor
    if dtype == T.dtype && isContiguous {
      source = self
    } else {
      source = Tensor(empty: shape, dtype: T.dtype)
      source.copyData(from: self)
    }
    let count = elementCount
    return [T](unsafeUninitializedCapacity: count) { buffer, filled in
      if count > 0 {
        UnsafeMutableRawPointer(buffer.baseAddress!).copyMemory(
          from: source.data, byteCount: count * MemoryLayout<T>.stride)
      }
      filled = count
    }
  }

  /// Calls `body` with the elements of a dense tensor of this Swift type.
  public func withElements<T: TensorElement, R>(_: T.Type = T.self, _ body: (UnsafeBufferPointer<T>) throws -> R) rethrows
    -> R
  {
    let dense = dtype == T.dtype && isContiguous ? self : to(T.dtype).contiguous()
    return try withExtendedLifetime(dense) {
      try body(UnsafeBufferPointer(start: dense.pointer(T.self), count: dense.elementCount))
    }
  }

  /// Overwrites the elements with those of `source`, which broadcasts; converts dtypes; no tape, no version bump.
  func copyData(from source: Tensor) {
    if device != .cpu || source.device != .cpu || elementCount == 0 { return }
    if dtype == source.dtype && isContiguous && source.isContiguous && shape == source.shape {
      let bytes = elementCount * dtype.size
      let (from, to) = (source.data, data)
      if bytes < 1 << 20 {
        to.copyMemory(from: from, byteCount: bytes)
      } else {
        Parallel.ranges(bytes, grain: 1 << 19) { (to + $0.lowerBound).copyMemory(from: from + $0.lowerBound, byteCount: $0.count) }
      }
      return
    }
    if dtype.isComplex || source.dtype.isComplex { return copyParts(from: source) }
    let common = DType.promote(dtype, source.dtype)
    let program = Copy.function.program(common.registerClass)
    _ = PointwiseKernel.run(
      program, scalars: [], shape: shape, inputs: [source.operand(0)], outputs: [operand(program.results[0])])
  }

  /// Where either is complex: part by part. Of a complex source a real tensor takes the real parts, a bool one whether the
  /// element is 0.
  private func copyParts(from source: Tensor) {
    func run(_ function: PointwiseFunction, _ common: DType, _ inputs: [LoopOperand], _ output: (Int) -> LoopOperand) {
      let program = function.program(common.registerClass)
      _ = PointwiseKernel.run(
        program, scalars: [.int(0)], shape: shape, inputs: inputs, outputs: [output(program.results[0])])
    }
    let common = DType.promote(dtype.realType, source.dtype.realType)
    let isComplex = source.dtype.isComplex
    if dtype == .bool {
      run(Copy.isNonzero, source.dtype.realType, [source.part(0, 0), source.part(1, 1)]) { operand($0) }
      return
    }
    let first = isComplex ? source.part(0, 0) : source.operand(0)
    run(Copy.function, common, [first]) { dtype.isComplex ? part(0, $0) : operand($0) }
    if !dtype.isComplex { return }
    if isComplex {
      run(Copy.function, common, [source.part(1, 0)]) { part(1, $0) }
    } else {
      run(Copy.fill, dtype.realType, []) { part(1, $0) }
    }
  }

  /// Sets every element; no tape, no version bump.
  func fillData(_ value: Scalar) {
    if device != .cpu || elementCount == 0 { return }
    if isContiguous && value.doubleValue == 0 && value.imaginaryValue == 0 && value.doubleValue.sign == .plus {
      let bytes = elementCount * dtype.size
      let to = data
      Parallel.ranges(bytes, grain: 1 << 20) { (to + $0.lowerBound).initializeMemory(as: UInt8.self, repeating: 0, count: $0.count) }
      return
    }
    let program = Copy.fill.program(dtype.registerClass)
    if dtype.isComplex {
      for (i, part) in [value.doubleValue, value.imaginaryValue].enumerated() {
        _ = PointwiseKernel.run(
          program, scalars: [.double(part)], shape: shape, inputs: [], outputs: [self.part(i, program.results[0])])
      }
      return
    }
    _ = PointwiseKernel.run(
      program, scalars: [value], shape: shape, inputs: [], outputs: [operand(program.results[0])])
  }

  private enum Copy {
    static let function = PointwiseFunction(name: "copy", inputs: 1, rule: .first, exprs: [.input(0)])
    static let isNonzero = PointwiseFunction(
      name: "copy", inputs: 2, rule: .first, exprs: [(.input(0) .!= 0) | (.input(1) .!= 0)])
    static let fill = PointwiseFunction(name: "fill", inputs: 0, rule: .first, exprs: [.scalar(0)])
  }
}
