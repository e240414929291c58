import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

@Suite("FileInspector")
struct FileInspectorTests {
  @Test("kinds are told by content, not by name")
  func kinds() throws {
    let folder = try TemporaryFolder()
    let heads = [
      "small.pt": "PyTorch file, 2 tensors, 10 elements",
      "small-legacy.pt": "PyTorch file (format before 1.6), 2 tensors",
      "every.safetensors": "safetensors file, 8 tensors", "arrays.npz": "NumPy archive, 9 tensors",
      "array.npy": "NumPy array, 1 tensor, 6 elements", "array.idx": "IDX array", "array.idx.gz": "IDX array",
      "color2-16.png": "PNG picture, 13 x 9, 3 channels (RGB), 16 bits",
    ]
    for (name, head) in heads {
      let copy = folder.file("unnamed")
      try? FileManager.default.removeItem(atPath: copy)
      try FileManager.default.copyItem(atPath: Goldens.path(name), toPath: copy)
      #expect(try FileInspector.describe(copy).first?.hasPrefix(head) == true, "\(name)")
    }
  }

  @Test("every good golden is described, every bad one refused")
  func all() throws {
    for name in Goldens.names {
      if Goldens.expected[name] != nil {
        #expect(try !FileInspector.describe(Goldens.path(name)).isEmpty)
      } else {
        #expect(!fileError { _ = try FileInspector.describe(Goldens.path(name)) }.isEmpty)
      }
    }
  }

  @Test("lines name key, shape and dtype; nested keys are paths")
  func lines() throws {
    let lines = try FileInspector.describe(Goldens.path("checkpoint.pt")).map {
      $0.split(separator: " ").joined(separator: " ")
    }
    #expect(lines.contains("optimizer.state.0.exp_avg [4, 3] float32"))
    #expect(lines.contains("model.1.num_batches_tracked [] int64"))
    #expect(lines.contains("step 2 int"))
    let metadata = try FileInspector.describe(Goldens.path("every.safetensors"))
    #expect(metadata.contains("metadata format: pt"))
  }

  @Test("unknown files, damage and control characters")
  func bad() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write("x.pt", Array("just text, nothing else".utf8))
    #expect(fileError { _ = try FileInspector.describe(text) }.contains("kind of this file is not known"))
    let empty = try folder.write("e.pt", [])
    #expect(fileError { _ = try FileInspector.describe(empty) } == "the file is empty")
    #expect(fileError { _ = try FileInspector.describe(folder.path) }.contains("a folder"))
    mkfifo(folder.file("pipe"), 0o600)
    #expect(fileError { _ = try FileInspector.describe(folder.file("pipe")) }.contains("not a plain file"))
    var raw = try bytes(of: Goldens.path("array.idx.gz"))
    raw[raw.count - 6] ^= 1
    let damaged = try folder.write("d.gz", raw)
    #expect(fileError { _ = try FileInspector.describe(damaged) }.contains("damaged"))
    try StateValue.record([("a\u{1B}[31m\nb", 1)]).save(to: folder.file("c.pt"))
    let lines = try FileInspector.describe(folder.file("c.pt"))
    #expect(lines[1].hasPrefix("a\u{FFFD}[31m\u{FFFD}b"))
  }
}
