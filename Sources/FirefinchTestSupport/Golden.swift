import Firefinch
import Foundation

/// A value of a golden file: JSON that a script in the `goldens` folder beside a test made with PyTorch.
public struct Golden {
  public let any: Any

  public init(any: Any) { self.any = any }

  /// The file's value; `test` is the path of the test's source file.
  public static func load(_ file: String, beside test: String = #filePath) throws -> Golden {
    Golden(any: try JSONSerialization.jsonObject(with: Data(contentsOf: url(file, beside: test))))
  }

  /// The elements of the file's "cases".
  public static func cases(_ file: String, beside test: String = #filePath) throws -> [Golden] {
    try load(file, beside: test)["cases"].list
  }

  /// Where a golden file is.
  public static func url(_ file: String, beside test: String = #filePath) -> URL {
    URL(fileURLWithPath: test).deletingLastPathComponent().appending(path: "goldens/\(file)")
  }

  public subscript(_ key: String) -> Golden { Golden(any: (any as? [String: Any])?[key] ?? NSNull()) }
  public var list: [Golden] { (any as? [Any] ?? []).map(Golden.init) }
  public var fields: [String: Golden] { (any as? [String: Any] ?? [:]).mapValues(Golden.init) }
  public var isNull: Bool { any is NSNull }
  public var string: String { any as? String ?? "" }
  public var bool: Bool { (any as? NSNumber)?.boolValue ?? false }
  public var int: Int { (any as? NSNumber)?.intValue ?? 0 }
  public var ints: [Int] { list.map(\.int) }
  public var doubles: [Double] { list.map(\.double) }
  public var double: Double {
    if let text = any as? String { return text == "inf" ? .infinity : text == "-inf" ? -.infinity : .nan }
    return (any as? NSNumber)?.doubleValue ?? .nan
  }

  public var tensor: Tensor {
    let dtype = DType(name: self["dtype"].string) ?? .float32
    let shape = Shape(self["shape"].list.map { Int($0.double) })
    if dtype == .int64 { return Tensor(self["data"].ints, shape: shape) }
    return Tensor(self["data"].list.map(\.double), shape: shape, dtype: dtype)
  }

  /// What differs between this tree and a state, or nil.
  public func difference(_ state: StateValue, path: String = "", tolerance: Double = 1e-5) -> String? {
    if !self["dict"].isNull {
      guard let entries = state.entries else { return "\(path): not a dictionary" }
      let want = self["dict"].list
      let keys = want.map { $0.list[0].any as? String ?? "\(Int($0.list[0].double))" }
      if keys != entries.map(\.key.description) { return "\(path): keys \(entries.map(\.key)), expected \(keys)" }
      for (pair, entry) in zip(want, entries) {
        let inner = pair.list[1].difference(entry.value, path: "\(path).\(entry.key)", tolerance: tolerance)
        if let inner { return inner }
      }
      return nil
    }
    if !self["list"].isNull {
      guard let elements = state.elements else { return "\(path): not a list" }
      let want = self["list"].list
      if want.count != elements.count { return "\(path): \(elements.count) elements, expected \(want.count)" }
      for (i, (a, b)) in zip(want, elements).enumerated() {
        if let inner = a.difference(b, path: "\(path)[\(i)]", tolerance: tolerance) { return inner }
      }
      return nil
    }
    if !self["tensor"].isNull {
      guard case .tensor(let tensor) = state else { return "\(path): not a tensor" }
      return Compare.difference(tensor, self["tensor"].tensor, rtol: tolerance, atol: 1e-6).map { "\(path): \($0)" }
    }
    if !self["number"].isNull {
      guard let number = state.number else { return "\(path): not a number" }
      let want = self["number"].double
      let near = number == want || abs(number - want) <= 1e-12 * max(1, abs(want))
      return near ? nil : "\(path): \(number), expected \(want)"
    }
    switch (self["value"].any, state) {
    case (is NSNull, .none): return nil
    case (let want as String, .string(let got)): return want == got ? nil : "\(path): \(got), expected \(want)"
    case (let want as NSNumber, .bool(let got)): return want.boolValue == got ? nil : "\(path): \(got)"
    default: return "\(path): \(state), expected \(self["value"].any)"
    }
  }
}
