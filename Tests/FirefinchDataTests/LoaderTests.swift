import Firefinch
import FirefinchTestSupport
import Foundation
import Synchronization
import Testing

/// Whole numbers as a data set; some can be unreadable.
private struct Numbers: Dataset {
  let count: Int
  var broken: Set<Int> = []
  var delay = false
  struct Broken: Error, CustomStringConvertible { let description = "the disk is on fire" }

  func element(at index: Int) throws -> Int {
    if broken.contains(index) { throw Broken() }
    // Uneven times, so that workers finish out of order.
    if delay { usleep(UInt32((index * 7919) % 13) * 100) }
    return index
  }
}

private struct Stream: IterableDataset {
  let count: Int
  var breaksAt = -1
  func makeStream() -> () throws -> Int? {
    var next = 0
    return {
      if next == breaksAt { throw Numbers.Broken() }
      next += 1
      return next <= count ? next - 1 : nil
    }
  }
}

private func read<Batch>(_ loader: DataLoader<Batch>) throws -> [Batch] {
  let batches = loader.makeIterator()
  var result: [Batch] = []
  while let batch = try batches.next() { result.append(batch) }
  return result
}

/// Orders come from the default generator, which the tests share.
@Suite(.serialized) struct LoaderTests {
  @Test(arguments: [0, 1, 3]) func ordersEqualPyTorch(workers: Int) throws {
    let golden = try Golden.load("loader.json")
    func expect(_ name: String, _ loader: DataLoader<[Int]>) throws {
      for (number, pass) in golden[name].list.enumerated() {
        #expect(try read(loader) == pass.list.map(\.ints), "\(name), pass \(number)")
      }
    }
    func loader(_ size: Int, _ sampler: any Sampler, dropLast: Bool = false, _ own: Generator = .default) -> DataLoader<[Int]> {
      DataLoader(
        Numbers(count: 10), batchSize: size, sampler: sampler, workers: workers, dropLast: dropLast, generator: own,
        collate: { $0 })
    }
    let rows = RandomSampler(population: 10)
    manualSeed(0)
    try expect("shuffled", loader(3, rows))
    manualSeed(0)
    try expect("dropLast", loader(4, rows, dropLast: true))
    try expect("sequential", loader(4, SequentialSampler(count: 10)))
    manualSeed(1)
    try expect("own generator", loader(10, rows, Generator(seed: 7)))
    manualSeed(2)
    try expect("subset", loader(2, SubsetRandomSampler(indices: [1, 3, 5, 7, 9])))
    let weights = [0.1, 2, 0.3, 4, 0.5, 1, 1, 1, 1, 5]
    for replacement in [true, false] {
      manualSeed(3)
      try expect(
        "weighted \(replacement)",
        loader(6, WeightedRandomSampler(weights: weights, samples: 6, replacement: replacement)))
    }
    manualSeed(4)
    try expect("replacement", loader(70, RandomSampler(population: 10, replacement: true, samples: 70)))
    manualSeed(5)
    try expect("more than there are", loader(25, RandomSampler(population: 10, samples: 25)))
  }

  @Test func theGeneratorGoesOnAsInPyTorch() throws {
    let golden = try Golden.load("loader.json")
    manualSeed(8)
    let rows = try TensorDataset(Tensor.arange(60000))
    let head = try DataLoader(rows, batchSize: 128, shuffle: true).makeIterator().next()!
    #expect(head[0].array(Int.self) == golden["large head"].ints)
    let after = Tensor.rand([3], dtype: .float64).array(Double.self)
    #expect(Compare.difference(after, golden["after"].doubles, rtol: 1e-15, atol: 0) == nil)
  }

  @Test func splitsEqualPyTorch() throws {
    let golden = try Golden.load("loader.json")
    manualSeed(6)
    #expect(try randomSplit(Numbers(count: 10), lengths: [7, 3]).map(\.indices) == golden["split"].list.map(\.ints))
    manualSeed(6)
    let parts = try randomSplit(Numbers(count: 10), fractions: [0.55, 0.27, 0.18])
    #expect(parts.map(\.indices) == golden["fractions"].list.map(\.ints))
    #expect(throws: TensorError.self) { try randomSplit(Numbers(count: 10), lengths: [7, 4]) }
    #expect(throws: TensorError.self) { try randomSplit(Numbers(count: 10), fractions: [0.7, 0.4]) }
    #expect(throws: TensorError.self) { try Subset(Numbers(count: 10), indices: [3, 10]) }
  }

