import FirefinchCore
import FirefinchTensor
import Glibc

/// Fills parameters with starting values; the same numbers as `torch.nn.init` for the same seed.
///
/// Every function overwrites the tensor without recording and returns it.
public enum Init {
  /// Which number of connections keeps its variance.
  public enum Fan: Sendable { case fanIn, fanOut }

  /// Functions for `calculateGain`.
  public enum Nonlinearity: Sendable, Equatable {
    case linear, sigmoid, tanh, relu, selu
    case leakyRelu(Double)
  }

  /// Set while modules are made whose values will be replaced anyway.
  @TaskLocal static var isSkipped = false

  /// Runs `body`, in which modules are made without drawing starting values: for models whose weights are loaded next.
  /// Like `torch.nn.utils.skip_init`.
  public static func skipped<R>(_ body: () throws -> R) rethrows -> R { try $isSkipped.withValue(true) { try body() } }

  private static func fill(_ tensor: Tensor, _ body: (Tensor) -> Void) -> Tensor {
    if isSkipped || tensor.device != .cpu || tensor.isPoisoned { return tensor }
    withNoGrad { body(tensor) }
    return tensor
  }

  /// Uniform between `a` and `b`. Same as `init.uniform_`.
  @discardableResult
  public static func uniform_(_ tensor: Tensor, _ a: Double = 0, _ b: Double = 1, generator: Generator = .default)
    -> Tensor
  {
    fill(tensor) { $0.uniform_(a, b, generator: generator) }
  }

  /// Normal with mean `mean` and standard deviation `std`. Same as `init.normal_`.
  @discardableResult
  public static func normal_(
    _ tensor: Tensor, mean: Double = 0, std: Double = 1, generator: Generator = .default
  ) -> Tensor {
    fill(tensor) { $0.normal_(mean: mean, std: std, generator: generator) }
  }

  /// One value. Same as `init.constant_`.
  @discardableResult
  public static func constant_(_ tensor: Tensor, _ value: Double) -> Tensor {
    // Constants draw no numbers and may matter (biases of 0): they are set even when drawing is skipped.
    if !tensor.isPoisoned { withNoGrad { _ = tensor.fill_(value) } }
    return tensor
  }

  /// Ones. Same as `init.ones_`.
  @discardableResult public static func ones_(_ tensor: Tensor) -> Tensor { constant_(tensor, 1) }
  /// Zeros. Same as `init.zeros_`.
  @discardableResult public static func zeros_(_ tensor: Tensor) -> Tensor { constant_(tensor, 0) }

  /// The identity matrix. Same as `init.eye_`.
  @discardableResult
  public static func eye_(_ tensor: Tensor) -> Tensor {
    if tensor.rank != 2 { return Mistake.report(.shape("eye_: expected 2 dims, got shape \(tensor.shape)")) }
    return fill(tensor) { $0.copy_(Tensor.eye($0.shape[0], $0.shape[1], dtype: $0.dtype)) }
  }

  /// Convolution weights that pass their input through. Same as `init.dirac_`.
  @discardableResult
  public static func dirac_(_ tensor: Tensor, groups: Int = 1) -> Tensor {
    let shape = tensor.shape
    if !(3...5).contains(shape.count) || groups < 1 || shape[0] % groups != 0 {
      return Mistake.report(
        .shape("dirac_: expected 3 to 5 dims, the first divisible by \(groups) groups, got shape \(shape)"))
    }
    let perGroup = shape[0] / groups
    return fill(tensor) { tensor in
      tensor.zero_()
      for group in 0..<groups {
        for d in 0..<Swift.min(perGroup, shape[1]) {
          var place = tensor.select(dim: 0, group * perGroup + d).select(dim: 0, d)
          for size in shape.array[2...] { place = place.select(dim: 0, size / 2) }
          place.fill_(1)
        }
      }
    }
  }

