import Firefinch

extension Table {
  /// torch.fft, stft and istft.
  mutating func addFFT() {
    typealias One = (Tensor, Int?, Int, FFTNorm) -> Tensor
    let one: [(String, One)] = [
      ("fft", { FFT.fft($0, n: $1, dim: $2, norm: $3) }), ("ifft", { FFT.ifft($0, n: $1, dim: $2, norm: $3) }),
      ("rfft", { FFT.rfft($0, n: $1, dim: $2, norm: $3) }), ("irfft", { FFT.irfft($0, n: $1, dim: $2, norm: $3) }),
      ("hfft", { FFT.hfft($0, n: $1, dim: $2, norm: $3) }), ("ihfft", { FFT.ihfft($0, n: $1, dim: $2, norm: $3) }),
    ]
    for (name, function) in one {
      op("fft.\(name)(Tensor self, int? n=None, int dim=-1, str? norm=None, *, Tensor? out=None) -> Tensor") { c in
        function(try c.tensor(0), try c.optionalInt(1), try c.int(2), try FFTNorm.named(c.optionalString(3)))
      }
    }
    typealias Two = (Tensor, [Int]?, [Int], FFTNorm) -> Tensor
    let two: [(String, Two)] = [
      ("fft2", { FFT.fft2($0, s: $1, dim: $2, norm: $3) }), ("ifft2", { FFT.ifft2($0, s: $1, dim: $2, norm: $3) }),
      ("rfft2", { FFT.rfft2($0, s: $1, dim: $2, norm: $3) }), ("irfft2", { FFT.irfft2($0, s: $1, dim: $2, norm: $3) }),
      ("hfft2", { FFT.hfft2($0, s: $1, dim: $2, norm: $3) }), ("ihfft2", { FFT.ihfft2($0, s: $1, dim: $2, norm: $3) }),
    ]
    for (name, function) in two {
      op("fft.\(name)(Tensor self, int[]? s=None, int[] dim=[-2,-1], str? norm=None, *, Tensor? out=None) -> Tensor") { c in
        function(try c.tensor(0), try c.optionalInts(1), try c.ints(2), try FFTNorm.named(c.optionalString(3)))
      }
    }
    typealias Many = (Tensor, [Int]?, [Int]?, FFTNorm) -> Tensor
    let many: [(String, Many)] = [
      ("fftn", { FFT.fftn($0, s: $1, dim: $2, norm: $3) }), ("ifftn", { FFT.ifftn($0, s: $1, dim: $2, norm: $3) }),
      ("rfftn", { FFT.rfftn($0, s: $1, dim: $2, norm: $3) }), ("irfftn", { FFT.irfftn($0, s: $1, dim: $2, norm: $3) }),
      ("hfftn", { FFT.hfftn($0, s: $1, dim: $2, norm: $3) }), ("ihfftn", { FFT.ihfftn($0, s: $1, dim: $2, norm: $3) }),
    ]
    for (name, function) in many {
      op("fft.\(name)(Tensor self, int[]? s=None, int[]? dim=None, str? norm=None, *, Tensor? out=None) -> Tensor") { c in
        function(try c.tensor(0), try c.optionalInts(1), try c.optionalInts(2), try FFTNorm.named(c.optionalString(3)))
      }
    }
    op("fft.fftshift(Tensor self, int[]? dim=None) -> Tensor") { c in FFT.fftshift(try c.tensor(0), dim: try c.optionalInts(1)) }
    op("fft.ifftshift(Tensor self, int[]? dim=None) -> Tensor") { c in FFT.ifftshift(try c.tensor(0), dim: try c.optionalInts(1)) }
    let made = "*, Tensor? out=None, ScalarType? dtype=None, Any layout=None, Any device=None, bool requires_grad=False"
    op("fft.fftfreq(int n, float d=1.0, \(made)) -> Tensor") { c in
      FFT.fftfreq(try c.int(0), d: try c.double(1), dtype: try c.optionalDType(3))
    }
    op("fft.rfftfreq(int n, float d=1.0, \(made)) -> Tensor") { c in
      FFT.rfftfreq(try c.int(0), d: try c.double(1), dtype: try c.optionalDType(3))
    }
    op(
      "stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode='reflect', bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor"
    ) { c in
      guard let mode = SignalPadding(rawValue: try c.string(6)) else {
        throw TensorError.value("stft: unknown pad_mode '\(try c.string(6))'")
      }
      return try c.tensor(0).stft(
        nFFT: c.int(1), hopLength: c.optionalInt(2), winLength: c.optionalInt(3), window: c.optionalTensor(4),
        center: c.bool(5), padMode: mode, normalized: c.bool(7), onesided: c.optionalBool(8),
        returnComplex: c.optionalBool(9), alignToWindow: c.optionalBool(10))
    }
    op(
      "istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor"
    ) { c in
      try c.tensor(0).istft(
        nFFT: c.int(1), hopLength: c.optionalInt(2), winLength: c.optionalInt(3), window: c.optionalTensor(4),
        center: c.bool(5), normalized: c.bool(6), onesided: c.optionalBool(7), length: c.optionalInt(8),
        returnComplex: c.bool(9))
    }
  }
}
