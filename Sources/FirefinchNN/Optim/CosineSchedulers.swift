import FirefinchCore
import FirefinchTensor
import Glibc

/// Half a cosine from the base rates to `etaMin` in `tMax` steps, and back. Same as `CosineAnnealingLR`.
public final class CosineAnnealingLR: LRScheduler {
  private var tMax: Int
  private var etaMin: Double

  public init(_ optimizer: Optimizer, tMax: Int, etaMin: Double = 0) {
    if tMax < 1 { Mistake.report(.value("CosineAnnealingLR: tMax must be positive, got \(tMax)")) }
    self.tMax = max(tMax, 1)
    self.etaMin = etaMin
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] {
    if isInitial { return rates }
    let (epoch, period) = (Double(lastEpoch), Double(tMax))
    if stepCount == 1 && lastEpoch > 0 {
      return baseLRs.map { etaMin + ($0 - etaMin) * (1 + cos(epoch * .pi / period)) / 2 }
    }
    if (lastEpoch - 1 - tMax) % (2 * tMax) == 0 {
      return zip(baseLRs, rates).map { $1 + ($0 - etaMin) * (1 - cos(.pi / period)) / 2 }
    }
    let ratio = (1 + cos(.pi * epoch / period)) / (1 + cos(.pi * (epoch - 1) / period))
    return rates.map { ratio * ($0 - etaMin) + etaMin }
  }
  public override func ratesAtEpoch() -> [Double]? {
    baseLRs.map { etaMin + ($0 - etaMin) * (1 + cos(.pi * Double(lastEpoch) / Double(tMax))) / 2 }
  }
  public override var ownState: [(String, StateValue)] { [("T_max", .int(tMax)), ("eta_min", .double(etaMin))] }
  public override func restore(_ key: String, _ value: StateValue) throws {
    if key == "T_max" { tMax = max(try integer(value, key), 1) }
    if key == "eta_min" { etaMin = try number(value, key) }
  }
}

/// Half cosines that start again after `t0` steps, each `tMult` times as long as the one before.
/// Same as `CosineAnnealingWarmRestarts`.
public final class CosineAnnealingWarmRestarts: LRScheduler {
  private var t0: Int
  private var period: Int
  private var tMult: Int
  private var etaMin: Double
  /// May have a fraction after `step(epoch:)`.
  private var position: Double = -1

  public init(_ optimizer: Optimizer, t0: Int, tMult: Int = 1, etaMin: Double = 0) {
    if t0 < 1 || tMult < 1 {
      Mistake.report(.value("CosineAnnealingWarmRestarts: t0 and tMult must be positive, got \(t0) and \(tMult)"))
    }
    self.t0 = max(t0, 1)
    self.tMult = max(tMult, 1)
    self.etaMin = etaMin
    period = self.t0
    super.init(optimizer)
  }

  public override func nextRates() -> [Double] {
    baseLRs.map { etaMin + ($0 - etaMin) * (1 + cos(.pi * position / Double(period))) / 2 }
  }

  public override func step() {
    if lastEpoch < 0 {
      step(epoch: 0)
      return
    }
    lastEpoch += 1
    position += 1
    if position >= Double(period) {
      position = position.truncatingRemainder(dividingBy: Double(period))
      period *= tMult
    }
    set(nextRates())
  }

  public override func step(to epoch: Int) { step(epoch: Double(epoch)) }

  /// Sets the rates for a point in time with a fraction, such as epoch + batch / batches.
  public func step(epoch: Double) {
    if !(epoch >= 0) {
      Mistake.report(.value("CosineAnnealingWarmRestarts: the epoch must not be negative, got \(epoch)"))
      return
    }
    if epoch >= Double(t0) {
      if tMult == 1 {
        position = epoch.truncatingRemainder(dividingBy: Double(t0))
      } else {
        let multiple = Double(tMult)
        let n = (log(epoch / Double(t0) * (multiple - 1) + 1) / log(multiple)).rounded(.down)
        position = epoch - Double(t0) * (power(multiple, n) - 1) / (multiple - 1)
        period = t0 * Int(power(multiple, n))
      }
    } else {
      period = t0
      position = epoch
    }
    lastEpoch = Int(epoch.rounded(.down))
    set(nextRates())
  }

  public override var ownState: [(String, StateValue)] {
    let now: StateValue = position == position.rounded() ? .int(Int(position)) : .double(position)
    return [
      ("T_0", .int(t0)), ("T_i", .int(period)), ("T_mult", .int(tMult)), ("eta_min", .double(etaMin)), ("T_cur", now),
    ]
  }
  public override func restore(_ key: String, _ value: StateValue) throws {
    switch key {
    case "T_0": t0 = max(try integer(value, key), 1)
    case "T_i": period = max(try integer(value, key), 1)
    case "T_mult": tMult = max(try integer(value, key), 1)
    case "eta_min": etaMin = try number(value, key)
    case "T_cur": position = try number(value, key)
    default: break
    }
  }
}
