import CFirefinch
import FirefinchCore
import FirefinchCPU
import Synchronization

/// Dtypes of a pointwise op's computation and result.
enum DTypeRule: Sendable {
  /// Compute and give the common dtype.
  case promote
  /// As `promote`, integers and bool becoming the default floating dtype.
  case promoteToFloat
  /// Compute in the common dtype, give bool.
  case comparison
  /// As `promote`, refusing floating-point input.
  case integral
  /// As `promote`, refusing bool input (negation, subtraction).
  case notBool
  /// As `promote`, refusing anything but floating point.
  case floating
  /// The result has the first input's dtype.
  case first
}

/// A pointer published once and read without a lock.
private final class AtomicPointer: Sendable { let value = Atomic<UInt>(0) }

/// Expressions of inputs with everything derived from them: compiled programs for each register class and gradient
/// functions. Shared by ops, their derivatives and `fuse`.
final class PointwiseFunction: Sendable {
  /// Results from inputs.
  typealias Builder = @Sendable (_ x: [Expr]) -> [Expr]
  /// Gradients of the inputs from results' gradients, inputs and results; replaces the symbolic derivative.
  typealias Override = @Sendable (_ g: [Expr], _ x: [Expr], _ y: [Expr]) -> [Expr?]

  let name: String
  let inputCount: Int
  let exprs: [Expr]
  let rule: DTypeRule
  /// Inputs loaded in their own class instead of the common dtype's (conditions, indices).
  let ownClass: Set<Int>
  private let override: Override?
  /// Programs for the common classes when every input has it; the usual case without a lock.
  private let direct: [AtomicPointer]
  /// Gradient functions of the first masks, likewise.
  private let steps: [AtomicPointer]
  private let directGradients: [AtomicPointer]
  private let programs = Mutex<[[RegisterClass]: Program]>([:])
  private let gradients = Mutex<[Int: GradientFunction]>([:])
  /// Whether derivatives follow the rules over complex numbers.
  let isComplex: Bool
  private let twin = Mutex<PointwiseFunction?>(nil)
  private let complexPrograms = Mutex<[ComplexKey: ComplexProgram?]>([:])

  /// A derivative function and where its inputs come from.
  final class GradientFunction: Sendable {
    enum Source: Sendable, Equatable { case grad(Int), input(Int), result(Int) }
    let function: PointwiseFunction
    let sources: [Source]
    /// The input whose gradient each result is.
    let targets: [Int]
    /// Whether nothing needs to be kept for it.
    let readsGradientOnly: Bool

    init(function: PointwiseFunction, sources: [Source], targets: [Int]) {
      self.function = function
      self.sources = sources
      self.targets = targets
      readsGradientOnly = sources.allSatisfy { if case .grad = $0 { true } else { false } }
    }
  }

  init(
    name: String, inputs: Int, rule: DTypeRule, ownClass: Set<Int> = [], override: Override? = nil, exprs: [Expr],
    isComplex: Bool = false
  ) {
    self.isComplex = isComplex
    self.name = name
    inputCount = inputs
    self.exprs = exprs
    self.rule = rule
    self.ownClass = ownClass
    self.override = override
    direct = RegisterClass.allCases.map { _ in AtomicPointer() }
    steps = RegisterClass.allCases.map { _ in AtomicPointer() }
    directGradients = (0..<4).map { _ in AtomicPointer() }
  }

  /// The program for inputs of these dtypes, computing in `common`.
  func program(common: DType, inputs: [DType]) -> Program {
    let cls = common.registerClass
    if ownClass.isEmpty { return program(cls) }
    let classes = inputs.enumerated().map { ownClass.contains($0.offset) ? $0.element.registerClass : cls }
    let key = [cls] + classes
    return programs.withLock { cache in
      if let known = cache[key] { return known }
      let fresh = Program(exprs, inputs: classes, common: cls)
      cache[key] = fresh
      return fresh
    }
  }

  /// The program when every input is of class `cls`; it lives as long as this function.
  func program(_ cls: RegisterClass) -> Program { directProgram(cls).takeUnretainedValue() }

