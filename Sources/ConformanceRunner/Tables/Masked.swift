import Firefinch

/// torch.masked: reductions with a mask.
extension Table {
  mutating func addMasked() {
    let options = "bool? keepdim=False, ScalarType? dtype=None, Tensor? mask=None"
    typealias Reduction = (Tensor, [Int]?, Bool, DType?, Tensor?) -> Tensor
    let reductions: [(String, Reduction)] = [
      ("sum", { Masked.sum($0, dim: $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("prod", { Masked.prod($0, dim: $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("amax", { Masked.amax($0, dim: $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("amin", { Masked.amin($0, dim: $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("mean", { Masked.mean($0, dim: $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("logsumexp", { Masked.logsumexp($0, dim: $1, keepDim: $2, dtype: $3, mask: $4) }),
    ]
    for (name, reduction) in reductions {
      op("masked.\(name)(Tensor input, int[]? dim=None, *, \(options)) -> Tensor") { c in
        try reduction(c.tensor(0), c.optionalInts(1), c.optionalBool(2) ?? false, c.optionalDType(3), c.optionalTensor(4))
      }
    }
    for (name, isMax) in [("argmax", true), ("argmin", false)] {
      op("masked.\(name)(Tensor input, int? dim=None, *, \(options)) -> Tensor") { c in
        let (x, dim, keep) = (try c.tensor(0), try c.optionalInt(1), try c.optionalBool(2) ?? false)
        let (dtype, mask) = (try c.optionalDType(3), try c.optionalTensor(4))
        return isMax
          ? Masked.argmax(x, dim: dim, keepDim: keep, dtype: dtype, mask: mask)
          : Masked.argmin(x, dim: dim, keepDim: keep, dtype: dtype, mask: mask)
      }
    }
    op("masked.median(Tensor input, int dim=-1, *, \(options)) -> Tensor") { c in
      try Masked.median(
        c.tensor(0), dim: c.int(1), keepDim: c.optionalBool(2) ?? false, dtype: c.optionalDType(3), mask: c.optionalTensor(4))
    }
    for (name, isStd) in [("std", true), ("var", false)] {
      op("masked.\(name)(Tensor input, int[]? dim=None, bool? unbiased=None, *, Scalar? correction=None, \(options)) -> Tensor") { c in
        let (unbiased, given) = (try c.optionalBool(2), try c.optionalDouble(3))
        if unbiased != nil && given != nil { throw TensorError.value("masked.\(name): give unbiased or correction, not both") }
        let correction = given ?? (unbiased ?? true ? 1 : 0)
        let (x, dim, keep) = (try c.tensor(0), try c.optionalInts(1), try c.optionalBool(4) ?? false)
        let (dtype, mask) = (try c.optionalDType(5), try c.optionalTensor(6))
        return isStd
          ? Masked.std(x, dim: dim, correction: correction, keepDim: keep, dtype: dtype, mask: mask)
          : Masked.var(x, dim: dim, correction: correction, keepDim: keep, dtype: dtype, mask: mask)
      }
    }
    op("masked.norm(Tensor input, float? ord=2.0, int[]? dim=None, *, \(options)) -> Tensor") { c in
      try Masked.norm(
        c.tensor(0), c.optionalDouble(1) ?? 2, dim: c.optionalInts(2), keepDim: c.optionalBool(3) ?? false,
        dtype: c.optionalDType(4), mask: c.optionalTensor(5))
    }
    op("masked.normalize(Tensor input, float ord, int dim, *, float eps=1e-12, ScalarType? dtype=None, Tensor? mask=None) -> Tensor") { c in
      try Masked.normalize(
        c.tensor(0), c.double(1), dim: c.int(2), eps: c.double(3), dtype: c.optionalDType(4), mask: c.optionalTensor(5))
    }
    op("masked.logaddexp(Tensor input, Tensor other, *, ScalarType? dtype=None, Tensor? input_mask=None, Tensor? other_mask=None) -> Tensor") { c in
      try Masked.logaddexp(
        c.tensor(0), c.tensor(1), dtype: c.optionalDType(2), mask: c.optionalTensor(3), otherMask: c.optionalTensor(4))
    }
    let along: [(String, (Tensor, Int, DType?, Tensor?) -> Tensor)] = [
      ("softmax", { Masked.softmax($0, dim: $1, dtype: $2, mask: $3) }),
      ("log_softmax", { Masked.logSoftmax($0, dim: $1, dtype: $2, mask: $3) }),
      ("softmin", { Masked.softmin($0, dim: $1, dtype: $2, mask: $3) }),
      ("cumsum", { Masked.cumsum($0, dim: $1, dtype: $2, mask: $3) }),
      ("cumprod", { Masked.cumprod($0, dim: $1, dtype: $2, mask: $3) }),
    ]
    for (name, body) in along {
      op("masked.\(name)(Tensor input, int dim, *, ScalarType? dtype=None, Tensor? mask=None) -> Tensor") { c in
        try body(c.tensor(0), c.int(1), c.optionalDType(2), c.optionalTensor(3))
      }
    }
  }
}
