import FirefinchCPU
import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3, 0.25, -2.0, 1.0, 0.75, 1.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}
private func complexSample() -> Tensor { Tensor.complex(sample(), sample().flip([1])) }

/// Runs the kernel along `dim` of `x`, whose parts are float32 or float64; `n` is the transform's length.
private func transform(
  _ op: String, _ kind: FFTKernel.Kind, _ x: Tensor, dim: Int, n: Int, scale: Double, forward: Bool, into result: Tensor
) throws {
  if result.elementCount == 0 { return }
  let dim = try Layout.wrap(dim: dim, rank: x.rank, op: op)
  let dense = withNoGrad { x.detach().contiguous() }
  let (outer, _, inner) = Dense.split(x.shape, dim)
  let done = FFTKernel.run(
    kind, isDouble: x.dtype.realType == .float64, n: n, outer: outer, inner: inner, backward: !forward, scale: scale,
    dense.data, result.data)
  if !done { throw TensorError(.memory, "\(op): no memory for a transform of length \(n)") }
}

/// Checks the dtype and the dim, which must have elements.
private func checked(_ op: String, _ x: Tensor, dim: Int, _ dtypes: Bool, _ expected: String) throws -> Int {
  if !dtypes { throw TensorError.dtype("\(op): expected \(expected), got \(x.dtype.name); convert with to(dtype)") }
  if x.rank == 0 { throw TensorError.shape("\(op): expected at least 1 dim, got a tensor without dims") }
  let dim = try Layout.wrap(dim: dim, rank: x.rank, op: op)
  if x.shape[dim] < 1 { throw TensorError.shape("\(op): dim \(dim) of \(x.shape) has no elements to transform") }
  return dim
}

/// Frequencies 0 … n / 2 of a real signal times `doubled`, but those that are their own mirror image times `single`.
private func weighted(_ x: Tensor, dim: Int, n: Int, doubled: Double, single: Double) -> Tensor {
  let wrapped = dim < 0 ? dim + x.rank : dim
  let count = n / 2 + 1
  var weights = [Double](repeating: doubled, count: count)
  weights[0] = single
  if n % 2 == 0 { weights[count - 1] = single }
  var shape = Shape(repeating: 1, count: x.rank)
  shape[wrapped] = count
  return x * Tensor(weights, shape: shape, dtype: x.dtype.realType)
}

/// Transforms along one dim. All are linear: the derivative of each is a transform in the other direction.
extension Op {
  static let fftC2C: Op = .structured(
    "_fft_c2c(Tensor self, int dim, float scale, bool forward) -> Tensor", saves: .nothing, complex: .native,
    plan: { call in
      let x = call.tensor(0)
      _ = try checked("_fft_c2c", x, dim: call.int(1), x.dtype.isComplex, "a complex tensor")
      return [TensorSpec(x.shape, x.dtype)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      let n = x.size(call.int(1))
      try transform(
        "_fft_c2c", .complex, x, dim: call.int(1), n: n, scale: call.double(2), forward: call.bool(3), into: results[0])
    },
    derivative: { c in [Op.fftC2C(.tensor(c.grad()), .int(c.int(1)), .double(c.double(2)), .bool(!c.bool(3)))] },
    samples: {
      [
        Sample(.tensor(complexSample()), .int(1), .double(1), .bool(true), gradient: false),
        Sample(.tensor(complexSample()), .int(-1), .double(0.5), .bool(false), gradient: false),
        Sample(error: "complex", arguments: [.tensor(sample()), .int(1), .double(1), .bool(true)]),
      ]
    })

  static let fftR2C: Op = .structured(
    "_fft_r2c(Tensor self, int dim, float scale, bool forward, bool onesided) -> Tensor", saves: .nothing,
    complex: .refused,
    plan: { call in
      let x = call.tensor(0)
      let dim = try checked("_fft_r2c", x, dim: call.int(1), x.dtype.isFloatingPoint, "a floating-point tensor")
      var shape = x.shape
      if call.bool(4) { shape[dim] = shape[dim] / 2 + 1 }
      return [TensorSpec(shape, x.dtype.complexType)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      let n = x.size(call.int(1))
      try transform(
        "_fft_r2c", .fromReal(onesided: call.bool(4)), Dense.of(x), dim: call.int(1), n: n, scale: call.double(2),
        forward: call.bool(3), into: results[0])
    },
    derivative: { c in
      let (dim, scale, forward) = (c.int(1), c.double(2), c.bool(3))
      if !c.bool(4) { return [Op.fftC2C(.tensor(c.grad()), .int(dim), .double(scale), .bool(!forward)).real] }
      // The inverse for real signals counts the inner frequencies twice.
      let shape = c.shape(0)
      let n = shape[dim < 0 ? dim + shape.count : dim]
      let half = weighted(c.grad(), dim: dim, n: n, doubled: 0.5, single: 1)
      return [Op.fftC2R(.tensor(half), .int(dim), .double(scale), .bool(!forward), .int(n))]
    },
    samples: {
      [
        Sample(.tensor(sample()), .int(1), .double(1), .bool(true), .bool(true), gradient: false),
        Sample(.tensor(sample()), .int(-1), .double(0.5), .bool(false), .bool(false), gradient: false),
        Sample(error: "dim 3", arguments: [.tensor(sample()), .int(3), .double(1), .bool(true), .bool(true)]),
      ]
    })

  static let fftC2R: Op = .structured(
    "_fft_c2r(Tensor self, int dim, float scale, bool forward, int last_dim_size) -> Tensor", saves: .nothing,
    complex: .native,
    plan: { call in
      let x = call.tensor(0)
      let dim = try checked("_fft_c2r", x, dim: call.int(1), x.dtype.isComplex, "a complex tensor")
      let n = call.int(4)
      if n < 1 || x.shape[dim] != n / 2 + 1 {
        throw TensorError.shape("_fft_c2r: \(n) values need \(n / 2 + 1) frequencies, got dim \(dim) of \(x.shape)")
      }
      var shape = x.shape
      shape[dim] = n
      return [TensorSpec(shape, x.dtype.realType)]
    },
    forward: { call, results in
      try transform(
        "_fft_c2r", .toReal, call.tensor(0), dim: call.int(1), n: call.int(4), scale: call.double(2),
        forward: call.bool(3), into: results[0])
    },
    derivative: { c in
      let (dim, n) = (c.int(1), c.int(4))
      let all = Op.fftR2C(.tensor(c.grad()), .int(dim), .double(c.double(2)), .bool(!c.bool(3)), .bool(true))
      return [weighted(all, dim: dim, n: n, doubled: 2, single: 1)]
    },
    samples: {
      [
        Sample(.tensor(complexSample()), .int(1), .double(1), .bool(false), .int(4), gradient: false),
        Sample(.tensor(complexSample()), .int(1), .double(1), .bool(true), .int(5), gradient: false),
        Sample(error: "frequencies", arguments: [.tensor(complexSample()), .int(1), .double(1), .bool(true), .int(9)]),
      ]
    })
}
