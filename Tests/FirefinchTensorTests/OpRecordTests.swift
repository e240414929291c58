import Firefinch
import FirefinchTestSupport
import Testing

extension Op: CustomTestStringConvertible {
  public var testDescription: String { name }
}

/// Checks that run over every op record without new code.
@Suite struct OpRecordTests {
  /// Good samples of an op.
  private static func samples(_ op: Op) -> [(Int, Sample)] {
    Array(op.samples().enumerated().filter { $0.element.error == nil })
  }

  private static func tensors(_ sample: Sample) -> [Tensor] {
    sample.arguments.flatMap { value -> [Tensor] in
      switch value {
      case .tensor(let tensor): [tensor]
      case .tensors(let tensors): tensors
      case .optionalTensors(let tensors): tensors.compactMap { $0 }
      default: []
      }
    }
  }

  /// The sample's arguments with its tensors replaced in order.
  private static func replacing(_ sample: Sample, _ tensors: [Tensor]) -> [Value] {
    var next = 0
    func take() -> Tensor {
      next += 1
      return tensors[next - 1]
    }
    return sample.arguments.map { value in
      switch value {
      case .tensor: .tensor(take())
      case .tensors(let list): .tensors(list.map { _ in take() })
      case .optionalTensors(let list): .optionalTensors(list.map { $0 == nil ? nil : take() })
      default: value
      }
    }
  }

  @Test(arguments: OpCatalog.available) func hasSamples(_ op: Op) {
    #expect(!op.samples().isEmpty, "\(op.name) has no samples, so nothing is tested")
  }

  @Test(arguments: OpCatalog.available) func sameResultForEveryLayout(_ op: Op) throws {
    var failures: [String] = []
    for (i, sample) in Self.samples(op) {
      let inputs = Self.tensors(sample)
      let want = try op.call(sample.arguments)
      for position in inputs.indices {
        for (layout, tensor) in EveryLayout.of(inputs[position]) {
          var changed = inputs
          changed[position] = tensor
          let got: [Tensor]
          do { got = try op.call(Self.replacing(sample, changed)) } catch where op.isView {
            // Not every layout can be seen in another shape; a view says so rather than copying.
            if !"\(error)".contains("without a copy") { failures.append("sample \(i) \(layout): \(error)") }
            continue
          }
          for (o, (x, y)) in zip(got, want).enumerated() {
            if op.isView && x.shape == y.shape && x.elementCount == 0 { continue }
            if let difference = Compare.difference(x, y, rtol: 1e-9, atol: 1e-12) {
              failures.append("sample \(i), input \(position) \(layout), output \(o): \(difference)")
            }
          }
        }
      }
    }
    #expect(failures.isEmpty, "\(op.schema): \(failures.joined(separator: "; "))")
  }

  @Test(arguments: OpCatalog.available) func metaShapesEqualReal(_ op: Op) throws {
    for (i, sample) in Self.samples(op) {
      let real = try op.call(sample.arguments)
      let meta = Self.tensors(sample).map { $0.to(.meta) }
      if meta.isEmpty { continue }
      let shapes = try op.call(Self.replacing(sample, meta))
      for (x, y) in zip(shapes, real) {
        #expect(x.shape == y.shape && x.dtype == y.dtype, "\(op.schema) sample \(i): meta \(x.shape) \(x.dtype), real \(y.shape) \(y.dtype)")
        #expect(x.device == .meta)
      }
    }
  }

  @Test(arguments: OpCatalog.available) func reducedPrecisionFollowsDouble(_ op: Op) throws {
    var failures: [String] = []
    for (i, sample) in Self.samples(op) {
      let inputs = Self.tensors(sample)
      guard inputs.contains(where: { $0.dtype == .float64 }) else { continue }
      for (dtype, rtol) in [(DType.float32, 2e-5), (.bfloat16, 4e-2), (.float16, 6e-3)] {
        let rounded = inputs.map { $0.dtype == .float64 ? $0.to(dtype) : $0 }
        let want = try op.call(Self.replacing(sample, rounded.map { $0.dtype == dtype ? $0.to(.float64) : $0 }))
        // LAPACK has no half types; PyTorch refuses them, too.
        if dtype != .float32 && OpCatalog.linalg.contains(where: { $0 === op }) {
          #expect(throws: TensorError.self) { try op.call(Self.replacing(sample, rounded)) }
          continue
        }
        guard let got = try? op.call(Self.replacing(sample, rounded)) else {
          failures.append("sample \(i) refuses \(dtype.name)")
          continue
        }
        for (x, y) in zip(got, want) where x.dtype.isFloatingPoint {
          if let difference = Compare.difference(x.to(.float64), y.to(.float64), rtol: rtol, atol: rtol) {
            failures.append("sample \(i) \(dtype.name): \(difference)")
          }
        }
      }
    }
    #expect(failures.isEmpty, "\(op.schema): \(failures.joined(separator: "; "))")
  }

  @Test(arguments: OpCatalog.available.filter(\.isDifferentiable)) func gradientsMatchFiniteDifferences(_ op: Op) {
    var failures: [String] = []
    for (i, sample) in Self.samples(op) where sample.checksGradient {
      let inputs = Self.tensors(sample).map { tensor in
        tensor.dtype == .float64 ? tensor.detach().clone().requiresGrad_() : tensor
      }
      let run = { (given: [Tensor]) -> [Tensor] in
        return op.results(Self.replacing(sample, given))
      }
      if let mismatch = Gradcheck.check(inputs, run) { failures.append("sample \(i), first order: \(mismatch)") }
      if inputs.reduce(0, { $0 + $1.elementCount }) <= 24, let mismatch = Gradcheck.checkSecond(inputs, run) {
        failures.append("sample \(i), second order: \(mismatch)")
      }
    }
    #expect(failures.isEmpty, "\(op.schema): \(failures.joined(separator: "; "))")
  }

  @Test(arguments: OpCatalog.available) func mistakesAreExplained(_ op: Op) {
    for sample in op.samples() {
      guard let words = sample.error else { continue }
      do {
        _ = try op.call(sample.arguments)
        Issue.record("\(op.schema): \(words) did not fail")
      } catch {
        for word in words { #expect("\(error)".contains(word), "\(op.schema): '\(error)' does not contain '\(word)'") }
      }
    }
  }
}
