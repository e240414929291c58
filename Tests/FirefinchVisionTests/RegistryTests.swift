import Firefinch
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
}
