import Firefinch
import Foundation

/// A download's progress on standard error: a bar on a terminal, a line every few seconds elsewhere.
final class DownloadProgress {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var last = Date.distantPast

  /// For `Download.fetch`.
  var report: Download.Report {
    { done, total in self.update(done, total) }
  }

  private func update(_ done: Int, _ total: Int?) {
    let now = Date()
    let isDone = done == total
    if !isDone && now.timeIntervalSince(last) < (isTerminal ? 0.1 : 5) { return }
    last = now
    let facts = "\(megabytes(done))\(total.map { " of \(megabytes($0))" } ?? "") MB"
    var line = "downloading \(facts)\n"
    if isTerminal {
      let width = 32
      let filled = total.map { $0 > 0 ? done * width / $0 : width } ?? 0
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      line = "\r\(bar) \(facts)\u{1B}[K" + (isDone ? "\n" : "")
    }
    FileHandle.standardError.write(Data(line.utf8))
  }

  private func megabytes(_ bytes: Int) -> String { format(Double(bytes) / 1e6, 1) }
}
