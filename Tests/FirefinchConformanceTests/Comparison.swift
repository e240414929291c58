import Firefinch
import Foundation

/// Compares an answer of the runner with PyTorch's, within the tolerances that stand beside it.
struct Comparison {
  /// The tensors of the subset by name.
  let stored: [String: Tensor]
  private(set) var failures: [String] = []

  init(stored: [String: Tensor]) { self.stored = stored }

  mutating func fail(_ reason: String) { failures.append(reason) }

  mutating func check(_ got: JSONValue, _ want: JSONValue) {
    let status = got["status"]?.text ?? "none"
    if want["error"] != nil {
      if status != "error" { fail("PyTorch raises an error, got status \(status)") }
      return
    }
    if status != "ok" { return fail("\(status): \(got["message"]?.text ?? "")") }
    for (part, tolerance) in [("outputs", "tol"), ("grads", "grad_tol"), ("grad2", "grad2_tol"), ("jvp", "jvp_tol")] {
      if let wanted = want[part]?.elements { list(got[part]?.elements, wanted, want[tolerance]?.elements ?? [], part) }
    }
    for part in ["param_grads", "state_after"] {
      for member in want[part]?.members ?? [] {
        leaf(got[part]?[member.name], member.value, want[part + "_tol"]?[member.name], "\(part) \(member.name)")
      }
    }
    if let steps = want["trajectory"]?.elements {
      let reached = got["trajectory"]?.elements ?? []
      if reached.count != steps.count { return fail("trajectory of \(reached.count) steps, expected \(steps.count)") }
      for (i, step) in steps.enumerated() {
        let tolerances = [JSONValue](repeating: want["tol"] ?? .null, count: step.elements?.count ?? 0)
        list(reached[i].elements, step.elements ?? [], tolerances, "step \(i)")
      }
    }
    if let keys = want["state_keys"], got["state_keys"] != keys { fail("the state's keys differ") }
  }

  private mutating func list(_ got: [JSONValue]?, _ want: [JSONValue], _ tolerances: [JSONValue], _ part: String) {
    guard let got, got.count == want.count else { return fail("\(part): \(got?.count ?? 0) results, expected \(want.count)") }
    for (i, wanted) in want.enumerated() {
      leaf(got[i], wanted, i < tolerances.count ? tolerances[i] : nil, "\(part)[\(i)]")
    }
  }

  private mutating func leaf(_ got: JSONValue?, _ want: JSONValue, _ tolerance: JSONValue?, _ place: String) {
    let bounds = (tolerance?.elements ?? []).compactMap(\.number)
    let (relative, absolute) = bounds.count == 2 ? (bounds[0], bounds[1]) : (1e-5, 1e-5)
    guard let x = value(want) else {
      // What is not tensor or number: text, or none, which may be zeros, too.
      if want == .null, let got, let y = value(got) {
        if (y .!= 0).any().item().doubleValue != 0 { fail("\(place): expected none") }
      } else if got ?? .null != want {
        fail("\(place): got \(got?.serialized ?? "nothing"), expected \(want.serialized)")
      }
      return
    }
    guard let got, let y = value(got) else {
      // A gradient that nothing reaches is as good as zeros.
      if got == .null && (x.elementCount == 0 || (x .!= 0).any().item().doubleValue == 0) { return }
      return fail("\(place): nothing there")
    }
    let isTensor = want["$t"] != nil
    if isTensor && (y.shape != x.shape || y.dtype != x.dtype) {
      return fail("\(place): got \(y.dtype.name) \(y.shape), expected \(x.dtype.name) \(x.shape)")
    }
    if x.elementCount == 0 { return }
    let wide: DType = x.dtype.isComplex || y.dtype.isComplex ? .complex128 : .float64
    let (a, b) = (y.to(wide).reshape([-1]), x.to(wide).reshape([-1]))
    var near = a.isclose(b, rtol: relative, atol: absolute, equalNaN: true)
    if wide == .complex128 {
      // Infinities of complex numbers are one.
      func unbounded(_ z: Tensor) -> Tensor { z.real.isInf() | z.imag.isInf() | z.real.isNaN() | z.imag.isNaN() }
      near = near | (unbounded(a) & unbounded(b))
    }
    if near.all().item().doubleValue == 0 {
      let at = (1 - near.to(.int64)).argmax().intValue
      fail("\(place): got \(a[at].item()), expected \(b[at].item()) at \(at) (rtol \(relative), atol \(absolute))")
    }
  }

  /// A tensor, or a number as one; nil for anything else.
  private func value(_ json: JSONValue) -> Tensor? {
    if let name = json["$t"]?.text, let tensor = stored[name] {
      let shape = Shape((json["shape"]?.elements ?? []).compactMap(\.integer))
      return json["dtype"]?.text?.hasPrefix("complex") ?? false ? tensor.viewAsComplex() : tensor.reshape(shape)
    }
    if let text = json["b64"]?.text, let dtype = json["dtype"]?.text.flatMap(DType.init(name:)), let data = Data(base64Encoded: text) {
      let shape = Shape((json["shape"]?.elements ?? []).compactMap(\.integer))
      let tensor = Tensor.empty(shape, dtype: dtype)
      if data.count != shape.elementCount * dtype.size { return nil }
      data.withUnsafeBytes { if !data.isEmpty { tensor.data.copyMemory(from: $0.baseAddress!, byteCount: data.count) } }
      return tensor
    }
    func number(_ value: JSONValue) -> Double? {
      if case .string(let text) = value { return Double(text) }
      return value.number
    }
    if let value = json["$f"] { return number(value).map { Tensor.full([], $0, dtype: .float64) } }
    if let parts = json["$c"]?.elements, parts.count == 2, let re = number(parts[0]), let im = number(parts[1]) {
      return Tensor(complex: [(re, im)], shape: [], dtype: .complex128)
    }
    if case .bool(let flag) = json { return Tensor.full([], flag ? 1 : 0, dtype: .float64) }
    return json.number.map { Tensor.full([], $0, dtype: .float64) }
  }
}
