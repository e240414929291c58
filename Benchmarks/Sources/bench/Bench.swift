import Firefinch
import FirefinchVision
import Foundation

/// The work that `torch_bench.py` does, in Firefinch. Prints one JSON object.
///
///     bench epoch MODEL THREADS STEPS | bench ops THREADS | bench start
@main struct Bench {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst()
    func number(_ position: Int) -> Int { arguments.dropFirst(position).first.flatMap { Int($0) } ?? 0 }
    switch arguments.first {
    case "epoch":
      Parallel.threadCount = number(2)
      try epoch(arguments.dropFirst().first ?? "cnn", steps: number(3))
    case "ops":
      Parallel.threadCount = number(1)
      report(ops())
    default: report(["sum": Double((Tensor.ones([2, 2]) + 1).sum().floatValue)])
    }
  }

  static func report(_ values: [String: Double]) {
    print("{" + values.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}")
  }

  static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let elapsed = try ContinuousClock().measure(body)
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
  }

  /// Steps of training on Fashion-MNIST, batch 128, Adam; 0 steps for a whole epoch.
  static func epoch(_ name: String, steps: Int) throws {
    let data = try FashionMNIST(train: true)
    manualSeed(0)
    let model = SmallModels.make(name)!
    let optimizer = Adam(model.parameters(), lr: 1e-3)
    let loader = try DataLoader(TensorDataset(data.images, data.labels), batchSize: 128, shuffle: true)
    var (sum, count) = (0.0, 0)
    let time = try seconds {
      let batches = loader.makeIterator()
      while steps == 0 || count < steps, let batch = try batches.next() {
        optimizer.zeroGrad()
        let loss = F.crossEntropy(model(FashionMNIST.normalise(batch[0])), batch[1])
        loss.backward()
        optimizer.step()
        sum += loss.doubleValue
        count += 1
      }
    }
    report(["seconds": time, "loss": sum / Double(count), "steps": Double(count)])
  }

  /// Nanoseconds a call, the median of rounds.
  static func ops() -> [String: Double] {
    func time(_ calls: Int, _ body: () -> Void) -> Double {
      for _ in 0..<calls { body() }
      let rounds = (0..<15).map { _ in seconds { for _ in 0..<calls { body() } } / Double(calls) * 1e9 }
      return rounds.sorted()[7]
    }
    manualSeed(0)
    let (a, b) = (Tensor.randn([1]), Tensor.randn([1]))
    let (c, d) = (Tensor.randn([1000]), Tensor.randn([1000]))
    let g = Tensor.randn([1]).requiresGrad_()
    let (x, w) = (Tensor.randn([128, 784]), Tensor.randn([128, 784]).requiresGrad_())
    let m = Tensor.randn([64, 64])
    var result: [String: Double] = [:]
    result["add 1"] = time(20000) { _ = withExtendedLifetime(a + b) { 0 } }
    result["add 1000"] = time(10000) { _ = withExtendedLifetime(c + d) { 0 } }
    result["add 1, recorded"] = time(20000) { _ = withExtendedLifetime(g + b) { 0 } }
    result["mul number, recorded"] = time(20000) { _ = withExtendedLifetime(g * 2) { 0 } }
    result["select"] = time(20000) { _ = withExtendedLifetime(m.select(dim: 0, 3)) { 0 } }
    result["sum 1000"] = time(10000) { _ = withExtendedLifetime(c.sum()) { 0 } }
    result["matmul 64"] = time(2000) { _ = withExtendedLifetime(m.matmul(m)) { 0 } }
    result["chain of 10, there and back"] = time(500) {
      var y = g
      for _ in 0..<10 { y = y * 1.01 }
      y.backward()
    }
    result["linear 128x784x128, there and back"] = time(50) {
      w.grad = nil
      x.linear(w).sum().backward()
    }
    return result
  }
}
