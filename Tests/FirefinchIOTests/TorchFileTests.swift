import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

@Suite("PyTorch files")
struct TorchFileTests {
  @Test("PyTorch's files read as PyTorch wrote them", arguments: Goldens.names(".pt"))
  func goldens(name: String) throws {
    let value = try StateValue.load(from: Goldens.path(name))
    #expect(Goldens.difference(value.leaves, name) == nil)
  }

  @Test("there are goldens of both formats")
  func count() {
    #expect(Goldens.names(".pt").count >= 17)
    #expect(Goldens.names("-legacy.pt").count >= 6)
  }

  @Test("shared storages stay shared", arguments: ["shared.pt", "shared-legacy.pt"])
  func shared(name: String) throws {
    let value = try StateValue.load(from: Goldens.path(name))
    let (a, b, again) = (value["a"]!.tensor!, value["b"]!.tensor!, value["again"]!.tensor!)
    #expect(a.storage === b.storage && a.storage === again.storage)
    #expect(b.layout.offset == 4)
    withNoGrad { _ = a.fill_(7) }
    #expect(b.array(Float.self) == [Float](repeating: 7, count: 12))
    // The file itself is as before.
    #expect(try StateValue.load(from: Goldens.path(name))["b"]!.tensor!.array(Float.self)[0] == 4)
  }

  @Test("strides are kept", arguments: ["strided.pt", "strided-legacy.pt"])
  func strided(name: String) throws {
    let value = try StateValue.load(from: Goldens.path(name))
    #expect(value["t"]!.tensor!.strides.array == [1, 3])
    #expect(value["expanded"]!.tensor!.strides.array == [0, 1])
    #expect(value["expanded"]!.tensor!.storage.byteCount == 12)
  }

  @Test("names that could run code are refused and named")
  func refused() {
    let marker = "/tmp/firefinch-evil"
    #expect(!FileManager.default.fileExists(atPath: marker))
    for name in ["evil.pt", "evil-legacy.pt"] {
      let message = fileError { _ = try StateValue.load(from: Goldens.path(name)) }
      #expect(message.contains("'posix.system' is not allowed"))
    }
    #expect(!FileManager.default.fileExists(atPath: marker))
    let message = fileError { _ = try StateValue.load(from: Goldens.path("module.pt")) }
    #expect(message.contains("'torch.nn.modules.container.Sequential' is not allowed"))
  }

  @Test("what is written reads back the same; storages stay shared and strides kept")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    for name in Goldens.names(".pt") where name != "complex.pt" {
      let value = try StateValue.load(from: Goldens.path(name))
      try value.save(to: folder.file("again.pt"))
      let again = try StateValue.load(from: folder.file("again.pt"))
      #expect(again == value, "\(name)")
      for ((_, a), (_, b)) in zip(value.tensors, again.tensors) {
        #expect(a.layout == b.layout && a.requiresGrad == b.requiresGrad)
      }
    }
    let shared = try StateValue.load(from: Goldens.path("shared.pt"))
    try shared.save(to: folder.file("shared.pt"))
    let again = try StateValue.load(from: folder.file("shared.pt"))
    #expect(again["a"]!.tensor!.storage === again["b"]!.tensor!.storage)
    // Equal content gives equal bytes.
    try shared.save(to: folder.file("other/../shared2.pt".replacingOccurrences(of: "other/../", with: "")))
    let archive = try ZipReader(try MappedFile(folder.file("shared2.pt")))
    #expect(
      archive.entries.map(\.name) == [
        "shared2/data.pkl", "shared2/byteorder", "shared2/data/0", "shared2/version", "shared2/.data/serialization_id",
      ])
    #expect(archive.entries.allSatisfy { $0.dataOffset % 64 == 0 })
  }

  @Test("a damaged byte anywhere in the tensors is found by its checksum")
  func checksum() throws {
    let folder = try TemporaryFolder()
    let archive = try ZipReader(try MappedFile(Goldens.path("small.pt")))
    let entry = try #require(archive["small/data/0"])
    var raw = try bytes(of: Goldens.path("small.pt"))
    raw[entry.dataOffset + 3] ^= 1
    let path = try folder.write("damaged.pt", raw)
    #expect(fileError { _ = try StateValue.load(from: path) }.contains("checksum of entry 'small/data/0' is wrong"))
  }

  @Test("files of other kinds are told apart")
  func others() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write("text.pt", Array("hello, this is no checkpoint".utf8))
    #expect(fileError { _ = try StateValue.load(from: text) }.contains("not a file of torch.save"))
    let empty = try folder.write("empty.pt", [])
    #expect(fileError { _ = try StateValue.load(from: empty) }.contains("not a file of torch.save"))
    #expect(fileError { _ = try StateValue.load(from: Goldens.path("arrays.npz")) }.contains("not one of torch.save"))
    #expect(fileError { _ = try StateValue.load(from: folder.file("missing.pt")) }.contains("cannot be opened"))
    #expect(
      fileError { try StateValue.int(1).save(to: folder.file("no/such/folder.pt")) }.contains("cannot be written"))
    let meta = StateValue.tensor(Tensor.empty([2], device: .meta))
    #expect(fileError { try meta.save(to: folder.file("meta.pt")) }.contains("no data"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("meta.pt")))
  }

  @Test("paths of tensors and the flat state dict")
  func paths() throws {
    let value = try StateValue.load(from: Goldens.path("checkpoint.pt"))
    let names = value.tensors.map(\.0)
    #expect(names.contains("model.0.weight") && names.contains("optimizer.state.0.exp_avg"))
    #expect(value["model"]!.stateDict.keys.first == "0.weight")
    #expect(value["scheduler"]!["milestones"]!.entries!.map(\.key) == [.int(2), .int(5)])
  }
}
