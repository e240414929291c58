import Firefinch

extension Table {
  /// What every factory takes besides its own arguments; `out` is number 0 of them, `dtype` number 1.
  private static let made =
    "*, Tensor? out=None, ScalarType? dtype=None, Any layout=None, Any device=None, Any pin_memory=None, bool requires_grad=False, Any memory_format=None, Any names=None"

  /// Tensors made of nothing, and windows.
  mutating func addCreation() {
    let made = Table.made
    op("arange(Scalar end, \(made)) -> Tensor") { c in
      try c.written(1, Tensor.arange(.int(0), to: c.scalar(0), step: .int(1), dtype: c.rangeDType(1)))
    }
    op("arange(Scalar start, Scalar end, Scalar step=1, \(made)) -> Tensor") { c in
      try c.written(3, Tensor.arange(c.scalar(0), to: c.scalar(1), step: c.scalar(2), dtype: c.rangeDType(3)))
    }
    op("linspace(Scalar start, Scalar end, int steps, \(made)) -> Tensor") { c in
      try c.written(3, Tensor.linspace(c.scalar(0), c.scalar(1), c.int(2), dtype: c.rangeDType(3)))
    }
    op("logspace(Scalar start, Scalar end, int steps, float base=10.0, \(made)) -> Tensor") { c in
      try c.written(
        4, Tensor.logspace(c.scalar(0), c.scalar(1), c.int(2), base: c.double(3), dtype: c.rangeDType(4)))
    }
    op("eye(int n, \(made)) -> Tensor") { c in try c.written(1, Tensor.eye(c.int(0), dtype: c.optionalDType(2))) }
    op("eye(int n, int m, \(made)) -> Tensor") { c in
      try c.written(2, Tensor.eye(c.int(0), c.int(1), dtype: c.optionalDType(3)))
    }
    op("empty(int[] size, \(made)) -> Tensor") { c in try c.written(1, Tensor.empty(c.shape(0), dtype: c.optionalDType(2))) }
    op("zeros(int[] size, \(made)) -> Tensor") { c in try c.written(1, Tensor.zeros(c.shape(0), dtype: c.optionalDType(2))) }
    op("ones(int[] size, \(made)) -> Tensor") { c in try c.written(1, Tensor.ones(c.shape(0), dtype: c.optionalDType(2))) }
    op("full(int[] size, Scalar fill_value, \(made)) -> Tensor") { c in
      try c.written(2, Tensor.full(c.shape(0), c.scalar(1), dtype: c.optionalDType(3)))
    }
    op("scalar_tensor(Scalar s, \(made)) -> Tensor") { c in Tensor.scalarTensor(try c.scalar(0), dtype: try c.optionalDType(2)) }
    op("empty_permuted(int[] size, int[] physical_layout, \(made)) -> Tensor") { c in
      Tensor.emptyPermuted(try c.shape(0), physical: try c.ints(1), dtype: try c.optionalDType(3))
    }
    op("empty_strided(int[] size, int[] stride, \(made)) -> Tensor") { c in
      Tensor.emptyStrided(try c.shape(0), strides: try c.shape(1), dtype: try c.optionalDType(3))
    }
    op("empty_like(Tensor self, \(made)) -> Tensor") { c in try c.tensor(0).emptyLike(dtype: c.optionalDType(2)) }
    op("zeros_like(Tensor self, \(made)) -> Tensor") { c in try c.tensor(0).zerosLike(dtype: c.optionalDType(2)) }
    op("ones_like(Tensor self, \(made)) -> Tensor") { c in try c.tensor(0).onesLike(dtype: c.optionalDType(2)) }
    op("full_like(Tensor self, Scalar fill_value, \(made)) -> Tensor") { c in
      try c.tensor(0).fullLike(c.scalar(1), dtype: c.optionalDType(3))
    }
    op("new_empty(Tensor self, int[] size, \(made)) -> Tensor") { c in
      try c.tensor(0).newEmpty(c.shape(1), dtype: c.optionalDType(3))
    }
    op("new_zeros(Tensor self, int[] size, \(made)) -> Tensor") { c in
      try c.tensor(0).newZeros(c.shape(1), dtype: c.optionalDType(3))
    }
    op("new_ones(Tensor self, int[] size, \(made)) -> Tensor") { c in
      try c.tensor(0).newOnes(c.shape(1), dtype: c.optionalDType(3))
    }
    op("new_full(Tensor self, int[] size, Scalar fill_value, \(made)) -> Tensor") { c in
      try c.tensor(0).newFull(c.shape(1), c.scalar(2), dtype: c.optionalDType(4))
    }
    op("new_empty_strided(Tensor self, int[] size, int[] stride, \(made)) -> Tensor") { c in
      try c.tensor(0).newEmptyStrided(c.shape(1), strides: c.shape(2), dtype: c.optionalDType(4))
    }
    op("zero_(Tensor self) -> Tensor") { c in try c.tensor(0).clone().zero_() }
    op("polar(Tensor abs, Tensor angle, *, Tensor? out=None) -> Tensor") { c in
      try c.written(2, Tensor.polar(c.tensor(0), c.tensor(1)))
    }
    op("complex(Tensor real, Tensor imag, *, Tensor? out=None) -> Tensor") { c in
      try c.written(2, Tensor.complex(c.tensor(0), c.tensor(1)))
    }
    addWindows()
  }