  /// The same without retaining it.
  @inline(__always) func directProgram(_ cls: RegisterClass) -> Unmanaged<Program> {
    let raw = direct[Int(cls.rawValue)].value.load(ordering: .acquiring)
    if raw == 0 { return .passUnretained(compile(cls)) }
    return Unmanaged<Program>.fromOpaque(UnsafeRawPointer(bitPattern: raw)!)
  }

  /// Runs the function on a few dense elements of the classes' own dtypes when it is one primitive: the fault bits, or nil.
  @inline(__always) func runStep(
    _ cls: RegisterClass, _ count: Int, _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer,
    _ out: UnsafeMutableRawPointer
  ) -> Int32? {
    let code = steps[Int(cls.rawValue)].value.load(ordering: .relaxed)
    if code == 0 { return nil }
    return ff_step(Int32(truncatingIfNeeded: code >> 8), Int32(truncatingIfNeeded: code & 3), out, a, b, Int64(count))
  }

  @inline(never) private func compile(_ cls: RegisterClass) -> Program {
    let classes = [RegisterClass](repeating: cls, count: inputCount)
    // The common class is part of the key: an expression without inputs has no other class.
    let key = [cls] + classes
    return programs.withLock { cache in
      if let known = cache[key] { return known }
      let fresh = Program(exprs, inputs: classes, common: cls)
      cache[key] = fresh
      if let step = fresh.step { steps[Int(cls.rawValue)].value.store(UInt(step), ordering: .relaxed) }
      // The cache keeps it alive as long as this function.
      let raw = UInt(bitPattern: Unmanaged.passUnretained(fresh).toOpaque())
      direct[Int(cls.rawValue)].value.store(raw, ordering: .releasing)
      return fresh
    }
  }

  /// The same function for calls with complex tensors.
  var complexTwin: PointwiseFunction {
    if isComplex { return self }
    return twin.withLock { twin in
      if let twin { return twin }
      let made = PointwiseFunction(
        name: name, inputs: inputCount, rule: rule, ownClass: ownClass, exprs: exprs, isComplex: true)
      twin = made
      return made
    }
  }

  /// Which inputs and numbers of a call are complex, and the classes computed in.
  struct ComplexKey: Hashable {
    var inputs: [Bool]
    var scalars: [Bool]
    var common: RegisterClass
    var classes: [RegisterClass]
  }

  /// The function lowered to real parts.
  final class ComplexProgram: Sendable {
    let program: Program
    /// Whether each result has an imaginary part.
    let results: [Bool]
    init(program: Program, results: [Bool]) {
      self.program = program
      self.results = results
    }
  }

  /// The lowered function, or nil when it is not defined for complex numbers.
  func complexProgram(_ key: ComplexKey) -> ComplexProgram? {
    complexPrograms.withLock { cache in
      if let known = cache[key] { return known }
      let made = lowered(key)
      cache[key] = .some(made)
      return made
    }
  }

  private func lowered(_ key: ComplexKey) -> ComplexProgram? {
    typealias Pair = ComplexLowering.Pair
    var classes: [RegisterClass] = []
    func pairs(_ flags: [Bool], _ make: (Int) -> Expr) -> [Pair] {
      var next = 0
      return flags.map { isComplex in
        defer { next += isComplex ? 2 : 1 }
        return isComplex ? Pair(make(next), make(next + 1)) : Pair(make(next))
      }
    }
    for (i, isComplex) in key.inputs.enumerated() {
      classes += [RegisterClass](repeating: ownClass.contains(i) ? key.classes[i] : key.common, count: isComplex ? 2 : 1)
    }
    var lowering = ComplexLowering(
      inputs: pairs(key.inputs) { .input($0) }, scalars: pairs(key.scalars) { .scalar($0) })
    var parts: [Expr] = []
    var results: [Bool] = []
    for expr in exprs {
      guard let pair = lowering.lower(expr) else { return nil }
      parts.append(pair.re)
      if let im = pair.im { parts.append(im) }
      results.append(pair.im != nil)
    }
    return ComplexProgram(program: Program(parts, inputs: classes, common: key.common), results: results)
  }

