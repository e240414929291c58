import FirefinchCore
import FirefinchCPU

/// How values between samples are found. Same words as `F.interpolate`.
public enum InterpolationMode: String, Sendable {
  case nearest, nearestExact = "nearest-exact", linear, bilinear, bicubic, trilinear, area
}

private func sample() -> Tensor {
  Tensor((0..<12).map { Double(($0 * 7 + 3) % 11) * 0.25 - 1 }, shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  /// Weighted sums of slices along a dim: `indices` and `weights` are (taps, out). Transposed it adds the slices of a tensor
  /// with `out` of them to the places they came from, of which there are `size`.
  static let resample: Op = .structured(
    "resample(Tensor self, int dim, Tensor indices, Tensor weights, int size, bool transposed=False) -> Tensor",
    saves: .inputs(2, 3), complex: .parts,
    plan: { call in
      let x = call.tensor(0)
      if !x.dtype.isFloatingPoint { throw TensorError.dtype("interpolate: expected floating point, got \(x.dtype.name)") }
      var shape = x.shape
      shape[call.int(1)] = call.bool(5) ? call.int(4) : call.tensor(2).size(1)
      return [TensorSpec(shape, x.dtype)]
    },
    forward: { call, results in
      if results[0].elementCount == 0 { return }
      let x = Dense.of(call.tensor(0)), dim = call.int(1), isTransposed = call.bool(5)
      let indices = call.tensor(2).contiguous(), weights = call.tensor(3).to(x.dtype).contiguous()
      let (outer, rows, inner) = Dense.split(x.shape, dim)
      Dense.fill(results[0]) { y in
        if isTransposed { y.fillData(.int(0)) }
        ResampleKernel.run(
          x.dtype, transposed: isTransposed, outer: outer, n: isTransposed ? call.int(4) : rows,
          m: isTransposed ? rows : indices.size(1), inner: inner, taps: indices.size(0), x: isTransposed ? y.data : x.data,
          y: isTransposed ? x.data : y.data, index: indices.pointer(Int64.self), weights: weights.data)
      }
    },
    derivative: { c in
      let size = c.shape(0)[c.int(1)]
      return [
        Op.resample(
          .tensor(c.grad()), .int(c.int(1)), .tensor(c.input(2)), .tensor(c.input(3)), .int(size), .bool(!c.bool(5))),
        nil, nil,
      ]
    },
    samples: {
      let places = Tensor([0, 1, 1, 2, 1, 2, 2, 0], shape: [2, 4])
      // Constants: of a dtype that is not differentiated.
      let weights = Tensor([0.5, 0.25, 1, 0.75, 0.5, 0.75, 0, 0.25], shape: [2, 4], dtype: .float32)
      return [Sample(.tensor(sample()), .int(1), .tensor(places), .tensor(weights), .int(3))]
    })
}

extension Op {
  /// Weighted sums of neighbours along one of the last two dims of uint8 pictures (…, C, H, W): output j takes the inputs from
  /// `starts[j]` on with `weights[j]`, multiples of 2 to the power of -`precision`, and is rounded once.
  static let resampleBytes: Op = .structured(
    "resample_bytes(Tensor self, int dim, Tensor starts, Tensor weights, int precision) -> Tensor",
    plan: { call in
      let x = call.tensor(0)
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "resample_bytes")
      if x.dtype != .uint8 { throw TensorError.dtype("resample_bytes: expected uint8, got \(x.dtype.name)") }
      if x.rank < 3 || dim < x.rank - 2 {
        throw TensorError.shape("resample_bytes: expected one of the last two dims of (…, C, H, W), got dim \(dim) of \(x.shape)")
      }
      var shape = x.shape
      shape[dim] = call.tensor(2).elementCount
      return [TensorSpec(shape, .uint8)]
    },
    forward: { call, results in
      let x = call.tensor(0), y = results[0].pointer(UInt8.self)
      if results[0].elementCount == 0 { return }
      let dim = try Layout.wrap(dim: call.int(1), rank: x.rank, op: "resample_bytes")
      let starts = call.tensor(2).contiguous(), weights = call.tensor(3).contiguous()
      let pass = ByteResample(
        input: x.size(dim), out: starts.elementCount, taps: weights.size(1), starts: starts.pointer(Int64.self),
        weights: weights.pointer(Int16.self), precision: call.int(4))
      let channels = x.size(-3), height = x.size(-2), width = x.size(-1)
      let pictures = x.elementCount / Swift.max(channels * height * width, 1)
      // Pictures as decoders leave them, channels innermost, come apart on the way.
      let pixels = x.transpose(-3, -2).transpose(-2, -1)
      if dim == x.rank - 1, channels > 1, pixels.isContiguous {
        let source = pixels.pointer(UInt8.self), out = results[0].size(-1)
        for picture in 0..<pictures {
          pass.alongRows(
            source + picture * channels * height * width, rows: height, channels: channels, y + picture * channels * height * out)
        }
        return
      }
      let dense = x.contiguous()
      let source = dense.pointer(UInt8.self)
      if dim == x.rank - 1 {
        pass.alongRows(source, rows: pictures * channels * height, channels: 1, y)
      } else {
        pass.downColumns(source, planes: pictures * channels, width: width, y)
      }
    },
    samples: {
      let picture = Tensor((0..<60).map { $0 * 37 % 256 }, shape: [2, 3, 2, 5]).to(.uint8)
      let starts = Tensor([0, 0, 1]), weights = Tensor([[8192, 8192], [16384, 0], [4096, 12288]]).to(.int16)
      return [
        Sample(.tensor(picture), .int(3), .tensor(starts), .tensor(weights), .int(14)),
        Sample(.tensor(picture), .int(2), .tensor(Tensor([0, 0])), .tensor(weights.slice(dim: 0, end: 2)), .int(14)),
        Sample(error: "expected uint8", arguments: [.tensor(sample()), .int(2), .tensor(starts), .tensor(weights), .int(14)]),
        Sample(error: "last two dims", arguments: [.tensor(picture), .int(1), .tensor(starts), .tensor(weights), .int(14)]),
      ]
    })
}

