import Firefinch

/// Elementwise comparison for tests.
public enum Compare {
  /// The worst element by which `got` leaves `|got - want| <= atol + rtol * |want|`, as one sentence, or nil when all are
  /// within. NaN equals NaN; infinities must be equal; shapes and dtypes must agree.
  public static func difference(
    _ got: Tensor, _ want: Tensor, rtol: Double = 1e-5, atol: Double = 1e-6, checkDType: Bool = true
  ) -> String? {
    if got.shape != want.shape { return "shape \(got.shape), expected \(want.shape)" }
    if checkDType && got.dtype != want.dtype { return "dtype \(got.dtype.name), expected \(want.dtype.name)" }
    let a = got.detach().to(.float64).contiguous().array(Double.self)
    let b = want.detach().to(.float64).contiguous().array(Double.self)
    return difference(a, b, rtol: rtol, atol: atol)
  }

  /// As `difference` of tensors, for plain numbers.
  public static func difference(_ got: [Double], _ want: [Double], rtol: Double = 1e-5, atol: Double = 1e-6) -> String?
  {
    if got.count != want.count { return "\(got.count) elements, expected \(want.count)" }
    var worst: (index: Int, excess: Double)?
    for (i, (x, y)) in zip(got, want).enumerated() {
      if x.isNaN && y.isNaN || x == y { continue }
      let excess = abs(x - y) - (atol + rtol * abs(y))
      if !(excess <= 0), !(excess <= worst?.excess ?? -1) { worst = (i, excess.isNaN ? .infinity : excess) }
    }
    guard let worst else { return nil }
    return "element \(worst.index) is \(got[worst.index]), expected \(want[worst.index]) (rtol \(rtol), atol \(atol))"
  }
}

/// Every way in which the same elements may lie in memory, as swift-collections tests its layouts.
public enum EveryLayout {
  /// Tensors equal to `tensor` element by element: contiguous, transposed storage, a slice with steps and offset, an
  /// expanded copy where the tensor is constant along a dim.
  public static func of(_ tensor: Tensor) -> [(name: String, tensor: Tensor)] {
    var result = [("contiguous", tensor.clone().contiguous())]
    if tensor.rank >= 2 {
      result.append(("transposed", tensor.transpose(0, tensor.rank - 1).contiguous().transpose(0, tensor.rank - 1)))
    }
    if tensor.rank >= 1 {
      var padded = tensor.shape
      padded[tensor.rank - 1] = padded[tensor.rank - 1] * 2 + 1
      let host = Tensor.zeros(padded, dtype: tensor.dtype)
      let window = host.slice(dim: -1, start: 1, step: 2)
      withNoGrad { _ = window.copy_(tensor) }
      result.append(("strided", window))
    }
    return result
  }
}
