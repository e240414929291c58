import Foundation
import Testing

/// The built `firefinch`, run as a user would.
struct Command {
  var code: Int32
  var output: String
  var errors: String

  /// The executable beside the tests.
  static var path: String {
    get throws {
      // Tests run as …/release/NAME.xctest, the products are in the same folder.
      let folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
      let path = folder.appending(path: "firefinch").path
      try #require(FileManager.default.isExecutableFile(atPath: path), "build the product firefinch first: \(path)")
      return path
    }
  }

  /// Starts it; `shell` goes before the command, such as `ulimit`.
  static func start(_ arguments: [String], environment: [String: String] = [:], shell: String? = nil) throws -> Running
  {
    let process = Process()
    if let shell {
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = ["-c", shell + "; exec \"$0\" \"$@\"", try path] + arguments
    } else {
      process.executableURL = URL(fileURLWithPath: try path)
      process.arguments = arguments
    }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    return try Running(process)
  }

  static func run(_ arguments: String..., environment: [String: String] = [:], shell: String? = nil) throws -> Command {
    try start(arguments, environment: environment, shell: shell).finish()
  }

  /// A process whose output goes to files, so that no pipe can fill up.
  final class Running {
    let process: Process
    private let folder = Folder()

    init(_ process: Process) throws {
      self.process = process
      process.standardOutput = try FileHandle(forWritingTo: try folder.file("out"))
      process.standardError = try FileHandle(forWritingTo: try folder.file("err"))
      try process.run()
    }

    func finish() throws -> Command {
      process.waitUntilExit()
      func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: folder / name)), as: UTF8.self)
      }
      let signal = process.terminationReason == .uncaughtSignal
      return Command(
        code: signal ? -process.terminationStatus : process.terminationStatus, output: try text("out"),
        errors: try text("err"))
    }

    func kill(_ signal: Int32) { Foundation.kill(process.processIdentifier, signal) }
  }
}

/// A folder that is removed with the object.
final class Folder {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appending(path: "firefinch-\(UUID().uuidString)").path
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  static func / (folder: Folder, name: String) -> String { folder.path + "/" + name }

  /// Makes an empty file.
  func file(_ name: String) throws -> URL {
    let url = URL(fileURLWithPath: self / name)
    try Data().write(to: url)
    return url
  }

  func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: self / name)) }
  func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: self / name))) }
  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: self / name) }
}
