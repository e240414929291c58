import FirefinchCore

/// Tensors repeated as a whole (`repeat`, `tile`) or element by element (`repeatInterleave`): composites of views and one copy.
extension Tensor {
  /// A copy repeated `counts` times along each dim; more counts than dims add dims in front. Same as `Tensor.repeat`.
  public func `repeat`(_ counts: [Int]) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if counts.count < rank {
        throw TensorError.shape("repeat: expected a count for each of the \(rank) dims of \(shape), got \(counts)")
      }
      if counts.contains(where: { $0 < 0 }) {
        throw TensorError.value("repeat: counts must not be negative, got \(counts)")
      }
      // Each dim of size s becomes (count, s), expanded without copying; one copy joins the pairs.
      let sizes = [Int](repeating: 1, count: counts.count - rank) + shape.array
      let apart = Shape(sizes.flatMap { [1, $0] })
      let wide = Shape(zip(counts, sizes).flatMap { [$0, $1] })
      try Tensor.checkSizes(wide, op: "repeat")
      let joined = Shape(zip(counts, sizes).map { $0 * $1 })
      let result = reshape(apart).expand(wide)
      return joined.elementCount == elementCount ? result.reshape(joined).clone() : result.reshape(joined)
    }
  }
  /// A copy repeated `counts` times along each dim. Same as `Tensor.repeat`.
  public func `repeat`(_ counts: Int...) -> Tensor { self.repeat(counts) }

  /// A copy repeated `counts` times along the last dims. Same as `torch.tile`.
  public func tile(_ counts: [Int]) -> Tensor {
    self.repeat([Int](repeating: 1, count: Swift.max(rank - counts.count, 0)) + counts)
  }
  /// A copy repeated `counts` times along the last dims. Same as `torch.tile`.
  public func tile(_ counts: Int...) -> Tensor { tile(counts) }

  /// Each element `count` times in a row along `dim`, or in the flattened tensor. Same as `torch.repeat_interleave`;
  /// `outputSize` is the size that comes out, checked.
  public func repeatInterleave(_ count: Int, dim: Int? = nil, outputSize: Int? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if count < 0 { throw TensorError.value("repeatInterleave: the count must not be negative, got \(count)") }
      let x = dim == nil ? reshape([elementCount]) : self
      let d = try x.repeatedDim(dim ?? 0)
      var (wide, joined) = (x.shape, x.shape)
      wide.insert(count, at: d + 1)
      try Tensor.checkSizes(wide, op: "repeatInterleave")
      joined[d] = joined[d] * count
      if let outputSize, outputSize != joined[d] {
        throw TensorError.value("repeatInterleave: \(joined[d]) elements come out, not outputSize \(outputSize)")
      }
      let result = x.unsqueeze(dim: d + 1).expand(wide).reshape(joined)
      return count == 1 ? result.clone() : result
    }
  }

  /// Each slice of `dim` (or element of the flattened tensor) as often as its own count says. Same as
  /// `torch.repeat_interleave` with a tensor of counts; `outputSize` is their sum, checked.
  public func repeatInterleave(_ counts: Tensor, dim: Int? = nil, outputSize: Int? = nil) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || counts.isPoisoned { return ErrorScope.poison() }
      let x = dim == nil ? reshape([elementCount]) : self
      let d = try x.repeatedDim(dim ?? 0)
      let numbers = try Tensor.checkedCounts(counts)
      if numbers.count == 1 && x.size(d) != 1 {
        return x.repeatInterleave(numbers[0], dim: d, outputSize: outputSize)
      }
      if numbers.count != x.size(d) {
        throw TensorError.value(
          "repeatInterleave: expected \(x.size(d)) counts for dim \(d) of shape \(x.shape), got \(numbers.count)")
      }
      return x.indexSelect(dim: d, try Tensor.repeatedPlaces(numbers, outputSize))
    }
  }

  /// Each place of a vector of counts as often as its count says: `[1, 0, 2]` gives `[0, 2, 2]`. Same as
  /// `torch.repeat_interleave` of the counts alone.
  public static func repeatInterleave(counts: Tensor, outputSize: Int? = nil) -> Tensor {
    ErrorScope.guarding {
      if counts.isPoisoned { return counts }
      if counts.rank != 1 {
        throw TensorError.shape("repeatInterleave: expected a vector of counts, got shape \(counts.shape)")
      }
      return try repeatedPlaces(try checkedCounts(counts), outputSize).to(counts.dtype)
    }
  }

  /// The dim whose slices are repeated.
  private func repeatedDim(_ dim: Int) throws -> Int {
    if rank == 0 { throw TensorError.shape("repeatInterleave: a 0-dim tensor has no dim \(dim); leave the dim out") }
    return try Layout.wrap(dim: dim, rank: rank, op: "repeatInterleave")
  }

  private static func checkedCounts(_ counts: Tensor) throws -> [Int] {
    if counts.dtype != .int64 && counts.dtype != .int32 || counts.rank > 1 {
      throw TensorError.dtype(
        "repeatInterleave: expected a vector of int64 or int32 counts, got shape \(counts.shape) of "
          + "\(counts.dtype.name)")
    }
    let numbers = counts.array(Int.self)
    if let negative = numbers.first(where: { $0 < 0 }) {
      throw TensorError.value("repeatInterleave: counts must not be negative, got \(negative)")
    }
    return numbers
  }

  private static func repeatedPlaces(_ numbers: [Int], _ outputSize: Int?) throws -> Tensor {
    var total = 0
    for number in numbers {
      let (sum, overflow) = total.addingReportingOverflow(number)
      if overflow || sum > Tensor.elementLimit {
        throw TensorError.value("repeatInterleave: the counts are too large")
      }
      total = sum
    }
    if let outputSize, total != outputSize {
      throw TensorError.value("repeatInterleave: the counts sum to \(total), not to outputSize \(outputSize)")
    }
    let places = Tensor(empty: [total], dtype: .int64)
    var next = places.pointer(Int.self)
    for (i, number) in numbers.enumerated() {
      next.update(repeating: i, count: number)
      next += number
    }
    return places
  }
}
