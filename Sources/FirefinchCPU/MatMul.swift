import CFirefinch
import FirefinchCore

/// A matrix in memory: element (i, j) at `data + i * rowStride + j * columnStride` elements.
public struct MatrixOperand {
  let data: UnsafeMutableRawPointer
  let rowStride: Int
  let columnStride: Int
  /// Elements between one matrix of a batch and the next; 0 shares it.
  let batchStride: Int

  public init(_ data: UnsafeMutableRawPointer, rowStride: Int, columnStride: Int, batchStride: Int = 0) {
    self.data = data
    self.rowStride = rowStride
    self.columnStride = columnStride
    self.batchStride = batchStride
  }
}

/// Matrix products over raw buffers.
public enum MatMulKernel {
  /// `c = alpha a b + beta c` for `batch` products of m x k and k x n matrices of `dtype` (float32, float64 or int64); c is
  /// dense row-major, one product after another.
  public static func run(
    _ dtype: DType, batch: Int = 1, m: Int, n: Int, k: Int, alpha: Double = 1, _ a: MatrixOperand, _ b: MatrixOperand,
    beta: Double = 0, _ c: UnsafeMutableRawPointer
  ) {
    if batch == 0 || m == 0 || n == 0 { return }
    func i(_ value: Int) -> Int64 { Int64(value) }
    let (ar, ac, ab) = (i(a.rowStride), i(a.columnStride), i(a.batchStride))
    let (br, bc, bb) = (i(b.rowStride), i(b.columnStride), i(b.batchStride))
    switch dtype {
    case .float32:
      let x = a.data.assumingMemoryBound(to: Float.self), y = b.data.assumingMemoryBound(to: Float.self)
      let z = c.assumingMemoryBound(to: Float.self)
      if batch == 1 {
        ff_gemm_f32(i(m), i(n), i(k), Float(alpha), x, ar, ac, y, br, bc, Float(beta), z, i(n))
      } else {
        ff_gemm_batched_f32(
          i(batch), i(m), i(n), i(k), Float(alpha), x, ab, ar, ac, y, bb, br, bc, Float(beta), z, i(m * n), i(n))
      }
    case .float64:
      let x = a.data.assumingMemoryBound(to: Double.self), y = b.data.assumingMemoryBound(to: Double.self)
      let z = c.assumingMemoryBound(to: Double.self)
      ff_gemm_batched_f64(i(batch), i(m), i(n), i(k), alpha, x, ab, ar, ac, y, bb, br, bc, beta, z, i(m * n), i(n))
    default: integers(batch, m, n, k, a, b, c)
    }
  }

  /// `y = x wᵀ + bias` for dense x (rows, in) and w (out, in) of float32 or float64.
  public static func linear(
    _ dtype: DType, rows: Int, in width: Int, out: Int, x: UnsafeMutableRawPointer, w: UnsafeMutableRawPointer,
    bias: UnsafeMutableRawPointer?, y: UnsafeMutableRawPointer
  ) {
    if rows == 0 || out == 0 { return }
    let (r, i, o) = (Int64(rows), Int64(width), Int64(out))
    if dtype == .float64 {
      ff_linear_f64(
        r, i, o, x.assumingMemoryBound(to: Double.self), w.assumingMemoryBound(to: Double.self),
        bias?.assumingMemoryBound(to: Double.self), y.assumingMemoryBound(to: Double.self))
    } else {
      ff_linear_f32(
        r, i, o, x.assumingMemoryBound(to: Float.self), w.assumingMemoryBound(to: Float.self),
        bias?.assumingMemoryBound(to: Float.self), y.assumingMemoryBound(to: Float.self))
    }
  }

  /// `c = a b` (+ `bias` for each column) of bfloat16, or of int8 into int32, by the processor's own instructions; false when
  /// it has none or the product is too small to gain.
  public static func reduced(
    _ dtype: DType, m: Int, n: Int, k: Int, _ a: MatrixOperand, _ b: MatrixOperand, bias: UnsafeMutableRawPointer? = nil,
    _ c: UnsafeMutableRawPointer
  ) -> Bool {
    guard dtype == .bfloat16 || dtype == .int8, m * n * k >= 1 << 18 else { return false }
    let type = dtype == .bfloat16 ? FF_PRODUCT_BF16 : FF_PRODUCT_INT8
    let done = ff_product_reduced(
      Int32(type), Int64(m), Int64(n), Int64(k), a.data, Int64(a.rowStride), Int64(a.columnStride), b.data,
      Int64(b.rowStride), Int64(b.columnStride), bias, c)
    return done != 0
  }

  /// Exact int64 product, wrapping on overflow.
  private static func integers(
    _ batch: Int, _ m: Int, _ n: Int, _ k: Int, _ a: MatrixOperand, _ b: MatrixOperand, _ c: UnsafeMutableRawPointer
  ) {
    let x = a.data.assumingMemoryBound(to: Int64.self), y = b.data.assumingMemoryBound(to: Int64.self)
    let z = c.assumingMemoryBound(to: Int64.self)
    Parallel.ranges(batch * m, grain: Swift.max(1, 32768 / Swift.max(n * k, 1))) { rows in
      for row in rows {
        let (which, r) = row.quotientAndRemainder(dividingBy: m)
        let left = x + which * a.batchStride + r * a.rowStride
        let right = y + which * b.batchStride
        let out = z + row * n
        for j in 0..<n { out[j] = 0 }
        for p in 0..<k {
          let value = left[p * a.columnStride]
          let line = right + p * b.rowStride
          for j in 0..<n { out[j] &+= value &* line[j * b.columnStride] }
        }
      }
    }
  }
}
