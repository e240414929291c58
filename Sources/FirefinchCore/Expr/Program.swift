import CFirefinch

/// Compiled form of expressions for the CPU: register bytecode that the tile interpreter runs. Immutable; lives as long as
/// the operation that made it.
public final class Program: @unchecked Sendable {
  /// Register of each result.
  public let results: [Int]
  /// Class of each result.
  public let resultClasses: [RegisterClass]
  public let inputCount: Int
  private let instructions: UnsafeMutablePointer<ff_inst>
  private let classes: UnsafeMutablePointer<UInt8>
  private let constants: UnsafeMutablePointer<ff_constant>
  private let instructionCount: Int
  private let registerCount: Int
  private let constantCount: Int
  /// For each constant the call's number it comes from, or nil for a literal.
  private let slots: [Int?]
  private let hasSlots: Bool
  /// When the program is one primitive of its inputs in order: op and class for `ff_step`, packed; else nil.
  public let step: UInt32?

  /// Compiles `results` over inputs of the given classes. `common` is the class of numbers that meet nothing typed.
  public init(_ exprs: [Expr], inputs: [RegisterClass], common: RegisterClass) {
    var builder = ProgramBuilder(inputs: inputs, common: common)
    let values = exprs.map { builder.emit($0, want: nil) }
    let compiled = builder.finish(values)
    inputCount = inputs.count
    results = compiled.results
    resultClasses = compiled.results.map { compiled.classes[$0] }
    instructionCount = compiled.instructions.count
    registerCount = compiled.classes.count
    constantCount = compiled.constants.count
    slots = compiled.constants.map(\.slot)
    hasSlots = slots.contains { $0 != nil }
    step = Program.single(compiled, inputs: inputs.count)
    instructions = .allocate(capacity: Swift.max(instructionCount, 1))
    instructions.initialize(from: compiled.instructions, count: instructionCount)
    classes = .allocate(capacity: Swift.max(registerCount, 1))
    classes.initialize(from: compiled.classes.map(\.rawValue), count: registerCount)
    constants = .allocate(capacity: Swift.max(constantCount, 1))
    for (i, constant) in compiled.constants.enumerated() {
      constants[i] = Program.constant(constant.value, compiled.classes[constant.register], constant.register)
    }
  }

  private static func single(_ compiled: ProgramBuilder.Compiled, inputs: Int) -> UInt32? {
    guard compiled.instructions.count == 1, compiled.constants.isEmpty, compiled.results.count == 1, inputs <= 2 else {
      return nil
    }
    let only = compiled.instructions[0]
    let inOrder = only.a == 0 && (inputs == 1 || only.b == 1) && Int(only.dst) == compiled.results[0]
    return inOrder && only.op != UInt16(FF_OP_cast.rawValue) ? UInt32(only.op) << 8 | UInt32(only.cls) : nil
  }

  deinit {
    instructions.deallocate()
    classes.deallocate()
    constants.deallocate()
  }

  private static func constant(_ value: Scalar, _ cls: RegisterClass, _ register: Int) -> ff_constant {
    let integer: Int = cls == .bool ? (value.doubleValue != 0 ? 1 : 0) : value.intValue
    return ff_constant(f: value.doubleValue, i: Int64(integer), cls: cls.rawValue, reg: UInt8(register))
  }

  /// Calls `body` with the C program, the call's numbers filled in.
  @inline(__always)
  public func withProgram<R>(_ scalars: [Scalar], _ body: (UnsafePointer<ff_program>) -> R) -> R {
    if !hasSlots { return call(constants, body) }
    return withUnsafeTemporaryAllocation(of: ff_constant.self, capacity: constantCount) { buffer in
      for i in 0..<constantCount {
        buffer[i] = constants[i]
        if let slot = slots[i] {
          let cls = RegisterClass(rawValue: constants[i].cls)!
          buffer[i] = Program.constant(scalars[slot], cls, Int(constants[i].reg))
        }
      }
      return call(buffer.baseAddress!, body)
    }
  }

  @inline(__always)
  private func call<R>(_ constants: UnsafePointer<ff_constant>, _ body: (UnsafePointer<ff_program>) -> R) -> R {
    var program = ff_program(
      insts: instructions, constants: constants, classes: classes, ninsts: Int32(instructionCount),
      nconstants: Int32(constantCount), nregs: Int32(registerCount))
    return body(&program)
  }
}

/// Lowers expressions to three-address code with equal values merged, then assigns registers.
struct ProgramBuilder {
  struct Constant {
    var value: Scalar
    var slot: Int?
    var register: Int
  }
  struct Compiled {
    var instructions: [ff_inst]
    var constants: [Constant]
    var classes: [RegisterClass]
    var results: [Int]
  }
  /// A value before register assignment.
  private struct Value {
    var op: Primitive
    var cls: RegisterClass
    var operands: [Int]
    var target: RegisterClass
  }
  private struct Key: Hashable {
    var code: UInt16
    var cls: RegisterClass
    var operands: [Int]
  }
  private struct ConstantKey: Hashable {
    var bits: UInt64
    var slot: Int?
    var cls: RegisterClass
  }
  private struct Memo: Hashable {
    var id: ObjectIdentifier
    var want: RegisterClass?
  }

  private let inputs: [RegisterClass]
  private let common: RegisterClass
  /// Values are numbered: inputs, then constants and computed ones in order of appearance.
  private var classes: [RegisterClass]
  private var computed: [Int: Value] = [:]
  private var constantAt: [Int: (Double, Int?)] = [:]
  private var keys: [Key: Int] = [:]
  private var constantKeys: [ConstantKey: Int] = [:]
  private var memo: [Memo: Int] = [:]

  init(inputs: [RegisterClass], common: RegisterClass) {
    self.inputs = inputs
    self.common = common
    classes = inputs
  }

