import CFirefinch
import FirefinchCore

/// Sizes of a convolution; every list has one entry per spatial dim.
public struct ConvolutionGeometry: Sendable {
  public var batch: Int
  public var inChannels: Int
  public var outChannels: Int
  public var groups: Int
  public var input: [Int]
  public var output: [Int]
  public var kernel: [Int]
  public var stride: [Int]
  public var padding: [Int]
  public var dilation: [Int]

  public init(
    batch: Int, inChannels: Int, outChannels: Int, groups: Int, input: [Int], output: [Int], kernel: [Int],
    stride: [Int], padding: [Int], dilation: [Int]
  ) {
    (self.batch, self.inChannels, self.outChannels, self.groups) = (batch, inChannels, outChannels, groups)
    (self.input, self.output, self.kernel) = (input, output, kernel)
    (self.stride, self.padding, self.dilation) = (stride, padding, dilation)
  }

  fileprivate var plan: ff_conv {
    var c = ff_conv()
    c.spatial = Int32(input.count)
    (c.batch, c.in_channels, c.out_channels) = (Int64(batch), Int64(inChannels), Int64(outChannels))
    c.groups = Int64(groups)
    func three(_ values: [Int], _ rest: Int) -> (Int64, Int64, Int64) {
      let all = [Int](repeating: rest, count: 3 - values.count) + values
      return (Int64(all[0]), Int64(all[1]), Int64(all[2]))
    }
    (c.in, c.out, c.kernel) = (three(input, 1), three(output, 1), three(kernel, 1))
    (c.stride, c.padding, c.dilation) = (three(stride, 1), three(padding, 0), three(dilation, 1))
    return c
  }
}

/// Convolutions over dense (N, C, spatial…) buffers of float32 or float64.
public enum ConvolutionKernel {
  /// `y = conv(x, w) + bias`.
  public static func forward(
    _ geometry: ConvolutionGeometry, _ dtype: DType, x: UnsafeMutableRawPointer, w: UnsafeMutableRawPointer,
    bias: UnsafeMutableRawPointer?, y: UnsafeMutableRawPointer
  ) {
    var plan = geometry.plan
    if dtype == .float64 {
      ff_conv_forward_f64(
        &plan, double(x), double(w), bias.map { UnsafePointer(double($0)) }, double(y))
    } else {
      ff_conv_forward_f32(&plan, float(x), float(w), bias.map { UnsafePointer(float($0)) }, float(y))
    }
  }

  /// `y = conv(x, w) + bias` in float32 for weights that stay the same over many calls: the form that the kernel wants is kept
  /// with `storage`, whose version tells when it is outdated. `w` lies `offset` elements after the storage's start.
  public static func inference(
    _ geometry: ConvolutionGeometry, x: UnsafeMutableRawPointer, w: UnsafeMutableRawPointer, storage: Storage, offset: Int,
    bias: UnsafeMutableRawPointer?, y: UnsafeMutableRawPointer
  ) {
    var plan = geometry.plan
    var form: UInt64 = 0
    var bytes = 0
    if ff_conv_plan_f32(&plan, bias == nil ? 0 : 1, &form, &bytes) != 0 {
      let known = storage.derived as? PackedWeights
      let packed: PackedWeights
      if let known, known.form == form, known.version == storage.version, known.offset == offset {
        packed = known
      } else {
        packed = PackedWeights(form: form, version: storage.version, offset: offset, byteCount: bytes)
        ff_conv_pack_f32(&plan, bias == nil ? 0 : 1, float(w), packed.block.data)
        storage.derived = packed
      }
      let done = ff_conv_forward_packed_f32(
        &plan, float(x), packed.block.data, bias.map { UnsafePointer(float($0)) }, float(y))
      if done != 0 { return }
    }
    forward(geometry, .float32, x: x, w: w, bias: bias, y: y)
  }

  /// Gradient of the input from the gradient of the output.
  public static func backwardInput(
    _ geometry: ConvolutionGeometry, _ dtype: DType, gy: UnsafeMutableRawPointer, w: UnsafeMutableRawPointer,
    gx: UnsafeMutableRawPointer
  ) {
    var plan = geometry.plan
    if dtype == .float64 {
      ff_conv_backward_data_f64(&plan, double(gy), double(w), double(gx))
    } else {
      ff_conv_backward_data_f32(&plan, float(gy), float(w), float(gx))
    }
  }

  /// Gradient of the weights from the input and the gradient of the output.
  public static func backwardWeight(
    _ geometry: ConvolutionGeometry, _ dtype: DType, x: UnsafeMutableRawPointer, gy: UnsafeMutableRawPointer,
    gw: UnsafeMutableRawPointer
  ) {
    var plan = geometry.plan
    if dtype == .float64 {
      ff_conv_backward_weight_f64(&plan, double(x), double(gy), double(gw), nil)
    } else {
      ff_conv_backward_weight_f32(&plan, float(x), float(gy), float(gw), nil)
    }
  }

  private static func float(_ raw: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Float> {
    raw.assumingMemoryBound(to: Float.self)
  }
  private static func double(_ raw: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Double> {
    raw.assumingMemoryBound(to: Double.self)
  }
}

/// Weights in the form that a library's kernel wants.
private final class PackedWeights {
  let form: UInt64
  let version: Int
  let offset: Int
  let block: Storage

  init(form: UInt64, version: Int, offset: Int, byteCount: Int) {
    (self.form, self.version, self.offset) = (form, version, offset)
    block = Storage(byteCount: byteCount)
  }
}
