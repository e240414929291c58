import FirefinchCore
import FirefinchCPU

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 1.5, -0.75, 0.3, 0.25, -2.0, 1.0, 0.75, 1.25, -0.5], shape: [2, 2, 3], dtype: .float64)
}
private func scale(_ n: Int) -> Tensor { Tensor((0..<n).map { 0.5 + 0.4 * Double($0) }, dtype: .float64) }

/// Shapes and formulas of batch norm on (N, C, …).
private enum BatchNorm {
  static func sizes(_ x: Tensor) -> (n: Int, c: Int, l: Int) {
    (x.size(0), x.size(1), x.shape.dropFirst(2).reduce(1, *))
  }

  /// A per-channel tensor shaped to broadcast against `x`.
  static func column(_ v: Tensor, _ x: Tensor) -> Tensor {
    var shape = Shape(repeating: 1, count: x.rank)
    shape[1] = v.elementCount
    return v.reshape(shape)
  }

  /// Gradients written with differentiable operations, for derivatives of derivatives.
  static func composite(_ c: Gradient, training: Bool, eps: Double) -> [Tensor?] {
    let (x, g) = (c.input(0), c.grad())
    let dims = [0] + Array(2..<x.rank)
    let mean, invstd: Tensor
    if training {
      mean = x.mean(dim: dims, keepDim: true)
      invstd = ((x - mean).square().mean(dim: dims, keepDim: true) + eps).rsqrt()
    } else {
      mean = column(c.input(3), x)
      invstd = (column(c.input(4), x) + eps).rsqrt()
    }
    let normal = (x - mean) * invstd
    let weighted = c.optionalInput(1).map { g * column($0, x) } ?? g
    let gx: Tensor
    if training {
      let along = weighted.mean(dim: dims, keepDim: true)
      let across = (weighted * normal).mean(dim: dims, keepDim: true)
      gx = (weighted - along - normal * across) * invstd
    } else {
      gx = weighted * invstd
    }
    var result: [Tensor?] = [gx]
    if c.optionalInput(1) != nil { result.append((g * normal).sum(dim: dims)) }
    if c.bool(7) { result.append(g.sum(dim: dims)) }
    return result
  }

  /// Gradients by the fused kernel.
  static func fused(_ c: Gradient, training: Bool) -> [Tensor?] {
    let input = c.input(0)
    let (x, g) = (Dense.of(input), Dense.of(c.grad()))
    let (n, channels, l) = sizes(input)
    let weight = Dense.of(c.optionalInput(1))
    let (mean, invstd) = (Dense.of(c.output(1)), Dense.of(c.output(2)))
    let gx = c.needs(0) ? Tensor(empty: x.shape, dtype: x.dtype) : nil
    let gw = Tensor(empty: [channels], dtype: x.dtype), gb = Tensor(empty: [channels], dtype: x.dtype)
    RowKernel.batchNormBackward(
      x.dtype, n: n, c: channels, l: l, gy: g.data, x: x.data, mean: mean.data, invstd: invstd.data, weight: weight?.data,
      training: training, gx: gx?.data, gw: gw.data, gb: gb.data)
    var result: [Tensor?] = [gx?.to(input.dtype)]
    if c.optionalInput(1) != nil { result.append(gw) }
    if c.bool(7) { result.append(gb) }
    return result
  }
}

