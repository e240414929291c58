import FirefinchCore
import FirefinchCPU

private func sample(_ shape: Shape) -> Tensor {
  // All different, so that no maximum is tied.
  let values = (0..<shape.elementCount).map { (i: Int) -> Double in
    let jump = Double((i * 7 + 3) % 23) * 0.25
    return jump - 2 + Double(i) * 0.01
  }
  return Tensor(values, shape: shape, dtype: .float64)
}

/// Sizes and checks of pooling windows.
enum Pool {
  static func geometry(
    _ x: Tensor, kernel: [Int], stride: [Int], padding: [Int], dilation: [Int], ceil: Bool, op: String
  ) throws -> PoolGeometry {
    let spatial = x.rank - 2
    func spread(_ values: [Int], _ what: String) throws -> [Int] {
      if values.count == 1 { return [Int](repeating: values[0], count: spatial) }
      if values.count != spatial { throw TensorError.value("\(op): \(what) needs 1 or \(spatial) numbers, got \(values)") }
      return values
    }
    if spatial < 1 || spatial > 3 { throw TensorError.shape("\(op): expected input (N, C, …), got shape \(x.shape)") }
    if !x.dtype.isFloatingPoint { throw TensorError.dtype("\(op): expected floating point, got \(x.dtype.name)") }
    // Only the batch may be empty.
    if (spatial > 1 || op != "maxPool") && x.shape.dropFirst().contains(0) {
      throw TensorError.shape("\(op): no dim but the batch may be 0, got shape \(x.shape)")
    }
    let k = try spread(kernel, "kernelSize")
    let s = try stride.isEmpty ? k : spread(stride, "stride")
    let p = try spread(padding, "padding")
    let d = try spread(dilation, "dilation")
    if k.contains(where: { $0 < 1 }) || s.contains(where: { $0 < 1 }) || d.contains(where: { $0 < 1 }) {
      throw TensorError.value("\(op): kernel \(k), stride \(s) and dilation \(d) must be at least 1")
    }
    var output: [Int] = []
    let input = Array(x.shape.dropFirst(2))
    for i in 0..<spatial {
      if p[i] < 0 || p[i] > k[i] / 2 {
        throw TensorError.value("\(op): padding \(p[i]) must be at most half the kernel size \(k[i])")
      }
      let room = input[i] + 2 * p[i] - d[i] * (k[i] - 1) - 1
      var size = room >= 0 ? (room + (ceil ? s[i] - 1 : 0)) / s[i] + 1 : 0
      // The last window must begin inside the input or its left padding.
      if ceil && (size - 1) * s[i] >= input[i] + p[i] { size -= 1 }
      if size < 1 { throw TensorError.shape("\(op): a window of \(k) does not fit input of shape \(x.shape)") }
      output.append(size)
    }
    return PoolGeometry(input: input, output: output, kernel: k, stride: s, padding: p, dilation: d)
  }

  static func adaptive(_ x: Tensor, _ output: [Int], _ op: String) throws -> PoolGeometry {
    let input = Array(x.shape.dropFirst(2))
    if x.rank < 3 || output.count != input.count || output.contains(where: { $0 < 0 }) {
      throw TensorError.shape("\(op): output size \(output) does not fit input of shape \(x.shape)")
    }
    if !x.dtype.isFloatingPoint { throw TensorError.dtype("\(op): expected floating point, got \(x.dtype.name)") }
    let ones = [Int](repeating: 1, count: input.count)
    return PoolGeometry(input: input, output: output, kernel: ones, stride: ones, padding: ones.map { _ in 0 }, dilation: ones)
  }

  static func run(_ kind: PoolKernel.Kind, _ geometry: PoolGeometry, _ call: OpCall, _ results: [Tensor]) {
    let x = Dense.of(call.tensor(0))
    if results[0].elementCount == 0 { return }
    Dense.fill(results[0]) {
      PoolKernel.forward(
        kind, geometry, $0.dtype, planes: x.size(0) * x.size(1), x: x.data, y: $0.data,
        indices: results.count > 1 ? results[1].pointer(Int64.self) : nil)
    }
  }

