import Firefinch
import FirefinchVision
import Foundation
import Testing

/// Whole training runs: their files, interruptions and mistakes.
@Suite struct RunTests {
  private func arguments(_ out: String, _ more: String...) -> [String] {
    ["train", "fashion-mnist", "--model", "mlp", "--limit", "2000", "--epochs", "2", "--quiet", "--out", out] + more
  }

  /// Lines of metrics.jsonl without the seconds.
  private func metrics(_ folder: Folder, _ name: String) throws -> [String] {
    let text = String(decoding: try folder.bytes("\(name)/metrics.jsonl"), as: UTF8.self)
    return text.split(separator: "\n").map { $0.components(separatedBy: ", \"seconds\"")[0] }
  }

  @Test func aProfiledRunTrainsToTheSameNumbers() throws {
    let folder = Folder()
    let plain = try Command.start(arguments(folder / "plain", "--epochs", "1")).finish()
    let run = try Command.start(arguments(folder / "run", "--epochs", "1", "--profile", folder / "trace.json")).finish()
    #expect(plain.code == 0 && run.code == 0 && run.output.isEmpty)
    #expect(try metrics(folder, "plain") == metrics(folder, "run"))
    for word in ["Optimizer.step#Adam", "next batch", "LinearBackward0", "Module"] {
      #expect(run.errors.contains(word))
    }
    let bytes = try folder.bytes("trace.json")
    let json = try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    let events = try #require(json["traceEvents"] as? [[String: Any]])
    #expect(events.filter { $0["name"] as? String == "Optimizer.step#Adam" }.count == 10)
    // Too short a run says that it wrote nothing.
    let short = try Command.start([
      "train", "fashion-mnist", "--model", "mlp", "--limit", "200", "--epochs", "1", "--out", folder / "short",
      "--profile", folder / "none.json",
    ]).finish()
    #expect(short.code == 0 && short.errors.contains("no trace was written"))
  }

