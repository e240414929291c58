import Firefinch
import FirefinchTestSupport
import FirefinchVision
import Foundation
import Testing

/// Weights from files, PyTorch's cache folder and addresses: whole, partly, with another head, damaged.
@Suite(.serialized) struct WeightsTests {
  private let temporary: TemporaryFolder
  private var folder: String { temporary.path }

  init() throws { temporary = try TemporaryFolder() }

  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return ""
  }

  private func equal(_ a: StateDict, _ b: StateDict) -> Bool {
    a.keys == b.keys && a.keys.allSatisfy { a[$0]!.array(Float.self) == b[$0]!.array(Float.self) }
  }

  private func saved(_ name: String = "squeezenet1_1", classes: Int = 5, _ file: String = "w.pth") throws -> (
    StateDict, String
  ) {
    manualSeed(1)
    let state = try VisionModels.make(name, numClasses: classes).stateDict()
    try state.save(to: "\(folder)/\(file)")
    return (state, "\(folder)/\(file)")
  }

  @Test func filesOfBothKindsLoadStrictly() throws {
    for file in ["w.pth", "w.safetensors"] {
      let (state, path) = try saved("squeezenet1_1", classes: 5, file)
      let loaded = try VisionModels.load("squeezenet1_1", weights: path, numClasses: 5)
      #expect(equal(loaded.network.stateDict(), state))
      #expect(loaded.fresh.isEmpty && loaded.unused.isEmpty && loaded.categories.isEmpty)
    }
    // Without a number of classes the file's own is taken.
    let (_, path) = try saved("mobilenet_v3_small", classes: 3)
    #expect(try VisionModels.load("mobilenet_v3_small", weights: path).network.stateDict().pairs.last!.1.shape == [3])
  }

  @Test func metadataTravelsWithSafetensors() throws {
    manualSeed(1)
    let model = try VisionModels.make("squeezenet1_1", numClasses: 2)
    let preset = VisionPreprocessing(
      crop: 64, resize: 72, interpolation: .bicubic, mean: [0.1, 0.2, 0.3], std: [1, 2, 3])
    let metadata = WeightsMetadata(model: "squeezenet1_1", categories: ["a, \"b\"", "ü"], preprocessing: preset)
    try model.stateDict().save(to: folder + "/m.safetensors", metadata: metadata.dictionary)
    let loaded = try VisionModels.load(weights: folder + "/m.safetensors")
    #expect(loaded.name == "squeezenet1_1" && loaded.categories == ["a, \"b\"", "ü"] && loaded.preprocessing == preset)
    let wrong = ["firefinch.model": "squeezenet1_1", "firefinch.preprocessing": "{\"resize\": -1}"]
    try model.stateDict().save(to: folder + "/n.safetensors", metadata: wrong)
    #expect(message { _ = try VisionModels.load(weights: folder + "/n.safetensors") }.contains("expected resize, crop"))
    try model.stateDict().save(to: folder + "/o.safetensors", metadata: [:])
    #expect(
      message { _ = try VisionModels.load(weights: folder + "/o.safetensors") }.contains("does not say which model"))
  }

  @Test func aNewHeadIsDrawnAndAllElseIsKept() throws {
    let (state, path) = try saved("mobilenet_v3_small", classes: 5)
    #expect(
      message { _ = try VisionModels.load("mobilenet_v3_small", weights: path, numClasses: 7) }.contains(
        "classifier.3.weight"))
    let loaded = try VisionModels.load("mobilenet_v3_small", weights: path, numClasses: 7, newHead: true)
    #expect(loaded.fresh == ["classifier.3.weight", "classifier.3.bias"])
    let own = loaded.network.stateDict()
    for key in own.keys where !loaded.fresh.contains(key) {
      #expect(own[key]!.array(Float.self) == state[key]!.array(Float.self))
    }
    #expect(own["classifier.3.weight"]!.size(0) == 7)
  }

  @Test func nonStrictLoadingTellsWhatIsLeft() throws {
    let (state, _) = try saved()
    let pairs = state.pairs.filter { !$0.0.hasPrefix("classifier") } + [("extra.weight", Tensor.ones([2]))]
    try StateDict(pairs).save(to: folder + "/part.pth")
    let strict = message { _ = try VisionModels.load("squeezenet1_1", weights: folder + "/part.pth", numClasses: 5) }
    for word in ["classifier.1.weight", "classifier.1.bias", "extra.weight"] {
      #expect(strict.contains(word), "\(strict)")
    }
    let loaded = try VisionModels.load("squeezenet1_1", weights: folder + "/part.pth", numClasses: 5, strict: false)
    #expect(loaded.fresh == ["classifier.1.weight", "classifier.1.bias"] && loaded.unused == ["extra.weight"])
    // A wrong shape is an error all the same.
    try StateDict(state.pairs.map { $0.0 == "features.0.bias" ? ($0.0, Tensor.ones([3])) : $0 }).save(
      to: folder + "/shape.pth")
    #expect(
      message {
        _ = try VisionModels.load("squeezenet1_1", weights: folder + "/shape.pth", numClasses: 5, strict: false)
      }.contains("features.0.bias"))
  }

  /// The file decides whether there are auxiliary heads.
  @Test func auxiliaryHeadsMayBeMissing() throws {
    for name in ["deeplabv3_mobilenet_v3_large", "googlenet"] {
      for auxiliary in [true, false] {
        manualSeed(1)
        let state = try VisionModels.make(name, numClasses: 3, auxiliary: auxiliary).stateDict()
        #expect(state.keys.contains { $0.hasPrefix("aux") } == auxiliary)
        try state.save(to: folder + "/aux.safetensors")
        let loaded = try VisionModels.load(name, weights: folder + "/aux.safetensors")
        #expect(equal(loaded.network.stateDict(), state), "\(name), \(auxiliary)")
      }
    }
  }

  /// Old DenseNet files have dots inside the layers' names.
  @Test func oldKeysAreBroughtUpToDate() throws {
    let (state, _) = try saved("densenet121", classes: 4)
    let old = state.mapKeys { key in
      var key = key
      for name in ["norm", "relu", "conv"] {
        for number in ["1", "2"] { key = key.replacing(".\(name)\(number).", with: ".\(name).\(number).") }
      }
      return key
    }
    #expect(old.keys != state.keys)
    try old.save(to: folder + "/old.pth")
    let loaded = try VisionModels.load("densenet121", weights: folder + "/old.pth", numClasses: 4)
    #expect(equal(loaded.network.stateDict(), state))
  }

  @Test func theCacheIsPyTorchs() throws {
    setenv("TORCH_HOME", folder + "/home", 1)
    defer { unsetenv("TORCH_HOME") }
    #expect(WeightsCache.folder == folder + "/home/hub/checkpoints")
    // An address: fetched once, then taken from the cache.
    let (_, path) = try saved("squeezenet1_1", classes: 5, "made.pth")
    let hash = try SHA256.hash(file: path).prefix(8)
    let source = "\(folder)/squeezenet1_1-\(hash).pth"
    try FileManager.default.moveItem(atPath: path, toPath: source)
    var reported = 0
    _ = try VisionModels.load("squeezenet1_1", weights: "file://\(source)", numClasses: 5) { done, _ in reported = done
    }
    let cached = "\(WeightsCache.folder)/squeezenet1_1-\(hash).pth"
    #expect(reported > 1_000_000 && FileManager.default.fileExists(atPath: cached))
    try FileManager.default.removeItem(atPath: source)
    _ = try VisionModels.load("squeezenet1_1", weights: "file://\(source)?again=1", numClasses: 5)
    // A name whose hash is another's.
    let wrong = "\(folder)/squeezenet1_1-00112233.pth"
    try FileManager.default.copyItem(atPath: cached, toPath: wrong)
    let told = message { _ = try VisionModels.load("squeezenet1_1", weights: "file://\(wrong)", numClasses: 5) }
    #expect(told.contains("SHA-256") && told.contains("00112233"))
    // Published weights by name: the file of that name, with its classes and preset.
    let published = VisionModels.entry("squeezenet1_1")!.weights[0]
    try VisionModels.make("squeezenet1_1").stateDict().save(to: "\(WeightsCache.folder)/\(published.file)")
    for name in ["default", published.name] {
      let loaded = try VisionModels.load("squeezenet1_1", weights: name)
      #expect(
        loaded.categories.count == 1000 && loaded.categories[285] == "Egyptian cat"
          && loaded.preprocessing.cropSize == 224)
    }
  }

  @Test func mistakesAreNamed() throws {
    #expect(message { _ = try VisionModels.load("resnet51", weights: "x.pth") }.contains("resnet50"))
    #expect(message { _ = try VisionModels.load("resnet50", weights: folder + "/none.pth") }.contains("none.pth"))
    let (_, path) = try saved()
    let other = message { _ = try VisionModels.load("alexnet", weights: path, numClasses: 5) }
    #expect(other.contains(path) && other.contains("features.0.weight"))
    #expect(message { _ = try VisionModels.load("squeezenet1_1", weights: path, numClasses: 0) }.contains("at least 1"))
  }

  /// Thousands of damaged files: each loads or throws one sentence, without memory beyond the file's claim.
  @Test func damagedWeightsThrowOrLoad() throws {
    manualSeed(4)
    // Small tensors, so that most of the bytes are structure.
    let state = StateDict((0..<12).map { ("layer\($0).weight", Tensor.randn([$0 % 4 + 1, 2])) })
    try state.save(to: folder + "/a.pth")
    try state.save(
      to: folder + "/a.safetensors", metadata: ["firefinch.model": "squeezenet1_1", "firefinch.categories": "[]"])
    var random = Damage.Random(6)
    let before = SystemInfo.peakMemory
    for file in ["a.pth", "a.safetensors"] {
      let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)")))
      let path = "\(folder)/damaged-\(file)"
      for _ in 0..<1200 * Damage.effort {
        try Data(Damage.damaged(whole, &random)).write(to: URL(fileURLWithPath: path))
        let told = message { _ = try VisionModels.load("squeezenet1_1", weights: path, strict: false) }
        #expect(told.isEmpty || told.contains(path), "\(told)")
        #expect(!told.contains("\n"))
      }
    }
    #expect(SystemInfo.peakMemory - before < 300 << 20)
  }
}
