import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

/// Files made by `goldens/make.py`, and what they hold.
enum Goldens {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("goldens").path

  static func path(_ name: String) -> String { folder + "/" + name }

  static let expected: JSONValue = {
    do { return try JSONValue.parse(String(contentsOfFile: path("expected.json"), encoding: .utf8)) } catch {
      fatalError("goldens/expected.json: \(error)")
    }
  }()

  /// Every golden file but the scripts, the expectations and folders.
  static let names: [String] =
    (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted()
    .filter { !$0.hasSuffix(".py") && $0 != "expected.json" && $0 != "pictures" && !$0.hasPrefix(".") && !$0.hasPrefix("__") } ?? []

  static func names(_ suffix: String) -> [String] {
    names.filter { $0.hasSuffix(suffix) && expected[$0] != nil }
  }

  /// What differs between leaves and a file's expectation, or nil.
  static func difference(_ leaves: [(String, StateValue)], _ name: String, ordered: Bool = true) -> String? {
    guard var wanted = expected[name]?.elements else { return "no expectation for \(name)" }
    var leaves = leaves
    if !ordered {
      wanted.sort { $0["key"]!.text! < $1["key"]!.text! }
      leaves.sort { $0.0 < $1.0 }
    }
    if wanted.count != leaves.count { return "\(leaves.map(\.0)), expected \(wanted.map { $0["key"]?.text ?? "" })" }
    for (want, (key, value)) in zip(wanted, leaves) {
      if want["key"]?.text != key { return "key \(key), expected \(want["key"]?.text ?? "none")" }
      if let problem = difference(value, want) { return "\(name) \(key): \(problem)" }
    }
    return nil
  }

  private static func difference(_ value: StateValue, _ want: JSONValue) -> String? {
    guard let dtype = want["dtype"]?.text else {
      let same: Bool =
        switch (value, want["value"] ?? .null) {
        case (.none, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.double(let a), let b): a == b.number
        case (.string(let a), .string(let b)): a == b
        case (.list(let a), .array(let b)), (.tuple(let a), .array(let b)): a.isEmpty && b.isEmpty
        default: false
        }
      return same ? nil : "\(value), expected \(want["value"]?.serialized ?? "nothing")"
    }
    guard let tensor = value.tensor else { return "\(value) is not a tensor" }
    if tensor.dtype.name != dtype { return "dtype \(tensor.dtype.name), expected \(dtype)" }
    if tensor.shape.array != want["shape"]?.elements?.compactMap(\.integer) { return "shape \(tensor.shape)" }
    if let grad = want["requires_grad"], .bool(tensor.requiresGrad) != grad {
      return "requiresGrad \(tensor.requiresGrad)"
    }
    let numbers = want["data"]?.elements?.compactMap(\.number) ?? []
    if tensor.dtype == .complex64 {
      let got = (0..<numbers.count).map { Double(tensor.pointer(Float.self)[$0]) }
      return got == numbers ? nil : "\(got), expected \(numbers)"
    }
    return Compare.difference(tensor.array(Double.self), numbers, rtol: 0, atol: 0)
  }
}

/// The sentence of the `FileError` that `body` throws; empty, with a failed test, when it throws none.
func fileError(_ body: () throws -> Void, location: SourceLocation = #_sourceLocation) -> String {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: location)
  } catch let error as FileError { return error.message } catch {
    Issue.record("\(error) is not a FileError", sourceLocation: location)
  }
  return ""
}

func bytes(of path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

extension ZipReader {
  /// An entry's bytes, copied.
  func content(_ entry: Entry) throws -> [UInt8] {
    let payload = try read(entry)
    return withExtendedLifetime(payload.owner) { Array(payload.bytes) }
  }
}
