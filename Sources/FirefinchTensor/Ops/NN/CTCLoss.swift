import FirefinchCore

/// Connectionist temporal classification: Graves et al., "Connectionist temporal classification" (2006).
private enum CTC {
  /// Negative log-likelihoods (N) of the targets, by the forward recursion over the extended labels (blanks between all).
  static func losses(
    _ logs: Tensor, _ labels: Tensor, _ canSkip: Tensor, _ inputLengths: [Int], _ targetLengths: [Int]
  ) -> Tensor {
    let (time, batch, width) = (logs.size(0), logs.size(1), labels.size(1))
    let never = -Double.infinity
    let index = labels.unsqueeze(dim: 0).expand([time, batch, width])
    let emitted = logs.gather(dim: 2, index: index)
    let place = Tensor.arange(width).unsqueeze(dim: 0)
    let ends = Tensor(targetLengths.map { 2 * $0 }).unsqueeze(dim: 1)
    var alpha = Tensor.where((place .< 2).logicalAnd(place .<= ends), emitted.select(dim: 0, 0), never)
    var steps = [alpha]
    for t in 1..<Swift.max(time, 1) {
      let one = alpha.pad([1, -1], value: never)
      let two = Tensor.where(canSkip, alpha.pad([2, -2], value: never), never)
      let joined = Tensor.stack([alpha, one, two], dim: 0)
      // Where all are impossible the sum is, too, and has no gradient.
      let isDead = joined.detach().amax(dim: [0]) .== never
      let safe = Tensor.where(isDead.unsqueeze(dim: 0), 0, joined).logsumexp(dim: 0)
      alpha = Tensor.where(isDead, never, safe + emitted.select(dim: 0, t))
      steps.append(alpha)
    }
    // Each sample's last step, and there the last label or the blank behind it.
    let all = Tensor.stack(steps, dim: 1)
    let last = Tensor(inputLengths.map { Swift.max($0 - 1, 0) }).reshape([batch, 1, 1]).expand([batch, 1, width])
    let final = all.gather(dim: 1, index: last).squeeze(dim: 1)
    let blank = final.gather(dim: 1, index: ends)
    let label = Tensor.where(ends .> 0, final.gather(dim: 1, index: (ends - 1).clamp(min: 0)), never)
    let both = Tensor.cat([blank, label], dim: 1)
    let isDead = both.detach().amax(dim: [1]) .== never
    return Tensor.where(isDead, Double.infinity, -Tensor.where(isDead.unsqueeze(dim: 1), 0, both).logsumexp(dim: 1))
  }
}

private func sample() -> [Value] {
  let logs = Tensor((0..<24).map { Double(($0 * 7 + 3) % 11) * 0.2 }, shape: [4, 2, 3], dtype: .float64).logSoftmax(dim: 2)
  return [.tensor(logs), .tensor(Tensor([1, 2, 2, 2], shape: [2, 2])), .ints([4, 3]), .ints([2, 1]), .int(0), .bool(false)]
}

