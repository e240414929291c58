import CFirefinch
import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

/// Damaged files must throw or load, whatever the damage: a trap would end the test run.
@Suite("Fuzz", .serialized)
struct FuzzTests {
  /// Reads every element, so that a tensor outside its memory would be noticed.
  private func touch(_ tensors: [Tensor]) {
    for tensor in tensors where tensor.elementCount < 1 << 16 && !tensor.dtype.isComplex {
      _ = tensor.array(Double.self)
    }
  }

  /// Loads a file in the way of its extension and by its content.
  private func read(_ path: String, like name: String) -> Int {
    var loaded = 0
    func attempt(_ body: () throws -> [Tensor]) {
      do {
        touch(try body())
        loaded += 1
      } catch { #expect(error is FileError, "\(name): \(error)") }
    }
    switch name {
    case _ where name.hasSuffix(".pt"): attempt { try StateValue.load(from: path).tensors.map(\.1) }
    case _ where name.hasSuffix(".safetensors"): attempt { try Safetensors.load(path).map(\.1) }
    case _ where name.hasSuffix(".npz"): attempt { try Npz.load(path).map(\.1) }
    case _ where name.hasSuffix(".npy"): attempt { [try Npy.load(path)] }
    case _ where name.hasSuffix(".png"):
      attempt {
        _ = try PNG.read(path)
        return []
      }
    default: attempt { [try IDX.read(path)] }
    }
    attempt {
      _ = try FileInspector.describe(path)
      return []
    }
    return loaded
  }

  @Test("damaged goldens throw or load")
  func goldens() throws {
    let folder = try TemporaryFolder()
    var random = Damage.Random(1)
    var (tried, loaded) = (0, 0)
    for name in Goldens.names {
      let whole = try bytes(of: Goldens.path(name))
      // Formats without checksums let more damage through to the parsers.
      let rounds = name.hasSuffix(".png") ? 40 : name.contains("legacy") ? 400 : name.hasSuffix(".pt") ? 100 : 250
      for _ in 0..<rounds * Damage.effort {
        let path = try folder.write("x", Damage.damaged(whole, &random))
        tried += 2
        loaded += read(path, like: name)
      }
    }
    #expect(tried > 10_000 && loaded > 100 && loaded < tried)
  }

  @Test("every truncation of the smaller goldens throws or loads")
  func truncations() throws {
    let folder = try TemporaryFolder()
    for name in Goldens.names {
      let whole = try bytes(of: Goldens.path(name))
      let step = max(whole.count / 60, 1)
      for count in stride(from: 0, to: whole.count, by: step) {
        _ = read(try folder.write("x", Array(whole[..<count])), like: name)
      }
    }
  }

  @Test("damaged pickles throw or load")
  func pickles() throws {
    var random = Damage.Random(2)
    let names = Goldens.names.filter { $0.hasSuffix(".pt") && !$0.contains("legacy") }
    var loaded = 0
    for name in names {
      let archive = try ZipReader(try MappedFile(Goldens.path(name)))
      let entry = try #require(archive.entries.first { $0.name.hasSuffix("data.pkl") })
      let whole = try archive.content(entry)
      for _ in 0..<800 * Damage.effort { loaded += unpickle(Damage.damaged(Damage.damaged(whole, &random), &random)) }
    }
    // Instructions in any order, with the values that the rules look for.
    let codes: [[UInt8]] =
      "()lt]}aesudqhR0122NbQ.".utf8.map { [$0] } + [
        [0x85], [0x86], [0x87], [0x81], [0x8F], [0x90], [0x91], [0x94], [0x93],
      ]
      + [0, 1, 2, 3, 255].map { [0x4B, $0] } + (0..<6).flatMap { [[0x68, $0], [0x71, $0]] }
      + ["storage", "0", "cpu", "latin1", "f4", "<"].map { [0x58, UInt8($0.utf8.count), 0, 0, 0] + Array($0.utf8) }
      + [
        "torch\nFloatStorage", "torch._utils\n_rebuild_tensor_v2", "collections\nOrderedDict", "numpy\ndtype",
        "numpy\nndarray",
        "_codecs\nencode", "builtins\nset", "torch\nSize", "numpy.core.multiarray\n_reconstruct", "torch\nuint16",
        "torch._utils\n_rebuild_parameter", "torch._utils\n_rebuild_tensor_v3", "numpy.core.multiarray\nscalar",
      ].map { [0x63] + Array(($0 + "\n").utf8) }
    for _ in 0..<40_000 * Damage.effort {
      var raw: [UInt8] = []
      for _ in 0..<Int.random(in: 1...40, using: &random) { raw += codes.randomElement(using: &random)! }
      loaded += unpickle(raw + [0x2E])
    }
    #expect(loaded > 100)
  }

  private func unpickle(_ raw: [UInt8]) -> Int {
    raw.withUnsafeBytes { bytes in
      do {
        let (graph, root, _) = try Unpickler.read(bytes)
        let value = try graph.value(root) { index in
          guard graph.storages[index].byteCount <= 4096 else { throw FormatError("too large") }
          let storage = Storage(byteCount: graph.storages[index].byteCount)
          storage.data.initializeMemory(as: UInt8.self, repeating: 1, count: storage.byteCount)
          return storage
        }
        touch(value.tensors.map(\.1))
        return 1
      } catch {
        if !(error is FormatError) { Issue.record("\(error)") }
        return 0
      }
    }
  }

  @Test("damaged pictures with right checksums throw or load")
  func pictures() throws {
    var random = Damage.Random(3)
    for name in Goldens.names where name.hasSuffix(".png") {
      let whole = try bytes(of: Goldens.path(name))
      for _ in 0..<60 * Damage.effort {
        var raw = Damage.damaged(whole, &random)
        Damage.fixChecksums(&raw)
        do { _ = try PNG.decode(raw) } catch { #expect(error is FileError) }
      }
    }
  }

  @Test("damaged headers of safetensors and arrays throw or load")
  func headers() throws {
    let folder = try TemporaryFolder()
    var random = Damage.Random(4)
    for name in ["every.safetensors", "array.npy", "array.idx"] {
      let whole = try bytes(of: Goldens.path(name))
      let head = min(whole.count, 700)
      for _ in 0..<1000 * Damage.effort {
        let raw = Damage.damaged(Array(whole[..<head]), &random) + whole[head...]
        _ = read(try folder.write("x", raw), like: name)
      }
    }
  }
}