/// The rules by which output positions find their sources.
private struct Resampling {
  let input: Int, output: Int
  /// Input elements a step of the output covers.
  let scale: Double
  let alignCorners: Bool
  /// Whether positions are computed in float32, as PyTorch does for all dtypes but float64.
  let isSingle: Bool

  init(input: Int, output: Int, factor: Double?, alignCorners: Bool, dtype: DType) {
    self.input = input
    self.output = output
    self.alignCorners = alignCorners
    isSingle = dtype != .float64
    let raw: Double
    if alignCorners {
      raw = output > 1 ? Double(input - 1) / Double(output - 1) : 0
    } else if let factor, factor > 0 {
      raw = 1 / factor
    } else {
      raw = Double(input) / Double(output)
    }
    scale = isSingle ? Double(Float(raw)) : raw
  }

  private func rounded(_ value: Double) -> Double { isSingle ? Double(Float(value)) : value }

  func source(_ i: Int) -> Double {
    if alignCorners { return rounded(scale * Double(i)) }
    return rounded(rounded(scale * (Double(i) + 0.5)) - 0.5)
  }

  private func clamp(_ i: Int) -> Int { Swift.min(Swift.max(i, 0), input - 1) }

  func nearest(exact: Bool) -> [Int] {
    (0..<output).map { i in
      // float32 for every dtype, as in PyTorch.
      let position = exact ? (Float(i) + 0.5) * Float(scale) : Float(i) * Float(scale)
      return clamp(Int(position.rounded(.down)))
    }
  }

  /// Taps with their weights, by tap.
  func linear() -> (indices: [Int], weights: [Double]) {
    var first: [Int] = [], second: [Int] = [], low: [Double] = [], high: [Double] = []
    for i in 0..<output {
      let position = Swift.max(source(i), 0)
      let below = Swift.min(Int(position), input - 1)
      let weight = Swift.min(Swift.max(rounded(position - Double(below)), 0), 1)
      first.append(below)
      second.append(Swift.min(below + 1, input - 1))
      low.append(1 - weight)
      high.append(weight)
    }
    return (first + second, low + high)
  }

  func cubic() -> (indices: [Int], weights: [Double]) {
    var indices = [[Int]](repeating: [], count: 4), weights = [[Double]](repeating: [], count: 4)
    for i in 0..<output {
      let position = source(i)
      let below = Int(position.rounded(.down))
      for (t, weight) in Cubic.weights(rounded(position - Double(below))).enumerated() {
        indices[t].append(clamp(below - 1 + t))
        weights[t].append(weight)
      }
    }
    return (indices.flatMap { $0 }, weights.flatMap { $0 })
  }

