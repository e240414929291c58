import FirefinchCPU
import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

/// How the elements of a norm are mapped, joined and finished. The order is the map's scalar 0 and the finish's scalar 1.
private struct Recipe {
  let map: PointwiseFunction
  let combiner: Combiner
  var finish: PointwiseFunction?

  private static let x = Expr.input(0)
  private static let magnitude = Reduce.function("abs", x.abs())
  private static let count = Recipe(map: Reduce.function("nonzero", .select(x .!= 0, 1, 0)), combiner: .sum)
  private static let sum = Recipe(map: magnitude, combiner: .sum)
  private static let root = Recipe(
    map: Reduce.function("square", x * x), combiner: .sum, finish: Reduce.function("sqrt", x.sqrt()))
  private static let largest = Recipe(map: magnitude, combiner: .max)
  private static let smallest = Recipe(map: magnitude, combiner: .min)
  private static let power = Recipe(
    map: Reduce.function("pow", .pow(x.abs(), .scalar(0))), combiner: .sum,
    finish: Reduce.function("root", .pow(x, 1 / .scalar(1))))

  static func of(_ order: Double) -> Recipe {
    switch order {
    case 0: count
    case 1: sum
    case 2: root
    case .infinity: largest
    case -.infinity: smallest
    default: power
    }
  }
}

extension Op {
  static let vectorNorm: Op = .structured(
    "linalg_vector_norm(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Scalar ord=2) "
      + "-> Tensor", saves: Op.Saves(inputs: [0], outputs: [0]),
    // Norms see magnitudes alone.
    complex: .composite { c in
      let dtype = c.optionalDType(3)
      let x = dtype.map { $0.isComplex ? c.tensor(0).to($0) : c.tensor(0) } ?? c.tensor(0)
      return [
        Op.vectorNorm(
          .tensor(x.abs()), Value(c.optionalInts(1)), .bool(c.bool(2)), Value(dtype?.isComplex ?? true ? nil : dtype),
          .double(c.double(4)))
      ]
    },
    plan: { call in
      let x = call.tensor(0)
      let order = call.double(4)
      let dims = try Layout.wrap(dims: call.optionalInts(1), rank: x.rank, op: "norm")
      let dtype = call.optionalDType(3) ?? x.dtype
      if !dtype.isFloatingPoint || x.dtype.isComplex {
        throw TensorError.dtype(
          "norm: expected a floating-point tensor, got \(dtype.name); pass dtype: .float32 or convert")
      }
      if order < 0 || order == .infinity, dims.contains(where: { x.shape[$0] == 0 }) {
        throw TensorError.value(
          "norm: order \(order) has no value over no elements, got shape \(x.shape) and dims \(dims)")
      }
      return [TensorSpec(Reduce.shape(x.shape, dims: dims, keepDim: call.bool(2)), dtype)]
    },
    forward: { call, results in
      let x = call.tensor(0).detach()
      let dims = try Layout.wrap(dims: call.optionalInts(1), rank: x.rank, op: "norm")
      let recipe = Recipe.of(call.double(4))
      Reduce.run(
        recipe.combiner, map: recipe.map, inputs: [x], compute: results[0].dtype.registerClass, shape: x.shape, dims: dims,
        finish: recipe.finish, scalars: [.double(call.double(4))], into: results[0])
    },
    derivative: { c in
      let order = c.double(4)
      let g = c.unreduced(c.grad())
      if order == 0 { return [nil] }
      let x = c.input(0).to(g.dtype)
      if order == 1 { return [g * x.sign()] }
      let norm = c.unreduced(c.output())
      if order.isInfinite {
        let hit = (x.detach().abs() .== norm.detach()).to(g.dtype)
        let dims = (try? Layout.wrap(dims: c.call.optionalInts(1), rank: x.rank, op: "norm")) ?? []
        let count = dims.isEmpty ? hit : hit.sum(dim: dims, keepDim: true)
        return [g / count * hit * x.sign()]
      }
      // Where the norm is 0 the subgradient 0 is taken; 1 stands in for it, so that second derivatives are finite too.
      let zero = norm .== 0
      let safe = Tensor.where(zero, 1, norm)
      if order == 2 { return [x * Tensor.where(zero, 0, g / safe)] }
      let scale = Tensor.where(zero, 0, g / safe.pow(order - 1))
      if order > 2 { return [x * x.abs().pow(order - 2) * scale] }
      let isZero = x .== 0
      return [Tensor.where(isZero, 0, x.sign() * Tensor.where(isZero, 1, x.abs()).pow(order - 1)) * scale]
    },
    samples: {
      let orders: [Double] = [0, 1, 2, 3, 2.5, 1.5, 0.5, -1, .infinity, -.infinity]
      let distinct = sample() + 0.03 * Tensor.arange(12, dtype: .float64).reshape(2, 3, 2)
      return reductionSamples().map { sample in sample }
        + orders.flatMap { order in
          [
            Sample(.tensor(distinct), .ints([1]), .bool(true), .none, .double(order), gradient: order != 0),
            Sample(.tensor(distinct), .none, .bool(false), .none, .double(order), gradient: order != 0),
          ]
        } + [Sample(error: "norm", "int64", arguments: [.tensor(Tensor([1, 2]))])]
    })
}

