import Firefinch
import FirefinchTestSupport
import Testing

/// torch.masked: what is left out changes neither results nor gradients. Expected numbers are PyTorch's.
@Suite struct MaskedTests {
  private static let x = Tensor([1, -2, 3, 4, 5, -6], shape: [2, 3], dtype: .float64)
  private static let mask = Tensor([true, false, true, false, false, false], shape: [2, 3])

  private static func numbers(_ tensor: Tensor) -> [Double] { tensor.array(Double.self) }

  @Test func reductionsOfRows() {
    let (x, mask) = (Self.x, Self.mask)
    #expect(Self.numbers(Masked.sum(x, dim: [1], mask: mask)) == [4, 0])
    #expect(Self.numbers(Masked.prod(x, dim: [1], mask: mask)) == [3, 1])
    #expect(Self.numbers(Masked.amax(x, dim: [1], mask: mask)) == [3, -.infinity])
    #expect(Self.numbers(Masked.amin(x, dim: [1], mask: mask)) == [1, .infinity])
    #expect(Self.numbers(Masked.argmax(x, dim: 1, mask: mask)) == [2, 0])
    #expect(Masked.argmax(x, dim: 1, mask: mask).dtype == .float64)
    #expect(Self.numbers(Masked.norm(x, 1, dim: [1], mask: mask)) == [4, 0])
    #expect(Self.numbers(Masked.cumsum(x, dim: 1, mask: mask)) == [1, 1, 4, 0, 0, 0])
    #expect(Masked.mean(x, mask: mask).doubleValue == 2)
    #expect(Masked.var(x, mask: mask).doubleValue == 2)
    #expect(Masked.std(x, correction: 0, mask: mask).doubleValue == 1)
    #expect(Masked.mean(x, dim: [1], mask: mask)[1].doubleValue.isNaN)
    #expect(Masked.median(x, dim: 1, mask: mask)[0].doubleValue == 1)
    #expect(Masked.sum(Tensor([true, true])).dtype == .int64)
  }

  @Test func gradientsPassWhereTheMaskIsTrue() throws {
    let x = Self.x.clone().requiresGrad_()
    (Masked.amax(x, mask: Self.mask) + Masked.logSoftmax(x, dim: 1, mask: Self.mask)[0, 0]).backward()
    let e = 1 / (1 + 2.718281828459045 * 2.718281828459045)
    let expected = [1 - e, 0, e, 0, 0, 0]
    for (got, want) in zip(Self.numbers(try #require(x.grad)), expected) { #expect(abs(got - want) < 1e-12) }
  }

  @Test func mistakesAreNamed() {
    #expect(throws: TensorError.self) { try withErrors { Masked.sum(Self.x, mask: Tensor.ones([1, 2, 3], dtype: .bool)) } }
    #expect(throws: TensorError.self) { try withErrors { Masked.sum(Self.x, mask: Tensor.ones([2], dtype: .bool)) } }
    #expect(throws: TensorError.self) { try withErrors { Masked.mean(Tensor([1, 2])) } }
    #expect(throws: TensorError.self) { try withErrors { Masked.median(Tensor([1, 2]), mask: Tensor([false, false])) } }
    #expect(throws: TensorError.self) { try withErrors { Tensor([1, 2]).maskedFill(Tensor([true, false]), Scalar.complex(0, 1)) } }
  }

  @Test func complexElementsAreWrittenWhole() {
    let x = Tensor.zeros([3], dtype: .complex128)
    x.indexPut_([Tensor([1, 1])], Tensor.complex(Tensor([1, 2], dtype: .float64), Tensor([3, 4], dtype: .float64)), accumulate: true)
    #expect(x.real.array(Double.self) == [0, 3, 0])
    #expect(x.imag.array(Double.self) == [0, 7, 0])
  }

  @Test func quantilesCarryTheGradientOfTheirLevel() throws {
    let q = Tensor(0.3, dtype: .float64).requiresGrad_()
    Tensor([0, 1, 3, 7], dtype: .float64).quantile(q).backward()
    #expect(try #require(q.grad).doubleValue == 3)
  }
}
