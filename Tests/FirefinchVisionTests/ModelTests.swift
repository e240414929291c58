import CFirefinch
import Firefinch
import FirefinchTestSupport
import FirefinchVision
import Foundation
import Testing

/// Every golden in goldens/models: the model made with the same seed must have torchvision's keys in its order, the same weights
/// bit for bit, and its output and gradients within 1e-4.
@Suite struct ModelTests {
  static let names: [String] = {
    let folder = Golden.url("models").path
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
  }()

  @Test(arguments: names) func equalsTorchvision(_ name: String) throws {
    let golden = try Golden.load("models/\(name).json")
    manualSeed(0)
    let model = try VisionModels.make(name, numClasses: 10)
    model.eval()
    let state = model.stateDict()
    let keys = state.keys.map { "\($0) \(Array(state[$0]!.shape))\n" }.joined()
    #expect(state.count == golden["key_count"].int, "\(name): number of keys")
    #expect(ff_crc32(0, keys, keys.utf8.count) == UInt32(golden["keys"].int), "\(name): keys, their order or shapes")
    var checksum: UInt32 = 0
    for key in state.keys { checksum = crc(state[key]!, checksum) }
    #expect(checksum == UInt32(golden["state"].int), "\(name): initial weights")

    manualSeed(7)
    for parameter in model.parameters() where parameter.rank > 1 && parameter.abs().max().doubleValue == 0 {
      withNoGrad { _ = parameter.normal_(mean: 0, std: 0.02) }
    }
    for (key, buffer) in model.namedBuffers() where key.hasSuffix("running_var") { buffer.fill_(golden["variance"].double) }
    manualSeed(golden["seed"].int)
    let size = golden["size"].int
    let y = model(Tensor.randn([1, 3, size, size]))
    (y * y).sum().backward()
    #expect(Array(y.shape) == golden["output_shape"].ints)
    let output = Array(y.detach().flatten().array(Double.self).prefix(10))
    let scale = output.map(abs).max() ?? 0
    let difference = Compare.difference(output, golden["output"].doubles, rtol: 1e-4, atol: 1e-4 * scale)
    #expect(difference == nil, "\(name): output: \(difference ?? "")")
    expectMarks(y, golden["output_marks"].doubles, "\(name): output", 0)
    let gradients = golden["gradients"].list
    let largest = gradients.compactMap { $0.doubles.first }.max() ?? 0
    #expect(largest > 1e-12, "\(name): gradients that are all next to nothing prove nothing")
    let parameters = model.namedParameters()
    #expect(gradients.count == parameters.count)
    for ((key, parameter), want) in zip(parameters, gradients) {
      guard let gradient = parameter.grad else {
        #expect(want.isNull, "\(name): no gradient for \(key)")
        continue
      }
      expectMarks(gradient, want.doubles, "\(name): gradient of \(key)", 1e-10 * largest)
    }
  }

  /// Length and scalar product with cosines, both within 1e-4 of the length and `slack`.
  private func expectMarks(_ tensor: Tensor, _ want: [Double], _ what: String, _ slack: Double) {
    let x = tensor.detach().to(.float64).flatten()
    let wave = Tensor.arange(x.elementCount, dtype: .float64).cos()
    let length = (x * x).sum().item().doubleValue.squareRoot()
    let product = (x * wave).sum().item().doubleValue
    guard want.count == 2 else {
      Issue.record("\(what): PyTorch has none")
      return
    }
    let tolerance = 1e-4 * want[0] + slack
    #expect(abs(length - want[0]) <= tolerance, "\(what): length \(length), expected \(want[0])")
    #expect(abs(product - want[1]) <= tolerance, "\(what): product \(product), expected \(want[1])")
  }

  private func crc(_ tensor: Tensor, _ start: UInt32) -> UInt32 {
    tensor.dtype == .int64
      ? tensor.array(Int.self).withUnsafeBytes { ff_crc32(start, $0.baseAddress, $0.count) }
      : tensor.array(Float.self).withUnsafeBytes { ff_crc32(start, $0.baseAddress, $0.count) }
  }
}
