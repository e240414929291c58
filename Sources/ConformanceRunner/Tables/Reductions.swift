import Firefinch

/// Reductions, scans, sorting and softmax.
extension Table {
  mutating func addReductions() {
    addSums()
    addExtremes()
    addStatistics()
    addScans()
    addSorting()
  }

  private mutating func addSums() {
    op("sum(Tensor self, *, ScalarType? dtype=None) -> Tensor") { c in try c.tensor(0).sum(dtype: c.optionalDType(1)) }
    op("sum(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).sum(dim: c.optionalInts(1), keepDim: c.bool(2), dtype: c.optionalDType(3))
    }
    op("mean(Tensor self, *, ScalarType? dtype=None) -> Tensor") { c in try c.tensor(0).mean(dtype: c.optionalDType(1)) }
    op("mean(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).mean(dim: c.optionalInts(1), keepDim: c.bool(2), dtype: c.optionalDType(3))
    }
    op("nansum(Tensor self, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).nansum(dim: c.optionalInts(1), keepDim: c.bool(2), dtype: c.optionalDType(3))
    }
    op("nanmean(Tensor self, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).nanmean(dim: c.optionalInts(1), keepDim: c.bool(2), dtype: c.optionalDType(3))
    }
    op("prod(Tensor self, *, ScalarType? dtype=None) -> Tensor") { c in try c.tensor(0).prod(dtype: c.optionalDType(1)) }
    op("prod(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).prod(dim: c.int(1), keepDim: c.bool(2), dtype: c.optionalDType(3))
    }
    op("sum_to_size(Tensor self, int[] size) -> Tensor") { c in try c.tensor(0).sumToSize(c.shape(1)) }
    op("count_nonzero(Tensor self, int[]? dim=None) -> Tensor") { c in try c.tensor(0).countNonzero(dim: c.optionalInts(1)) }
    op("any(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor") { c in
      try c.tensor(0).any(dim: c.optionalInts(1), keepDim: c.bool(2))
    }
    op("all(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor") { c in
      try c.tensor(0).all(dim: c.optionalInts(1), keepDim: c.bool(2))
    }
    op("logsumexp(Tensor self, int[] dim, bool keepdim=False) -> Tensor") { c in
      try c.tensor(0).logsumexp(dim: c.ints(1), keepDim: c.bool(2))
    }
    op("equal(Tensor self, Tensor other) -> bool") { c in try c.tensor(0).equal(c.tensor(1)) }
    op("allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool") { c in
      try c.tensor(0).allclose(c.tensor(1), rtol: c.double(2), atol: c.double(3), equalNaN: c.bool(4))
    }
  }

  private mutating func addExtremes() {
    for (name, isMax) in [("amax", true), ("amin", false)] {
      op("\(name)(Tensor self, int[]? dim=[], bool keepdim=False) -> Tensor") { c in
        let (x, dim) = (try c.tensor(0), try c.optionalInts(1))
        return try isMax ? x.amax(dim: dim, keepDim: c.bool(2)) : x.amin(dim: dim, keepDim: c.bool(2))
      }
    }
    for (name, isMax) in [("max", true), ("min", false)] {
      op("\(name)(Tensor self) -> Tensor") { c in try isMax ? c.tensor(0).max() : c.tensor(0).min() }
      op("\(name)(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)") { c in
        let (x, dim, keep) = (try c.tensor(0), try c.int(1), try c.bool(2))
        let r = isMax ? x.max(dim: dim, keepDim: keep) : x.min(dim: dim, keepDim: keep)
        return [r.values, r.indices]
      }
      op("\(name)(Tensor self, Tensor other) -> Tensor") { c in
        try isMax ? c.tensor(0).maximum(c.tensor(1)) : c.tensor(0).minimum(c.tensor(1))
      }
    }
    op("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).aminmax(dim: c.optionalInt(1), keepDim: c.bool(2))
      return [r.min, r.max]
    }
    for (name, skipsNaN) in [("median", false), ("nanmedian", true)] {
      op("\(name)(Tensor self) -> Tensor") { c in try skipsNaN ? c.tensor(0).nanmedian() : c.tensor(0).median() }
      op("\(name)(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)") { c in
        let (x, dim, keep) = (try c.tensor(0), try c.int(1), try c.bool(2))
        let r = skipsNaN ? x.nanmedian(dim: dim, keepDim: keep) : x.median(dim: dim, keepDim: keep)
        return [r.values, r.indices]
      }
    }
    op("kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).kthvalue(c.int(1), dim: c.int(2), keepDim: c.bool(3))
      return [r.values, r.indices]
    }
    op("mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).mode(dim: c.int(1), keepDim: c.bool(2))
      return [r.values, r.indices]
    }
  }

