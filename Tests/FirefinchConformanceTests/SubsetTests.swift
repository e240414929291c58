import Firefinch
import Foundation
import Testing

/// A fixed part of the conformance suite, chosen by `goldens/make_subset.py`, so that `make test` notices when an operator, module,
/// optimizer or scheduler no longer does what PyTorch does. `make conformance` runs the whole suite.
@Suite struct SubsetTests {
  private static let goldens = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "goldens")

  /// The files of the subset with their cases and PyTorch's answers.
  private struct File {
    let kind: String
    let name: String
    let header: [JSONMember]
    let cases: [JSONValue]
    let expected: [JSONValue]

    init?(_ json: JSONValue) {
      guard let kind = json["kind"]?.text, let name = json["file"]?.text, let header = json["header"]?.members,
        let cases = json["cases"]?.elements, let expected = json["expected"]?.elements
      else { return nil }
      (self.kind, self.name, self.header, self.cases, self.expected) = (kind, name, header, cases, expected)
    }
  }

  @Test func thePartOfPyTorchsDatabasePasses() throws {
    let text = try String(contentsOf: Self.goldens.appending(path: "cases.json"), encoding: .utf8)
    let files = try (JSONValue.parse(text).elements ?? []).map { try #require(File($0)) }
    let stored = Dictionary(
      try Safetensors.load(Self.goldens.appending(path: "cases.safetensors").path), uniquingKeysWith: { first, _ in first })
    #expect(files.count > 700, "the subset has only \(files.count) files")

    let folder = FileManager.default.temporaryDirectory.appending(path: "firefinch-conformance-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let paths = try files.map { try Self.write($0, stored, into: folder) }
    let outcome = try Self.run(paths, into: folder.appending(path: "out"))
    #expect(outcome == 0, "the runner ended with \(outcome)")

    var failures: [String] = []
    var count = 0
    for file in files {
      let lines = try? String(contentsOf: folder.appending(path: "out/\(file.kind)/\(file.name).jsonl"), encoding: .utf8)
      var answers: [String: JSONValue] = [:]
      for line in (lines ?? "").split(separator: "\n") {
        let answer = try JSONValue.parse(String(line))
        answers[answer["id"]?.text ?? ""] = answer
      }
      for wanted in file.expected {
        count += 1
        let id = wanted["id"]?.text ?? ""
        var comparison = Comparison(stored: stored)
        if let answer = answers[id] { comparison.check(answer, wanted) } else { comparison.fail("no answer") }
        if let first = comparison.failures.first { failures.append("\(file.kind)/\(file.name) \(id): \(first)") }
      }
    }
    #expect(count > 2000, "only \(count) cases were compared")
    #expect(failures.isEmpty, "\(failures.count) of \(count) cases differ: \(failures.prefix(20).joined(separator: "\n"))")
  }

  /// Writes a file's cases as the runner reads them.
  private static func write(_ file: File, _ stored: [String: Tensor], into folder: URL) throws -> String {
    let place = folder.appending(path: "cases/\(file.kind)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    var names: Set<String> = []
    for item in file.cases { collect(item, &names) }
    try Safetensors.save(names.sorted().map { ($0, stored[$0]!) }, to: place.appending(path: file.name + ".safetensors").path)
    let document = JSONValue.record(
      file.header.map { ($0.name, $0.value) }
        + [("tensors", .string(file.name + ".safetensors")), ("cases", .array(file.cases))])
    let path = place.appending(path: file.name + ".json")
    try Data(document.serialized.utf8).write(to: path)
    return path.path
  }

  private static func collect(_ value: JSONValue, _ names: inout Set<String>) {
    for member in value.members ?? [] {
      if member.name == "$t", let name = member.value.text { names.insert(name) } else { collect(member.value, &names) }
    }
    for element in value.elements ?? [] { collect(element, &names) }
  }

  /// Runs the executable beside the tests.
  private static func run(_ paths: [String], into out: URL) throws -> Int32 {
    let products = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    let executable = products.appending(path: "conformance-runner")
    try #require(FileManager.default.isExecutableFile(atPath: executable.path), "build the product conformance-runner first")
    let process = Process()
    process.executableURL = executable
    process.arguments = ["--out", out.path] + paths
    try process.run()
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
  }
}
