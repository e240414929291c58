import Firefinch
import FirefinchTestSupport
import Testing

@Suite struct AutogradTests {
  private func double(_ values: [Double]) -> Tensor { Tensor(values, dtype: .float64) }

  @Test func accumulatesOverUsesAndCalls() {
    let x = Tensor([1.0, 2, 3]).requiresGrad_()
    (x * x + x).sum().backward()
    #expect(x.grad!.array(Float.self) == [3, 5, 7])
    (x * 2).sum().backward()
    #expect(x.grad!.array(Float.self) == [5, 7, 9])
  }

  @Test func controlFlowIsPlainSwift() {
    let x = Tensor([2.0]).requiresGrad_()
    var y = x
    while y.floatValue < 100 { y = y * x }
    y.backward()
    // y = x^7 at x = 2.
    #expect(x.grad!.floatValue == 7 * 64)
  }

  @Test func sumsOutBroadcastDims() {
    let a = Tensor.ones([2, 3]).requiresGrad_()
    let b = Tensor.ones([3]).requiresGrad_()
    let c = Tensor.ones([2, 1]).requiresGrad_()
    (a * b * c).sum().backward()
    #expect(b.grad!.shape == [3] && b.grad!.array(Float.self) == [2, 2, 2])
    #expect(c.grad!.shape == [2, 1] && c.grad!.array(Float.self) == [3, 3])
  }

  @Test func secondAndThirdDerivatives() {
    let x = double([0.5, 1.5]).requiresGrad_()
    let y = (x * x * x * x).sum()
    let first = grad(of: [y], wrt: [x], createGraph: true)[0]!
    let second = grad(of: [first.sum()], wrt: [x], createGraph: true)[0]!
    let third = grad(of: [second.sum()], wrt: [x])[0]!
    #expect(Compare.difference(second, double([3, 27])) == nil)
    #expect(Compare.difference(third, double([12, 36])) == nil)
  }

  @Test func aMillionOpsGoForwardBackwardAndAreFreed() {
    let x = Tensor([1.0]).requiresGrad_()
    var y = x
    for _ in 0..<1_000_000 { y = y + x }
    y.backward()
    #expect(x.grad!.floatValue == 1_000_001)
    // Freed without ever running backward, too.
    var z = x
    for _ in 0..<1_000_000 { z = z * 1.0 }
    z = x
  }

  @Test func retainGraphAllowsASecondPass() throws {
    let x = Tensor([3.0]).requiresGrad_()
    let y = x * x
    y.backward(retainGraph: true)
    y.backward()
    #expect(x.grad!.floatValue == 12)
    let error = #expect(throws: TensorError.self) { try withErrors { y.backward() } }
    #expect(error!.message.contains("retainGraph"))
  }

  @Test func noGradAndDetachStopRecording() {
    let x = Tensor([1.0]).requiresGrad_()
    withNoGrad {
      #expect(!(x * 2).requiresGrad)
      withGrad { #expect((x * 2).requiresGrad) }
    }
    #expect(!(x.detach() * 2).requiresGrad)
    #expect((x * 2).requiresGrad)
  }

  @Test func hooksChangeAndObserve() {
    let x = Tensor([2.0]).requiresGrad_()
    let y = x * x
    let handle = y.registerHook { $0 * 10 }
    y.retainGrad()
    (y * 3).backward()
    #expect(x.grad!.floatValue == 120)
    #expect(y.grad!.floatValue == 30)
    handle.remove()
    x.grad = nil
    (x * x * 3).backward()
    #expect(x.grad!.floatValue == 12)
  }

  @Test func customFunctionsHaveTheirOwnDerivative() {
    let clipped = CustomFunction("Clip") { context, inputs in
      context.save(inputs[0])
      return [inputs[0].clamp(min: -1, max: 1)]
    } backward: { context, gradients in
      [gradients[0] * context.savedTensors[0]]
    }
    let x = Tensor([0.5, 3]).requiresGrad_()
    clipped(x)[0].sum().backward()
    #expect(x.grad!.array(Float.self) == [0.5, 3])
  }

  @Test func inPlaceOnLeafIsRefused() {
    let x = Tensor([1.0]).requiresGrad_()
    let error = #expect(throws: TensorError.self) { try withErrors { x.add_(1) } }
    #expect(error!.message.contains("leaf"))
    withNoGrad { _ = x.add_(1) }
    #expect(x.floatValue == 2)
  }

  @Test func changedSavedTensorIsFound() {
    let x = Tensor([1.0, 2]).requiresGrad_()
    let y = x * 2
    let z = y * y
    y.add_(1)
    let error = #expect(throws: TensorError.self) { try withErrors { z.sum().backward() } }
    #expect(error!.message.contains("in-place"))
  }

  @Test func inPlaceOnViewsRebasesHistory() {
    let x = Tensor([1.0, 2, 3, 4], shape: [2, 2]).requiresGrad_()
    let base = x * 1
    let row = base.select(dim: 0, 0)
    row.mul_(3)
    #expect(base.array(Float.self) == [3, 6, 3, 4])
    (base * base).sum().backward()
    #expect(x.grad!.array(Float.self) == [18, 36, 6, 8])
    // And through the view after a change of the base.
    x.grad = nil
    let other = x * 1
    let column = other.select(dim: 1, 1)
    other.mul_(2)
    column.sum().backward()
    #expect(x.grad!.array(Float.self) == [0, 2, 0, 2])
  }

  @Test func relu_KeepsWorkingInPlace() {
    let x = Tensor([-1.0, 2]).requiresGrad_()
    let y = x * 1
    y.relu_()
    y.sum().backward()
    #expect(x.grad!.array(Float.self) == [0, 1])
  }

  @Test func unusedInputsAreExplainedOrNil() {
    let x = Tensor([1.0]).requiresGrad_()
    let unused = Tensor([1.0]).requiresGrad_()
    #expect(grad(of: [x * 2], wrt: [x, unused], allowUnused: true)[1] == nil)
    let error = #expect(throws: TensorError.self) { try withErrors { _ = grad(of: [x * 2], wrt: [x, unused]) } }
    #expect(error!.message.contains("allowUnused"))
  }
}
