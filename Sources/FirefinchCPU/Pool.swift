import CFirefinch
import FirefinchCore

/// Sizes of a pooling window; every list has one entry per spatial dim.
public struct PoolGeometry: Sendable {
  public var input: [Int]
  public var output: [Int]
  public var kernel: [Int]
  public var stride: [Int]
  public var padding: [Int]
  public var dilation: [Int]
  public var countIncludesPadding = true
  /// Divides sums instead of the window's size; 0 for none.
  public var divisor = 0

  public init(
    input: [Int], output: [Int], kernel: [Int], stride: [Int], padding: [Int], dilation: [Int],
    countIncludesPadding: Bool = true, divisor: Int = 0
  ) {
    (self.input, self.output, self.kernel) = (input, output, kernel)
    (self.stride, self.padding, self.dilation) = (stride, padding, dilation)
    (self.countIncludesPadding, self.divisor) = (countIncludesPadding, divisor)
  }

  fileprivate var plan: ff_pool {
    var p = ff_pool()
    func three(_ values: [Int], _ rest: Int) -> (Int64, Int64, Int64) {
      let all = [Int](repeating: rest, count: 3 - values.count) + values
      return (Int64(all[0]), Int64(all[1]), Int64(all[2]))
    }
    (p.in, p.out, p.kernel) = (three(input, 1), three(output, 1), three(kernel, 1))
    (p.stride, p.padding, p.dilation) = (three(stride, 1), three(padding, 0), three(dilation, 1))
    p.count_include_pad = countIncludesPadding ? 1 : 0
    p.divisor = Int64(divisor)
    return p
  }
}

/// Pooling over dense planes (N · C, spatial…) of float32 or float64.
public enum PoolKernel {
  /// Which window a plane is covered with.
  public enum Kind: Sendable { case max, average, adaptiveMax, adaptiveAverage }

  private static func planes(_ count: Int, _ plane: Int, _ body: (Int64, Int64) -> Void) {
    Parallel.ranges(count, grain: Swift.max(1, 16384 / Swift.max(plane, 1))) {
      body(Int64($0.lowerBound), Int64($0.upperBound))
    }
  }

  /// `y` (and for maxima the flat position within the plane) from `x`.
  public static func forward(
    _ kind: Kind, _ geometry: PoolGeometry, _ dtype: DType, planes count: Int, x: UnsafeMutableRawPointer,
    y: UnsafeMutableRawPointer, indices: UnsafeMutablePointer<Int64>?
  ) {
    let plan = geometry.plan
    planes(count, geometry.input.reduce(1, *)) { b, e in
      var p = plan
      if dtype == .float64 {
        let (from, to) = (x.assumingMemoryBound(to: Double.self), y.assumingMemoryBound(to: Double.self))
        switch kind {
        case .max: ff_max_pool_f64(&p, b, e, from, to, indices!)
        case .average: ff_avg_pool_f64(&p, b, e, from, to)
        case .adaptiveMax: ff_adaptive_max_pool_f64(&p, b, e, from, to, indices!)
        case .adaptiveAverage: ff_adaptive_avg_pool_f64(&p, b, e, from, to)
        }
      } else {
        let (from, to) = (x.assumingMemoryBound(to: Float.self), y.assumingMemoryBound(to: Float.self))
        switch kind {
        case .max: ff_max_pool_f32(&p, b, e, from, to, indices!)
        case .average: ff_avg_pool_f32(&p, b, e, from, to)
        case .adaptiveMax: ff_adaptive_max_pool_f32(&p, b, e, from, to, indices!)
        case .adaptiveAverage: ff_adaptive_avg_pool_f32(&p, b, e, from, to)
        }
      }
    }
  }

  /// The gradient of `x` from the gradient of `y`.
  public static func backward(
    _ kind: Kind, _ geometry: PoolGeometry, _ dtype: DType, planes count: Int, gy: UnsafeMutableRawPointer,
    indices: UnsafeMutablePointer<Int64>?, gx: UnsafeMutableRawPointer
  ) {
    let plan = geometry.plan
    planes(count, geometry.input.reduce(1, *)) { b, e in
      var p = plan
      if dtype == .float64 {
        let (from, to) = (gy.assumingMemoryBound(to: Double.self), gx.assumingMemoryBound(to: Double.self))
        switch kind {
        case .max, .adaptiveMax: ff_max_pool_backward_f64(&p, b, e, from, indices!, to)
        case .average: ff_avg_pool_backward_f64(&p, b, e, from, to)
        case .adaptiveAverage: ff_adaptive_avg_pool_backward_f64(&p, b, e, from, to)
        }
      } else {
        let (from, to) = (gy.assumingMemoryBound(to: Float.self), gx.assumingMemoryBound(to: Float.self))
        switch kind {
        case .max, .adaptiveMax: ff_max_pool_backward_f32(&p, b, e, from, indices!, to)
        case .average: ff_avg_pool_backward_f32(&p, b, e, from, to)
        case .adaptiveAverage: ff_adaptive_avg_pool_backward_f32(&p, b, e, from, to)
        }
      }
    }
  }
}