  private static func isUntyped(_ expr: Expr) -> Bool {
    switch expr.node.kind {
    case .scalar, .literal: true
    default: false
    }
  }

  /// The number of the value of `expr`; numbers take the class `want`, typed values are converted to it when given.
  mutating func emit(_ expr: Expr, want: RegisterClass?) -> Int {
    let key = Memo(id: ObjectIdentifier(expr.node), want: want)
    if let known = memo[key] { return known }
    var value: Int
    switch expr.node.kind {
    case .input(let index): value = index
    case .literal(let number): value = constant(number, nil, want ?? common)
    case .scalar(let slot): value = constant(0, slot, want ?? common)
    case .cast(let source, let to): value = convert(emit(source, want: nil), to)
    case .apply(let primitive, let operands): value = apply(primitive, operands, want)
    }
    if let want { value = convert(value, want) }
    memo[key] = value
    return value
  }

  private mutating func constant(_ number: Double, _ slot: Int?, _ cls: RegisterClass) -> Int {
    let key = ConstantKey(bits: number.bitPattern, slot: slot, cls: cls)
    if let known = constantKeys[key] { return known }
    classes.append(cls)
    constantKeys[key] = classes.count - 1
    constantAt[classes.count - 1] = (number, slot)
    return classes.count - 1
  }

  private mutating func convert(_ value: Int, _ to: RegisterClass) -> Int {
    if classes[value] == to { return value }
    return add(Value(op: .cast, cls: classes[value], operands: [value], target: to))
  }

  private mutating func apply(_ primitive: Primitive, _ operands: [Expr], _ want: RegisterClass?) -> Int {
    if primitive.isSymbolic { return emit(Expr.realForm(primitive, operands[0]), want: want) }
    if primitive.typing == .select {
      let condition = emit(operands[0], want: .bool)
      let (values, cls) = unify(Array(operands[1...]), want)
      return add(Value(op: primitive, cls: cls, operands: [condition] + values, target: cls))
    }
    let (values, cls) = unify(operands, primitive.typing == .same ? want : nil)
    let target: RegisterClass = primitive.typing == .comparison || primitive.typing == .classification ? .bool : cls
    return add(Value(op: primitive, cls: cls, operands: values, target: target))
  }

  /// Operands in their widest common class; numbers adapt to the typed ones.
  private mutating func unify(_ operands: [Expr], _ want: RegisterClass?) -> ([Int], RegisterClass) {
    var widest: RegisterClass?
    for operand in operands where !ProgramBuilder.isUntyped(operand) {
      let cls = classes[emit(operand, want: nil)]
      widest = widest.map { ProgramBuilder.width($0) >= ProgramBuilder.width(cls) ? $0 : cls } ?? cls
    }
    let cls = widest ?? want ?? common
    return (operands.map { emit($0, want: cls) }, cls)
  }

  private static func width(_ cls: RegisterClass) -> Int {
    switch cls {
    case .bool: 0
    case .int64: 1
    case .float32: 2
    case .float64: 3
    }
  }

  private mutating func add(_ value: Value) -> Int {
    var operands = value.operands
    if value.op == .cast { operands.append(Int(value.target.rawValue)) }
    let key = Key(code: value.op.code, cls: value.cls, operands: operands)
    if let known = keys[key] { return known }
    classes.append(value.target)
    computed[classes.count - 1] = value
    keys[key] = classes.count - 1
    return classes.count - 1
  }

  /// Assigns registers: inputs keep theirs, constants follow, temporaries are reused by class once dead.
  func finish(_ results: [Int]) -> Compiled {
    var needed = Set(results)
    var order: [Int] = []
    for value in computed.keys.sorted(by: >) where needed.contains(value) {
      order.append(value)
      needed.formUnion(computed[value]!.operands)
    }
    order.reverse()
    var lastUse: [Int: Int] = [:]
    for (position, value) in order.enumerated() {
      for operand in computed[value]!.operands { lastUse[operand] = position }
    }
    for value in results { lastUse[value] = Int.max }

    var registers: [Int: Int] = [:]
    var registerClasses = inputs
    for i in inputs.indices { registers[i] = i }
    var constants: [Constant] = []
    for value in constantAt.keys.sorted() where needed.contains(value) {
      let (number, slot) = constantAt[value]!
      registers[value] = registerClasses.count
      constants.append(Constant(value: .double(number), slot: slot, register: registerClasses.count))
      registerClasses.append(classes[value])
    }
    var free: [RegisterClass: [Int]] = [:]
    var instructions: [ff_inst] = []
    for (position, value) in order.enumerated() {
      let v = computed[value]!
      let sources = v.operands.map { registers[$0]! }
      // A fresh or dead register, never one of this instruction's own operands: loops may not overlap.
      let register: Int
      if let reused = free[v.target]?.popLast() {
        register = reused
      } else {
        register = registerClasses.count
        registerClasses.append(v.target)
      }
      registers[value] = register
      for operand in Set(v.operands) where lastUse[operand] == position && computed[operand] != nil {
        free[classes[operand], default: []].append(registers[operand]!)
      }
      let b = v.op == .cast ? Int(v.target.rawValue) : sources.count > 1 ? sources[1] : 0
      instructions.append(
        ff_inst(
          op: v.op.code, cls: v.cls.rawValue, dst: UInt8(register), a: UInt8(sources[0]), b: UInt8(b),
          c: UInt8(sources.count > 2 ? sources[2] : 0), unused: 0))
    }
    if registerClasses.count > 255 {
      fatalError("fuse: the expression needs \(registerClasses.count) registers, the limit is 255; split it in two")
    }
    return Compiled(
      instructions: instructions, constants: constants, classes: registerClasses,
      results: results.map { registers[$0]! })
  }
}
