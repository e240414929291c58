import FirefinchCore

/// The order in which a data set is visited. Same as `torch.utils.data.Sampler`.
public protocol Sampler: Sendable {
  /// Number of indices in a pass.
  var count: Int { get }
  /// The indices of one pass. Random samplers draw from `generator`, so that the same state gives the same pass.
  func indices(_ generator: Generator) -> [Int]
}

/// 0, 1, 2, … Same as `SequentialSampler`.
public struct SequentialSampler: Sampler {
  public let count: Int
  public init(count: Int) { self.count = count }
  public func indices(_ generator: Generator) -> [Int] { Array(0..<count) }
}

/// A random order, or draws with replacement. Same as `RandomSampler`, with its stream: the loader's own generator permutes;
/// from the default generator only a seed is drawn, for a fresh one that permutes.
public struct RandomSampler: Sampler {
  public let count: Int
  private let population: Int
  private let replacement: Bool

  /// `samples` draws (the population's size when nil) of `0..<population`.
  public init(population: Int, replacement: Bool = false, samples: Int? = nil) {
    self.population = population
    self.replacement = replacement
    count = samples ?? population
  }

  public func indices(_ generator: Generator) -> [Int] {
    let isShared = generator === Generator.default
    let own = isShared ? Generator(seed: generator.random64() & 0x7fff_ffff_ffff_ffff) : generator
    if population == 0 { return [] }
    if replacement {
      // PyTorch draws 32 at a time.
      return (0..<count).map { _ in Int(own.random()) % population }
    }
    var result: [Int] = []
    while result.count + population <= count { result += own.permutation(population) }
    // PyTorch draws this last order even when it takes none of it.
    result += own.permutation(population).prefix(count - result.count)
    return result
  }
}

/// A random order of given indices. Same as `SubsetRandomSampler`.
public struct SubsetRandomSampler: Sampler {
  private let subset: [Int]
  public init(indices: [Int]) { subset = indices }
  public var count: Int { subset.count }
  public func indices(_ generator: Generator) -> [Int] { generator.permutation(subset.count).map { subset[$0] } }
}

/// Draws with given weights. Same as `WeightedRandomSampler`.
public struct WeightedRandomSampler: Sampler {
  private let weights: [Double]
  private let replacement: Bool
  public let count: Int

  /// `samples` draws; without replacement at most as many as there are weights above 0.
  public init(weights: [Double], samples: Int, replacement: Bool = true) {
    self.weights = weights
    self.replacement = replacement
    count = samples
  }

  public func indices(_ generator: Generator) -> [Int] { generator.multinomial(weights, samples: count, replacement: replacement) }
}

/// Groups of indices. Same as `BatchSampler`.
public struct BatchSampler: Sendable {
  public let sampler: any Sampler
  public let batchSize: Int
  public let dropLast: Bool

  public init(_ sampler: any Sampler, batchSize: Int, dropLast: Bool = false) {
    if batchSize < 1 { fatalError("BatchSampler: batchSize must be positive, got \(batchSize)") }
    self.sampler = sampler
    self.batchSize = batchSize
    self.dropLast = dropLast
  }

  /// Number of batches in a pass.
  public var count: Int { dropLast ? sampler.count / batchSize : (sampler.count + batchSize - 1) / batchSize }

  /// The batches of one pass.
  public func batches(_ generator: Generator) -> [[Int]] {
    let indices = sampler.indices(generator)
    return (0..<count).map { Array(indices[$0 * batchSize..<min(($0 + 1) * batchSize, indices.count)]) }
  }
}
