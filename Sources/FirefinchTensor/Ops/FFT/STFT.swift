import FirefinchCore

/// How a signal goes on beyond its ends. Same as `pad_mode` of `torch.stft`.
public enum SignalPadding: String, Sendable {
  case constant, reflect, replicate, circular
}

/// Short-time Fourier transforms.
extension Tensor {
  /// The last dim with `amount` elements added at both ends.
  private func extended(_ amount: Int, _ mode: SignalPadding) throws -> Tensor {
    let n = size(-1)
    if dtype.isComplex {
      return try viewAsReal().transpose(-1, -2).extended(amount, mode).transpose(-1, -2).contiguous().viewAsComplex()
    }
    if amount == 0 { return self }
    if mode == .constant { return pad([amount, amount]) }
    let most = mode == .reflect ? n - 1 : mode == .circular ? n : Int.max
    if amount > most || n == 0 {
      throw TensorError.shape("stft: \(mode.rawValue) padding of \(amount) needs a longer signal, got \(n) values")
    }
    let index = (-amount..<n + amount).map { i -> Int in
      switch mode {
      case .reflect: i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i
      case .replicate: Swift.max(0, Swift.min(i, n - 1))
      default: (i + n) % n
      }
    }
    return indexSelect(dim: rank - 1, Tensor(index))
  }

  /// Frames of `size` elements along the last dim, one every `hop`.
  private func frames(_ size: Int, _ hop: Int) -> Tensor {
    if !dtype.isComplex { return unfold(dim: -1, size: size, step: hop) }
    return viewAsReal().transpose(-1, -2).unfold(dim: -1, size: size, step: hop).movedim(-3, -1).contiguous().viewAsComplex()
  }

  /// A window of `length` elements in the middle of `size`; ones without a window.
  private static func frameWindow(
    _ op: String, _ window: Tensor?, _ size: Int, _ length: Int, _ dtype: DType
  ) throws -> Tensor? {
    if let window, window.rank != 1 || window.elementCount != length {
      throw TensorError.shape("\(op): expected a window of \(length) elements, got shape \(window.shape)")
    }
    if length == size { return window }
    let left = (size - length) / 2
    return (window ?? Tensor.ones([length], dtype: dtype)).pad([left, size - length - left])
  }

  private static func checkFrames(_ op: String, _ size: Int, _ hop: Int, _ length: Int) throws {
    if hop < 1 { throw TensorError.value("\(op): the hop length must be at least 1, got \(hop)") }
    if length < 1 || length > size {
      throw TensorError.value("\(op): the window's length must be 1 to nFFT = \(size), got \(length)")
    }
  }

