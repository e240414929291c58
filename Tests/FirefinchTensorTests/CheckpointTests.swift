import Firefinch
import FirefinchTestSupport
import Testing

/// `checkpoint` gives what the same computation gives without it.
@Suite struct CheckpointTests {
  private static func parts() -> (x: Tensor, w: Tensor) {
    manualSeed(1)
    let x = Tensor.randn([3, 4], dtype: .float64).requiresGrad_()
    return (x, Tensor.randn([4, 4], dtype: .float64).requiresGrad_())
  }

  private static func compute(_ x: Tensor, _ w: Tensor) -> Tensor { x.matmul(w).tanh().dropout(0.5, training: true) * x }

  @Test func gradientsAndRandomNumbersAreThoseWithout() {
    func run(_ f: (Tensor, Tensor) -> Tensor) -> [Tensor] {
      let (x, w) = CheckpointTests.parts()
      manualSeed(2)
      let y = f(x * 2, w)
      let after = Tensor.rand([2], dtype: .float64)
      (y * y).sum().backward()
      return [y.detach(), x.grad!, w.grad!, after, Tensor.rand([2], dtype: .float64)]
    }
    let want = run(CheckpointTests.compute)
    let got = run { x, w in checkpoint([x], parameters: [w]) { CheckpointTests.compute($0[0], w) } }
    for (a, b) in zip(got, want) { #expect(a.array(Double.self) == b.array(Double.self)) }
  }

  @Test func isRecordedUnderCreateGraph() {
    func second(_ f: (Tensor, Tensor) -> Tensor) -> [Double] {
      let (x, w) = CheckpointTests.parts()
      let first = grad(of: [f(x * 2, w).sum()], wrt: [x], createGraph: true)[0]!
      return grad(of: [(first * first).sum()], wrt: [x, w]).flatMap { $0!.array(Double.self) }
    }
    func plain(_ x: Tensor, _ w: Tensor) -> Tensor { x.matmul(w).tanh() * x }
    let want = second(plain)
    let got = second { x, w in checkpoint([x], parameters: [w]) { plain($0[0], w) } }
    #expect(Compare.difference(got, want, rtol: 1e-12, atol: 1e-12) == nil)
  }

  @Test func withoutGradientsNothingIsRecorded() {
    let (x, w) = CheckpointTests.parts()
    let y = withNoGrad { checkpoint([x], parameters: [w]) { $0[0].matmul(w) } }
    #expect(!y.requiresGrad)
  }
}