  static func back(_ kind: PoolKernel.Kind, _ geometry: PoolGeometry, _ g: Tensor, _ indices: Tensor?, _ result: Tensor) {
    let dy = Dense.of(g)
    Dense.fill(result) {
      PoolKernel.backward(
        kind, geometry, $0.dtype, planes: result.size(0) * result.size(1), gy: dy.data,
        indices: indices?.pointer(Int64.self), gx: $0.data)
    }
  }

  static func shape(_ x: Tensor, _ geometry: PoolGeometry) -> Shape { Shape([x.size(0), x.size(1)] + geometry.output) }
}

/// The value of `x` at each pooled position: how a maximum's gradient is differentiated again.
private func pick(_ x: Tensor, _ indices: Tensor) -> Tensor {
  let planes = [x.size(0), x.size(1), x.shape.dropFirst(2).reduce(1, *)]
  let flat = indices.reshape([x.size(0), x.size(1), indices.shape.dropFirst(2).reduce(1, *)])
  return x.reshape(Shape(planes)).gather(dim: 2, index: flat).reshape(indices.shape)
}

extension Op {
  static let maxPool: Op = Op.structured(
    "max_pool_with_indices(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, int[] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
    saves: Op.Saves(inputs: [], outputs: [1]),
    plan: { call in
      let x = call.tensor(0)
      let g = try Pool.geometry(
        x, kernel: call.ints(1), stride: call.ints(2), padding: call.ints(3), dilation: call.ints(4), ceil: call.bool(5),
        op: "maxPool")
      return [TensorSpec(Pool.shape(x, g), x.dtype), TensorSpec(Pool.shape(x, g), .int64)]
    },
    forward: { call, results in
      let g = try Pool.geometry(
        call.tensor(0), kernel: call.ints(1), stride: call.ints(2), padding: call.ints(3), dilation: call.ints(4),
        ceil: call.bool(5), op: "maxPool")
      Pool.run(.max, g, call, results)
    },
    derivative: { c in [Op.maxPoolBackward(.ints(c.shape(0).array), .tensor(c.grad()), .tensor(c.output(1)))] },
    samples: {
      [
        Sample(.tensor(sample([1, 2, 3, 4])), .ints([2])),
        Sample(.tensor(sample([1, 2, 5, 2])), .ints([3, 2]), .ints([2, 1]), .ints([1, 0]), .ints([1]), .bool(true)),
        Sample(.tensor(sample([2, 2, 6])), .ints([2]), .ints([2]), .ints([0]), .ints([2])),
        Sample(error: "padding", arguments: [.tensor(sample([1, 1, 4, 4])), .ints([2]), .ints([2]), .ints([2])]),
      ]
    })

  /// Puts each gradient at its maximum's position.
  static let maxPoolBackward: Op = Op.structured(
    "max_pool_backward(int[] input_size, Tensor grad, Tensor indices) -> Tensor", saves: .inputs(2),
    plan: { call in [TensorSpec(Shape(call.ints(0)), call.tensor(1).dtype)] },
    forward: { call, results in
      let shape = results[0].shape
      let indices = call.tensor(2)
      let g = PoolGeometry(
        input: Array(shape.dropFirst(2)), output: Array(indices.shape.dropFirst(2)), kernel: [1], stride: [1],
        padding: [0], dilation: [1])
      Pool.back(.max, g, call.tensor(1), indices.contiguous(), results[0])
    },
    derivative: { c in [pick(c.grad(), c.input(2)), nil] },
    samples: {
      [
        Sample(
          .ints([1, 1, 2, 3]), .tensor(sample([1, 1, 1, 2])), .tensor(Tensor([4, 2], shape: [1, 1, 1, 2], dtype: .int64)))
      ]
    })

