import FirefinchCore
import FirefinchCPU

private func wave(_ shape: Shape, _ step: Double) -> Tensor {
  Tensor((0..<shape.elementCount).map { Double(($0 * 7 + 3) % 11) * step - 5 * step }, shape: shape, dtype: .float64)
}

/// Sizes, checks and runs shared by the convolution and its two gradients.
private enum Conv {
  /// The geometry of `x (N, C, …)` convolved with weights of shape `w`.
  static func geometry(
    _ x: Shape, _ w: Shape, stride: [Int], padding: [Int], dilation: [Int], groups: Int, op: String
  ) throws -> ConvolutionGeometry {
    let spatial = w.count - 2
    guard spatial >= 1, spatial <= 3, x.count == w.count else {
      throw TensorError.shape(
        "\(op): expected input (N, C, …) and weight (out, in / groups, …) with the same 1 to 3 spatial dims, "
          + "got shapes \(x) and \(w)")
    }
    let s = try spread(stride, spatial, "stride", op)
    let p = try spread(padding, spatial, "padding", op)
    let d = try spread(dilation, spatial, "dilation", op)
    if groups < 1 || s.contains(where: { $0 < 1 }) || d.contains(where: { $0 < 1 }) || p.contains(where: { $0 < 0 }) {
      throw TensorError.value(
        "\(op): stride, dilation and groups must be at least 1 and padding at least 0, "
          + "got stride \(s), padding \(p), dilation \(d), groups \(groups)")
    }
    if w[0] % groups != 0 {
      throw TensorError.shape("\(op): \(w[0]) output channels cannot be divided into \(groups) groups")
    }
    if x[1] != w[1] * groups {
      throw TensorError.shape(
        "\(op): expected input with \(w[1] * groups) channels for weight of shape \(w) and \(groups) groups, "
          + "got input of shape \(x) with \(x[1]) channels")
    }
    var output: [Int] = []
    for i in 0..<spatial {
      let extent = d[i] * (w[i + 2] - 1) + 1
      let room = x[i + 2] + 2 * p[i]
      if extent > room || w[i + 2] < 1 {
        throw TensorError.shape(
          "\(op): the kernel covers \(extent) in dim \(i + 2), more than the padded input's \(room); "
            + "input \(x), weight \(w), padding \(p), dilation \(d)")
      }
      output.append((room - extent) / s[i] + 1)
    }
    return ConvolutionGeometry(
      batch: x[0], inChannels: x[1], outChannels: w[0], groups: groups, input: Array(x.dropFirst(2)), output: output,
      kernel: Array(w.dropFirst(2)), stride: s, padding: p, dilation: d)
  }

  static func spread(_ values: [Int], _ count: Int, _ what: String, _ op: String) throws -> [Int] {
    if values.count == 1 { return [Int](repeating: values[0], count: count) }
    if values.count != count {
      throw TensorError.value("\(op): \(what) needs 1 or \(count) numbers, got \(values)")
    }
    return values
  }

  static func spec(_ x: Tensor, _ w: Tensor, _ shape: Shape, _ op: String) throws -> TensorSpec {
    if x.dtype != w.dtype || !x.dtype.isFloatingPoint {
      throw TensorError.dtype(
        "\(op): expected floating-point tensors of one dtype, got \(x.dtype.name) and \(w.dtype.name)")
    }
    return TensorSpec(shape, x.dtype)
  }

  /// The dtype the kernels run in, and dense tensors of it.
  static func dense(_ x: Tensor) -> Tensor {
    withNoGrad { x.detach().to(x.dtype == .float64 ? .float64 : .float32).contiguous() }
  }

  /// Runs `body` on memory of the kernels' dtype and puts it into `result`.
  static func fill(_ result: Tensor, _ body: (Tensor) -> Void) {
    if result.dtype == .float32 || result.dtype == .float64 { return body(result) }
    let wide = Tensor(empty: result.shape, dtype: .float32)
    body(wide)
    result.copyData(from: wide)
  }
}

