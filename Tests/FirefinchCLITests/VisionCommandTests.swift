import Firefinch
import FirefinchVision
import Foundation
import Testing

/// `classify`, `finetune`, `models` and `run-model`, run as a user would.
@Suite struct VisionCommandTests {
  private func json(_ text: String) throws -> Any {
    try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
  }

  /// Pictures of two classes in folders: mostly red and mostly blue noise.
  private func pictures(_ folder: Folder, each count: Int) throws -> String {
    manualSeed(9)
    for (name, channel) in [("red", 0), ("blue", 2)] {
      try FileManager.default.createDirectory(atPath: folder / "data/\(name)", withIntermediateDirectories: true)
      for i in 0..<count {
        let x = Tensor.randint(0, 90, [3, 40, 48])
        x.select(dim: 0, channel).add_(150)
        let image = Image(x.to(.uint8))
        try image.write(to: folder / "data/\(name)/\(i).\(i % 2 == 0 ? "png" : "jpg")")
      }
    }
    return folder / "data"
  }

  private func metrics(_ folder: Folder, _ name: String) throws -> [String] {
    let text = String(decoding: try folder.bytes("\(name)/metrics.jsonl"), as: UTF8.self)
    return text.split(separator: "\n").map { $0.components(separatedBy: ", \"seconds\"")[0] }
  }

  // MARK: models