  /// Some of the results with the inputs they read.
  struct Piece {
    let function: PointwiseFunction
    let inputs: [Int]
    let results: [Int]
  }

  /// The function in pieces of at most `limit` inputs and results each.
  func pieces(atMost limit: Int) throws -> [Piece] {
    var groups: [(results: [Int], inputs: Set<Int>)] = []
    for (i, expr) in exprs.enumerated() {
      let used = expr.inputsUsed
      if used.count + 1 > limit {
        throw TensorError.value(
          "\(name): a result that reads \(used.count) tensors at once is more than the \(limit - 1) one loop takes; split the "
            + "expression")
      }
      if let last = groups.last, last.inputs.union(used).count + last.results.count + 1 <= limit {
        groups[groups.count - 1] = (last.results + [i], last.inputs.union(used))
      } else {
        groups.append(([i], used))
      }
    }
    return groups.map { group in
      let inputs = group.inputs.sorted()
      let position = Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ($1, $0) })
      let own = Set(inputs.enumerated().filter { ownClass.contains($0.element) }.map(\.offset))
      let function = PointwiseFunction(
        name: name, inputs: inputs.count, rule: rule, ownClass: own,
        exprs: group.results.map { exprs[$0].substituting { .input(position[$0]!) } }, isComplex: isComplex)
      return Piece(function: function, inputs: inputs, results: group.results)
    }
  }

  /// Gradients of all inputs as expressions over inputs `0..<n`, gradients `n..<n+m` and results `n+m..<n+2m`.
  private func gradientExprs() -> [Expr?] {
    let m = exprs.count
    let g = (0..<m).map { Expr.input(inputCount + $0) }
    if let override {
      let x = (0..<inputCount).map { Expr.input($0) }
      let y = (0..<m).map { Expr.input(inputCount + m + $0) }
      return override(g, x, y)
    }
    var sums = [Expr?](repeating: nil, count: inputCount)
    for (expr, grad) in zip(exprs, g) {
      for (i, partial) in expr.gradients(inputs: inputCount, grad: grad, complex: isComplex).enumerated() {
        guard let partial else { continue }
        sums[i] = sums[i].map { $0 + partial } ?? partial
      }
    }
    return sums
  }

  /// Whether any input has a gradient.
  var isDifferentiable: Bool { gradientExprs().contains { $0 != nil } }

  /// The function that computes the gradients of the inputs in `mask` (bit i for input i), or nil when all are zero.
  func gradient(mask: Int) -> GradientFunction? {
    if mask < directGradients.count {
      let raw = directGradients[mask].value.load(ordering: .acquiring)
      if raw != 0 {
        return Unmanaged<GradientFunction>.fromOpaque(UnsafeRawPointer(bitPattern: raw)!).takeUnretainedValue()
      }
    }
    let known = gradients.withLock { $0[mask] }
    if let known { return known.targets.isEmpty ? nil : known }
    let n = inputCount
    let m = exprs.count
    var targets: [Int] = []
    var wanted: [Expr] = []
    for (i, expr) in gradientExprs().enumerated() where mask >> i & 1 == 1 {
      if let expr {
        targets.append(i)
        wanted.append(expr)
      }
    }
    let used = wanted.reduce(into: Set<Int>()) { $0.formUnion($1.inputsUsed) }.sorted()
    let position = Dictionary(uniqueKeysWithValues: used.enumerated().map { ($1, $0) })
    let compact = wanted.map { $0.substituting { .input(position[$0]!) } }
    let own = Set(used.enumerated().filter { ownClass.contains($0.element) }.map(\.offset))
    let sources = used.map { i -> GradientFunction.Source in
      i < n ? .input(i) : i < n + m ? .grad(i - n) : .result(i - n - m)
    }
    let function = PointwiseFunction(
      name: name + "Backward", inputs: used.count, rule: .promote, ownClass: own, exprs: compact, isComplex: isComplex)
    let made = GradientFunction(function: function, sources: sources, targets: targets)
    gradients.withLock { $0[mask] = $0[mask] ?? made }
    if mask < directGradients.count, !made.targets.isEmpty, let kept = gradients.withLock({ $0[mask] }) {
      // The table keeps it alive as long as this function.
      let raw = UInt(bitPattern: Unmanaged.passUnretained(kept).toOpaque())
      directGradients[mask].value.store(raw, ordering: .releasing)
    }
    return made.targets.isEmpty ? nil : made
  }
}

