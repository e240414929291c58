import FirefinchCore

/// Reads Python's pickles, protocols 0 to 5, as data: no name is ever looked up or called. Only the names of
/// `Unpickler.allowed` are understood, by rules written here; every other one is an error that says so.
package struct Unpickler {
  package typealias Ref = PickleGraph.Ref

  let bytes: UnsafeRawBufferPointer
  var at: Int
  var graph = PickleGraph()
  private var stack: [Ref] = []
  private var marks: [Int] = []
  private var memo: [Int: Ref] = [:]
  /// How many bytes and elements may still be copied: a short pickle could else name one long string a million times.
  var budget: Int
  /// Results of `_codecs.encode` by argument, so that they share memory.
  var encoded: [Ref: Ref] = [:]

  private init(_ bytes: UnsafeRawBufferPointer, from: Int) {
    self.bytes = bytes
    at = from
    budget = 1 << 20 + 16 * (bytes.count - from)
    // References 0, 1 and 2: the commonest values.
    _ = graph.add(.none)
    _ = graph.add(.bool(false))
    _ = graph.add(.bool(true))
  }

  /// One pickle. `end` is where the next byte after it lies. Throws `FormatError` with the byte at which it happened.
  package static func read(_ bytes: UnsafeRawBufferPointer, from: Int = 0) throws -> (
    graph: PickleGraph, root: Ref, end: Int
  ) {
    var unpickler = Unpickler(bytes, from: from)
    do {
      let root = try unpickler.run()
      return (unpickler.graph, root, unpickler.at)
    } catch let error as FormatError {
      throw FormatError("pickle: \(error.message) (at byte \(unpickler.at))")
    }
  }

  // MARK: Bytes

  private mutating func byte() throws -> UInt8 {
    guard at < bytes.count else { throw FormatError("it ends too early") }
    at += 1
    return bytes[at - 1]
  }

  private mutating func number(_ size: Int) throws -> Int {
    let raw = try take(size)
    var value: UInt64 = 0
    for (i, byte) in raw.enumerated() { value |= UInt64(byte) << (8 * UInt64(i)) }
    guard value <= UInt64(Int.max) else { throw FormatError("the length \(value) is too large") }
    return Int(value)
  }

  private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count <= bytes.count - at else {
      throw FormatError("\(count) bytes are needed, \(bytes.count - at) are left")
    }
    at += count
    return UnsafeRawBufferPointer(rebasing: bytes[at - count..<at])
  }

  private mutating func line() throws -> String {
    let start = at
    while at < bytes.count, bytes[at] != 0x0A { at += 1 }
    guard at < bytes.count else { throw FormatError("a line without end") }
    at += 1
    return try text(UnsafeRawBufferPointer(rebasing: bytes[start..<at - 1]))
  }

  private func text(_ raw: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: raw, as: UTF8.self) else {
      throw FormatError("a string that is not valid UTF-8")
    }
    return text
  }

  // MARK: The stack

  private mutating func push(_ kind: PickleGraph.Kind, _ children: [Ref] = []) {
    stack.append(graph.add(kind, children))
  }

  private mutating func pop() throws -> Ref {
    guard stack.count > (marks.last ?? 0), let top = stack.popLast() else { throw FormatError("a value is missing") }
    return top
  }

  private func top() throws -> Ref {
    guard stack.count > (marks.last ?? 0), let top = stack.last else { throw FormatError("a value is missing") }
    return top
  }

  private mutating func popToMark() throws -> [Ref] {
    guard let mark = marks.popLast() else { throw FormatError("a mark is missing") }
    let values = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return values
  }

  private mutating func popMany(_ count: Int) throws -> [Ref] {
    var values: [Ref] = []
    for _ in 0..<count { values.append(try pop()) }
    return values.reversed()
  }

  private mutating func get(_ index: Int) throws {
    guard let ref = memo[index] else { throw FormatError("the reference \(index) was never set") }
    stack.append(ref)
  }

  private func integer(_ line: String) throws -> Int {
    guard let value = Int(line) else { throw FormatError("'\(line.prefix(40))' is not a whole number") }
    return value
  }

  // MARK: Instructions

  private mutating func run() throws -> Ref {
    while true {
      let code = try byte()
      if code == UInt8(ascii: ".") { return try pop() }
      try step(code)
    }
  }

  private mutating func step(_ code: UInt8) throws {
    switch code {
    case 0x80:
      let version = try byte()
      if version > 5 { throw FormatError("protocol \(version) is not known, expected 0 to 5") }
    case 0x95: if try number(8) > bytes.count - at { throw FormatError("a frame reaches beyond the end") }
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"):
      // As in Python, a mark on top is what goes.
      if stack.count == marks.last { marks.removeLast() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): stack.append(try top())
    case UInt8(ascii: "q"): memo[Int(try byte())] = try top()
    case UInt8(ascii: "r"): memo[try number(4)] = try top()
    case UInt8(ascii: "p"): memo[try integer(try line())] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): try get(Int(try byte()))
    case UInt8(ascii: "j"): try get(try number(4))
    case UInt8(ascii: "g"): try get(try integer(try line()))
    case UInt8(ascii: "N"): stack.append(0)
    case 0x89: stack.append(1)
    case 0x88: stack.append(2)
    default:
      if try scalar(code) { return }
      if try container(code) { return }
      try object(code)
    }
  }

  /// Numbers, strings and bytes.
  private mutating func scalar(_ code: UInt8) throws -> Bool {
    switch code {
    case UInt8(ascii: "K"): push(.int(Int(try byte())))
    case UInt8(ascii: "M"): push(.int(try number(2)))
    case UInt8(ascii: "J"): push(.int(Int(Int32(truncatingIfNeeded: try number(4)))))
    case 0x8A: try pushInteger(try take(Int(try byte())))
    case 0x8B: try pushInteger(try take(try number(4)))
    case UInt8(ascii: "I"):
      let text = try line()
      if text == "00" || text == "01" { stack.append(text == "01" ? 2 : 1) } else { push(.int(try integer(text))) }
    case UInt8(ascii: "L"):
      let text = try line()
      push(.int(try integer(text.hasSuffix("L") ? String(text.dropLast()) : text)))
    case UInt8(ascii: "G"):
      let raw = try take(8)
      push(.double(Double(bitPattern: raw.loadUnaligned(as: UInt64.self).bigEndian)))
    case UInt8(ascii: "F"):
      let text = try line()
      guard let value = Double(text) else { throw FormatError("'\(text.prefix(40))' is not a number") }
      push(.double(value))
    case UInt8(ascii: "X"): push(.string(try text(try take(try number(4)))))
    case 0x8C: push(.string(try text(try take(Int(try byte())))))
    case 0x8D: push(.string(try text(try take(try number(8)))))
    case UInt8(ascii: "V"): push(.string(try PickleText.unescape(try line(), isPython2: false)))
    case UInt8(ascii: "S"):
      let text = try line()
      guard text.count >= 2, let quote = text.first, quote == "'" || quote == "\"", text.last == quote else {
        throw FormatError("a string without quotes")
      }
      push(.string(try PickleText.unescape(String(text.dropFirst().dropLast()), isPython2: true)))
    case UInt8(ascii: "U"): pushOldString(try take(Int(try byte())))
    case UInt8(ascii: "T"): pushOldString(try take(try number(4)))
    case UInt8(ascii: "C"): push(.bytes(Array(try take(Int(try byte())))))
    case UInt8(ascii: "B"): push(.bytes(Array(try take(try number(4)))))
    case 0x8E, 0x96: push(.bytes(Array(try take(try number(8)))))
    default: return false
    }
    return true
  }

  private mutating func pushInteger(_ raw: UnsafeRawBufferPointer) throws {
    // Sign bytes beyond the eighth say nothing.
    var significant = raw.count
    while significant > 8, raw[significant - 1] == (raw[significant - 2] & 0x80 == 0 ? 0 : 0xFF) { significant -= 1 }
    if significant > 8 { return push(.bigInt(Array(raw[..<significant]))) }
    var value = 0
    for (i, byte) in raw[..<significant].enumerated() {
      value |= Int(truncatingIfNeeded: UInt64(byte) << (8 * UInt64(i)))
    }
    if significant < 8, significant > 0, raw[significant - 1] & 0x80 != 0 { value |= -1 << (8 * significant) }
    push(.int(value))
  }

  /// Python 2's strings are text or bytes, nobody knows: text when they can be.
  private mutating func pushOldString(_ raw: UnsafeRawBufferPointer) {
    if let text = String(validating: raw, as: UTF8.self) { push(.string(text)) } else { push(.bytes(Array(raw))) }
  }

  private mutating func container(_ code: UInt8) throws -> Bool {
    switch code {
    case UInt8(ascii: "]"): push(.list)
    case UInt8(ascii: "}"): push(.dict)
    case UInt8(ascii: ")"): push(.tuple)
    case 0x8F: push(.set)
    case UInt8(ascii: "l"): push(.list, try popToMark())
    case UInt8(ascii: "t"): push(.tuple, try popToMark())
    case 0x91: push(.set, try popToMark())
    case UInt8(ascii: "d"):
      push(.dict)
      let values = [try pop()]
      let items = try popToMark()
      stack.append(values[0])
      try append(items, isDict: true)
    case 0x85: push(.tuple, try popMany(1))
    case 0x86: push(.tuple, try popMany(2))
    case 0x87: push(.tuple, try popMany(3))
    case UInt8(ascii: "a"): try append(try popMany(1), isDict: false)
    case UInt8(ascii: "e"), 0x90: try append(try popToMark(), isDict: false)
    case UInt8(ascii: "s"): try append(try popMany(2), isDict: true)
    case UInt8(ascii: "u"): try append(try popToMark(), isDict: true)
    default: return false
    }
    return true
  }

  private mutating func append(_ values: [Ref], isDict: Bool) throws {
    let target = try top()
    switch graph.nodes[target].kind {
    case .dict where isDict:
      if values.count % 2 != 0 { throw FormatError("a key without value") }
    case .list where !isDict, .set where !isDict: break
    default: throw FormatError("elements are added to what is not a \(isDict ? "dictionary" : "list or set")")
    }
    graph.nodes[target].children += values
  }

  /// Names, calls and persistent references.
  private mutating func object(_ code: UInt8) throws {
    switch code {
    case UInt8(ascii: "c"):
      let module = try line()
      try pushGlobal(module, try line())
    case 0x93:
      let names = try popMany(2)
      guard case .string(let module) = graph.nodes[names[0]].kind, case .string(let name) = graph.nodes[names[1]].kind
      else {
        throw FormatError("the name of a global is not a string")
      }
      try pushGlobal(module, name)
    case UInt8(ascii: "R"), 0x81:
      let parts = try popMany(2)
      stack.append(try call(parts[0], parts[1]))
    case UInt8(ascii: "i"):
      let module = try line()
      let name = try line()
      let arguments = graph.add(.tuple, try popToMark())
      try pushGlobal(module, name)
      stack.append(try call(try pop(), arguments))
    case UInt8(ascii: "b"):
      let state = try pop()
      try build(try top(), state)
    case UInt8(ascii: "Q"): stack.append(try persistent(try pop()))
    default:
      let digits = String(code, radix: 16)
      throw FormatError("instruction 0x\(digits) is not allowed in checkpoints")
    }
  }

  private mutating func pushGlobal(_ module: String, _ name: String) throws {
    push(.global(try Unpickler.allowed(module, name)))
  }
}

