import FirefinchCore
import FirefinchTensor

/// Batches of a data set, in a fixed or random order, made by worker threads. Same as `torch.utils.data.DataLoader`.
///
/// The order and the batches are the same for any number of workers. `state` and `restore` resume in the middle of a pass.
///
/// ```swift
/// let loader = DataLoader(dataset, batchSize: 128, shuffle: true, workers: 2)
/// let batches = loader.makeIterator()
/// while let batch = try batches.next() { … }
/// ```
public final class DataLoader<Batch: Sendable>: @unchecked Sendable {
  /// Where a pass stands: enough to go on with exactly the same batches.
  public struct State: Sendable, Equatable {
    /// Passes begun before this one.
    public var pass: Int
    /// Batches of this pass already handed out.
    public var batchesServed: Int
    /// The generator's state when the pass began.
    public var generatorState: [UInt8]

    public init(pass: Int, batchesServed: Int, generatorState: [UInt8]) {
      self.pass = pass
      self.batchesServed = batchesServed
      self.generatorState = generatorState
    }
  }

  private let sampler: BatchSampler
  private let fetch: @Sendable ([Int]) throws -> Batch
  private let workers: Int
  private let prefetch: Int
  private let generator: Generator
  private var current: State
  private var resumes: State?

  /// - Parameters:
  ///   - batchSampler: which samples make a batch.
  ///   - workers: threads that make batches; 0 makes them when they are asked for.
  ///   - prefetch: batches kept ready for each worker.
  ///   - generator: where orders are drawn from.
  ///   - fetch: makes a batch of sample indices; runs on worker threads.
  public init(
    batchSampler: BatchSampler, workers: Int = 0, prefetch: Int = 2, generator: Generator = .default,
    fetch: @escaping @Sendable ([Int]) throws -> Batch
  ) {
    if workers < 0 { fatalError("DataLoader: workers must not be negative, got \(workers)") }
    if prefetch < 1 { fatalError("DataLoader: prefetch must be positive, got \(prefetch)") }
    sampler = batchSampler
    self.workers = workers
    self.prefetch = prefetch
    self.generator = generator
    self.fetch = fetch
    current = State(pass: 0, batchesServed: 0, generatorState: [])
  }

  /// Batches of a data set, made by `collate` from its samples.
  public convenience init<D: Dataset>(
    _ dataset: D, batchSize: Int = 1, shuffle: Bool = false, sampler: (any Sampler)? = nil, workers: Int = 0,
    dropLast: Bool = false, prefetch: Int = 2, generator: Generator = .default,
    collate: @escaping @Sendable ([D.Element]) throws -> Batch
  ) {
    let order = sampler ?? DataLoader.order(dataset.count, shuffle)
    self.init(
      batchSampler: BatchSampler(order, batchSize: batchSize, dropLast: dropLast), workers: workers, prefetch: prefetch,
      generator: generator, fetch: { try collate(try dataset.elements(at: $0)) })
  }

  fileprivate static func order(_ count: Int, _ shuffle: Bool) -> any Sampler {
    shuffle ? RandomSampler(population: count) : SequentialSampler(count: count)
  }

  /// Number of batches in a pass.
  public var count: Int { sampler.count }

  /// Where the pass that is being read stands; before the first pass, where it will begin.
  public var state: State {
    resumes ?? (current.generatorState.isEmpty
      ? State(pass: 0, batchesServed: 0, generatorState: generator.state) : current)
  }

  /// The next `makeIterator()` goes on from here and leaves the generator as it finds it, so that whoever restores a whole
  /// run sets the generator's own state too. Throws when the state's generator bytes are not a generator's.
  public func restore(_ state: State) throws {
    try Generator().setState(state.generatorState)
    if state.batchesServed < 0 || state.batchesServed > count {
      throw TensorError.value("DataLoader: cannot go on after batch \(state.batchesServed) of \(count)")
    }
    resumes = state
  }

  /// Begins a pass, or goes on with the restored one.
  public func makeIterator() -> Iterator {
    let resumed = resumes
    resumes = nil
    let before = generator.state
    current =
      resumed
      ?? State(pass: current.generatorState.isEmpty ? 0 : current.pass + 1, batchesServed: 0, generatorState: before)
    if resumed != nil { try? generator.setState(current.generatorState) }
    // PyTorch draws the workers' base seed before the sampler draws its own.
    let base = generator.random64()
    let batches = sampler.batches(generator)
    if resumed != nil { try? generator.setState(before) }
    return Iterator(self, batches, first: current.batchesServed, base: base)
  }

  fileprivate func make(_ batch: Int, _ indices: [Int], base: UInt64) throws -> Batch {
    try LoaderRandom.with(seed: base &+ UInt64(batch)) { try fetch(indices) }
  }

  /// One pass over the batches. Also an `AsyncSequence`'s iterator, so that `for try await batch in loader` works.
  public final class Iterator: AsyncIteratorProtocol {
    private let loader: DataLoader<Batch>
    private let batches: [[Int]]
    private let base: UInt64
    private var position: Int
    private let prefetcher: Prefetcher<Batch>?

    fileprivate init(_ loader: DataLoader<Batch>, _ batches: [[Int]], first: Int, base: UInt64) {
      self.loader = loader
      self.batches = batches
      self.base = base
      position = first
      prefetcher =
        loader.workers == 0
        ? nil
        : Prefetcher(
          first: first, total: batches.count, workers: loader.workers, window: loader.workers * loader.prefetch,
          make: { try loader.make($0, batches[$0], base: base) })
    }

