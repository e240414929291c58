import Testing

import FirefinchTensor

struct InterpolateBytesTests {
  /// Numbers from `F.interpolate` of uint8.
  @Test func bytesAreRoundedAfterEachPass() {
    let x = Tensor([10, 200, 35, 90, 255, 0], shape: [1, 1, 2, 3]).to(.uint8)
    let y = x.interpolate(size: [3, 5], mode: .bilinear, alignCorners: false)
    #expect(y.dtype == .uint8)
    #expect(y.array(Int.self) == [10, 86, 200, 101, 35, 50, 121, 228, 102, 18, 90, 156, 255, 102, 0])
  }

  /// Two windows that name one place: the last value stands there, and both receive its gradient.
  @Test func unpoolingIsLinear() {
    let x = Tensor([1.0, 2.0], shape: [1, 1, 2]).requiresGrad_()
    let y = x.maxUnpool(Tensor([1, 1], shape: [1, 1, 2]), kernelSize: [2], spatialDims: 1)
    #expect(y.array(Double.self) == [0, 2, 0, 0])
    let g = grad(of: [y.sum()], wrt: [x])[0]
    #expect(g?.array(Double.self) == [1, 1])
  }
}