  /// Taps as one run of inputs for each output, weights as whole multiples of 2 to the power of -`precision`, by which the
  /// largest still fits 16 bits. Taps of an output that fell on one input at a border are joined first.
  func quantized(_ taps: (indices: [Int], weights: [Double])) -> (starts: [Int], weights: [Int16], taps: Int, precision: Int) {
    let count = taps.weights.count / output
    var starts = [Int](repeating: 0, count: output)
    var width = 1
    for i in 0..<output {
      var (low, high) = (input, -1)
      for t in 0..<count where taps.weights[t * output + i] != 0 {
        low = Swift.min(low, taps.indices[t * output + i])
        high = Swift.max(high, taps.indices[t * output + i])
      }
      starts[i] = Swift.min(low, input - 1)
      width = Swift.max(width, high - low + 1)
    }
    var sums = [Double](repeating: 0, count: output * width)
    for i in 0..<output {
      starts[i] = Swift.min(starts[i], input - width)
      for t in 0..<count {
        let weight = taps.weights[t * output + i]
        if weight != 0 { sums[i * width + taps.indices[t * output + i] - starts[i]] += weight }
      }
    }
    let largest = sums.max() ?? 0
    var precision = 0
    while precision < 22, (largest * Double(1 << (precision + 1)) + 0.5).rounded(.down) < 32768 { precision += 1 }
    let unit = Double(1 << precision)
    return (starts, sums.map { Int16(($0 * unit).rounded(.toNearestOrAwayFromZero)) }, width, precision)
  }

  /// With a filter as wide as the scale, so that shrinking does not alias.
  func antialiased(cubic: Bool) -> (indices: [Int], weights: [Double]) {
    let reach = (cubic ? 2 : 1) * Swift.max(scale, 1)
    let inverse = scale >= 1 ? 1 / scale : 1
    var rows: [(start: Int, weights: [Double])] = []
    for i in 0..<output {
      let center = scale * (Double(i) + 0.5)
      let start = Swift.max(Int(center - reach + 0.5), 0)
      let end = Swift.min(Int(center + reach + 0.5), input)
      var weights = (start..<Swift.max(end, start)).map { j in
        let x = (Double(j) - center + 0.5) * inverse
        return cubic ? Cubic.filter(x, -0.5) : Swift.max(1 - Swift.abs(x), 0)
      }
      let total = weights.reduce(0, +)
      if total != 0 { weights = weights.map { $0 / total } }
      rows.append((start, weights))
    }
    let taps = Swift.max(rows.map(\.weights.count).max() ?? 1, 1)
    var indices: [Int] = [], weights: [Double] = []
    for t in 0..<taps {
      for row in rows {
        indices.append(Swift.min(row.start + t, input - 1))
        weights.append(t < row.weights.count ? row.weights[t] : 0)
      }
    }
    return (indices, weights)
  }
}

/// Keys, "Cubic convolution interpolation for digital image processing" (1981).
enum Cubic {
  static func filter(_ x: Double, _ a: Double) -> Double {
    let x = Swift.abs(x)
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
  }
  /// Weights of the elements at -1, 0, 1 and 2 for a position `t` behind element 0.
  static func weights(_ t: Double) -> [Double] { [1 + t, t, 1 - t, 2 - t].map { filter($0, -0.75) } }
}