extension Op {
  static let convolution: Op = Op.structured(
    "convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, int groups) -> Tensor",
    saves: .inputs(0, 1), complex: .product(0, 1),
    plan: { call in
      let (x, w) = (call.tensor(0), call.tensor(1))
      let g = try Conv.geometry(
        x.shape, w.shape, stride: call.ints(3), padding: call.ints(4), dilation: call.ints(5), groups: call.int(6),
        op: "conv")
      if let bias = call.optionalTensor(2), bias.shape != [g.outChannels] {
        throw TensorError.shape("conv: bias has shape \(bias.shape), expected [\(g.outChannels)]")
      }
      return [try Conv.spec(x, w, Shape([g.batch, g.outChannels] + g.output), "conv")]
    },
    forward: { call, results in
      let (x, w) = (Conv.dense(call.tensor(0)), Conv.dense(call.tensor(1)))
      let bias = call.optionalTensor(2).map { Conv.dense($0) }
      let g = try Conv.geometry(
        x.shape, w.shape, stride: call.ints(3), padding: call.ints(4), dilation: call.ints(5), groups: call.int(6),
        op: "conv")
      Conv.fill(results[0]) { y in
        if y.elementCount == 0 { return }
        let weight = call.tensor(1)
        if y.dtype == .float32 && w.storage === weight.storage && !GradMode.isEnabled {
          ConvolutionKernel.inference(
            g, x: x.data, w: w.data, storage: w.storage, offset: w.layout.offset, bias: bias?.data, y: y.data)
        } else {
          ConvolutionKernel.forward(g, y.dtype, x: x.data, w: w.data, bias: bias?.data, y: y.data)
        }
      }
    },
    derivative: { c in
      let geometry: [Value] = Array(c.call.arguments[3...])
      let (x, w, g) = (c.input(0), c.input(1), c.grad())
      let channelsOut = [0] + Array(2..<g.rank)
      return [
        c.needs(0)
          ? Op.convolutionBackwardInput.results([.ints(x.shape.array), .tensor(g), .tensor(w)] + geometry)[0] : nil,
        c.needs(1)
          ? Op.convolutionBackwardWeight.results([.ints(w.shape.array), .tensor(g), .tensor(x)] + geometry)[0] : nil,
        c.needs(2) ? g.sum(dim: channelsOut) : nil,
      ]
    },
    samples: {
      let bias = Tensor([0.5, -1.0], dtype: .float64)
      let one: Value = .ints([1])
      return [
        Sample(
          .tensor(wave([1, 2, 3, 3], 0.3)), .tensor(wave([2, 2, 2, 2], 0.2)), .tensor(bias), one, .ints([1]), one, .int(1)),
        Sample(
          .tensor(wave([1, 2, 5, 2], 0.3)), .tensor(wave([2, 1, 2, 1], 0.2)), .none, .ints([2, 1]), .ints([1, 0]),
          .ints([2, 1]), .int(2)),
        Sample(.tensor(wave([2, 2, 5], 0.3)), .tensor(wave([2, 2, 3], 0.2)), .tensor(bias), one, .ints([0]), one, .int(1)),
        Sample(
          .tensor(wave([1, 1, 2, 3, 3], 0.3)), .tensor(wave([2, 1, 2, 2, 2], 0.2)), .none, one, .ints([0]), one, .int(1)),
        Sample(
          error: "conv", "3 channels",
          arguments: [.tensor(wave([1, 3, 4, 4], 1)), .tensor(wave([2, 2, 2, 2], 1)), .none, one, .ints([0]), one, .int(1)]),
        Sample(
          error: "kernel",
          arguments: [.tensor(wave([1, 2, 2, 2], 1)), .tensor(wave([2, 2, 3, 3], 1)), .none, one, .ints([0]), one, .int(1)]),
      ]
    })