/// Text forms of protocol 0.
enum PickleText {
  /// Resolves backslashes: `\uXXXX` and `\UXXXXXXXX` of Unicode strings; `\n`, `\xNN` and the like of Python 2's
  /// strings.
  static func unescape(_ text: String, isPython2: Bool) throws -> String {
    if !text.utf8.contains(UInt8(ascii: "\\")) { return text }
    var out = ""
    var rest = text.unicodeScalars[...]
    func code(_ digits: Int) throws -> UnicodeScalar {
      guard rest.count >= digits, let value = UInt32(String(rest.prefix(digits)), radix: 16),
        let scalar = UnicodeScalar(value)
      else { throw FormatError("a damaged escape in a string") }
      return scalar
    }
    while let next = rest.popFirst() {
      guard next == "\\", let escape = rest.first else {
        out.unicodeScalars.append(next)
        continue
      }
      rest = rest.dropFirst()
      let digits =
        escape == "x" && isPython2 ? 2 : escape == "u" && !isPython2 ? 4 : escape == "U" && !isPython2 ? 8 : 0
      if digits > 0 {
        out.unicodeScalars.append(try code(digits))
        rest = rest.dropFirst(digits)
        continue
      }
      let plain: [UnicodeScalar: UnicodeScalar] = ["n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", "\"": "\""]
      if isPython2, let scalar = plain[escape] {
        out.unicodeScalars.append(scalar)
      } else {
        out.unicodeScalars.append(next)
        out.unicodeScalars.append(escape)
      }
    }
    return out
  }
}