  @Test func anyNumberOfWorkersGivesTheSameBatches() throws {
    func batches(_ workers: Int) throws -> [[Double]] {
      manualSeed(11)
      let augmented = Numbers(count: 101, delay: true).map { Double($0) + LoaderRandom.generator.normal() }
      return try read(DataLoader(augmented, batchSize: 7, shuffle: true, workers: workers, collate: { $0 }))
    }
    let want = try batches(0)
    #expect(want.joined().count == 101)
    for workers in [1, 2, 5] { #expect(try batches(workers) == want, "\(workers) workers") }
  }

  @Test(arguments: [0, 2]) func aPassResumesInTheMiddle(workers: Int) throws {
    func make() -> DataLoader<[Int]> {
      DataLoader(Numbers(count: 50), batchSize: 4, shuffle: true, workers: workers, collate: { $0 })
    }
    manualSeed(21)
    let whole = make()
    var want: [[Int]] = []
    for _ in 0..<3 { want += try read(whole) }
    let after = Tensor.rand([2])

    manualSeed(21)
    let first = make()
    var got = try read(first)
    let batches = first.makeIterator()
    for _ in 0..<5 { got.append(try batches.next()!) }
    let state = first.state, generator = Generator.default.state
    #expect(state.pass == 1 && state.batchesServed == 5)

    // As in another process: a new loader, another stand of the generator.
    manualSeed(99)
    let second = make()
    try second.restore(state)
    try Generator.default.setState(generator)
    got += try read(second)
    got += try read(second)
    #expect(got == want)
    #expect(Tensor.rand([2]).array(Float.self) == after.array(Float.self))
    #expect(throws: (any Error).self) { try second.restore(.init(pass: 0, batchesServed: 0, generatorState: [1, 2])) }
    #expect(throws: (any Error).self) {
      try second.restore(.init(pass: 0, batchesServed: 14, generatorState: Generator().state))
    }
  }

  @Test(arguments: [0, 2]) func errorsNameTheSample(workers: Int) throws {
    let loader = DataLoader(Numbers(count: 20, broken: [9]), batchSize: 4, workers: workers, collate: { $0 })
    let batches = loader.makeIterator()
    #expect(try batches.next() == [0, 1, 2, 3])
    #expect(try batches.next() == [4, 5, 6, 7])
    let error = #expect(throws: SampleError.self) { try batches.next() }
    #expect(error?.index == 9)
    #expect(error?.description == "data set: sample 9 could not be read: the disk is on fire")
    // The loop may go on behind the bad batch.
    #expect(try batches.next() == [12, 13, 14, 15])
    #expect(try batches.next() == [16, 17, 18, 19])
    #expect(try batches.next() == nil)
  }

  @Test func prefetchIsBoundedAndStopsWithTheIterator() throws {
    final class Counter: Sendable { let made = Atomic<Int>(0) }
    let counter = Counter()
    let counted = Numbers(count: 1000).map { index in
      counter.made.add(1, ordering: .relaxed)
      return index
    }
    let loader = DataLoader(counted, batchSize: 1, workers: 2, prefetch: 3, collate: { $0 })
    var batches: DataLoader<[Int]>.Iterator? = loader.makeIterator()
    #expect(try batches!.next() == [0])
    usleep(50_000)
    let made = counter.made.load(ordering: .relaxed)
    #expect(made >= 2 && made <= 1 + 2 * 3 + 1, "\(made) samples were made")
    batches = nil
    let stopped = counter.made.load(ordering: .relaxed)
    usleep(20_000)
    #expect(counter.made.load(ordering: .relaxed) == stopped)
  }

  @Test func tensorsAreGatheredAndStacked() throws {
    let x = Tensor.arange(12).reshape(4, 3), y = Tensor.arange(4)
    let rows = try TensorDataset(x, y)
    let batch = try DataLoader(rows, batchSize: 3).makeIterator().next()!
    #expect(batch[0].shape == [3, 3] && batch[1].array(Int.self) == [0, 1, 2])
    let stacked = try DataLoader(stacking: rows, batchSize: 3).makeIterator().next()!
    #expect(stacked[0].array(Int.self) == batch[0].array(Int.self) && stacked[1].shape == [3])
    #expect(throws: TensorError.self) { try TensorDataset(x, Tensor.arange(3)) }
    #expect(throws: TensorError.self) { try defaultCollate([[Tensor.ones([2])], [Tensor.ones([3])]]) }
    let both = ConcatDataset([Numbers(count: 2), Numbers(count: 0), Numbers(count: 3)])
    #expect(try (0..<both.count).map(both.element) == [0, 1, 0, 1, 2])
  }

  @Test(arguments: [0, 3]) func streams(prefetch: Int) throws {
    let loader = StreamLoader(Stream(count: 10), batchSize: 4, prefetch: prefetch, collate: { $0 })
    let next = loader.makeStream()
    #expect(try [next(), next(), next(), next()] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], nil])
    let whole = StreamLoader(Stream(count: 10), batchSize: 4, dropLast: true, prefetch: prefetch, collate: { $0 }).makeStream()
    #expect(try [whole(), whole(), whole()] == [[0, 1, 2, 3], [4, 5, 6, 7], nil])
    let bad = StreamLoader(Stream(count: 10, breaksAt: 5), batchSize: 4, prefetch: prefetch, collate: { $0 }).makeStream()
    #expect(try bad() == [0, 1, 2, 3])
    #expect(throws: SampleError.self) { try bad() }
  }

  @Test func asyncLoops() async throws {
    var count = 0
    for try await batch in DataLoader(Numbers(count: 10), batchSize: 3, workers: 1, collate: { $0 }) { count += batch.count }
    #expect(count == 10)
  }
}
