import FirefinchCPU
import FirefinchCore

/// How a quantile between two elements is chosen. Same words as `torch.quantile`.
public enum QuantileInterpolation: String, Sendable { case linear, lower, higher, nearest, midpoint }

extension Tensor {
  /// A tensor of at least one dim, its dim checked: what the order statistics work on.
  private func line(_ dim: Int, _ op: String) throws -> (x: Tensor, dim: Int) {
    let d = try Layout.wrap(dim: dim, rank: rank, op: op)
    if dtype.isComplex || dtype == .bool { throw TensorError.dtype("\(op): \(dtype.name) tensors are not supported") }
    let x = rank == 0 ? reshape([1]) : self
    if x.shape[d] == 0 {
      throw TensorError.value("\(op): dim \(d) of shape \(shape) has size 0, so there is nothing to choose from")
    }
    return (x, d)
  }

  /// Positions along `dim` (kept with size 1) of the chosen elements.
  private func selection(_ choice: SelectionKernel.Choice, _ dim: Int) -> Tensor {
    withNoGrad {
      let wide: DType = dtype == .float32 || dtype == .float64 ? dtype : dtype.isFloatingPoint ? .float32 : .int64
      let rows = detach().transpose(dim, -1).to(wide).contiguous()
      let result = Tensor(empty: Shape(rows.shape.dropLast() + [1]), dtype: .int64, device: device)
      if device == .cpu {
        SelectionKernel.run(
          wide, choice, rows: result.elementCount, n: size(dim), x: rows.data, indices: result.pointer(Int64.self))
      }
      return result.transpose(dim, -1).contiguous()
    }
  }

  /// The elements at `index` (size 1 along `dim`), with the dim kept or removed.
  private func chosen(_ index: Tensor, _ dim: Int, _ keepDim: Bool, _ original: Shape) -> (
    values: Tensor, indices: Tensor
  ) {
    let values = gather(dim: dim, index: index)
    if original.isEmpty { return (values.reshape([]), index.reshape([])) }
    return keepDim ? (values, index) : (values.squeeze(dim: dim), index.squeeze(dim: dim))
  }

  /// The values and positions of a median along `dim`; NaN wins or is left out.
  private func medianAlong(_ dim: Int, keepDim: Bool, skipNaN: Bool) -> (values: Tensor, indices: Tensor) {
    var result: (values: Tensor, indices: Tensor)?
    let failed = ErrorScope.guarding {
      if isPoisoned { return self }
      let (x, d) = try line(dim, skipNaN ? "nanmedian" : "median")
      let index = x.selection(skipNaN ? .medianOfNumbers : .median, d)
      result = x.chosen(index, d, keepDim, shape)
      return result!.values
    }
    return result ?? (failed, failed)
  }

  /// The median of all elements; ties share the gradient.
  private func medianOfAll(skipNaN: Bool) -> Tensor {
    if isPoisoned { return self }
    if elementCount == 0 {
      if dtype.isFloatingPoint { return Tensor(Double.nan, dtype: dtype) }
      return ErrorScope.guarding {
        throw TensorError.value("median: shape \(shape) has no elements, so there is nothing to choose from")
      }
    }
    let flat = reshape([elementCount])
    let value = flat.medianAlong(0, keepDim: false, skipNaN: skipNaN).values
    guard GradMode.isEnabled, requiresGrad, device == .cpu, !value.detach().isNaN().any().item().isTrue else {
      return value
    }
    // The largest of those not above it is the same number, and shares its gradient between equal elements.
    return Tensor.where(flat.detach() .== value.detach(), flat, -Double.infinity).amax()
  }

  /// The lower median of all elements; NaN if any is. Ties share the gradient. Same as `torch.median`.
  public func median() -> Tensor { medianOfAll(skipNaN: false) }
  /// The lower median of the elements that are not NaN. Same as `torch.nanmedian`.
  public func nanmedian() -> Tensor { medianOfAll(skipNaN: true) }
  /// The lower median along `dim` and its position; NaN if any is. Same as `torch.median(dim)`.
  public func median(dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    medianAlong(dim, keepDim: keepDim, skipNaN: false)
  }
  /// The lower median along `dim` of the elements that are not NaN, and its position. Same as `torch.nanmedian(dim)`.
  public func nanmedian(dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    medianAlong(dim, keepDim: keepDim, skipNaN: true)
  }

