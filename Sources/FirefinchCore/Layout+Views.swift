/// View rules: each gives the layout of a view on the same storage.
extension Layout {
  /// Fills in one -1 and checks the element count. Same rule as `Tensor.reshape`'s shape argument.
  public static func resolve(_ shape: Shape, elementCount: Int, op: String) throws(TensorError) -> Shape {
    var result = shape
    var known = 1
    var unknown: Int?
    for (i, size) in shape.enumerated() {
      if size == -1 {
        if unknown != nil { throw TensorError.value("\(op): only one dim can be -1, got \(shape)") }
        unknown = i
      } else if size < 0 {
        throw TensorError.value("\(op): size \(size) in \(shape) is negative; only -1 has a meaning")
      } else {
        let (product, overflow) = known.multipliedReportingOverflow(by: size)
        if overflow { throw TensorError.value("\(op): \(shape) has too many elements") }
        known = product
      }
    }
    if let unknown {
      if known == 0 {
        throw TensorError.value("\(op): -1 in \(shape) cannot be told because the other sizes multiply to 0")
      }
      if elementCount % known == 0 {
        result[unknown] = elementCount / known
        return result
      }
    } else if known == elementCount {
      return result
    }
    throw TensorError.shape(
      "\(op): shape \(shape) does not fit \(elementCount) elements; the product of the sizes must be equal")
  }

  /// The strides with which the same memory has `target` as its shape, or nil when a copy is needed.
  /// `target` has this layout's element count.
  public func viewed(as target: Shape) -> Layout? {
    if isContiguous || elementCount == 0 {
      var result = Layout(contiguous: target)
      result.offset = offset
      return result
    }
    var result = Layout(shape: target, strides: Shape(repeating: 0, count: target.count), offset: offset)
    var viewDim = target.count - 1
    var chunkStride = rank > 0 ? strides[rank - 1] : 1
    var chunk = 1
    var viewChunk = 1
    var dim = rank - 1
    while dim >= 0 {
      chunk *= shape[dim]
      let breaks = dim == 0 || (shape[dim - 1] != 1 && strides[dim - 1] != chunk * chunkStride)
      if breaks {
        while viewDim >= 0 && (viewChunk < chunk || target[viewDim] == 1) {
          result.strides[viewDim] = viewChunk * chunkStride
          viewChunk *= target[viewDim]
          viewDim -= 1
        }
        if viewChunk != chunk { return nil }
        if dim > 0 {
          chunkStride = strides[dim - 1]
          chunk = 1
          viewChunk = 1
        }
      }
      dim -= 1
    }
    return viewDim == -1 ? result : nil
  }

  /// The same layout beginning at another element of the storage.
  public func at(_ offset: Int) -> Layout { Layout(shape: shape, strides: strides, offset: offset) }

  /// The real parts of complex elements, in units of the real dtype; the imaginary parts lie one element later.
  public var realParts: Layout {
    Layout(shape: shape, strides: Shape(strides.map { 2 * $0 }), offset: 2 * offset)
  }

  /// Complex elements seen as reals with a last dim of 2. Same as `torch.view_as_real`.
  public var asReal: Layout {
    let parts = realParts
    return Layout(shape: Shape(shape + [2]), strides: Shape(parts.strides + [1]), offset: parts.offset)
  }

  /// Reals with a last dim of 2 seen as complex elements. Same as `torch.view_as_complex`.
  public func asComplex() throws(TensorError) -> Layout {
    guard rank > 0, shape[rank - 1] == 2 else {
      throw TensorError.shape("view_as_complex: the last dim must have size 2 (real and imaginary part), got shape \(shape)")
    }
    let outer = strides.dropLast()
    guard strides[rank - 1] == 1, offset % 2 == 0, outer.allSatisfy({ $0 % 2 == 0 }) else {
      throw TensorError.value(
        "view_as_complex: parts of elements that do not lie beside each other cannot be joined without a copy, got strides "
          + "\(strides); call contiguous() first")
    }
    return Layout(shape: Shape(shape.dropLast()), strides: Shape(outer.map { $0 / 2 }), offset: offset / 2)
  }

  /// The same memory in elements of another size, which the last dim makes up for. Same rule as `Tensor.view(dtype)`.
  public func viewed(elementSize from: Int, as to: Int, op: String) throws(TensorError) -> Layout {
    if from == to { return self }
    if rank == 0 { throw TensorError.shape("\(op): a 0-dim tensor cannot be seen in elements of another size") }
    let last = rank - 1
    if strides[last] != 1 {
      throw TensorError.value("\(op): elements of the last dim that do not lie beside each other cannot be seen in another size without a copy, "
          + "got strides \(strides); call contiguous() first")
    }
    var result = self
    if from > to {
      let ratio = from / to
      for i in 0..<rank { result.strides[i] = strides[i] * ratio }
      result.shape[last] = shape[last] * ratio
      result.offset = offset * ratio
    } else {
      let ratio = to / from
      guard shape[last] % ratio == 0, offset % ratio == 0, strides.dropLast().allSatisfy({ $0 % ratio == 0 }) else {
        throw TensorError.shape(
          "\(op): last size, strides and offset must be divisible by \(ratio), got shape \(shape), strides \(strides) and "
            + "offset \(offset)")
      }
      for i in 0..<rank { result.strides[i] = strides[i] / ratio }
      result.shape[last] = shape[last] / ratio
      result.offset = offset / ratio
    }
    result.strides[last] = 1
    return result
  }

