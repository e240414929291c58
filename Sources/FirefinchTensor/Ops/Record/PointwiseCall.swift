import FirefinchCore
import FirefinchCPU

/// One run of a pointwise function: dtype and shape rules, memory, kernel, tape.
struct PointwiseCall {
  let name: String
  let function: PointwiseFunction
  let inputs: [Tensor]
  let scalars: [Scalar]
  /// The dtype values are computed in.
  let common: DType
  let shape: Shape
  let device: Device
  let isPoisoned: Bool
  /// The program over real parts when an input or a number is complex.
  let lowered: PointwiseFunction.ComplexProgram?

  init(
    name: String, _ function: PointwiseFunction, _ inputs: [Tensor], _ scalars: [Scalar], _ weak: [Scalar]
  ) throws {
    self.name = name
    self.inputs = inputs
    self.scalars = scalars
    let isComplex = inputs.contains { $0.dtype.isComplex } || scalars.contains(where: \.isComplex)
    let function = isComplex ? function.complexTwin : function
    self.function = function
    isPoisoned = inputs.contains(where: \.isPoisoned)
    var promotion = TypePromotion()
    var shape: Shape?
    var device: Device?
    for (i, input) in inputs.enumerated() {
      if !function.ownClass.contains(i) { promotion.add(input) }
      shape = try shape.map { try Layout.broadcast($0, input.layout.shape, op: name) } ?? input.layout.shape
      if let known = device, known != input.device, input.rank > 0 {
        throw TensorError.device(
          "\(name): tensors are on \(known) and \(input.device); move them to one device with to(device)")
      }
      if device == nil || (input.rank > 0 && device != input.device) { device = input.device }
    }
    for number in weak { promotion.add(number) }
    self.shape = shape ?? []
    self.device = device ?? .cpu
    common = try PointwiseCall.compute(promotion.result, function.rule, name)
    guard isComplex else {
      lowered = nil
      return
    }
    lowered = PointwiseCall.lower(function, inputs, scalars, common)
    if lowered == nil {
      throw TensorError.dtype("\(name): complex tensors are not supported, got \(promotion.result.name)")
    }
  }

  /// The real form of `function` over these operands, nil when complex numbers are not defined for it.
  private static func lower(
    _ function: PointwiseFunction, _ inputs: [Tensor], _ scalars: [Scalar], _ common: DType
  ) -> PointwiseFunction.ComplexProgram? {
    let key = PointwiseFunction.ComplexKey(
      inputs: inputs.map(\.dtype.isComplex), scalars: scalars.map(\.isComplex), common: common.registerClass,
      classes: inputs.map(\.dtype.registerClass))
    return function.complexProgram(key)
  }

  private static func compute(_ promoted: DType, _ rule: DTypeRule, _ name: String) throws -> DType {
    switch rule {
    case .promote, .comparison, .first: return promoted
    case .promoteToFloat: return promoted.isDifferentiable ? promoted : DType.defaultFloat
    case .integral:
      if promoted.isDifferentiable {
        throw TensorError.dtype("\(name): expected integer or bool tensors, got \(promoted.name)")
      }
      return promoted
    case .notBool:
      if promoted == .bool {
        throw TensorError.dtype("\(name): bool tensors are not supported; use logicalNot or logicalXor, or convert first")
      }
      return promoted
    case .floating:
      if !promoted.isDifferentiable {
        throw TensorError.dtype("\(name): expected floating-point tensors, got \(promoted.name); convert with to(.float32)")
      }
      return promoted
    }
  }

  /// The dtype of result `index`.
  private func resultDType(_ index: Int) -> DType {
    if let lowered, function.rule != .comparison, function.rule != .first {
      return lowered.results[index] ? common.complexType : common.realType
    }
    return switch function.rule {
    case .comparison: .bool
    case .first: inputs[0].dtype
    default: common
    }
  }

  /// Memory layout of the result: as the first dense input of full shape.
  private var resultLayout: Layout {
    for input in inputs where input.layout.shape == shape && input.rank > 0 {
      return input.isContiguous ? Layout(contiguous: shape) : input.layout.preserved()
    }
    return Layout(contiguous: shape)
  }

  /// A part of `whole`'s results, over the inputs they read, in the same type and shape.
  private init(_ whole: PointwiseCall, _ piece: PointwiseFunction.Piece) {
    name = whole.name
    function = piece.function
    inputs = piece.inputs.map { whole.inputs[$0] }
    scalars = whole.scalars
    (isPoisoned, shape, device, common) = (whole.isPoisoned, whole.shape, whole.device, whole.common)
    guard whole.lowered != nil else {
      lowered = nil
      return
    }
    lowered = PointwiseCall.lower(function, inputs, scalars, common)
  }