  static let avgPool: Op = Op.structured(
    "avg_pool(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor",
    saves: .nothing,
    plan: { call in
      let g = try average(call.tensor(0), call)
      return [TensorSpec(Pool.shape(call.tensor(0), g), call.tensor(0).dtype)]
    }, forward: { call, results in Pool.run(.average, try average(call.tensor(0), call), call, results) },
    derivative: { c in
      [Op.avgPoolBackward.results([.tensor(c.grad()), .ints(c.shape(0).array)] + c.call.arguments.dropFirst())[0]]
    },
    samples: {
      [
        Sample(.tensor(sample([1, 2, 3, 4])), .ints([2])),
        Sample(
          .tensor(sample([1, 2, 5, 2])), .ints([3, 2]), .ints([2, 1]), .ints([1, 0]), .bool(true), .bool(false)),
      ]
    })

  /// Gradient of `avgPool`; it is linear, so its own derivative is `avgPool`.
  static let avgPoolBackward: Op = Op.structured(
    "avg_pool_backward(Tensor grad, int[] input_size, int[] kernel_size, int[] stride=[], int[] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor",
    saves: .nothing,
    plan: { call in [TensorSpec(Shape(call.ints(1)), call.tensor(0).dtype)] },
    forward: { call, results in
      var shifted = call
      shifted.arguments.remove(at: 1)
      Pool.back(.average, try average(results[0], shifted), call.tensor(0), nil, results[0])
    },
    derivative: { c in [Op.avgPool.results([.tensor(c.grad())] + c.call.arguments.dropFirst(2))[0]] },
    samples: { [Sample(.tensor(sample([1, 1, 1, 2])), .ints([1, 1, 2, 4]), .ints([2]))] })

  private static func average(_ x: Tensor, _ call: OpCall) throws -> PoolGeometry {
    var g = try Pool.geometry(
      x, kernel: call.ints(1), stride: call.ints(2), padding: call.ints(3), dilation: [1], ceil: call.bool(4), op: "avgPool")
    g.countIncludesPadding = call.bool(5)
    g.divisor = call.optionalInt(6) ?? 0
    return g
  }

  static let adaptiveAvgPool: Op = Op.structured(
    "adaptive_avg_pool(Tensor self, int[] output_size) -> Tensor", saves: .nothing,
    plan: { call in
      let g = try Pool.adaptive(call.tensor(0), call.ints(1), "adaptiveAvgPool")
      return [TensorSpec(Pool.shape(call.tensor(0), g), call.tensor(0).dtype)]
    },
    forward: { call, results in
      Pool.run(.adaptiveAverage, try Pool.adaptive(call.tensor(0), call.ints(1), "adaptiveAvgPool"), call, results)
    },
    derivative: { c in [Op.adaptiveAvgPoolBackward(.tensor(c.grad()), .ints(c.shape(0).array))] },
    samples: { [Sample(.tensor(sample([1, 2, 3, 4])), .ints([2, 3])), Sample(.tensor(sample([1, 2, 5])), .ints([1]))] })

  static let adaptiveAvgPoolBackward: Op = Op.structured(
    "adaptive_avg_pool_backward(Tensor grad, int[] input_size) -> Tensor", saves: .nothing,
    plan: { call in [TensorSpec(Shape(call.ints(1)), call.tensor(0).dtype)] },
    forward: { call, results in
      let g = try Pool.adaptive(results[0], Array(call.tensor(0).shape.dropFirst(2)), "adaptiveAvgPool")
      Pool.back(.adaptiveAverage, g, call.tensor(0), nil, results[0])
    },
    derivative: { c in [Op.adaptiveAvgPool(.tensor(c.grad()), .ints(Array(c.shape(0).dropFirst(2))))] },
    samples: { [Sample(.tensor(sample([1, 1, 1, 2])), .ints([1, 1, 2, 4]))] })

  static let adaptiveMaxPool: Op = Op.structured(
    "adaptive_max_pool(Tensor self, int[] output_size) -> (Tensor, Tensor)", saves: Op.Saves(inputs: [], outputs: [1]),
    plan: { call in
      let g = try Pool.adaptive(call.tensor(0), call.ints(1), "adaptiveMaxPool")
      let shape = Pool.shape(call.tensor(0), g)
      return [TensorSpec(shape, call.tensor(0).dtype), TensorSpec(shape, .int64)]
    },
    forward: { call, results in
      Pool.run(.adaptiveMax, try Pool.adaptive(call.tensor(0), call.ints(1), "adaptiveMaxPool"), call, results)
    },
    derivative: { c in [Op.maxPoolBackward(.ints(c.shape(0).array), .tensor(c.grad()), .tensor(c.output(1)))] },
    samples: { [Sample(.tensor(sample([1, 2, 3, 4])), .ints([2, 3]))] })
}

