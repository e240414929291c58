import FirefinchCore

/// What is put around the border. `zeros` is PyTorch's `constant` with the value 0.
public enum PaddingMode: String, Sendable {
  case zeros, reflect, replicate, circular
}

extension Tensor {
  /// Elements put around the last dims: `amounts` are before and after, last dim first; negative ones cut. Reflected ones
  /// leave the border element out. Same as `F.pad`.
  public func pad(_ amounts: [Int], mode: PaddingMode) -> Tensor {
    if mode == .zeros { return pad(amounts) }
    return ErrorScope.guarding {
      if isPoisoned { return self }
      let pairs = amounts.count / 2
      if amounts.count % 2 != 0 || pairs < 1 || pairs > 3 || rank != pairs + 1 && rank != pairs + 2 {
        throw TensorError.shape(
          "pad: \(mode) takes one pair of amounts for each spatial dim of (C, …) or (N, C, …), got \(amounts) for shape \(shape)")
      }
      var result = self
      for pair in 0..<pairs {
        let (before, after) = (amounts[2 * pair], amounts[2 * pair + 1])
        if before == 0 && after == 0 { continue }
        let dim = rank - 1 - pair
        let size = shape[dim]
        let limit = mode == .reflect ? size - 1 : mode == .circular ? size : Int.max
        let cut = Swift.max(-before, 0) + Swift.max(-after, 0)
        let wraps = mode == .circular && Swift.max(before, after) > size - cut
        if size == 0 || before > limit || after > limit || before + size + after < 1 || wraps {
          throw TensorError.shape("pad: \(before) and \(after) elements cannot be put around dim \(dim) of shape \(shape) (\(mode))")
        }
        // What negative amounts cut does not come round again.
        let (first, end) = (Swift.max(-before, 0), size - Swift.max(-after, 0))
        let indices = (-before..<size + after).map { i -> Int in
          switch mode {
          case .reflect: i < 0 ? -i : i < size ? i : 2 * (size - 1) - i
          case .circular: i < first ? i + end - first : i < end ? i : i - (end - first)
          default: Swift.min(Swift.max(i, 0), size - 1)
          }
        }
        result = result.indexSelect(dim: dim, Tensor(indices))
      }
      return result === self ? clone() : result
    }
  }
}
