import Firefinch
import FirefinchTestSupport
import Testing

@Suite struct SchedulerTests {
  private enum Made {
    case plain(LRScheduler)
    case plateau(ReduceLROnPlateau)

    var state: StateValue {
      switch self {
      case .plain(let scheduler): scheduler.stateDict()
      case .plateau(let scheduler): scheduler.stateDict()
      }
    }
  }

  private func optimizer() -> SGD {
    let (a, b) = (Tensor.zeros([2]).requiresGrad_(), Tensor.zeros([2]).requiresGrad_())
    return SGD(groups: [ParameterGroup([a]), ParameterGroup([b], ["lr": 0.05])], lr: 0.1, momentum: 0.9)
  }

  private func make(_ name: String, _ o: Optimizer) -> Made? {
    switch name {
    case "StepLR": .plain(StepLR(o, stepSize: 3))
    case "MultiStepLR": .plain(MultiStepLR(o, milestones: [2, 5, 5, 9]))
    case "ConstantLR": .plain(ConstantLR(o))
    case "LinearLR": .plain(LinearLR(o, startFactor: 0.25, endFactor: 0.9, totalIters: 6))
    case "ExponentialLR": .plain(ExponentialLR(o, gamma: 0.9))
    case "PolynomialLR": .plain(PolynomialLR(o, totalIters: 8, power: 2))
    case "LambdaLR": .plain(LambdaLR(o) { (0..<$0).reduce(1) { rate, _ in rate * 0.95 } })
    case "MultiplicativeLR": .plain(MultiplicativeLR(o) { _ in 0.95 })
    case "CosineAnnealingLR": .plain(CosineAnnealingLR(o, tMax: 6, etaMin: 0.01))
    case "CosineAnnealingWarmRestarts": .plain(CosineAnnealingWarmRestarts(o, t0: 3, tMult: 2, etaMin: 0.01))
    case "OneCycleLR": .plain(OneCycleLR(o, maxLR: 0.5, totalSteps: 16))
    case "OneCycleLR.threePhase":
      .plain(OneCycleLR(o, maxLR: 0.5, epochs: 4, stepsPerEpoch: 4, annealStrategy: .linear, threePhase: true))
    case "CyclicLR": .plain(CyclicLR(o, baseLR: 0.01, maxLR: 0.1, stepSizeUp: 4))
    case "CyclicLR.triangular2":
      .plain(CyclicLR(o, baseLR: 0.01, maxLR: 0.1, stepSizeUp: 3, stepSizeDown: 2, mode: .triangular2))
    case "SequentialLR":
      .plain(
        SequentialLR(
          o, [LinearLR(o, startFactor: 0.1, totalIters: 4), CosineAnnealingLR(o, tMax: 8)], milestones: [4]))
    case "ChainedScheduler":
      .plain(ChainedScheduler([LinearLR(o, startFactor: 0.1, totalIters: 4), ExponentialLR(o, gamma: 0.9)]))
    case "ReduceLROnPlateau": .plateau(ReduceLROnPlateau(o, patience: 1, cooldown: 1))
    default: nil
    }
  }

  private static let metrics = [1.0, 0.9, 0.91, 0.92, 0.93, 0.94, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4]

  private func step(_ made: Made, _ i: Int) {
    switch made {
    case .plain(let scheduler): scheduler.step()
    case .plateau(let scheduler): scheduler.step(SchedulerTests.metrics[i])
    }
  }

  /// Rates, momenta and the state dict equal PyTorch's over 15 steps.
  @Test func sequencesEqualPyTorch() throws {
    let cases = try Golden.cases("schedulers.json")
    #expect(cases.count == 17)
    for golden in cases {
      let name = golden["name"].string
      let o = optimizer()
      guard let made = make(name, o) else {
        Issue.record("no schedule \(name)")
        continue
      }
      for (i, row) in golden["rows"].list.enumerated() {
        if i > 0 { step(made, i - 1) }
        for (group, want) in zip(o.groups, row.list) {
          let got = [group.lr, group.number("momentum")]
          let expected = want.list.map(\.double)
          #expect(
            zip(got, expected).allSatisfy { abs($0 - $1) <= 1e-12 }, "\(name), step \(i): \(got), expected \(expected)")
        }
      }
      let difference = golden["state"].difference(made.state)
      #expect(difference == nil, "\(name): \(difference ?? "")")
    }
  }

  /// Stopping after 6 steps, restoring optimizer and schedule, and going on gives the same rates.
  @Test func resumesExactly() throws {
    for golden in try Golden.cases("schedulers.json") {
      let name = golden["name"].string
      let (whole, half, resumed) = (optimizer(), optimizer(), optimizer())
      guard let a = make(name, whole), let b = make(name, half) else { continue }
      for i in 0..<6 {
        step(a, i)
        step(b, i)
      }
      guard let c = make(name, resumed) else { continue }
      try resumed.loadStateDict(half.stateDict())
      switch c {
      case .plain(let scheduler): try scheduler.loadStateDict(b.state)
      case .plateau(let scheduler): try scheduler.loadStateDict(b.state)
      }
      for i in 6..<14 {
        step(a, i)
        step(c, i)
        #expect(whole.groups.map(\.lr) == resumed.groups.map(\.lr), "\(name), step \(i)")
      }
    }
  }
}
