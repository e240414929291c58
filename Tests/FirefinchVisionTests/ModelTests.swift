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
    let model = try VisionModels.make(name, numClasses: 10, auxiliary: true)
    model.eval()
    ModelMarks.expectState(model, golden, name)
    ModelMarks.fillZeros(model)
    for (key, buffer) in model.namedBuffers() where key.hasSuffix("running_var") {
      buffer.fill_(golden["variance"].double)
    }
    manualSeed(golden["seed"].int)
    let size = golden["size"].int
    let y = model(Tensor.randn([1, 3, size, size]))
    (y * y).sum().backward()
    #expect(Array(y.shape) == golden["output_shape"].ints)
    let output = Array(y.detach().flatten().array(Double.self).prefix(10))
    let scale = output.map(abs).max() ?? 0
    let difference = Compare.difference(output, golden["output"].doubles, rtol: 1e-4, atol: 1e-4 * scale)
    #expect(difference == nil, "\(name): output: \(difference ?? "")")
    ModelMarks.expect(y, golden["output_marks"].doubles, "\(name): output")
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
      ModelMarks.expect(gradient, want.doubles, "\(name): gradient of \(key)", slack: 1e-10 * largest)
    }
  }
}
