import FirefinchCore

/// How the rows of a bag are joined. Same words as `F.embedding_bag`.
public enum BagMode: String, Sendable, CaseIterable { case sum, mean, max }

extension Tensor {
  /// Rows of this table (rows, width) joined by bags: `indices` is (bags, size), or a vector cut at `offsets`. Rows named
  /// `paddingIndex` are left out. Weights of the single rows are for sums. With `sparse`, for sums and means, a leaf gets its
  /// gradient as `sparseGrad`. Same as `F.embedding_bag`.
  public func embeddingBag(
    _ indices: Tensor, offsets: Tensor? = nil, mode: BagMode = .mean, weights: Tensor? = nil,
    includesLastOffset: Bool = false, paddingIndex: Int? = nil, maxNorm: Double? = nil, normType: Double = 2,
    sparse: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || indices.isPoisoned { return ErrorScope.poison() }
      if rank != 2 || !indices.dtype.isInteger {
        throw TensorError.shape("embeddingBag: expected a table (rows, width) and integer indices, got \(shape) and \(indices.dtype.name)")
      }
      if !dtype.isFloatingPoint { throw TensorError.dtype("embeddingBag: expected a floating-point table, got \(dtype.name)") }
      if let weights, mode != .sum {
        throw TensorError.value("embeddingBag: weights of shape \(weights.shape) are for mode .sum, not .\(mode.rawValue)")
      }
      if let weights, weights.shape != indices.shape {
        throw TensorError.shape("embeddingBag: weights have shape \(weights.shape), indices \(indices.shape)")
      }
      if sparse && mode == .max {
        throw TensorError.value("embeddingBag: mode .max has no sparse gradients; leave sparse out")
      }
      var starts: [Int]
      if indices.rank == 2 {
        if offsets != nil { throw TensorError.value("embeddingBag: offsets are for a vector of indices, got shape \(indices.shape)") }
        starts = (0..<indices.size(0)).map { $0 * indices.size(1) }
      } else {
        guard indices.rank == 1, let offsets, offsets.rank == 1, offsets.dtype.isInteger else {
          throw TensorError.shape("embeddingBag: a vector of indices needs a vector of integer offsets")
        }
        starts = offsets.array(Int.self)
        if starts.first ?? 0 != 0 { throw TensorError.value("embeddingBag: the first offset must be 0, got \(starts[0])") }
        if starts.last ?? 0 > indices.elementCount {
          throw TensorError.value("embeddingBag: offset \(starts.last!) is behind the \(indices.elementCount) indices")
        }
        if includesLastOffset {
          if starts.isEmpty { throw TensorError.value("embeddingBag: includesLastOffset needs at least one offset") }
          starts.removeLast()
        }
      }
      let table = try normalised(indices, maxNorm, normType)
      let flat = indices.reshape([indices.elementCount]).to(.int64)
      let count = flat.elementCount, bags = starts.count
      var bag = [Int](repeating: 0, count: count)
      for (b, start) in starts.enumerated() {
        let end = b + 1 < bags ? starts[b + 1] : count
        if end < start { throw TensorError.value("embeddingBag: offsets must not fall, got \(start) before \(end)") }
        for i in start..<end { bag[i] = b }
      }
      var kept = flat, owners = Tensor(bag), own = weights?.reshape([count])
      if let paddingIndex {
        let padding = paddingIndex < 0 ? paddingIndex + size(0) : paddingIndex
        let places = (flat .!= padding).nonzero().reshape([-1])
        (kept, owners, own) = (flat.indexSelect(dim: 0, places), owners.indexSelect(dim: 0, places), own?.indexSelect(dim: 0, places))
      }
      var rows = sparse ? table.sparselySelected(kept) : table.indexSelect(dim: 0, kept)
      if let own { rows = rows * own.to(rows.dtype).unsqueeze(dim: 1) }
      let zeros = Tensor.zeros([bags, size(1)], dtype: rows.dtype)
      switch mode {
      case .sum: return zeros.indexAdd(dim: 0, index: owners, rows)
      case .mean:
        let counts = Tensor.zeros([bags], dtype: rows.dtype).indexAdd(dim: 0, index: owners, Tensor.ones([kept.elementCount], dtype: rows.dtype))
        return zeros.indexAdd(dim: 0, index: owners, rows) / counts.clamp(min: 1).unsqueeze(dim: 1)
      case .max: return zeros.indexReduce(dim: 0, index: owners, rows, .amax, includeSelf: false)
      }
    }
  }

  /// The table with the named rows scaled down in place to at most `maxNorm`, as PyTorch's embeddings do.
  func normalised(_ indices: Tensor, _ maxNorm: Double?, _ p: Double) throws -> Tensor {
    guard let maxNorm else { return self }
    withNoGrad {
      let named = indices.reshape([indices.elementCount]).to(.int64).unique().values
      let rows = detach().indexSelect(dim: 0, named)
      let norms = rows.vectorNorm(p, dim: [1], keepDim: true)
      let scale = Tensor.where(norms .> maxNorm, maxNorm / (norms + 1e-7), 1)
      detach().indexPut_([named], rows * scale)
    }
    return self
  }
}
