import Firefinch
import FirefinchTestSupport
import Testing

/// The library's convolutions, with Winograd's algorithm and kept weights, against the own kernels in float64.
@Suite struct ConvolutionEngineTests {
  /// Sizes in the reach of Winograd's algorithm (training needs 64 channels and 24 rows) and outside it.
  static let cases: [(channels: Int, filters: Int, size: Int, kernel: Int, stride: Int, groups: Int)] = [
    (64, 64, 26, 3, 1, 1), (16, 32, 30, 3, 1, 1), (32, 32, 9, 3, 1, 1), (16, 16, 12, 3, 2, 1), (16, 16, 12, 1, 1, 1),
    (12, 12, 11, 3, 1, 12), (12, 24, 10, 5, 1, 3), (3, 8, 17, 7, 2, 1),
  ]

  @Test(arguments: 0..<cases.count)
  func forwardAndBackwardFollowDouble(_ number: Int) {
    let c = Self.cases[number]
    manualSeed(number)
    let x = Tensor.randn([2, c.channels, c.size, c.size])
    let depth = c.channels / c.groups * c.kernel * c.kernel
    let w = Tensor.randn([c.filters, c.channels / c.groups, c.kernel, c.kernel]) * (1 / Double(depth).squareRoot())
    let b = Tensor.randn([c.filters])
    func run(_ dtype: DType) -> [Tensor] {
      let leaves = [x, w, b].map { $0.to(dtype).detach().clone().requiresGrad_() }
      let y = leaves[0].conv2d(leaves[1], leaves[2], stride: [c.stride], padding: .sizes([c.kernel / 2]), groups: c.groups)
      let weights = Tensor.arange(y.elementCount).to(dtype).view(y.shape).sin()
      (y * weights).sum().backward()
      let kept = withNoGrad {
        leaves[0].conv2d(leaves[1], leaves[2], stride: [c.stride], padding: .sizes([c.kernel / 2]), groups: c.groups)
      }
      return [y.detach(), kept] + leaves.map { $0.grad! }
    }
    for (got, want) in zip(run(.float32), run(.float64)) {
      let largest = want.abs().max().doubleValue
      #expect(Compare.difference(got.to(.float64), want, rtol: 1e-5, atol: 2e-5 * largest) == nil)
    }
  }

  @Test func keptWeightsFollowChanges() {
    manualSeed(1)
    let x = Tensor.randn([1, 16, 16, 16]), small = Tensor.randn([1, 16, 5, 5])
    let w = Tensor.randn([16, 16, 3, 3])
    func check() {
      for input in [x, small, x] {
        let got = withNoGrad { input.conv2d(w, padding: 1) }
        let want = input.to(.float64).conv2d(w.to(.float64), padding: 1)
        #expect(Compare.difference(got.to(.float64), want, rtol: 1e-4, atol: 1e-3) == nil)
      }
    }
    check()
    w.mul_(-2)
    check()
    w[3, 1].zero_()
    check()
    w.copy_(Tensor.ones([16, 16, 3, 3]))
    check()
    let threads = Parallel.threadCount
    defer { Parallel.threadCount = threads }
    Parallel.threadCount = 1
    check()
    Parallel.threadCount = 2
    check()
  }

  @Test func anOptimizerStepReachesTheKeptWeights() {
    manualSeed(2)
    let layer = Conv2d(16, 16, kernelSize: 3, padding: 1)
    let x = Tensor.randn([1, 16, 16, 16])
    let optimizer = SGD(layer.parameters(), lr: 0.5)
    let before = withNoGrad { layer(x) }
    layer(x).square().mean().backward()
    optimizer.step()
    let after = withNoGrad { layer(x) }
    let want = x.to(.float64).conv2d(layer.weight.to(.float64), layer.bias!.to(.float64), padding: 1)
    #expect(Compare.difference(after.to(.float64), want, rtol: 1e-4, atol: 1e-4) == nil)
    #expect(Compare.difference(after, before) != nil)
  }
}