  private mutating func addWindows() {
    let end = "*, bool sym=True, ScalarType? dtype=None, str layout='strided', Any device=None, bool requires_grad=False"
    func window(_ name: String, _ parameters: String, _ body: @escaping (Call, Int, Bool, DType?) throws -> Tensor) {
      let count = parameters.isEmpty ? 0 : parameters.split(separator: ",").count
      let middle = parameters.isEmpty ? "" : ", " + parameters
      op("signal.windows.\(name)(int M, *\(middle)\(end.dropFirst())) -> Tensor") { c in
        if case .layout(let layout) = c.argument(count + 3), layout != "strided" {
          throw TensorError.value("\(name): only strided tensors are supported, got \(layout)")
        }
        return try body(c, c.int(0), c.bool(count + 1), c.optionalDType(count + 2))
      }
    }
    window("bartlett", "") { _, n, sym, dtype in SignalWindow.bartlett(n, sym: sym, dtype: dtype) }
    window("blackman", "") { _, n, sym, dtype in SignalWindow.blackman(n, sym: sym, dtype: dtype) }
    window("cosine", "") { _, n, sym, dtype in SignalWindow.cosine(n, sym: sym, dtype: dtype) }
    window("hamming", "") { _, n, sym, dtype in SignalWindow.hamming(n, sym: sym, dtype: dtype) }
    window("hann", "") { _, n, sym, dtype in SignalWindow.hann(n, sym: sym, dtype: dtype) }
    window("nuttall", "") { _, n, sym, dtype in SignalWindow.nuttall(n, sym: sym, dtype: dtype) }
    window("exponential", "float? center=None, float tau=1.0") { c, n, sym, dtype in
      SignalWindow.exponential(n, center: try c.optionalDouble(1), tau: try c.double(2), sym: sym, dtype: dtype)
    }
    window("gaussian", "float std=1.0") { c, n, sym, dtype in
      SignalWindow.gaussian(n, std: try c.double(1), sym: sym, dtype: dtype)
    }
    window("kaiser", "float beta=12.0") { c, n, sym, dtype in
      SignalWindow.kaiser(n, beta: try c.double(1), sym: sym, dtype: dtype)
    }
    window("general_hamming", "float alpha=0.54") { c, n, sym, dtype in
      SignalWindow.generalHamming(n, alpha: try c.double(1), sym: sym, dtype: dtype)
    }
    window("general_cosine", "Any a") { c, n, sym, dtype in
      guard c.argument(1).elements != nil else { throw TensorError.value("generalCosine: the coefficients must be a list") }
      return SignalWindow.generalCosine(n, a: try c.doubles(1), sym: sym, dtype: dtype)
    }
    let made = Table.made
    op("hann_window(int window_length, bool periodic=True, \(made)) -> Tensor") { c in
      Tensor.hannWindow(try c.int(0), periodic: try c.bool(1), dtype: try c.optionalDType(3))
    }
    op("hamming_window(int window_length, bool periodic=True, float alpha=0.54, float beta=0.46, \(made)) -> Tensor") { c in
      Tensor.hammingWindow(
        try c.int(0), periodic: try c.bool(1), alpha: try c.double(2), beta: try c.double(3), dtype: try c.optionalDType(5))
    }
    op("blackman_window(int window_length, bool periodic=True, \(made)) -> Tensor") { c in
      Tensor.blackmanWindow(try c.int(0), periodic: try c.bool(1), dtype: try c.optionalDType(3))
    }
    op("bartlett_window(int window_length, bool periodic=True, \(made)) -> Tensor") { c in
      Tensor.bartlettWindow(try c.int(0), periodic: try c.bool(1), dtype: try c.optionalDType(3))
    }
    op("kaiser_window(int window_length, bool periodic=True, float beta=12.0, \(made)) -> Tensor") { c in
      Tensor.kaiserWindow(try c.int(0), periodic: try c.bool(1), beta: try c.double(2), dtype: try c.optionalDType(4))
    }
  }
}

extension Call {
  /// The result, checked against `out=` (argument `index`) where that is given.
  func written(_ index: Int, _ result: Tensor) throws -> Tensor {
    guard let out = try optionalTensor(index) else { return result }
    if result.dtype.category > out.dtype.category || (out.dtype != result.dtype && result.dtype.isComplex) {
      throw TensorError.dtype("\(name): a \(result.dtype.name) result cannot be written to out of \(out.dtype.name)")
    }
    if out.elementCount == 0 && result.elementCount != 0 { return result.to(out.dtype) }
    return out.copy_(result)
  }

  /// The dtype of a range that may go to `out`, whose dtype then counts.
  func rangeDType(_ index: Int) throws -> DType? { try optionalDType(index + 1) ?? optionalTensor(index)?.dtype }
}
