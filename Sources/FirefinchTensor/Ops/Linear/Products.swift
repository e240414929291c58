import FirefinchCore

/// Products of vectors, matrices and more, written with the matrix products.
extension Tensor {
  /// Sum of products over `dims` of this tensor and `otherDims` of the other, pair by pair. Same as `torch.tensordot`.
  public func tensordot(_ other: Tensor, dims: [Int], _ otherDims: [Int]) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
      if dims.count != otherDims.count {
        throw TensorError.value("tensordot: expected as many dims of both tensors, got \(dims) and \(otherDims)")
      }
      let a = dims.isEmpty ? [] : try Layout.wrap(dims: dims, rank: rank, op: "tensordot")
      let b = dims.isEmpty ? [] : try Layout.wrap(dims: otherDims, rank: other.rank, op: "tensordot")
      var (x, y) = (self, other)
      for (i, j) in zip(a, b) where shape[i] != other.shape[j] {
        // A size of 1 broadcasts: the other side is summed.
        if shape[i] == 1 {
          y = y.sum(dim: [j], keepDim: true, dtype: y.dtype)
        } else if other.shape[j] == 1 {
          x = x.sum(dim: [i], keepDim: true, dtype: x.dtype)
        } else {
          throw TensorError.shape(
            "tensordot: dim \(i) of shape \(shape) has size \(shape[i]), dim \(j) of shape \(other.shape) "
              + "\(other.shape[j]); "
              + "contracted sizes must be equal")
        }
      }
      let rows = (0..<rank).filter { !a.contains($0) }
      let columns = (0..<other.rank).filter { !b.contains($0) }
      let (height, width) = (rows.reduce(1) { $0 * shape[$1] }, columns.reduce(1) { $0 * other.shape[$1] })
      let depth = a.reduce(1) { $0 * x.shape[$1] }
      let product = x.permute(rows + a).reshape([height, depth]).mm(y.permute(b + columns).reshape([depth, width]))
      return product.reshape(Shape(rows.map { shape[$0] } + columns.map { other.shape[$0] }))
    }
  }
  /// Sum of products over the last `dims` dims of this tensor and the first of the other. Same as `torch.tensordot`.
  public func tensordot(_ other: Tensor, dims: Int = 2) -> Tensor {
    if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
    if dims < 0 || dims > Swift.min(rank, other.rank) {
      return ErrorScope.guarding {
        throw TensorError.value("tensordot: \(dims) dims cannot be contracted of shapes \(shape) and \(other.shape)")
      }
    }
    return tensordot(other, dims: Array(rank - dims..<rank), Array(0..<dims))
  }

  /// Sum of products over the last dims; with a 0-dim tensor the plain product. Same as `torch.inner`.
  public func inner(_ other: Tensor) -> Tensor {
    if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
    if rank == 0 || other.rank == 0 { return self * other }
    if size(-1) != other.size(-1) {
      return ErrorScope.guarding {
        throw TensorError.shape("inner: the last sizes must be equal, got shapes \(shape) and \(other.shape)")
      }
    }
    return tensordot(other, dims: [-1], [-1])
  }

  /// Sum of products of two vectors, the first conjugated. Same as `torch.vdot`.
  public func vdot(_ other: Tensor) -> Tensor { conj().dot(other) }
  /// Sum of products along `dim`, the first tensor conjugated, the other dims broadcast. Same as `torch.linalg.vecdot`.
  public func vecdot(_ other: Tensor, dim: Int = -1) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
      if !dtype.isDifferentiable || !other.dtype.isDifferentiable {
        throw TensorError.dtype(
          "linalg.vecdot: expected floating point or complex, got \(dtype.name) and \(other.dtype.name)")
      }
      let d = try Layout.wrap(dim: dim, rank: Swift.max(rank, other.rank), op: "linalg.vecdot")
      let product = conj() * other
      return product.sum(dim: d)
    }
  }
  /// Outer product of two vectors. Same as `torch.ger`.
  public func ger(_ other: Tensor) -> Tensor { outer(other) }

  /// Kronecker's product: each element times the whole other tensor. Same as `torch.kron`.
  public func kron(_ other: Tensor) -> Tensor {
    if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
    let rank = Swift.max(self.rank, other.rank)
    let a = [Int](repeating: 1, count: rank - self.rank) + shape.array
    let b = [Int](repeating: 1, count: rank - other.rank) + other.shape.array
    let product = reshape(Shape(a.flatMap { [$0, 1] })) * other.reshape(Shape(b.flatMap { [1, $0] }))
    return product.reshape(Shape(zip(a, b).map { $0 * $1 }))
  }

  /// Cross product of vectors of size 3 along `dim` (the last one when left out), the other dims broadcast. Same as
  /// `torch.linalg.cross`.
  public func cross(_ other: Tensor, dim: Int = -1) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
      let wide = try Layout.broadcast(shape, other.shape, op: "cross")
      let d = try Layout.wrap(dim: dim, rank: wide.count, op: "cross")
      if rank != other.rank || rank == 0 || shape[d] != 3 || other.shape[d] != 3 {
        throw TensorError.shape(
          "cross: expected two tensors with size 3 in dim \(dim), got shapes \(shape) and \(other.shape)")
      }
      return roll(-1, dim: d) * other.roll(-2, dim: d) - roll(-2, dim: d) * other.roll(-1, dim: d)
    }
  }

  /// `beta · self + alpha · bmm(a, b)`; `self` broadcasts. Same as `torch.baddbmm`.
  public func baddbmm(
    _ a: Tensor, _ b: Tensor, beta: some ScalarConvertible = 1, alpha: some ScalarConvertible = 1
  ) -> Tensor { Tensor.blend("baddbmm", self, beta.scalar, a.bmm(b), alpha.scalar) }
  /// `beta · self + alpha · (matrix vector)`; `self` broadcasts. Same as `torch.addmv`.
  public func addmv(
    _ matrix: Tensor, _ vector: Tensor, beta: some ScalarConvertible = 1, alpha: some ScalarConvertible = 1
  ) -> Tensor { Tensor.blend("addmv", self, beta.scalar, matrix.mv(vector), alpha.scalar) }
  /// `beta · self + alpha · (outer product)`; `self` broadcasts. Same as `torch.addr`.
  public func addr(
    _ a: Tensor, _ b: Tensor, beta: some ScalarConvertible = 1, alpha: some ScalarConvertible = 1
  ) -> Tensor {
    if !isPoisoned && !dtype.isDifferentiable {
      for case .double(let number) in [beta.scalar, alpha.scalar] {
        return Mistake.report(.dtype("addr: beta and alpha must be integers for \(dtype.name) tensors, got \(number)"))
      }
    }
    return Tensor.blend("addr", self, beta.scalar, a.outer(b), alpha.scalar)
  }
  /// `beta · self + alpha · (sum of all products of the batch)`; `self` broadcasts. Same as `torch.addbmm`.
  public func addbmm(
    _ a: Tensor, _ b: Tensor, beta: some ScalarConvertible = 1, alpha: some ScalarConvertible = 1
  ) -> Tensor { Tensor.blend("addbmm", self, beta.scalar, a.bmm(b).sum(dim: [0], dtype: a.dtype), alpha.scalar) }

  /// `beta · base + alpha · product`; with beta 0 the base is not looked at, not even at its NaN.
  private static func blend(_ op: String, _ base: Tensor, _ beta: Scalar, _ product: Tensor, _ alpha: Scalar) -> Tensor {
    ErrorScope.guarding {
      if base.isPoisoned || product.isPoisoned { return ErrorScope.poison() }
      if base.dtype != product.dtype {
        throw TensorError.dtype(
          "\(op): expected tensors of one dtype, got \(base.dtype.name) and \(product.dtype.name)")
      }
      _ = try base.layout.expanded(to: product.shape, op: op)
      let (beta, alpha) = (beta.fitting(base.dtype), alpha.fitting(base.dtype))
      let scaled = alpha.isOne ? product : (product * alpha).to(product.dtype)
      if beta.doubleValue == 0 && beta.imaginaryValue == 0 { return scaled }
      return (beta.isOne ? base : (base * beta).to(base.dtype)) + scaled
    }
  }

  /// The product of several matrices, multiplied in the cheapest order; the first and last may be vectors. Same as
  /// `torch.linalg.multi_dot`.
  public static func multiDot(_ matrices: [Tensor]) -> Tensor {
    ErrorScope.guarding {
      if matrices.contains(where: \.isPoisoned) { return ErrorScope.poison() }
      guard matrices.count >= 2 else {
        throw TensorError.value("multiDot: expected at least 2 tensors, got \(matrices.count)")
      }
      let count = matrices.count
      var list = matrices
      let (fromVector, toVector) = (list[0].rank == 1, list[count - 1].rank == 1)
      if fromVector { list[0] = list[0].unsqueeze(dim: 0) }
      if toVector { list[count - 1] = list[count - 1].unsqueeze(dim: 1) }
      for (i, matrix) in list.enumerated() {
        if matrix.rank != 2 {
          throw TensorError.shape(
            "multiDot: expected matrices (the first and last may be vectors), tensor \(i) is \(matrices[i].shape)")
        }
        if i > 0 && list[i - 1].size(1) != matrix.size(0) {
          throw TensorError.shape(
            "multiDot: shapes \(matrices[i - 1].shape) and \(matrices[i].shape) of tensors \(i - 1) and \(i) "
              + "cannot be multiplied"
          )
        }
      }
      // cost[i][j]: the fewest multiplications for matrices i ... j; cut[i][j]: after which matrix to part them.
      let sizes = [list[0].size(0)] + list.map { $0.size(1) }
      var cost = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
      var cut = [[Int]](repeating: [Int](repeating: 0, count: count), count: count)
      for length in 1..<count {
        for i in 0..<(count - length) {
          let j = i + length
          cost[i][j] = .infinity
          for k in i..<j {
            let price = cost[i][k] + cost[k + 1][j] + Double(sizes[i]) * Double(sizes[k + 1]) * Double(sizes[j + 1])
            if price < cost[i][j] { (cost[i][j], cut[i][j]) = (price, k) }
          }
        }
      }
      func product(_ i: Int, _ j: Int) -> Tensor {
        i == j ? list[i] : product(i, cut[i][j]).mm(product(cut[i][j] + 1, j))
      }
      var result = product(0, count - 1)
      if toVector { result = result.squeeze(dim: 1) }
      if fromVector { result = result.squeeze(dim: 0) }
      return result
    }
  }

  /// A square matrix (or a batch) multiplied `n` times with itself; 0 gives the identity. Same as `torch.matrix_power`
  /// for powers of 0 and more.
  public func matrixPower(_ n: Int) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank < 2 || size(-1) != size(-2) {
        throw TensorError.shape("matrixPower: expected square matrices in the last two dims, got shape \(shape)")
      }
      if n < 0 {
        throw TensorError.value("matrixPower: power \(n) needs the inverse, which is not supported; expected 0 or more")
      }
      if n == 0 { return Tensor.eye(size(-1), dtype: dtype).expand(shape).clone() }
      // By squaring: the bits of n choose which squares go in.
      var (square, rest) = (self, n)
      var result: Tensor?
      while rest > 0 {
        if rest & 1 == 1 { result = result.map { $0.matmul(square) } ?? square }
        rest >>= 1
        if rest > 0 { square = square.matmul(square) }
      }
      return n == 1 ? clone() : result ?? self
    }
  }

  /// Distances of order `p` between each row of this tensor (…, P, M) and each of the other (…, R, M): (…, P, R). The
  /// gradient is 0 where a distance is 0. Same as `torch.cdist`.
  public func cdist(_ other: Tensor, p: Double = 2) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || other.isPoisoned { return ErrorScope.poison() }
      if rank < 2 || other.rank < 2 || size(-1) != other.size(-1) {
        throw TensorError.shape(
          "cdist: expected rows (…, P, M) and (…, R, M) of one size M, got shapes \(shape) and \(other.shape)")
      }
      if !(p >= 0) { throw TensorError.value("cdist: the order must not be negative, got \(p)") }
      if dtype != other.dtype || !dtype.isFloatingPoint {
        throw TensorError.dtype(
          "cdist: expected floating-point tensors of one dtype, got \(dtype.name) and \(other.dtype.name)")
      }
      let (rows, columns) = (size(-2), other.size(-2))
      if p == 2 && (rows > 25 || columns > 25) {
        // |x - y|² = |x|² + |y|² - 2 x·y: one matrix product.
        let squares = square().sum(dim: [-1], keepDim: true) + other.square().sum(dim: [-1], keepDim: true).mT
        return (squares - matmul(other.mT) * 2).clamp(min: 0).sqrtWithoutPole()
      }
      let difference = unsqueeze(dim: -2) - other.unsqueeze(dim: -3)
      if size(-1) == 0 { return Tensor.zeros(Shape(difference.shape.dropLast()), dtype: dtype) }
      return difference.vectorNorm(p, dim: [-1])
    }
  }
  /// Distances between all pairs of rows of a matrix, (0, 1), (0, 2), …, (1, 2), …. Same as `torch.pdist`.
  public func pdist(p: Double = 2) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if !dtype.isFloatingPoint { throw TensorError.dtype("pdist: expected floating point, got \(dtype.name)") }
      if rank != 2 { throw TensorError.shape("pdist: expected a matrix, got shape \(shape)") }
      let pairs = Tensor.triuIndices(size(0), size(0), offset: 1)
      let difference = indexSelect(dim: 0, pairs.select(dim: 0, 0)) - indexSelect(dim: 0, pairs.select(dim: 0, 1))
      return difference.vectorNorm(p, dim: [1])
    }
  }
}

extension Scalar {
  /// Whether multiplying with it changes nothing.
  fileprivate var isOne: Bool { doubleValue == 1 && imaginaryValue == 0 }
  /// The number as a factor of tensors of a dtype: cut to an integer for integers, as PyTorch does.
  func fitting(_ dtype: DType) -> Scalar {
    if dtype == .bool { return .bool(doubleValue != 0) }
    return dtype.isInteger && doubleValue.magnitude < 9e18 ? .int(Int(doubleValue)) : self
  }
}