extension Op {
  /// Results: y, and the mean and reciprocal deviation used. The last argument repeats whether there is a bias, which the
  /// derivative needs without keeping it.
  static let batchNorm: Op = Op.structured(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float eps, bool has_bias) -> (Tensor, Tensor, Tensor)",
    saves: Op.Saves(inputs: [0, 1, 3, 4], outputs: [1, 2]), differentiableResults: 1,
    plan: { call in
      let x = call.tensor(0)
      if x.rank < 2 { throw TensorError.shape("batchNorm: expected input (N, C, …), got shape \(x.shape)") }
      if !x.dtype.isFloatingPoint { throw TensorError.dtype("batchNorm: expected floating point, got \(x.dtype.name)") }
      let (n, c, l) = BatchNorm.sizes(x)
      for (i, name) in [(1, "weight"), (2, "bias"), (3, "runningMean"), (4, "runningVar")] {
        if let given = call.optionalTensor(i), given.shape != [c] {
          throw TensorError.shape(
            "batchNorm: \(name) has shape \(given.shape), expected [\(c)] for input of shape \(x.shape)")
        }
      }
      if call.bool(5) && n * l == 1 {
        throw TensorError.value(
          "batchNorm: training needs more than 1 value per channel, got input of shape \(x.shape); use eval()")
      }
      if !call.bool(5) && (call.optionalTensor(3) == nil || call.optionalTensor(4) == nil) {
        throw TensorError.value("batchNorm: without training the running mean and variance are needed")
      }
      let statistics: DType = x.dtype == .float64 ? .float64 : .float32
      return [TensorSpec(x.shape, x.dtype), TensorSpec([c], statistics), TensorSpec([c], statistics)]
    },
    forward: { call, results in
      let x = Dense.of(call.tensor(0))
      let (n, c, l) = BatchNorm.sizes(x)
      let (mean, invstd) = (results[1], results[2])
      if call.bool(5) {
        RowKernel.batchStatistics(x.dtype, n: n, c: c, l: l, x: x.data, mean: mean.data, variance: invstd.data)
      } else {
        mean.copyData(from: call.tensor(3))
        invstd.copyData(from: call.tensor(4))
      }
      withNoGrad { _ = invstd.copyData(from: (invstd + call.double(6)).rsqrt()) }
      let (weight, bias) = (Dense.of(call.optionalTensor(1)), Dense.of(call.optionalTensor(2)))
      Dense.fill(results[0]) {
        RowKernel.batchNormalise(
          x.dtype, n: n, c: c, l: l, x: x.data, mean: mean.data, invstd: invstd.data, weight: weight?.data,
          bias: bias?.data, y: $0.data)
      }
    },
    derivative: { c in
      let training = c.bool(5)
      if GradMode.isEnabled { return BatchNorm.composite(c, training: training, eps: c.double(6)) }
      return BatchNorm.fused(c, training: training)
    },
    samples: {
      [
        Sample(
          .tensor(sample()), .tensor(scale(2)), .tensor(scale(2)), .none, .none, .bool(true), .double(1e-3), .bool(true)),
        Sample(.tensor(sample()), .none, .none, .none, .none, .bool(true), .double(1e-3), .bool(false)),
        Sample(
          error: "1 value", arguments: [
            .tensor(Tensor.ones([1, 2], dtype: .float64)), .none, .none, .none, .none, .bool(true), .double(1e-5),
            .bool(false),
          ]),
      ]
    })

  /// Results: y, and each row's mean and reciprocal deviation.
  static let layerNorm: Op = Op.structured(
    "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)",
    saves: Op.Saves(inputs: [0, 2], outputs: [1, 2]), differentiableResults: 1,
    plan: { call in
      let x = call.tensor(0)
      let shape = call.ints(1)
      if shape.isEmpty || shape.count > x.rank || Array(x.shape.suffix(shape.count)) != shape {
        throw TensorError.shape("layerNorm: the input's last sizes must be \(shape), got input of shape \(x.shape)")
      }
      if !x.dtype.isFloatingPoint { throw TensorError.dtype("layerNorm: expected floating point, got \(x.dtype.name)") }
      for (i, name) in [(2, "weight"), (3, "bias")] {
        if let given = call.optionalTensor(i), given.shape.array != shape {
          throw TensorError.shape("layerNorm: \(name) has shape \(given.shape), expected \(Shape(shape))")
        }
      }
      let rows = Shape(x.shape.dropLast(shape.count).map { $0 } + [Int](repeating: 1, count: shape.count))
      let statistics: DType = x.dtype == .float64 ? .float64 : .float32
      return [TensorSpec(x.shape, x.dtype), TensorSpec(rows, statistics), TensorSpec(rows, statistics)]
    },
    forward: { call, results in
      let x = Dense.of(call.tensor(0))
      let n = call.ints(1).reduce(1, *)
      let (weight, bias) = (Dense.of(call.optionalTensor(2)), Dense.of(call.optionalTensor(3)))
      if x.elementCount == 0 { return }
      Dense.fill(results[0]) {
        RowKernel.layerNorm(
          x.dtype, rows: x.elementCount / n, n: n, x: x.data, weight: weight?.data, bias: bias?.data, eps: call.double(4),
          y: $0.data, mean: results[1].data, rstd: results[2].data)
      }
    },
    derivative: { c in
      let (x, g) = (c.input(0), c.grad())
      let shape = c.ints(1)
      let dims = Array((x.rank - shape.count)..<x.rank)
      let lead = Array(0..<(x.rank - shape.count))
      let weight = c.optionalInput(2)
      if GradMode.isEnabled {
        let mean = x.mean(dim: dims, keepDim: true)
        let rstd = ((x - mean).square().mean(dim: dims, keepDim: true) + c.double(4)).rsqrt()
        let normal = (x - mean) * rstd
        let weighted = weight.map { g * $0 } ?? g
        let along = weighted.mean(dim: dims, keepDim: true)
        let across = (weighted * normal).mean(dim: dims, keepDim: true)
        var result: [Tensor?] = [(weighted - along - normal * across) * rstd]
        if weight != nil {
          let scaled = g * normal
          result += [lead.isEmpty ? scaled : scaled.sum(dim: lead), lead.isEmpty ? g : g.sum(dim: lead)]
        }
        return result
      }
      let (dense, dy, w) = (Dense.of(x), Dense.of(g), Dense.of(weight))
      let n = shape.reduce(1, *)
      let gx = Tensor(empty: x.shape, dtype: dense.dtype)
      let wantsParameters = weight != nil
      let gw = wantsParameters ? Tensor(empty: Shape(shape), dtype: dense.dtype) : nil
      let gb = wantsParameters ? Tensor(empty: Shape(shape), dtype: dense.dtype) : nil
      let (mean, rstd) = (c.output(1), c.output(2))
      RowKernel.layerNormBackward(
        dense.dtype, rows: dense.elementCount / Swift.max(n, 1), n: n, gy: dy.data, x: dense.data, weight: w?.data,
        mean: mean.data, rstd: rstd.data, gx: gx.data, gw: gw?.data, gb: gb?.data)
      return wantsParameters ? [gx, gw, gb] : [gx]
    },
    samples: {
      [
        Sample(.tensor(sample()), .ints([3]), .tensor(scale(3)), .tensor(scale(3)), .double(1e-3)),
        Sample(.tensor(sample()), .ints([2, 3]), .none, .none, .double(1e-3)),
        Sample(
          error: "layerNorm", "[4]", arguments: [.tensor(sample()), .ints([4]), .none, .none, .double(1e-5)]),
      ]
    })
}

