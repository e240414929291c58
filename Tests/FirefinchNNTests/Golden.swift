import Firefinch
import FirefinchTestSupport
import Foundation
import Testing

/// A value of a golden file made by `goldens/make.py`.
struct Golden {
  let any: Any

  static func cases(_ file: String) throws -> [Golden] {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "goldens/\(file)")
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    return Golden(any: json)["cases"].list
  }

  subscript(_ key: String) -> Golden { Golden(any: (any as? [String: Any])?[key] ?? NSNull()) }
  var list: [Golden] { (any as? [Any] ?? []).map(Golden.init) }
  var fields: [String: Golden] { (any as? [String: Any] ?? [:]).mapValues(Golden.init) }
  var isNull: Bool { any is NSNull }
  var string: String { any as? String ?? "" }
  var bool: Bool { (any as? NSNumber)?.boolValue ?? false }
  var double: Double {
    if let text = any as? String { return text == "inf" ? .infinity : text == "-inf" ? -.infinity : .nan }
    return (any as? NSNumber)?.doubleValue ?? .nan
  }

  var tensor: Tensor {
    let dtype = DType(name: self["dtype"].string) ?? .float32
    let shape = Shape(self["shape"].list.map { Int($0.double) })
    if dtype == .int64 { return Tensor(self["data"].list.map { Int($0.double) }, shape: shape) }
    return Tensor(self["data"].list.map(\.double), shape: shape, dtype: dtype)
  }

  /// What differs between this tree and a state, or nil.
  func difference(_ state: StateValue, path: String = "", tolerance: Double = 1e-5) -> String? {
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