extension Tensor {
  /// Resized along the spatial dims of (N, C, …) to `size`, or by `scaleFactor` (one number, or one for each dim). Floating
  /// point; modes `linear` for one spatial dim, `bilinear` and `bicubic` for two, `trilinear` for three, the others for any.
  /// With `antialias` (bilinear, bicubic) the filter widens when shrinking. `scales` beside `size` are the factors that
  /// positions are computed with. Same as `F.interpolate`.
  public func interpolate(
    size: [Int]? = nil, scaleFactor: [Double]? = nil, mode: InterpolationMode = .nearest, alignCorners: Bool? = nil,
    recomputeScaleFactor: Bool = false, antialias: Bool = false, scales: [Double?]? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let spatial = rank - 2
      if spatial < 1 || spatial > 3 { throw TensorError.shape("interpolate: expected input (N, C, …), got shape \(shape)") }
      let needs: [InterpolationMode: Int] = [.linear: 1, .bilinear: 2, .bicubic: 2, .trilinear: 3]
      if let wanted = needs[mode], wanted != spatial {
        throw TensorError.shape("interpolate: \(mode.rawValue) takes \(wanted) spatial dims, got shape \(shape)")
      }
      if alignCorners != nil && needs[mode] == nil {
        throw TensorError.value("interpolate: alignCorners is for linear, bilinear, bicubic and trilinear, not \(mode.rawValue)")
      }
      if antialias && mode != .bilinear && mode != .bicubic {
        throw TensorError.value("interpolate: antialias is for bilinear and bicubic, not \(mode.rawValue)")
      }
      if (size == nil) == (scaleFactor == nil) { throw TensorError.value("interpolate: give either size or scaleFactor") }
      func spread<T>(_ values: [T], _ what: String) throws -> [T] {
        if values.count == 1 { return [T](repeating: values[0], count: spatial) }
        if values.count != spatial { throw TensorError.shape("interpolate: \(what) needs 1 or \(spatial) numbers, got \(values)") }
        return values
      }
      let input = Array(shape.dropFirst(2))
      var factors: [Double?] = input.map { _ in nil }
      let output: [Int]
      if let size {
        if recomputeScaleFactor { throw TensorError.value("interpolate: recomputeScaleFactor needs scaleFactor") }
        output = try spread(size, "size")
        factors = scales ?? factors
      } else {
        let given = try spread(scaleFactor!, "scaleFactor")
        output = zip(input, given).map { Int((Double($0) * $1).rounded(.down)) }
        if !recomputeScaleFactor { factors = given }
      }
      if output.contains(where: { $0 < 1 }) || input.contains(where: { $0 < 1 }) {
        throw TensorError.value("interpolate: sizes must be positive, got \(input) to be resized to \(output)")
      }
      if mode == .area {
        let wanted = output.map { Optional($0) }
        return spatial == 1 ? adaptiveAvgPool1d(wanted) : spatial == 2 ? adaptiveAvgPool2d(wanted) : adaptiveAvgPool3d(wanted)
      }
      if mode == .nearest || mode == .nearestExact {
        var result = self
        for d in 0..<spatial {
          let rule = Resampling(input: input[d], output: output[d], factor: factors[d], alignCorners: false, dtype: .float32)
          result = result.indexSelect(dim: d + 2, Tensor(rule.nearest(exact: mode == .nearestExact)))
        }
        return result
      }
      if !dtype.isFloatingPoint { return try resampledBytes(output, factors, mode, alignCorners, antialias) }
      var result = self
      for d in 0..<spatial {
        let rule = Resampling(
          input: input[d], output: output[d], factor: factors[d], alignCorners: alignCorners ?? false, dtype: dtype)
        let taps =
          antialias ? rule.antialiased(cubic: mode == .bicubic) : mode == .bicubic ? rule.cubic() : rule.linear()
        result = result.resampled(dim: d + 2, taps, into: output[d])
      }
      return result
    }
  }

  /// uint8 pictures: columns, then rows, with weights as whole numbers of 16 bits and a rounding after each pass, so that
  /// results are PyTorch's to the bit.
  private func resampledBytes(
    _ output: [Int], _ factors: [Double?], _ mode: InterpolationMode, _ alignCorners: Bool?, _ antialias: Bool
  ) throws -> Tensor {
    if dtype != .uint8 || mode == .linear || mode == .trilinear {
      throw TensorError.dtype("interpolate: mode \(mode.rawValue) is not defined for \(dtype.name)")
    }
    var result = self
    for d in (0..<output.count).reversed() where shape[d + 2] != output[d] {
      let rule = Resampling(
        input: shape[d + 2], output: output[d], factor: factors[d], alignCorners: alignCorners ?? false, dtype: .float64)
      let exact = antialias ? rule.antialiased(cubic: mode == .bicubic) : mode == .bicubic ? rule.cubic() : rule.linear()
      let run = rule.quantized(exact)
      result = Op.resampleBytes(
        .tensor(result), .int(d + 2), .tensor(Tensor(run.starts)),
        .tensor(Tensor(run.weights, shape: [output[d], run.taps])), .int(run.precision))
    }
    return result
  }

  /// Sums of slices by tap; there are as many numbers for each tap as slices in the result.
  private func resampled(dim: Int, _ taps: (indices: [Int], weights: [Double]), into count: Int) -> Tensor {
    let sizes: Shape = [taps.indices.count / count, count]
    return Op.resample(
      .tensor(self), .int(dim), .tensor(Tensor(taps.indices, shape: sizes)),
      .tensor(Tensor(taps.weights, shape: sizes, dtype: .float64)), .int(shape[dim]))
  }
}
