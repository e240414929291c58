import Firefinch

extension Table {
  /// Sparse tensors: forms of functions that take them, and torch.sparse.
  mutating func addSparse() {
    op("to_sparse(Tensor self, int? sparse_dim=None) -> Tensor") { c in try c.tensor(0).toSparse(sparseDim: c.optionalInt(1)) }
    op("to_sparse(Tensor self, *, layout? layout=None, int[]? blocksize=None, int? dense_dim=None) -> Tensor") { c in
      let blocks = try c.optionalInts(2).map { ($0[0], $0[1]) }
      return try c.tensor(0).toSparse(c.optionalLayout(1) ?? .coo, blockSize: blocks, denseDim: c.optionalInt(3) ?? 0)
    }
    op("to_sparse(Sparse self, *, layout? layout=None, int[]? blocksize=None) -> Tensor") { c in
      let blocks = try c.optionalInts(2).map { ($0[0], $0[1]) }
      return try c.sparse(0).toLayout(c.optionalLayout(1) ?? .coo, blockSize: blocks)
    }
    op("to_dense(Sparse self) -> Tensor") { c in try c.sparse(0).toDense() }
    op("coalesce(Sparse self) -> Tensor") { c in try c.sparse(0).coalesced() }
    op("mul(Sparse self, Sparse other) -> Tensor") { c in try c.sparse(0).mul(c.sparse(1)) }
    op("mul(Sparse self, Tensor other) -> Tensor") { c in try c.sparse(0).mul(c.tensor(1)) }
    op("mul(Sparse self, Scalar other) -> Tensor") { c in try c.sparse(0) * c.scalar(1) }
    op("mul(TensorOrNumber self, Sparse other) -> Tensor") { c in
      if case .tensor(let x) = c.argument(0) { return try c.sparse(1).mul(x) }
      return try c.sparse(1) * c.scalar(0)
    }
    op("add(Sparse self, Sparse other, *, Scalar alpha=1) -> Tensor") { c in
      try c.sparse(0).add(c.sparse(1), alpha: c.scalar(2))
    }
    op("sub(Sparse self, Sparse other, *, Scalar alpha=1) -> Tensor") { c in
      try c.sparse(0).sub(c.sparse(1), alpha: c.scalar(2))
    }
    op("add(Tensor self, Sparse other, *, Scalar alpha=1) -> Tensor") { c in
      try c.tensor(0).add(c.sparse(1).toDense(), alpha: c.scalar(2))
    }
    op("div(Sparse self, TensorOrNumber other) -> Tensor") { c in try c.sparse(0).div(c.tensor(1)) }
    op("sum(Sparse self, *, ScalarType? dtype=None) -> Tensor") { c in try c.sparse(0).sum(dtype: c.optionalDType(1)) }
    op("sum(Sparse self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      let (x, dtype) = (try c.sparse(0), try c.optionalDType(3))
      let r = x.sum(dim: try c.optionalInts(1) ?? [], keepDim: try c.bool(2), dtype: dtype)
      return Several(r.sparse.map { $0 as any Answer } ?? r.dense!)
    }
    op("sparse.sum(Sparse input, int[]? dim=None, ScalarType? dtype=None) -> Tensor") { c in
      guard let dim = try c.optionalInts(1) else { return try c.sparse(0).sum(dtype: c.optionalDType(2)) }
      let r = try c.sparse(0).sum(dim: dim, dtype: c.optionalDType(2) ?? c.sparse(0).dtype)
      return Several(r.sparse.map { $0 as any Answer } ?? r.dense!)
    }
    let like = "*, ScalarType? dtype=None, layout? layout=None, device? device=None, bool? pin_memory=None, bool requires_grad=False, Any memory_format=None"
    op("zeros_like(Sparse self, \(like)) -> Tensor") { c in
      try c.sparse(0).zerosLike(layout: c.optionalLayout(2), dtype: c.optionalDType(1))
    }
    op("randn_like(Sparse self, \(like)) -> Tensor") { c in try c.sparse(0).randnLike(dtype: c.optionalDType(1)) }
    for name in ["sum", "prod", "amax", "amin", "mean"] {
      op("masked.\(name)(Sparse input, int[]? dim=None, *, bool? keepdim=False, ScalarType? dtype=None, Any mask=None) -> Tensor") { c in
        try Masked.sparse(
          Masked.SparseReduction(rawValue: name)!, c.sparse(0), dim: c.optionalInts(1), keepDim: c.optionalBool(2) ?? false,
          dtype: c.optionalDType(3), mask: c.optionalSparse(4))
      }
    }
    addSparseProducts()
    let functions: [(String, (SparseTensor) -> SparseTensor)] = [
      ("neg", { $0.neg() }), ("positive", { $0 }), ("abs", { $0.abs() }), ("sqrt", { $0.sqrt() }), ("square", { $0.square() }), ("sin", { $0.sin() }),
      ("sinh", { $0.sinh() }), ("asin", { $0.asin() }), ("asinh", { $0.asinh() }), ("tan", { $0.tan() }),
      ("tanh", { $0.tanh() }), ("atan", { $0.atan() }), ("atanh", { $0.atanh() }), ("ceil", { $0.ceil() }),
      ("floor", { $0.floor() }), ("trunc", { $0.trunc() }), ("round", { $0.round() }), ("sign", { $0.sign() }),
      ("sgn", { $0.sgn() }), ("expm1", { $0.expm1() }), ("log1p", { $0.log1p() }), ("erf", { $0.erf() }),
      ("erfinv", { $0.erfinv() }), ("deg2rad", { $0.deg2rad() }), ("rad2deg", { $0.rad2deg() }), ("relu", { $0.relu() }),
      ("isnan", { $0.isNaN() }), ("isinf", { $0.isInf() }), ("signbit", { $0.signbit() }),
    ]
    for (name, function) in functions { op("\(name)(Sparse self) -> Tensor") { c in try function(c.sparse(0)) } }
  }

  private mutating func addSparseProducts() {
    op("sparse.mm(Sparse mat1, Sparse mat2) -> Tensor") { c in try c.sparse(0).mm(c.sparse(1)) }
    op("sparse.mm(Tensor mat1, Sparse mat2) -> Tensor") { c in try c.tensor(0).mm(c.sparse(1)) }
    op("sparse.mm(Sparse mat1, Tensor mat2, str reduce='sum') -> Tensor") { c in
      guard let reduce = SparseTensor.Reduction(rawValue: try c.string(2)) else {
        throw TensorError.value("sparse.mm: the reduction must be sum, mean, amax or amin, got '\(try c.string(2))'")
      }
      return try c.sparse(0).mm(c.tensor(1), reduce: reduce)
    }
    op("sparse.addmm(Tensor mat, Sparse mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") { c in
      try c.sparse(1).addmm(c.tensor(0), c.tensor(2), beta: c.scalar(3), alpha: c.scalar(4))
    }
    op("sparse.sampled_addmm(Sparse self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") { c in
      try c.sparse(0).sampledAddmm(c.tensor(1), c.tensor(2), beta: c.scalar(3), alpha: c.scalar(4))
    }
    op("sparse.softmax(Sparse input, int dim, *, ScalarType? dtype=None) -> Tensor") { c in 
      try c.sparse(0).softmax(dim: c.int(1), dtype: c.optionalDType(2))
    }
    op("sparse.log_softmax(Sparse input, int dim, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.sparse(0).logSoftmax(dim: c.int(1), dtype: c.optionalDType(2))
    }
  }
}
