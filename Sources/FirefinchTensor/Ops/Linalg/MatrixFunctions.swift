import FirefinchCore

extension Linalg {
  // MARK: Functions of matrices

  /// The exponential of square matrices by scaling, Padé's approximation of degree 13 and squaring (Higham 2005). Same as
  /// `torch.linalg.matrix_exp`.
  public static func matrixExp(_ a: Tensor) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned { return a }
      if a.dtype == .float16 || a.dtype == .bfloat16 { return matrixExp(a.to(.float32)).to(a.dtype) }
      try Lapack.checkSquare(a, "linalg.matrix_exp")
      let n = a.size(-1)
      if a.elementCount == 0 { return a.clone() }
      if n == 1 { return a.exp() }
      // Each matrix is halved until its norm is at most 2, where the approximation is exact to the last places.
      let norms = withNoGrad { a.detach().abs().sum(dim: -2).amax(dim: [-1]) }
      let halvings = norms.array(Double.self).map { norm in
        norm.isFinite && norm > 2 ? Int((norm / 2).exponent) + 1 : 0
      }
      let scales = Tensor(halvings.map { Double(sign: .plus, exponent: -$0, significand: 1) }, shape: norms.shape, dtype: a.dtype)
      let x = a * scales.unsqueeze(dim: -1).unsqueeze(dim: -1)
      let b: [Double] = [
        64_764_752_532_480_000, 32_382_376_266_240_000, 7_771_770_303_897_600, 1_187_353_796_428_800, 129_060_195_264_000,
        10_559_470_521_600, 670_442_572_800, 33_522_128_640, 1_323_241_920, 40_840_800, 960_960, 16_380, 182, 1,
      ].map { $0 / 64_764_752_532_480_000 }
      let identity = a.detach().identities
      let x2 = x.matmul(x)
      let x4 = x2.matmul(x2)
      let x6 = x4.matmul(x2)
      func sum(_ i: Int) -> Tensor { x6 * b[i + 6] + x4 * b[i + 4] + x2 * b[i + 2] }
      let highOdd = x6.matmul(x6 * b[13] + x4 * b[11] + x2 * b[9]), highEven = x6.matmul(x6 * b[12] + x4 * b[10] + x2 * b[8])
      let odd = x.matmul(highOdd + sum(1) + identity * b[1])
      let even = highEven + sum(0) + identity * b[0]
      var result = solveEx(even - odd, even + odd).result
      for step in 0..<(halvings.max() ?? 0) {
        let needs = Tensor(halvings.map { $0 > step }, shape: Shape(norms.shape.array + [1, 1]))
        result = Tensor.where(needs, result.matmul(result), result)
      }
      return result
    }
  }

  /// A square matrix (or a batch) to the power `n`, its inverse to -`n` when that is negative. Same as
  /// `torch.linalg.matrix_power`.
  public static func matrixPower(_ a: Tensor, _ n: Int) -> Tensor {
    n >= 0 ? a.matrixPower(n) : inv(a).matrixPower(n == .min ? .max : -n)
  }

  /// How many singular values (eigenvalues' magnitudes for `hermitian`) exceed max(atol, rtol · largest), int64. Same as
  /// `torch.linalg.matrix_rank`.
  public static func matrixRank(_ a: Tensor, atol: Tensor? = nil, rtol: Tensor? = nil, hermitian: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned { return a }
      try Lapack.checkDType(a, "linalg.matrix_rank")
      try Lapack.checkMatrix(a, "linalg.matrix_rank")
      let (absolute, relative) = try tolerances(a, atol: atol, rtol: rtol, "linalg.matrix_rank")
      if a.elementCount == 0 { return Tensor.zeros(Shape(a.batch), dtype: .int64) }
      let sizes = withNoGrad { hermitian ? eigvalsh(a.detach()).abs() : svdvals(a.detach()) }
      if sizes.isPoisoned { return sizes }
      let limit = (relative * sizes.amax(dim: [-1])).maximum(absolute)
      return (sizes .> limit.unsqueeze(dim: -1)).to(.int64).sum(dim: -1)
    }
  }

  /// Powers 0 to `columns` - 1 (as many as elements by default) of the elements of vectors (…, n), shape (…, n, columns). Same as
  /// `torch.linalg.vander`.
  public static func vander(_ x: Tensor, _ columns: Int? = nil) -> Tensor {
    ErrorScope.guarding {
      if x.isPoisoned { return x }
      if x.rank == 0 && columns == nil { throw TensorError.shape("linalg.vander: a number needs the count of columns") }
      if x.dtype == .bool { throw TensorError.dtype("linalg.vander: bool tensors are not supported") }
      let n = columns ?? x.size(-1)
      if n <= 1 { throw TensorError.value("linalg.vander: expected more than 1 column, got \(n)") }
      let column = (x.rank == 0 ? x.unsqueeze(dim: 0) : x).unsqueeze(dim: -1)
      let powers = column.expand(Shape(Array(column.shape.dropLast()) + [n - 1])).cumprod(dim: -1)
      return Tensor.cat([column.onesLike(dtype: powers.dtype), powers], dim: -1)
    }
  }

  // MARK: Norms

  /// Which norm: a number, of vectors or matrices, or one of matrices only. Same as `ord` of `torch.linalg.norm`.
  public enum Norm: Sendable, Equatable {
    case number(Double)
    /// Frobenius: the root of the sum of squares.
    case fro
    /// Nuclear: the sum of the singular values.
    case nuc
  }

  /// Norms of matrices in two dims: fro, nuc, 1, -1 (columns), infinity, -infinity (rows), 2, -2 (largest and smallest singular
  /// value). Same as `torch.linalg.matrix_norm`.
  public static func matrixNorm(
    _ a: Tensor, _ order: Norm = .fro, dim: (Int, Int) = (-2, -1), keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned { return a }
      let op = "linalg.matrix_norm"
      if a.rank < 2 { throw TensorError.shape("\(op): expected at least 2 dims, got shape \(a.shape)") }
      let rows = try Layout.wrap(dim: dim.0, rank: a.rank, op: op), columns = try Layout.wrap(dim: dim.1, rank: a.rank, op: op)
      if rows == columns { throw TensorError.shape("\(op): expected two different dims, got \(dim) of shape \(a.shape)") }
      if !a.dtype.isDifferentiable { throw TensorError.dtype("\(op): expected floating point or complex, got \(a.dtype.name)") }
      let x = dtype.map { a.to($0) } ?? a
      if order == .fro { return x.vectorNorm(2, dim: [rows, columns], keepDim: keepDim) }
      guard case .number(let p) = order, p.magnitude != 2 else {
        let values = svdvals(x.movedim([rows, columns], [-2, -1]))
        if values.isPoisoned { return values }
        let result =
          order == .nuc || (order == .number(2) && values.size(-1) == 0)
          ? values.sum(dim: -1) : order == .number(2) ? values.amax(dim: [-1]) : values.amin(dim: [-1])
        return keepDim ? result.unsqueeze(dim: min(rows, columns)).unsqueeze(dim: max(rows, columns)) : result
      }
      return x.matrixNorm(p, dim: dim, keepDim: keepDim)
    }
  }

  /// Norm of vectors or matrices. Without `order` the Euclidean norm over `dim`, or over all elements; with it a vector norm over
  /// one dim and a matrix norm over two. Same as `torch.linalg.norm`.
  public static func norm(
    _ a: Tensor, _ order: Norm? = nil, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned { return a }
      guard let order else { return a.vectorNorm(2, dim: dim, keepDim: keepDim, dtype: dtype) }
      let count = dim?.count ?? a.rank
      if count != 1 && count != 2 {
        throw TensorError.shape("linalg.norm: with an order, expected 1 or 2 dims, got \(dim ?? Array(0..<a.rank)) of \(a.shape)")
      }
      if count == 2 {
        let dims = dim ?? [0, 1]
        return matrixNorm(a, order, dim: (dims[0], dims[1]), keepDim: keepDim, dtype: dtype)
      }
      guard case .number(let p) = order else {
        throw TensorError.value("linalg.norm: order \(order) is of matrices, but dim names one dim of \(a.shape)")
      }
      return a.vectorNorm(p, dim: dim, keepDim: keepDim, dtype: dtype)
    }
  }

  /// The condition number: norm of A times norm of its inverse, infinite for singular matrices; by default the largest over the
  /// smallest singular value. Same as `torch.linalg.cond`.
  public static func cond(_ a: Tensor, _ order: Norm? = nil) -> Tensor {
    ErrorScope.guarding {
      if a.isPoisoned { return a }
      try Lapack.checkDType(a, "linalg.cond")
      try Lapack.checkMatrix(a, "linalg.cond")
      if a.elementCount == 0 { return Tensor.zeros(Shape(a.batch), dtype: a.dtype.realType) }
      if order == nil || order == .number(2) || order == .number(-2) {
        let values = svdvals(a)
        if values.isPoisoned { return values }
        let (largest, smallest) = (values.select(dim: -1, 0), values.select(dim: -1, -1))
        return order == .number(-2) ? smallest / largest : largest / smallest
      }
      try Lapack.checkSquare(a, "linalg.cond")
      let (inverse, info) = invEx(a)
      let product = matrixNorm(a, order!) * matrixNorm(inverse, order!)
      return Tensor.where(info .!= 0, Double.infinity, product)
    }
  }
}

extension Tensor {
  /// Inverses of square matrices. Same as `torch.inverse`.
  public func inverse() -> Tensor { Linalg.inv(self) }
  /// Determinants of square matrices. Same as `torch.det`.
  public func det() -> Tensor { Linalg.det(self) }
  /// Logarithms of determinants. Same as `torch.logdet`.
  public func logdet() -> Tensor { Linalg.logdet(self) }
  /// The exponential of square matrices. Same as `torch.matrix_exp`.
  public func matrixExp() -> Tensor { Linalg.matrixExp(self) }
}
