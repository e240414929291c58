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
    let examples = try ["TrainClassifier.swift"].map { try text("Examples/\($0)") }
    for block in blocks { #expect(examples.contains { $0.contains(block) }, "not an example: \(block.prefix(80))") }
  }

  @Test func theExampleTrains() throws {
    let folder = Folder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try Command.path).deletingLastPathComponent()
      .appending(path: "TrainClassifier")
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let result = try Command.Running(process).finish()
    #expect(result.code == 0, "\(result.errors)")
    let accuracy = result.output.split(separator: "\n").last?.split(separator: " ").last.flatMap { Double($0) }
    #expect(try #require(accuracy) > 0.6, "\(result.output)")
    #expect(folder.has("net.pt"))
  }
}
