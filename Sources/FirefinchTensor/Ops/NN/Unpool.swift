import FirefinchCore

extension Op {
  /// Values of planes (N, C, count) put at their places of larger planes, 0 elsewhere; the last one wins a place. Linear by
  /// definition, as in PyTorch: a place that was overwritten still hands its gradient to all who named it.
  static let maxUnpool: Op = .structured(
    "max_unpool(Tensor self, Tensor indices, int size) -> Tensor", saves: .inputs(1),
    plan: { call in
      let x = call.tensor(0)
      return [TensorSpec([x.size(0), x.size(1), call.int(2)], x.dtype)]
    },
    forward: { call, results in
      let (x, indices) = (call.tensor(0).detach(), call.tensor(1))
      withNoGrad {
        results[0].zero_()
        results[0].scatter_(dim: 2, index: indices, x)
      }
    },
    derivative: { c in [Op.maxUnpoolBackward(.tensor(c.grad()), .tensor(c.input(1))), nil] },
    samples: { [Sample(.tensor(values()), .tensor(places()), .int(4))] })

  /// The elements of planes at the given places.
  static let maxUnpoolBackward: Op = .structured(
    "max_unpool_backward(Tensor grad, Tensor indices) -> Tensor", saves: .inputs(1),
    plan: { call in [TensorSpec(call.tensor(1).shape, call.tensor(0).dtype)] },
    forward: { call, results in
      withNoGrad { _ = results[0].copy_(call.tensor(0).detach().gather(dim: 2, index: call.tensor(1))) }
    },
    derivative: { c in
      [Op.maxUnpool(.tensor(c.grad()), .tensor(c.input(1)), .int(c.shape(0)[2])), nil]
    },
    samples: {
      let x = Tensor([0.5, -1.25, 2, 1.5, -0.75, 0.3, 0.25, -2], shape: [1, 2, 4], dtype: .float64)
      return [Sample(.tensor(x), .tensor(places()))]
    })

  private static func values() -> Tensor { Tensor([0.5, -1.25, 2, 1.5], shape: [1, 2, 2], dtype: .float64) }
  private static func places() -> Tensor { Tensor([3, 1, 0, 2], shape: [1, 2, 2]) }
}