  /// Gradient of the input; also the transposed convolution.
  static let convolutionBackwardInput: Op = Op.structured(
    "conv_backward_input(int[] input_size, Tensor grad, Tensor weight, int[] stride, int[] padding, int[] dilation, int groups) -> Tensor",
    complex: .product(1, 2),
    plan: { call in
      let (g, w) = (call.tensor(1), call.tensor(2))
      let shape = Shape(call.ints(0))
      let geometry = try Conv.geometry(
        shape, w.shape, stride: call.ints(3), padding: call.ints(4), dilation: call.ints(5), groups: call.int(6),
        op: "convTranspose")
      let expected = Shape([geometry.batch, geometry.outChannels] + geometry.output)
      if g.shape != expected {
        throw TensorError.shape("convTranspose: expected input of shape \(expected), got \(g.shape)")
      }
      return [try Conv.spec(g, w, shape, "convTranspose")]
    },
    forward: { call, results in
      let (g, w) = (Conv.dense(call.tensor(1)), Conv.dense(call.tensor(2)))
      let geometry = try Conv.geometry(
        results[0].shape, w.shape, stride: call.ints(3), padding: call.ints(4), dilation: call.ints(5),
        groups: call.int(6), op: "convTranspose")
      Conv.fill(results[0]) { gx in
        if gx.elementCount > 0 {
          ConvolutionKernel.backwardInput(geometry, gx.dtype, gy: g.data, w: w.data, gx: gx.data)
        }
      }
    },
    derivative: { c in
      let geometry: [Value] = Array(c.call.arguments[3...])
      let (g, w) = (c.input(1), c.input(2))
      return [
        c.needs(0) ? Op.convolution.results([.tensor(c.grad()), .tensor(w), .none] + geometry)[0] : nil,
        c.needs(1)
          ? Op.convolutionBackwardWeight.results([.ints(w.shape.array), .tensor(g), .tensor(c.grad())] + geometry)[0] : nil,
      ]
    },
    samples: {
      [
        Sample(
          .ints([1, 2, 4, 4]), .tensor(wave([1, 2, 2, 2], 0.3)), .tensor(wave([2, 2, 2, 2], 0.2)), .ints([2]), .ints([0]),
          .ints([1]), .int(1))
      ]
    })

  /// Gradient of the weights.
  static let convolutionBackwardWeight: Op = Op.structured(
    "conv_backward_weight(int[] weight_size, Tensor grad, Tensor input, int[] stride, int[] padding, int[] dilation, int groups) -> Tensor",
    plan: { call in
      [try Conv.spec(call.tensor(1), call.tensor(2), Shape(call.ints(0)), "conv")]
    },
    forward: { call, results in
      let (g, x) = (Conv.dense(call.tensor(1)), Conv.dense(call.tensor(2)))
      let geometry = try Conv.geometry(
        x.shape, results[0].shape, stride: call.ints(3), padding: call.ints(4), dilation: call.ints(5),
        groups: call.int(6), op: "conv")
      Conv.fill(results[0]) { gw in
        if x.elementCount == 0 { return gw.fillData(.int(0)) }
        ConvolutionKernel.backwardWeight(geometry, gw.dtype, x: x.data, gy: g.data, gw: gw.data)
      }
    },
    derivative: { c in
      let geometry: [Value] = Array(c.call.arguments[3...])
      let (g, x) = (c.input(1), c.input(2))
      return [
        c.needs(0) ? Op.convolution.results([.tensor(x), .tensor(c.grad()), .none] + geometry)[0] : nil,
        c.needs(1)
          ? Op.convolutionBackwardInput.results([.ints(x.shape.array), .tensor(g), .tensor(c.grad())] + geometry)[0] : nil,
      ]
    },
    samples: {
      [
        Sample(
          .ints([2, 2, 2, 2]), .tensor(wave([1, 2, 2, 2], 0.3)), .tensor(wave([1, 2, 3, 3], 0.2)), .ints([1]), .ints([0]),
          .ints([1]), .int(1))
      ]
    })
}

