import FirefinchCore
import FirefinchCPU

private func sample(_ shape: Shape, _ seed: Int) -> Tensor {
  let values = (0..<shape.elementCount).map { i in Double((i * 37 + seed * 11) % 23) / 11 - 1 }
  return Tensor(values, dtype: .float64).reshape(shape)
}

/// Scaled dot-product attention of (N, H, L, E) queries with (N, H or fewer, S, E) keys and (…, S, Ev) values.
package enum Attention {
  static let name = "scaledDotProductAttention"

  /// The scores' factor when none is given.
  static func scale(_ given: Double?, _ query: Tensor) -> Double { given ?? 1 / Double(query.size(-1)).squareRoot() }

  /// Attention as a chain of differentiable operations: the oracle of the kernel, and what serves the cases that it does
  /// not: dropout, gradients of gradients, a mask that learns.
  package static func composite(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, mask: Tensor?, dropoutP: Double, isCausal: Bool, scale: Double?
  ) -> Tensor {
    let weights = weights(query, key, mask: mask, isCausal: isCausal, scale: scale)
    let dropped = dropoutP > 0 ? weights.dropout(dropoutP) : weights
    return dropped.matmul(shared(value, query))
  }

  /// Softmax of the scores, with zeros in rows that may attend to nothing.
  static func weights(_ query: Tensor, _ key: Tensor, mask: Tensor?, isCausal: Bool, scale: Double?) -> Tensor {
    var scores = (query * Attention.scale(scale, query)).matmul(shared(key, query).mT)
    if isCausal {
      let allowed = Tensor.arange(query.size(-2)).unsqueeze(dim: 1) .>= Tensor.arange(key.size(-2))
      scores = Tensor.where(allowed, scores, -Double.infinity)
    } else if let mask {
      scores = mask.dtype == .bool ? Tensor.where(mask, scores, -Double.infinity) : scores + mask
    }
    if mask == nil { return scores.softmax(dim: -1) }
    // A row that may attend to nothing gives 0 and passes no gradient on, as in PyTorch.
    let hidden = scores.detach() .== -Double.infinity
    let safe = Tensor.where(hidden.all(dim: -1, keepDim: true), 0, scores)
    return Tensor.where(hidden, 0, safe.softmax(dim: -1))
  }

  /// Keys or values with each head repeated for the query heads that share it.
  private static func shared(_ x: Tensor, _ query: Tensor) -> Tensor {
    guard x.rank >= 3, query.rank == x.rank, x.size(-3) != query.size(-3), x.size(-3) > 1 else { return x }
    let group = query.size(-3) / x.size(-3)
    let (lead, tail) = (x.shape.array.dropLast(2), x.shape.array.suffix(2))
    return x.unsqueeze(dim: -3).expand(Shape(lead + [group] + tail)).reshape(
      Shape(lead.dropLast() + [query.size(-3)] + tail))
  }

  /// Gradients of query, key, value and mask written with differentiable operations.
  static func derivative(_ c: Gradient) -> [Tensor?] {
    let (q, k, v, g) = (c.input(0), c.input(1), c.input(2), c.grad())
    let mask = c.optionalInput(5)
    let scale = Attention.scale(c.call.optionalDouble(6), q)
    let weights = weights(q, k, mask: mask, isCausal: c.bool(4), scale: scale)
    let (keys, values) = (shared(k, q), shared(v, q))
    let inner = g.matmul(values.mT)
    let scores = weights * (inner - (inner * weights).sum(dim: -1, keepDim: true))
    func joined(_ gradient: Tensor, _ like: Tensor) -> Tensor {
      if like.size(1) == q.size(1) { return gradient }
      return gradient.reshape([like.size(0), like.size(1), -1, like.size(2), like.size(3)]).sum(dim: 2)
    }
    return [
      c.needs(0) ? scores.matmul(keys) * scale : nil, c.needs(1) ? joined(scores.mT.matmul(q) * scale, k) : nil,
      c.needs(2) ? joined(weights.mT.matmul(g), v) : nil, c.needs(3) ? scores : nil,
    ]
  }

  // MARK: The kernel

  /// In the kernel's dtype, without history, the last dim's stride 1.
  private static func readable(_ x: Tensor, _ dtype: DType) -> Tensor {
    let y = withNoGrad { x.detach().to(dtype) }
    return y.size(-1) <= 1 || y.strides[y.rank - 1] == 1 ? y : y.contiguous()
  }

  private static func operand(_ x: Tensor) -> AttentionOperand {
    AttentionOperand(x.data, batchStride: x.strides[0], headStride: x.strides[1], positionStride: x.strides[2])
  }

  /// Layout of (N, H, L, E) in the memory order N, L, H, E: joining the heads afterwards is free, as in PyTorch.
  static func joinable(_ shape: Shape) -> Layout {
    var layout = Layout(contiguous: [shape[0], shape[2], shape[1], shape[3]])
    layout.shape = shape
    layout.strides.swapAt(1, 2)
    return layout
  }

  private static func kernel(
    _ dtype: DType, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?, causal: Bool, scale: Double, out: Tensor,
    logSum: Tensor
  ) throws -> AttentionKernel {
    let expanded = try mask.map { try $0.layout.expanded(to: [q.size(0), q.size(1), q.size(2), k.size(2)], op: name) }
    return AttentionKernel(
      dtype, batch: q.size(0), heads: q.size(1), group: q.size(1) / Swift.max(k.size(1), 1), queries: q.size(2),
      keys: k.size(2), size: q.size(3), valueSize: v.size(3), scale: scale, isCausal: causal, q: operand(q),
      k: operand(k), v: operand(v),
      mask: mask.map { AttentionMask($0.data, isBool: $0.dtype == .bool, strides: expanded!.strides.array) },
      out: operand(out), logSum: logSum.data)
  }

  static func forward(_ call: OpCall, _ results: [Tensor]) throws {
    let (out, logSum) = (results[0], results[1])
    if out.elementCount == 0 && logSum.elementCount == 0 { return }
    let dtype: DType = out.dtype == .float64 ? .float64 : .float32
    let (q, k, v) = (readable(call.tensor(0), dtype), readable(call.tensor(1), dtype), readable(call.tensor(2), dtype))
    let mask = call.optionalTensor(5).map { $0.dtype == .bool ? $0 : $0.detach().to(dtype) }
    let target = out.dtype == dtype ? out : Tensor(uninitialised: TensorSpec(layout: out.layout, dtype: dtype), device: .cpu)
    try kernel(
      dtype, q, k, v, mask, causal: call.bool(4), scale: scale(call.optionalDouble(6), q), out: target, logSum: logSum
    ).forward()
    if target !== out { out.copyData(from: target) }
  }

  /// Gradients of query, key and value by blocks.
  static func backward(_ c: Gradient) -> [Tensor?] {
    let dtype: DType = c.dtype(0) == .float64 ? .float64 : .float32
    let (q, k, v) = (readable(c.input(0), dtype), readable(c.input(1), dtype), readable(c.input(2), dtype))
    let (out, g, logSum) = (readable(c.output(0), dtype), readable(c.grad(), dtype), c.output(1))
    let mask = c.optionalInput(5).map { $0.dtype == .bool ? $0 : $0.detach().to(dtype) }
    func target(_ index: Int, _ x: Tensor) -> Tensor? {
      if !c.needs(index) { return nil }
      return Tensor(uninitialised: TensorSpec(layout: joinable(x.shape), dtype: dtype), device: .cpu)
    }
    let (gq, gk, gv) = (target(0, q), target(1, k), target(2, v))
    if out.elementCount == 0 || k.elementCount == 0 {
      for gradient in [gq, gk, gv] { gradient?.fill_(0) }
    } else if var kernel = try? kernel(
      dtype, q, k, v, mask, causal: c.bool(4), scale: scale(c.call.optionalDouble(6), q), out: out, logSum: logSum)
    {
      kernel.backward(gradient: operand(g), q: gq.map(operand), k: gk.map(operand), v: gv.map(operand))
    }
    return [gq, gk, gv]
  }

  /// Checks a call of the record and gives its results' shapes.
  static func plan(_ call: OpCall) throws -> [TensorSpec] {
    let (q, k, v) = (call.tensor(0), call.tensor(1), call.tensor(2))
    guard q.rank == 4, k.rank == 4, v.rank == 4, q.size(0) == k.size(0), k.size(0) == v.size(0), k.size(1) == v.size(1),
      q.size(3) == k.size(3), k.size(2) == v.size(2), q.size(1) == k.size(1) || q.size(1) % Swift.max(k.size(1), 1) == 0
    else {
      throw TensorError.shape(
        "\(name): query \(q.shape), key \(k.shape) and value \(v.shape) do not fit together; expected (N, H, L, E), "
          + "(N, H, S, E) and (N, H, S, Ev)")
    }
    if !q.dtype.isFloatingPoint || k.dtype != q.dtype || v.dtype != q.dtype {
      throw TensorError.dtype(
        "\(name): expected query, key and value of one floating-point dtype, got \(q.dtype.name), \(k.dtype.name) and "
          + "\(v.dtype.name)")
    }
    if call.double(3) != 0 { throw TensorError.value("\(name): this kernel has no dropout") }
    if let mask = call.optionalTensor(5) {
      if call.bool(4) { throw TensorError.value("\(name): give a mask or isCausal, not both") }
      if mask.dtype != .bool && !mask.dtype.isFloatingPoint {
        throw TensorError.dtype("\(name): expected a mask of bool or floating point, got \(mask.dtype.name)")
      }
      _ = try mask.layout.expanded(to: [q.size(0), q.size(1), q.size(2), k.size(2)], op: name)
    }
    let out: Shape = [q.size(0), q.size(1), q.size(2), v.size(3)]
    let sums = TensorSpec([q.size(0), q.size(1), q.size(2)], q.dtype == .float64 ? .float64 : .float32)
    return [TensorSpec(layout: joinable(out), dtype: q.dtype), sums]
  }
}