    deinit { prefetcher?.stop() }

    /// The next batch, or nil at the end of the pass. Throws `SampleError` with the index when a sample cannot be read;
    /// the call after that goes on with the batch behind it.
    public func next() throws -> Batch? {
      if position >= batches.count { return nil }
      let batch = position
      position += 1
      loader.current.batchesServed = position
      return try prefetcher?.take() ?? loader.make(batch, batches[batch], base: base)
    }

    public func next() async throws -> Batch? { try (next as () throws -> Batch?)() }
  }
}

extension DataLoader: AsyncSequence {
  public typealias Element = Batch
  public typealias AsyncIterator = Iterator
  public func makeAsyncIterator() -> Iterator { makeIterator() }
}

extension DataLoader where Batch == [Tensor] {
  /// Batches of the rows of tensors, gathered in one copy per tensor.
  public convenience init(
    _ dataset: TensorDataset, batchSize: Int = 1, shuffle: Bool = false, sampler: (any Sampler)? = nil,
    workers: Int = 0, dropLast: Bool = false, prefetch: Int = 2, generator: Generator = .default
  ) {
    let order = sampler ?? DataLoader.order(dataset.count, shuffle)
    self.init(
      batchSampler: BatchSampler(order, batchSize: batchSize, dropLast: dropLast), workers: workers, prefetch: prefetch,
      generator: generator, fetch: { dataset.batch(at: $0) })
  }

  /// Batches of samples that are lists of tensors, stacked position by position. Same as PyTorch's default collate.
  public convenience init<D: Dataset>(
    stacking dataset: D, batchSize: Int = 1, shuffle: Bool = false, sampler: (any Sampler)? = nil, workers: Int = 0,
    dropLast: Bool = false, prefetch: Int = 2, generator: Generator = .default
  ) where D.Element == [Tensor] {
    self.init(
      dataset, batchSize: batchSize, shuffle: shuffle, sampler: sampler, workers: workers, dropLast: dropLast,
      prefetch: prefetch, generator: generator, collate: defaultCollate)
  }
}

/// Stacks the samples' tensors position by position. Same as `torch.utils.data.default_collate` for tuples of tensors.
@Sendable public func defaultCollate(_ samples: [[Tensor]]) throws -> [Tensor] {
  guard let first = samples.first else { return [] }
  return try first.indices.map { position in
    let parts = samples.map { $0[position] }
    if let bad = parts.first(where: { $0.shape != parts[0].shape }) {
      throw TensorError.shape(
        "collate: samples of shapes \(parts[0].shape) and \(bad.shape) cannot be stacked; give a collate function")
    }
    return Tensor.stack(parts)
  }
}

/// Batches of a stream. Same as a `DataLoader` over an `IterableDataset`.
public struct StreamLoader<D: IterableDataset, Batch: Sendable>: Sendable {
  private let dataset: D
  private let batchSize: Int
  private let dropLast: Bool
  private let prefetch: Int
  private let collate: @Sendable ([D.Element]) throws -> Batch

  /// `prefetch` batches are read ahead on a thread of their own; with 0 they are read when they are asked for.
  public init(
    _ dataset: D, batchSize: Int, dropLast: Bool = false, prefetch: Int = 0,
    collate: @escaping @Sendable ([D.Element]) throws -> Batch
  ) {
    if batchSize < 1 { fatalError("StreamLoader: batchSize must be positive, got \(batchSize)") }
    self.dataset = dataset
    self.batchSize = batchSize
    self.dropLast = dropLast
    self.prefetch = prefetch
    self.collate = collate
  }

  /// Begins a pass. Each call of the returned function gives the next batch, nil at the end. An error names the sample's
  /// place in the stream.
  public func makeStream() -> () throws -> Batch? {
    let source = Source(next: dataset.makeStream())
    let read: @Sendable (Int) throws -> Batch? = { _ in
      var samples: [D.Element] = []
      while samples.count < batchSize, let sample = try source.take() { samples.append(sample) }
      return samples.isEmpty || dropLast && samples.count < batchSize ? nil : try collate(samples)
    }
    if prefetch < 1 { return { try read(0) } }
    let ahead = Ahead(Prefetcher(first: 0, total: .max, workers: 1, window: prefetch, make: read))
    return { try ahead.prefetcher.take() ?? nil }
  }

  /// The stream and how far it was read; used by one thread at a time.
  private final class Source: @unchecked Sendable {
    private let next: () throws -> D.Element?
    private var index = 0
    init(next: @escaping () throws -> D.Element?) { self.next = next }

    func take() throws -> D.Element? {
      do {
        let sample = try next()
        index += 1
        return sample
      } catch { throw SampleError(index: index, underlying: error) }
    }
  }

  /// Ends the reading thread when nobody asks any more.
  private final class Ahead {
    let prefetcher: Prefetcher<Batch?>
    init(_ prefetcher: Prefetcher<Batch?>) { self.prefetcher = prefetcher }
    deinit { prefetcher.stop() }
  }
}

/// Random numbers for transforms that run while a batch is made: the same for any number of workers.
public enum LoaderRandom {
  @TaskLocal private static var current: Generator?

  /// The generator of the batch being made; the default one outside a loader.
  public static var generator: Generator { current ?? .default }

  static func with<R>(seed: UInt64, _ body: () throws -> R) rethrows -> R {
    let own = Generator()
    own.manualSeed(seed)
    return try $current.withValue(own) { try body() }
  }
}