/// How a convolution's input is padded.
public enum ConvPadding: Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  /// Zeros on both sides, one number or one for each spatial dim.
  case sizes([Int])
  /// So much that a stride of 1 keeps the size.
  case same
  /// None.
  case valid
  public init(integerLiteral value: Int) { self = .sizes([value]) }
  public init(arrayLiteral elements: Int...) { self = .sizes(elements) }
}

extension Tensor {
  private func conv(
    _ spatial: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: ConvPadding, _ dilation: [Int],
    _ groups: Int
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || weight.isPoisoned { return ErrorScope.poison() }
      if let bias, bias.dtype != dtype {
        throw TensorError.dtype("conv\(spatial)d: input is \(dtype.name) and bias \(bias.dtype.name); convert one")
      }
      if dtype.isInteger && weight.dtype == dtype {
        // Whole numbers in float64, exact to 2^53.
        let wide = to(.float64).conv(
          spatial, weight.to(.float64), bias?.to(.float64), stride, padding, dilation, groups)
        return wide.to(dtype)
      }
      if let bias, dtype.isComplex || weight.dtype.isComplex {
        if bias.shape != [weight.rank > 0 ? weight.size(0) : 0] {
          throw TensorError.shape("conv\(spatial)d: bias has shape \(bias.shape), expected one number for each of the output channels of \(weight.shape)")
        }
        let plain = conv(spatial, weight, nil, stride, padding, dilation, groups)
        return plain + bias.reshape(Shape([bias.elementCount] + [Int](repeating: 1, count: spatial)))
      }
      if rank == spatial + 1 {
        return unsqueeze(dim: 0).conv(spatial, weight, bias, stride, padding, dilation, groups).squeeze(dim: 0)
      }
      guard rank == spatial + 2, weight.rank == spatial + 2 else {
        throw TensorError.shape(
          "conv\(spatial)d: expected input of \(spatial + 2) dims (N, C, …) or \(spatial + 1), and weight of "
            + "\(spatial + 2), got shapes \(shape) and \(weight.shape)")
      }
      var x = self
      var sizes: [Int]
      switch padding {
      case .sizes(let given): sizes = given
      case .valid: sizes = [0]
      case .same:
        if stride.contains(where: { $0 != 1 }) {
          throw TensorError.value("conv\(spatial)d: padding .same needs stride 1, got \(stride)")
        }
        let d = try Conv.spread(dilation, spatial, "dilation", "conv")
        let total = (0..<spatial).map { d[$0] * (weight.size($0 + 2) - 1) }
        sizes = total.map { $0 / 2 }
        // An odd total puts one more zero after than before.
        let extra = total.map { $0 % 2 }
        if extra.contains(1) { x = x.pad(Array(extra.reversed().flatMap { [0, $0] })) }
      }
      return Op.convolution(
        .tensor(x), .tensor(weight), Value(bias), .ints(stride), .ints(sizes), .ints(dilation), .int(groups))
    }
  }

  /// Convolution over one spatial dim: self (N, C, L), weight (out, C / groups, K). Same as `F.conv1d`.
  public func conv1d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: [Int] = [1], padding: ConvPadding = 0, dilation: [Int] = [1],
    groups: Int = 1
  ) -> Tensor { conv(1, weight, bias, stride, padding, dilation, groups) }

  /// Convolution over two spatial dims: self (N, C, H, W), weight (out, C / groups, KH, KW). Same as `F.conv2d`.
  public func conv2d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: [Int] = [1], padding: ConvPadding = 0, dilation: [Int] = [1],
    groups: Int = 1
  ) -> Tensor { conv(2, weight, bias, stride, padding, dilation, groups) }

  /// Convolution over three spatial dims: self (N, C, D, H, W). Same as `F.conv3d`.
  public func conv3d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: [Int] = [1], padding: ConvPadding = 0, dilation: [Int] = [1],
    groups: Int = 1
  ) -> Tensor { conv(3, weight, bias, stride, padding, dilation, groups) }

  private func convTranspose(
    _ spatial: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: [Int], _ outputPadding: [Int],
    _ groups: Int, _ dilation: [Int]
  ) -> Tensor {
    ErrorScope.guarding {
      let name = "convTranspose\(spatial)d"
      if isPoisoned || weight.isPoisoned { return ErrorScope.poison() }
      if dtype.isInteger && weight.dtype == dtype {
        let wide = to(.float64).convTranspose(
          spatial, weight.to(.float64), bias?.to(.float64), stride, padding, outputPadding, groups, dilation)
        return wide.to(dtype)
      }
      if rank == spatial + 1 {
        return unsqueeze(dim: 0).convTranspose(spatial, weight, bias, stride, padding, outputPadding, groups, dilation)
          .squeeze(dim: 0)
      }
      guard rank == spatial + 2, weight.rank == spatial + 2, size(1) == weight.size(0) else {
        throw TensorError.shape(
          "\(name): expected input (N, C, …) and weight (C, out / groups, …) with \(spatial) spatial dims, "
            + "got shapes \(shape) and \(weight.shape)")
      }
      let s = try Conv.spread(stride, spatial, "stride", name)
      let p = try Conv.spread(padding, spatial, "padding", name)
      let o = try Conv.spread(outputPadding, spatial, "outputPadding", name)
      let d = try Conv.spread(dilation, spatial, "dilation", name)
      for i in 0..<spatial where o[i] < 0 || (o[i] >= s[i] && o[i] >= d[i]) {
        throw TensorError.value("\(name): outputPadding \(o) must be smaller than stride \(s) or dilation \(d)")
      }
      if (0..<spatial).contains(where: { o[$0] >= s[$0] }) {
        // More than a stride is added behind: the whole product, cut and filled up here.
        let zeros = o.map { _ in 0 }
        var whole = convTranspose(spatial, weight, nil, s, zeros, zeros, groups, d)
        whole = whole.pad((0..<spatial).reversed().flatMap { [-p[$0], o[$0] - p[$0]] })
        guard let bias else { return whole }
        return whole + bias.reshape(Shape([1, bias.elementCount] + [Int](repeating: 1, count: spatial)))
      }
      var result = [size(0), weight.size(1) * groups]
      for i in 0..<spatial {
        let full = (size(i + 2) - 1) * s[i] - 2 * p[i] + d[i] * (weight.size(i + 2) - 1) + o[i] + 1
        if full < 1 { throw TensorError.shape("\(name): the output would have size \(full) in dim \(i + 2)") }
        result.append(full)
      }
      let y = Op.convolutionBackwardInput(
        .ints(result), .tensor(self), .tensor(weight), .ints(s), .ints(p), .ints(d), .int(groups))
      guard let bias else { return y }
      return y + bias.reshape(Shape([1, bias.elementCount] + [Int](repeating: 1, count: spatial)))
    }
  }

  /// Transposed convolution over one spatial dim; weight (C, out / groups, K). Same as `F.conv_transpose1d`.
  public func convTranspose1d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: [Int] = [1], padding: [Int] = [0], outputPadding: [Int] = [0],
    groups: Int = 1, dilation: [Int] = [1]
  ) -> Tensor { convTranspose(1, weight, bias, stride, padding, outputPadding, groups, dilation) }

  /// Transposed convolution over two spatial dims; weight (C, out / groups, KH, KW). Same as `F.conv_transpose2d`.
  public func convTranspose2d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: [Int] = [1], padding: [Int] = [0], outputPadding: [Int] = [0],
    groups: Int = 1, dilation: [Int] = [1]
  ) -> Tensor { convTranspose(2, weight, bias, stride, padding, outputPadding, groups, dilation) }

  /// Transposed convolution over three spatial dims. Same as `F.conv_transpose3d`.
  public func convTranspose3d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: [Int] = [1], padding: [Int] = [0], outputPadding: [Int] = [0],
    groups: Int = 1, dilation: [Int] = [1]
  ) -> Tensor { convTranspose(3, weight, bias, stride, padding, outputPadding, groups, dilation) }
}
