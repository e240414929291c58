import Firefinch
import FirefinchTestSupport
import Testing

/// bfloat16 and int8 products by the processor's own instructions, against float64.
@Suite struct ReducedProductTests {
  @Test func bfloat16ProductsFollowDouble() {
    manualSeed(1)
    let (x, w) = (Tensor.randn([70, 130]).to(.bfloat16), Tensor.randn([96, 130]).to(.bfloat16))
    let bias = Tensor.randn([96]).to(.bfloat16)
    let wide = x.to(.float64).mm(w.to(.float64).t())
    // A bfloat16 keeps 8 bits.
    #expect(Compare.difference(x.mm(w.t()).to(.float64), wide, rtol: 0.01, atol: 0.05) == nil)
    #expect(Compare.difference(x.linear(w, bias).to(.float64), wide + bias.to(.float64), rtol: 0.01, atol: 0.05) == nil)
    let turned = w.t().contiguous().t()
    #expect(Compare.difference(x.mm(turned.t()).to(.float64), wide, rtol: 0.01, atol: 0.05) == nil)
  }

  @Test func int8ProductsAreExact() {
    manualSeed(2)
    let (x, w) = (Tensor.randint(-128, 128, [65, 140]).to(.int8), Tensor.randint(-128, 128, [140, 67]).to(.int8))
    let wide = x.to(.int64).mm(w.to(.int64))
    #expect(x.intMM(w).to(.int64).array(Int.self) == wide.array(Int.self))
    #expect(x.t().contiguous().t().intMM(w.t().contiguous().t()).to(.int64).array(Int.self) == wide.array(Int.self))
  }
}
