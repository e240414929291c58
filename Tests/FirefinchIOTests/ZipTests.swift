import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

@Suite("Zip and npz")
struct ZipTests {
  private let entries: [(String, [UInt8])] = [
    ("a/one.txt", Array("hello".utf8)), ("a/zeros", [UInt8](repeating: 0, count: 100_000)), ("empty", []),
    ("naïve", (0..<1000).map { UInt8($0 % 251) }),
  ]

  private func write(_ path: String, compressed: Bool, zip64From: Int? = nil) throws {
    try AtomicFile.write(path) { out in
      var archive = ZipWriter(out, path: path)
      if let zip64From { archive.zip64From = zip64From }
      for (name, bytes) in entries { try archive.add(name, bytes, compressed: compressed) }
      try archive.finish()
    }
  }

  @Test("archives round-trip, stored and deflated, with and without zip64", arguments: [false, true], [nil, 0, 600])
  func roundTrip(compressed: Bool, zip64From: Int?) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.zip")
    try write(path, compressed: compressed, zip64From: zip64From)
    let archive = try ZipReader(try MappedFile(path))
    #expect(archive.entries.map(\.name) == entries.map(\.0))
    for (entry, (_, bytes)) in zip(archive.entries, entries) {
      #expect(entry.dataOffset % 64 == 0)
      #expect(try archive.content(entry) == bytes)
    }
    #expect(archive["empty"]?.size == 0 && archive["nothing"] == nil)
  }

  @Test("damage is named")
  func damage() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.zip")
    try write(path, compressed: true)
    let whole = try bytes(of: path)
    let archive = try ZipReader(try MappedFile(path))
    let zeros = try #require(archive["a/zeros"])
    let numbers = try #require(archive["naïve"])
    var raw = whole
    raw[numbers.dataOffset + numbers.compressedSize / 2] ^= 0x10
    let damaged = try folder.write("damaged.zip", raw)
    #expect(fileError { _ = try ZipReader(try MappedFile(damaged)).read(numbers) }.contains("naïve"))
    let short = try folder.write("short.zip", Array(whole.dropLast(30)))
    #expect(fileError { _ = try ZipReader(try MappedFile(short)) }.contains("truncated"))
    // A size that the compressed bytes cannot unpack to is refused before memory is taken.
    var bomb = zeros
    bomb.size = 1 << 40
    #expect(fileError { _ = try archive.read(bomb) }.contains("cannot unpack"))
    // The same entry twice.
    let twice = folder.file("twice.zip")
    try AtomicFile.write(twice) { out in
      var archive = ZipWriter(out, path: twice)
      try archive.add("a", [1])
      try archive.add("a", [2])
      try archive.finish()
    }
    #expect(fileError { _ = try ZipReader(try MappedFile(twice)) }.contains("twice"))
  }

  @Test("NumPy's archives read", arguments: ["arrays.npz", "arrays-compressed.npz"])
  func npz(name: String) throws {
    #expect(Goldens.difference(try Npz.load(Goldens.path(name)).map { ($0.0, .tensor($0.1)) }, name) == nil)
  }

  @Test("npz round-trips", arguments: [false, true])
  func npzRoundTrip(compressed: Bool) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.npz")
    var pairs: [(String, Tensor)] = [
      ("flag", Tensor([true, false])), ("scalar", Tensor(1.5)), ("none", Tensor.zeros([0, 2])),
    ]
    for dtype in DType.allCases where !dtype.isComplex && dtype != .bool && dtype != .bfloat16 {
      pairs.append((dtype.name, Tensor.arange(6).reshape([2, 3]).to(dtype).transpose(0, 1)))
    }
    try Npz.save(pairs, to: path, compressed: compressed)
    let loaded = try Npz.load(path)
    #expect(loaded.map(\.0) == pairs.map(\.0))
    for ((_, a), (_, b)) in zip(loaded, pairs) { #expect(Compare.difference(a, b, rtol: 0, atol: 0) == nil) }
    #expect(fileError { try Npz.save([("a", Tensor(1)), ("a", Tensor(1))], to: path) }.contains("twice"))
    #expect(fileError { try Npz.save([("b", Tensor.ones([1], dtype: .bfloat16))], to: path) }.contains("bfloat16"))
    #expect(try Npz.load(path).count == pairs.count)
  }

  @Test("npy and IDX: goldens, round trip, hostile shapes, object arrays")
  func arrays() throws {
    let folder = try TemporaryFolder()
    #expect(Goldens.difference([("array", .tensor(try Npy.load(Goldens.path("array.npy"))))], "array.npy") == nil)
    for name in ["array.idx", "array.idx.gz"] {
      #expect(Goldens.difference([("array", .tensor(try IDX.read(Goldens.path(name))))], name) == nil)
    }
    #expect(fileError { _ = try Npy.load(Goldens.path("objects.npy")) }.contains("run code"))
    let tensor = Tensor.arange(6).reshape([3, 2])
    try Npy.save(tensor, to: folder.file("x.npy"))
    #expect(Compare.difference(try Npy.load(folder.file("x.npy")), tensor) == nil)
    // Sizes whose product is zero but that no tensor can have.
    let huge = try folder.write("huge.idx", [0, 0, 8, 4] + [0, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 12))
    #expect(fileError { _ = try IDX.read(huge) }.contains("too large"))
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904), }"
    let npy = try folder.write(
      "huge.npy", [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8))
    #expect(fileError { _ = try Npy.load(npy) }.contains("not possible"))
  }
}
