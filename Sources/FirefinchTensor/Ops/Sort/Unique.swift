import FirefinchCore

extension Tensor {
  /// Distinct elements, what `unique` and its relatives return.
  public struct Distinct {
    /// The elements, or slices of `dim`.
    public let values: Tensor
    /// For each element (or slice) its number in `values`: int64.
    public let inverse: Tensor
    /// How often each is there: int64.
    public let counts: Tensor
  }

  /// The distinct elements in ascending order, or the distinct slices of `dim` in lexicographic order. O(n log n). Same as
  /// `torch.unique(sorted=True, return_inverse=True, return_counts=True)`.
  public func unique(dim: Int? = nil) -> Distinct { distinct(dim, isConsecutive: false, "unique") }

  /// Elements, or slices of `dim`, that differ from the one before. Same as `torch.unique_consecutive`.
  public func uniqueConsecutive(dim: Int? = nil) -> Distinct { distinct(dim, isConsecutive: true, "uniqueConsecutive") }

  private func distinct(_ dim: Int?, isConsecutive: Bool, _ op: String) -> Distinct {
    var result: Distinct?
    let failed = ErrorScope.guarding {
      if isPoisoned { return self }
      if dtype.isComplex { throw TensorError.dtype("\(op): complex tensors have no order") }
      let made = try withNoGrad { try dim == nil ? detach().distinctElements(isConsecutive) : detach().distinctSlices(dim!, isConsecutive, op) }
      result = made
      return made.values
    }
    return result ?? Distinct(values: failed, inverse: failed, counts: failed)
  }

  /// From the order of the rows and where a new one begins: numbers of the runs, their starts and lengths.
  private static func runs(_ begins: [Bool], order: [Int]) -> (starts: [Int], inverse: [Int], counts: [Int]) {
    var starts: [Int] = [], counts: [Int] = []
    var inverse = [Int](repeating: 0, count: begins.count)
    for (place, begin) in begins.enumerated() {
      if begin {
        starts.append(place)
        counts.append(0)
      }
      counts[counts.count - 1] += 1
      inverse[order[place]] = starts.count - 1
    }
    return (starts, inverse, counts)
  }

  private func distinctElements(_ isConsecutive: Bool) -> Distinct {
    let flat = reshape([elementCount])
    let n = elementCount
    let sorted = isConsecutive ? nil : flat.sort(dim: 0)
    let values = sorted?.values ?? flat.contiguous()
    let order = sorted?.indices
    var begins = [Bool](repeating: true, count: n)
    if n > 1 {
      let isNew = (values.narrow(dim: 0, start: 1, length: n - 1) .!= values.narrow(dim: 0, start: 0, length: n - 1))
      begins.replaceSubrange(1..., with: isNew.array(Bool.self))
    }
    let runs = Tensor.runs(begins, order: order?.array(Int.self) ?? Array(0..<n))
    return Distinct(
      values: values.indexSelect(dim: 0, Tensor(runs.starts)), inverse: Tensor(runs.inverse, shape: shape),
      counts: Tensor(runs.counts))
  }

  private func distinctSlices(_ dim: Int, _ isConsecutive: Bool, _ op: String) throws -> Distinct {
    let d = try Layout.wrap(dim: dim, rank: rank, op: op)
    if rank == 0 { throw TensorError.index("\(op): a tensor of 0 dims has no dim \(dim)") }
    let n = shape[d]
    if n == 0 {
      if shape.enumerated().contains(where: { $0.offset != d && $0.element == 0 }) {
        throw TensorError.value("\(op): the slices of dim \(d) of shape \(shape) are empty, so they cannot be told apart")
      }
      let none = Tensor([Int]())
      return Distinct(values: clone(), inverse: none, counts: none)
    }
    if elementCount == 0 { throw TensorError.value("\(op): the slices of dim \(d) of shape \(shape) are empty") }
    let rows = movedim(d, 0).reshape([n, elementCount / n])
    var order = Array(0..<n)
    if !isConsecutive {
      // Sorting stably by the last column first leaves the rows in lexicographic order.
      var permutation = Tensor.arange(n)
      for column in stride(from: rows.size(1) - 1, through: 0, by: -1) {
        let keys = rows.select(dim: 1, column).indexSelect(dim: 0, permutation)
        permutation = permutation.indexSelect(dim: 0, keys.sort(dim: 0).indices)
      }
      order = permutation.array(Int.self)
    }
    let sorted = isConsecutive ? rows : rows.indexSelect(dim: 0, Tensor(order))
    var begins = [Bool](repeating: true, count: n)
    if n > 1 {
      let differs = sorted.narrow(dim: 0, start: 1, length: n - 1) .!= sorted.narrow(dim: 0, start: 0, length: n - 1)
      begins.replaceSubrange(1..., with: differs.any(dim: 1).array(Bool.self))
    }
    let runs = Tensor.runs(begins, order: order)
    let chosen = Tensor(runs.starts.map { order[$0] })
    return Distinct(
      values: indexSelect(dim: d, chosen), inverse: Tensor(runs.inverse), counts: Tensor(runs.counts))
  }
}

