/// A range of numbers with places for ticks.
package struct Axis: Sendable {
  /// The ends, low < high.
  package var low: Double, high: Double
  /// Distance of ticks: 1, 2 or 5 times a power of ten.
  var step: Double

  /// An axis that holds all finite `values` with ticks at round numbers, about `count` of them.
  ///
  /// - Parameters:
  ///   - whole: ticks only at whole numbers, and no widening to the next tick (for epochs and steps).
  package init(_ values: some Sequence<Double>, count: Int, whole: Bool = false) {
    // Larger numbers than this would overflow in differences; nobody reads them off a plot.
    let finite = values.filter { $0.magnitude < 1e300 }
    var low = finite.min() ?? 0, high = finite.max() ?? 1
    let size = max(low.magnitude, high.magnitude)
    if !(high - low > max(1e-12 * size, 1e-290)) {
      // One value, or nearly: room on both sides, enough to be more than rounding.
      let room = whole && size < 1e12 ? 0.5 : size < 1e-280 ? 1 : size * 0.1
      (low, high) = (low - room, high + room)
    }
    step = Axis.niceStep((high - low) / Double(max(count, 1)))
    if whole {
      step = max(step, 1)
      let margin = (high - low) * 0.02
      (self.low, self.high) = (low - margin, high + margin)
    } else {
      // Out to ticks; data within rounding of one count as on it.
      self.low = (low / step + 1e-9).rounded(.down) * step
      self.high = (high / step - 1e-9).rounded(.up) * step
      // Numbers that cannot be negative do not start below zero.
      if low >= 0 && self.low < 0 { self.low = 0 }
    }
  }

  /// The round number nearest above, 1, 2 or 5 times a power of ten.
  package static func niceStep(_ raw: Double) -> Double {
    guard raw > 0, raw.isFinite else { return 1 }
    var power = 1.0
    while power * 10 <= raw { power *= 10 }
    while power > raw { power /= 10 }
    let fraction = raw / power
    return (fraction <= 1.0000001 ? 1 : fraction <= 2.0000001 ? 2 : fraction <= 5.0000001 ? 5 : 10) * power
  }

  /// Multiples of the step within the range.
  package var ticks: [Double] {
    let first = (low / step - 1e-9).rounded(.up), last = (high / step + 1e-9).rounded(.down)
    guard last >= first, last - first < 1000 else { return [] }
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  /// Where a value lies: 0 at the low end, 1 at the high one.
  package func place(_ value: Double) -> Double { (value - low) / (high - low) }

  /// A tick's number with as many decimals as the step needs; powers of ten for very large and small ones.
  package func label(_ value: Double) -> String {
    let size = max(low.magnitude, high.magnitude)
    if size >= 1e6 || step < 1e-4 {
      if value.magnitude < step * 1e-6 { return "0" }
      var exponent = 0, mantissa = value
      while mantissa.magnitude >= 9.9999999 {
        mantissa /= 10
        exponent += 1
      }
      while mantissa.magnitude < 0.9999999 {
        mantissa *= 10
        exponent -= 1
      }
      let digits = Axis.fixed(mantissa, 2)
      let trimmed = digits.hasSuffix(".00") ? String(digits.dropLast(3)) : digits
      return "\(trimmed)e\(exponent)"
    }
    var decimals = 0, scaled = step
    while decimals < 6 && (scaled - scaled.rounded()).magnitude > 1e-6 * scaled {
      scaled *= 10
      decimals += 1
    }
    return Axis.fixed(value, decimals)
  }

  /// `value` with exactly `decimals` decimals.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    var unit = 1.0
    for _ in 0..<decimals { unit *= 10 }
    let rounded = (value.magnitude * unit).rounded()
    guard rounded < 1e15 else { return "\(value)" }
    let number = Int(rounded)
    let sign = value < 0 && number > 0 ? "-" : ""
    if decimals == 0 { return sign + String(number) }
    let fraction = String(number % Int(unit))
    return sign + String(number / Int(unit)) + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}
