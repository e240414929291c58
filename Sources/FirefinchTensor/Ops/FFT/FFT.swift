import FirefinchCore

/// How a transform and its inverse share the factor 1 / n. Same as `norm` of `torch.fft`.
public enum FFTNorm: String, Sendable {
  /// The inverse transform divides by n.
  case backward
  /// Both divide by the square root of n.
  case ortho
  /// The forward transform divides by n.
  case forward

  /// The norm with PyTorch's name; nil is `backward`. An unknown name is a mistake.
  public static func named(_ name: String?) throws -> FFTNorm {
    guard let name else { return .backward }
    guard let norm = FFTNorm(rawValue: name) else {
      throw TensorError.value("fft: the norm must be backward, ortho or forward, got '\(name)'")
    }
    return norm
  }

  func scale(_ n: Double, forward: Bool) -> Double {
    switch self {
    case .ortho: 1 / n.squareRoot()
    case .backward: forward ? 1 : 1 / n
    case .forward: forward ? 1 / n : 1
    }
  }
}

/// Discrete Fourier transforms, as `torch.fft`. Every length takes O(n log n).
///
/// Integers and bools become the default floating dtype; float16, bfloat16 and complex32 are refused, as PyTorch does on the CPU. A
/// length `n` (`s` for several dims, -1 for the dim's own size) cuts the input or fills it up with zeros.
public enum FFT {
  // MARK: Checks

  private static func promoted(_ x: Tensor, _ op: String, complex: Bool) throws -> Tensor {
    if x.dtype == .float16 || x.dtype == .bfloat16 || x.dtype == .complex32 {
      throw TensorError.dtype("\(op): \(x.dtype.name) is not supported, expected float32, float64 or complex")
    }
    let floating = x.dtype.isDifferentiable ? x.dtype : DType.defaultFloat
    return x.to(complex ? floating.complexType : floating)
  }

  private static func refuseComplex(_ x: Tensor, _ op: String) throws {
    if x.dtype.isComplex { throw TensorError.dtype("\(op): expected a real tensor, got \(x.dtype.name)") }
  }

  private static func wrapped(_ dim: Int, _ x: Tensor, _ op: String) throws -> Int {
    if x.rank == 0 { throw TensorError.index("\(op): dim \(dim) is out of range for a tensor without dims") }
    return try Layout.wrap(dim: dim, rank: x.rank, op: op)
  }

  private static func checkLength(_ n: Int, _ op: String) throws {
    if n < 1 { throw TensorError.value("\(op): the number of data points must be at least 1, got \(n)") }
    if n > 1 << 40 { throw TensorError.value("\(op): \(n) data points are too many") }
  }

  /// `x` cut or filled up with zeros to `n` along `dim`.
  private static func resized(_ x: Tensor, dim: Int, _ n: Int) -> Tensor {
    let size = x.size(dim)
    if size == n { return x }
    if size > n { return x.narrow(dim: dim, start: 0, length: n) }
    return x.pad([Int](repeating: 0, count: 2 * (x.rank - 1 - dim)) + [0, n - size])
  }

  // MARK: One dim

  private static func complexToComplex(
    _ op: String, _ x: Tensor, _ n: Int?, _ dim: Int, _ norm: FFTNorm, forward: Bool
  ) -> Tensor {
    ErrorScope.guarding {
      if x.isPoisoned { return x }
      let x = try promoted(x, op, complex: false)
      let dim = try wrapped(dim, x, op)
      let length = n ?? x.size(dim)
      try checkLength(length, op)
      let input = resized(x, dim: dim, length)
      let scale = norm.scale(Double(length), forward: forward)
      if x.dtype.isComplex { return Op.fftC2C(.tensor(input), .int(dim), .double(scale), .bool(forward)) }
      return Op.fftR2C(.tensor(input), .int(dim), .double(scale), .bool(forward), .bool(false))
    }
  }