  /// The `k`-th smallest element along `dim` (`k` from 1) and its position; NaN is the largest. Same as
  /// `torch.kthvalue`.
  public func kthvalue(_ k: Int, dim: Int = -1, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    var result: (values: Tensor, indices: Tensor)?
    let failed = ErrorScope.guarding {
      if isPoisoned { return self }
      let (x, d) = try line(dim, "kthvalue")
      if k < 1 || k > x.size(d) {
        throw TensorError.value(
          "kthvalue: k is \(k), expected 1 to \(x.size(d)), the size of dim \(d) of shape \(shape)")
      }
      let index = x.selection(.position(k - 1), d)
      result = x.chosen(index, d, keepDim, shape)
      return result!.values
    }
    return result ?? (failed, failed)
  }

  /// The most frequent element along `dim` (of equally frequent ones the smallest) and the position of its last
  /// occurrence. Same as `torch.mode`.
  public func mode(dim: Int = -1, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    var result: (values: Tensor, indices: Tensor)?
    let failed = ErrorScope.guarding {
      if isPoisoned { return self }
      let d = try Layout.wrap(dim: dim, rank: rank, op: "mode")
      if rank > 0 && shape[d] == 0 {
        throw TensorError.value("mode: dim \(d) of shape \(shape) has size 0, so there is nothing to choose from")
      }
      let x = rank == 0 ? reshape([1]) : self
      let index = withNoGrad { () -> Tensor in
        let (values, order) = x.detach().sort(dim: d)
        let n = x.size(d)
        let place = Tensor.arange(n).to(device).reshape(Shape((0..<x.rank).map { $0 == d ? n : 1 }))
        // A run's length at its end is the distance from its start: the last position that differs from its neighbour.
        let before = values.narrow(dim: d, start: 0, length: n - 1)
        let after = values.narrow(dim: d, start: 1, length: n - 1)
        let edge = Shape(x.shape.enumerated().map { $0.offset == d ? 1 : $0.element })
        let first = Tensor.ones(edge, dtype: .bool, device: device)
        let starts = Tensor.cat([first, before .!= after], dim: d)
        let start = Tensor.where(starts, place.expand(x.shape), 0).cummax(dim: d).values
        let best = (place - start).argmax(dim: d, keepDim: true)
        return order.gather(dim: d, index: best)
      }
      result = x.chosen(index, d, keepDim, shape)
      return result!.values
    }
    return result ?? (failed, failed)
  }

  /// Quantiles: see the public functions. `q` is 0-dim or a vector.
  private func quantiles(
    _ q: Tensor, dim: Int?, keepDim: Bool, _ how: QuantileInterpolation, skipNaN: Bool
  ) -> Tensor {
    let op = skipNaN ? "nanquantile" : "quantile"
    return ErrorScope.guarding {
      if isPoisoned || q.isPoisoned { return ErrorScope.poison() }
      if dtype != .float32 && dtype != .float64 {
        throw TensorError.dtype("\(op): expected a float32 or float64 tensor, got \(dtype.name); convert first")
      }
      if q.rank > 1 || q.dtype != dtype {
        throw TensorError.shape(
          "\(op): q must be a number or a vector of \(dtype.name), got shape \(q.shape) of \(q.dtype.name)")
      }
      let flat = dim == nil ? reshape([elementCount]) : rank == 0 ? reshape([1]) : self
      let d = try Layout.wrap(dim: dim ?? 0, rank: flat.rank, op: op)
      let n = flat.size(d)
      if n == 0 {
        throw TensorError.value("\(op): shape \(shape) has no elements along the dim, so there is no quantile")
      }
      let plain = flat.detach()
      if q.device == .cpu, let bad = q.detach().array(Double.self).first(where: { !($0 >= 0 && $0 <= 1) }) {
        throw TensorError.value("\(op): q must be in the range 0 to 1, got \(bad)")
      }
      // Rows last; a NaN makes the row's quantiles NaN by pointing at it, the last of the sorted row.
      let sorted = flat.transpose(d, -1).sort(dim: -1).values
      let last = Double(n - 1)
      // The weight between two elements carries the gradient of `q`.
      let (rank, below, above) = { () -> (Tensor, Tensor, Tensor) in
        let bad = withNoGrad { plain.isNaN().transpose(d, -1).sum(dim: -1, keepDim: true) }
        let list = q.reshape([q.elementCount])
        let ranks: Tensor
        if skipNaN {
          ranks = list * (n - 1 - bad).clamp(min: 0).to(dtype)
        } else {
          ranks = Tensor.where(
            bad .> 0, last, (list * last).expand(Shape(Array(bad.shape.dropLast()) + [list.elementCount])))
        }
        switch how {
        case .lower: return (ranks.floor(), ranks.floor(), ranks.floor())
        case .higher: return (ranks.ceil(), ranks.ceil(), ranks.ceil())
        case .nearest: return (ranks.round(), ranks.round(), ranks.round())
        case .linear, .midpoint: return (ranks, ranks.detach().floor(), ranks.detach().ceil())
        }
      }()
      var values = sorted.gather(dim: -1, index: below.to(.int64))
      if how == .linear || how == .midpoint {
        let weight = how == .midpoint ? rank.detach().fullLike(0.5) : rank - below
        values = values.lerp(sorted.gather(dim: -1, index: above.to(.int64)), weight)
      }
      // (…, q) to (q, …, 1), then that 1 to the place of dim d, whence the last dim was taken.
      var result = values.movedim(-1, 0).unsqueeze(dim: -1).transpose(d + 1, -1)
      if dim == nil {
        result =
          keepDim
          ? result.reshape(Shape([q.elementCount] + self.shape.map { _ in 1 })) : result.reshape([q.elementCount])
      } else if self.rank == 0 {
        result = result.reshape([q.elementCount])
      } else if !keepDim {
        result = result.squeeze(dim: d + 1)
      }
      return q.rank == 0 ? result.squeeze(dim: 0) : result
    }
  }

