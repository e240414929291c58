/// How often each class was taken for each other: rows are the true classes, columns the predicted ones.
public struct ConfusionMatrix: Sendable {
  public var title: String
  public var classes: [String]
  /// `counts[truth][guess]`.
  public var counts: [[Int]]

  public init(title: String, classes: [String], counts: [[Int]]) {
    (self.title, self.classes, self.counts) = (title, classes, counts)
  }

  /// Draws the matrix; cells are shaded by their part of the row. Numbers are left out where cells become too small for them.
  public func render() -> Canvas {
    let count = max(classes.count, 1)
    let cell = max(min(640 / count, 64), 6)
    let textSize = min(9.0, Double(cell) * 0.4)
    let label = Int(classes.map { Canvas.textWidth($0, size: 8.5) }.max() ?? 0)
    let left = min(label, 220) + 34, top = 84
    let side = cell * classes.count
    let below = 36
    var canvas = Canvas(width: max(left + side + 30, 360), height: top + side + below)
    canvas.text(title, x: 24, y: 34, size: 12, .ink, bold: true)
    canvas.text("rows: true class, columns: predicted class", x: 24, y: 58, size: 8.5, .muted)
    for (row, values) in counts.enumerated() {
      let total = max(values.reduce(0, +), 1)
      let y = top + row * cell
      if cell >= 11 {
        let name = Canvas.fitted(classes[row], width: 220, size: 8.5)
        canvas.text(name, x: Double(left - 8), y: Double(y + cell / 2) + 4, size: 8.5, .ink, anchor: .right)
      }
      for (column, value) in values.enumerated() {
        let part = Double(value) / Double(total)
        let x = left + column * cell
        canvas.fill(x: x, y: y, width: cell - 1, height: cell - 1, ConfusionMatrix.shade(part, isRight: row == column))
        if cell >= 16, value > 0 {
          canvas.text(
            "\(value)", x: Double(x) + Double(cell) / 2, y: Double(y) + Double(cell) / 2 + textSize * 0.4,
            size: textSize,
            part > 0.5 ? .white : .ink, anchor: .centre)
        }
      }
    }
    if cell >= 11 { drawColumns(&canvas, left: left, y: top + side + 14, cell: cell) }
    return canvas
  }

  /// The classes' numbers below the columns, and their names where they fit.
  private func drawColumns(_ canvas: inout Canvas, left: Int, y: Int, cell: Int) {
    for (column, name) in classes.enumerated() {
      let text = Canvas.fitted(name, width: Double(cell - 2), size: 7.5)
      canvas.text(
        text, x: Double(left + column * cell) + Double(cell) / 2, y: Double(y), size: 7.5, .muted, anchor: .centre)
    }
  }

  private static func shade(_ part: Double, isRight: Bool) -> Color {
    let full: (Double, Double, Double) = isRight ? (0x1f, 0x6f, 0xb4) : (0xc8, 0x3e, 0x3e)
    func mix(_ value: Double) -> UInt8 { UInt8(243 + (value - 243) * min(max(part, 0), 1)) }
    return Color(red: mix(full.0), green: mix(full.1), blue: mix(full.2))
  }
}
