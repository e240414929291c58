import FirefinchCore
import Glibc

/// Windows for signals, as `torch.signal.windows`: vectors of `count` values, symmetric or, with `sym: false`, one period
/// of a periodic sequence. float32 or float64.
public enum SignalWindow {
  /// Checks, and values made from the place 0 ..< count; `one` replaces them where there is a single place.
  private static func make(
    _ name: String, _ count: Int, _ dtype: DType?, one: Double? = nil, _ check: () throws -> Void = {},
    _ value: (Double) -> Double
  ) -> Tensor {
    ErrorScope.guarding {
      let dtype = dtype ?? DType.defaultFloat
      if count < 0 { throw TensorError.value("\(name): the length must not be negative, got \(count)") }
      try Tensor.checkSizes([count], op: name)
      if dtype != .float32 && dtype != .float64 {
        throw TensorError.dtype("\(name): expected float32 or float64, got \(dtype.name)")
      }
      try check()
      if count == 1, let one { return Tensor([one], dtype: dtype) }
      return Tensor((0..<count).map { value(Double($0)) }, dtype: dtype)
    }
  }

  /// Steps in a whole period: the length of a periodic window, one less of a symmetric one.
  private static func period(_ count: Int, _ sym: Bool) -> Double { Double(sym || count <= 1 ? count - 1 : count) }

  /// A triangle. Same as `torch.signal.windows.bartlett`.
  public static func bartlett(_ count: Int, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    let n = period(count, sym)
    return make("bartlett", count, dtype, one: 1) { 1 - abs(2 * $0 / n - 1) }
  }

  /// A sum of cosines, the k-th times (-1)^k · a[k]. Same as `torch.signal.windows.general_cosine`.
  public static func generalCosine(_ count: Int, a: [Double], sym: Bool = true, dtype: DType? = nil) -> Tensor {
    let step = 2 * Double.pi / period(count, sym)
    return make(
      "generalCosine", count, dtype, one: 1,
      { if a.isEmpty && count > 1 { throw TensorError.value("generalCosine: at least one coefficient is needed") } }
    ) { place in
      var sum = 0.0
      for (k, weight) in a.enumerated() {
        let term = weight * cos(Double(k) * place * step)
        sum += k % 2 == 0 ? term : -term
      }
      return sum
    }
  }
  /// alpha - (1 - alpha) · cos. Same as `torch.signal.windows.general_hamming`.
  public static func generalHamming(_ count: Int, alpha: Double = 0.54, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    generalCosine(count, a: [alpha, 1 - alpha], sym: sym, dtype: dtype)
  }
  /// Same as `torch.signal.windows.hamming`.
  public static func hamming(_ count: Int, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    generalHamming(count, sym: sym, dtype: dtype)
  }
  /// Same as `torch.signal.windows.hann`.
  public static func hann(_ count: Int, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    generalHamming(count, alpha: 0.5, sym: sym, dtype: dtype)
  }
  /// Same as `torch.signal.windows.blackman`.
  public static func blackman(_ count: Int, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    generalCosine(count, a: [0.42, 0.5, 0.08], sym: sym, dtype: dtype)
  }
  /// Same as `torch.signal.windows.nuttall`.
  public static func nuttall(_ count: Int, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    generalCosine(count, a: [0.3635819, 0.4891775, 0.1365995, 0.0106411], sym: sym, dtype: dtype)
  }

  /// Half a sine wave. Same as `torch.signal.windows.cosine`.
  public static func cosine(_ count: Int, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    let n = Double(!sym && count > 1 ? count + 1 : count)
    return make("cosine", count, dtype) { sin(($0 + 0.5) * Double.pi / n) }
  }

  /// exp(-|i - center| / tau). Same as `torch.signal.windows.exponential`.
  public static func exponential(
    _ count: Int, center: Double? = nil, tau: Double = 1, sym: Bool = true, dtype: DType? = nil
  ) -> Tensor {
    let middle = center ?? period(count, sym) / 2
    return make(
      "exponential", count, dtype,
      {
        if !(tau > 0) { throw TensorError.value("exponential: tau must be positive, got \(tau)") }
        if sym && center != nil { throw TensorError.value("exponential: a symmetric window has no center of its own") }
      }
    ) { exp(-abs($0 - middle) / tau) }
  }

