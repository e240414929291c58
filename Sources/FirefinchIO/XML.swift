/// An element of an XML document: its name, its own text and the elements in it. Attributes are skipped.
public struct XMLElement: Sendable, Equatable {
  public var name: String
  public var text = ""
  public var children: [XMLElement] = []

  /// The first element of a name.
  public subscript(_ name: String) -> XMLElement? { children.first { $0.name == name } }
  /// All elements of a name.
  public func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
}

/// A strict reader of the part of XML that annotations use: elements, text, the five entities and numeric ones, comments. Document
/// types are refused, because their entities may grow without bound.
public enum XML {
  /// Reads a file's root element. Throws `FileError`.
  public static func load(_ path: String) throws -> XMLElement {
    try MappedFile.read(path) { bytes in
      do { return try parse(bytes) } catch let error as FormatError {
        throw FileError(path: path, message: "XML: \(error)")
      }
    }
  }

  static let depthLimit = 64

  static func parse(_ bytes: UnsafeRawBufferPointer) throws -> XMLElement {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw FormatError("this is no UTF-8 text") }
    var parser = Parser(bytes)
    return try parser.document()
  }

  private struct Parser {
    let bytes: UnsafeRawBufferPointer
    var at = 0
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private func starts(with text: StaticString) -> Bool {
      let count = text.utf8CodeUnitCount
      guard bytes.count - at >= count else { return false }
      return (0..<count).allSatisfy { bytes[at + $0] == text.utf8Start[$0] }
    }

    private mutating func skip(past end: StaticString, _ what: String) throws {
      let start = at
      while at < bytes.count {
        if starts(with: end) {
          at += end.utf8CodeUnitCount
          return
        }
        at += 1
      }
      throw FormatError("\(what) at byte \(start) has no end")
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// Whitespace, comments and processing instructions.
    private mutating func skipMisc() throws {
      while at < bytes.count {
        if Parser.isSpace(bytes[at]) { at += 1 } else if starts(with: "<!--") { try skip(past: "-->", "a comment") } else if starts(
          with: "<?")
        { try skip(past: "?>", "a processing instruction") } else { return }
      }
    }

    mutating func document() throws -> XMLElement {
      if starts(with: "\u{FEFF}") { at += 3 }
      try skipMisc()
      if starts(with: "<!DOCTYPE") { throw FormatError("document types are not supported") }
      let root = try element(depth: 0)
      try skipMisc()
      if at != bytes.count { throw FormatError("something follows the root element at byte \(at)") }
      return root
    }

    private mutating func name() throws -> String {
      let start = at
      while at < bytes.count, !Parser.isSpace(bytes[at]), bytes[at] != 0x3E, bytes[at] != 0x2F, bytes[at] != 0x3C { at += 1 }
      if start == at { throw FormatError("a name is missing at byte \(at)") }
      return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func element(depth: Int) throws -> XMLElement {
      if depth > XML.depthLimit { throw FormatError("more than \(XML.depthLimit) levels of elements") }
      guard starts(with: "<") else { throw FormatError("an element is expected at byte \(at)") }
      at += 1
      var result = XMLElement(name: try name())
      if try !openTag(result.name) { return result }
      var text: [UInt8] = []
      while true {
        guard at < bytes.count else { throw FormatError("the element \(result.name) has no end") }
        if starts(with: "</") {
          at += 2
          let closing = try name()
          if closing != result.name { throw FormatError("the element \(result.name) is closed by \(closing) at byte \(at)") }
          try skip(past: ">", "a closing tag")
          result.text = String(decoding: text, as: UTF8.self).trimmed
          return result
        }
        if starts(with: "<!--") { try skip(past: "-->", "a comment") } else if starts(with: "<![CDATA[") {
          let start = at + 9
          try skip(past: "]]>", "a CDATA section")
          text += bytes[start..<at - 3]
        } else if starts(with: "<") { result.children.append(try element(depth: depth + 1)) } else if starts(with: "&") {
          text += Array(try entity().utf8)
        } else {
          text.append(bytes[at])
          at += 1
        }
      }
    }

    /// The rest of an opening tag; false when the element is empty.
    private mutating func openTag(_ name: String) throws -> Bool {
      while at < bytes.count {
        switch bytes[at] {
        case 0x3E:
          at += 1
          return true
        case 0x2F where starts(with: "/>"):
          at += 2
          return false
        case 0x22, 0x27:
          let quote = bytes[at]
          at += 1
          while at < bytes.count, bytes[at] != quote { at += 1 }
          if at < bytes.count { at += 1 }
        case 0x3C: throw FormatError("the tag \(name) is not closed at byte \(at)")
        default: at += 1
        }
      }
      throw FormatError("the tag \(name) is not closed")
    }

    private mutating func entity() throws -> String {
      let start = at + 1
      try skip(past: ";", "an entity")
      let name = String(decoding: bytes[start..<at - 1], as: UTF8.self)
      let known = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]
      if let text = known[name] { return text }
      let number = name.hasPrefix("#x") ? UInt32(name.dropFirst(2), radix: 16) : name.hasPrefix("#") ? UInt32(name.dropFirst()) : nil
      guard let number, let scalar = Unicode.Scalar(number) else { throw FormatError("the entity &\(name.prefix(20)); is not known") }
      return String(Character(scalar))
    }
  }
}

extension String {
  /// Without whitespace at both ends.
  fileprivate var trimmed: String {
    let start = drop { $0.isWhitespace }
    return String(start.reversed().drop { $0.isWhitespace }.reversed())
  }
}
