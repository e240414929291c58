import Firefinch
import FirefinchIO
import Testing

@Suite("Pickle")
struct PickleTests {
  private func load(_ bytes: [UInt8]) throws -> StateValue {
    try bytes.withUnsafeBytes { raw in
      let (graph, root, _) = try Unpickler.read(raw)
      return try graph.value(root) { _ in throw FormatError("no storages here") }
    }
  }

  private func load(_ text: String) throws -> StateValue { try load(Array(text.utf8)) }

  private func message(_ bytes: [UInt8]) -> String {
    do {
      return "no error: \(try load(bytes))"
    } catch let error as FormatError { return error.message } catch { return "\(error)" }
  }

  @Test("the text forms of protocol 0")
  func protocol0() throws {
    #expect(try load("I12\n.") == .int(12))
    #expect(try load("I01\n.") == .bool(true))
    #expect(try load("L-5L\n.") == .int(-5))
    #expect(try load("F1.5\n.") == .double(1.5))
    #expect(try load("S'a\\n\\x41'\n.") == .string("a\nA"))
    #expect(try load("Vab\\u00e9\n.") == .string("abé"))
    #expect(try load("(lp0\nI1\naI2\na.") == .list([.int(1), .int(2)]))
    #expect(try load("(I1\nI2\nt.") == .tuple([.int(1), .int(2)]))
    #expect(try load("(dp0\nS'k'\np1\nI3\ns.") == .record([("k", .int(3))]))
    #expect(try load("(S'a'\nI1\nS'a'\nI2\nd.") == .record([("a", .int(2))]))
    #expect(try load("ccollections\nOrderedDict\n(((S'k'\nI1\nlltR.") == .record([("k", .int(1))]))
  }

  @Test("whole numbers of every length")
  func integers() throws {
    #expect(try load([0x8A, 0, 0x2E]) == .int(0))
    #expect(try load([0x8A, 1, 0xFF, 0x2E]) == .int(-1))
    #expect(try load([0x8A, 2, 0xFF, 0, 0x2E]) == .int(255))
    #expect(try load([0x8A, 8] + [UInt8](repeating: 0xFF, count: 7) + [0x7F, 0x2E]) == .int(.max))
    #expect(try load([0x8A, 9] + [UInt8](repeating: 0, count: 7) + [0x80, 0xFF, 0x2E]) == .int(.min))
    #expect(try load([0x8A, 9] + [UInt8](repeating: 0, count: 8) + [1, 0x2E]) == .double(18_446_744_073_709_551_616))
    #expect(
      try load([0x8A, 9] + [UInt8](repeating: 0, count: 8) + [0xFF, 0x2E]) == .double(-18_446_744_073_709_551_616))
    #expect(message([0x8B, 0xC8, 0, 0, 0] + [UInt8](repeating: 1, count: 200) + [0x2E]).contains("too large"))
    #expect(try load([0x4A, 0xFE, 0xFF, 0xFF, 0xFF, 0x2E]) == .int(-2))
  }

  @Test("deep nests, cycles and explosions are errors, however deep")
  func hostile() {
    // A million tuples around one another; lists that are linked from outside to inside.
    #expect(message([0x29] + [UInt8](repeating: 0x85, count: 1_000_000) + [0x2E]).contains("levels"))
    #expect(
      message([UInt8](repeating: 0x5D, count: 1_000_000) + [UInt8](repeating: 0x61, count: 999_999) + [0x2E]).contains(
        "levels"))
    #expect(message([UInt8](repeating: 0x28, count: 1_000_000) + [0x2E]).contains("missing"))
    // A list that holds itself.
    #expect(message([0x5D, 0x71, 0, 0x68, 0, 0x61, 0x2E]).contains("contains itself"))
    // Every tuple holds the one before twice: 2 to the 100th values.
    var doubling: [UInt8] = [0x4B, 1, 0x85]
    for _ in 0..<100 { doubling += [0x32, 0x86] }
    #expect(message(doubling + [0x2E]).contains("values"))
    // One long string decoded again and again shares its memory; arrays of it run out of budget.
    #expect(message([0x58, 0xFF, 0xFF, 0xFF, 0xFF, 0x2E]).contains("are needed"))
    #expect(message([0x8D] + [UInt8](repeating: 0xFF, count: 8) + [0x2E]).contains("too large"))
  }

  @Test("instructions and names that are not allowed")
  func refused() {
    #expect(message(Array("cos\nsystem\n(S'ls'\ntR.".utf8)).contains("'os.system' is not allowed"))
    #expect(message(Array("(S'ls'\nios\nsystem\n.".utf8)).contains("'os.system' is not allowed"))
    #expect(message(Array("cbuiltins\neval\n.".utf8)).contains("'builtins.eval' is not allowed"))
    #expect(message(Array("ctorch\nload\n.".utf8)).contains("'torch.load' is not allowed"))
    #expect(
      message([0x80, 4, 0x8C, 2] + Array("os".utf8) + [0x8C, 6] + Array("system".utf8) + [0x93, 0x2E]).contains(
        "os.system"))
    #expect(message([0x82, 1, 0x2E]).contains("instruction 0x82"))
    #expect(message([0x80, 6, 0x2E]).contains("protocol 6"))
    #expect(message([0x97, 0x2E]).contains("instruction 0x97"))
    #expect(message([]).contains("too early"))
    #expect(message([0x2E]).contains("missing"))
    #expect(message([0x68, 5, 0x2E]).contains("never set"))
    #expect(message([0x4B, 1, 0x4B, 2, 0x61, 0x2E]).contains("not a list"))
    #expect(message([0x4B, 1, 0x29, 0x52, 0x2E]).contains("not a function"))
    #expect(message([0x7D, 0x29, 0x4B, 1, 0x73, 0x2E]).contains("key"))
  }

  @Test(
    "what the pickler writes reads back",
    arguments: [
      StateValue.none, .bool(false), .int(0), .int(255), .int(256), .int(65536), .int(-1), .int(.min), .int(.max),
      .double(-0.5), .double(.infinity), .string(""), .string("naïve 🐦"), .string(String(repeating: "x", count: 1000)),
      .list([]), .tuple([]), .dict([]), .tuple([1, 2, 3, 4]), .list([.list([.tuple(["a"])]), "a", "a"]),
      .dict([(key: .int(3), value: .dict([(key: .string("a"), value: .none)])), (key: .string("3"), value: 4)]),
      .list((0..<2000).map { .string("key \($0 % 700)") }),
    ])
  func roundTrip(value: StateValue) throws {
    let bytes = try Pickler.write(value) { _ in throw FormatError("no tensors here") }
    #expect(try load(bytes) == value)
  }

  @Test("trees deeper than readers accept are not written")
  func deep() {
    var value = StateValue.int(1)
    for _ in 0..<300 { value = .list([value]) }
    #expect(throws: FormatError.self) { try Pickler.write(value) { _ in throw FormatError("") } }
  }
}