  private func execute(into outputs: [Tensor]) throws {
    if device != .cpu || shape.elementCount == 0 { return }
    let parts = lowered == nil ? 1 : 2
    if (inputs.count + outputs.count) * parts > Loop.operandLimit {
      // More buffers than one loop takes: some of the results at a time.
      for piece in try function.pieces(atMost: Loop.operandLimit / parts) {
        try PointwiseCall(self, piece).execute(into: piece.results.map { outputs[$0] })
      }
      return
    }
    if let lowered { return runLowered(lowered, outputs) }
    let program = function.program(common: common, inputs: inputs.map(\.dtype))
    let faults = PointwiseKernel.run(
      program, scalars: scalars, shape: shape, inputs: inputs.enumerated().map { $1.operand($0) },
      outputs: outputs.enumerated().map { $1.operand(program.results[$0]) })
    if faults.contains(.divisionByZero) {
      throw TensorError.value("\(name): integer division by zero; the divisor has a 0")
    }
  }

  private func runLowered(_ lowered: PointwiseFunction.ComplexProgram, _ outputs: [Tensor]) {
    var sources: [LoopOperand] = []
    for input in inputs {
      if input.dtype.isComplex {
        sources += [input.part(0, sources.count), input.part(1, sources.count + 1)]
      } else {
        sources.append(input.operand(sources.count))
      }
    }
    let numbers = scalars.flatMap { $0.isComplex ? [.double($0.doubleValue), .double($0.imaginaryValue)] : [$0] }
    var targets: [LoopOperand] = []
    for (i, output) in outputs.enumerated() {
      let register = lowered.program.results[targets.count]
      if lowered.results[i] {
        targets += [output.part(0, register), output.part(1, lowered.program.results[targets.count + 1])]
      } else if output.dtype.isComplex {
        targets.append(output.part(0, register))
      } else {
        targets.append(output.operand(register))
      }
    }
    _ = PointwiseKernel.run(lowered.program, scalars: numbers, shape: shape, inputs: sources, outputs: targets)
    for (i, output) in outputs.enumerated() where !lowered.results[i] && output.dtype.isComplex {
      // A real value for a complex tensor, in place: the imaginary parts become 0, now that they are read.
      let parts = output.layout.asReal
      output.alias(layout: parts.selected(dim: parts.rank - 1, index: 1), dtype: output.dtype.realType).fillData(.int(0))
    }
  }

  /// Fresh results, recorded on the tape.
  func fresh() throws -> [Tensor] {
    if isPoisoned { return function.exprs.map { _ in ErrorScope.poison() } }
    let layout = resultLayout
    let results = function.exprs.indices.map { i in
      Tensor(uninitialised: TensorSpec(layout: layout, dtype: resultDType(i)), device: device)
    }
    try execute(into: results)
    if let node = node(results) {
      for (i, result) in results.enumerated() { result.setHistory(node, i) }
    }
    return results
  }

  private func node(_ results: [Tensor]) -> PointwiseNode? {
    guard results[0].dtype.isDifferentiable, GradMode.isEnabled else { return nil }
    var mask = 0
    for (i, input) in inputs.enumerated() where input.requiresGrad && input.dtype.isDifferentiable { mask |= 1 << i }
    if mask == 0 { return nil }
    return PointwiseNode(function, inputs, scalars, results, mask)
  }

  /// Writes into the first input.
  func inPlace() throws -> Tensor {
    let target = inputs[0]
    if isPoisoned { return target }
    try InPlace.check(target, spec: TensorSpec(shape, resultDType(0)), op: name + "_")
    for input in inputs.dropFirst() where input.storage === target.storage && input.layout != target.layout {
      // The write could overtake the read: compute aside.
      let result = try withNoGrad { try PointwiseCall(name: name, function, inputs, scalars, []).fresh() }
      target.copyData(from: result[0])
      InPlace.commit(target, node([target]))
      return target
    }
    try execute(into: [target])
    var recorded: PointwiseNode?
    if target.dtype.isDifferentiable, GradMode.isEnabled {
      recorded = node([target])
      // Results saved by the node have the version after this write.
      recorded?.shiftVersion(of: target.storage)
    }
    InPlace.commit(target, recorded)
    return target
  }
}

