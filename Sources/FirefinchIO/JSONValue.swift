import Foundation

/// A JSON document (RFC 8259) whose objects keep their order.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits.
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([JSONMember])

  /// An object from pairs in order.
  public static func record(_ pairs: [(String, JSONValue)]) -> JSONValue {
    .object(pairs.map { JSONMember($0.0, $0.1) })
  }

  /// The value of an object's member, or nil.
  public subscript(_ name: String) -> JSONValue? {
    if case .object(let members) = self { return members.first { $0.name == name }?.value }
    return nil
  }

  /// An object's members in order; nil for other values.
  public var members: [JSONMember]? {
    if case .object(let members) = self { return members }
    return nil
  }

  /// An array's elements; nil for other values.
  public var elements: [JSONValue]? {
    if case .array(let elements) = self { return elements }
    return nil
  }

  /// A string's text; nil for other values.
  public var text: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// A whole number; nil for other values.
  public var integer: Int? {
    if case .int(let value) = self { return value }
    return nil
  }

  /// A number; nil for other values.
  public var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
}

/// A name and its value in a JSON object.
public struct JSONMember: Sendable, Equatable {
  /// Unique in its object.
  public let name: String
  /// What the name stands for.
  public let value: JSONValue

  /// A member of an object.
  public init(_ name: String, _ value: JSONValue) {
    self.name = name
    self.value = value
  }
}

/// What is wrong with a JSON text, and at which byte.
public struct JSONError: Error, CustomStringConvertible, Equatable, Sendable {
  /// Where in the text, in bytes.
  public let offset: Int
  /// What is wrong there.
  public let message: String
  /// The message with its place.
  public var description: String { "JSON: \(message) at byte \(offset)" }
}

// MARK: Writing

extension JSONValue {
  /// The document as text without line breaks. Numbers that are not finite become `null`, which is all that JSON has.
  public var serialized: String {
    var out = ""
    write(to: &out)
    return out
  }

  private func write(to out: inout String) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .int(let value): out += "\(value)"
    case .double(let value): out += value.isFinite ? "\(value)" : "null"
    case .string(let text): JSONValue.quote(text, to: &out)
    case .array(let elements):
      out += "["
      for (i, element) in elements.enumerated() {
        if i > 0 { out += "," }
        element.write(to: &out)
      }
      out += "]"
    case .object(let members):
      out += "{"
      for (i, member) in members.enumerated() {
        if i > 0 { out += "," }
        JSONValue.quote(member.name, to: &out)
        out += ":"
        member.value.write(to: &out)
      }
      out += "}"
    }
  }

  private static func quote(_ text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
    }
    out += "\""
  }
}

// MARK: Reading

extension JSONValue {
  /// Parses a whole text. Throws `JSONError` for anything that is not exactly one JSON value in valid UTF-8, for
  /// repeated names and for more than `depthLimit` nested arrays and objects.
  public static func parse(_ bytes: UnsafeRawBufferPointer, depthLimit: Int = 64) throws(JSONError) -> JSONValue {
    var parser = Parser(bytes: bytes, depthLimit: depthLimit)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    if parser.at < bytes.count { throw parser.fail("there is more after the end of the value") }
    return value
  }

