import CFirefinch
import FirefinchCore

/// Resampling of uint8 pictures along one dim, with whole-number weights.
public struct ByteResample {
  private let job: ff_resize

  /// - Parameters:
  ///   - starts: the first input of each of `out` outputs; `starts + taps` must not exceed `input`.
  ///   - weights: (out, taps), multiples of 2 to the power of -`precision`.
  public init(
    input: Int, out: Int, taps: Int, starts: UnsafePointer<Int64>, weights: UnsafePointer<Int16>, precision: Int
  ) {
    job = ff_resize(
      in: Int64(input), out: Int64(out), start: starts, weights: weights, taps: Int64(taps),
      precision: Int32(precision),
      lines: 0, channels: 1, pitch: 0)
  }

  /// Rows of `input * channels` bytes with interleaved channels, to `channels` planes of (rows, out).
  public func alongRows(_ x: UnsafePointer<UInt8>, rows: Int, channels: Int, _ y: UnsafeMutablePointer<UInt8>) {
    var job = job
    job.lines = Int64(rows)
    job.channels = Int64(channels)
    job.pitch = job.in * job.channels
    let work = Int(job.pitch + job.out * job.channels * job.taps) * 16
    Parallel.ranges((rows + 15) / 16, grain: max(1, 1 << 18 / max(work, 1))) { blocks in
      var own = job
      ff_resize_rows_u8(&own, Int64(blocks.lowerBound), Int64(blocks.upperBound), x, y)
    }
  }

  /// Planes of (input, width) to planes of (out, width).
  public func downColumns(_ x: UnsafePointer<UInt8>, planes: Int, width: Int, _ y: UnsafeMutablePointer<UInt8>) {
    var job = job
    job.lines = Int64(width)
    job.pitch = Int64(width)
    let (input, out) = (Int(job.in), Int(job.out))
    Parallel.ranges(planes * out, grain: max(1, 1 << 18 / max(width * Int(job.taps), 1))) { rows in
      var own = job
      var row = rows.lowerBound
      while row < rows.upperBound {
        let plane = row / out
        let end = min(rows.upperBound, (plane + 1) * out)
        ff_resize_columns_u8(
          &own, Int64(row - plane * out), Int64(end - plane * out), x + plane * input * width, y + plane * out * width)
        row = end
      }
    }
  }
}
