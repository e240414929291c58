import Foundation

/// Live progress: one line that is rewritten on a terminal, a plain line every few seconds elsewhere.
final class Progress {
  private let quiet: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var label = ""
  private var total = 1
  private var firstStep = 0
  private var firstPictures = 0
  private var start = Date()
  private var last = Date.distantPast

  init(quiet: Bool) { self.quiet = quiet }

  /// A line of its own.
  func note(_ text: String) {
    if quiet { return }
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }

  func begin(epoch: Int, of epochs: Int, done: Int, total: Int, pictures: Int) {
    label = "epoch \(epoch)/\(epochs)"
    self.total = max(total, 1)
    firstStep = done
    firstPictures = pictures
    start = Date()
    last = Date()
  }

  func update(step: Int, loss: Double, accuracy: Double, pictures: Int) {
    if quiet { return }
    let now = Date()
    if now.timeIntervalSince(last) < (isTerminal ? 0.1 : 5) && step < total { return }
    if !isTerminal && step >= total { return }
    last = now
    let elapsed = max(now.timeIntervalSince(start), 1e-6)
    let speed = Double(pictures - firstPictures) / elapsed
    let perStep = elapsed / Double(max(step - firstStep, 1))
    let left = Int(perStep * Double(total - step))
    let facts = "loss \(format(loss)) acc \(format(accuracy * 100, 1)) % \(format(speed, 0)) pictures/s \(left) s left"
    if isTerminal {
      let width = 24
      let filled = min(step * width / total, width)
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      FileHandle.standardError.write(Data("\r\(label) \(bar) \(step)/\(total) \(facts)\u{1B}[K".utf8))
    } else {
      FileHandle.standardError.write(Data("\(label) step \(step)/\(total) \(facts)\n".utf8))
    }
  }

  /// Leaves the rewritten line.
  func end() {
    if quiet || !isTerminal { return }
    FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
  }
}