  private static func realToComplex(
    _ op: String, _ x: Tensor, _ n: Int?, _ dim: Int, _ norm: FFTNorm, forward: Bool
  ) -> Tensor {
    ErrorScope.guarding {
      if x.isPoisoned { return x }
      try refuseComplex(x, op)
      let x = try promoted(x, op, complex: false)
      let dim = try wrapped(dim, x, op)
      let length = n ?? x.size(dim)
      try checkLength(length, op)
      let scale = norm.scale(Double(length), forward: forward)
      return Op.fftR2C(
        .tensor(resized(x, dim: dim, length)), .int(dim), .double(scale), .bool(forward), .bool(true))
    }
  }

  private static func complexToReal(
    _ op: String, _ x: Tensor, _ n: Int?, _ dim: Int, _ norm: FFTNorm, forward: Bool
  ) -> Tensor {
    ErrorScope.guarding {
      if x.isPoisoned { return x }
      let x = try promoted(x, op, complex: true)
      let dim = try wrapped(dim, x, op)
      let length = n ?? 2 * (x.size(dim) - 1)
      try checkLength(length, op)
      let scale = norm.scale(Double(length), forward: forward)
      return Op.fftC2R(
        .tensor(resized(x, dim: dim, length / 2 + 1)), .int(dim), .double(scale), .bool(forward), .int(length))
    }
  }