  /// exp(-((i - middle) / std)² / 2). Same as `torch.signal.windows.gaussian`.
  public static func gaussian(_ count: Int, std: Double = 1, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    let middle = period(count, sym) / 2
    return make(
      "gaussian", count, dtype,
      { if !(std > 0) { throw TensorError.value("gaussian: the standard deviation must be positive, got \(std)") } }
    ) { exp(-0.5 * ($0 - middle) * ($0 - middle) / (std * std)) }
  }

  /// Bessel functions' ratio, nearly the most concentrated window. Same as `torch.signal.windows.kaiser`.
  public static func kaiser(_ count: Int, beta: Double = 12, sym: Bool = true, dtype: DType? = nil) -> Tensor {
    let n = period(count, sym)
    return make(
      "kaiser", count, dtype, one: 1,
      { if !(beta >= 0) { throw TensorError.value("kaiser: beta must not be negative, got \(beta)") } }
    ) {
      let x = 2 * $0 / n - 1
      return besselRatio(beta * Swift.max(1 - x * x, 0).squareRoot(), beta)
    }
  }

  /// I0(a) / I0(b) for 0 <= a <= b.
  private static func besselRatio(_ a: Double, _ b: Double) -> Double {
    if b > 600 {
      // Only the first terms of the asymptotic series count, and I0(b) itself would overflow.
      func scaled(_ x: Double) -> Double {
        if x < 600 { return bessel(x) * exp(-x) }
        return (1 + 1 / (8 * x) + 9 / (128 * x * x)) / (2 * Double.pi * x).squareRoot()
      }
      return scaled(a) / scaled(b) * exp(a - b)
    }
    return bessel(a) / bessel(b)
  }

  /// The modified Bessel function I0 by its power series, whose terms are all positive.
  private static func bessel(_ x: Double) -> Double {
    let quarter = x * x / 4
    var (term, sum, k) = (1.0, 1.0, 1.0)
    while term > sum * 1e-17 {
      term *= quarter / (k * k)
      sum += term
      k += 1
    }
    return sum
  }
}

/// Windows as `torch` itself has them: periodic unless told otherwise, in any floating dtype.
extension Tensor {
  private static func window(
    _ name: String, _ dtype: DType?, _ make: (DType) -> Tensor
  ) -> Tensor {
    ErrorScope.guarding {
      let dtype = dtype ?? DType.defaultFloat
      if !dtype.isFloatingPoint { throw TensorError.dtype("\(name): expected a floating dtype, got \(dtype.name)") }
      return make(dtype == .float32 ? .float32 : .float64).to(dtype)
    }
  }

  /// Same as `torch.hann_window`.
  public static func hannWindow(_ count: Int, periodic: Bool = true, dtype: DType? = nil) -> Tensor {
    window("hannWindow", dtype) { SignalWindow.hann(count, sym: !periodic, dtype: $0) }
  }
  /// alpha - beta · cos. Same as `torch.hamming_window`.
  public static func hammingWindow(
    _ count: Int, periodic: Bool = true, alpha: Double = 0.54, beta: Double = 0.46, dtype: DType? = nil
  ) -> Tensor {
    window("hammingWindow", dtype) { SignalWindow.generalCosine(count, a: [alpha, beta], sym: !periodic, dtype: $0) }
  }
  /// Same as `torch.blackman_window`.
  public static func blackmanWindow(_ count: Int, periodic: Bool = true, dtype: DType? = nil) -> Tensor {
    window("blackmanWindow", dtype) { SignalWindow.blackman(count, sym: !periodic, dtype: $0) }
  }
  /// Same as `torch.bartlett_window`.
  public static func bartlettWindow(_ count: Int, periodic: Bool = true, dtype: DType? = nil) -> Tensor {
    window("bartlettWindow", dtype) { SignalWindow.bartlett(count, sym: !periodic, dtype: $0) }
  }
  /// Same as `torch.kaiser_window`.
  public static func kaiserWindow(
    _ count: Int, periodic: Bool = true, beta: Double = 12, dtype: DType? = nil
  ) -> Tensor {
    window("kaiserWindow", dtype) { SignalWindow.kaiser(count, beta: beta, sym: !periodic, dtype: $0) }
  }
}
