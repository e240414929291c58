import ArgumentParser
import Firefinch
import Foundation

/// The command line. Exit codes: 0 done, 1 failed with one sentence on standard error, 2 wrong use, 130 interrupted.
@main
struct FirefinchMain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "firefinch", abstract: "Train, use and look into neural networks, without Python.",
    discussion: """
      Start with:  firefinch train fashion-mnist --out runs/first
      then:        firefinch predict --checkpoint runs/first/model.safetensors PICTURE.png
      """,
    version: "firefinch \(FirefinchVersion.current)",
    subcommands: [
      Train.self, Predict.self, Info.self, Inspect.self, Bench.self, Classify.self, Finetune.self, Models.self,
      RunModel.self,
    ])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      finish(error)
    }
  }

  /// Ends the program with the error's sentence. Wrong use exits with 2 instead of argument-parser's 64.
  private static func finish(_ error: any Error) -> Never {
    let code = exitCode(for: error)
    if code == .success {
      print(fullMessage(for: error))
      Foundation.exit(0)
    }
    if let failure = error as? CommandFailure {
      complain(failure.message)
      Foundation.exit(failure.code)
    }
    if code == .validationFailure {
      FileHandle.standardError.write(Data((fullMessage(for: error) + "\n").utf8))
      Foundation.exit(2)
    }
    if error is ExitCode { Foundation.exit(code.rawValue) }
    complain("\(error)")
    Foundation.exit(1)
  }

  static func complain(_ message: String) {
    FileHandle.standardError.write(Data("firefinch: \(message)\n".utf8))
  }
}

/// A failure with its exit code.
struct CommandFailure: Error {
  let message: String
  let code: Int32
  init(_ message: String, code: Int32 = 1) {
    self.message = message
    self.code = code
  }
}
