import Firefinch
import Foundation
import Testing

/// Elementary functions in float32 against the C library's in float64, in units of the last place.
@Suite struct MathTests {
  private typealias Case = (
    name: String, limit: Double, range: ClosedRange<Double>, run: @Sendable (Tensor) -> Tensor, want: @Sendable (Double) -> Double
  )
  private static let cases: [Case] = [
    ("exp", 1.25, -87...88, { $0.exp() }, { Foundation.exp($0) }), ("expm1", 2, -20...20, { $0.expm1() }, { Foundation.expm1($0) }),
    ("log", 1.25, 1e-30...1e30, { $0.log() }, { Foundation.log($0) }), ("log1p", 2, -0.99...1e6, { $0.log1p() }, { Foundation.log1p($0) }),
    ("log2", 2, 1e-30...1e30, { $0.log2() }, { Foundation.log2($0) }), ("sin", 2, -30...30, { $0.sin() }, { Foundation.sin($0) }),
    ("cos", 2, -30...30, { $0.cos() }, { Foundation.cos($0) }), ("tan", 4, -1.5...1.5, { $0.tan() }, { Foundation.tan($0) }),
    ("asin", 3, -1...1, { $0.asin() }, { Foundation.asin($0) }), ("acos", 2, -0.99...0.99, { $0.acos() }, { Foundation.acos($0) }),
    ("atan", 2, -1e4...1e4, { $0.atan() }, { Foundation.atan($0) }), ("sinh", 2, -80...80, { $0.sinh() }, { Foundation.sinh($0) }),
    ("cosh", 2, -80...80, { $0.cosh() }, { Foundation.cosh($0) }), ("tanh", 3, -10...10, { $0.tanh() }, { Foundation.tanh($0) }),
    ("asinh", 2, -1e4...1e4, { $0.asinh() }, { Foundation.asinh($0) }), ("erf", 1.25, -4...4, { $0.erf() }, { Foundation.erf($0) }),
    ("erfc", 4, -4...9, { $0.erfc() }, { Foundation.erfc($0) }), ("rsqrt", 2, 1e-20...1e20, { $0.rsqrt() }, { 1 / $0.squareRoot() }),
    ("sigmoid", 3, -80...80, { $0.sigmoid() }, { 1 / (1 + Foundation.exp(-$0)) }),
  ]

  @Test func errorsStayBelowTheStatedBounds() {
    for c in Self.cases {
      let count = 20_000
      let values = (0..<count).map { Float(c.range.lowerBound + (c.range.upperBound - c.range.lowerBound) * Double($0) / Double(count - 1)) }
        + (0..<2000).map { Float(c.range.upperBound) * Foundation.pow(10, -Float($0) / 250) }
      let got = c.run(Tensor(values)).array(Float.self)
      var worst = (error: 0.0, at: Float(0))
      for (x, y) in zip(values, got) {
        let want = c.want(Double(x))
        guard abs(want) > 1.2e-38, abs(want) < 3e38 else { continue }
        let error = abs(Double(y) - want) / Double(Float(want).ulp)
        if !(error <= worst.error) { worst = (error, x) }
      }
      #expect(worst.error <= c.limit, "\(c.name)(\(worst.at)) is off by \(worst.error) units of the last place")
    }
  }

  @Test func specialValues() {
    let x = Tensor([Float.nan, .infinity, -.infinity, 0, -0.0, 1e-45])
    #expect(x.exp().array(Float.self).map(\.description) == ["nan", "inf", "0.0", "1.0", "1.0", "1.0"])
    let logs = x.log().array(Float.self)
    #expect(logs[0].isNaN && logs[1] == .infinity && logs[2].isNaN && logs[3] == -.infinity && logs[4] == -.infinity)
    #expect(abs(logs[5] + 103.27893) < 1e-3)
    let tanh = x.tanh().array(Float.self)
    #expect(tanh[0].isNaN && tanh[1] == 1 && tanh[2] == -1 && tanh[4].sign == .minus)
    #expect(x.sin().array(Float.self)[1].isNaN && x.erf().array(Float.self)[2] == -1)
  }
}
