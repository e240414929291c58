import FirefinchCore

private func sample() -> Tensor { Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5], shape: [2, 3], dtype: .float64) }

extension Op {
  /// Amounts are PyTorch's: before and after for the last dim, then the one before it. Negative amounts cut.
  static let constantPad = Op.structured(
    "constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor", saves: .nothing, complex: .native,
    plan: { call in
      let x = call.tensor(0)
      let pad = call.ints(1)
      if pad.count % 2 != 0 || pad.count / 2 > x.rank {
        throw TensorError.value("pad: \(pad) needs two numbers a dim, for at most the \(x.rank) dims of \(x.shape)")
      }
      var shape = x.shape
      for i in 0..<pad.count / 2 {
        let dim = x.rank - 1 - i
        let (before, after) = (pad[2 * i], pad[2 * i + 1])
        if Swift.max(before, after) > Tensor.elementLimit {
          throw TensorError.value("pad: \(pad) makes dim \(dim) of \(x.shape) too large")
        }
        // One side may not cut more than there is, even if the other adds more.
        let left = Swift.max(shape[dim] &+ Swift.min(before, 0), -1) &+ Swift.min(after, 0)
        if Swift.min(before, after) < -Tensor.elementLimit || left < 0 {
          throw TensorError.value("pad: \(pad) cuts more than the \(shape[dim]) elements of dim \(dim) of \(x.shape)")
        }
        shape[dim] += before + after
      }
      try Tensor.checkSizes(shape, op: "pad")
      let format = x.layout.suggestedFormat
      return [TensorSpec(layout: try Layout(contiguous: shape).dense(in: format, op: "pad"), dtype: x.dtype)]
    },
    forward: { call, results in
      results[0].fillData(call.scalar(2))
      var (from, to) = (call.tensor(0).layout, results[0].layout)
      for (i, pad) in call.ints(1).enumerated() {
        let dim = from.rank - 1 - i / 2
        let cut = Swift.max(-pad, 0), room = Swift.max(pad, 0)
        let isBefore = i % 2 == 0
        from = from.sliced(dim: dim, start: isBefore ? cut : 0, end: from.shape[dim] - (isBefore ? 0 : cut), step: 1)
        to = to.sliced(dim: dim, start: isBefore ? room : 0, end: to.shape[dim] - (isBefore ? 0 : room), step: 1)
      }
      results[0].alias(layout: to).copyData(from: call.tensor(0).alias(layout: from))
    },
    derivative: { c in [c.grad().pad(c.ints(1).map { -$0 })] },
    samples: {
      [
        Sample(.tensor(sample()), .ints([1, 2])), Sample(.tensor(sample()), .ints([1, 0, 0, 1]), .double(0.5)),
        Sample(.tensor(sample()), .ints([-1, 1])),
        Sample(error: "pad", arguments: [.tensor(sample()), .ints([1])]),
      ]
    })
}

extension Tensor {
  /// Elements added around (or cut, where negative): before and after for the last dim, then the one before it.
  /// Same as `F.pad(mode='constant')`.
  public func pad(_ amounts: [Int], value: some ScalarConvertible = 0) -> Tensor {
    Op.constantPad(.tensor(self), .ints(amounts), .scalar(value.scalar))
  }
}
