import Firefinch
import Foundation
import Testing

/// Wrong use, help, and the small commands.
@Suite struct CommandLineTests {
  @Test func helpNamesTheCommands() throws {
    let help = try Command.run("--help")
    #expect(help.code == 0 && help.errors.isEmpty)
    for word in ["train", "predict", "info", "inspect", "bench", "classify", "finetune", "models", "run-model"] {
      #expect(help.output.contains(word))
    }
    let train = try Command.run("train", "fashion-mnist", "--help")
    for option in [
      "--data", "--model", "--epochs", "--batch-size", "--lr", "--optimizer", "--seed", "--limit", "--threads",
      "--workers",
      "--out", "--resume", "--quiet", "--profile",
    ] { #expect(train.output.contains(option)) }
    #expect(try Command.run("--version").output.hasPrefix("firefinch "))
  }

  @Test(arguments: [
    (["train", "fashion-mnist", "--epochz", "3"], "'--epochz'"),
    (["train", "fashion-mnist", "--epochs"], "Missing value for '--epochs"),
    (["train", "fashion-mnist", "--model", "vgg"], "'cnn', 'mlp' or 'resnet'"),
    (["train", "fashion-mnist", "--epochs", "many"], "'many' is invalid for '--epochs"),
    (["train", "fashion-mnist", "--epochs", "0"], "--epochs must be at least 1, got 0"),
    (["train", "fashion-mnist", "--batch-size", "-4"], "--batch-size"),
    (["train", "fashion-mnist", "--workers", "-1"], "--workers"),
    (["train", "fashion-mnist", "--lr", "nan"], "--lr must be a positive number"),
    (["bench", "nothing"], "known are overhead"),
    (["bench", "sum", "--threads", "0"], "--threads must be at least 1, got 0"),
    (["bench", "overhead", "--profile", "x.json"], "choose another name"),
    (["predict", "picture.png"], "--checkpoint"), (["inspect"], "<file>"), (["bogus"], "'bogus'"),
  ])
  func wrongUseExitsWith2(_ arguments: [String], _ words: String) throws {
    let result = try Command.start(arguments).finish()
    #expect(result.code == 2)
    #expect(result.errors.contains(words), "\(result.errors)")
    #expect(result.output.isEmpty)
  }

  /// PyTorch's loss or mean absolute output of the first step from seed 0, by Benchmarks/torch_work.py.
  @Test(arguments: [
    ("mlp-train", 0.914747953414917), ("pointwise-chain", 0.980861927533436),
    ("pointwise-chain-fused", 0.980861927533436),
    ("softmax", 0.0009765624987207546), ("layernorm", 0.7980176995512392), ("transpose", 0.7976772439466264),
    ("sum", 24.226001220056787), ("fashion-cnn-train", 2.3095901012420654), ("lstm-train", 2.3181540966033936),
    ("gpt2-small-train", 9.168606758117676), ("resnet18-infer", 1.3014284938061609),
    ("vit_b_32-infer", 0.4307986056227237),
    ("mobilenet_v2-infer", 7.487970039611602e-10), ("mobilenet_v3_small-train", 6.907623767852783),
  ])
  func benchDoesPyTorchsWork(_ name: String, _ check: Double) throws {
    let result = try Command.run("bench", name, "--threads", "2", "--iterations", "1", "--json")
    #expect(result.code == 0 && result.errors.isEmpty)
    let json = try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(json["name"] as? String == name)
    for key in ["first_ms", "median_ms", "min_ms", "peak_rss_mb"] { #expect((json[key] as? Double ?? 0) > 0) }
    let got = try #require(json["check"] as? Double)
    #expect(abs(got / check - 1) < 1e-5)
  }

  @Test func benchProfiles() throws {
    let folder = Folder()
    let result = try Command.run("bench", "mlp-train", "--iterations", "1", "--profile", folder / "trace.json")
    #expect(result.code == 0 && result.errors.contains("LinearBackward0") && result.errors.contains("Backward"))
    #expect(String(decoding: try folder.bytes("trace.json"), as: UTF8.self).contains("\"traceEvents\""))
  }

  @Test func infoSaysWhatIsUsed() throws {
    let info = try Command.run("info")
    #expect(info.code == 0)
    for word in ["processor", "instructions", "threads", "oneDNN", "OpenBLAS", "GPU"] {
      #expect(info.output.contains(word))
    }
    let plain = try Command.run("info", environment: ["FIREFINCH_NO_LIBRARIES": "1", "FIREFINCH_ISA": "sse2"])
    #expect(plain.output.contains("instructions sse2"))
    #expect(plain.output.contains("not used"))
  }

  @Test func inspectReadsEveryFormatAndRefusesDamage() throws {
    let folder = Folder()
    let pairs = [("weight", Tensor.ones([2, 3])), ("count", Tensor(7))]
    try Safetensors.save(pairs, to: folder / "a.safetensors", metadata: [:])
    try StateValue.record(pairs.map { ($0.0, .tensor($0.1)) }).save(to: folder / "a.pt")
    try Npz.save(pairs, to: folder / "a.npz")
    for name in ["a.safetensors", "a.pt", "a.npz"] {
      let result = try Command.run("inspect", folder / name)
      #expect(result.code == 0 && result.output.contains("weight") && result.output.contains("[2, 3]"), "\(name)")
      let bytes = try folder.bytes(name)
      for (kind, damaged) in [("cut", Array(bytes.dropLast(9))), ("empty", [])] {
        try folder.write("bad", damaged)
        let bad = try Command.run("inspect", folder / "bad")
        #expect(bad.code == 1 && bad.output.isEmpty, "\(name), \(kind)")
        #expect(bad.errors.split(separator: "\n").count == 1, "one sentence: \(bad.errors)")
      }
    }
    let picture = Image(width: 5, height: 4, channels: 3, pixels: [UInt8](repeating: 9, count: 60))
    try PNG.write(picture, to: folder / "a.png")
    let png = try Command.run("inspect", folder / "a.png")
    #expect(png.code == 0 && png.output.contains("5") && png.output.contains("4") && png.output.contains("8"))
    var bytes = try folder.bytes("a.png")
    bytes[bytes.count / 2] ^= 0x40
    try folder.write("a.png", bytes)
    #expect(try Command.run("inspect", folder / "a.png").code == 1)
    let missing = try Command.run("inspect", folder / "missing.pt")
    #expect(missing.code == 1 && missing.errors.contains("missing.pt"))
  }
}
