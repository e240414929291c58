import FirefinchCore
import FirefinchTensor

/// Limited-memory BFGS: Nocedal & Wright, "Numerical optimization", chapters 3 and 7. Takes one group; every step needs a
/// closure that clears the gradients, computes the loss and runs backward. Same as `torch.optim.LBFGS`.
public final class LBFGS: Optimizer {
  /// How far to go along a direction.
  public enum LineSearch: String, Sendable {
    case none
    /// Until the strong Wolfe conditions hold.
    case strongWolfe = "strong_wolfe"
  }

  private let lineSearch: LineSearch
  private let historySize: Int
  /// What is known of the curvature: the changes of the gradient and of the parameters.
  private var history: [(y: Tensor, s: Tensor, rho: Double)] = []
  private var direction: Tensor?
  private var stepSize = 1.0
  private var previousGradient: Tensor?
  private var scale = 1.0
  private var iterations = 0

  /// - Parameters:
  ///   - maxIter, maxEval: limits for one step; `maxEval` is 5/4 of `maxIter` when nil.
  ///   - toleranceGrad, toleranceChange: where a step ends early.
  public init(
    _ parameters: [Tensor], lr: Double = 1, maxIter: Int = 20, maxEval: Int? = nil, toleranceGrad: Double = 1e-7,
    toleranceChange: Double = 1e-9, historySize: Int = 100, lineSearch: LineSearch = .none
  ) {
    OptionCheck("LBFGS").notNegative("lr", lr)
    self.lineSearch = lineSearch
    self.historySize = Swift.max(historySize, 1)
    super.init(
      [ParameterGroup(parameters)],
      defaults: [
        ("lr", .double(lr)), ("max_iter", .int(maxIter)), ("max_eval", .int(maxEval ?? maxIter * 5 / 4)),
        ("tolerance_grad", .double(toleranceGrad)), ("tolerance_change", .double(toleranceChange)),
        ("history_size", .int(historySize)),
        ("line_search_fn", lineSearch == .none ? .none : .string(lineSearch.rawValue)),
      ])
  }

  private var parameters: [Tensor] { groups[0].parameters }

  private func gradient() -> Tensor {
    Tensor.cat(parameters.map { ($0.grad ?? $0.detach().zerosLike()).detach().reshape([$0.elementCount]) })
  }

  private func move(_ amount: Double, _ along: Tensor) {
    withNoGrad {
      var start = 0
      for parameter in parameters {
        let part = along.narrow(dim: 0, start: start, length: parameter.elementCount)
        parameter.add_(part.reshape(parameter.shape), alpha: amount)
        start += parameter.elementCount
      }
    }
  }

  /// Without a closure there is no loss to search along.
  public override func step() {
    Mistake.report(.value("LBFGS: a step evaluates the loss several times; call step { loss }"))
  }

  public override func step(_ closure: () -> Tensor) -> Tensor {
    let group = groups[0]
    let (maxIter, maxEval) = (Int(group.number("max_iter")), Int(group.number("max_eval")))
    let (toleranceGrad, toleranceChange) = (group.number("tolerance_grad"), group.number("tolerance_change"))
    let first = withGrad { closure() }
    if first.isPoisoned { return first }
    var loss = first.detach().doubleValue
    var g = gradient()
    var evaluations = 1
    if g.abs().max().doubleValue <= toleranceGrad { return first }
    var count = 0
    while count < maxIter {
      count += 1
      iterations += 1
      let d = newDirection(g)
      direction = d
      previousGradient = g.clone()
      let previousLoss = loss
      stepSize = iterations == 1 ? Swift.min(1, 1 / g.abs().sum().doubleValue) * group.lr : group.lr
      let slope = g.dot(d).doubleValue
      if slope > -toleranceChange { break }
      if lineSearch == .strongWolfe {
        let start = withNoGrad { parameters.map { $0.detach().clone() } }
        func evaluate(_ t: Double) -> (loss: Double, gradient: Tensor) {
          move(t, d)
          let value = withGrad { closure() }.detach().doubleValue
          let slope = gradient()
          withNoGrad { for (parameter, old) in zip(parameters, start) { parameter.copy_(old) } }
          return (value, slope)
        }
        let found = StrongWolfe(d, loss, g, slope, toleranceChange).search(stepSize, evaluate)
        (loss, g, stepSize) = (found.loss, found.gradient, found.step)
        move(stepSize, d)
        evaluations += found.evaluations
      } else {
        move(stepSize, d)
        if count != maxIter {
          loss = withGrad { closure() }.detach().doubleValue
          g = gradient()
          evaluations += 1
        }
      }
      let isFlat = g.abs().max().doubleValue <= toleranceGrad
      if count == maxIter || evaluations >= maxEval || isFlat { break }
      if (d * stepSize).abs().max().doubleValue <= toleranceChange || Swift.abs(loss - previousLoss) < toleranceChange { break }
    }
    return first
  }