extension Op {
  /// Results: the attended values (N, H, L, Ev), and the logarithm of each row's sum of exponentials (N, H, L), which is 0
  /// for a row that may attend to nothing. Key and value may have fewer heads, each serving a run of query heads.
  static let attention = Op.structured(
    "_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0.0, bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor output, Tensor logsumexp)",
    saves: Op.Saves(inputs: [0, 1, 2, 5], outputs: [0, 1]), differentiableResults: 1,
    plan: { try Attention.plan($0) }, forward: { try Attention.forward($0, $1) },
    derivative: { c in
      if GradMode.isEnabled || c.needs(3) || c.grad().device != .cpu { return Attention.derivative(c) }
      return Attention.backward(c)
    },
    samples: {
      let (q, k, v) = (sample([1, 1, 3, 2], 1), sample([1, 1, 4, 2], 2), sample([1, 1, 4, 2], 3))
      func call(_ q: Tensor, _ k: Tensor, _ v: Tensor, causal: Bool = false, mask: Tensor? = nil) -> [Value] {
        [.tensor(q), .tensor(k), .tensor(v), .double(0), .bool(causal), Value(mask), .none]
      }
      func good(_ values: [Value]) -> Sample {
        Sample(values[0], values[1], values[2], values[3], values[4], values[5], values[6])
      }
      let allowed = Tensor([true, false, true, true, false, false, false, false, true, true, false, true], shape: [3, 4])
      return [
        good(call(q, k, v)), good(call(q, k, v, causal: true)), good(call(q, k, v, mask: allowed)),
        good(call(q, k, v, mask: sample([3, 4], 4))), good(call(sample([1, 1, 5, 2], 1), k, v)),
        good(call(sample([2, 4, 6, 2], 1), sample([2, 2, 3, 2], 2), sample([2, 2, 3, 3], 3), causal: true)),
        Sample(error: "fit together", "[1, 1, 4, 2]", arguments: call(q, k, sample([1, 1, 3, 2], 1))),
        Sample(error: "not both", arguments: call(q, k, v, causal: true, mask: allowed)),
        Sample(error: "dropout", arguments: [.tensor(q), .tensor(k), .tensor(v), .double(0.5)]),
      ]
    })
}

