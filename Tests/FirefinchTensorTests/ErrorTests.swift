import Firefinch
import Testing

/// A function of its own, because the body of an exit test is moved to a generated file.
@inline(never) private func addMismatchedShapes() {
  let sum = Tensor.ones([2, 3]) + Tensor.ones([2])
  print(sum.shape)
}

@inline(never) private func runMismatchedNetwork() {
  let net = Sequential([
    "stem": Linear(4, 8),
    "body": Sequential(["block": Sequential(["fc1": Linear(8, 8), "fc2": Linear(9, 2)])]),
  ])
  print(net(Tensor.ones([3, 4])).shape)
}

@Suite struct ErrorTests {
  @Test func mismatchedShapesStopTheProgramWithOneSentence() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { addMismatchedShapes() }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("add: shapes [2, 3] and [2] do not broadcast"))
    #expect(text.contains("ErrorTests.swift:6)"), "names the user's source line: \(text)")
  }

  @Test func mistakesInNestedModulesNameThePath() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { runMismatchedNetwork() }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    for words in ["linear", "[3, 8]", "[2, 9]", "body.block.fc2", "ErrorTests.swift:15)"] {
      #expect(text.contains(words), "\(words) is missing in: \(text)")
    }
  }

  @Test func withErrorsThrowsTheFirstMistake() throws {
    let error = #expect(throws: TensorError.self) {
      try withErrors {
        let bad = Tensor.ones([2, 3]) + Tensor.ones([2])
        let worse = bad.reshape(7, 7).sum(dim: 9)
        #expect(worse.isPoisoned)
        worse.add_(1)
        worse.backward()
      }
    }
    #expect(error!.message.contains("add"))
    // The scope is gone and the thread goes on.
    #expect(try withErrors { (Tensor.ones([2]) + 1).sum().floatValue } == 4)
  }

  @Test func everyRecordSurvivesPoisonedInputs() throws {
    for op in OpCatalog.available {
      guard let sample = op.samples().first(where: { $0.error == nil }) else { continue }
      _ = try? withErrors {
        let poison = Tensor.ones([2, 3]) + Tensor.ones([2])
        let arguments = sample.arguments.map { value -> Value in
          switch value {
          case .tensor: .tensor(poison)
          case .tensors(let list): .tensors(list.map { _ in poison })
          default: value
          }
        }
        let results = op.results(arguments)
        #expect(results.allSatisfy { $0.isPoisoned }, "\(op.name)")
      }
    }
  }

  @Test func errorSamplesThrowInsideAScope() {
    for op in OpCatalog.available {
      for sample in op.samples() where sample.error != nil {
        #expect(throws: TensorError.self, "\(op.name)") { try withErrors { _ = op.results(sample.arguments) } }
      }
    }
  }

  @Test func integerDivisionByZeroIsAnError() {
    let error = #expect(throws: TensorError.self) {
      try withErrors { _ = Tensor([1, 2]).floorDivide(Tensor([0, 1])) }
    }
    #expect(error!.message.contains("division by zero"))
  }
}
