import Firefinch
import FirefinchTestSupport
import Testing

/// `fuse { }`: one pass forward and backward, equal to the single operations.
@Suite struct FuseTests {
  private func inputs(_ dtype: DType) -> (Tensor, Tensor) {
    manualSeed(4)
    return (Tensor.randn([3, 40]).to(dtype), (Tensor.randn([40]) * 0.5 + 2).to(dtype))
  }
  private let chain = fuse { x, y in ((x * y + x).tanh().exp() * 0.1 - y).sigmoid() * x }
  private func single(_ x: Tensor, _ y: Tensor) -> Tensor { ((x * y + x).tanh().exp() * 0.1 - y).sigmoid() * x }

  @Test(arguments: [DType.float32, .float64])
  func equalsTheSingleOperations(_ dtype: DType) {
    let (x, y) = inputs(dtype)
    let tolerance = dtype == .float32 ? 1e-5 : 1e-12
    func run(_ f: (Tensor, Tensor) -> Tensor) -> [Tensor] {
      let (a, b) = (x.clone().requiresGrad_(), y.clone().requiresGrad_())
      let z = f(a, b)
      let weights = Tensor.arange(z.elementCount).to(dtype).view(z.shape).cos()
      let first = grad(of: [(z * weights).sum()], wrt: [a, b], createGraph: true).map { $0! }
      let second = grad(of: [(first[0] * weights).sum()], wrt: [a, b]).map { $0! }
      return [z.detach()] + first.map { $0.detach() } + second
    }
    for (got, want) in zip(run { chain($0, $1) }, run(single)) {
      #expect(Compare.difference(got, want, rtol: tolerance, atol: tolerance) == nil)
    }
  }

  @Test func takesEveryLayoutAndHalfTypes() {
    let (x, y) = inputs(.float32)
    let turned = x.t().contiguous().t()
    #expect(Compare.difference(chain(turned, y), single(x, y)) == nil)
    let half = chain(x.to(.bfloat16), y.to(.bfloat16))
    #expect(half.dtype == .bfloat16 && half.shape == [3, 40])
    // Rounded once: at least as near as the single operations.
    let exact = single(x.to(.bfloat16).to(.float64), y.to(.bfloat16).to(.float64))
    #expect(Compare.difference(half.to(.float64), exact, rtol: 0.005, atol: 0.005) == nil)
    #expect(fuse { $0 * $0 + 1 }(Tensor([1, 2, 3])).array(Float.self) == [2, 5, 10])
  }

  @Test func writesInPlace() {
    let (x, y) = inputs(.float32)
    let want = single(x, y)
    #expect(chain.inPlace(x, y) === x)
    #expect(Compare.difference(x, want) == nil)
  }

  /// Twelve inputs, a gradient and twelve results are more buffers than one loop takes.
  @Test func gradientsOfManyInputsRunInPieces() {
    let product = fuse(inputs: 12) { x in x.dropFirst().reduce(x[0]) { $0 * $1 } }
    let inputs = (1...12).map { Tensor([Double($0), 1, 0.5], dtype: .float64).requiresGrad_() }
    let y = product(inputs)
    y.sum().backward()
    for (i, x) in inputs.enumerated() {
      let others = (1...12).filter { $0 != i + 1 }.reduce(1.0) { $0 * Double($1) }
      #expect(x.grad!.array(Double.self) == [others, 1, 1.0 / 2048])
    }
  }

  @Test func mistakesAreExplained() {
    let error = #expect(throws: TensorError.self) { try withErrors { _ = chain(Tensor.ones([2])) } }
    #expect(error.map { "\($0)".contains("expected 2 tensors, got 1") } == true)
    let shapes = #expect(throws: TensorError.self) { try withErrors { _ = chain(Tensor.ones([2]), Tensor.ones([3])) } }
    #expect(shapes.map { "\($0)".contains("[2]") && "\($0)".contains("[3]") } == true)
  }
}
