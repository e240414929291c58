import Firefinch
import FirefinchTestSupport
import Testing

/// Complex tensors: arithmetic against known values, views, derivatives against differences of a real loss.
@Suite struct ComplexTests {
  private func z() -> Tensor {
    Tensor(complex: [(0.5, -0.25), (-1.25, 1.5), (2, 0.75), (-0.5, -2)], shape: [2, 2], dtype: .complex128)
  }

  @Test func arithmeticAndParts() {
    let x = Tensor(complex: [(1, 2), (3, -4)])
    #expect((x * x).real.array(Double.self) == [-3, -7])
    #expect((x * x).imag.array(Double.self) == [4, -24])
    #expect(x.abs().dtype == .float32 && x.abs().array(Double.self)[1] == 5)
    #expect((x / x).real.array(Double.self) == [1, 1])
    #expect(x.mean().item() == .complex(2, -1))
    #expect(x.conj().imag.array(Double.self) == [-2, 4])
    #expect((x .== x).array(Bool.self) == [true, true])
    #expect("\(Tensor(complex: [(1, 2), (-0.5, -3.25)]))" == "tensor([ 1.0000+2.0000j, -0.5000-3.2500j])")
    #expect("\(Tensor(Scalar.complex(1, 2)))" == "tensor(1.+2.j)")
    x.imag.zero_()
    #expect(x.abs().array(Double.self) == [1, 3])
  }

  @Test func promotion() {
    let x = Tensor(complex: [(1, 2)])
    #expect((x + Tensor([1.0], dtype: .float64)).dtype == .complex128)
    #expect((x * Tensor(2.0, dtype: .float64)).dtype == .complex64)
    #expect((Tensor([1, 2]) * Scalar.complex(0, 1)).dtype == .complex64)
    #expect((Tensor([1.0], dtype: .float64) + Scalar.complex(0, 1)).dtype == .complex128)
  }

  @Test func whatHasNoOrderIsRefused() {
    for body in [{ z().maximum(z()) }, { z().floor() }, { z() .< z() }, { z().erf() }] as [() -> Tensor] {
      #expect(throws: TensorError.self) { try withErrors { body() } }
    }
  }

  /// The gradient with respect to the conjugate, against central differences of the loss along both axes.
  /// The derivative of lerp's gradient has 14 real inputs and 8 real results, more than one loop takes.
  @Test func forwardDerivativeOfThreeComplexInputs() {
    manualSeed(3)
    func draw() -> Tensor { Tensor.randn([4], dtype: .complex128) }
    let inputs = (0..<3).map { _ in draw().requiresGrad_() }, tangents = (0..<3).map { _ in draw() }
    let y = inputs[0].lerp(inputs[1], inputs[2])
    let got = jvp(of: [y], wrt: inputs, tangents: tangents)[0]
    let (s, e, w) = (inputs[0].detach(), inputs[1].detach(), inputs[2].detach())
    let want = tangents[0] * (1 - w) + tangents[1] * w + tangents[2] * (e - s)
    #expect((got - want).abs().amax().doubleValue < 1e-12)
  }

  @Test func gradientsFollowPyTorchsConvention() throws {
    let functions: [(String, (Tensor) -> Tensor)] = [
      ("mul", { $0 * $0 + $0 * Scalar.complex(0.5, 2) }), ("div", { 1 / $0 + $0 / ($0 + 3) }), ("exp", { $0.exp() }),
      ("log", { $0.log() }), ("sqrt", { $0.sqrt() }), ("tanh", { $0.tanh() }), ("sin", { $0.sin() }),
      ("asin", { $0.asin() }), ("acosh", { $0.acosh() }), ("atan", { $0.atan() }), ("pow", { $0.pow(2.5) }),
      ("abs", { $0.abs() }), ("sgn", { $0.sign() }), ("angle", { $0.angle() }), ("conj", { $0.conj() * $0.exp() }),
      ("mm", { $0.mm($0.mH) }), ("real", { $0.real * $0.imag }), ("sigmoid", { $0.sigmoid() }),
    ]
    for (name, f) in functions {
      func loss(_ x: Tensor) -> Tensor {
        let y = f(x)
        let weights = Tensor.arange(y.elementCount).to(.float64).reshape(y.shape).cos()
        return y.dtype.isComplex ? (y.real * weights + y.imag.square()).sum() : (y * weights).sum()
      }
      let x = z().requiresGrad_()
      let first = grad(of: [loss(x)], wrt: [x], createGraph: true)[0]!
      let vector = z() * Scalar.complex(0.5, 1.5) - 0.25
      let directional = (first.viewAsReal() * vector.viewAsReal()).sum()
      let second = grad(of: [directional], wrt: [x], allowUnused: true)[0] ?? x.zerosLike()
      let step = 1e-5
      for i in 0..<4 {
        for (axis, move) in [Scalar.complex(step, 0), .complex(0, step)].enumerated() {
          func moved(_ sign: Int) -> Tensor {
            let other = z()
            let one = other.view(4)[i]
            one.copy_(one.clone() + Tensor(move, dtype: .complex128) * sign)
            return other
          }
          let numeric: Double = (loss(moved(1)).doubleValue - loss(moved(-1)).doubleValue) / (2 * step)
          let got = first.detach().viewAsReal().view(4, 2)[i, axis].doubleValue
          #expect(abs(got - numeric) < 1e-5 * max(1, abs(numeric)), "\(name) \(i) \(axis)")
          func along(_ at: Tensor) -> Double {
            let leaf = at.requiresGrad_()
            let g = grad(of: [loss(leaf)], wrt: [leaf])[0]!
            return (g.viewAsReal() * vector.viewAsReal()).sum().doubleValue
          }
          let numeric2: Double = (along(moved(1)) - along(moved(-1))) / (2 * step)
          let got2 = second.detach().viewAsReal().view(4, 2)[i, axis].doubleValue
          #expect(abs(got2 - numeric2) < 1e-4 * max(1, abs(numeric2)), "\(name) second \(i) \(axis)")
        }
      }
    }
  }
}