extension Tensor {
  /// Undoes a max pooling: the values at the positions that it gave, 0 elsewhere. `spatialDims` is 1, 2 or 3; `outputSize`
  /// is the spatial size, needed where the pooling did not divide evenly. Same as `F.max_unpool*d`.
  public func maxUnpool(
    _ indices: Tensor, kernelSize: [Int], spatialDims: Int, stride: [Int]? = nil, padding: [Int] = [0],
    outputSize: [Int]? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      let name = "maxUnpool\(spatialDims)d"
      if isPoisoned || indices.isPoisoned { return ErrorScope.poison() }
      if rank == spatialDims + 1 {
        return unsqueeze(dim: 0).maxUnpool(
          indices.unsqueeze(dim: 0), kernelSize: kernelSize, spatialDims: spatialDims, stride: stride, padding: padding,
          outputSize: outputSize.map { Array($0.suffix(spatialDims)) }).squeeze(dim: 0)
      }
      if rank != spatialDims + 2 || indices.shape != shape || indices.dtype != .int64 {
        throw TensorError.shape(
          "\(name): expected values of \(spatialDims + 2) dims and int64 indices of their shape, got \(shape) and "
            + "\(indices.dtype.name) of \(indices.shape)")
      }
      func spread(_ values: [Int]) throws -> [Int] {
        let all = values.count == 1 ? [Int](repeating: values[0], count: spatialDims) : values
        if all.count != spatialDims { throw TensorError.value("\(name): \(values) needs 1 or \(spatialDims) numbers") }
        return all
      }
      let k = try spread(kernelSize), s = try stride.map(spread) ?? k, p = try spread(padding)
      if s.contains(where: { $0 < 1 }) || k.contains(where: { $0 < 1 }) { throw TensorError.value("\(name): kernel \(k) and stride \(s) must be positive") }
      let usual = (0..<spatialDims).map { (size($0 + 2) - 1) * s[$0] + k[$0] - 2 * p[$0] }
      var output = usual
      if let outputSize {
        output = Array(outputSize.suffix(spatialDims))
        for d in 0..<spatialDims where outputSize.count < spatialDims || output[d] <= usual[d] - s[d] || output[d] >= usual[d] + s[d] {
          throw TensorError.value("\(name): output size \(outputSize) is not within one stride of \(usual)")
        }
      }
      let plane = output.reduce(1, *), count = shape.dropFirst(2).reduce(1, *)
      let result = Shape([size(0), size(1)] + output)
      if elementCount == 0 { return Tensor.zeros(result, dtype: dtype) }
      let flat = indices.reshape([size(0), size(1), count])
      if flat.amin().intValue < 0 || flat.amax().intValue >= plane {
        throw TensorError.index("\(name): an index is out of range for the \(plane) places of a plane of \(output)")
      }
      return Op.maxUnpool(.tensor(reshape([size(0), size(1), count])), .tensor(flat), .int(plane)).reshape(result)
    }
  }

  /// Largest values of windows at random places, so that the result has `outputSize` (or that share of the input), and their
  /// flat positions. `samples` (N, C, dims) are the random numbers of the windows; drawn when nil. Graham, "Fractional
  /// max-pooling" (2014); same as `F.fractional_max_pool2d` and `3d`.
  public func fractionalMaxPool(
    _ kernelSize: [Int], spatialDims: Int, outputSize: [Int]? = nil, outputRatio: [Double]? = nil, samples: Tensor? = nil,
    generator: Generator = .default
  ) -> (values: Tensor, indices: Tensor) {
    let name = "fractionalMaxPool\(spatialDims)d"
    if rank == spatialDims + 1 {
      let single = unsqueeze(dim: 0).fractionalMaxPool(
        kernelSize, spatialDims: spatialDims, outputSize: outputSize, outputRatio: outputRatio, samples: samples,
        generator: generator)
      return (single.values.squeeze(dim: 0), single.indices.squeeze(dim: 0))
    }
    var positions: Tensor?
    let values = ErrorScope.guarding {
      if isPoisoned || samples?.isPoisoned ?? false { return ErrorScope.poison() }
      if rank != spatialDims + 2 || size(1) == 0 || shape.dropFirst(2).contains(0) {
        throw TensorError.shape("\(name): expected (N, C, …) with \(spatialDims) spatial dims, got shape \(shape)")
      }
      if (outputSize == nil) == (outputRatio == nil) { throw TensorError.value("\(name): give either outputSize or outputRatio") }
      func spread<T>(_ values: [T]) throws -> [T] {
        let all = values.count == 1 ? [T](repeating: values[0], count: spatialDims) : values
        if all.count != spatialDims { throw TensorError.value("\(name): \(values) needs 1 or \(spatialDims) numbers") }
        return all
      }
      let k = try spread(kernelSize)
      let input = Array(shape.dropFirst(2))
      let output = try outputSize.map(spread) ?? zip(input, spread(outputRatio!)).map { Int(Double($0) * $1) }
      for d in 0..<spatialDims where k[d] < 1 || output[d] < 1 || output[d] + k[d] - 1 > input[d] {
        throw TensorError.shape("\(name): \(output) windows of \(k) do not fit input of shape \(shape)")
      }
      let planes = size(0) * size(1)
      let drawn = samples ?? Tensor.rand([size(0), size(1), spatialDims], dtype: dtype == .float64 ? .float64 : .float32, generator: generator)
      // More samples than inputs are allowed, as PyTorch allows them.
      if drawn.rank != 3 || drawn.size(0) < size(0) || drawn.size(1) != size(1) || drawn.size(2) != spatialDims {
        throw TensorError.shape("\(name): samples have shape \(drawn.shape), expected [\(size(0)), \(size(1)), \(spatialDims)]")
      }
      let numbers = drawn.detach().array(Double.self)
      // Window starts of each plane and dim; as in PyTorch, sample 0 serves the last dim of two, but the first of three.
      func starts(_ plane: Int, _ d: Int) -> [Int] {
        let u = numbers[plane * spatialDims + (spatialDims == 2 ? 1 - d : d)]
        if output[d] == 1 { return [input[d] - k[d]] }
        let alpha = Double(input[d] - k[d]) / Double(output[d] - 1)
        return (0..<output[d]).map { i in
          i == output[d] - 1 ? input[d] - k[d] : Int((Double(i) + u) * alpha) - Int(u * alpha)
        }
      }
      let windows = output.reduce(1, *), taps = k.reduce(1, *)
      var places = [Int](repeating: 0, count: planes * windows * taps)
      for plane in 0..<planes {
        let first = (0..<spatialDims).map { starts(plane, $0) }
        for window in 0..<windows {
          for tap in 0..<taps {
            var (rest, inner, place, step) = (window, tap, 0, 1)
            for d in stride(from: spatialDims - 1, through: 0, by: -1) {
              place += (first[d][rest % output[d]] + inner % k[d]) * step
              step *= input[d]
              rest /= output[d]
              inner /= k[d]
            }
            places[(plane * windows + window) * taps + tap] = place
          }
        }
      }
      let index = Tensor(places, shape: [size(0), size(1), windows * taps])
      let taken = reshape([size(0), size(1), input.reduce(1, *)]).gather(dim: 2, index: index)
        .reshape([size(0), size(1), windows, taps])
      let best = taken.detach().argmax(dim: -1, keepDim: true)
      let result = Shape([size(0), size(1)] + output)
      positions = index.reshape([size(0), size(1), windows, taps]).gather(dim: -1, index: best).reshape(result)
      return taken.gather(dim: -1, index: best).reshape(result)
    }
    return (values, positions ?? values)
  }

  /// The p-norm of each window, over the last `spatialDims` dims of (N, C, …). Same as `F.lp_pool*d`.
  public func lpPool(
    _ p: Double, _ kernelSize: [Int], spatialDims: Int, stride: [Int]? = nil, ceilMode: Bool = false
  ) -> Tensor {
    let powers = pow(p)
    let means: Tensor
    switch spatialDims {
    case 1: means = powers.avgPool1d(kernelSize, stride: stride, ceilMode: ceilMode)
    case 2: means = powers.avgPool2d(kernelSize, stride: stride, ceilMode: ceilMode)
    default: means = powers.avgPool3d(kernelSize, stride: stride, ceilMode: ceilMode)
    }
    let taps = kernelSize.count == 1 ? (0..<spatialDims).reduce(1) { a, _ in a * kernelSize[0] } : kernelSize.reduce(1, *)
    return (means.sign() * means.abs().relu() * taps).pow(1 / p)
  }
}
