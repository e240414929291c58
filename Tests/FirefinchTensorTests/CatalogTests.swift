import Firefinch
import Foundation
import Testing

@Suite struct CatalogTests {
  private static var sources: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Sources/FirefinchTensor/Ops")
  }

  /// Every `static let name = …Op…` record in `Ops/` must be in the catalog.
  @Test func everyRecordIsListed() throws {
    let files = FileManager.default.enumerator(at: Self.sources, includingPropertiesForKeys: nil)!
    let catalog = try String(contentsOf: Self.sources.appendingPathComponent("OpCatalog.swift"), encoding: .utf8)
    let listed = Set(catalog.matches(of: /\.(\w+)/).map { String($0.1) })
    var missing: [String] = []
    for case let file as URL in files where file.pathExtension == "swift" && !file.path.contains("/Record/") {
      let text = try String(contentsOf: file, encoding: .utf8)
      for block in text.components(separatedBy: "\nextension Op {\n").dropFirst() {
        let body = block.components(separatedBy: "\n}\n")[0]
        let records = body.matches(of: /(?m)^  static let `?(\w+)`?(?:: Op)? =/).map { String($0.1) }
        missing += records.filter { !listed.contains($0) }.map { "\(file.lastPathComponent): \($0)" }
      }
    }
    #expect(missing.isEmpty, "records missing from OpCatalog: \(missing)")
  }

  @Test func schemasAreUnique() {
    let names = OpCatalog.all.map { $0.schema.name + "." + $0.schema.overload }
    let repeated = Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
    #expect(repeated.isEmpty, "several records share a schema: \(repeated)")
  }
}