/// The pointwise part of a record: how arguments become a `PointwiseFunction`.
final class PointwiseDefinition: Sendable {
  /// Arguments as expressions, for the record's builder.
  struct Arguments {
    let values: [Expr?]
    let call: [Value]

    /// Tensor or number argument `index`.
    subscript(_ index: Int) -> Expr {
      guard let value = values[index] else { fatalError("pointwise: argument \(index) is not a tensor or number") }
      return value
    }
    /// Tensor or number argument `index`, or nil for None.
    func optional(_ index: Int) -> Expr? { values[index] }
    /// Word argument `index` (`approximate`, `rounding_mode`), "" for None.
    func word(_ index: Int) -> String {
      if case .string(let word) = call[index] { return word }
      return ""
    }
  }

  typealias Build = @Sendable (Arguments) -> [Expr]
  typealias Override = @Sendable (_ g: Expr, _ e: Arguments, _ y: Expr) -> [Expr?]

  let rule: DTypeRule
  let build: Build
  let override: Override?
  /// Parameters loaded in their own class.
  let ownClass: Set<Int>
  private let cache = Mutex<[Key: Specialised]>([:])
  /// The plain two- or one-tensor form with all other arguments at their defaults.
  private let plain = Atomic<UInt>(0)

  private struct Key: Hashable {
    var kinds: [UInt8]
    var words: [String]
  }

  /// A function for one pattern of arguments.
  final class Specialised: Sendable {
    let function: PointwiseFunction
    init(function: PointwiseFunction) { self.function = function }
  }

  init(rule: DTypeRule, ownClass: Set<Int>, build: @escaping Build, override: Override?) {
    self.rule = rule
    self.ownClass = ownClass
    self.build = build
    self.override = override
  }

  var isDifferentiable: Bool { rule != .comparison && rule != .integral }

  /// The function for arguments of this pattern: tensors are inputs, numbers that differ from their default are inputs of
  /// their own slot, numbers at their default are literals, words choose the expression.
  private func specialise(_ op: Op, _ arguments: [Value]) -> Specialised {
    var kinds: [UInt8] = []
    var words: [String] = []
    let parameters = op.schema.parameters
    for (i, argument) in arguments.enumerated() {
      switch argument {
      case .tensor: kinds.append(1)
      case .scalar(let value): kinds.append(PointwiseDefinition.isDefault(value, parameters[i]) ? 2 : 3)
      case .string(let word):
        kinds.append(4)
        words.append(word)
      default: kinds.append(0)
      }
    }
    let key = Key(kinds: kinds, words: words)
    if let known = cache.withLock({ $0[key] }) { return known }
    var tensors = 0
    var slots = 0
    var inputParameters: [Int] = []
    var values: [Expr?] = []
    for (i, argument) in arguments.enumerated() {
      switch (kinds[i], argument) {
      case (1, _):
        values.append(.input(tensors))
        inputParameters.append(i)
        tensors += 1
      case (2, .scalar(let value)): values.append(.literal(value.doubleValue))
      case (3, _):
        values.append(.scalar(slots))
        slots += 1
      default: values.append(nil)
      }
    }
    let e = Arguments(values: values, call: arguments)
    let exprs = build(e)
    let inputs = tensors
    var wrapped: PointwiseFunction.Override?
    if let override {
      let parameterList = inputParameters
      wrapped = { g, x, y in
        // The record's closure sees parameters; the function's inputs are the tensors among them.
        var seen = e.values
        for (position, parameter) in parameterList.enumerated() { seen[parameter] = x[position] }
        let all = override(g[0], Arguments(values: seen, call: e.call), y[0])
        return parameterList.map { $0 < all.count ? all[$0] : nil }
      }
    }
    let own = Set(inputParameters.enumerated().filter { ownClass.contains($0.element) }.map(\.offset))
    let function = PointwiseFunction(
      name: op.name, inputs: inputs, rule: rule, ownClass: own, override: wrapped, exprs: exprs)
    let made = Specialised(function: function)
    // The first one stays: `plain` and running calls refer to it without holding it.
    return cache.withLock { cache in
      if let known = cache[key] { return known }
      cache[key] = made
      return made
    }
  }

