import ArgumentParser
import Firefinch

/// `firefinch inspect`.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "List what a file holds: names, shapes and dtypes of .pt, .pth, .safetensors, .npz and .npy; size of a .png.",
    discussion: "The whole file is read and its checksums are verified; damage is an error.")

  @Argument(help: "File to look into.") var file: String

  func run() throws {
    for line in try FileInspector.describe(file) { print(line) }
  }
}