extension Tensor {
  /// softmax(q kᵀ · scale + mask) v for q (…, L, E), k (…, S, E), v (…, S, Ev): (…, L, Ev). On the CPU the matrix of scores
  /// is not held, unless there is dropout or the mask needs a gradient.
  ///
  /// - Parameters:
  ///   - mask: added to the scores, or bool with true where attending is allowed; broadcasts to (…, L, S). A row that may
  ///     attend to nothing gives 0.
  ///   - isCausal: position i attends to 0...i only.
  ///   - scale: 1 / √E when nil.
  ///   - enableGQA: key and value may have fewer heads (dim -3), a divisor of the query's; each serves a run of query heads.
  /// Same as `F.scaled_dot_product_attention`.
  public func scaledDotProductAttention(
    _ key: Tensor, _ value: Tensor, mask: Tensor? = nil, dropoutP: Double = 0, isCausal: Bool = false,
    scale: Double? = nil, enableGQA: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || key.isPoisoned || value.isPoisoned || mask?.isPoisoned == true { return ErrorScope.poison() }
      if mask != nil && isCausal {
        throw TensorError.value("\(Attention.name): give a mask or isCausal, not both")
      }
      if rank < 2 || key.rank < 2 || value.rank < 2 || size(-1) != key.size(-1) || key.size(-2) != value.size(-2) {
        throw TensorError.shape(
          "\(Attention.name): query \(shape), key \(key.shape) and value \(value.shape) do not fit together")
      }
      if enableGQA {
        if rank < 3 || key.rank != rank || value.rank != rank || key.size(-3) != value.size(-3) || key.size(-3) < 1
          || size(-3) % key.size(-3) != 0
        {
          throw TensorError.shape(
            "\(Attention.name): with enableGQA the heads (dim -3) of key \(key.shape) and value \(value.shape) must agree "
              + "and divide those of query \(shape)")
        }
      }
      if dropoutP == 0, let result = byKernel(key, value, mask, isCausal, scale, enableGQA) { return result }
      return Attention.composite(
        self, key, value, mask: mask, dropoutP: dropoutP, isCausal: isCausal, scale: scale)
    }
  }

  /// The result by the kernel, or nil where it does not serve the operands.
  private func byKernel(
    _ key: Tensor, _ value: Tensor, _ mask: Tensor?, _ isCausal: Bool, _ scale: Double?, _ grouped: Bool
  ) -> Tensor? {
    if !dtype.isFloatingPoint || key.dtype != dtype || value.dtype != dtype || size(-1) == 0 { return nil }
    if let mask {
      if mask.rank > rank || (mask.dtype != .bool && mask.dtype != dtype) { return nil }
      if mask.requiresGrad && GradMode.isEnabled { return nil }
    }
    if rank > 4 || key.rank > 4 || value.rank > 4 { return flattened(key, value, mask, isCausal, scale, grouped) }
    // To four dims, with the batch dims broadcast against each other.
    func four(_ x: Tensor) -> Tensor {
      x.rank == 4 ? x : x.rank == 3 ? x.unsqueeze(dim: 0) : x.unsqueeze(dim: 0).unsqueeze(dim: 0)
    }
    var (q, k, v) = (four(self), four(key), four(value))
    func widen(_ x: inout Tensor, _ batch: Int, _ heads: Int) {
      if x.size(0) != batch || x.size(1) != heads { x = x.expand([batch, heads, x.size(2), x.size(3)]) }
    }
    func common(_ sizes: [Int]) -> Int? {
      let wide = sizes.filter { $0 != 1 }
      return wide.allSatisfy { $0 == wide[0] } ? wide.first ?? 1 : nil
    }
    guard let batch = common([q.size(0), k.size(0), v.size(0)]) else { return nil }
    let heads = grouped ? q.size(1) : common([q.size(1), k.size(1), v.size(1)])
    guard let heads else { return nil }
    widen(&q, batch, heads)
    widen(&k, batch, grouped ? k.size(1) : heads)
    widen(&v, batch, grouped ? v.size(1) : heads)
    if let mask, (try? mask.layout.expanded(to: [batch, heads, q.size(2), k.size(2)], op: Attention.name)) == nil {
      return nil
    }
    let result = Op.attention.results([
      .tensor(q), .tensor(k), .tensor(v), .double(0), .bool(isCausal), Value(mask), Value(scale),
    ])[0]
    let outer = Swift.max(rank, Swift.max(key.rank, value.rank))
    return outer == 4 ? result : outer == 3 ? result.squeeze(dim: 0) : result.squeeze(dim: 0).squeeze(dim: 0)
  }

  /// Five or more dims as four, where the batch dims agree.
  private func flattened(
    _ key: Tensor, _ value: Tensor, _ mask: Tensor?, _ isCausal: Bool, _ scale: Double?, _ grouped: Bool
  ) -> Tensor? {
    let lead = Shape(shape.dropLast(3).map { $0 })
    for x in [key, value] where x.rank != rank || Shape(x.shape.dropLast(3).map { $0 }) != lead { return nil }
    if let mask, mask.rank > 3 { return nil }
    func four(_ x: Tensor) -> Tensor { x.reshape([lead.elementCount, x.size(-3), x.size(-2), x.size(-1)]) }
    let result = four(self).byKernel(four(key), four(value), mask, isCausal, scale, grouped)
    return result?.reshape(Shape(lead.array + [size(-3), size(-2), value.size(-1)]))
  }
}
