import Firefinch
import FirefinchTestSupport
import Testing

/// Runs the cases of a golden file that `goldens/make_shapes.py` wrote: functions of the same names must give PyTorch's
/// results, dtypes, shapes and gradients.
struct GoldenCases {
  private var functions: [String: ([Tensor]) -> [Tensor]] = [:]

  mutating func add(_ name: String, _ function: @escaping ([Tensor]) -> Tensor) {
    functions[name] = { [function($0)] }
  }
  mutating func addMany(_ name: String, _ function: @escaping ([Tensor]) -> [Tensor]) { functions[name] = function }

  /// The magnitudes by which the script weighs results before it differentiates their sum.
  private static func weights(_ x: Tensor) -> Tensor {
    Tensor((0..<x.elementCount).map { 0.5 + Double($0 % 7) * 0.25 }, shape: x.shape, dtype: .float64).to(x.dtype)
  }

  /// What differs, case by case.
  func failures(_ file: String, fallback: (String) -> (([Tensor]) -> [Tensor])? = { _ in nil }) throws -> [String] {
    var failures: [String] = []
    var unused = Set(functions.keys)
    for golden in try Golden.cases(file) {
      let name = golden["name"].string
      unused.remove(name)
      guard let function = functions[name] ?? fallback(name) else {
        failures.append("\(name): no function")
        continue
      }
      do {
        if let failure = try withErrors({ check(golden, function) }) { failures.append("\(name): \(failure)") }
      } catch { failures.append("\(name): \(error)") }
    }
    return failures + unused.sorted().map { "\($0): no golden" }
  }

  private func check(_ golden: Golden, _ function: ([Tensor]) -> [Tensor]) -> String? {
    let wantedGradients = golden["gradients"].list.map(\.tensor)
    let inputs = golden["inputs"].list.map(\.tensor)
    let leaves = wantedGradients.isEmpty ? [] : inputs.filter(\.dtype.isFloatingPoint).map { $0.requiresGrad_() }
    let results = function(inputs)
    let wanted = golden["results"].list.map(\.tensor)
    if results.count != wanted.count { return "\(results.count) results, expected \(wanted.count)" }
    for (i, (got, want)) in zip(results, wanted).enumerated() {
      let rtol = want.dtype == .bfloat16 ? 1e-2 : want.dtype == .float16 ? 2e-3 : want.dtype == .float32 ? 1e-5 : 1e-10
      if let difference = Compare.difference(got, want, rtol: rtol, atol: rtol / 10) {
        return "result \(i): \(difference)"
      }
    }
    if wantedGradients.isEmpty { return nil }
    let flows = results.filter { $0.requiresGrad && $0.dtype.isFloatingPoint }
    if flows.isEmpty { return "no result requires grad" }
    let gradients = grad(
      of: flows, wrt: leaves, gradients: flows.map { GoldenCases.weights($0) }, allowUnused: true)
    for (i, (got, want)) in zip(gradients, wantedGradients).enumerated() {
      let tolerance = want.dtype == .float32 ? 1e-4 : 1e-8
      let given = got ?? want.zerosLike()
      if let difference = Compare.difference(given, want, rtol: tolerance, atol: tolerance) {
        return "gradient \(i): \(difference)"
      }
    }
    return nil
  }
}

/// Checks that `body` is a mistake whose sentence contains the words.
func expectMistake(_ words: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: () -> Void) {
  do {
    try withErrors { body() }
    Issue.record("no mistake was reported, expected one with \(words)", sourceLocation: sourceLocation)
  } catch {
    for word in words where !"\(error)".contains(word) {
      Issue.record("'\(error)' does not contain '\(word)'", sourceLocation: sourceLocation)
    }
  }
}
