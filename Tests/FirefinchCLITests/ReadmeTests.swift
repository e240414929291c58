import Firefinch
import FirefinchVision
import Foundation
import Testing

/// The README's code is an example that is built and run.
@Suite struct ReadmeTests {
  private func text(_ path: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..")
    return try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  @Test func everyCodeBlockIsAnExample() throws {
    let blocks = try text("README.md").components(separatedBy: "```swift\n").dropFirst()
      .map { $0.components(separatedBy: "```")[0] }
    #expect(!blocks.isEmpty)
    let examples = try ["TrainClassifier.swift", "FinetuneClassifier.swift"].map { try text("Examples/\($0)") }
    for block in blocks { #expect(examples.contains { $0.contains(block) }, "not an example: \(block.prefix(80))") }
  }

  private func run(_ example: String, _ arguments: [String] = [], in folder: Folder) throws -> Command {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try Command.path).deletingLastPathComponent().appending(path: example)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let result = try Command.Running(process).finish()
    #expect(result.code == 0, "\(result.errors)")
    return result
  }

  @Test func theExampleOfPicturesTrains() throws {
    let folder = Folder()
    manualSeed(2)
    try VisionModels.make("mobilenet_v2").stateDict().save(to: folder / "weights.pth")
    for name in ["dark", "light"] {
      try FileManager.default.createDirectory(atPath: folder / "data/\(name)", withIntermediateDirectories: true)
      for i in 0..<4 {
        let x = Tensor.randint(name == "dark" ? 0 : 200, name == "dark" ? 50 : 256, [3, 32, 32])
        try Image(x.to(.uint8)).write(to: folder / "data/\(name)/\(i).png")
      }
    }
    let arguments = [folder / "weights.pth", folder / "data", folder / "data/dark/0.png"]
    let lines = try run("FinetuneClassifier", arguments, in: folder).output.split(separator: "\n")
    #expect(lines.count == 4 && lines[0].hasPrefix("epoch 1: loss "))
    #expect(lines[3].hasPrefix("dark ") || lines[3].hasPrefix("light "))
  }

  @Test func theExampleTrains() throws {
    let folder = Folder()
    let result = try run("TrainClassifier", in: folder)
    let accuracy = result.output.split(separator: "\n").last?.split(separator: " ").last.flatMap { Double($0) }
    #expect(try #require(accuracy) > 0.6, "\(result.output)")
    #expect(folder.has("net.pt"))
  }
}
