import CFirefinch
import FirefinchCore

/// Kernels that move dense elements of any size without looking at them.
public enum RearrangeKernel {
  /// Bytes of work below which a second thread does not pay.
  private static let grain = 1 << 18

  /// Copies `count` bytes, on several threads where that pays.
  private static func copy(_ from: UnsafeMutableRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int) {
    if count < 4 * grain {
      ff_copy_shifted(to, from, count)
    } else {
      Parallel.ranges(count, grain: grain) { ff_copy_shifted(to + $0.lowerBound, from + $0.lowerBound, $0.count) }
    }
  }

  /// `out[i] = x[i - shift]` in every dim, indices wrapping around. `shifts` has one entry in `0..<size` a dim.
  public static func roll(
    _ elementSize: Int, shape: Shape, shifts: [Int], x: UnsafeMutableRawPointer, out: UnsafeMutableRawPointer
  ) {
    guard let last = shifts.lastIndex(where: { $0 != 0 }) else {
      return copy(x, out, shape.elementCount * elementSize)
    }
    let inner = shape[(last + 1)...].reduce(elementSize, *)
    let (n, by) = (shape[last], shifts[last])
    let (line, tail, head) = (n * inner, by * inner, (n - by) * inner)
    let lines = shape[..<last].reduce(1, *)
    // Outer dims that stay in place join their neighbours, so that finding a line's source takes few divisions.
    var sizes: [Int] = []
    var moves: [Int] = []
    for dim in 0..<last {
      if shifts[dim] == 0, moves.last == 0 {
        sizes[sizes.count - 1] *= shape[dim]
      } else {
        sizes.append(shape[dim])
        moves.append(shifts[dim])
      }
    }
    let isPlain = moves.allSatisfy { $0 == 0 }
    func source(_ index: Int) -> Int {
      if isPlain { return index }
      var (rest, result, scale) = (index, 0, 1)
      for dim in sizes.indices.reversed() {
        let (quotient, place) = rest.quotientAndRemainder(dividingBy: sizes[dim])
        let from = place - moves[dim]
        result += (from < 0 ? from + sizes[dim] : from) * scale
        scale *= sizes[dim]
        rest = quotient
      }
      return result
    }
    if line >= 4 * grain {
      for i in 0..<lines {
        let (from, to) = (x + source(i) * line, out + i * line)
        copy(from + head, to, tail)
        copy(from, to + tail, head)
      }
      return
    }
    Parallel.ranges(lines, grain: Swift.max(1, grain / line)) { range in
      for i in range {
        let (from, to) = (x + source(i) * line, out + i * line)
        ff_copy_shifted(to, from + head, tail)
        ff_copy_shifted(to + tail, from, head)
      }
    }
  }

  /// Puts `x`, as `lines` of `line` bytes, into lines of `outLine` bytes at `offset`: one part of a concatenation.
  public static func place(
    _ x: UnsafeMutableRawPointer, lines: Int, line: Int, into out: UnsafeMutableRawPointer, outLine: Int, offset: Int
  ) {
    if line == 0 { return }
    if lines == 1 { return copy(x, out + offset, line) }
    let isElement = [1, 2, 4, 8, 16].contains(line) && outLine % line == 0
    Parallel.ranges(lines, grain: Swift.max(1, grain / (8 * line))) { range in
      let (from, to) = (x + range.lowerBound * line, out + offset + range.lowerBound * outLine)
      if isElement { return ff_spread(Int32(line), Int64(range.count), Int64(outLine / line), from, to) }
      for i in 0..<range.count { ff_copy_shifted(to + i * outLine, from + i * line, line) }
    }
  }

  /// Copies `count` matrices of (rows, columns), with zeros above the diagonal `offset` (`lower`) or below it.
  public static func triangle(
    _ elementSize: Int, lower: Bool, offset: Int, count: Int, rows: Int, columns: Int, x: UnsafeMutableRawPointer,
    out: UnsafeMutableRawPointer
  ) {
    let width = columns * elementSize
    Parallel.ranges(count * rows, grain: Swift.max(1, grain / Swift.max(width, 1))) { range in
      for index in range {
        let row = index % rows
        // The first column of the upper triangle, or the one behind the lower triangle.
        let bound = Swift.min(Swift.max(row + offset + (lower ? 1 : 0), 0), columns) * elementSize
        let (from, to) = (x + index * width, out + index * width)
        if lower {
          to.copyMemory(from: from, byteCount: bound)
          (to + bound).initializeMemory(as: UInt8.self, repeating: 0, count: width - bound)
        } else {
          to.initializeMemory(as: UInt8.self, repeating: 0, count: bound)
          (to + bound).copyMemory(from: from + bound, byteCount: width - bound)
        }
      }
    }
  }
}