  /// Dims reordered. Same as `Tensor.permute`.
  public func permuted(_ order: [Int]) -> Layout {
    Layout(shape: Shape(order.map { shape[$0] }), strides: Shape(order.map { strides[$0] }), offset: offset)
  }

  /// Two dims swapped. Same as `Tensor.transpose`.
  @inlinable public func transposed(_ a: Int, _ b: Int) -> Layout {
    var result = self
    if a != b {
      result.shape[a] = shape[b]
      result.shape[b] = shape[a]
      result.strides[a] = strides[b]
      result.strides[b] = strides[a]
    }
    return result
  }

  /// One index of `dim`, which is removed. `index` is already in range. Same as `Tensor.select`.
  public func selected(dim: Int, index: Int) -> Layout {
    var result = self
    result.offset += index * strides[dim]
    result.shape.remove(at: dim)
    result.strides.remove(at: dim)
    return result
  }

  /// Elements `start`, `start + step`, … below `end` of `dim`, bounds already clamped. Same as Python's slicing.
  public func sliced(dim: Int, start: Int, end: Int, step: Int) -> Layout {
    var result = self
    result.offset += start * strides[dim]
    result.shape[dim] = end > start ? (end - start - 1) / step + 1 : 0
    // A step too large for the stride leaves one element, for which the stride does not matter.
    let (stride, overflow) = strides[dim].multipliedReportingOverflow(by: step)
    if !overflow { result.strides[dim] = stride }
    return result
  }

  /// A new dim of size 1 in front of `dim`.
  public func unsqueezed(dim: Int) -> Layout {
    var result = self
    let stride = dim < rank ? shape[dim] * strides[dim] : 1
    result.shape.insert(1, at: dim)
    result.strides.insert(stride, at: dim)
    return result
  }

  /// Without those of `dims` whose size is 1.
  public func squeezed(dims: [Int]) -> Layout {
    let keep = (0..<rank).filter { !(dims.contains($0) && shape[$0] == 1) }
    return permuted(keep)
  }

  /// The diagonal of two dims as a new last dim. Same as `Tensor.diagonal`.
  public func diagonal(offset k: Int, dim1: Int, dim2: Int) -> Layout {
    let rows = shape[dim1]
    let columns = shape[dim2]
    let length = k >= 0 ? Swift.max(Swift.min(rows, columns - k), 0) : Swift.max(Swift.min(rows + k, columns), 0)
    let keep = (0..<rank).filter { $0 != dim1 && $0 != dim2 }
    var result = permuted(keep)
    if length > 0 { result.offset += k >= 0 ? k * strides[dim2] : -k * strides[dim1] }
    result.shape.append(length)
    result.strides.append(strides[dim1] + strides[dim2])
    return result
  }

  /// Windows of `size` every `step` along `dim`, as a new last dim. Same as `Tensor.unfold`.
  public func unfolded(dim: Int, size: Int, step: Int) -> Layout {
    var result = self
    if rank == 0 { return Layout(shape: [size], strides: [1], offset: offset) }
    result.shape[dim] = (shape[dim] - size) / step + 1
    let (stride, overflow) = strides[dim].multipliedReportingOverflow(by: step)
    if !overflow { result.strides[dim] = stride }
    result.shape.append(size)
    result.strides.append(strides[dim])
    return result
  }

  /// A dim split into `sizes`, whose product is its size. Same as `Tensor.unflatten`.
  public func unflattened(dim: Int, sizes: Shape) -> Layout {
    var result = Layout(shape: [], strides: [], offset: offset)
    for i in 0..<rank {
      if i != dim {
        result.shape.append(shape[i])
        result.strides.append(strides[i])
        continue
      }
      let inner = Layout.rowMajorStrides(sizes)
      for (size, step) in zip(sizes, inner) {
        result.shape.append(size)
        result.strides.append(step * strides[i])
      }
    }
    return result
  }

  /// Same sizes with the dims in `order` from slowest to fastest, dense: a memory format such as channels-last.
  public static func dense(_ shape: Shape, order: [Int]) -> Layout {
    var result = Layout(contiguous: shape)
    var step = 1
    for dim in order.reversed() {
      result.strides[dim] = step
      step *= Swift.max(shape[dim], 1)
    }
    return result
  }
}
