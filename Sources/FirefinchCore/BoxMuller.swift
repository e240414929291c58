import CFirefinch

/// Box-Muller in float32 with the logarithm, sine and cosine of the Cephes library's single-precision polynomials, in the
/// order of operations (and of fused multiply-adds) of PyTorch's AVX2 kernel, so that all bits agree.
///
/// A block is 16 words: eight for radii, eight for angles. Integer work on them is done here; the polynomials run as a
/// program of the pointwise engine, whose fused multiply-add rounds once on every processor.
struct BoxMuller {
  /// The words to transform; `capacity` of them.
  let words: UnsafeMutablePointer<UInt32>
  /// The transformed values.
  let values: UnsafeMutablePointer<Float>
  /// A multiple of 16.
  let capacity: Int
  /// Columns of capacity / 2 floats each: one entry for each pair.
  private let columns: UnsafeMutablePointer<Float>

  private enum Column: Int, CaseIterable {
    /// Mantissa of the radius's uniform minus 1, and its exponent.
    case mantissa, exponent
    /// The angle, and the multiple of pi/4 (even) that is subtracted from it.
    case theta, octant
    /// The standard deviation with the sign of the sine and of the cosine; 1 where these change places.
    case sinScale, cosScale, swap
    /// The results: first and second half of a block.
    case first, second
  }

  /// Calls `body` with room for `elements`, or for a chunk of them.
  static func withScratch<R>(elements: Int, _ body: (BoxMuller) -> R) -> R {
    let capacity = Swift.max(16, Swift.min(4096, elements & ~15))
    let pairs = capacity / 2
    let columns = Column.allCases.count * pairs
    return withUnsafeTemporaryAllocation(byteCount: 4 * (2 * capacity + columns), alignment: 64) { scratch in
      let base = scratch.baseAddress!
      let words = base.bindMemory(to: UInt32.self, capacity: capacity)
      let values = (base + 4 * capacity).bindMemory(to: Float.self, capacity: capacity)
      let columns = (base + 8 * capacity).bindMemory(to: Float.self, capacity: columns)
      return body(BoxMuller(words: words, values: values, capacity: capacity, columns: columns))
    }
  }

  private func column(_ c: Column) -> UnsafeMutablePointer<Float> { columns + c.rawValue * (capacity / 2) }

  /// `values[0 ..< n]` from `words[0 ..< n]`; n is a multiple of 16.
  func transform(_ n: Int, _ mean: Float, _ std: Float) {
    prepare(n, std)
    // Binding a program costs more than a few scalar blocks.
    if n >= 256 { run(n / 2, mean) } else { runScalar(n / 2, mean) }
    let first = column(.first), second = column(.second)
    for block in 0..<n / 16 {
      (values + 16 * block).update(from: first + 8 * block, count: 8)
      (values + 16 * block + 8).update(from: second + 8 * block, count: 8)
    }
  }

  private typealias Ints = SIMD4<Int32>
  private typealias Floats = SIMD4<Float>

  /// The parts of the logarithm and of the range reduction that work on bits.
  private func prepare(_ n: Int, _ std: Float) {
    let mantissa = column(.mantissa), exponent = column(.exponent)
    let theta = column(.theta), octant = column(.octant)
    let sinScale = column(.sinScale), cosScale = column(.cosScale), swap = column(.swap)
    @inline(__always)
    func store(_ value: Floats, _ to: UnsafeMutablePointer<Float>, _ i: Int) {
      UnsafeMutableRawPointer(to + i).storeBytes(of: value, as: Floats.self)
    }
    @inline(__always)
    func convert(_ v: Ints) -> Floats { Floats(Float(v[0]), Float(v[1]), Float(v[2]), Float(v[3])) }
    @inline(__always)
    func float(_ v: Ints) -> Floats { unsafeBitCast(v, to: Floats.self) }
    @inline(__always)
    func bits(_ v: Floats) -> Ints { unsafeBitCast(v, to: Ints.self) }
    let one = Floats(repeating: 1), signBit = Ints(repeating: Int32.min)
    let scale = bits(Floats(repeating: std))
    for pair in stride(from: 0, to: n / 2, by: 4) {
      let from = UnsafeRawPointer(words + (pair & ~7) * 2 + (pair & 7))
      let radius = from.loadUnaligned(as: Ints.self) & Ints(repeating: 0xff_ffff)
      let angle = from.loadUnaligned(fromByteOffset: 32, as: Ints.self) & Ints(repeating: 0xff_ffff)

      // 1 - radius / 2^24 = m 2^-24, split into x in [0.5, 1) and a power of two.
      let m = bits(convert(Ints(repeating: 1 << 24) &- radius))
      let x = float(m & Ints(repeating: 0x007f_ffff) | Ints(repeating: 0x3f00_0000))
      // Below sqrt(1/2), x is doubled and the power one less.
      let small = x .< Floats(repeating: 0.70710678)
      let zero = Floats(repeating: 0)
      store((x - one) + zero.replacing(with: x, where: small), mantissa, pair)
      let power = convert((m &>> Ints(repeating: 23)) &- Ints(repeating: 150))
      store(power - zero.replacing(with: one, where: small), exponent, pair)

      let t = Floats(repeating: 6.2831855) * (convert(angle) * Floats(repeating: 0x1p-24))
      store(t, theta, pair)
      // trunc(t * 4 / pi): adding 2^23 leaves the nearest whole number in the low bits; step back where that was above.
      let scaled = t * Floats(repeating: 1.2732395)
      let shifted = scaled + Floats(repeating: 0x1p23)
      let above = (shifted - Floats(repeating: 0x1p23)) .> scaled
      let whole = (bits(shifted) & Ints(repeating: 0xff)) &- Ints(repeating: 0).replacing(with: 1, where: above)
      let j = (whole &+ Ints(repeating: 1)) & Ints(repeating: ~1)
      store(convert(j), octant, pair)
      // j is 0, 2, 4, 6 or 8: sine is negative for 4 and 6, cosine for 2 and 4, the polynomials change places for 2 and 6.
      store(float(scale ^ ((j &<< Ints(repeating: 29)) & signBit)), sinScale, pair)
      store(float(scale ^ (((j &+ Ints(repeating: 2)) &<< Ints(repeating: 29)) & signBit)), cosScale, pair)
      store(convert((j &>> Ints(repeating: 1)) & Ints(repeating: 1)), swap, pair)
    }
  }