extension Tensor {
  /// Norm of the elements over `dim` (a list, or nil for all) of any order: 0 counts what is not 0, infinity is the
  /// largest magnitude. Floating point; the gradient is 0 where the norm is 0. Same as `torch.linalg.vector_norm`.
  public func vectorNorm(
    _ order: some ScalarConvertible = 2, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    Op.vectorNorm(.tensor(self), Value(dim), .bool(keepDim), Value(dtype), .scalar(order.scalar))
  }
  /// Norm over `dim` (a list, or nil for all), the Euclidean one by default. Same as `torch.norm`.
  public func norm(
    _ p: some ScalarConvertible = 2, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor { vectorNorm(p, dim: dim, keepDim: keepDim, dtype: dtype) }
  /// Norm over one dim. Same as `torch.norm`.
  public func norm(_ p: some ScalarConvertible = 2, dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    vectorNorm(p, dim: [dim], keepDim: keepDim, dtype: dtype)
  }
  /// Square root of the sum of squares over two dims (all by default). Same as `torch.norm(p='fro')`.
  public func frobeniusNorm(dim: [Int]? = nil, keepDim: Bool = false) -> Tensor {
    vectorNorm(2, dim: dim, keepDim: keepDim)
  }

  /// Norm of matrices in two dims: order 1 (-1) is the largest (smallest) sum of magnitudes of a column, infinity
  /// (-infinity) of a row. Same as `torch.linalg.matrix_norm`; orders that need singular values are refused.
  public func matrixNorm(_ order: Double, dim: (Int, Int) = (-2, -1), keepDim: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let rows = try Layout.wrap(dim: dim.0, rank: rank, op: "matrixNorm")
      let columns = try Layout.wrap(dim: dim.1, rank: rank, op: "matrixNorm")
      if rank < 2 || rows == columns {
        throw TensorError.shape("matrixNorm: expected two different dims of a matrix, got \(dim) of shape \(shape)")
      }
      guard order.magnitude == 1 || order.magnitude == .infinity else {
        throw TensorError.value(
          "matrixNorm: order \(order) is not supported, expected 1, -1, infinity or -infinity; use frobeniusNorm")
      }
      let (summed, chosen) = order.magnitude == 1 ? (rows, columns) : (columns, rows)
      let sums = vectorNorm(1, dim: [summed], keepDim: true)
      // The largest of no sums is 0.
      let isEmpty = sums.size(chosen) == 0
      let best =
        order < 0
        ? sums.amin(dim: [chosen], keepDim: true)
        : isEmpty ? sums.sum(dim: [chosen], keepDim: true) : sums.amax(dim: [chosen], keepDim: true)
      return keepDim ? best : best.squeeze(dim: [rows, columns])
    }
  }

  /// Norm of the difference. Same as `torch.dist`.
  public func dist(_ other: Tensor, p: some ScalarConvertible = 2) -> Tensor { (self - other).vectorNorm(p) }

  /// Each slice of `dim` scaled down to norm `maxNorm` where it is longer. Same as `torch.renorm`.
  public func renorm(_ p: some ScalarConvertible, dim: Int, maxNorm: Double) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let d = try Layout.wrap(dim: dim, rank: rank, op: "renorm")
      if rank < 2 { throw TensorError.shape("renorm: expected at least 2 dims, got shape \(shape)") }
      let norms = vectorNorm(p, dim: (0..<rank).filter { $0 != d }, keepDim: true)
      return self * Tensor.where(norms .> maxNorm, maxNorm / (norms + 1e-7), 1.0)
    }
  }
}