  /// The standard deviation factor that a nonlinearity needs. Same as `init.calculate_gain`.
  public static func calculateGain(_ nonlinearity: Nonlinearity) -> Double {
    switch nonlinearity {
    case .linear, .sigmoid: 1
    case .tanh: 5.0 / 3
    case .relu: 2.0.squareRoot()
    case .leakyRelu(let slope): (2 / (1 + slope * slope)).squareRoot()
    case .selu: 0.75
    }
  }

  /// Connections into and out of one unit of a weight; nil for fewer than two dims.
  static func fans(_ shape: Shape) -> (fanIn: Int, fanOut: Int)? {
    if shape.count < 2 { return nil }
    let field = shape.array[2...].reduce(1, *)
    return (shape[1] * field, shape[0] * field)
  }

  private static func fans(_ tensor: Tensor, _ op: String) -> (fanIn: Int, fanOut: Int)? {
    if let fans = fans(tensor.shape) { return fans }
    Mistake.report(.shape("\(op): expected at least 2 dims to count connections, got shape \(tensor.shape)"))
    return nil
  }

  /// Glorot's uniform. Same as `init.xavier_uniform_`.
  @discardableResult
  public static func xavierUniform_(_ tensor: Tensor, gain: Double = 1, generator: Generator = .default) -> Tensor {
    guard let (fanIn, fanOut) = fans(tensor, "xavierUniform_") else { return tensor }
    let bound = 3.0.squareRoot() * gain * (2 / Double(fanIn + fanOut)).squareRoot()
    return uniform_(tensor, -bound, bound, generator: generator)
  }

  /// Glorot's normal. Same as `init.xavier_normal_`.
  @discardableResult
  public static func xavierNormal_(_ tensor: Tensor, gain: Double = 1, generator: Generator = .default) -> Tensor {
    guard let (fanIn, fanOut) = fans(tensor, "xavierNormal_") else { return tensor }
    return normal_(tensor, std: gain * (2 / Double(fanIn + fanOut)).squareRoot(), generator: generator)
  }

  /// He's uniform. `nonlinearity` defaults to a leaky ReLU of slope `a`. Same as `init.kaiming_uniform_`.
  @discardableResult
  public static func kaimingUniform_(
    _ tensor: Tensor, a: Double = 0, mode: Fan = .fanIn, nonlinearity: Nonlinearity? = nil,
    generator: Generator = .default
  ) -> Tensor {
    if tensor.elementCount == 0 { return tensor }
    guard let (fanIn, fanOut) = fans(tensor, "kaimingUniform_") else { return tensor }
    let gain = calculateGain(nonlinearity ?? .leakyRelu(a))
    let bound = 3.0.squareRoot() * (gain / Double(mode == .fanIn ? fanIn : fanOut).squareRoot())
    return uniform_(tensor, -bound, bound, generator: generator)
  }

  /// He's normal. `nonlinearity` defaults to a leaky ReLU of slope `a`. Same as `init.kaiming_normal_`.
  @discardableResult
  public static func kaimingNormal_(
    _ tensor: Tensor, a: Double = 0, mode: Fan = .fanIn, nonlinearity: Nonlinearity? = nil,
    generator: Generator = .default
  ) -> Tensor {
    if tensor.elementCount == 0 { return tensor }
    guard let (fanIn, fanOut) = fans(tensor, "kaimingNormal_") else { return tensor }
    let gain = calculateGain(nonlinearity ?? .leakyRelu(a))
    return normal_(tensor, std: gain / Double(mode == .fanIn ? fanIn : fanOut).squareRoot(), generator: generator)
  }

  /// Normal values, those outside `a` to `b` drawn again. Same as `init.trunc_normal_`.
  @discardableResult
  public static func truncNormal_(
    _ tensor: Tensor, mean: Double = 0, std: Double = 1, a: Double = -2, b: Double = 2, generator: Generator = .default
  ) -> Tensor {
    fill(tensor) { $0.truncNormal_(mean: mean, std: std, low: a, high: b, generator: generator) }
  }

