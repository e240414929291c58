import Glibc

import Firefinch
let a = Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3]).requiresGrad_()
let b = Tensor([0.5, -1, 2])
let c = (a * b + 2.0).tanh()
print(c.array(Float.self))
c.sum().backward()
print(a.grad!.array(Float.self))
print(a.t().sum(dim: 0).array(Float.self), a.mean().item(), a.gelu().array(Float.self))
let x = Tensor([0.3, 0.7], dtype: .float64).requiresGrad_()
let y = (x.sin() * x * x).sum()
let g = grad(of: [y], wrt: [x], createGraph: true)[0]!
let h = grad(of: [g.sum()], wrt: [x])[0]!
print(g.array(Double.self), h.array(Double.self))
// chain of a million
var t = Tensor([1.0]).requiresGrad_()
let t0 = t
let clock = ContinuousClock()
print(clock.measure { for _ in 0..<1_000_000 { t = t + t0 } })
print(clock.measure { t.backward(retainGraph: true) }, t0.grad!.item())
print(clock.measure { t = t0 })
// in-place on view
let base = Tensor.zeros([2, 3]).requiresGrad_() * 1.0
let v = base.select(dim: 0, 1)
v.mul_(3.0); v.add_(b * 2.0)
let w = (base * base).sum()
w.backward()
print(base.array(Float.self), base.gradFnName ?? "", v.gradFnName ?? "")
var failures = 0
for op in OpCatalog.all where op.isDifferentiable {
  for (i, sample) in op.samples().enumerated() where sample.checksGradient && sample.error == nil {
    let tensors = sample.arguments.compactMap { v -> Tensor? in if case .tensor(let t) = v, t.dtype == .float64 { return t.clone().requiresGrad_() } else { return nil } }
    func run(_ given: [Tensor]) -> [Tensor] {
      var k = 0
      return op.results(sample.arguments.map { v in if case .tensor(let t) = v, t.dtype == .float64 { k += 1; return .tensor(given[k - 1]) } else { return v } })
    }
    if let m = Gradcheck.check(tensors, run) { print(op.name, i, "first", m); failures += 1 }
    if let m = Gradcheck.checkSecond(tensors, run) { print(op.name, i, "second", m); failures += 1 }
  }
}
print("gradcheck failures", failures)
let q = Tensor.ones([1]), r = Tensor.ones([1])
print("no grad", clock.measure { for _ in 0..<1_000_000 { _ = q + r } })
let qg = Tensor.ones([1]).requiresGrad_()
print("grad", clock.measure { for _ in 0..<1_000_000 { _ = qg + r } })
do { try withErrors { _ = Tensor.ones([2, 3]) + Tensor.ones([2]) } } catch { print("caught:", error) }
_ = Tensor.ones([2, 3]) + Tensor.ones([2])