/// The tape's node of a pointwise function.
final class PointwiseNode: Node {
  let function: PointwiseFunction
  private let gradient: PointwiseFunction.GradientFunction?
  /// What the gradient function reads, nil for a gradient: the first two inline, so that most operations need no array.
  @exclusivity(unchecked) private var first: SavedTensor?
  @exclusivity(unchecked) private var second: SavedTensor?
  @exclusivity(unchecked) private var rest: [SavedTensor?]?
  private let scalars: [Scalar]?
  private let results: Int
  @exclusivity(unchecked) private var released = false
  private let resultShape: Shape
  private let resultDType: DType

  init(_ function: PointwiseFunction, _ inputs: [Tensor], _ scalars: [Scalar], _ results: [Tensor], _ mask: Int) {
    self.function = function
    self.scalars = scalars
    self.results = results.count
    gradient = function.gradient(mask: mask)
    resultShape = results[0].layout.shape
    resultDType = results[0].dtype
    super.init(edges: EdgeList(inputs))
    for (i, source) in (gradient?.sources ?? []).enumerated() {
      switch source {
      case .grad: save(i, nil)
      case .input(let input): save(i, SavedTensor(inputs[input]))
      case .result(let result): save(i, SavedTensor(results[result].alias()))
      }
    }
  }

  /// For one or two inputs, one result and no numbers, without arrays.
  init(_ function: PointwiseFunction, _ a: Tensor, _ b: Tensor?, _ result: Tensor, _ mask: Int) {
    self.function = function
    scalars = nil
    results = 1
    gradient = function.gradient(mask: mask)
    resultShape = result.layout.shape
    resultDType = result.dtype
    super.init(edges: b.map { EdgeList(Edge(a), Edge($0)) } ?? EdgeList(Edge(a)))
    guard let gradient, !gradient.readsGradientOnly else { return }
    for i in 0..<gradient.sources.count {
      switch gradient.sources[i] {
      case .grad: save(i, nil)
      case .input(let input): save(i, SavedTensor(input == 0 ? a : b!))
      case .result: save(i, SavedTensor(result.alias()))
      }
    }
  }

  private func save(_ position: Int, _ tensor: SavedTensor?) {
    if position == 0 { first = tensor } else if position == 1 { second = tensor } else { rest = (rest ?? []) + [tensor] }
  }

  private func saved(_ position: Int) -> SavedTensor? {
    position == 0 ? first : position == 1 ? second : rest![position - 2]
  }

  override var resultCount: Int { results }
  override func resultType(_ index: Int) -> (shape: Shape, dtype: DType) { (resultShape, resultDType) }
  override var name: String { Node.name(of: function.name) }
  override var isReleased: Bool { released }
  override var holdsOnlyInputs: Bool { true }

  /// After an in-place write to `storage`: a saved result is the written value, whose version is one higher.
  func shiftVersion(of storage: Storage) {
    guard let gradient else { return }
    for (i, source) in gradient.sources.enumerated() {
      guard case .result = source, let tensor = saved(i)?.tensor, tensor.storage === storage else { continue }
      let shifted = SavedTensor(tensor, version: storage.version + 1)
      if i < 2 { save(i, shifted) } else { rest![i - 2] = shifted }
    }
  }

  override func apply(_ gradients: [Tensor?]) -> [Tensor?] {
    var grads = [Tensor?](repeating: nil, count: edges.count)
    guard let gradient else { return grads }
    var inputs: [Tensor] = []
    inputs.reserveCapacity(gradient.sources.count)
    for (i, source) in gradient.sources.enumerated() {
      switch source {
      case .grad(let index):
        inputs.append(gradients[index] ?? Tensor.zeros(resultShape, dtype: resultDType))
      case .input: inputs.append(saved(i)!.unpack(self))
      case .result(let index):
        let tensor = saved(i)!.unpack(self)
        if GradMode.isEnabled {
          let output = tensor.alias()
          output.setHistory(self, index)
          inputs.append(output)
        } else {
          inputs.append(tensor)
        }
      }
    }
    let values = ErrorScope.guarding(gradient.targets.count) {
      return try PointwiseCall(name: gradient.function.name, gradient.function, inputs, scalars ?? [], []).fresh()
    }
    for (target, value) in zip(gradient.targets, values) { grads[target] = value }
    return grads
  }

  override func release() {
    clear()
    released = true
  }

  override func surrender(_ take: (AnyObject) -> Void) {
    if let first { take(first.tensor) }
    if let second { take(second.tensor) }
    for case let entry? in rest ?? [] { take(entry.tensor) }
    clear()
  }

  private func clear() {
    first = nil
    second = nil
    rest = nil
  }
}