  private static func isDefault(_ value: Scalar, _ parameter: Schema.Parameter) -> Bool {
    if case .scalar(let standard) = parameter.defaultValue { return standard.doubleValue == value.doubleValue }
    return false
  }

  /// The function of the plain form (all tensors given, the rest default), without building a key. It lives as long as
  /// the record.
  @inline(__always) func plainFunction(_ op: Op) -> Unmanaged<PointwiseFunction> {
    let raw = plain.load(ordering: .acquiring)
    if raw != 0 { return Unmanaged<PointwiseFunction>.fromOpaque(UnsafeRawPointer(bitPattern: raw)!) }
    return makePlainFunction(op)
  }

  @inline(never) private func makePlainFunction(_ op: Op) -> Unmanaged<PointwiseFunction> {
    let stand = Tensor(empty: [], dtype: .float32)
    let arguments = op.schema.parameters.map { $0.isTensor ? Value.tensor(stand) : $0.defaultValue }
    let function = Unmanaged.passUnretained(specialise(op, arguments).function)
    plain.store(UInt(bitPattern: function.toOpaque()), ordering: .releasing)
    return function
  }

  /// Splits arguments into the function, its tensors and its numbers.
  private func prepare(_ op: Op, _ arguments: [Value]) -> (PointwiseFunction, [Tensor], [Scalar]) {
    let complete = op.complete(arguments)
    let function = specialise(op, complete).function
    var tensors: [Tensor] = []
    var scalars: [Scalar] = []
    for (i, argument) in complete.enumerated() {
      switch argument {
      case .tensor(let tensor): tensors.append(tensor)
      case .scalar(let value):
        if !PointwiseDefinition.isDefault(value, op.schema.parameters[i]) { scalars.append(value) }
      default: break
      }
    }
    return (function, tensors, scalars)
  }

  /// Numbers that take part in promotion: those given where the schema has a Tensor.
  private func weakNumbers(_ op: Op, _ arguments: [Value]) -> [Scalar] {
    var result: [Scalar] = []
    for (argument, parameter) in zip(arguments, op.schema.parameters) {
      if case .scalar(let value) = argument, parameter.isTensor { result.append(value) }
    }
    return result
  }

  func call(_ op: Op, _ arguments: [Value]) throws -> Tensor {
    let (function, tensors, scalars) = prepare(op, arguments)
    let weak = weakNumbers(op, arguments)
    return try PointwiseCall(name: op.name, function, tensors, scalars, weak).fresh()[0]
  }

  func inPlace(_ op: Op, _ arguments: [Value]) throws -> Tensor {
    let (function, tensors, scalars) = prepare(op, arguments)
    let weak = weakNumbers(op, arguments)
    return try PointwiseCall(name: op.name, function, tensors, scalars, weak).inPlace()
  }
}

extension Op {
  /// A pointwise op: one scalar expression of its arguments. `derivative` replaces the symbolic derivative where that
  /// would lose accuracy or read more than needed; it gives one gradient per parameter from the result's gradient `g`, the
  /// arguments `e` and the result `y`.
  static func pointwise(
    _ schema: String, dtypes rule: DTypeRule = .promote, ownClass: Set<Int> = [],
    samples: @escaping @Sendable () -> [Sample], derivative: PointwiseDefinition.Override? = nil,
    _ build: @escaping @Sendable (PointwiseDefinition.Arguments) -> Expr
  ) -> Op {
    let definition = PointwiseDefinition(
      rule: rule, ownClass: ownClass, build: { [build($0)] }, override: derivative)
    return Op(
      schema: Schema(schema), kind: .pointwise(definition), plan: { _ in .same }, forward: { _, _ in },
      derivative: nil, saves: .nothing, samples: samples)
  }
}
