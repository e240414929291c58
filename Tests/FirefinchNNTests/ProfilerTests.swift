import Firefinch
import FirefinchTestSupport
import Foundation
import Testing

@Suite struct ProfilerTests {
  private final class Model: Module, Layer {
    let first = Linear(4, 8)
    let second = Linear(8, 2)
    func forward(_ x: Tensor) -> Tensor { second(first(x).relu()) }
  }

  private func step(_ model: Model, _ optimizer: Optimizer) {
    optimizer.zeroGrad()
    F.mseLoss(model(Tensor.ones([3, 4])), Tensor.zeros([3, 2])).backward()
    optimizer.step()
  }

  @Test func everyKindOfWorkIsCounted() {
    let model = Model()
    let optimizer = SGD(model.parameters(), lr: 0.1)
    let profile = withProfiler { for _ in 0..<3 { step(model, optimizer) } }
    let calls = Dictionary(uniqueKeysWithValues: profile.lines().map { ($0.name, $0.calls) })
    #expect(calls["linear"] == 6 && calls["relu"] == 3 && calls["mse_loss"] == 3)
    #expect(calls["LinearBackward0"] == 6 && calls["ReluBackward0"] == 3 && calls["MseLossBackward0"] == 3)
    #expect(calls["Optimizer.step#SGD"] == 3)
    for event in profile.events {
      #expect(event.selfTime <= event.duration && event.start + event.duration <= profile.wallTime)
    }
    // Time is counted once: self times add up to the outermost events' durations.
    let total = profile.events.reduce(0) { $0 + $1.selfTime }
    #expect(total == profile.events.filter { $0.depth == 0 }.reduce(0) { $0 + $1.duration })
  }

  @Test func modulesHaveTheirForwardAndBackwardTime() {
    let model = Model()
    let profile = withProfiler { step(model, SGD(model.parameters(), lr: 0.1)) }
    let linear = profile.events.filter { $0.name == "linear" }.map(\.module)
    let backward = profile.events.filter { $0.name == "LinearBackward0" }.map(\.module)
    #expect(linear.map { $0.suffix(6) } == [".first", "second"].map { $0.suffix(6) } || linear.count == 2)
    #expect(Set(linear) == Set(backward) && linear.allSatisfy { !$0.isEmpty } && linear[0] != linear[1])
    let table = profile.moduleTable()
    #expect(table.contains("first") && table.contains("second") && table.contains("Backward"))
  }

  /// The product's backward function is made of operations, and its in-place activation has a node of its own.
  private final class Product: Module, Layer {
    let inner = Linear(4, 4)
    func forward(_ x: Tensor) -> Tensor {
      let y = inner(x).relu_()
      return y.unsqueeze(dim: 0).matmul(y.t().unsqueeze(dim: 0))
    }
  }

  private final class Outer: Module, Layer {
    let first = Product()
    func forward(_ x: Tensor) -> Tensor { first(x) }
  }

  @Test func backwardWorkBelongsToTheModulesOfItsForward() throws {
    let model = Outer()
    let profile = withProfiler {
      let y = model(Tensor.ones([3, 4]))
      recordFunction("loss") { y.sum() }.backward()
    }
    let modules = Set(profile.events.filter { $0.category == .module }.map(\.module))
    #expect(modules == ["Outer", "first", "first.inner"])
    let pass = try #require(profile.events.first { $0.name == "backward" })
    #expect(profile.events.filter { $0.start >= pass.start }.allSatisfy { $0.category == .backward })
    #expect(profile.events.filter { $0.start < pass.start }.allSatisfy { $0.category != .backward })
    let relu = try #require(profile.events.first { $0.name == "ReluBackward0" })
    #expect(relu.module == "first")
    // Operations inside a backward function belong to its module.
    let nested = profile.events.filter { $0.category == .backward && !$0.name.hasSuffix("Backward0") && $0.depth > pass.depth + 1 }
    #expect(!nested.isEmpty && nested.contains { $0.module == "first" })
    // Backward columns: a module's holds those of the modules inside.
    let columns = profile.moduleLines()
    #expect(columns.map(\.path) == ["Outer", "first", "first.inner"] && columns.allSatisfy { $0.calls == 1 })
    #expect(columns[0].backward >= columns[1].backward && columns[1].backward > columns[2].backward)
    #expect(columns[2].backward > 0 && columns[0].backward <= pass.duration)
    #expect(columns[0].forward >= columns[1].forward && columns[1].forward >= columns[2].forward)
  }

  @Test func anInputGivenBackKeepsItsModule() throws {
    let (inner, outer) = (Linear(4, 4), Identity())
    let profile = withProfiler {
      let y = inner(Tensor.ones([3, 4]))
      outer(y.contiguous()).contiguous().sum().backward()
    }
    #expect(try #require(profile.events.first { $0.name == "LinearBackward0" }).module == "Linear")
  }