  @Test func aRunLeavesItsFilesAndPredicts() throws {
    let folder = Folder()
    let run = try Command.start(arguments(folder / "run", "--workers", "2")).finish()
    #expect(run.code == 0 && run.output.isEmpty && run.errors.isEmpty, "\(run.errors)")
    for (number, line) in try metrics(folder, "run").enumerated() {
      let fields = try #require(try JSONSerialization.jsonObject(with: Data((line + "}").utf8)) as? [String: Any])
      #expect(fields["epoch"] as? Int == number + 1)
      for key in ["train_loss", "test_loss", "test_accuracy"] { #expect((fields[key] as? Double ?? -1) > 0) }
    }
    for name in ["curves.png", "predictions.png"] { #expect(try PNG.read(folder / "run/\(name)").width > 500) }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder / "run")
    #expect(files.contains { $0.hasPrefix("events.out.tfevents") })
    #expect(!files.contains { $0.hasSuffix(".tmp") || $0.hasSuffix(".new") })

    let test = try FashionMNIST(train: false)
    let picture = Image(width: 28, height: 28, channels: 1, pixels: Array(test.images.array(UInt8.self)[0..<784]))
    try PNG.write(picture, to: folder / "boot.png")
    for name in ["model.safetensors", "model.pt", "checkpoint.pt"] {
      let result = try Command.run("predict", "--checkpoint", folder / "run/\(name)", folder / "boot.png")
      let lines = result.output.split(separator: "\n")
      #expect(result.code == 0 && lines.count == 6, "\(name): \(result.output)\(result.errors)")
      #expect(lines[1].contains("Ankle boot") || lines[1].contains("Sneaker") || lines[1].contains("Sandal"))
      let probabilities = lines.dropFirst().compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
      #expect(probabilities.count == 5 && probabilities == probabilities.sorted(by: >) && probabilities[0] <= 1)
    }

    // A finished run: nothing to do. Other options: the difference is named.
    let before = try folder.bytes("run/model.pt")
    #expect(try Command.start(arguments(folder / "run", "--resume")).finish().code == 0)
    #expect(try folder.bytes("run/model.pt") == before)
    let other = try Command.start(arguments(folder / "run", "--resume", "--batch-size", "64")).finish()
    #expect(other.code == 2 && other.errors.contains("--batch-size 128") && other.errors.contains("--batch-size 64"))
  }

  @Test(arguments: ["mlp", "cnn"]) func killedRunsResumeToTheSameBits(model: String) throws {
    let folder = Folder()
    #expect(try Command.start(arguments(folder / "whole", "--model", model)).finish().code == 0)
    // Checkpoints after every step; killed at moments that hit all stages, then finished.
    var random = SystemRandomNumberGenerator()
    var kills = 0
    for _ in 0..<12 {
      let running = try Command.start(
        arguments(folder / "killed", "--resume", "--checkpoint-every", "0", "--model", model))
      usleep(UInt32.random(in: 20_000...600_000, using: &random))
      running.kill(SIGKILL)
      if try running.finish().code == -SIGKILL { kills += 1 }
    }
    let last = try Command.start(arguments(folder / "killed", "--resume", "--model", model)).finish()
    #expect(last.code == 0 && kills > 0, "\(last.errors)")
    #expect(try folder.bytes("killed/model.safetensors") == folder.bytes("whole/model.safetensors"))
    #expect(try metrics(folder, "killed") == metrics(folder, "whole"))
  }

  @Test func controlCLeavesACheckpoint() throws {
    let folder = Folder()
    let options = ["--limit", "20000", "--epochs", "1"]
    #expect(try Command.start(arguments(folder / "whole") + options).finish().code == 0)
    let running = try Command.start(arguments(folder / "stopped", "--checkpoint-every", "0.05") + options)
    while !folder.has("stopped/checkpoint.pt") && running.process.isRunning { usleep(5000) }
    running.kill(SIGINT)
    let stopped = try running.finish()
    #expect(stopped.code == 130 && stopped.errors.contains("--resume"), "\(stopped)")
    let resumed = try Command.start(arguments(folder / "stopped", "--resume") + options).finish()
    #expect(resumed.code == 0, "\(resumed.errors)")
    #expect(try folder.bytes("stopped/model.safetensors") == folder.bytes("whole/model.safetensors"))
    #expect(try metrics(folder, "stopped") == metrics(folder, "whole"))
  }

  @Test func aDamagedCheckpointFallsBackToThePreviousOne() throws {
    let folder = Folder()
    #expect(try Command.start(arguments(folder / "run")).finish().code == 0)
    let model = try folder.bytes("run/model.safetensors")
    let bytes = try folder.bytes("run/checkpoint.pt")
    try folder.write("run/checkpoint.pt", Array(bytes.prefix(bytes.count / 2)))
    let result = try Command.start(arguments(folder / "run", "--resume")).finish()
    #expect(result.code == 0 && result.errors.contains("checkpoint.pt"), "\(result.errors)")
    #expect(try folder.bytes("run/model.safetensors") == model)
    for name in ["checkpoint.pt", "checkpoint.previous.pt"] { try folder.write("run/\(name)", [1, 2, 3]) }
    #expect(try Command.start(arguments(folder / "run", "--resume")).finish().code == 1)
  }

  @Test func withoutLibrariesTheResultIsAlmostTheSame() throws {
    let folder = Folder()
    #expect(try Command.start(arguments(folder / "with", "--model", "cnn", "--epochs", "1")).finish().code == 0)
    let without = try Command.start(
      arguments(folder / "without", "--model", "cnn", "--epochs", "1"), environment: ["FIREFINCH_NO_LIBRARIES": "1"]
    ).finish()
    #expect(without.code == 0, "\(without.errors)")
    func loss(_ name: String) throws -> Double {
      let line = Data((try metrics(folder, name)[0] + "}").utf8)
      return (try JSONSerialization.jsonObject(with: line) as? [String: Any])?["train_loss"] as? Double ?? .nan
    }
    #expect(abs(try loss("with") / loss("without") - 1) < 0.01)
  }

  @Test func badDataIsExplained() throws {
    let system = FashionMNIST.systemDirectory
    let names = [
      "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
    ]
    func run(_ change: (Folder) throws -> Void) throws -> Command {
      let folder = Folder()
      for name in names { symlink("\(system)/\(name).gz", folder / "\(name).gz") }
      try change(folder)
      return try Command.start(arguments(folder / "run", "--data", folder.path)).finish()
    }
    func expect(_ words: String, _ result: Command) {
      #expect(result.code == 1 && result.errors.contains(words), "\(words): \(result)")
      #expect(result.errors.split(separator: "\n").count == 1)
    }
    expect("t10k-labels-idx1-ubyte(.gz) is not there", try run { unlink($0 / "t10k-labels-idx1-ubyte.gz") })
    expect(
      "train-images-idx3-ubyte.gz",
      try run {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(system)/\(names[0]).gz"))
        unlink($0 / "\(names[0]).gz")
        try $0.write("\(names[0]).gz", [UInt8](bytes.prefix(1_000_000)))
      })
    expect(
      "train-labels",
      try run {
        unlink($0 / "\(names[1]).gz")
        try $0.write(names[1], [0, 0, 9, 1, 0, 0, 0, 2, 5, 5])
      })
    expect(
      "60000 labels",
      try run {
        unlink($0 / "\(names[1]).gz")
        try $0.write(names[1], [0, 0, 8, 1, 0, 0, 0, 2, 5, 5])
      })
  }

  @Test func placesThatCannotBeWrittenAreExplained() throws {
    let folder = Folder()
    for path in ["/proc/firefinch", "/dev/null/run"] {
      let result = try Command.start(arguments(path)).finish()
      #expect(result.code == 1 && result.errors.contains(path), "\(result)")
    }
    try folder.write("file", [1])
    let inTheWay = try Command.start(arguments(folder / "file")).finish()
    #expect(inTheWay.code == 1 && inTheWay.errors.contains("in the way"), "\(inTheWay)")
  }

  /// A limit on file sizes stands for a full disk: writing fails in the middle of a file.
  @Test func aFullDiskLosesNothing() throws {
    let folder = Folder()
    #expect(try Command.start(arguments(folder / "run")).finish().code == 0)
    let names = ["checkpoint.pt", "model.pt", "model.safetensors", "metrics.jsonl"]
    let before = try names.map { try folder.bytes("run/\($0)") }
    let full = try Command.start(arguments(folder / "run"), shell: "ulimit -f 300; trap '' XFSZ").finish()
    #expect(full.code == 1 && full.errors.contains("File too large"), "\(full)")
    #expect(try folder.bytes("run/\(names[0])") == before[0] && folder.bytes("run/\(names[1])") == before[1])
    #expect(try Command.start(arguments(folder / "run")).finish().code == 0)
    #expect(try folder.bytes("run/model.safetensors") == before[2])
  }

  @Test func aLossThatIsNotANumberNamesStepAndModule() throws {
    let folder = Folder()
    let result = try Command.start(arguments(folder / "run", "--model", "cnn", "--optimizer", "sgd", "--lr", "1e30"))
      .finish()
    #expect(result.code == 1)
    for words in ["the loss is", "at step 2", "(Conv2d)", "--lr"] {
      #expect(result.errors.contains(words), "\(result)")
    }
  }

  @Test func aCheckpointOfAnotherModelIsExplained() throws {
    let folder = Folder()
    try StateValue.record([("layer.weight", .tensor(Tensor.ones([3, 3])))]).save(to: folder / "other.pt")
    try PNG.write(
      Image(width: 28, height: 28, channels: 1, pixels: [UInt8](repeating: 0, count: 784)), to: folder / "a.png")
    let result = try Command.run("predict", "--checkpoint", folder / "other.pt", folder / "a.png")
    #expect(result.code == 1 && result.errors.contains("another model"), "\(result)")
    #expect(try Command.run("predict", "--checkpoint", folder / "a.png", folder / "a.png").code == 1)
    #expect(try Command.start(arguments(folder / "mlp")).finish().code == 0)
    let swapped = try Command.start(arguments(folder / "mlp", "--model", "cnn", "--resume")).finish()
    #expect(swapped.code == 2 && swapped.errors.contains("--model mlp"))
  }
}
