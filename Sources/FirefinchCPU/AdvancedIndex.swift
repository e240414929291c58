import FirefinchCore

/// The elements that index tensors pick from strided memory, as sums of offsets (in elements): one of `outer`, one of
/// `picked`, one of `inner`, and then `run` neighbours. In that order they are dense on the other side of a copy.
public struct PickedElements: Sendable {
  /// Offsets of the dims in front of the picked ones.
  let outer: [Int]
  /// Offset of each broadcast index.
  let picked: [Int]
  /// Offsets of the dims behind the picked ones, without the run.
  let inner: [Int]
  /// Elements of the last dims that lie side by side.
  let run: Int

  /// Elements in all.
  public var count: Int { outer.count * picked.count * inner.count * run }

  public init(outer: Layout, picked: [Int], inner: Layout) {
    var run = 1
    var dim = inner.rank
    while dim > 0 && (inner.shape[dim - 1] == 1 || inner.strides[dim - 1] == run) {
      run *= inner.shape[dim - 1]
      dim -= 1
    }
    self.outer = PickedElements.offsets(outer, dims: outer.rank)
    self.picked = picked
    self.inner = PickedElements.offsets(inner, dims: dim)
    self.run = run
  }

  /// Distances of the first `dims` dims' elements from the first one, in row-major order.
  private static func offsets(_ layout: Layout, dims: Int) -> [Int] {
    var result = [0]
    for dim in 0..<dims {
      let (size, stride) = (layout.shape[dim], layout.strides[dim])
      var next: [Int] = []
      next.reserveCapacity(result.count * size)
      for base in result { for i in 0..<size { next.append(base + i * stride) } }
      result = next
    }
    return result
  }
}

/// Reads and writes the elements that index tensors pick.
public enum AdvancedIndexKernel {
  /// A dense index tensor for one dim.
  public struct Pick {
    let index: UnsafePointer<Int64>
    let size: Int
    let stride: Int

    public init(index: UnsafePointer<Int64>, size: Int, stride: Int) {
      self.index = index
      self.size = size
      self.stride = stride
    }
  }

  /// An index outside its dim.
  public struct OutOfRange: Error {
    /// Which of the picks.
    public let pick: Int
    public let value: Int
  }

  /// The offset in elements that `count` broadcast indices stand for together.
  public static func offsets(_ picks: [Pick], count: Int) throws(OutOfRange) -> [Int] {
    let faults = FaultCollector()
    let result = [Int](unsafeUninitializedCapacity: count) { buffer, filled in
      let to = buffer
      Parallel.ranges(count, grain: 32768) { range in
        for (number, pick) in picks.enumerated() {
          let (size, stride) = (pick.size, pick.stride)
          var isBad = false
          for i in range {
            var place = Int(pick.index[i])
            if place < 0 { place += size }
            // One comparison for both ends.
            isBad = isBad || UInt(bitPattern: place) >= UInt(bitPattern: size)
            to[i] = (number == 0 ? 0 : to[i]) &+ place &* stride
          }
          if isBad { faults.note(KernelFault.index.rawValue) }
        }
        if picks.isEmpty { for i in range { to[i] = 0 } }
      }
      filled = count
    }
    if faults.faults.isEmpty { return result }
    for (number, pick) in picks.enumerated() {
      for i in 0..<count {
        let value = Int(pick.index[i])
        if value < -pick.size || value >= pick.size { throw OutOfRange(pick: number, value: value) }
      }
    }
    return result
  }

  @inline(__always)
  private static func switchSize(
    _ size: Int, _ one: () -> Void, _ two: () -> Void, _ four: () -> Void, _ eight: () -> Void, _ sixteen: () -> Void
  ) {
    switch size {
    case 1: one()
    case 2: two()
    case 4: four()
    case 8: eight()
    default: sixteen()
    }
  }

  /// Copies the picked elements of `x` to dense memory.
  public static func gather(
    _ elementSize: Int, _ places: PickedElements, x: UnsafeRawPointer, out: UnsafeMutableRawPointer
  ) {
    func copy<T: BitwiseCopyable>(_: T.Type) {
      let from = x.assumingMemoryBound(to: T.self), to = out.assumingMemoryBound(to: T.self)
      walk(places) { at, place, run in
        if run == 1 {
          to[at] = from[place]
        } else {
          (to + at).update(from: from + place, count: run)
        }
      }
    }
    switchSize(
      elementSize, { copy(UInt8.self) }, { copy(UInt16.self) }, { copy(UInt32.self) }, { copy(UInt64.self) },
      { copy(SIMD2<UInt64>.self) })
  }