  @Test func modelsAreListedWithTheirWeights() throws {
    let result = try Command.run("models", "--json")
    #expect(result.code == 0 && result.errors.isEmpty)
    let models = try #require(json(result.output) as? [[String: Any]])
    #expect(models.compactMap { $0["name"] as? String } == VisionModels.list())
    let net = try #require(models.first { $0["name"] as? String == "mobilenet_v2" })
    let weights = try #require((net["weights"] as? [[String: Any]])?.first)
    #expect(
      weights["file"] as? String == "mobilenet_v2-b0353104.pth" && weights["sha256_prefix"] as? String == "b0353104")
    #expect((weights["metrics"] as? [String: Double])?["acc@1"] == 71.878)
    #expect((weights["preprocessing"] as? [String: Any])?["resize"] as? Int == 256)
    let some = try Command.run("models", "--task", "segmentation")
    #expect(some.code == 0 && some.output.contains("fcn_resnet50") && !some.output.contains("alexnet"))
    #expect(try Command.run("models", "--task", "poetry").code == 2)
  }

  // MARK: run-model

  @Test func runModelWritesOutputAndGradients() throws {
    let folder = Folder()
    manualSeed(3)
    let model = try VisionModels.make("squeezenet1_1", numClasses: 4)
    try model.stateDict().save(to: folder / "w.pth")
    let x = Tensor.randn([2, 3, 64, 64])
    try Npy.save(x, to: folder / "x.npy")
    let run = try Command.run(
      "run-model", "squeezenet1_1", "--weights", folder / "w.pth", "--input", folder / "x.npy", "--output",
      folder / "y.npy",
      "--num-classes", "4", "--train-grad", folder / "g.npz")
    #expect(run.code == 0 && run.output.isEmpty && run.errors.isEmpty, "\(run.errors)")
    model.eval()
    let y = model(x)
    (y * y).sum().backward()
    let difference = (try Npy.load(folder / "y.npy") - y.detach()).abs().max().doubleValue
    #expect(difference <= 1e-5 * y.detach().abs().max().doubleValue)
    let gradients = try Npz.load(folder / "g.npz")
    #expect(gradients.map(\.0) == model.namedParameters().map(\.0))
    for ((key, got), (_, parameter)) in zip(gradients, model.namedParameters()) {
      let want = parameter.grad!
      #expect((got - want).abs().max().doubleValue <= 1e-4 * want.abs().max().doubleValue + 1e-12, "\(key)")
    }
  }

  @Test func runModelExplainsWhatDoesNotFit() throws {
    let folder = Folder()
    manualSeed(3)
    let state = try VisionModels.make("squeezenet1_1", numClasses: 4).stateDict()
    try state.save(to: folder / "w.pth")
    try StateDict(state.pairs.dropLast()).save(to: folder / "short.pth")
    try Npy.save(Tensor.randn([1, 3, 64, 64]), to: folder / "x.npy")
    try Npy.save(Tensor.randn([3, 64, 64]), to: folder / "flat.npy")
    try Npy.save(Tensor.randn([1, 3, 4, 4]), to: folder / "tiny.npy")
    func run(_ weights: String, _ input: String, _ more: String...) throws -> Command {
      try Command.start(
        ["run-model", "squeezenet1_1", "--weights", weights, "--input", input, "--output", folder / "y.npy"] + more
      ).finish()
    }
    for (result, words) in [
      (try run(folder / "short.pth", folder / "x.npy", "--num-classes", "4"), ["classifier.1.bias"]),
      (try run(folder / "w.pth", folder / "x.npy", "--num-classes", "9"), ["classifier.1.weight", "[9, 512, 1, 1]"]),
      (try run(folder / "w.pth", folder / "flat.npy"), ["flat.npy", "(N, 3, height, width)"]),
      (try run(folder / "w.pth", folder / "tiny.npy"), ["cannot take pictures of shape [1, 3, 4, 4]"]),
      (try run(folder / "none.pth", folder / "x.npy"), ["none.pth"]),
      (try run(folder / "x.npy", folder / "x.npy"), ["x.npy"]),
    ] {
      #expect(result.code == 1 && result.output.isEmpty)
      #expect(result.errors.split(separator: "\n").count == 1, "one sentence: \(result.errors)")
      for word in words { #expect(result.errors.contains(word), "\(result.errors)") }
      #expect(!folder.has("y.npy"))
    }
    #expect(try run(folder / "w.pth", folder / "x.npy", "--num-classes", "0").code == 2)
  }

  // MARK: classify

  @Test func classifyReadsWhatItCanAndReportsTheRest() throws {
    let folder = Folder()
    let data = try pictures(folder, each: 2)
    manualSeed(3)
    let model = try VisionModels.make("squeezenet1_1", numClasses: 3)
    let metadata = WeightsMetadata(model: "squeezenet1_1", categories: ["ant", "bee", "cow"])
    try model.stateDict().save(to: folder / "w.safetensors", metadata: metadata.dictionary)
    try folder.write("broken.jpg", Array(try folder.bytes("data/red/1.jpg").dropLast(200)))
    let good = [data + "/red/0.png", data + "/blue/1.jpg"]
    let result = try Command.run(
      "classify", good[0], folder / "broken.jpg", good[1], "--weights", folder / "w.safetensors", "--json", "--draw",
      folder / "drawn.png", "--top", "2")
    #expect(result.code == 1)
    #expect(result.errors.contains("broken.jpg") && result.errors.contains("1 of 3 pictures could not be read"))
    let lines = try result.output.split(separator: "\n").map { try #require(json(String($0)) as? [String: Any]) }
    #expect(lines.compactMap { $0["file"] as? String } == good)
    model.eval()
    for (line, path) in zip(lines, good) {
      let image = try Image.read(path, mode: .rgb).tensor
      let preset = VisionModels.entry("squeezenet1_1")!.weights[0].preprocessing
      let p = withNoGrad { model(preset(image).unsqueeze(dim: 0)).softmax(dim: 1)[0].array(Double.self) }
      let classes = try #require(line["classes"] as? [[String: Any]])
      #expect(classes.count == 2)
      let best = p.indices.max { p[$0] < p[$1] }!
      #expect(classes[0]["index"] as? Int == best && classes[0]["class"] as? String == ["ant", "bee", "cow"][best])
      #expect(abs((classes[0]["probability"] as? Double ?? 0) - p[best]) < 1e-4)
    }
    #expect(try PNG.read(folder / "drawn.png").width > 400)
    let plain = try Command.run("classify", good[0], "--weights", folder / "w.safetensors")
    #expect(plain.code == 0 && plain.output.split(separator: "\n").count == 4)
  }

  @Test(arguments: [
    (["classify", "a.png"], 2, "--model"), (["classify", "--model", "resnet50"], 2, "image"),
    (["classify", "a.png", "--model", "resnet50", "--top", "0"], 2, "--top must be at least 1"),
    (["classify", "a.png", "--model", "resnet5O", "--weights", "w.pth"], 1, "resnet50"),
    (["classify", "a.png", "--model", "fcn_resnet50", "--weights", "w.pth"], 1, "w.pth"),
    (["finetune", "--model", "resnet18", "--data", "/nowhere", "--weights", "none"], 1, "/nowhere"),
    (["finetune", "--model", "resnet18", "--data", "x", "--freeze", "all"], 2, "'none', 'norms' or 'backbone'"),
    (["finetune", "--model", "resnet18", "--data", "x", "--holdout", "2"], 2, "--holdout must lie in"),
    (["finetune", "--model", "fcn_resnet50", "--data", "/tmp", "--weights", "none"], 1, "/tmp"),
  ])
  func mistakesAreNamed(_ arguments: [String], _ code: Int32, _ words: String) throws {
    let result = try Command.start(arguments).finish()
    #expect(result.code == code && result.output.isEmpty, "\(result.errors)")
    #expect(result.errors.contains(words), "\(result.errors)")
  }

  // MARK: finetune

  private func finetune(_ data: String, _ out: String, _ more: String...) throws -> Command.Running {
    try Command.start(
      [
        "finetune", "--model", "squeezenet1_1", "--weights", "none", "--data", data, "--out", out, "--batch-size", "8",
        "--threads", "2", "--quiet",
      ] + more)
  }

  @Test func finetunedModelsLearnAndClassify() throws {
    let folder = Folder()
    let data = try pictures(folder, each: 12)
    let run = try finetune(data, folder / "run", "--epochs", "6", "--optimizer", "adam", "--lr", "0.0005").finish()
    #expect(run.code == 0 && run.output.isEmpty && run.errors.isEmpty, "\(run.errors)")
    let last = try #require(try metrics(folder, "run").last)
    #expect(last.contains("\"test_accuracy\": 1.0"), "\(last)")
    for name in ["curves.png", "confusion.png", "predictions.png"] {
      #expect(try PNG.read(folder / "run/\(name)").width > 300)
    }
    for name in ["model.safetensors", "checkpoint.pt"] { #expect(folder.has("run/\(name)")) }
    let result = try Command.run(
      "classify", data + "/red/0.png", data + "/blue/0.png", "--weights", folder / "run/model.safetensors", "--top", "1"
    )
    let guesses = result.output.split(separator: "\n").filter { $0.hasPrefix("  ") }
    #expect(
      result.code == 0 && guesses.count == 2 && guesses[0].contains("red") && guesses[1].contains("blue"),
      "\(result.output)")
  }

  @Test func everyKindOfChangeTrains() throws {
    let folder = Folder()
    let data = try pictures(folder, each: 5)
    let kinds: [[String]] = [
      ["--augment", "auto", "--mix", "both", "--erase", "0.5", "--optimizer", "sgd"],
      ["--augment", "augmix", "--schedule", "linear", "--label-smoothing", "0.1", "--freeze", "backbone"],
      ["--augment", "rand", "--mix", "mixup", "--schedule", "constant", "--freeze", "norms", "--backbone-lr", "0.1"],
      ["--augment", "trivial", "--mix", "cutmix", "--warmup", "0.5"], ["--augment", "none", "--workers", "0"],
    ]
    for (number, kind) in kinds.enumerated() {
      let arguments = [
        "finetune", "--model", "squeezenet1_1", "--weights", "none", "--data", data, "--out", folder / "run\(number)",
        "--epochs", "1", "--batch-size", "4", "--threads", "2", "--quiet",
      ]
      let run = try Command.start(arguments + kind).finish()
      #expect(run.code == 0 && run.errors.isEmpty, "\(kind): \(run.errors)")
      #expect(folder.has("run\(number)/model.safetensors"))
    }
  }

  @Test func aKilledRunResumesToTheSameBits() throws {
    let folder = Folder()
    let data = try pictures(folder, each: 6)
    let options = ["--epochs", "2", "--checkpoint-every", "0", "--mix", "both", "--augment", "rand"]
    func start(_ name: String, _ more: [String] = []) throws -> Command.Running {
      try Command.start(
        [
          "finetune", "--model", "squeezenet1_1", "--weights", "none", "--data", data, "--out", folder / name,
          "--batch-size", "3",
          "--threads", "2", "--quiet",
        ] + options + more)
    }
    #expect(try start("whole").finish().code == 0)
    for wait in [600_000, 900_000, 1_200_000] as [UInt32] {
      let running = try start("killed", ["--resume"])
      usleep(wait)
      running.kill(SIGKILL)
      _ = try running.finish()
    }
    let last = try start("killed", ["--resume"]).finish()
    #expect(last.code == 0, "\(last.errors)")
    #expect(try metrics(folder, "whole") == metrics(folder, "killed"))
    #expect(try folder.bytes("whole/model.safetensors") == folder.bytes("killed/model.safetensors"))
  }

  /// Damage in one picture names the file; the run ends with one sentence.
  @Test func aDamagedPictureIsNamed() throws {
    let folder = Folder()
    let data = try pictures(folder, each: 4)
    try folder.write("data/red/1.jpg", Array(try folder.bytes("data/red/1.jpg").prefix(300)))
    let run = try finetune(data, folder / "run", "--epochs", "1").finish()
    #expect(run.code == 1 && run.errors.contains("red/1.jpg"), "\(run.errors)")
    #expect(run.errors.split(separator: "\n").count == 1)
  }
}