  /// The `q`-th quantiles (0 to 1; a 0-dim tensor or a vector, whose dim comes first in the result) along `dim`, or of
  /// all elements. float32 or float64; NaN if any is. Same as `torch.quantile`.
  public func quantile(
    _ q: Tensor, dim: Int? = nil, keepDim: Bool = false, interpolation: QuantileInterpolation = .linear
  ) -> Tensor { quantiles(q, dim: dim, keepDim: keepDim, interpolation, skipNaN: false) }
  /// One quantile along `dim`, or of all elements. Same as `torch.quantile`.
  public func quantile(
    _ q: Double, dim: Int? = nil, keepDim: Bool = false, interpolation: QuantileInterpolation = .linear
  ) -> Tensor { quantile(Tensor(q, dtype: dtype), dim: dim, keepDim: keepDim, interpolation: interpolation) }
  /// Quantiles of the elements that are not NaN. Same as `torch.nanquantile`.
  public func nanquantile(
    _ q: Tensor, dim: Int? = nil, keepDim: Bool = false, interpolation: QuantileInterpolation = .linear
  ) -> Tensor { quantiles(q, dim: dim, keepDim: keepDim, interpolation, skipNaN: true) }
  /// One quantile of the elements that are not NaN. Same as `torch.nanquantile`.
  public func nanquantile(
    _ q: Double, dim: Int? = nil, keepDim: Bool = false, interpolation: QuantileInterpolation = .linear
  ) -> Tensor { nanquantile(Tensor(q, dtype: dtype), dim: dim, keepDim: keepDim, interpolation: interpolation) }

  /// Sum over `dim` (nil for all) with NaN as 0. Same as `torch.nansum`.
  public func nansum(dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    let x = self.dtype.isFloatingPoint ? Tensor.where(isNaN(), 0, self) : self
    return x.sum(dim: dim, keepDim: keepDim, dtype: dtype)
  }
  /// Mean over `dim` (nil for all) of the elements that are not NaN. Same as `torch.nanmean`.
  public func nanmean(dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    if !self.dtype.isDifferentiable || !(dtype ?? self.dtype).isDifferentiable {
      return ErrorScope.guarding {
        throw TensorError.dtype("nanmean: expected floating point or complex, got \((dtype ?? self.dtype).name) from \(self.dtype.name)")
      }
    }
    let count = isNaN().logicalNot().sum(dim: dim, keepDim: keepDim)
    return nansum(dim: dim, keepDim: keepDim, dtype: dtype) / count
  }
  /// Smallest and largest element along `dim`, or of all; ties share the gradient. Same as `torch.aminmax`.
  public func aminmax(dim: Int? = nil, keepDim: Bool = false) -> (min: Tensor, max: Tensor) {
    let dims = dim.map { [$0] }
    return (amin(dim: dims, keepDim: keepDim), amax(dim: dims, keepDim: keepDim))
  }
}

extension Scalar {
  fileprivate var isTrue: Bool { doubleValue != 0 }
}