  @Test func aProfilerStartedInsideAModuleKnowsIt() throws {
    final class Watched: Module, Layer {
      var profile: Profile?
      func forward(_ x: Tensor) -> Tensor {
        let (y, profile) = profiled { x * 2 }
        self.profile = profile
        return y
      }
    }
    let model = Watched()
    #expect(model(Tensor.ones([2])).array(Float.self) == [2, 2])
    #expect(try #require(model.profile).events.map(\.module) == ["Watched"])
  }

  @Test func fusedFunctionsAreNamed() {
    let twice = fuse(name: "twice") { x in x + x }
    let x = Tensor.ones([2])
    let profile = withProfiler { _ = twice.inPlace(twice(x)) }
    #expect(profile.events.map(\.name) == ["twice", "twice_"])
  }

  @Test func poisonAndThrownErrorsLeaveTheProfilerWhole() throws {
    struct Stop: Error {}
    let x = Tensor.ones([2])
    let profile = withProfiler(recordShapes: true) {
      _ = try? withErrors { ((x + Tensor.ones([3])) * 2).relu().sum() }
      _ = try? profiled { _ = x * x; throw Stop() }
      _ = x - x
    }
    #expect(profile.events.last?.name == "sub" && profile.events.last?.depth == 0)
    #expect(!profile.events.contains { $0.name == "mul" && $0.shapes == [x.shape, x.shape] })
    #expect(throws: Stop.self) { try withProfiler { throw Stop() } }
    let after = withProfiler { _ = x - x }
    #expect(after.events.map(\.name) == ["sub"])
  }

  @Test func otherThreadsAreNotRecorded() {
    let x = Tensor.ones([2])
    let profile = withProfiler {
      let thread = Thread { _ = x * x }
      thread.start()
      while !thread.isFinished { usleep(100) }
      _ = x + x
    }
    #expect(profile.events.map(\.name) == ["add"])
  }

  @Test func tablesAreSortedAndLimited() {
    let x = Tensor.ones([64, 64])
    let profile = withProfiler(recordShapes: true) {
      for _ in 0..<5 { _ = x + x }
      _ = x.matmul(x)
    }
    #expect(profile.lines(sortBy: .calls)[0].name == "add" && profile.lines(sortBy: .calls)[0].calls == 5)
    #expect(profile.lines(sortBy: .calls)[0].shapes == [x.shape, x.shape])
    #expect(profile.table(rowLimit: 1).split(separator: "\n").count == 4)
    #expect(profile.table().contains("[64, 64]"))
  }

  @Test func rangesNestAndEndWhenAnErrorIsThrown() throws {
    struct Stop: Error {}
    let profile = withProfiler {
      recordFunction("outer") {
        try? recordFunction("inner") { throw Stop() }
        _ = Tensor.ones([2]) * 2
      }
      _ = try? withErrors { _ = Tensor.ones([2]) + Tensor.ones([3]) }
    }
    let outer = try #require(profile.events.first { $0.name == "outer" })
    let inner = try #require(profile.events.first { $0.name == "inner" })
    #expect(inner.depth == 1 && outer.depth == 0 && inner.start >= outer.start && outer.selfTime < outer.duration)
    #expect(profile.events.contains { $0.name == "add" && $0.depth == 0 })
  }

  @Test func innerProfilersPauseOuterOnesAndNothingIsKeptAfterwards() {
    let x = Tensor.ones([2])
    var inner: Profile?
    let outer = withProfiler {
      _ = x + x
      inner = withProfiler { _ = x * x }
      _ = x - x
    }
    _ = x / x
    #expect(outer.events.map(\.name) == ["add", "sub"] && inner?.events.map(\.name) == ["mul"])
  }

  @Test func theChromeTraceIsReadable() throws {
    let model = Model()
    let profile = withProfiler(recordShapes: true) {
      recordFunction("a \"quoted\"\nname") { step(model, Adam(model.parameters(), lr: 0.1)) }
    }
    let path = NSTemporaryDirectory() + "firefinch-trace-\(getpid()).json"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try profile.writeChromeTrace(to: path)
    let json = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
    let events = try #require(json["traceEvents"] as? [[String: Any]])
    #expect(events.count == profile.events.count)
    for event in events {
      #expect(event["ph"] as? String == "X" && event["ts"] is Double && event["dur"] is Double && event["name"] is String)
    }
    #expect(events.contains { $0["name"] as? String == "a \"quoted\"\nname" })
    #expect(Set(events.compactMap { $0["cat"] as? String }) == ["forward", "backward", "optimizer", "module", "user"])
  }
}
