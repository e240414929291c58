import Firefinch
import Foundation

/// What a run leaves behind for people: metrics.jsonl, curves.png, predictions.png and TensorBoard events.
final class RunReport {
  /// One line of metrics.jsonl.
  struct Epoch {
    var epoch: Int
    var trainLoss: Double
    var testLoss: Double
    var testAccuracy: Double
    var trainAccuracy: Double
    var seconds: Double

    var json: String {
      "{\"epoch\": \(epoch), \"train_loss\": \(Epoch.number(trainLoss)), \"test_loss\": \(Epoch.number(testLoss)), "
        + "\"test_accuracy\": \(testAccuracy), \"seconds\": \((seconds * 1000).rounded() / 1000)}\n"
    }

    /// JSON has no NaN or infinity.
    private static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
  }

  private let folder: String
  private var epochs: [Epoch] = []
  private var events: EventWriter?

  init(folder: String) { self.folder = folder }

  private var metricsPath: String { folder + "/metrics.jsonl" }

  /// Begins an empty record.
  func start() throws {
    epochs = []
    try writeMetrics()
  }

  /// Opens the event file.
  func open() throws { events = try EventWriter(logDir: folder) }

  /// A number for TensorBoard. A full disk must not stop a run whose checkpoints still fit, so failures only end the events.
  func scalar(_ tag: String, _ value: Double, step: Int) {
    do { try events?.addScalar(tag, value, step: step) } catch {
      FirefinchMain.complain("\(error); TensorBoard events end here")
      events = nil
    }
  }

  func add(_ entry: Epoch, step: Int) throws {
    epochs.append(entry)
    try writeMetrics()
    scalar("test/loss", entry.testLoss, step: step)
    scalar("test/accuracy", entry.testAccuracy, step: step)
    try writeCurves()
  }

  private func writeMetrics() throws {
    try AtomicFile.write(metricsPath, bytes: Array(epochs.map(\.json).joined().utf8))
  }

  private func writeCurves() throws {
    let x = epochs.map { Double($0.epoch) }
    let canvas = LinePlot.panels([
      LinePlot(
        title: "Loss", xLabel: "epoch", yLabel: "cross-entropy",
        series: [
          .init(name: "train", x: x, y: epochs.map(\.trainLoss)), .init(name: "test", x: x, y: epochs.map(\.testLoss)),
        ]),
      LinePlot(
        title: "Accuracy", xLabel: "epoch", yLabel: "%",
        series: [
          .init(name: "train", x: x, y: epochs.map { $0.trainAccuracy * 100 }),
          .init(name: "test", x: x, y: epochs.map { $0.testAccuracy * 100 }),
        ]),
    ])
    try canvas.writePNG(to: folder + "/curves.png")
  }

  /// A picture with what the model says of it.
  static func cell(_ image: Image, guess: String, truth: String) -> ImageGrid.Cell {
    let right = guess == truth
    return ImageGrid.Cell(
      image: image, lines: right ? [guess] : [guess, "is: " + truth], mark: right ? .right : .wrong)
  }

  /// Draws test pictures and the final curves.
  func finish(_ cells: [ImageGrid.Cell], pictureSide: Int = 112) throws {
    let title = "Test pictures: predicted class; wrong ones framed red"
    let canvas = ImageGrid(title: title, columns: 8, cells: cells, pictureSide: pictureSide).render()
    try canvas.writePNG(to: folder + "/predictions.png")
    try writeCurves()
  }

  /// For the checkpoint.
  var stateValue: StateValue {
    .list(
      epochs.map {
        .doubles([Double($0.epoch), $0.trainLoss, $0.testLoss, $0.testAccuracy, $0.trainAccuracy, $0.seconds])
      })
  }

  /// Goes back to what the checkpoint knew: later lines of metrics.jsonl will be written again.
  func restore(_ state: StateValue) throws {
    epochs = (state.elements ?? []).compactMap(\.numbers).filter { $0.count == 6 && Int(exactly: $0[0]) != nil }.map {
      Epoch(
        epoch: Int($0[0]), trainLoss: $0[1], testLoss: $0[2], testAccuracy: $0[3], trainAccuracy: $0[4], seconds: $0[5])
    }
    try writeMetrics()
  }
}
