import Firefinch
import FirefinchTestSupport
import Testing

import FirefinchNN

private final class Scale: Module, Layer {
  @Parameter var weight: Tensor
  @Buffer var runCount: Tensor?
  @TransientBuffer var tableCache: Tensor?
  @Parameter var inProjBias: Tensor?

  init(_ size: Int) {
    weight = Tensor.full([size], 2.0)
    runCount = Tensor.zeros([])
    tableCache = Tensor.ones([3])
    super.init()
  }
  func forward(_ x: Tensor) -> Tensor { x * weight }
}

private class Block: Module, Layer {
  override class var stateKeys: [String: String] { ["odd": "Mixed_5b"] }
  let layers: [Module]
  let odd: Scale
  let extra: Scale?
  init(_ size: Int) {
    layers = [Scale(size), Scale(size)]
    odd = Scale(size)
    extra = nil
    super.init()
  }
  func forward(_ x: Tensor) -> Tensor { odd((layers[1] as! Scale)((layers[0] as! Scale)(x))) }
}

private final class Net: Block {
  @Parameter var gain: Tensor
  @Child var head: Scale
  let act = ReLU()
  override init(_ size: Int) {
    gain = Tensor.ones([1])
    head = Scale(size)
    super.init(size)
  }
  override func forward(_ x: Tensor) -> Tensor { head(act(super.forward(x))) * gain }
}

private final class Faulty: Module {
  override class var stateKeys: [String: String] { ["b": "a"] }
  @Parameter var a: Tensor
  @Parameter var b: Tensor
  let mask = Tensor.ones([2])
  let named: [String: Module] = ["x": ReLU()]
  override init() {
    a = Tensor.ones([1])
    b = Tensor.ones([1])
    super.init()
  }
}

