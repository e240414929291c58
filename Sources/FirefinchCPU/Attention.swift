import CFirefinch
import FirefinchCore

/// A tensor (batch, heads, positions, size) in memory whose last dim has stride 1; strides in elements.
public struct AttentionOperand {
  let data: UnsafeMutableRawPointer
  let batchStride: Int
  let headStride: Int
  let positionStride: Int

  public init(_ data: UnsafeMutableRawPointer, batchStride: Int, headStride: Int, positionStride: Int) {
    self.data = data
    self.batchStride = batchStride
    self.headStride = headStride
    self.positionStride = positionStride
  }

  fileprivate var plan: ff_attention_operand {
    ff_attention_operand(
      data: data, n_stride: Int64(batchStride), h_stride: Int64(headStride), t_stride: Int64(positionStride))
  }
}

/// What is added to attention's scores (elements of their dtype), or bytes that say which may be attended to.
public struct AttentionMask {
  let data: UnsafeMutableRawPointer
  let isBool: Bool
  /// Along batch, heads, queries and keys, in elements; 0 where broadcast.
  let strides: [Int]

  public init(_ data: UnsafeMutableRawPointer, isBool: Bool, strides: [Int]) {
    self.data = data
    self.isBool = isBool
    self.strides = strides
  }
}

/// Scaled dot-product attention of float32 or float64 without the matrix of scores.
public struct AttentionKernel {
  private let dtype: DType
  private var plan = ff_attention()

  /// - Parameters:
  ///   - group: query heads that share one head of keys and values.
  ///   - logSum: (batch, heads, queries), dense: the logarithm of each row's sum of exponentials, written by `forward`
  ///     and read by `backward`; 0 for a row that may attend to nothing.
  public init(
    _ dtype: DType, batch: Int, heads: Int, group: Int, queries: Int, keys: Int, size: Int, valueSize: Int,
    scale: Double, isCausal: Bool, q: AttentionOperand, k: AttentionOperand, v: AttentionOperand, mask: AttentionMask?,
    out: AttentionOperand, logSum: UnsafeMutableRawPointer
  ) {
    self.dtype = dtype
    (plan.batch, plan.heads, plan.group) = (Int64(batch), Int64(heads), Int64(group))
    (plan.queries, plan.keys) = (Int64(queries), Int64(keys))
    (plan.size, plan.value_size) = (Int64(size), Int64(valueSize))
    (plan.scale, plan.causal) = (scale, isCausal ? 1 : 0)
    (plan.q, plan.k, plan.v, plan.out) = (q.plan, k.plan, v.plan, out.plan)
    plan.lse = logSum
    if let mask {
      plan.mask_kind = mask.isBool ? 2 : 1
      plan.mask = UnsafeRawPointer(mask.data)
      (plan.mask_n, plan.mask_h) = (Int64(mask.strides[0]), Int64(mask.strides[1]))
      (plan.mask_q, plan.mask_k) = (Int64(mask.strides[2]), Int64(mask.strides[3]))
    }
  }

  /// Fills `out` and `logSum`.
  public func forward() {
    run(-1) { dtype == .float64 ? ff_attention_f64($0, $1) : ff_attention_f32($0, $1) }
  }

  /// Fills those gradients that are given, from the gradient of the result.
  public mutating func backward(
    gradient: AttentionOperand, q: AttentionOperand?, k: AttentionOperand?, v: AttentionOperand?
  ) {
    plan.gout = gradient.plan
    (plan.gq, plan.gk, plan.gv) = (q?.plan ?? .init(), k?.plan ?? .init(), v?.plan ?? .init())
    let dtype = dtype
    // One pass over all gradients of a head is less work; where there are too few heads for the threads, one pass for
    // queries and one for keys and values gives the same bits.
    let keyHeads = Int(plan.batch * plan.heads / Swift.max(plan.group, 1))
    let threads = Parallel.threadCount
    let onePass = threads == 1 || keyHeads % threads == 0 || keyHeads >= 4 * threads
    for pass: Int32 in onePass ? [0] : [1, 2] {
      if pass == 1 && q == nil || pass == 2 && k == nil && v == nil { continue }
      run(pass) {
        dtype == .float64 ? ff_attention_backward_f64($0, pass, $1) : ff_attention_backward_f32($0, pass, $1)
      }
    }
  }

  private func run(_ pass: Int32, _ body: (UnsafePointer<ff_attention>, Int64) -> Void) {
    withUnsafePointer(to: plan) { plan in
      let tasks = dtype == .float64 ? ff_attention_tasks_f64(plan, pass) : ff_attention_tasks_f32(plan, pass)
      let work = plan.pointee.batch * plan.pointee.heads * plan.pointee.queries * plan.pointee.keys * plan.pointee.size
      if tasks > 1 && work > 1 << 17 {
        Parallel.run(Int(tasks)) { body(plan, Int64($0)) }
      } else {
        for task in 0..<tasks { body(plan, task) }
      }
    }
  }
}
