import FirefinchCore

/// Reductions, running sums and softmaxes that leave out the elements where a mask is false. Same as `torch.masked`.
///
/// The mask is a tensor of bools (others count as true where not 0) that broadcasts to the input and has no more dims; nil
/// leaves nothing out. `dim` nil or empty means all dims. What is left out gets the gradient 0.
public enum Masked {
  /// What an element that is left out becomes: joined with others it changes nothing.
  private enum Identity { case zero, one, lowest, highest, nan }

  private static func number(_ identity: Identity, _ dtype: DType, _ op: String) throws -> Scalar {
    switch identity {
    case .zero: return .int(0)
    case .one: return .int(1)
    case .nan: return .double(.nan)
    case .lowest, .highest:
      let isLow = identity == .lowest
      if dtype.isFloatingPoint || dtype.isComplex { return .double(isLow ? -.infinity : .infinity) }
      if dtype == .bool { throw TensorError.dtype("\(op): bool tensors have no smallest and largest number; convert first") }
      if dtype == .uint8 { return .int(isLow ? 0 : 255) }
      let top = Int.max >> (64 - dtype.size * 8)
      return .int(isLow ? -top - 1 : top)
    }
  }

  /// The mask as bools in the input's shape.
  private static func wide(_ mask: Tensor, _ x: Tensor, _ op: String) throws -> Tensor {
    if mask.rank > x.rank {
      throw TensorError.index("\(op): the mask of shape \(mask.shape) has more dims than the input of shape \(x.shape)")
    }
    if try Layout.broadcast(x.shape, mask.shape, op: op) != x.shape {
      throw TensorError.shape("\(op): the mask of shape \(mask.shape) does not broadcast to the input's shape \(x.shape)")
    }
    return mask.detach().to(.bool).expand(x.shape)
  }

  private static func filled(_ x: Tensor, _ mask: Tensor?, _ identity: Identity, _ op: String) throws -> Tensor {
    guard let mask else { return x }
    return x.maskedFill(try wide(mask, x, op).logicalNot(), try number(identity, x.dtype, op))
  }

  private static func dims(_ dim: [Int]?, _ x: Tensor, _ op: String) throws -> [Int] {
    try Layout.wrap(dims: dim, rank: x.rank, op: op).sorted()
  }

  /// The dtype of sums: small integers and bool become int64.
  private static func sumDType(_ x: Tensor, _ dtype: DType?) -> DType {
    dtype ?? (x.dtype.isDifferentiable || x.dtype == .int64 ? x.dtype : .int64)
  }

