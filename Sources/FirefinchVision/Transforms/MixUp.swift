import Firefinch

/// A batch with labels as probabilities of the classes.
public struct MixedBatch {
  /// (N, C, H, W).
  public var images: Tensor
  /// (N, numClasses), float32.
  public var labels: Tensor
}

/// Labels (N) of classes, or probabilities (N, numClasses), mixed with those of the batch moved on by one.
private func mixedLabels(_ labels: Tensor, _ numClasses: Int, _ lambda: Double) -> Tensor {
  let dense = labels.rank == 1 ? labels.oneHot(numClasses).to(.float32) : labels.to(.float32)
  return dense.roll(1, dim: 0).mul_(1 - lambda).add_(dense * lambda)
}

private func checkBatch(_ images: Tensor, _ labels: Tensor, _ numClasses: Int, _ name: String) -> MixedBatch? {
  let fits = images.rank == 4 && (1...2).contains(labels.rank) && labels.size(0) == images.size(0)
  if fits && (labels.rank == 1 || labels.size(1) == numClasses) { return nil }
  let poison = Mistake.report(
    .shape(
      "\(name): expected pictures (N, C, H, W) and labels (N) or (N, \(numClasses)), got \(images.shape) and \(labels.shape)"
    ))
  return MixedBatch(images: poison, labels: poison)
}

/// Every picture of a batch mixed with its neighbour (Zhang et al. 2017). Same as `v2.MixUp`.
public struct MixUp: Sendable {
  public let alpha: Double
  public let numClasses: Int
  public init(alpha: Double = 1, numClasses: Int) {
    if alpha <= 0 || numClasses < 1 {
      fatalError("MixUp: alpha and numClasses must be positive, got \(alpha) and \(numClasses)")
    }
    (self.alpha, self.numClasses) = (alpha, numClasses)
  }

  /// Floating-point pictures (N, C, H, W), labels (N) of classes or (N, numClasses) of probabilities.
  public func callAsFunction(_ images: Tensor, _ labels: Tensor) -> MixedBatch {
    if let problem = checkBatch(images, labels, numClasses, "MixUp") { return problem }
    return withNoGrad {
      let lambda = Chance.dirichlet([alpha, alpha])[0]
      let mixed = images.roll(1, dim: 0).mul_(1 - lambda).add_(images * lambda)
      return MixedBatch(images: mixed, labels: mixedLabels(labels, numClasses, lambda))
    }
  }
}

/// A rectangle of every picture of a batch replaced by its neighbour's (Yun et al. 2019). Same as `v2.CutMix`.
public struct CutMix: Sendable {
  public let alpha: Double
  public let numClasses: Int
  public init(alpha: Double = 1, numClasses: Int) {
    if alpha <= 0 || numClasses < 1 {
      fatalError("CutMix: alpha and numClasses must be positive, got \(alpha) and \(numClasses)")
    }
    (self.alpha, self.numClasses) = (alpha, numClasses)
  }

  /// Pictures (N, C, H, W), labels (N) of classes or (N, numClasses) of probabilities.
  public func callAsFunction(_ images: Tensor, _ labels: Tensor) -> MixedBatch {
    if let problem = checkBatch(images, labels, numClasses, "CutMix") { return problem }
    return withNoGrad {
      let lambda = Chance.dirichlet([alpha, alpha])[0]
      let (height, width) = (images.size(2), images.size(3))
      let (x, y) = (Chance.integer(0, width), Chance.integer(0, height))
      let half = 0.5 * (1 - lambda).squareRoot()
      let (across, down) = (Int(half * Double(width)), Int(half * Double(height)))
      let (left, right) = (max(x - across, 0), min(x + across, width))
      let (top, bottom) = (max(y - down, 0), min(y + down, height))
      func part(_ t: Tensor) -> Tensor {
        t.slice(dim: 2, start: top, end: bottom).slice(dim: 3, start: left, end: right)
      }
      let result = images.clone()
      part(result).copy_(part(images.roll(1, dim: 0)))
      let kept = 1 - Double((right - left) * (bottom - top)) / Double(width * height)
      return MixedBatch(images: result, labels: mixedLabels(labels, numClasses, kept))
    }
  }
}
