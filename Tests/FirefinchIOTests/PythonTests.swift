import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

@Suite("Python reads what Firefinch writes")
struct PythonTests {
  /// Everything that `goldens/check.py` looks for.
  private func writeAll(_ folder: TemporaryFolder) throws {
    let base = Tensor.arange(24).reshape([4, 6])
    let float = base.to(.float32)
    let dtypes = DType.allCases.filter { !$0.isComplex && $0 != .bool }
    let leaf = Tensor([1.0, 2.0], dtype: .float32)
    leaf.requiresGrad = true
    let state = StateValue.record([
      (
        "tensors", .record(dtypes.map { ($0.name, .tensor(base.to($0))) } + [("bool", .tensor(Tensor([true, false])))])
      ),
      ("base", .tensor(float)), ("view", .tensor(float.transpose(0, 1))), ("empty", .tensor(Tensor.zeros([0, 3]))),
      ("scalar", .tensor(Tensor([2.5], shape: []))), ("leaf", .tensor(leaf)),
      (
        "plain",
        .list([
          .none, .bool(true), .int(3), .int(-1), .int(1 << 40), .int(.min), .double(0.5), .string("naïve 🐦"),
          .string(""),
          .list([]), .tuple([]), .dict([]), .tuple([1]), .tuple([1, 2, 3, 4]), .dict([(key: .int(7), value: "x")]),
        ])
      ),
    ])
    try state.save(to: folder.file("state.pt"))
    // The same archive with the records that files over 4 GiB need.
    let archive = try ZipReader(try MappedFile(folder.file("state.pt")))
    let large = folder.file("state64.pt")
    try AtomicFile.write(large) { out in
      var writer = ZipWriter(out, path: large)
      writer.zip64From = 0
      for entry in archive.entries { try writer.add(entry.name, try archive.content(entry)) }
      try writer.finish()
    }
    let linear = [("weight", Tensor.ones([2, 3])), ("bias", Tensor.zeros([2]))]
    try StateValue.record(linear.map { ($0.0, .tensor($0.1)) }).save(to: folder.file("linear.pt"))
    try Safetensors.save(
      dtypes.map { ($0.name, base.to($0)) } + [
        ("flag", Tensor([true, false, true])), ("view", float.transpose(0, 1)),
      ],
      to: folder.file("all.safetensors"), metadata: ["note": "ä \"q\""])
    let arrays = [
      ("f", base.to(.float64)), ("i", base), ("flag", Tensor([true, false])), ("scalar", Tensor([1.5], shape: [])),
      ("t", float.transpose(0, 1)),
    ]
    try Npz.save(arrays, to: folder.file("arrays.npz"))
    try Npz.save(arrays, to: folder.file("arrays-compressed.npz"), compressed: true)
    try Npy.save(base, to: folder.file("array.npy"))
    for name in ["small.pt", "every.pt", "shared.pt", "strided.pt", "checkpoint.pt"] {
      try StateValue.load(from: Goldens.path(name)).save(to: folder.file("again-" + name))
    }
  }

  @Test(
    "PyTorch, safetensors and NumPy open our files",
    .enabled(if: ProcessInfo.processInfo.environment["FIREFINCH_PYTHON"] != nil))
  func check() throws {
    let folder = try TemporaryFolder()
    try writeAll(folder)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["FIREFINCH_PYTHON"]!)
    process.arguments = [Goldens.path("check.py"), folder.path]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
