import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

@Suite("Safetensors")
struct SafetensorsTests {
  @Test("the reference library's file reads, mapped")
  func golden() throws {
    let path = Goldens.path("every.safetensors")
    #expect(try Safetensors.isSafetensors(path))
    #expect(try !Safetensors.isSafetensors(Goldens.path("small.pt")))
    let tensors = try Safetensors.load(path)
    #expect(Goldens.difference(tensors.map { ($0.0, .tensor($0.1)) }, "every.safetensors", ordered: false) == nil)
    #expect(try Safetensors.metadata(path) == ["format": "pt", "note": "ä \"quoted\""])
    // Writing to a tensor leaves the file alone.
    let before = try bytes(of: path)
    withNoGrad { for (_, tensor) in tensors { _ = tensor.fill_(1) } }
    #expect(try bytes(of: path) == before)
  }

  @Test("every dtype, views and empty tensors round-trip; the header is aligned")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("all.safetensors")
    let base = Tensor.arange(24).reshape([4, 6])
    var pairs: [(String, Tensor)] = [("flag", Tensor([true, false, true]))]
    for dtype in DType.allCases where !dtype.isComplex && dtype != .bool { pairs.append((dtype.name, base.to(dtype))) }
    pairs.append(("view", base.to(.float32).transpose(0, 1)))
    pairs.append(("none", Tensor.zeros([0, 3])))
    pairs.append(("scalar", Tensor(2.5)))
    try Safetensors.save(pairs, to: path, metadata: ["b": "2", "a": "\u{1}"])
    let loaded = try Safetensors.load(path)
    #expect(Set(loaded.map(\.0)) == Set(pairs.map(\.0)))
    for (name, tensor) in loaded {
      let want = try #require(pairs.first { $0.0 == name }?.1)
      #expect(Compare.difference(tensor, want, rtol: 0, atol: 0) == nil, "\(name)")
    }
    #expect(try Safetensors.metadata(path) == ["a": "\u{1}", "b": "2"])
    let raw = try bytes(of: path)
    #expect(raw[0] % 8 == 0)
    try Safetensors.save([], to: path)
    #expect(try Safetensors.load(path).isEmpty)
  }

  private func message(_ header: String, data: Int = 0, length: UInt64? = nil) throws -> String {
    let folder = try TemporaryFolder()
    let count = length ?? UInt64(header.utf8.count)
    let raw =
      (0..<8).map { UInt8(count >> (8 * UInt64($0)) & 255) } + Array(header.utf8) + [UInt8](repeating: 2, count: data)
    let path = try folder.write("x.safetensors", raw)
    return fileError { _ = try Safetensors.load(path) }
  }

  @Test("headers that are not exactly right are refused")
  func refused() throws {
    func entry(_ dtype: String = "F32", _ shape: String = "[2]", _ offsets: String = "[0,8]") -> String {
      "{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
    }
    #expect(try message("{\"a\":\(entry())}", data: 8, length: .max).contains("claims"))
    #expect(try message("{}", length: 100_000_001).contains("claims"))
    #expect(try message("[]").contains("'{'"))
    #expect(try message("{\"a\":\(entry())", data: 8).contains("expected ',' or '}'"))
    #expect(try message("{\"a\":\(entry()),\"a\":\(entry())}", data: 8).contains("twice"))
    #expect(try message("{\"a\":\(entry()),\"b\":\(entry())}", data: 8).contains("begin at byte 0, expected 8"))
    #expect(try message("{\"a\":\(entry("F32", "[2]", "[4,12]"))}", data: 12).contains("begin at byte 4"))
    #expect(try message("{\"a\":\(entry())}", data: 9).contains("tensors end"))
    #expect(try message("{\"a\":\(entry())}", data: 7).contains("outside"))
    #expect(try message("{\"a\":\(entry("F32", "[3]"))}", data: 8).contains("needs 12 bytes, it has 8"))
    #expect(try message("{\"a\":\(entry("F4"))}", data: 8).contains("unknown dtype"))
    #expect(try message("{\"a\":\(entry("F32", "[-2]"))}", data: 8).contains("not possible"))
    #expect(try message("{\"a\":\(entry("F32", "[4294967296,4294967296]"))}", data: 8).contains("not possible"))
    #expect(
      try message("{\"a\":\(entry("F32", "[0,9223372036854775807,9223372036854775807]", "[0,0]"))}").contains(
        "not possible"))
    #expect(try message("{\"a\":\(entry("F32", "[1e3]"))}", data: 8).contains("not possible"))
    #expect(try message("{\"a\":\(entry("F32", "[2]", "[8,0]"))}", data: 8).contains("outside"))
    #expect(try message("{\"a\":\(entry("F32", "[2]", "[-8,0]"))}", data: 8).contains("outside"))
    #expect(try message("{\"a\":\(entry("BOOL", "[8]"))}", data: 8).contains("expected 0 or 1"))
    #expect(try message("{\"__metadata__\":{\"a\":1}}").contains("not a string"))
    #expect(try message(String(repeating: "{\"a\":", count: 100_000)).contains("nested"))
  }

  @Test("unaligned data are copied")
  func unaligned() throws {
    let folder = try TemporaryFolder()
    let header =
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}} "
    let raw = (0..<8).map { UInt8(header.utf8.count >> (8 * $0) & 255) } + Array(header.utf8) + [9, 0, 0, 128, 63]
    let tensors = try Safetensors.load(try folder.write("odd.safetensors", raw))
    #expect(tensors[1].1.array(Float.self) == [1])
    #expect(Int(bitPattern: tensors[1].1.data) % 4 == 0)
  }

  @Test("tensors that cannot be written are named, and no file is left")
  func unwritable() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("no.safetensors")
    let one = Tensor.ones([1])
    #expect(fileError { try Safetensors.save([("a", one), ("a", one)], to: path) }.contains("'a' is there twice"))
    #expect(fileError { try Safetensors.save([("__metadata__", one)], to: path) }.contains("reserved"))
    #expect(fileError { try Safetensors.save([("m", Tensor.empty([1], device: .meta))], to: path) }.contains("no data"))
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