extension Tensor {
  /// Runs a pooling of (N, C, …), adding the batch dim for an unbatched input.
  private func pooled(_ spatial: Int, _ op: String, _ body: (Tensor) -> [Tensor]) -> [Tensor] {
    if dtype.isInteger && !isPoisoned {
      // Whole numbers in float64, means cut toward zero.
      let results = to(.float64).pooled(spatial, op, body)
      return results[0].isPoisoned ? results : [results[0].trunc().to(dtype)] + results.dropFirst()
    }
    if rank == spatial + 1 { return unsqueeze(dim: 0).pooled(spatial, op, body).map { $0.squeeze(dim: 0) } }
    if rank != spatial + 2 && !isPoisoned {
      return ErrorScope.guarding(2) {
        throw TensorError.shape("\(op)\(spatial)d: expected \(spatial + 1) or \(spatial + 2) dims, got shape \(shape)")
      }
    }
    return body(self)
  }

  private func maxPool(
    _ spatial: Int, _ kernel: [Int], _ stride: [Int]?, _ padding: [Int], _ dilation: [Int], _ ceil: Bool
  ) -> (values: Tensor, indices: Tensor) {
    if !isPoisoned && rank == spatial + 1 && shape.contains(0) {
      let message = "maxPool\(spatial)d: the sizes of an input without batch must not be 0, got shape \(shape)"
      return (Mistake.report(.shape(message)), ErrorScope.poison())
    }
    let results = pooled(spatial, "maxPool") {
      Op.maxPool.results([
        .tensor($0), .ints(kernel), .ints(stride ?? []), .ints(padding), .ints(dilation), .bool(ceil),
      ])
    }
    return (results[0], results[1])
  }

  /// Largest value of each window of (N, C, L). Same as `F.max_pool1d`.
  public func maxPool1d(
    _ kernelSize: [Int], stride: [Int]? = nil, padding: [Int] = [0], dilation: [Int] = [1], ceilMode: Bool = false
  ) -> Tensor { maxPool(1, kernelSize, stride, padding, dilation, ceilMode).values }
  /// Largest value of each window of (N, C, H, W). Same as `F.max_pool2d`.
  public func maxPool2d(
    _ kernelSize: [Int], stride: [Int]? = nil, padding: [Int] = [0], dilation: [Int] = [1], ceilMode: Bool = false
  ) -> Tensor { maxPool(2, kernelSize, stride, padding, dilation, ceilMode).values }
  /// Largest value of each window of (N, C, D, H, W). Same as `F.max_pool3d`.
  public func maxPool3d(
    _ kernelSize: [Int], stride: [Int]? = nil, padding: [Int] = [0], dilation: [Int] = [1], ceilMode: Bool = false
  ) -> Tensor { maxPool(3, kernelSize, stride, padding, dilation, ceilMode).values }
  /// Largest values and their flat positions within the plane. Same as `F.max_pool2d(return_indices=True)`; `spatialDims`
  /// is 1, 2 or 3.
  public func maxPoolWithIndices(
    _ kernelSize: [Int], spatialDims: Int, stride: [Int]? = nil, padding: [Int] = [0], dilation: [Int] = [1],
    ceilMode: Bool = false
  ) -> (values: Tensor, indices: Tensor) { maxPool(spatialDims, kernelSize, stride, padding, dilation, ceilMode) }

  /// The gradient of a max pooling's input of `inputShape`: this gradient of its values at the positions it gave. Same as
  /// `torch.ops.aten.max_pool2d_with_indices_backward`.
  public func maxPoolBackward(_ indices: Tensor, inputShape: Shape) -> Tensor {
    if inputShape.count == 3 || inputShape.count == 4 && rank == 3 {
      return unsqueeze(dim: 0).maxPoolBackward(indices.unsqueeze(dim: 0), inputShape: Shape([1] + inputShape.array)).squeeze(dim: 0)
    }
    return Op.maxPoolBackward(.ints(inputShape.array), .tensor(self), .tensor(indices))
  }

