import Firefinch
import FirefinchTestSupport
import Testing

extension SeededTests {
  @Suite struct InitTests {
    private func fill(_ name: String, _ t: Tensor) -> Tensor? {
      switch name {
      case "uniform_": Init.uniform_(t, -1, 2)
      case "normal_": Init.normal_(t, mean: 0.5, std: 2)
      case "xavierUniform_": Init.xavierUniform_(t, gain: 1.5)
      case "xavierNormal_": Init.xavierNormal_(t)
      case "kaimingUniform_": Init.kaimingUniform_(t, a: 0.1, mode: .fanOut)
      case "kaimingNormal_": Init.kaimingNormal_(t, nonlinearity: .relu)
      case "truncNormal_": Init.truncNormal_(t, std: 0.5, a: -0.6, b: 0.6)
      case "truncNormal_.tail": Init.truncNormal_(t, a: 1.5, b: 2)
      case "orthogonal_": Init.orthogonal_(t, gain: 2)
      case "orthogonal_.tall": Init.orthogonal_(t)
      case "sparse_": Init.sparse_(t, sparsity: 0.4)
      case "dirac_": Init.dirac_(t, groups: 2)
      case "eye_": Init.eye_(t)
      default: nil
      }
    }

    @Test func valuesEqualPyTorch() throws {
      for golden in try Golden.cases("init.json") {
        let name = golden["name"].string
        let want = golden["value"].tensor
        manualSeed(0)
        guard let got = fill(name, Tensor.empty(want.shape)) else {
          Issue.record("no initialiser \(name)")
          continue
        }
        let difference = Compare.difference(got, want, rtol: 1e-6, atol: name.hasPrefix("orthogonal") ? 2e-6 : 0)
        #expect(difference == nil, "\(name): \(difference ?? "")")
      }
    }

    @Test func skippedInitialisationDrawsNothing() {
      manualSeed(0)
      let first = Tensor.rand([1]).floatValue
      manualSeed(0)
      Init.skipped {
        _ = Sequential(Linear(8, 8), Conv2d(1, 2, kernelSize: 3), Embedding(3, 2))
        _ = LSTM(2, 2)
      }
      #expect(Tensor.rand([1]).floatValue == first)
    }

    @Test func gainsAndWrongShapes() {
      #expect(Init.calculateGain(.relu) == 2.0.squareRoot() && Init.calculateGain(.tanh) == 5.0 / 3)
      #expect(throws: TensorError.self) { try withErrors { Init.xavierUniform_(Tensor.ones([3])) } }
      #expect(throws: TensorError.self) { try withErrors { Init.dirac_(Tensor.ones([3, 3])) } }
      #expect(throws: TensorError.self) { try withErrors { Init.orthogonal_(Tensor.ones([3])) } }
    }

    @Test func clippingScalesAllGradientsTogether() throws {
      let a = Tensor([3.0, 0]).requiresGrad_()
      let b = Tensor([4.0]).requiresGrad_()
      let c = Tensor([1.0]).requiresGrad_()
      (a.sum() * 3 + b.sum() * 4).backward()
      let norm = try clipGradNorm_([a, b, c], maxNorm: 1)
      #expect(abs(norm.floatValue - 34.0.squareRoot().asFloat) < 1e-5)
      let scale = 1 / (34.0.squareRoot() + 1e-6)
      #expect(Compare.difference(a.grad!, Tensor([3 * scale, 3 * scale])) == nil)
      clipGradValue_([a, b], clipValue: 0.25)
      #expect(b.grad!.floatValue == 0.25)
      b.grad = Tensor([Double.nan])
      #expect(throws: TensorError.self) { try clipGradNorm_([a, b], maxNorm: 1, errorIfNonFinite: true) }
    }

    @Test func parametersToVectorAndBack() {
      let parameters = [Tensor([[1.0, 2], [3, 4]]), Tensor([5.0])]
      let vector = parametersToVector(parameters)
      #expect(vector.array(Float.self) == [1, 2, 3, 4, 5])
      vectorToParameters(vector * 2, parameters)
      #expect(parameters[0].array(Float.self) == [2, 4, 6, 8] && parameters[1].floatValue == 10)
    }
  }
}

extension Double {
  fileprivate var asFloat: Float { Float(self) }
}