extension Op {
  /// Losses of the samples. The gradient is that with respect to logits before a log-softmax, as PyTorch has it.
  static let ctcLoss: Op = .structured(
    "_ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, bool zero_infinity=False) -> Tensor",
    saves: Op.Saves(inputs: nil, outputs: [0]),
    plan: { call in
      let (logs, targets) = (call.tensor(0), call.tensor(1))
      if logs.rank != 3 || !logs.dtype.isFloatingPoint {
        throw TensorError.shape("ctcLoss: expected log-probabilities (T, N, C), got \(logs.dtype.name) of shape \(logs.shape)")
      }
      let (inputs, lengths) = (call.ints(2), call.ints(3))
      if inputs.count != logs.size(1) || lengths.count != logs.size(1) {
        throw TensorError.shape("ctcLoss: \(inputs.count) input and \(lengths.count) target lengths for \(logs.size(1)) samples")
      }
      if call.int(4) < 0 || call.int(4) >= logs.size(2) {
        throw TensorError.value("ctcLoss: blank \(call.int(4)) is no class of \(logs.size(2))")
      }
      if let bad = inputs.first(where: { $0 < 0 || $0 > logs.size(0) }) {
        throw TensorError.value("ctcLoss: input length \(bad) is not within 0...\(logs.size(0))")
      }
      let room = targets.rank == 2 ? targets.size(1) : targets.elementCount
      if lengths.contains(where: { $0 < 0 || $0 > room }) || targets.rank == 1 && lengths.reduce(0, +) > room {
        throw TensorError.value("ctcLoss: target lengths \(lengths) do not fit targets of shape \(targets.shape)")
      }
      if !targets.dtype.isInteger { throw TensorError.dtype("ctcLoss: expected integer targets, got \(targets.dtype.name)") }
      return [TensorSpec([logs.size(1)], logs.dtype)]
    },
    forward: { call, results in
      results[0].copyData(from: try Op.ctc(call, call.tensor(0).detach(), record: false).losses)
    },
    derivative: { c in
      // Posterior probabilities by differentiating the recursion; the rest of log-softmax's gradient beside them.
      let logs = c.input(0).detach().to(c.input(0).dtype == .float64 ? .float64 : .float32)
      let made = withGrad { try? Op.ctc(c.call, logs.requiresGrad_(), record: true) }
      guard let made, let slope = grad(of: [made.losses], wrt: [logs], gradients: [made.losses.onesLike()], allowUnused: true)[0]
      else { return [nil, nil] }
      let inputs = Tensor(c.call.ints(2)).unsqueeze(dim: 0)
      let isInside = (Tensor.arange(logs.size(0)).unsqueeze(dim: 1) .< inputs).unsqueeze(dim: 2)
      var result = Tensor.where(isInside, logs.detach().exp() + slope, 0)
      let isDead = c.output().detach().isInf()
      result = Tensor.where(isDead.reshape([1, -1, 1]), c.bool(5) ? 0 : Double.nan, result)
      if c.bool(5) { result = Tensor.where(made.isImpossible.reshape([1, -1, 1]), 0, result) }
      return [result * c.grad().reshape([1, -1, 1]), nil]
    },
    samples: {
      let logits = (0..<24).map { (i: Int) -> Double in Double((i * 7 + 3) % 11) * 0.25 - 1 }
      let logs = Tensor(logits, shape: [4, 2, 3], dtype: .float64).logSoftmax(dim: 2)
      let targets = Tensor([1, 2, 2, 1], shape: [2, 2])
      return [
        Sample(.tensor(logs), .tensor(targets), .ints([4, 3]), .ints([2, 1]), .int(0), .bool(false), gradient: false),
        Sample(error: "blank", arguments: [.tensor(logs), .tensor(targets), .ints([4, 3]), .ints([2, 1]), .int(3)]),
      ]
    })

  private static func ctc(_ call: OpCall, _ logs: Tensor, record: Bool) throws -> (losses: Tensor, isImpossible: Tensor) {
    let (targets, inputs, lengths, blank) = (call.tensor(1), call.ints(2), call.ints(3), call.int(4))
    let all = targets.to(.int64).array(Int.self)
    let batch = logs.size(1), longest = lengths.max() ?? 0
    let width = 2 * longest + 1
    var labels = [Int](repeating: blank, count: batch * width)
    var skips = [Bool](repeating: false, count: batch * width)
    var start = 0
    for n in 0..<batch {
      let base = targets.rank == 2 ? n * targets.size(1) : start
      for s in 0..<lengths[n] {
        let label = all[base + s]
        if label < 0 || label >= logs.size(2) { throw TensorError.index("ctcLoss: target \(label) is no class of \(logs.size(2))") }
        labels[n * width + 2 * s + 1] = label
        skips[n * width + 2 * s + 1] = s > 0 && all[base + s - 1] != label
      }
      start += lengths[n]
    }
    let wide = logs.dtype == .float64 || logs.dtype == .float32 ? logs : logs.to(.float32)
    var losses = CTC.losses(
      wide, Tensor(labels, shape: [batch, width]), Tensor(skips, shape: [batch, width]), inputs, lengths)
    // Of nothing only nothing can be read.
    let isEmpty = Tensor(inputs) .== 0
    if inputs.contains(0) { losses = Tensor.where(isEmpty, Tensor.where(Tensor(lengths) .== 0, 0, Tensor.full([batch], Double.infinity, dtype: losses.dtype)), losses) }
    let isImpossible = losses.detach().isInf()
    if call.bool(5) { losses = Tensor.where(isImpossible, 0, losses) }
    return (losses, isImpossible)
  }
}

extension Tensor {
  /// Connectionist temporal classification of log-probabilities (T, N, C) or (T, C) against targets (N, S), or all targets
  /// one after another, with the lengths of both. A mean is over the targets' lengths, then over the samples. Same as
  /// `F.ctc_loss`.
  public func ctcLoss(
    _ targets: Tensor, inputLengths: [Int], targetLengths: [Int], blank: Int = 0, reduction: Reduction = .mean,
    zeroInfinity: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || targets.isPoisoned { return ErrorScope.poison() }
      let isSingle = rank == 2
      let losses = try Op.ctcLoss.call([
        .tensor(isSingle ? unsqueeze(dim: 1) : self), .tensor(targets), .ints(inputLengths), .ints(targetLengths),
        .int(blank), .bool(zeroInfinity),
      ])[0]
      switch reduction {
      case .none: return isSingle ? losses.squeeze(dim: 0) : losses
      case .sum: return losses.sum()
      case .mean: return (losses / Tensor(targetLengths.map { Swift.max($0, 1) }).to(losses.dtype)).mean()
      }
    }
  }
}