  // MARK: Polynomials (Cephes logf, sinf, cosf)

  private static let logPolynomial: [Float] = [
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
  ]
  /// ln 2 in two parts, the first with few bits.
  private static let logHigh: Float = 0.693359375, logLow: Float = -2.12194440e-4
  /// -pi/4 in three parts.
  private static let minusQuarterPi: [Float] = [-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8]
  private static let sinPolynomial: [Float] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1]
  private static let cosPolynomial: [Float] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2]

  /// One pair after the other; the same operations as `program`.
  private func runScalar(_ pairs: Int, _ mean: Float) {
    let logs = BoxMuller.logPolynomial, sins = BoxMuller.sinPolynomial, coss = BoxMuller.cosPolynomial
    for i in 0..<pairs {
      let x = column(.mantissa)[i], e = column(.exponent)[i]
      var y = logs[0]
      for k in 1..<9 { y = logs[k].addingProduct(y, x) }
      let z = x * x
      y = (e * BoxMuller.logLow).addingProduct(y * x, z)
      y = y.addingProduct(z, -0.5)
      let ln = (x + y).addingProduct(e, BoxMuller.logHigh)
      let radius = (-2 * ln).squareRoot()

      var t = column(.theta)[i]
      for part in BoxMuller.minusQuarterPi { t = t.addingProduct(column(.octant)[i], part) }
      let t2 = t * t
      let c0 = coss[2].addingProduct(coss[1].addingProduct(coss[0], t2), t2) * t2
      let cosine = (-0.5 * t2).addingProduct(c0, t2) + 1
      let s0 = sins[2].addingProduct(sins[1].addingProduct(sins[0], t2), t2) * t2
      let sine = t.addingProduct(s0, t)
      let swapped = column(.swap)[i] != 0
      column(.first)[i] = mean.addingProduct(radius * (swapped ? sine : cosine), column(.cosScale)[i])
      column(.second)[i] = mean.addingProduct(radius * (swapped ? cosine : sine), column(.sinScale)[i])
    }
  }

  // MARK: The same as a program of the pointwise engine

  private func run(_ pairs: Int, _ mean: Float) {
    let program = BoxMuller.program
    var constants = program.constants
    constants[0].f = Double(mean)
    var loop = ff_loop()
    loop.ndim = 1
    loop.sizes.0 = Int64(pairs)
    loop.nin = Int32(Column.first.rawValue)
    loop.nout = 2
    withUnsafeMutableBytes(of: &loop.ops) { raw in
      let operands = raw.bindMemory(to: ff_operand.self)
      for c in Column.allCases {
        operands[c.rawValue].data = UnsafeMutableRawPointer(column(c))
        operands[c.rawValue].strides.0 = 1
        operands[c.rawValue].dtype = DType.float32.rawValue
        operands[c.rawValue].reg = UInt8(c.rawValue)
      }
      operands[Column.first.rawValue].reg = program.first
      operands[Column.second.rawValue].reg = program.second
    }
    program.insts.withUnsafeBufferPointer { insts in
      constants.withUnsafeBufferPointer { constants in
        program.classes.withUnsafeBufferPointer { classes in
          var record = ff_program(
            insts: insts.baseAddress!, constants: constants.baseAddress!, classes: classes.baseAddress!,
            ninsts: Int32(insts.count), nconstants: Int32(constants.count), nregs: Int32(classes.count))
          _ = ff_pointwise(&record, &loop, 0, Int64(pairs))
        }
      }
    }
  }

  private struct Program: @unchecked Sendable {
    var insts: [ff_inst] = []
    /// The first is the mean.
    var constants: [ff_constant] = []
    var classes: [UInt8] = []
    var first: UInt8 = 0, second: UInt8 = 0

    /// Gives temporaries whose last use is over to later ones: the fewer tiles, the longer each may be.
    mutating func reuseRegisters(inputs: Int) {
      let fixed = inputs + constants.count
      var lastUse = [Int](repeating: -1, count: classes.count)
      for (k, inst) in insts.enumerated() {
        for r in [inst.a, inst.b, inst.c] { lastUse[Int(r)] = k }
      }
      lastUse[Int(first)] = insts.count
      lastUse[Int(second)] = insts.count
      var places = (0..<classes.count).map { UInt8($0) }
      var kinds = Array(classes[..<fixed])
      var free: [UInt8] = []
      for k in insts.indices {
        let old = insts[k], cls = classes[Int(old.dst)]
        insts[k].a = places[Int(old.a)]
        insts[k].b = places[Int(old.b)]
        insts[k].c = places[Int(old.c)]
        if let i = free.firstIndex(where: { kinds[Int($0)] == cls }) {
          places[Int(old.dst)] = free.remove(at: i)
        } else {
          places[Int(old.dst)] = UInt8(kinds.count)
          kinds.append(cls)
        }
        insts[k].dst = places[Int(old.dst)]
        for r in Set([old.a, old.b, old.c]) where Int(r) >= fixed && lastUse[Int(r)] == k {
          free.append(places[Int(r)])
        }
      }
      first = places[Int(first)]
      second = places[Int(second)]
      classes = kinds
    }
  }

  /// Built once.
  private static let program: Program = {
    let float = UInt8(FF_F32.rawValue), bool = UInt8(FF_B8.rawValue)
    var p = Program()
    p.classes = Array(repeating: float, count: Column.first.rawValue)
    func register(_ cls: UInt8) -> UInt8 {
      p.classes.append(cls)
      return UInt8(p.classes.count - 1)
    }
    func constant(_ value: Float) -> UInt8 {
      let r = register(float)
      p.constants.append(ff_constant(f: Double(value), i: 0, cls: float, reg: r))
      return r
    }
    let mean = constant(0), zero = constant(0), half = constant(-0.5), minusTwo = constant(-2)
    let one = constant(1)
    let logLow = constant(BoxMuller.logLow), logHigh = constant(BoxMuller.logHigh)
    let logs = BoxMuller.logPolynomial.map(constant), parts = BoxMuller.minusQuarterPi.map(constant)
    let sins = BoxMuller.sinPolynomial.map(constant), coss = BoxMuller.cosPolynomial.map(constant)
    func emit(_ op: ff_primitive, _ a: UInt8, _ b: UInt8 = 0, _ c: UInt8 = 0, _ cls: UInt8? = nil) -> UInt8 {
      let dst = register(cls ?? float)
      p.insts.append(ff_inst(op: UInt16(op.rawValue), cls: float, dst: dst, a: a, b: b, c: c, unused: 0))
      return dst
    }
    func mul(_ a: UInt8, _ b: UInt8) -> UInt8 { emit(FF_OP_mul, a, b) }
    func fma(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> UInt8 { emit(FF_OP_fma, a, b, c) }
    func input(_ c: Column) -> UInt8 { UInt8(c.rawValue) }

    let x = input(.mantissa), e = input(.exponent)
    var y = logs[0]
    for k in 1..<9 { y = fma(y, x, logs[k]) }
    let z = mul(x, x)
    y = fma(mul(y, x), z, mul(e, logLow))
    y = fma(z, half, y)
    let ln = fma(e, logHigh, emit(FF_OP_add, x, y))
    let radius = emit(FF_OP_sqrt, mul(minusTwo, ln))

    var t = input(.theta)
    for part in parts { t = fma(input(.octant), part, t) }
    let t2 = mul(t, t)
    let c0 = mul(fma(fma(coss[0], t2, coss[1]), t2, coss[2]), t2)
    let cosine = emit(FF_OP_add, fma(c0, t2, mul(half, t2)), one)
    let s0 = mul(fma(fma(sins[0], t2, sins[1]), t2, sins[2]), t2)
    let sine = fma(s0, t, t)
    let swapped = emit(FF_OP_ne, input(.swap), zero, 0, bool)
    p.first = fma(mul(radius, emit(FF_OP_select, swapped, sine, cosine)), input(.cosScale), mean)
    p.second = fma(mul(radius, emit(FF_OP_select, swapped, cosine, sine)), input(.sinScale), mean)
    p.reuseRegisters(inputs: Column.first.rawValue)
    return p
  }()
}