  /// Sum over `dim`. Same as `torch.masked.sum`.
  public static func sum(
    _ x: Tensor, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      let dims = try dims(dim, x, "masked.sum")
      return try filled(x, mask, .zero, "masked.sum").sum(dim: dims, keepDim: keepDim, dtype: sumDType(x, dtype))
    }
  }

  /// Product over `dim`. Same as `torch.masked.prod`.
  public static func prod(
    _ x: Tensor, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      var result = try filled(x, mask, .one, "masked.prod").to(sumDType(x, dtype))
      for d in try dims(dim, x, "masked.prod").reversed() { result = result.prod(dim: d, keepDim: keepDim) }
      return result
    }
  }

  /// Running sum along `dim`, in the input's dtype unless `dtype` is given. Same as `torch.masked.cumsum`.
  public static func cumsum(_ x: Tensor, dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    ErrorScope.guarding {
      let type = dtype ?? x.dtype
      return try filled(x, mask, .zero, "masked.cumsum").cumsum(dim: dim, dtype: type).to(type)
    }
  }

  /// Running product along `dim`, in the input's dtype unless `dtype` is given. Same as `torch.masked.cumprod`.
  public static func cumprod(_ x: Tensor, dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    ErrorScope.guarding {
      let type = dtype ?? x.dtype
      return try filled(x, mask, .one, "masked.cumprod").cumprod(dim: dim, dtype: type).to(type)
    }
  }

  /// Largest element over `dim`; ties share the gradient. Same as `torch.masked.amax`.
  public static func amax(
    _ x: Tensor, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      try filled(x, mask, .lowest, "masked.amax").amax(dim: dim, keepDim: keepDim).to(dtype ?? x.dtype)
    }
  }

  /// Smallest element over `dim`; ties share the gradient. Same as `torch.masked.amin`.
  public static func amin(
    _ x: Tensor, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      try filled(x, mask, .highest, "masked.amin").amin(dim: dim, keepDim: keepDim).to(dtype ?? x.dtype)
    }
  }

  /// Position of the largest element along `dim`, in the input's dtype unless `dtype` is given. Same as
  /// `torch.masked.argmax`.
  public static func argmax(
    _ x: Tensor, dim: Int? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      try filled(x, mask, .lowest, "masked.argmax").argmax(dim: dim, keepDim: keepDim).to(dtype ?? x.dtype)
    }
  }

  /// Position of the smallest element along `dim`, in the input's dtype unless `dtype` is given. Same as
  /// `torch.masked.argmin`.
  public static func argmin(
    _ x: Tensor, dim: Int? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      try filled(x, mask, .highest, "masked.argmin").argmin(dim: dim, keepDim: keepDim).to(dtype ?? x.dtype)
    }
  }

  /// How many elements are summed: a number for all, or one for each result.
  private static func count(_ x: Tensor, _ dims: [Int], keepDim: Bool, _ mask: Tensor?, _ op: String) throws -> Tensor {
    if let mask { return try wide(mask, x, op).sum(dim: dims, keepDim: keepDim) }
    let shape = Reduce.shape(x.shape, dims: dims, keepDim: keepDim)
    return Tensor.full(shape, dims.reduce(1) { $0 * x.shape[$1] }, dtype: .int64, device: x.device)
  }

  /// Mean over `dim`; NaN where all is left out. Floating point or complex. Same as `torch.masked.mean`.
  public static func mean(
    _ x: Tensor, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      let type = dtype ?? x.dtype
      if !type.isFloatingPoint && !type.isComplex {
        throw TensorError.dtype("masked.mean: expected floating point or complex, got \(type.name); pass dtype")
      }
      let dims = try dims(dim, x, "masked.mean")
      let total = sum(x, dim: dims, keepDim: keepDim, dtype: type, mask: mask)
      return total / (try count(x, dims, keepDim: keepDim, mask, "masked.mean"))
    }
  }

  /// The lower median along `dim`; NaN where all is left out, which for integers is a mistake. Same as
  /// `torch.masked.median`.
  public static func median(
    _ x: Tensor, dim: Int = -1, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      if x.dtype.isComplex { throw TensorError.dtype("masked.median: complex tensors have no order") }
      let isFloat = x.dtype.isFloatingPoint
      let values = try filled(isFloat ? x : x.to(.float32), mask, .nan, "masked.median").nanmedian(dim: dim, keepDim: keepDim).values
      if isFloat || values.isPoisoned { return values }
      if values.isNaN().any().doubleValue != 0 {
        throw TensorError.value("masked.median: a row is left out wholly, and \(x.dtype.name) has no NaN; convert first")
      }
      return values.to(dtype ?? x.dtype)
    }
  }

  /// log of the sum of exponentials over `dim`. Same as `torch.masked.logsumexp`.
  public static func logsumexp(
    _ x: Tensor, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      let dims = try dims(dim, x, "masked.logsumexp")
      return try filled(x, mask, .lowest, "masked.logsumexp").logsumexp(dim: dims, keepDim: keepDim).to(dtype ?? x.dtype)
    }
  }

  /// log(exp(x) + exp(other)), each with a mask of its own. Same as `torch.masked.logaddexp`.
  public static func logaddexp(
    _ x: Tensor, _ other: Tensor, dtype: DType? = nil, mask: Tensor? = nil, otherMask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      let a = try filled(x, mask, .lowest, "masked.logaddexp")
      return a.logaddexp(try filled(other, otherMask, .lowest, "masked.logaddexp")).to(dtype ?? x.dtype)
    }
  }

  /// Norm over `dim`; complex tensors by their magnitudes. Same as `torch.masked.norm`.
  public static func norm(
    _ x: Tensor, _ order: Double = 2, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      if order == -.infinity && mask != nil && !x.dtype.isFloatingPoint {
        throw TensorError.dtype("masked.norm: order -inf needs a floating-point tensor, got \(x.dtype.name)")
      }
      let dims = try dims(dim, x, "masked.norm")
      let values = try filled(x, mask, order == -.infinity ? .highest : .zero, "masked.norm")
      let magnitudes = x.dtype.isComplex ? values.abs() : values
      let type = dtype ?? x.dtype
      return magnitudes.vectorNorm(order, dim: dims, keepDim: keepDim, dtype: type.isComplex ? type.realType : type)
    }
  }

  /// Divided by the norm along `dim`, which counts as `eps` at least; 0 where left out. Same as `torch.masked.normalize`.
  public static func normalize(
    _ x: Tensor, _ order: Double, dim: Int, eps: Double = 1e-12, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      let size = norm(x, order, dim: [dim], keepDim: true, dtype: dtype, mask: mask)
      return try filled(x, mask, .zero, "masked.normalize") / size.maximum(Tensor(eps, dtype: size.dtype).to(x.device))
    }
  }

  private static func spread(
    _ x: Tensor, _ dim: [Int]?, _ correction: Double, _ keepDim: Bool, _ dtype: DType?, _ mask: Tensor?, _ op: String
  ) throws -> Tensor {
    func isInexact(_ dtype: DType) -> Bool { dtype.isFloatingPoint || dtype.isComplex }
    let type = dtype ?? (isInexact(x.dtype) ? x.dtype : .float32)
    let compute = isInexact(type) ? type : .float32
    let dims = try dims(dim, x, op)
    let mean = sum(x, dim: dims, keepDim: true, dtype: type, mask: mask) / (try count(x, dims, keepDim: true, mask, op))
    let off = x - mean
    let total = sum(off * off.conj(), dim: dims, keepDim: keepDim, dtype: compute, mask: mask)
    var count = try count(x, dims, keepDim: keepDim, mask, op)
    if correction != 0 { count = (count.to(compute.isComplex ? compute.realType : compute) - correction).clamp(min: 0) }
    return (total / count).to(type)
  }

  /// Variance over `dim`: squared differences from the mean divided by the count less `correction`. Same as
  /// `torch.masked.var`; complex tensors give a complex result as there.
  public static func `var`(
    _ x: Tensor, dim: [Int]? = nil, correction: Double = 1, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding { try spread(x, dim, correction, keepDim, dtype, mask, "masked.var") }
  }

  /// Square root of the variance. Same as `torch.masked.std`.
  public static func std(
    _ x: Tensor, dim: [Int]? = nil, correction: Double = 1, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    ErrorScope.guarding { try spread(x, dim, correction, keepDim, dtype, mask, "masked.std").sqrt() }
  }

  /// Softmax along `dim`; 0 where left out, NaN where all is. Same as `torch.masked.softmax`.
  public static func softmax(_ x: Tensor, dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    ErrorScope.guarding { try filled(x, mask, .lowest, "masked.softmax").softmax(dim: dim, dtype: dtype ?? x.dtype) }
  }

  /// Logarithm of `softmax`. Same as `torch.masked.log_softmax`.
  public static func logSoftmax(_ x: Tensor, dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    ErrorScope.guarding {
      try filled(x, mask, .lowest, "masked.logSoftmax").logSoftmax(dim: dim, dtype: dtype ?? x.dtype)
    }
  }

  /// Softmax of the negated input. Same as `torch.masked.softmin`.
  public static func softmin(_ x: Tensor, dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    ErrorScope.guarding { try (-filled(x, mask, .highest, "masked.softmin")).softmax(dim: dim, dtype: dtype ?? x.dtype) }
  }
}
