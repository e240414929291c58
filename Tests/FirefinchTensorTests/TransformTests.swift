import Firefinch
import FirefinchTestSupport
import Testing

/// `Functional`: derivatives of functions against closed forms, and nested.
@Suite struct TransformTests {
  private let x = Tensor([0.5, -1.25, 2.0], dtype: .float64)
  private func close(_ a: Tensor, _ b: Tensor) -> Bool { Compare.difference(a.detach(), b.detach(), rtol: 1e-9, atol: 1e-9) == nil }

  @Test func gradAndNestedGrad() {
    let f: (Tensor) -> Tensor = { ($0.pow(3)).sum() }
    #expect(close(Functional.grad(f)(x), x.square() * 3))
    let twice = Functional.grad { Functional.grad(f)($0).sum() }
    #expect(close(twice(x), x * 6))
    let thrice = Functional.grad { twice($0).sum() }
    #expect(close(thrice(x), x.onesLike() * 6))
    // What does not depend on the argument has the gradient 0.
    #expect(close(Functional.grad { (_: Tensor) in Tensor(2.0, dtype: .float64) }(x), x.zerosLike()))
    #expect(throws: TensorError.self) { try withErrors { Functional.grad { ($0 as Tensor) * 2 }(x) } }
  }

  @Test func productsWithTheJacobian() {
    let f: ([Tensor]) -> [Tensor] = { [$0[0].sin() * $0[1], $0[0].sum()] }
    let y = Tensor([1.5, 0.5, -1.0], dtype: .float64)
    let (v, w) = (Tensor([1.0, -2.0, 0.5], dtype: .float64), Tensor([0.25, 1.0, 3.0], dtype: .float64))
    let pushed = Functional.jvp(f, [x, y], tangents: [v, w])
    #expect(close(pushed.tangents[0], x.cos() * y * v + x.sin() * w))
    #expect(close(pushed.tangents[1], v.sum()))
    let pulled = Functional.vjp(f, [x, y])
    let cotangents = [w, Tensor(2.0, dtype: .float64)]
    let back = pulled.pullback(cotangents)
    #expect(close(back[0], x.cos() * y * w + 2) && close(back[1], x.sin() * w))
    // <w, J v> = <J^T w, v>
    let left = (pushed.tangents[0] * w).sum() + pushed.tangents[1] * 2
    let right = (back[0] * v).sum() + (back[1] * w).sum()
    #expect(close(left, right))
  }

  @Test func matricesOfDerivatives() {
    let a = Tensor([1.0, 2, 3, -1, 0.5, 2], shape: [2, 3], dtype: .float64)
    #expect(close(Functional.jacobian({ a.mv($0) }, x), a))
    #expect(Functional.jacobian({ $0.unsqueeze(dim: 0) * 2 }, x).shape == [1, 3, 3])
    let q = Tensor([2.0, 1, 0, 1, 3, -1, 0, -1, 4], shape: [3, 3], dtype: .float64)
    #expect(close(Functional.hessian({ ($0 * q.mv($0)).sum() * 0.5 }, x), q))
  }

  @Test func vmapMapsAndStacks() {
    let a = Tensor.arange(12.0, dtype: .float64).view(3, 4)
    let b = Tensor.arange(4.0, dtype: .float64)
    let dots = Functional.vmap({ [($0[0] * $0[1]).sum()] }, inDims: [0, nil])([a, b])[0]
    #expect(close(dots, a.mv(b)))
    let columns = Functional.vmap({ [$0[0] * 2] }, inDims: [1], outDim: 1)([a])[0]
    #expect(close(columns, a * 2))
    let perSample = Functional.vmap({ [Functional.grad { ($0.square() * b).sum() }($0[0])] })([a])[0]
    #expect(close(perSample, a * b * 2))
    #expect(throws: TensorError.self) { try withErrors { _ = Functional.vmap({ $0 })([a, b]) } }
  }
}
