import Firefinch
import FirefinchTestSupport
import Testing

@Suite struct OptimizerTests {
  private func make(_ name: String, _ options: Golden, _ parameters: [Tensor]) -> Optimizer {
    func number(_ key: String, _ standard: Double) -> Double { options[key].isNull ? standard : options[key].double }
    let lr = number("lr", 1e-3)
    let decay = number("weight_decay", 0)
    let betas =
      options["betas"].isNull ? (0.9, 0.999) : (options["betas"].list[0].double, options["betas"].list[1].double)
    let maximize = options["maximize"].bool
    switch name {
    case "SGD":
      return SGD(
        parameters, lr: lr, momentum: number("momentum", 0), dampening: number("dampening", 0), weightDecay: decay,
        nesterov: options["nesterov"].bool, maximize: maximize)
    case "Adam":
      return Adam(
        parameters, lr: lr, betas: betas, weightDecay: decay, amsgrad: options["amsgrad"].bool, maximize: maximize)
    case "AdamW": return AdamW(parameters, lr: lr, amsgrad: options["amsgrad"].bool, maximize: maximize)
    case "RMSprop":
      return RMSprop(
        parameters, lr: lr, weightDecay: decay, momentum: number("momentum", 0), centered: options["centered"].bool)
    case "Adagrad":
      return Adagrad(
        parameters, lr: lr, lrDecay: number("lr_decay", 0), weightDecay: decay,
        initialAccumulatorValue: number("initial_accumulator_value", 0))
    case "Adadelta": return Adadelta(parameters, lr: lr, weightDecay: decay)
    case "Adamax": return Adamax(parameters, lr: lr, weightDecay: decay)
    case "NAdam":
      return NAdam(
        parameters, lr: lr, weightDecay: decay, decoupledWeightDecay: options["decoupled_weight_decay"].bool)
    case "RAdam": return RAdam(parameters, lr: lr, weightDecay: decay)
    case "ASGD": return ASGD(parameters, lr: lr, t0: number("t0", 1e6), weightDecay: decay)
    default: return Rprop(parameters, lr: lr)
    }
  }

  /// Ten steps equal PyTorch's, and so does the state dict after them; saving in the middle and loading into a fresh
  /// optimizer changes nothing.
  @Test func trajectoriesEqualPyTorch() throws {
    for golden in try Golden.cases("optim.json") {
      let name = golden["name"].string
      let parameters = golden["start"].list.map { $0.tensor.requiresGrad_() }
      var optimizer = make(name, golden["options"], parameters)
      for (i, (grads, want)) in zip(golden["grads"].list, golden["steps"].list).enumerated() {
        for (j, (parameter, grad)) in zip(parameters, grads.list).enumerated() {
          parameter.grad = i == 3 && j == 1 ? nil : grad.tensor
        }
        optimizer.step()
        for (parameter, expected) in zip(parameters, want.list) {
          let difference = Compare.difference(parameter, expected.tensor, rtol: 2e-6, atol: 1e-6)
          #expect(difference == nil, "\(name) \(golden["options"].any), step \(i): \(difference ?? "")")
        }
        if i == 4 {
          let state = optimizer.stateDict()
          optimizer = make(name, golden["options"], parameters)
          try optimizer.loadStateDict(state)
        }
      }
      let difference = golden["state"].difference(optimizer.stateDict())
      #expect(difference == nil, "\(name): \(difference ?? "")")
    }
  }

  @Test func largeAndStridedParametersAreUpdatedOnce() {
    let values = (0..<100_000).map { Float($0 % 17) - 8 }
    let big = Tensor(values).requiresGrad_()
    let strided = Tensor(values, shape: [200, 500]).t().detach().requiresGrad_()
    big.grad = big.detach() * 2
    strided.grad = Tensor.ones([500, 200])
    let before = strided.detach().clone()
    let versions = (big.version, strided.version)
    SGD([big, strided], lr: 0.25).step()
    #expect(big.array(Float.self) == values.map { $0 * 0.5 })
    #expect(Compare.difference(strided, before - 0.25) == nil)
    #expect(big.version == versions.0 + 1 && strided.version == versions.1 + 1)
  }

  @Test func halfParametersComputeInFloat() {
    let p = Tensor([1.0, 2, 3], dtype: .bfloat16).requiresGrad_()
    p.grad = Tensor([1.0, -1, 0.5], dtype: .bfloat16)
    AdamW([p], lr: 0.1, weightDecay: 0).step()
    #expect(Compare.difference(p, Tensor([0.9, 2.1, 2.9], dtype: .bfloat16), rtol: 1e-2) == nil)
  }

  @Test func groupsHaveTheirOwnOptions() {
    let a = Tensor.ones([1]).requiresGrad_()
    let b = Tensor.ones([1]).requiresGrad_()
    let optimizer = SGD(groups: [ParameterGroup([a]), ParameterGroup([b], ["lr": 0.5])], lr: 0.25)
    a.grad = Tensor.ones([1])
    b.grad = Tensor.ones([1])
    optimizer.step()
    #expect(a.floatValue == 0.75 && b.floatValue == 0.5)
    optimizer.zeroGrad()
    #expect(a.grad == nil && b.grad == nil)
    optimizer.lr = 1
    #expect(optimizer.groups.map(\.lr) == [1, 1])
  }

  @Test func wrongUseIsNamed() {
    let p = Tensor.ones([2]).requiresGrad_()
    #expect(throws: TensorError.self) { try withErrors { _ = SGD([p], lr: -1) } }
    #expect(throws: TensorError.self) { try withErrors { _ = SGD([p, p]) } }
    #expect(throws: TensorError.self) { try withErrors { _ = SGD([p * 2]) } }
    #expect(throws: TensorError.self) { try withErrors { _ = Adam([]) } }
  }

  @Test func wrongStateIsRefusedAndChangesNothing() throws {
    let p = Tensor.ones([2]).requiresGrad_()
    let optimizer = Adam([p], lr: 0.5)
    let other = Adam([Tensor.ones([3]).requiresGrad_()], lr: 0.25)
    other.groups[0].parameters[0].grad = Tensor.ones([3])
    other.step()
    let message = #expect(throws: TensorError.self) { try optimizer.loadStateDict(other.stateDict()) }
    #expect(message?.message.contains("exp_avg") == true && message?.message.contains("[3]") == true)
    #expect(throws: TensorError.self) { try optimizer.loadStateDict(.record([("state", .dict([]))])) }
    #expect(optimizer.lr == 0.5 && optimizer.state(of: p) == nil)
  }

  @Test func closureFormComputesTheLossWithGradients() {
    let p = Tensor([2.0]).requiresGrad_()
    let optimizer = SGD([p], lr: 0.25)
    let loss = optimizer.step {
      optimizer.zeroGrad()
      let loss = (p * p).sum()
      loss.backward()
      return loss
    }
    #expect(loss.floatValue == 4 && p.floatValue == 1)
  }
}