  /// Parses a whole text.
  public static func parse(_ text: String) throws(JSONError) -> JSONValue {
    let bytes = Array(text.utf8)
    // The closure's error type is erased by withUnsafeBytes, so the result carries it out.
    let result: Result<JSONValue, JSONError> = bytes.withUnsafeBytes { raw in
      do throws(JSONError) { return .success(try parse(raw)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  private struct Parser {
    let bytes: UnsafeRawBufferPointer
    let depthLimit: Int
    var at = 0

    func fail(_ message: String) -> JSONError { JSONError(offset: at, message: message) }

    mutating func skipSpace() {
      while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    }

    private func found() -> String {
      guard at < bytes.count else { return "the end" }
      let byte = bytes[at]
      return byte > 0x20 && byte < 0x7F ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
    }

    private mutating func expect(_ word: StaticString) throws(JSONError) {
      for i in 0..<word.utf8CodeUnitCount {
        guard at < bytes.count, bytes[at] == word.utf8Start[i] else { throw fail("got \(found()), expected '\(word)'") }
        at += 1
      }
    }

    private mutating func accept(_ byte: Character) -> Bool {
      skipSpace()
      if at < bytes.count, bytes[at] == byte.asciiValue { at += 1; return true }
      return false
    }

    mutating func value(depth: Int) throws(JSONError) -> JSONValue {
      skipSpace()
      guard at < bytes.count else { throw fail("the text ends where a value is expected") }
      switch bytes[at] {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        if depth >= depthLimit { throw fail("more than \(depthLimit) nested arrays and objects") }
        return bytes[at] == UInt8(ascii: "{") ? try object(depth: depth) : try array(depth: depth)
      case UInt8(ascii: "\""): return .string(try string())
      case UInt8(ascii: "t"):
        try expect("true")
        return .bool(true)
      case UInt8(ascii: "f"):
        try expect("false")
        return .bool(false)
      case UInt8(ascii: "n"):
        try expect("null")
        return .null
      default: return try number()
      }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
      at += 1
      var members: [JSONMember] = []
      var names: Set<String> = []
      if accept("}") { return .object(members) }
      repeat {
        skipSpace()
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
          throw fail("got \(found()), expected a name in quotes")
        }
        let start = at
        let name = try string()
        if !names.insert(name).inserted {
          at = start
          throw fail("the name '\(name)' is there twice")
        }
        if !accept(":") { throw fail("got \(found()), expected ':'") }
        members.append(JSONMember(name, try value(depth: depth + 1)))
      } while accept(",")
      if !accept("}") { throw fail("got \(found()), expected ',' or '}'") }
      return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
      at += 1
      var elements: [JSONValue] = []
      if accept("]") { return .array(elements) }
      repeat { elements.append(try value(depth: depth + 1)) } while accept(",")
      if !accept("]") { throw fail("got \(found()), expected ',' or ']'") }
      return .array(elements)
    }

    private mutating func digits() -> Int {
      let start = at
      while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 { at += 1 }
      return at - start
    }

    private mutating func number() throws(JSONError) -> JSONValue {
      let start = at
      if bytes[at] == UInt8(ascii: "-") { at += 1 }
      let first = at
      let count = digits()
      if count == 0 { throw fail("got \(found()), expected a value") }
      if count > 1 && bytes[first] == 0x30 {
        at = first
        throw fail("a number must not begin with 0")
      }
      var isInteger = true
      if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
        at += 1
        isInteger = false
        if digits() == 0 { throw fail("got \(found()), expected a digit") }
      }
      if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
        at += 1
        isInteger = false
        if at < bytes.count, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") { at += 1 }
        if digits() == 0 { throw fail("got \(found()), expected a digit") }
      }
      let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<at]), as: UTF8.self)
      if isInteger, let value = Int(text) { return .int(value) }
      guard let value = Double(text), value.isFinite else {
        at = start
        throw fail("the number \(text.prefix(40)) is too large")
      }
      return .double(value)
    }

    private mutating func string() throws(JSONError) -> String {
      let open = at
      at += 1
      var out: [UInt8] = []
      while true {
        guard at < bytes.count else {
          at = open
          throw fail("a string without its closing quote")
        }
        let byte = bytes[at]
        if byte == UInt8(ascii: "\"") { break }
        if byte < 0x20 { throw fail("a control character inside a string") }
        at += 1
        if byte != UInt8(ascii: "\\") {
          out.append(byte)
          continue
        }
        guard at < bytes.count else { throw fail("the text ends inside a string") }
        let escape = bytes[at]
        at += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
        case UInt8(ascii: "b"): out.append(8)
        case UInt8(ascii: "f"): out.append(12)
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "r"): out.append(13)
        case UInt8(ascii: "t"): out.append(9)
        case UInt8(ascii: "u"): out += Array(String(Character(try escapedScalar())).utf8)
        default:
          at -= 1
          throw fail("an unknown escape")
        }
      }
      at += 1
      guard let text = String(validating: out, as: UTF8.self) else {
        at = open
        throw fail("a string that is not valid UTF-8")
      }
      return text
    }

    /// The scalar of `\uXXXX`, or of two of them that are a surrogate pair.
    private mutating func escapedScalar() throws(JSONError) -> UnicodeScalar {
      let high = try hexUnit()
      if let scalar = UnicodeScalar(high) { return scalar }
      guard high < 0xDC00, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u")
      else {
        throw fail("half of a surrogate pair")
      }
      at += 2
      let low = try hexUnit()
      guard low >= 0xDC00, low <= 0xDFFF, let scalar = UnicodeScalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
      else {
        throw fail("half of a surrogate pair")
      }
      return scalar
    }

    private mutating func hexUnit() throws(JSONError) -> UInt32 {
      var value: UInt32 = 0
      for _ in 0..<4 {
        guard at < bytes.count, let digit = Character(UnicodeScalar(bytes[at])).hexDigitValue, bytes[at] < 0x80 else {
          throw fail("got \(found()), expected four hexadecimal digits")
        }
        value = value << 4 | UInt32(digit)
        at += 1
      }
      return value
    }
  }
}
