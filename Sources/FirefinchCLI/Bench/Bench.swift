import ArgumentParser
import Firefinch
import Foundation

/// `firefinch bench`.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time whole training steps, inference and single functions.",
    discussion: "Names: overhead, \(BenchWork.names.joined(separator: ", ")), where MODEL is one of 'firefinch models'."
  )

  @Argument(help: "What to run.") var name: String
  @Option(help: "Threads.") var threads = 1
  @Option(help: "Runs whose times are taken, after four that warm up.") var iterations = 20
  @Option(help: "Batch size, where the work has one.") var batch: Int?
  @Option(help: "Folder of JPEG pictures for the names that begin with pictures.") var pictures: String?
  @Flag(help: "Print one JSON object.") var json = false
  @Option(help: "Profile one more run: print its tables and write a Chrome trace to this file.") var profile: String?

  func validate() throws {
    if threads < 1 { throw ValidationError("--threads must be at least 1, got \(threads)") }
    if iterations < 1 { throw ValidationError("--iterations must be at least 1, got \(iterations)") }
    if profile != nil && name == "overhead" {
      throw ValidationError(
        "--profile: overhead times single calls, which a profiler would outweigh; choose another name")
    }
    if let batch, batch < 1 { throw ValidationError("--batch must be at least 1, got \(batch)") }
  }

  func run() throws {
    Parallel.threadCount = threads
    var result: [(key: String, value: Double)]
    if name == "overhead" {
      result = overhead()
    } else if let work = try BenchWork.make(name, batch: batch, pictures: pictures) {
      result = work.trains ? try measure(work) : try withNoGrad { try measure(work) }
    } else {
      throw ValidationError(
        "bench: unknown name '\(name)'; known are overhead, \(BenchWork.names.joined(separator: ", "))")
    }
    result.append(("peak_rss_mb", (Double(SystemInfo.peakMemory) / 1_048_576).rounded(digits: 1)))
    if json {
      print("{\"name\": \"\(name)\", " + result.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}")
    } else {
      print(name)
      for (key, value) in result { print("  \(key)  \(value)") }
    }
  }

  private func measure(_ work: BenchWork) throws -> [(key: String, value: Double)] {
    func timed(_ body: () throws -> Void) rethrows -> Double {
      let elapsed = try ContinuousClock().measure(body)
      return Double(elapsed.components.seconds) * 1e3 + Double(elapsed.components.attoseconds) * 1e-15
    }
    var check = 0.0
    let first = try timed { check = try work.step().detach().to(.float64).abs().mean().doubleValue }
    for _ in 0..<3 { _ = try work.step() }
    let times = try (0..<iterations).map { _ in try timed { _ = try work.step() } }.sorted()
    if let profile {
      // The first profiled run pays for what the profiler itself does for the first time.
      _ = try withProfiler { _ = try work.step() }
      let recorded = try withProfiler { _ = try work.step() }
      try recorded.report(trace: profile)
    }
    let middle = (times[(times.count - 1) / 2] + times[times.count / 2]) / 2
    return [
      ("first_ms", first.rounded(digits: 3)), ("check", check), ("median_ms", middle.rounded(digits: 4)),
      ("min_ms", times[0].rounded(digits: 4)),
    ]
  }

  /// Nanoseconds of adding two tensors of one element, the best of seven rounds.
  private func overhead() -> [(key: String, value: Double)] {
    func nanoseconds(_ a: Tensor, _ b: Tensor) -> Double {
      let count = 100_000
      return (0..<7).map { _ in
        let elapsed = ContinuousClock().measure { for _ in 0..<count { withExtendedLifetime(a + b) {} } }
        return (Double(elapsed.components.seconds) * 1e9 + Double(elapsed.components.attoseconds) * 1e-9)
          / Double(count)
      }.min()!
    }
    let (x, y) = (Tensor.ones([1]), Tensor.ones([1]))
    let g = Tensor.ones([1]).requiresGrad_()
    return [("ns_no_grad", nanoseconds(x, y).rounded(digits: 1)), ("ns_grad", nanoseconds(g, y).rounded(digits: 1))]
  }
}

extension Profile {
  /// Prints the tables to standard error and writes the trace file.
  func report(trace path: String) throws {
    FileHandle.standardError.write(Data("\(table(rowLimit: 25))\n\n\(moduleTable(rowLimit: 60))\n".utf8))
    try writeChromeTrace(to: path)
  }
}

extension Double {
  fileprivate func rounded(digits: Int) -> Double {
    let scale = pow(10, Double(digits))
    return (self * scale).rounded() / scale
  }
}