  /// The two-loop recursion: the inverse Hessian's estimate times the gradient, downhill.
  private func newDirection(_ g: Tensor) -> Tensor {
    guard iterations > 1, let d = direction, let before = previousGradient else {
      history = []
      scale = 1
      return -g
    }
    let y = g - before, s = d * stepSize
    let product = y.dot(s).doubleValue
    if product > 1e-10 {
      if history.count == historySize { history.removeFirst() }
      history.append((y, s, 1 / product))
      scale = product / y.dot(y).doubleValue
    }
    var q = -g
    var weights: [Double] = []
    for pair in history.reversed() {
      let weight = pair.s.dot(q).doubleValue * pair.rho
      weights.append(weight)
      q = q - pair.y * weight
    }
    var r = q * scale
    for (pair, weight) in zip(history, weights.reversed()) {
      let back = pair.y.dot(r).doubleValue * pair.rho
      r = r + pair.s * (weight - back)
    }
    return r
  }
}

/// A line search that ends where the strong Wolfe conditions hold: bracketing, then narrowing by cubic interpolation.
private struct StrongWolfe {
  /// A place on the line.
  struct Point {
    var t: Double, loss: Double, gradient: Tensor, slope: Double
  }
  let direction: Tensor
  let start: Point
  let toleranceChange: Double

  init(_ direction: Tensor, _ loss: Double, _ gradient: Tensor, _ slope: Double, _ toleranceChange: Double) {
    self.direction = direction
    start = Point(t: 0, loss: loss, gradient: gradient, slope: slope)
    self.toleranceChange = toleranceChange
  }

  /// The minimum of the cubic through two points with their slopes, kept within bounds.
  private func cubic(_ a: Point, _ b: Point, _ bounds: (Double, Double)? = nil) -> Double {
    let (low, high) = bounds ?? (Swift.min(a.t, b.t), Swift.max(a.t, b.t))
    let d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    let square = d1 * d1 - a.slope * b.slope
    if square < 0 || square.isNaN { return (low + high) / 2 }
    let d2 = square.squareRoot()
    let (left, right) = a.t <= b.t ? (a, b) : (b, a)
    let width = right.t - left.t
    let place = right.t - width * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2))
    return Swift.min(Swift.max(place, low), high)
  }

  func search(
    _ first: Double, _ evaluate: (Double) -> (loss: Double, gradient: Tensor)
  ) -> (loss: Double, gradient: Tensor, step: Double, evaluations: Int) {
    let (c1, c2, limit) = (1e-4, 0.9, 25)
    let size = direction.abs().max().doubleValue
    var evaluations = 0
    func at(_ t: Double) -> Point {
      evaluations += 1
      let (loss, gradient) = evaluate(t)
      return Point(t: t, loss: loss, gradient: gradient, slope: gradient.dot(direction).doubleValue)
    }
    func fallsTooLittle(_ p: Point) -> Bool { p.loss > start.loss + c1 * p.t * start.slope }
    func isFlat(_ p: Point) -> Bool { Swift.abs(p.slope) <= -c2 * start.slope }
    var before = start, point = at(first)
    var bracket: [Point] = []
    var isDone = false
    var rounds = 0
    while rounds < limit {
      if fallsTooLittle(point) || (rounds > 1 && point.loss >= before.loss) {
        bracket = [before, point]
        break
      }
      if isFlat(point) {
        bracket = [point]
        isDone = true
        break
      }
      if point.slope >= 0 {
        bracket = [before, point]
        break
      }
      let bounds = (point.t + 0.01 * (point.t - before.t), point.t * 10)
      let next = cubic(before, point, bounds)
      before = point
      point = at(next)
      rounds += 1
    }
    if bracket.isEmpty { bracket = [start, point] }
    var low = bracket[0].loss <= bracket[bracket.count - 1].loss ? 0 : 1
    var stalled = false
    while !isDone && rounds < limit {
      let (left, right) = (Swift.min(bracket[0].t, bracket[1].t), Swift.max(bracket[0].t, bracket[1].t))
      if (right - left) * size < toleranceChange { break }
      var t = cubic(bracket[0], bracket[1])
      let margin = 0.1 * (right - left)
      if Swift.min(right - t, t - left) < margin {
        if stalled || t >= right || t <= left {
          t = Swift.abs(t - right) < Swift.abs(t - left) ? right - margin : left + margin
          stalled = false
        } else {
          stalled = true
        }
      } else {
        stalled = false
      }
      let new = at(t)
      rounds += 1
      let high = 1 - low
      if fallsTooLittle(new) || new.loss >= bracket[low].loss {
        bracket[high] = new
        low = bracket[0].loss <= bracket[1].loss ? 0 : 1
      } else {
        if isFlat(new) {
          isDone = true
        } else if new.slope * (bracket[high].t - bracket[low].t) >= 0 {
          bracket[high] = bracket[low]
        }
        bracket[low] = new
      }
    }
    let best = bracket.count == 1 ? bracket[0] : bracket[low]
    return (best.loss, best.gradient, best.t, evaluations)
  }
}