  /// The transform along `dim`; complex of the input's size or of length `n`. Same as `torch.fft.fft`.
  public static func fft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: FFTNorm = .backward) -> Tensor {
    complexToComplex("fft", x, n, dim, norm, forward: true)
  }
  /// The inverse of `fft`. Same as `torch.fft.ifft`.
  public static func ifft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: FFTNorm = .backward) -> Tensor {
    complexToComplex("ifft", x, n, dim, norm, forward: false)
  }
  /// Frequencies 0 … n / 2 of a real signal; the others are their conjugates. Same as `torch.fft.rfft`.
  public static func rfft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: FFTNorm = .backward) -> Tensor {
    realToComplex("rfft", x, n, dim, norm, forward: true)
  }
  /// The inverse of `rfft`: `n` real values, 2 · (size - 1) when not given. Same as `torch.fft.irfft`.
  public static func irfft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: FFTNorm = .backward) -> Tensor {
    complexToReal("irfft", x, n, dim, norm, forward: false)
  }
  /// The transform of a signal given by its first half, the second being its mirrored conjugate: `n` reals, 2 · (size - 1)
  /// when not given. Same as `torch.fft.hfft`.
  public static func hfft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: FFTNorm = .backward) -> Tensor {
    complexToReal("hfft", x, n, dim, norm, forward: true)
  }
  /// The inverse of `hfft`: values 0 … n / 2. Same as `torch.fft.ihfft`.
  public static func ihfft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: FFTNorm = .backward) -> Tensor {
    realToComplex("ihfft", x, n, dim, norm, forward: false)
  }

  // MARK: Several dims

  /// The dims, and the length along each; nil lengths are the sizes.
  private static func plan(_ op: String, _ x: Tensor, _ s: [Int]?, _ dims: [Int]?) throws -> (dims: [Int], sizes: [Int]) {
    var result: [Int]
    if let dims {
      result = try dims.map { try wrapped($0, x, op) }
      if Set(result).count != result.count { throw TensorError.value("\(op): dims must be unique, got \(dims)") }
      if let s, s.count != dims.count {
        throw TensorError.value("\(op): s and dim must have the same length, got \(s) and \(dims)")
      }
    } else if let s {
      if s.count > x.rank {
        throw TensorError.value("\(op): got \(s.count) lengths but the tensor has only \(x.rank) dims")
      }
      result = Array(x.rank - s.count..<x.rank)
    } else {
      result = Array(0..<x.rank)
    }
    var sizes = result.map { x.size($0) }
    if let s {
      for (i, n) in s.enumerated() where n != -1 { sizes[i] = n }
    }
    return (result, sizes)
  }

  private static func points(_ sizes: [Int]) -> Double { sizes.reduce(1) { $0 * Double($1) } }

  /// Complex transforms along `dims`, the factor in the last one.
  private static func chain(_ x: Tensor, _ dims: ArraySlice<Int>, _ scale: Double, forward: Bool) -> Tensor {
    var result = x
    for (i, dim) in dims.enumerated() {
      let factor = i == dims.count - 1 ? scale : 1
      result = Op.fftC2C(.tensor(result), .int(dim), .double(factor), .bool(forward))
    }
    return result
  }

  private static func complexToComplexN(
    _ op: String, _ x: Tensor, _ s: [Int]?, _ dims: [Int]?, _ norm: FFTNorm, forward: Bool
  ) -> Tensor {
    ErrorScope.guarding {
      if x.isPoisoned { return x }
      let (dims, sizes) = try plan(op, x, s, dims)
      for n in sizes { try checkLength(n, op) }
      var input = try promoted(x, op, complex: true)
      for (dim, n) in zip(dims, sizes) { input = resized(input, dim: dim, n) }
      if dims.isEmpty { return input === x ? x.clone() : input }
      return chain(input, dims[...], norm.scale(points(sizes), forward: forward), forward: forward)
    }
  }

  private static func realToComplexN(
    _ op: String, _ x: Tensor, _ s: [Int]?, _ dims: [Int]?, _ norm: FFTNorm, forward: Bool
  ) -> Tensor {
    ErrorScope.guarding {
      if x.isPoisoned { return x }
      try refuseComplex(x, op)
      var input = try promoted(x, op, complex: false)
      let (dims, sizes) = try plan(op, x, s, dims)
      guard let last = dims.last else { throw TensorError.value("\(op): at least one dim must be transformed") }
      for n in sizes { try checkLength(n, op) }
      for (dim, n) in zip(dims, sizes) { input = resized(input, dim: dim, n) }
      let scale = norm.scale(points(sizes), forward: forward)
      let half = Op.fftR2C(
        .tensor(input), .int(last), .double(dims.count == 1 ? scale : 1), .bool(forward), .bool(true))
      return chain(half, dims.dropLast(), scale, forward: forward)
    }
  }

  private static func complexToRealN(
    _ op: String, _ x: Tensor, _ s: [Int]?, _ dims: [Int]?, _ norm: FFTNorm, forward: Bool
  ) -> Tensor {
    ErrorScope.guarding {
      if x.isPoisoned { return x }
      var input = try promoted(x, op, complex: true)
      var (dims, sizes) = try plan(op, x, s, dims)
      guard let last = dims.last else { throw TensorError.value("\(op): at least one dim must be transformed") }
      if (s?.last ?? -1) == -1 { sizes[sizes.count - 1] = 2 * (x.size(last) - 1) }
      for n in sizes { try checkLength(n, op) }
      let length = sizes[sizes.count - 1]
      for (i, dim) in dims.enumerated() {
        input = resized(input, dim: dim, i == dims.count - 1 ? length / 2 + 1 : sizes[i])
      }
      let scale = norm.scale(points(sizes), forward: forward)
      input = chain(input, dims.dropLast(), 1, forward: forward)
      return Op.fftC2R(.tensor(input), .int(last), .double(scale), .bool(forward), .int(length))
    }
  }

  /// `fft` along the last two dims or `dim`. Same as `torch.fft.fft2`.
  public static func fft2(_ x: Tensor, s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FFTNorm = .backward) -> Tensor {
    complexToComplexN("fft2", x, s, dim, norm, forward: true)
  }
  /// `ifft` along the last two dims or `dim`. Same as `torch.fft.ifft2`.
  public static func ifft2(_ x: Tensor, s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FFTNorm = .backward) -> Tensor {
    complexToComplexN("ifft2", x, s, dim, norm, forward: false)
  }
  /// `rfft` along the last of `dim`, `fft` along the other. Same as `torch.fft.rfft2`.
  public static func rfft2(_ x: Tensor, s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FFTNorm = .backward) -> Tensor {
    realToComplexN("rfft2", x, s, dim, norm, forward: true)
  }
  /// The inverse of `rfft2`. Same as `torch.fft.irfft2`.
  public static func irfft2(_ x: Tensor, s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FFTNorm = .backward) -> Tensor {
    complexToRealN("irfft2", x, s, dim, norm, forward: false)
  }
  /// `hfft` along the last of `dim`, `fft` along the other. Same as `torch.fft.hfft2`.
  public static func hfft2(_ x: Tensor, s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FFTNorm = .backward) -> Tensor {
    complexToRealN("hfft2", x, s, dim, norm, forward: true)
  }
  /// The inverse of `hfft2`. Same as `torch.fft.ihfft2`.
  public static func ihfft2(_ x: Tensor, s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FFTNorm = .backward) -> Tensor {
    realToComplexN("ihfft2", x, s, dim, norm, forward: false)
  }
  /// `fft` along `dim`, all dims or the last ones that `s` names when not given. Same as `torch.fft.fftn`.
  public static func fftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: FFTNorm = .backward) -> Tensor {
    complexToComplexN("fftn", x, s, dim, norm, forward: true)
  }
  /// The inverse of `fftn`. Same as `torch.fft.ifftn`.
  public static func ifftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: FFTNorm = .backward) -> Tensor {
    complexToComplexN("ifftn", x, s, dim, norm, forward: false)
  }
  /// `rfft` along the last of `dim`, `fft` along the others. Same as `torch.fft.rfftn`.
  public static func rfftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: FFTNorm = .backward) -> Tensor {
    realToComplexN("rfftn", x, s, dim, norm, forward: true)
  }
  /// The inverse of `rfftn`. Same as `torch.fft.irfftn`.
  public static func irfftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: FFTNorm = .backward) -> Tensor {
    complexToRealN("irfftn", x, s, dim, norm, forward: false)
  }
  /// `hfft` along the last of `dim`, `fft` along the others. Same as `torch.fft.hfftn`.
  public static func hfftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: FFTNorm = .backward) -> Tensor {
    complexToRealN("hfftn", x, s, dim, norm, forward: true)
  }
  /// The inverse of `hfftn`. Same as `torch.fft.ihfftn`.
  public static func ihfftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: FFTNorm = .backward) -> Tensor {
    realToComplexN("ihfftn", x, s, dim, norm, forward: false)
  }

  // MARK: Frequencies

  private static func shifted(_ op: String, _ x: Tensor, _ dims: [Int]?, _ shift: (Int) -> Int) -> Tensor {
    ErrorScope.guarding {
      if x.isPoisoned { return x }
      let dims = try (dims ?? Array(0..<x.rank)).map { try wrapped($0, x, op) }
      if dims.isEmpty { throw TensorError.value("\(op): there is no dim to shift in shape \(x.shape)") }
      return x.roll(dims.map { shift(x.size($0)) }, dims: dims)
    }
  }
  /// Frequency 0 moved to the middle of `dim`, of all dims when not given. Same as `torch.fft.fftshift`.
  public static func fftshift(_ x: Tensor, dim: [Int]? = nil) -> Tensor { shifted("fftshift", x, dim) { $0 / 2 } }
  /// The inverse of `fftshift`. Same as `torch.fft.ifftshift`.
  public static func ifftshift(_ x: Tensor, dim: [Int]? = nil) -> Tensor { shifted("ifftshift", x, dim) { ($0 + 1) / 2 } }

  private static func frequencies(_ op: String, _ n: Int, _ d: Double, _ dtype: DType?, _ order: (Int) -> [Int]) -> Tensor {
    ErrorScope.guarding {
      if n < 0 { throw TensorError.value("\(op): the length must not be negative, got \(n)") }
      let dtype = dtype ?? DType.defaultFloat
      if !dtype.isDifferentiable {
        throw TensorError.dtype("\(op): expected a floating-point or complex dtype, got \(dtype.name)")
      }
      let unit = 1 / (Double(n) * d)
      return Tensor(order(n).map { Double($0) * unit }, dtype: dtype)
    }
  }
  /// The frequencies of `fft`'s results for samples at distance `d`. Same as `torch.fft.fftfreq`.
  public static func fftfreq(_ n: Int, d: Double = 1, dtype: DType? = nil) -> Tensor {
    frequencies("fftfreq", n, d, dtype) { n in Array(0..<(n + 1) / 2) + Array(-(n / 2)..<0) }
  }
  /// The frequencies of `rfft`'s results for samples at distance `d`. Same as `torch.fft.rfftfreq`.
  public static func rfftfreq(_ n: Int, d: Double = 1, dtype: DType? = nil) -> Tensor {
    frequencies("rfftfreq", n, d, dtype) { n in Array(0...n / 2) }
  }
}
