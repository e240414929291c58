import Firefinch
import FirefinchIO
import Testing

@Suite("JSON")
struct JSONTests {
  @Test("values keep their order and round-trip")
  func values() throws {
    let text = #"{"b":[1,-2.5,1e3,true,false,null],"a":{"x":"\u00e9\ud83d\ude00\n\"\\\/"},"":""}"#
    let value = try JSONValue.parse(" \n" + text + "\t")
    #expect(value.members?.map(\.name) == ["b", "a", ""])
    #expect(value["b"]?.elements == [.int(1), .double(-2.5), .double(1000), .bool(true), .bool(false), .null])
    #expect(value["a"]?["x"]?.text == "é😀\n\"\\/")
    #expect(try JSONValue.parse(value.serialized) == value)
    #expect(JSONValue.array([.double(.nan), .string("\u{1}")]).serialized == #"[null,"\u0001"]"#)
    #expect(try JSONValue.parse("9223372036854775807") == .int(.max))
    #expect(try JSONValue.parse("9223372036854775808") == .double(9_223_372_036_854_775_808))
  }

  @Test(
    "anything else is an error with its place",
    arguments: [
      ("", 0), ("nul", 3), ("01", 0), ("-", 1), ("1.", 2), ("1e", 2), ("[1,]", 3), ("[1 2]", 3), ("{\"a\"}", 4),
      ("{\"a\":1,}", 7), ("{\"a\":1,\"a\":2}", 7), ("\"abc", 0), ("\"\\q\"", 2), ("\"\\ud800\"", 7),
      ("\"\\ud800\\u0041\"", 13),
      ("\"\\u00g0\"", 5), ("\"\n\"", 1), ("1 2", 2), ("1e999", 0), ("[", 1), ("+1", 0), ("NaN", 0),
    ])
  func refused(text: String, offset: Int) {
    do throws(JSONError) {
      let value = try JSONValue.parse(text)
      Issue.record("\(text) is \(value)")
    } catch { #expect(error.offset == offset, "\(text): \(error)") }
  }

  @Test("nesting has a limit; invalid UTF-8 is refused")
  func limits() {
    #expect(throws: JSONError.self) { try JSONValue.parse(String(repeating: "[", count: 100_000)) }
    let bytes: [UInt8] = [0x22, 0xFF, 0x22]
    #expect(throws: JSONError.self) { try bytes.withUnsafeBytes { try JSONValue.parse($0) } }
  }
}
