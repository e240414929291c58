import Firefinch
import Foundation

/// `conformance-runner --out DIR [--skip-file S] FILE.json…`: runs cases of PyTorch's own tests and writes what came out, as
/// the protocol beside the cases says.
struct Runner {
  let out: String
  let skipped: Set<String>
  let table = Table()
  let modules = ModuleTable()
  let optimizers = OptimizerTable()

  func run(_ path: String) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let document = try JSONValue.parse(text)
    let kind = document["kind"]?.text ?? ""
    let base = String(path.split(separator: "/").last!.dropLast(".json".count))
    let folder = "\(out)/\(kind)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let results = "\(folder)/\(base).jsonl"
    if !FileManager.default.fileExists(atPath: results) { FileManager.default.createFile(atPath: results, contents: nil) }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: results))
    try file.seekToEnd()
    let beside = String(path.dropLast(".json".count)) + ".safetensors"
    let stored = Result { try Safetensors.load(beside) }
    for item in document["cases"]?.elements ?? [] {
      let id = item["id"]?.text ?? ""
      if skipped.contains("\(kind)/\(base)#\(id)") { continue }
      let members = answer(kind, document, item, stored)
      let line = JSONValue.record([("id", .string(id))] + members).serialized + "\n"
      try file.write(contentsOf: Data(line.utf8))
    }
    try file.close()
  }

  private func answer(
    _ kind: String, _ document: JSONValue, _ item: JSONValue, _ stored: Result<[(String, Tensor)], any Error>
  ) -> [(String, JSONValue)] {
    do {
      let pairs = try stored.get()
      let decoder = Decoder(file: Dictionary(pairs, uniquingKeysWith: { first, _ in first }))
      return [("status", .string("ok"))] + (try results(kind, document, item, decoder))
    } catch let missing as Unsupported {
      return [("status", .string("unsupported")), ("message", .string(missing.message))]
    } catch {
      return [("status", .string("error")), ("message", .string("\(error)"))]
    }
  }

  private func results(
    _ kind: String, _ document: JSONValue, _ item: JSONValue, _ decoder: Decoder
  ) throws -> [(String, JSONValue)] {
    switch kind {
    case "ops", "sparse":
      // A variant with semantics of its own, or the function itself.
      let variant = document["name"]?.text ?? ""
      let name = table.contains(variant) ? variant : document["op"]?.text ?? variant
      return try OperatorCase(name: name, json: item, table: table, decoder: decoder).run()
    case "random", "rng_exact":
      let name = item["op"]?.text ?? document["name"]?.text ?? ""
      return try RandomCase(name: name, json: item, table: table, decoder: decoder).run()
    case "modules":
      return try ModuleCase(name: document["module"]?.text ?? "", json: item, table: modules, decoder: decoder).run()
    case "optim": return try OptimizerCase(json: item, table: optimizers, decoder: decoder).run()
    case "lr_scheduler": return try SchedulerCase(json: item, table: optimizers, decoder: decoder).run()
    default: throw Unsupported("kind \(kind)")
    }
  }
}

var arguments = Array(CommandLine.arguments.dropFirst())
var out = "."
var skipFile: String?
var files: [String] = []
if arguments == ["--describe"] {
  print(Description(table: Table()).json.serialized)
  arguments = []
}
while !arguments.isEmpty {
  let word = arguments.removeFirst()
  if word == "--out" || word == "--skip-file" {
    guard !arguments.isEmpty else { fatalError("conformance-runner: \(word) needs a value") }
    if word == "--out" { out = arguments.removeFirst() } else { skipFile = arguments.removeFirst() }
  } else {
    files.append(word)
  }
}
let skips = try skipFile.map { try String(contentsOfFile: $0, encoding: .utf8) } ?? ""
let runner = Runner(out: out, skipped: Set(skips.split(separator: "\n").map(String.init)))
for file in files { try runner.run(file) }
