import Firefinch
import Glibc
import Testing

/// The allocator's counters and the memory of training loops.
@Suite struct MemoryTests {
  private func faults() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_minflt
  }

  @Test func aSteadyLoopTouchesNoFreshPages() {
    let model = Sequential(
      Conv2d(1, 16, kernelSize: 3, padding: 1), BatchNorm2d(16), ReLU(), MaxPool2d(kernelSize: 2), Flatten(),
      Linear(16 * 14 * 14, 64), ReLU(), Linear(64, 10))
    let optimizer = Adam(model.parameters(), lr: 1e-3)
    let x = Tensor.randn([64, 1, 28, 28]), y = Tensor.randint(0, 10, [64])
    func step() {
      optimizer.zeroGrad()
      F.crossEntropy(model(x), y).backward()
      optimizer.step()
    }
    for _ in 0..<8 { step() }
    let misses = CachingAllocator.shared.statistics.misses
    let before = faults()
    for _ in 0..<20 { step() }
    #expect(CachingAllocator.shared.statistics.misses == misses)
    // A step's results are thousands of pages; a few faults belong to the C library's small blocks.
    #expect(faults() - before < 200)
  }

  @Test func countersFollowBlocks() {
    let allocator = CachingAllocator.shared
    let size = 3 << 20
    let start = allocator.statistics
    var block: Tensor? = Tensor(empty: [size / 4])
    #expect(allocator.statistics.allocated >= start.allocated + size)
    #expect(allocator.statistics.allocated <= start.allocated + size + size / 8 + 4096)
    #expect(allocator.statistics.peak >= allocator.statistics.allocated)
    withExtendedLifetime(block) {}
    block = nil
    #expect(allocator.statistics.allocated == start.allocated && allocator.statistics.cached >= size)
    let hits = allocator.statistics.hits
    block = Tensor(empty: [size / 4])
    #expect(allocator.statistics.hits == hits + 1)
    block = nil
    allocator.emptyCache()
    #expect(allocator.statistics.cached == 0)
    allocator.resetPeak()
    #expect(allocator.statistics.peak == allocator.statistics.allocated)
  }
}
