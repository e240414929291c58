/// How the dims of a dense tensor lie in memory. Same as `torch.memory_format`.
public enum MemoryFormat: String, Sendable, CaseIterable {
  /// Row-major.
  case contiguous = "contiguous_format"
  /// As the tensor given: dense tensors keep the order of their dims, others become row-major.
  case preserve = "preserve_format"
  /// Of (batch, channels, height, width) the channels are neighbours.
  case channelsLast = "channels_last"
  /// Of (batch, channels, depth, height, width) the channels are neighbours.
  case channelsLast3d = "channels_last_3d"

  /// The dims from the slowest to the fastest, where the format says.
  var order: [Int]? {
    switch self {
    case .channelsLast: [0, 2, 3, 1]
    case .channelsLast3d: [0, 2, 3, 4, 1]
    default: nil
    }
  }
}

extension Layout {
  /// A dense layout of the same shape in a format; throws when the format asks for another number of dims.
  public func dense(in format: MemoryFormat, op: String) throws(TensorError) -> Layout {
    switch format {
    case .contiguous: return Layout(contiguous: shape)
    case .preserve: return preserved()
    default:
      guard let order = format.order, order.count == rank else {
        throw TensorError.shape("\(op): \(format.rawValue) needs \(format.order?.count ?? 0) dims, got shape \(shape)")
      }
      return Layout.dense(shape, order: order)
    }
  }

  /// Whether the elements lie dense in the format. Same as `Tensor.is_contiguous(memory_format)`.
  public func isContiguous(in format: MemoryFormat) -> Bool {
    guard let order = format.order else { return format == .preserve ? isDense : isContiguous }
    return rank == order.count && permuted(order).isContiguous
  }

  /// Whether the strides fall in the format's order, gaps allowed. Ambiguous strides (those of dims of size 1) count as
  /// row-major.
  private func follows(_ format: MemoryFormat) -> Bool {
    guard let order = format.order, rank == order.count, strides[1] != 0 else { return false }
    var least = 0
    for dim in order.reversed() {
      if shape[dim] == 0 || strides[dim] < least || (dim == 0 && least == strides[1]) { return false }
      least = strides[dim] * Swift.max(shape[dim], 1)
    }
    return true
  }

  /// The format in which operations lay out results made of this tensor. Same as PyTorch's `suggest_memory_format`.
  public var suggestedFormat: MemoryFormat {
    if isContiguous { return .contiguous }
    if follows(.channelsLast) { return .channelsLast }
    return follows(.channelsLast3d) ? .channelsLast3d : .contiguous
  }

  /// The dims from the slowest to the fastest in memory; of a row-major layout as they are.
  public var memoryOrder: [Int] { isContiguous ? Array(0..<rank) : denseOrder.reversed() }
}