  private mutating func addStatistics() {
    func correction(_ c: Call, unbiased: Int) throws -> Double { try c.bool(unbiased) ? 1 : 0 }
    for (name, isStd, withMean) in [
      ("var", false, false), ("std", true, false), ("var_mean", false, true), ("std_mean", true, true),
    ] {
      func answer(_ x: Tensor, _ dim: [Int]?, _ correction: Double, _ keepDim: Bool) -> any Answer {
        if !withMean {
          return isStd
            ? x.std(dim: dim, correction: correction, keepDim: keepDim)
            : x.var(dim: dim, correction: correction, keepDim: keepDim)
        }
        if isStd {
          let r = x.stdMean(dim: dim, correction: correction, keepDim: keepDim)
          return [r.std, r.mean]
        }
        let r = x.varMean(dim: dim, correction: correction, keepDim: keepDim)
        return [r.variance, r.mean]
      }
      op("\(name)(Tensor self, bool unbiased) -> Tensor") { c in
        answer(try c.tensor(0), nil, try correction(c, unbiased: 1), false)
      }
      op("\(name)(Tensor self, int[]? dim, bool unbiased, bool keepdim=False) -> Tensor") { c in
        answer(try c.tensor(0), try c.optionalInts(1), try correction(c, unbiased: 2), try c.bool(3))
      }
      op("\(name)(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor") { c in
        answer(try c.tensor(0), try c.optionalInts(1), try c.optionalDouble(2) ?? 1, try c.bool(3))
      }
    }
    for (name, skipsNaN) in [("quantile", false), ("nanquantile", true)] {
      func answer(_ c: Call, _ q: Tensor) throws -> Tensor {
        let (x, dim, keep) = (try c.tensor(0), try c.optionalInt(2), try c.bool(3))
        guard let mode = QuantileInterpolation(rawValue: try c.string(4)) else {
          throw TensorError.value("\(name): interpolation '\(try c.string(4))' is none of linear, lower, higher, midpoint, nearest")
        }
        return skipsNaN
          ? x.nanquantile(q, dim: dim, keepDim: keep, interpolation: mode)
          : x.quantile(q, dim: dim, keepDim: keep, interpolation: mode)
      }
      let rest = "int? dim=None, bool keepdim=False, *, str interpolation='linear'"
      op("\(name)(Tensor self, Tensor q, \(rest)) -> Tensor") { c in try answer(c, c.tensor(1)) }
      op("\(name)(Tensor self, float q, \(rest)) -> Tensor") { c in
        try answer(c, Tensor(c.double(1), dtype: c.tensor(0).dtype))
      }
    }
    op("softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).softmax(dim: c.int(1), dtype: c.optionalDType(2))
    }
    op("log_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).logSoftmax(dim: c.int(1), dtype: c.optionalDType(2))
    }
    op("diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor") { c in
      try c.tensor(0).diff(c.int(1), dim: c.int(2), prepend: c.optionalTensor(3), append: c.optionalTensor(4))
    }
  }

  private mutating func addScans() {
    op("cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).cumsum(dim: c.int(1), dtype: c.optionalDType(2))
    }
    op("cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).cumprod(dim: c.int(1), dtype: c.optionalDType(2))
    }
    op("logcumsumexp(Tensor self, int dim) -> Tensor") { c in try c.tensor(0).logcumsumexp(dim: c.int(1)) }
    op("cummax(Tensor self, int dim) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).cummax(dim: c.int(1))
      return [r.values, r.indices]
    }
    op("cummin(Tensor self, int dim) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).cummin(dim: c.int(1))
      return [r.values, r.indices]
    }
  }

  private mutating func addSorting() {
    op("sort(Tensor self, int dim=-1, bool descending=False, bool stable=False) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).sort(dim: c.int(1), descending: c.bool(2))
      return [r.values, r.indices]
    }
    op("argsort(Tensor self, int dim=-1, bool descending=False, bool stable=False) -> Tensor") { c in
      try c.tensor(0).argsort(dim: c.int(1), descending: c.bool(2))
    }
    op("msort(Tensor self) -> Tensor") { c in try c.tensor(0).sort(dim: 0).values }
    op("topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).topk(c.int(1), dim: c.int(2), largest: c.bool(3))
      return [r.values, r.indices]
    }
  }
}
