import ArgumentParser
import Firefinch

/// `firefinch info`.
struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what this machine offers: processor, instruction set, threads, libraries, GPU.")

  func run() throws {
    print("firefinch \(FirefinchVersion.current)")
    print("processor    \(SystemInfo.processor)")
    print("instructions \(SystemInfo.instructionSet)")
    print("threads      \(Parallel.threadCount)")
    for library in SystemInfo.libraries {
      let state = library.isLoaded ? "\(library.file) \(library.version)" : "not used: \(library.reason)"
      print("\(library.name.padding(to: 12)) \(state)")
    }
    print("GPU          none: \(CUDADriver.whyUnavailable)")
  }
}

extension String {
  fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(width - count, 0)) }
}
