import FirefinchCore

extension Op {
  static let prod: Op = .reduction(
    "prod.dim_int(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", .product,
    dtypes: .sum, saves: Op.Saves(inputs: [0], outputs: [0]),
    complex: .composite { c in
      var x = c.tensor(0)
      let dims = try Layout.wrap(dims: c.optionalInts(1), rank: x.rank, op: "prod")
      if let dtype = c.optionalDType(3) { x = x.to(dtype) }
      let shape = Reduce.shape(x.shape, dims: dims, keepDim: c.bool(2))
      for dim in dims {
        x = x.shape[dim] == 0 ? x.sum(dim: dim, keepDim: true) + 1 : x.foldingReduction(dim: dim) { $0 * $1 }
      }
      return [x.reshape(shape)]
    },
    derivative: { c in
      let x = c.input(0).to(c.grad().dtype)
      if x.elementCount == 0 { return [x.zerosLike()] }
      let g = c.unreduced(c.grad())
      let hasZero = x.device == .cpu && (x.detach() .== 0).any().intValue != 0
      if !hasZero { return [g * c.unreduced(c.output()) / x] }
      // The product of all others is the product of those before times the product of those after.
      let dims = (try? Layout.wrap(dims: c.call.optionalInts(1), rank: x.rank, op: "prod")) ?? []
      let kept = (0..<x.rank).filter { !dims.contains($0) }
      let order = kept + dims
      let rows = x.permute(order).reshape([kept.reduce(1) { $0 * x.size($1) }, c.reducedCount])
      let n = rows.size(1)
      let one = rows.narrow(dim: 1, start: 0, length: 1).detach().onesLike()
      let before = Tensor.cat([one, rows.narrow(dim: 1, start: 0, length: n - 1)], dim: 1).cumprod(dim: 1)
      let tail = Tensor.cat([rows.narrow(dim: 1, start: 1, length: n - 1), one], dim: 1)
      let others = before * tail.flip([1]).cumprod(dim: 1).flip([1])
      var inverse = order
      for (to, from) in order.enumerated() { inverse[from] = to }
      return [g * others.reshape(Shape(order.map { x.size($0) })).permute(inverse)]
    },
    samples: {
      let one = Tensor([0.5, -1.25, 0, 3.5, -0.75, 1.5], shape: [2, 3], dtype: .float64)
      let two = Tensor([0.5, 0, 0, 3.5, -0.75, 0], shape: [2, 3], dtype: .float64)
      return reductionSamples() + [
        Sample(.tensor(one)), Sample(.tensor(one), .ints([0])), Sample(.tensor(two), .ints([1]), .bool(true)),
      ]
    })
}

extension Tensor {
  /// Product of all elements. Integers and bool give int64 unless `dtype` is given. Same as `torch.prod`.
  public func prod(dtype: DType? = nil) -> Tensor { Op.prod(.tensor(self), .none, .bool(false), Value(dtype)) }
  /// Product over one dim. Integers and bool give int64 unless `dtype` is given. Same as `torch.prod`.
  public func prod(dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    Op.prod(.tensor(self), .ints([dim]), .bool(keepDim), Value(dtype))
  }
}