  /// Transforms of windowed frames of a signal (length) or (batch, length): (batch?, frequencies, frames), complex, or with
  /// a last dim of 2 when `returnComplex` is false. Same as `torch.stft`.
  ///
  /// `center` pads the signal by half a frame at both ends; `onesided` (default for real signals) keeps the frequencies
  /// 0 … nFFT / 2.
  public func stft(
    nFFT: Int, hopLength: Int? = nil, winLength: Int? = nil, window: Tensor? = nil, center: Bool = true,
    padMode: SignalPadding = .reflect, normalized: Bool = false, onesided: Bool? = nil, returnComplex: Bool? = nil,
    alignToWindow: Bool? = nil
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      let isComplex = dtype.isComplex || window?.dtype.isComplex == true
      if returnComplex == nil && !isComplex {
        throw TensorError.value("stft: returnComplex must be given for real signals; pass true")
      }
      if center && alignToWindow != nil {
        throw TensorError.value("stft: alignToWindow is only meaningful with center: false")
      }
      if !dtype.isDifferentiable { throw TensorError.dtype("stft: expected floating point or complex, got \(dtype.name)") }
      if rank < 1 || rank > 2 { throw TensorError.shape("stft: expected (length) or (batch, length), got \(shape)") }
      var signal = rank == 1 ? unsqueeze(dim: 0) : self
      if center {
        if nFFT < 1 { throw TensorError.value("stft: nFFT must be at least 1, got \(nFFT)") }
        signal = try signal.extended(nFFT / 2, padMode)
      }
      let length = signal.size(-1)
      if nFFT < 1 || nFFT > length && alignToWindow != true {
        throw TensorError.value("stft: nFFT must be 1 to the signal's \(length) values, got \(nFFT)")
      }
      let (hop, span) = (hopLength ?? nFFT / 4, winLength ?? nFFT)
      try Tensor.checkFrames("stft", nFFT, hop, span)
      let weights = try Tensor.frameWindow("stft", window, nFFT, span, dtype.realType)
      if alignToWindow == true {
        let left = (nFFT - span) / 2
        signal = signal.pad([left, nFFT - span - left])
        if signal.size(-1) < nFFT {
          throw TensorError.value("stft: the signal's \(length) values are fewer than the window's \(span)")
        }
      }
      var frames = signal.frames(nFFT, hop)
      if let weights { frames = frames * weights }
      let half = onesided ?? !isComplex
      if isComplex && half {
        throw TensorError.value("stft: a complex signal or window has no onesided result; pass onesided: false")
      }
      let norm: FFTNorm = normalized ? .ortho : .backward
      var result = half ? FFT.rfft(frames, norm: norm) : FFT.fft(frames, norm: norm)
      result = result.transpose(1, 2)
      if rank == 1 { result = result.squeeze(dim: 0) }
      return returnComplex ?? true ? result : result.viewAsReal()
    }
  }

  /// The signal whose `stft` this is, found by adding the overlapping frames and dividing by the windows' squares. Same as
  /// `torch.istft`.
  public func istft(
    nFFT: Int, hopLength: Int? = nil, winLength: Int? = nil, window: Tensor? = nil, center: Bool = true,
    normalized: Bool = false, onesided: Bool? = nil, length: Int? = nil, returnComplex: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if !dtype.isComplex { throw TensorError.dtype("istft: expected a complex tensor, got \(dtype.name)") }
      if rank < 2 || rank > 3 || elementCount == 0 {
        throw TensorError.shape("istft: expected (batch?, frequencies, frames) with elements, got \(shape)")
      }
      let (frequencies, count) = (size(-2), size(-1))
      let half = onesided ?? (frequencies != nFFT)
      if frequencies != (half ? nFFT / 2 + 1 : nFFT) {
        throw TensorError.shape(
          "istft: expected \(half ? nFFT / 2 + 1 : nFFT) frequencies for nFFT = \(nFFT), got \(frequencies)")
      }
      let (hop, span) = (hopLength ?? nFFT / 4, winLength ?? nFFT)
      try Tensor.checkFrames("istft", nFFT, hop, span)
      if hop > span { throw TensorError.value("istft: the hop length \(hop) is above the window's length \(span)") }
      if returnComplex && half { throw TensorError.value("istft: a complex result needs onesided: false") }
      if !returnComplex && window?.dtype.isComplex == true {
        throw TensorError.dtype("istft: a complex window needs returnComplex: true")
      }
      let weights =
        try Tensor.frameWindow("istft", window, nFFT, span, dtype.realType) ?? Tensor.ones([nFFT], dtype: dtype.realType)
      let norm: FFTNorm = normalized ? .ortho : .backward
      let spectrum = (rank == 2 ? unsqueeze(dim: 0) : self).transpose(1, 2)
      var frames =
        returnComplex
        ? FFT.ifft(spectrum, norm: norm)
        : FFT.irfft(spectrum.narrow(dim: 2, start: 0, length: nFFT / 2 + 1), n: nFFT, norm: norm)
      frames = frames * weights
      let full = nFFT + hop * (count - 1)
      let start = center ? nFFT / 2 : 0
      let end = length.map { start + $0 } ?? (center ? full - nFFT / 2 : full)
      let reach = Swift.min(end, full)
      if (length ?? 0) < 0 || reach <= start {
        throw TensorError.value("istft: no values lie between \(start) and \(end) of the \(full) reconstructed ones")
      }
      func cut(_ x: Tensor) -> Tensor {
        Tensor.overlapAdd(x, hop, full).narrow(dim: 1, start: start, length: reach - start)
      }
      let envelope = cut(weights.square().expand([1, count, nFFT]))
      let least = withNoGrad { (envelope.dtype.isComplex ? envelope.abs() : envelope.detach().abs()).min().doubleValue }
      if !(least >= 1e-11) {
        throw TensorError.value("istft: the overlapping windows' squares must not vanish, their least sum is \(least)")
      }
      var result = cut(frames) / envelope
      if rank == 2 { result = result.squeeze(dim: 0) }
      return end > full ? result.pad([0, end - full]) : result
    }
  }

  /// The sum of frames (batch, frames, size) laid out one every `hop` over `length` elements.
  private static func overlapAdd(_ frames: Tensor, _ hop: Int, _ length: Int) -> Tensor {
    if frames.dtype.isComplex {
      return complex(overlapAdd(frames.real, hop, length), overlapAdd(frames.imag, hop, length))
    }
    let (batch, count, size) = (frames.size(0), frames.size(1), frames.size(2))
    let index = (Tensor.arange(count).unsqueeze(dim: 1) * hop + Tensor.arange(size)).reshape([count * size])
    return Tensor.zeros([batch, length], dtype: frames.dtype)
      .indexAdd(dim: 1, index: index, frames.reshape([batch, count * size]))
  }
}