@Suite struct ModuleTests {
  @Test func keysFollowPyTorchsOrder() {
    let keys = Net(2).stateDict().keys
    #expect(
      keys == [
        "gain", "layers.0.weight", "layers.0.run_count", "layers.1.weight", "layers.1.run_count", "Mixed_5b.weight",
        "Mixed_5b.run_count", "head.weight", "head.run_count",
      ])
  }

  @Test func discoversEverythingOnce() {
    let net = Net(2)
    #expect(net.parameters().count == 5)
    #expect(net.namedParameters().map(\.0).last == "head.weight")
    #expect(net.namedBuffers().map(\.0).contains("head.table_cache"))
    #expect(net.namedModules().map(\.0) == ["", "layers.0", "layers.1", "Mixed_5b", "head", "act"])
    #expect(net.parameterCount() == 9)
    #expect(net.parameters().allSatisfy { $0.requiresGrad && $0.isLeaf })
  }

  @Test func replacedChildrenAndParametersAreSeen() {
    let net = Net(2)
    _ = net.parameters()
    net.head = Scale(3)
    net.gain = Tensor([1.0, 2]) * 3
    #expect(net.stateDict()["head.weight"]!.shape == [3])
    #expect(net.gain.isLeaf && net.gain.requiresGrad && net.parameters()[0] === net.gain)
  }

  @Test func tiedParametersAreListedTwiceAndTrainedOnce() throws {
    let (a, b) = (Scale(2), Scale(2))
    b.weight = a.weight
    let net = Sequential(a, b)
    #expect(net.stateDict().keys.filter { $0.hasSuffix("weight") } == ["0.weight", "1.weight"])
    #expect(net.parameters().count == 1)
    net.to(.float64)
    #expect(a.weight === b.weight && a.weight.dtype == .float64 && a.weight.requiresGrad)
  }

  @Test func loadingCopiesAndConverts() throws {
    let net = Net(2)
    let weight = net.head.weight
    var state = Net(2).stateDict().cloned()
    state["head.weight"] = Tensor([5.0, 6], dtype: .float64)
    try net.loadStateDict(state)
    #expect(net.head.weight === weight && weight.array(Float.self) == [5, 6] && weight.requiresGrad)
    try net.loadStateDict(state, assign: true)
    #expect(net.head.weight.dtype == .float64 && net.head.weight.requiresGrad)
  }

  @Test func oneErrorListsAllThatDoesNotFit() throws {
    let net = Net(2)
    var state = net.stateDict().cloned()
    state["gain"] = nil
    state["Mixed_5b.run_count"] = nil
    state["extra.weight"] = Tensor.ones([1])
    state["head.weight"] = Tensor.ones([7])
    let error = try #require(#expect(throws: StateDictError.self) { try net.loadStateDict(state) })
    #expect(error.missing == ["gain", "Mixed_5b.run_count"] && error.unexpected == ["extra.weight"])
    let text = "\(error)"
    for word in ["Net", "gain", "Mixed_5b.run_count", "extra.weight", "head.weight (expected [2], got [7])"] {
      #expect(text.contains(word))
    }
    #expect(net.head.weight.array(Float.self) == [2, 2])
    // Wrong shapes are errors also when loading is not strict.
    #expect(throws: StateDictError.self) { try net.loadStateDict(state, strict: false) }
    state["head.weight"] = nil
    let report = try net.loadStateDict(state, strict: false)
    #expect(report.unexpected == ["extra.weight"] && report.missing.count == 3)
  }

  @Test func modesReachAllChildren() {
    let net = Net(2)
    net.eval()
    #expect(net.modules().allSatisfy { !$0.isTraining })
    net.train()
    #expect(net.modules().allSatisfy { $0.isTraining })
    net.requiresGrad_(false)
    #expect(!net.parameters().contains { $0.requiresGrad })
    var order: [String] = []
    net.apply { order.append("\(type(of: $0))") }
    #expect(order == ["Scale", "Scale", "Scale", "Scale", "ReLU", "Net"])
  }

  @Test func gradientsArriveAndAreCleared() {
    let net = Net(2)
    net(Tensor.ones([3, 2])).sum().backward()
    #expect(net.parameters().allSatisfy { $0.grad != nil })
    #expect(net.gain.grad!.floatValue == 96)
    net.zeroGrad(setToNone: false)
    #expect(net.gain.grad!.floatValue == 0)
    net.zeroGrad()
    #expect(net.gain.grad == nil)
  }

  @Test func hooksSeeAndReplace() {
    let net = Net(2)
    var calls: [String] = []
    let before = net.head.registerForwardPreHook { _, inputs in
      calls.append("before")
      return [inputs[0] + 1]
    }
    let after = net.head.registerForwardHook { module, inputs, outputs in
      calls.append("\(type(of: module)) \(inputs[0].shape)")
      return [outputs[0] * 10]
    }
    let y = net(Tensor.ones([1, 2]))
    #expect(calls == ["before", "Scale [1, 2]"] && y.array(Float.self) == [180, 180])
    before.remove()
    after.remove()
    #expect(net(Tensor.ones([1, 2])).array(Float.self) == [16, 16] && net.head.hooks == nil)
  }

  @Test func mistakesNameTheModulePath() throws {
    let net = Sequential(["first": ReLU(), "stage": Net(2)])
    let error = try #require(
      #expect(throws: TensorError.self) { try withErrors { _ = net(Tensor.ones([3, 5])) } })
    #expect(error.message.contains("stage.layers.0"), "\(error.message)")
    #expect(error.message.contains("[3, 5]") && error.message.contains("[2]"))
  }

  @Test func faultyDeclarationsAreNamed() {
    let problems = Faulty().problems()
    #expect(problems.count == 3)
    #expect(problems.contains { $0.contains("Faulty.mask is a plain Tensor") })
    #expect(problems.contains { $0.contains("'a'") })
    #expect(problems.contains { $0.contains("ModuleDict") })
    #expect(Net(2).problems().isEmpty)
  }

  @Test func namesBecomeKeys() {
    let table = [
      "runningMean": "running_mean", "numBatchesTracked": "num_batches_tracked", "qProj": "q_proj",
      "inProjWeight": "in_proj_weight", "weightIhL0": "weight_ih_l0", "layer1": "layer1", "fc1": "fc1",
      "bnURL": "bn_url",
      "branch3x3_1": "branch3x3_1",
    ]
    for (name, key) in table { #expect(Members.key(name) == key) }
  }

  @Test func containersKeepOrderAndGrow() {
    let list = ModuleList([Scale(1), Scale(2)])
    list.append(Scale(3))
    list[1] = Scale(9)
    #expect(list.stateDict()["1.weight"]!.shape == [9] && list.count == 3 && list[-1].weight.shape == [3])
    let dictionary = ModuleDict<Scale>(["z": Scale(1), "a": Scale(2)])
    dictionary["m"] = Scale(3)
    dictionary["a"] = nil
    #expect(dictionary.keys == ["z", "m"] && dictionary.namedChildren().map(\.0) == ["z", "m"])
    let named = Sequential(["conv": Scale(1), "act": ReLU()])
    #expect(named.stateDict().keys == ["conv.weight", "conv.run_count"] && named.count == 2)
    #expect(named.description.contains("(act): ReLU()"))
  }

  @Test func registeredMembersFollowDeclaredOnes() {
    let module = Scale(1)
    module.registerParameter("late", Tensor.ones([4]))
    module.registerBuffer("seen", Tensor.ones([]), persistent: false)
    module.registerModule("child", Scale(2))
    #expect(module.stateDict().keys == ["weight", "late", "run_count", "child.weight", "child.run_count"])
    #expect(module.registered("late")!.requiresGrad)
  }

  @Test func summaryRunsWithoutData() {
    let net = Net(2)
    let summary = net.summary(inputShape: [5, 2])
    #expect(summary.rows.map(\.path) == ["layers.0", "layers.1", "Mixed_5b", "act", "head", ""])
    #expect(summary.rows.allSatisfy { $0.outputs == [[5, 2]] }, "\(summary)")
    #expect(summary.total == 9)
    #expect(summary.description.contains("Total parameters: 9"))
    #expect(net.gain.device == .cpu && net.hooks == nil && net.isTraining)
    #expect(ModelSummary.grouped(1_234_567) == "1,234,567" && ModelSummary.grouped(12) == "12")
  }

  @Test func frozenModelsServeSeveralThreads() async {
    let frozen = Frozen(Net(2))
    let sums = await withTaskGroup(of: Float.self) { group in
      for i in 0..<8 {
        group.addTask { frozen(Tensor.full([1, 2], Float(i))).sum().floatValue }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(sums.sorted() == (0..<8).map { Float($0 * 32) })
    #expect(!frozen(Tensor.ones([1, 2])).requiresGrad)
    frozen.run { model in
      #expect(throws: TensorError.self) { try withErrors { _ = model.train() } }
      #expect(throws: TensorError.self) { try model.loadStateDict(model.stateDict()) }
    }
  }

  @Test func theSourceOfNaNIsNamed() {
    let net = Net(2)
    #expect(net.firstNonFinite(input: Tensor.ones([1, 2])) == nil)
    let input = net.firstNonFinite(input: Tensor([Float.nan, 1], shape: [1, 2]))
    #expect(input?.place == .input)
    withNoGrad { _ = net.head.weight.fill_(Float.greatestFiniteMagnitude) }
    let output = net.firstNonFinite(input: Tensor.ones([1, 2]) * 1000)
    #expect(output?.place == .output && output?.path == "head" && "\(output!)".contains("head (Scale)"))
    withNoGrad { _ = net.gain.fill_(Double.nan) }
    #expect(net.firstNonFinite(input: Tensor.ones([1, 2]))?.path == "gain")
  }
}
