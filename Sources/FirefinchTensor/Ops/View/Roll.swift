import FirefinchCPU
import FirefinchCore

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}

extension Op {
  /// Without dims the tensor is rolled as a vector.
  static let roll: Op = .structured(
    "roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor", saves: .nothing, complex: .native,
    plan: { call in
      let (x, shifts, dims) = (call.tensor(0), call.ints(1), call.ints(2))
      if shifts.isEmpty { throw TensorError.value("roll: expected at least one shift") }
      if dims.isEmpty ? shifts.count != 1 : shifts.count != dims.count {
        throw TensorError.value(
          "roll: expected one shift for each dim, or one without dims, got shifts \(shifts) and dims \(dims)")
      }
      if x.rank == 0 && !dims.isEmpty {
        throw TensorError.index("roll: dim \(dims[0]) is out of range for a tensor without dims")
      }
      if x.elementCount > 0 || x.rank > 0 { for dim in dims { _ = try Layout.wrap(dim: dim, rank: x.rank, op: "roll") } }
      return [TensorSpec(x.shape, x.dtype)]
    },
    forward: { call, results in
      if results[0].elementCount == 0 { return }
      let x = Indexing.memory(call.tensor(0))
      let isFlat = call.ints(2).isEmpty || x.rank == 0
      let shape: Shape = isFlat ? [x.elementCount] : x.shape
      var shifts = [Int](repeating: 0, count: shape.count)
      let dims = isFlat ? call.ints(1).map { _ in 0 } : call.ints(2)
      for (shift, dim) in zip(call.ints(1), dims) {
        let d = dim < 0 ? dim + shape.count : dim
        let n = shape[d]
        // Remainders first: sums of shifts could overflow.
        let by = (shifts[d] + shift % n) % n
        shifts[d] = by < 0 ? by + n : by
      }
      RearrangeKernel.roll(x.dtype.size, shape: shape, shifts: shifts, x: x.data, out: results[0].data)
    },
    derivative: { c in [c.grad().roll(c.ints(1).map { 0 &- $0 }, dims: c.ints(2))] },
    samples: {
      [
        Sample(.tensor(sample()), .ints([5]), .ints([])), Sample(.tensor(sample()), .ints([1]), .ints([1])),
        Sample(.tensor(sample()), .ints([-1, 4]), .ints([0, -2])), Sample(.tensor(sample()), .ints([1, 1]), .ints([2, 2])),
        Sample(.tensor(sample()), .ints([1, 2, 1]), .ints([0, 1, 2])),
        Sample(error: "roll", "one shift", arguments: [.tensor(sample()), .ints([1, 2]), .ints([0])]),
        Sample(error: "dim 3", "out of range", arguments: [.tensor(sample()), .ints([1]), .ints([3])]),
      ]
    })
}

extension Tensor {
  /// A copy with elements moved by `shifts` places along `dims`, those pushed out coming in at the other end; one shift and
  /// no dims roll the flattened tensor. Same as `torch.roll`.
  public func roll(_ shifts: [Int], dims: [Int]) -> Tensor { Op.roll(.tensor(self), .ints(shifts), .ints(dims)) }
  /// A copy with elements moved by `shift` places along `dim`, or in the flattened tensor. Same as `torch.roll`.
  public func roll(_ shift: Int, dim: Int? = nil) -> Tensor { roll([shift], dims: dim.map { [$0] } ?? []) }
}
