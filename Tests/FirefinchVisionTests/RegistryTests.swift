import Firefinch
import FirefinchTestSupport
import FirefinchVision
import Testing

@Suite struct RegistryTests {
  @Test func anUnknownNameIsRefusedInOneSentence() {
    #expect(throws: VisionError.self) { try VisionModels.make("resnet51") }
  }

  @Test func namesAreUniqueAndSorted() {
    let names = VisionModels.list()
    #expect(names == names.sorted())
    #expect(Set(names).count == names.count)
  }

  /// Keys, their order and shapes; weights are not drawn, so that their memory is not touched.
  @Test func everyModelHasTorchvisionsKeys() throws {
    let golden = try Golden.load("keys.json").fields
    #expect(golden.keys.sorted() == VisionModels.list())
    for (name, want) in golden {
      let state = try Init.skipped { try VisionModels.make(name, numClasses: 10, auxiliary: true).stateDict() }
      #expect(state.count == want["count"].int && ModelMarks.keysCRC(state) == UInt32(want["keys"].int), "\(name)")
    }
  }

  /// Models over 30 million parameters take too much memory here; their families are the same code.
  @Test func modelsHaveThePublishedNumberOfParameters() throws {
    for name in VisionModels.list() {
      guard let weights = VisionModels.entry(name)?.weights.last, weights.numParams < 30_000_000 else { continue }
      // torchvision counts GoogLeNet without its inner classifiers.
      let model = try Init.skipped { try VisionModels.make(name, auxiliary: name != "googlenet") }
      #expect(model.parameters().map(\.elementCount).reduce(0, +) == weights.numParams, "\(name)")
    }
  }

  @Test func everyWeightsFileHasItsHash() {
    for entry in VisionModels.list().compactMap(VisionModels.entry) {
      for weights in entry.weights { #expect(weights.hashPrefix.count >= 8, "\(weights.file)") }
    }
  }
}