  /// Writes dense `values` (or, when `isNumber`, the one value) over the picked elements of `out`. Of several values for
  /// one element the last is kept. `isDistinct` says that no element is picked twice.
  public static func assign(
    _ elementSize: Int, _ places: PickedElements, values: UnsafeRawPointer, isNumber: Bool, isDistinct: Bool,
    out: UnsafeMutableRawPointer
  ) {
    func copy<T: BitwiseCopyable>(_: T.Type) {
      let from = values.assumingMemoryBound(to: T.self), to = out.assumingMemoryBound(to: T.self)
      if isNumber {
        let value = from[0]
        walk(places) { _, place, run in for i in 0..<run { to[place + i] = value } }
      } else {
        walk(places, inOrder: !isDistinct) { at, place, run in
          if run == 1 {
            to[place] = from[at]
          } else {
            (to + place).update(from: from + at, count: run)
          }
        }
      }
    }
    switchSize(
      elementSize, { copy(UInt8.self) }, { copy(UInt16.self) }, { copy(UInt32.self) }, { copy(UInt64.self) },
      { copy(SIMD2<UInt64>.self) })
  }

  /// Adds dense `values` (or, when `isNumber`, the one value) to the picked elements of `out`, in the order of the indices.
  /// Integers wrap, bools are joined by or; half types are not taken.
  public static func accumulate(
    _ dtype: DType, _ places: PickedElements, values: UnsafeRawPointer, isNumber: Bool, out: UnsafeMutableRawPointer
  ) {
    func add<T: BitwiseCopyable>(_: T.Type, _ join: (T, T) -> T) {
      let from = values.assumingMemoryBound(to: T.self), to = out.assumingMemoryBound(to: T.self)
      walk(places, inOrder: true) { at, place, run in
        for i in 0..<run { to[place + i] = join(to[place + i], isNumber ? from[0] : from[at + i]) }
      }
    }
    switch dtype {
    case .float32: add(Float.self, +)
    case .float64: add(Double.self, +)
    case .complex64: add(SIMD2<Float>.self, +)
    case .complex128: add(SIMD2<Double>.self, +)
    case .int8: add(Int8.self, &+)
    case .int16: add(Int16.self, &+)
    case .int32: add(Int32.self, &+)
    case .int64: add(Int64.self, &+)
    case .uint8: add(UInt8.self, &+)
    default: add(UInt8.self, |)
    }
  }

  /// Calls `body` with the dense place, the strided place and the length of every run. When `inOrder`, runs that may meet
  /// in one element are walked in the order of the indices by one task, so that results do not depend on the thread count.
  @inline(__always)
  private static func walk(_ places: PickedElements, inOrder: Bool = false, _ body: (Int, Int, Int) -> Void) {
    let (outer, picked, inner, run) = (places.outer, places.picked, places.inner, places.run)
    if places.count == 0 { return }
    let width = inner.count * run
    if inOrder {
      // Different outer places never meet, nor do different parts of a row of neighbours.
      if outer.count == 1 && inner.count == 1 && run >= 256 {
        Parallel.ranges(run, grain: Swift.max(64, 65536 / picked.count)) { part in
          for (p, place) in picked.enumerated() {
            body(p * run + part.lowerBound, outer[0] + place + part.lowerBound, part.count)
          }
        }
        return
      }
      Parallel.ranges(outer.count, grain: Swift.max(1, 32768 / (picked.count * width))) { range in
        for o in range {
          for p in picked.indices { row(o, p) }
        }
      }
      return
    }
    Parallel.ranges(outer.count * picked.count, grain: Swift.max(1, 32768 / width)) { range in
      var (o, p) = range.lowerBound.quotientAndRemainder(dividingBy: picked.count)
      for _ in range {
        row(o, p)
        p += 1
        if p == picked.count { (o, p) = (o + 1, 0) }
      }
    }

    @inline(__always) func row(_ o: Int, _ p: Int) {
      let base = outer[o] + picked[p]
      var at = (o * picked.count + p) * width
      for offset in inner {
        body(at, base + offset, run)
        at += run
      }
    }
  }

  /// Row-major coordinates of the bytes that are not 0: one vector of `count` per dim, side by side in `out`.
  public static func nonzero(
    _ bytes: UnsafePointer<UInt8>, shape: Shape, count: Int, out: UnsafeMutablePointer<Int64>
  ) {
    let rank = shape.count
    if rank == 0 || count == 0 { return }
    let width = shape[rank - 1]
    var place = [Int64](repeating: 0, count: rank)
    var found = 0
    var row = 0
    while found < count {
      let line = bytes + row * width
      for i in 0..<width where line[i] != 0 {
        for dim in 0..<(rank - 1) { out[dim * count + found] = place[dim] }
        out[(rank - 1) * count + found] = Int64(i)
        found += 1
      }
      row += 1
      var dim = rank - 2
      while dim >= 0 {
        place[dim] += 1
        if place[dim] < Int64(shape[dim]) { break }
        place[dim] = 0
        dim -= 1
      }
    }
  }
}
