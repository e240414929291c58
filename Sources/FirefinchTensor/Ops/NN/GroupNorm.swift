import FirefinchCPU
import FirefinchCore

private func sample() -> Tensor {
  Tensor((0..<24).map { Double(($0 * 7 + 3) % 11) * 0.3 - 1.4 }, shape: [2, 4, 3], dtype: .float64)
}
private func scale(_ n: Int) -> Tensor { Tensor((0..<n).map { 0.5 + 0.4 * Double($0) }, dtype: .float64) }

/// A per-channel tensor shaped to broadcast against (N, C, …).
private func column(_ v: Tensor, _ x: Tensor) -> Tensor {
  var shape = Shape(repeating: 1, count: x.rank)
  shape[1] = v.elementCount
  return v.reshape(shape)
}

extension Op {
  /// Results: y, and each group's mean and reciprocal deviation (N, groups).
  static let groupNorm: Op = .structured(
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int group, float eps) -> (Tensor, Tensor, Tensor)",
    saves: Op.Saves(inputs: [0, 1], outputs: [1, 2]), differentiableResults: 1,
    plan: { call in
      let (x, groups) = (call.tensor(0), call.int(3))
      guard x.rank >= 2, groups > 0, x.size(1) % groups == 0 else {
        throw TensorError.shape("groupNorm: \(groups) groups do not divide the channels of input of shape \(x.shape)")
      }
      if !x.dtype.isFloatingPoint { throw TensorError.dtype("groupNorm: expected floating point, got \(x.dtype.name)") }
      for (i, name) in [(1, "weight"), (2, "bias")] {
        if let given = call.optionalTensor(i), given.shape != [x.size(1)] {
          throw TensorError.shape(
            "groupNorm: \(name) has shape \(given.shape), expected [\(x.size(1))] for input of shape \(x.shape)")
        }
      }
      let statistics = TensorSpec([x.size(0), groups], x.dtype == .float64 ? .float64 : .float32)
      return [TensorSpec(x.shape, x.dtype), statistics, statistics]
    },
    forward: { call, results in
      let x = Dense.of(call.tensor(0))
      if x.elementCount == 0 { return }
      let (weight, bias) = (Dense.of(call.optionalTensor(1)), Dense.of(call.optionalTensor(2)))
      let groups = call.int(3)
      let (d, l) = (x.size(1) / groups, x.shape.dropFirst(2).reduce(1, *))
      Dense.fill(results[0]) {
        RowKernel.groupNorm(
          x.dtype, n: x.size(0), groups: groups, d: d, l: l, x: x.data, weight: weight?.data, bias: bias?.data,
          eps: call.double(4), y: $0.data, mean: results[1].data, rstd: results[2].data)
      }
    },
    derivative: { c in
      let (input, g, groups) = (c.input(0), c.grad(), c.int(3))
      let given = c.optionalInput(1)
      if GradMode.isEnabled {
        let inner = input.shape.dropFirst(2).reduce(input.size(1) / groups, *)
        let folded = input.reshape([input.size(0), groups, inner])
        let mean = folded.mean(dim: 2, keepDim: true)
        let rstd = ((folded - mean).square().mean(dim: 2, keepDim: true) + c.double(4)).rsqrt()
        let normal = (folded - mean) * rstd
        let weighted = (given.map { g * column($0, input) } ?? g).reshape(folded.shape)
        let along = weighted.mean(dim: 2, keepDim: true)
        let across = (weighted * normal).mean(dim: 2, keepDim: true)
        let gx = ((weighted - along - normal * across) * rstd).reshape(input.shape)
        let dims = [0] + Array(2..<input.rank)
        var result: [Tensor?] = [gx]
        if given != nil { result.append((g * normal.reshape(input.shape)).sum(dim: dims)) }
        if result.count < c.node.edges.count { result.append(g.sum(dim: dims)) }
        return result
      }
      let (x, dy, weight) = (Dense.of(input), Dense.of(g), Dense.of(given))
      let (n, channels) = (x.size(0), x.size(1))
      let gx = Tensor(empty: x.shape, dtype: x.dtype)
      let sums = Tensor.zeros([n, channels], dtype: x.dtype), dots = Tensor.zeros([n, channels], dtype: x.dtype)
      if x.elementCount > 0 {
        RowKernel.groupNormBackward(
          x.dtype, n: n, groups: groups, d: channels / groups, l: x.shape.dropFirst(2).reduce(1, *), gy: dy.data,
          x: x.data, weight: weight?.data, mean: c.output(1).data, rstd: c.output(2).data, gx: gx.data, sums: sums.data,
          dots: dots.data)
      }
      var result: [Tensor?] = [gx]
      if given != nil { result.append(dots.sum(dim: 0)) }
      if result.count < c.node.edges.count { result.append(sums.sum(dim: 0)) }
      return result
    },
    samples: {
      [
        Sample(.tensor(sample()), .tensor(scale(4)), .tensor(scale(4)), .int(2), .double(1e-3)),
        Sample(.tensor(sample()), .none, .none, .int(4), .double(1e-3)),
        Sample(.tensor(sample()), .tensor(scale(4)), .none, .int(1), .double(1e-3)),
        Sample(error: "groupNorm", "3 groups", arguments: [.tensor(sample()), .none, .none, .int(3), .double(1e-5)]),
      ]
    })

  /// Results: y, and each row's reciprocal root mean square.
  static let rmsNorm: Op = .structured(
    "_fused_rms_norm(Tensor input, int[] normalized_shape, Tensor? weight, float eps) -> (Tensor, Tensor)",
    saves: Op.Saves(inputs: [0, 2], outputs: [1]), differentiableResults: 1,
    complex: .composite { c in
      let (x, count) = (c.tensor(0), c.ints(1).count)
      let dims = Array((x.rank - count)..<x.rank)
      // The complex square, as PyTorch has it, not that of the modulus.
      let rms = ((x * x).mean(dim: dims, keepDim: true) + c.double(3)).rsqrt()
      return [c.optionalTensor(2).map { x * rms * $0 } ?? x * rms, rms]
    },
    plan: { call in
      let (x, shape) = (call.tensor(0), call.ints(1))
      if shape.isEmpty || shape.count > x.rank || Array(x.shape.suffix(shape.count)) != shape {
        throw TensorError.shape("rmsNorm: the input's last sizes must be \(shape), got input of shape \(x.shape)")
      }
      if !x.dtype.isFloatingPoint { throw TensorError.dtype("rmsNorm: expected floating point, got \(x.dtype.name)") }
      if let weight = call.optionalTensor(2), weight.shape.array != shape {
        throw TensorError.shape("rmsNorm: weight has shape \(weight.shape), expected \(Shape(shape))")
      }
      let rows = Shape(x.shape.dropLast(shape.count).map { $0 } + [Int](repeating: 1, count: shape.count))
      return [TensorSpec(x.shape, x.dtype), TensorSpec(rows, x.dtype == .float64 ? .float64 : .float32)]
    },
    forward: { call, results in
      let x = Dense.of(call.tensor(0))
      if x.elementCount == 0 { return }
      let n = call.ints(1).reduce(1, *)
      let weight = Dense.of(call.optionalTensor(2))
      let mean = Tensor(empty: results[1].shape, dtype: results[1].dtype)
      Dense.fill(results[0]) {
        RowKernel.layerNorm(
          x.dtype, rows: x.elementCount / n, n: n, centred: false, x: x.data, weight: weight?.data, bias: nil,
          eps: call.double(3), y: $0.data, mean: mean.data, rstd: results[1].data)
      }
    },
    derivative: { c in
      let (x, g, shape) = (c.input(0), c.grad(), c.ints(1))
      let weight = c.optionalInput(2)
      let dims = Array((x.rank - shape.count)..<x.rank)
      let lead = Array(0..<(x.rank - shape.count))
      if GradMode.isEnabled {
        let rms = (x.square().mean(dim: dims, keepDim: true) + c.double(3)).rsqrt()
        let normal = x * rms
        let weighted = weight.map { g * $0 } ?? g
        let gx = (weighted - normal * (weighted * normal).mean(dim: dims, keepDim: true)) * rms
        guard weight != nil else { return [gx] }
        let scaled = g * normal
        return [gx, lead.isEmpty ? scaled : scaled.sum(dim: lead)]
      }
      let (dense, dy, w) = (Dense.of(x), Dense.of(g), Dense.of(weight))
      let n = Swift.max(shape.reduce(1, *), 1)
      let gx = Tensor(empty: x.shape, dtype: dense.dtype)
      let rms = c.output(1)
      let mean = Tensor.zeros(rms.shape, dtype: rms.dtype)
      let gw = weight.map { _ in Tensor(empty: Shape(shape), dtype: dense.dtype) }
      let unused = weight.map { _ in Tensor(empty: Shape(shape), dtype: dense.dtype) }
      RowKernel.layerNormBackward(
        dense.dtype, rows: dense.elementCount / n, n: n, centred: false, gy: dy.data, x: dense.data, weight: w?.data,
        mean: mean.data, rstd: rms.data, gx: gx.data, gw: gw?.data, gb: unused?.data)
      return gw.map { [gx, $0] } ?? [gx]
    },
    samples: {
      [
        Sample(.tensor(sample()), .ints([3]), .tensor(scale(3)), .double(1e-3)),
        Sample(.tensor(sample()), .ints([4, 3]), .none, .double(1e-3)),
        Sample(error: "rmsNorm", "[4]", arguments: [.tensor(sample()), .ints([4]), .none, .double(1e-5)]),
      ]
    })
}

extension Tensor {
  /// The last dims divided by their root mean square, then scaled. `eps` defaults to the dtype's epsilon. Same as
  /// `F.rms_norm`.
  public func rmsNorm(_ normalizedShape: [Int], weight: Tensor? = nil, eps: Double? = nil) -> Tensor {
    let epsilon = eps ?? (dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne))
    return Op.rmsNorm.results([.tensor(self), .ints(normalizedShape), Value(weight), .double(epsilon)])[0]
  }

  /// Channels in groups brought to mean 0 and variance 1, then scaled and shifted per channel. Same as `F.group_norm`.
  public func groupNorm(_ groups: Int, weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) -> Tensor {
    Op.groupNorm.results([.tensor(self), Value(weight), Value(bias), .int(groups), .double(eps)])[0]
  }
}
