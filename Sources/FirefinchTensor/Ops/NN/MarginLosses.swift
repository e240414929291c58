import FirefinchCore

extension Tensor {
  /// Sum over classes of max(0, margin - x[target] + x[class])^p / classes, for (N, C) or (C). Same as
  /// `F.multi_margin_loss`.
  public func multiMarginLoss(
    _ target: Tensor, p: Int = 1, margin: Double = 1, weight: Tensor? = nil, reduction: Reduction = .mean
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || target.isPoisoned { return ErrorScope.poison() }
      if p != 1 && p != 2 { throw TensorError.value("multiMarginLoss: p must be 1 or 2, got \(p)") }
      if rank < 2 {
        let one = reshape([1, elementCount]).multiMarginLoss(target.reshape([-1]), p: p, margin: margin, weight: weight, reduction: reduction)
        return reduction == .none ? one.reshape(target.shape) : one
      }
      if rank != 2 || size(1) == 0 || target.shape != [size(0)] {
        throw TensorError.shape("multiMarginLoss: expected (N, C) and (N), got \(shape) and \(target.shape)")
      }
      if let weight, weight.shape != [size(1)] {
        throw TensorError.shape("multiMarginLoss: weight has shape \(weight.shape), expected [\(size(1))]")
      }
      let index = target.to(.int64).unsqueeze(dim: 1)
      var gaps = (margin - gather(dim: 1, index: index) + self).clamp(min: 0)
      if p == 2 { gaps = gaps.square() }
      if let weight { gaps = gaps * weight.indexSelect(dim: 0, target.to(.int64)).unsqueeze(dim: 1) }
      let others = Tensor.arange(size(1)).unsqueeze(dim: 0) .!= index
      return reduction(Tensor.where(others, gaps, 0).sum(dim: 1) / size(1))
    }
  }

  /// Sum over the targets (before the first -1) and all other classes of max(0, 1 - (x[target] - x[class])) / classes, for
  /// (N, C) or (C). Same as `F.multilabel_margin_loss`.
  public func multiLabelMarginLoss(_ target: Tensor, reduction: Reduction = .mean) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || target.isPoisoned { return ErrorScope.poison() }
      if rank < 2 {
        let one = reshape([1, elementCount]).multiLabelMarginLoss(target.reshape([1, target.elementCount]), reduction: reduction)
        return reduction == .none ? one.reshape([]) : one
      }
      if rank != 2 || target.shape != shape || target.dtype != .int64 {
        throw TensorError.shape(
          "multiLabelMarginLoss: expected (N, C) and int64 targets of that shape, got \(shape) and \(target.dtype.name) of \(target.shape)")
      }
      if elementCount == 0 { return reduction(Tensor.zeros([size(0)], dtype: dtype)) }
      if target.amin().intValue < -1 || target.amax().intValue >= size(1) {
        throw TensorError.index("multiLabelMarginLoss: a target is out of range for \(size(1)) classes")
      }
      let counts = ((target .< 0).to(.int64).cumsum(dim: 1) .== 0)
      let index = target.clamp(min: 0)
      let isTarget = Tensor.zeros(shape, dtype: .int64).scatterAdd(dim: 1, index: index, counts.to(.int64)) .> 0
      let own = gather(dim: 1, index: index).unsqueeze(dim: 2)
      let gaps = (1 - own + unsqueeze(dim: 1)).clamp(min: 0)
      let takes = counts.unsqueeze(dim: 2).logicalAnd(isTarget.logicalNot().unsqueeze(dim: 1))
      return reduction(Tensor.where(takes, gaps, 0).sum(dim: [1, 2]) / size(1))
    }
  }

  /// max(0, d(anchor, positive) - d(anchor, negative) + margin); with `swap` the nearer of the distances to the negative
  /// counts. `distance` is the Euclidean one when nil. Same as `F.triplet_margin_with_distance_loss`.
  public func tripletMarginLoss(
    positive: Tensor, negative: Tensor, distance: ((Tensor, Tensor) -> Tensor)?, margin: Double = 1, swap: Bool = false,
    reduction: Reduction = .mean
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || positive.isPoisoned || negative.isPoisoned { return ErrorScope.poison() }
      if margin <= 0 { throw TensorError.value("tripletMarginLoss: the margin must be positive, got \(margin)") }
      if rank != positive.rank || rank != negative.rank {
        throw TensorError.shape(
          "tripletMarginLoss: anchor \(shape), positive \(positive.shape) and negative \(negative.shape) need the same number of dims")
      }
      let between = distance ?? { $0.pairwiseDistance($1) }
      let near = between(self, positive)
      var far = between(self, negative)
      if swap { far = far.minimum(between(positive, negative)) }
      return reduction((near - far + margin).clamp(min: 0))
    }
  }

  /// Cross-entropy of the logits `self @ weightᵀ + bias` without the caller holding them: (N, F) with weights (C, F) or
  /// (C, …, F). Same as `F.linear_cross_entropy`.
  public func linearCrossEntropy(
    _ weight: Tensor, _ target: Tensor, bias: Tensor? = nil, classWeight: Tensor? = nil, ignoreIndex: Int = -100,
    reduction: Reduction = .mean, labelSmoothing: Double = 0
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || weight.isPoisoned || target.isPoisoned { return ErrorScope.poison() }
      if rank < 1 || rank > 2 || weight.rank < 2 || weight.size(-1) != size(-1) {
        throw TensorError.shape("linearCrossEntropy: expected (N, F) or (F) and weights (C, …, F), got \(shape) and \(weight.shape)")
      }
      if rank == 1 && weight.rank > 2 {
        throw TensorError.shape("linearCrossEntropy: weights (C, …, F) of \(weight.rank) dims need a batch (N, F), got shape \(shape)")
      }
      let outer = Array(weight.shape.dropLast())
      let flat = weight.reshape([outer.reduce(1, *), weight.size(-1)])
      let logits = linear(flat, bias?.reshape([flat.size(0)]))
      let shaped = rank == 1 ? logits.reshape(Shape(outer)) : logits.reshape(Shape([size(0)] + outer))
      return shaped.crossEntropy(
        target, weight: classWeight, ignoreIndex: ignoreIndex, reduction: reduction, labelSmoothing: labelSmoothing)
    }
  }
}