  /// The same for `input` itself, in which the result is constant almost everywhere: its derivative is 0.
  public func maxPoolBackward(_ indices: Tensor, input: Tensor) -> Tensor {
    let result = maxPoolBackward(indices, inputShape: input.shape)
    return Tensor.where(Tensor.ones(input.shape, dtype: .bool), result, input)
  }

  private func avgPool(
    _ spatial: Int, _ kernel: [Int], _ stride: [Int]?, _ padding: [Int], _ ceil: Bool, _ includesPadding: Bool,
    _ divisor: Int?
  ) -> Tensor {
    if divisor == 0 { return Mistake.report(.value("avgPool\(spatial)d: divisorOverride must not be 0")) }
    return
    pooled(spatial, "avgPool") {
      Op.avgPool.results([
        .tensor($0), .ints(kernel), .ints(stride ?? []), .ints(padding), .bool(ceil), .bool(includesPadding),
        Value(divisor),
      ])
    }[0]
  }

  /// Mean of each window of (N, C, L). Same as `F.avg_pool1d`.
  public func avgPool1d(
    _ kernelSize: [Int], stride: [Int]? = nil, padding: [Int] = [0], ceilMode: Bool = false, countIncludePad: Bool = true
  ) -> Tensor { avgPool(1, kernelSize, stride, padding, ceilMode, countIncludePad, nil) }
  /// Mean of each window of (N, C, H, W). Same as `F.avg_pool2d`.
  public func avgPool2d(
    _ kernelSize: [Int], stride: [Int]? = nil, padding: [Int] = [0], ceilMode: Bool = false, countIncludePad: Bool = true,
    divisorOverride: Int? = nil
  ) -> Tensor { avgPool(2, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) }
  /// Mean of each window of (N, C, D, H, W). Same as `F.avg_pool3d`.
  public func avgPool3d(
    _ kernelSize: [Int], stride: [Int]? = nil, padding: [Int] = [0], ceilMode: Bool = false, countIncludePad: Bool = true,
    divisorOverride: Int? = nil
  ) -> Tensor { avgPool(3, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) }

  /// The output size with nil meaning the input's.
  private func adaptiveSize(_ spatial: Int, _ given: [Int?]) -> [Int] {
    let wanted = given.count == 1 ? [Int?](repeating: given[0], count: spatial) : given
    return wanted.enumerated().map { $1 ?? size($0 - wanted.count) }
  }

  /// Means over windows chosen so that the result has the given size. Same as `F.adaptive_avg_pool1d`.
  public func adaptiveAvgPool1d(_ outputSize: [Int?]) -> Tensor { adaptiveAvg(1, outputSize) }
  /// Means over windows chosen so that the result has the given size. Same as `F.adaptive_avg_pool2d`.
  public func adaptiveAvgPool2d(_ outputSize: [Int?]) -> Tensor { adaptiveAvg(2, outputSize) }
  /// Means over windows chosen so that the result has the given size. Same as `F.adaptive_avg_pool3d`.
  public func adaptiveAvgPool3d(_ outputSize: [Int?]) -> Tensor { adaptiveAvg(3, outputSize) }
  private func adaptiveAvg(_ spatial: Int, _ outputSize: [Int?]) -> Tensor {
    pooled(spatial, "adaptiveAvgPool") {
      Op.adaptiveAvgPool.results([.tensor($0), .ints($0.adaptiveSize(spatial, outputSize))])
    }[0]
  }

  /// Maxima over windows chosen so that the result has the given size, with positions. Same as `F.adaptive_max_pool*d`.
  public func adaptiveMaxPool(_ outputSize: [Int?], spatialDims: Int) -> (values: Tensor, indices: Tensor) {
    let results = pooled(spatialDims, "adaptiveMaxPool") {
      Op.adaptiveMaxPool.results([.tensor($0), .ints($0.adaptiveSize(spatialDims, outputSize))])
    }
    return (results[0], results[1])
  }
}
