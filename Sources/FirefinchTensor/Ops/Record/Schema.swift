/// A parsed PyTorch schema string such as `add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`: the op's
/// name and its parameters' names, types and defaults, from which calls by name are decoded.
public struct Schema: Sendable, CustomStringConvertible {
  /// One parameter.
  public struct Parameter: Sendable {
    public let name: String
    /// PyTorch's type word without a trailing `?`: `Tensor`, `Scalar`, `int`, `float`, `bool`, `str`, `int[]`, … Two words
    /// join overloads: `TensorOrScalar` also takes a number beside a tensor, `TensorOrNumber` numbers alone, too.
    public let type: String
    public let isOptional: Bool
    /// The default as written, or nil when the argument must be given.
    public let defaultText: String?
    /// Whether the parameter comes after `*` and must be named.
    public let isKeywordOnly: Bool

    /// Whether the argument is a tensor or a list of tensors.
    public var isTensor: Bool { type.hasPrefix("Tensor") }

    /// The default as a value; `.none` when there is none.
    public var defaultValue: Value {
      guard let text = defaultText else { return .none }
      switch text {
      case "None": return .none
      case "True": return .scalar(.bool(true))
      case "False": return .scalar(.bool(false))
      case "inf": return .scalar(.double(.infinity))
      default: break
      }
      if text.hasPrefix("[") {
        return .ints(text.dropFirst().dropLast().split(separator: ",").compactMap { Int($0.filter { $0 != " " }) })
      }
      if let value = Int(text) {
        if type.hasSuffix("]") { return .ints([value]) }
        return .scalar(type == "float" ? .double(Double(value)) : .int(value))
      }
      if let value = Double(text) { return .scalar(.double(value)) }
      return .string(text.trimmingQuotes())
    }
  }

  /// The op's name without its overload: `add`.
  public let name: String
  /// The overload after the dot, or "".
  public let overload: String
  public let parameters: [Parameter]
  public let returnsCount: Int
  public let description: String

  /// Parses `text`; a malformed schema is a mistake in Firefinch itself and stops the program. Without an overload, dots
  /// belong to the name (`linalg.qr`).
  public init(_ text: String, hasOverload: Bool = true) {
    description = text
    guard let open = text.firstIndex(of: "("), let arrow = text.range(of: ") -> ") else {
      fatalError("schema: '\(text)' is not of the form name(parameters) -> results")
    }
    let full = text[..<open].split(separator: ".", maxSplits: hasOverload ? 1 : 0)
    name = String(full[0])
    overload = full.count > 1 ? String(full[1]) : ""
    var keywordOnly = false
    var parameters: [Parameter] = []
    for part in Schema.split(text[text.index(after: open)..<arrow.lowerBound]) {
      if part == "*" {
        keywordOnly = true
        continue
      }
      let sides = part.split(separator: "=", maxSplits: 1)
      let words = sides[0].split(separator: " ")
      guard words.count == 2 else { fatalError("schema: parameter '\(part)' in '\(text)' is not 'type name'") }
      var type = String(words[0])
      let isOptional = type.hasSuffix("?")
      if isOptional { type.removeLast() }
      parameters.append(
        Parameter(
          name: String(words[1]), type: type, isOptional: isOptional,
          defaultText: sides.count > 1 ? String(sides[1]) : nil, isKeywordOnly: keywordOnly))
    }
    self.parameters = parameters
    let results = text[arrow.upperBound...]
    returnsCount = results.hasPrefix("(") ? Schema.split(results.dropFirst().dropLast()).count : 1
  }

  private static func split(_ text: Substring) -> [String] {
    var parts: [String] = []
    var depth = 0
    var current = ""
    for character in text {
      if character == "[" { depth += 1 }
      if character == "]" { depth -= 1 }
      if character == "," && depth == 0 {
        parts.append(current)
        current = ""
      } else if !(character == " " && current.isEmpty) {
        current.append(character)
      }
    }
    if !current.isEmpty { parts.append(current) }
    return parts
  }
}

extension String {
  fileprivate func trimmingQuotes() -> String { filter { $0 != "'" && $0 != "\"" } }

  /// The range of `needle`, without Foundation.
  fileprivate func range(of needle: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
      start = index(after: start)
    }
    return nil
  }
}