  /// Rows (or columns) at right angles, of length `gain`. Same as `init.orthogonal_`.
  @discardableResult
  public static func orthogonal_(_ tensor: Tensor, gain: Double = 1, generator: Generator = .default) -> Tensor {
    if tensor.rank < 2 {
      return Mistake.report(.shape("orthogonal_: expected at least 2 dims, got shape \(tensor.shape)"))
    }
    if tensor.elementCount == 0 { return tensor }
    return fill(tensor) { tensor in
      let rows = tensor.shape[0]
      let columns = tensor.elementCount / rows
      let flat = Tensor.empty([rows, columns], dtype: tensor.dtype).normal_(generator: generator)
      let tall = rows < columns
      let source = tall ? flat.t() : flat
      let q = orthonormal(source.array(Double.self), rows: source.shape[0], columns: source.shape[1])
      let result = Tensor(q, shape: source.shape, dtype: .float64)
      tensor.copy_((tall ? result.t() : result).reshape(tensor.shape))
      tensor.mul_(gain)
    }
  }

  /// The Q of a QR factorisation by Householder reflections, signed so that R's diagonal is positive. Row-major,
  /// `rows` >= `columns`.
  static func orthonormal(_ matrix: [Double], rows: Int, columns: Int) -> [Double] {
    var a = matrix
    var reflections: [[Double]] = []
    var signs = [Double](repeating: 1, count: columns)
    for k in 0..<columns {
      var v = (k..<rows).map { a[$0 * columns + k] }
      let norm = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let alpha = v[0] > 0 ? -norm : norm
      // R's diagonal is alpha.
      signs[k] = alpha < 0 ? -1 : alpha > 0 ? 1 : 0
      v[0] -= alpha
      let length = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if length > 0 { v = v.map { $0 / length } }
      reflections.append(v)
      for j in k..<columns {
        var dot = 0.0
        for i in k..<rows { dot += v[i - k] * a[i * columns + j] }
        for i in k..<rows { a[i * columns + j] -= 2 * dot * v[i - k] }
      }
    }
    var q = [Double](repeating: 0, count: rows * columns)
    for j in 0..<columns { q[j * columns + j] = 1 }
    for k in (0..<columns).reversed() {
      let v = reflections[k]
      for j in 0..<columns {
        var dot = 0.0
        for i in k..<rows { dot += v[i - k] * q[i * columns + j] }
        for i in k..<rows { q[i * columns + j] -= 2 * dot * v[i - k] }
      }
    }
    for j in 0..<columns {
      for i in 0..<rows { q[i * columns + j] *= signs[j] }
    }
    return q
  }

  /// Normal values with a share of zeros in every column of a matrix. Same as `init.sparse_`.
  @discardableResult
  public static func sparse_(
    _ tensor: Tensor, sparsity: Double, std: Double = 0.01, generator: Generator = .default
  ) -> Tensor {
    if tensor.rank != 2 { return Mistake.report(.shape("sparse_: expected 2 dims, got shape \(tensor.shape)")) }
    return fill(tensor) { tensor in
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      let zeros = Swift.min(Int((sparsity * Double(rows)).rounded(.up)), rows)
      tensor.normal_(std: std, generator: generator)
      for column in 0..<columns {
        let order = Tensor.randperm(rows).array(Int.self)
        for row in order.prefix(zeros) { tensor.select(dim: 0, row).select(dim: 0, column).fill_(0) }
      }
    }
  }

  /// PyTorch's default for linear and convolution layers: weights within 1/sqrt(fan in), biases likewise.
  static func defaults(weight: Tensor, bias: Tensor?) {
    kaimingUniform_(weight, a: 5.0.squareRoot())
    guard let bias, let fanIn = fans(weight.shape)?.fanIn else { return }
    let bound = fanIn > 0 ? 1 / Double(fanIn).squareRoot() : 0
    uniform_(bias, -bound, bound)
  }
}