extension Tensor {
  /// Each channel of (N, C, …) brought to mean 0 and variance 1, by the batch's own statistics in training and by the
  /// running ones else, then scaled and shifted. In training the running statistics are updated in place; `momentum` nil
  /// is not meaningful here (the module turns it into 1 / batches). Same as `F.batch_norm`.
  public func batchNorm(
    runningMean: Tensor? = nil, runningVar: Tensor? = nil, weight: Tensor? = nil, bias: Tensor? = nil,
    training: Bool = false, momentum: Double = 0.1, eps: Double = 1e-5
  ) -> Tensor {
    let useBatch = training || runningMean == nil
    let results = Op.batchNorm.results([
      .tensor(self), Value(weight), Value(bias), Value(useBatch ? nil : runningMean), Value(useBatch ? nil : runningVar),
      .bool(useBatch), .double(eps),
      .bool(bias != nil),
    ])
    // An empty batch tells nothing.
    if training, let runningMean, let runningVar, !results[0].isPoisoned, device == .cpu, elementCount > 0 {
      withNoGrad {
        let count = Double(elementCount / Swift.max(size(1), 1))
        let (mean, invstd) = (results[1], results[2])
        // The unbiased variance, as in PyTorch.
        let variance = invstd.square().reciprocal().sub_(eps).mul_(count / (count - 1))
        runningMean.mul_(1 - momentum).add_(mean, alpha: momentum)
        runningVar.mul_(1 - momentum).add_(variance, alpha: momentum)
      }
    }
    return results[0]
  }

  /// The last dims brought to mean 0 and variance 1, then scaled and shifted. Same as `F.layer_norm`.
  public func layerNorm(_ normalizedShape: [Int], weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) -> Tensor {
    if weight == nil, let bias { return layerNorm(normalizedShape, eps: eps) + bias }
    if weight != nil && bias == nil {
      return layerNorm(normalizedShape, weight: weight, bias: weight!.zerosLike(), eps: eps)
    }
    return Op.layerNorm.results([.tensor(self), .ints(normalizedShape), Value(weight), Value(bias), .double(eps)])[0]
  }

  /// Each channel of each sample brought to mean 0 and variance 1. Same as `F.instance_norm` without running statistics.
  public func instanceNorm(weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) -> Tensor {
    groupNorm(size(1), weight: weight, bias: bias, eps: eps)
  }
}
