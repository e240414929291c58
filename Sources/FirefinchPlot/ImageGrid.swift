import FirefinchIO

/// Pictures in rows and columns with lines of text below each.
public struct ImageGrid: Sendable {
  /// Whether a picture is framed as a right or a wrong answer.
  public enum Mark: Sendable { case none, right, wrong }

  /// One picture and what is said of it.
  public struct Cell: Sendable {
    /// Any size.
    public var image: Image
    /// Text below the picture.
    public var lines: [String]
    /// Colour of the frame.
    public var mark: Mark

    /// The first line is in the mark's colour; lines too long for the cell are cut.
    public init(image: Image, lines: [String], mark: Mark = .none) {
      self.image = image
      self.lines = lines
      self.mark = mark
    }
  }

  /// Above the pictures; may be empty.
  public var title: String
  /// Pictures in a row.
  public var columns: Int
  /// Row by row.
  public var cells: [Cell]
  /// Side of the square that each picture is fitted into, in pixels.
  public var pictureSide: Int

  /// A grid; `render()` draws it.
  public init(title: String = "", columns: Int = 8, cells: [Cell], pictureSide: Int = 112) {
    self.title = title
    self.columns = columns
    self.cells = cells
    self.pictureSide = pictureSide
  }

  private static let margin = 24, gap = 22, frame = 4, textSize = 8.5, lineHeight = 18

  /// Draws the grid; the canvas is as large as it needs. With more cells than fit a canvas, the rest is left out.
  public func render() -> Canvas {
    let side = min(max(pictureSide, 16), 1024)
    let cellWidth = side + 2 * ImageGrid.frame + ImageGrid.gap
    let columns = min(max(self.columns, 1), max(cells.count, 1), (Canvas.sideLimit - 64) / cellWidth)
    let lines = cells.map(\.lines.count).max() ?? 0
    let cellHeight = side + 2 * ImageGrid.frame + lines * ImageGrid.lineHeight + ImageGrid.gap
    let top = title.isEmpty ? ImageGrid.margin : ImageGrid.margin + 38
    let rows = min((cells.count + columns - 1) / columns, (Canvas.sideLimit - top) / cellHeight)
    var width = columns * cellWidth - ImageGrid.gap + 2 * ImageGrid.margin
    // A few cells should not cut the title.
    width = max(width, min(Int(Canvas.textWidth(title, size: 12)) + 2 * ImageGrid.margin + 4, 1200))
    var canvas = Canvas(width: width, height: top + max(rows * cellHeight - ImageGrid.gap, 0) + ImageGrid.margin)
    if !title.isEmpty {
      let text = Canvas.fitted(title, width: Double(width - 2 * ImageGrid.margin), size: 12)
      canvas.text(text, x: Double(ImageGrid.margin), y: Double(ImageGrid.margin + 14), size: 12, .ink, bold: true)
    }
    for (index, cell) in cells.prefix(rows * columns).enumerated() {
      let x = ImageGrid.margin + index % columns * cellWidth, y = top + index / columns * cellHeight
      draw(cell, on: &canvas, x: x, y: y, side: side)
    }
    return canvas
  }

  private func draw(_ cell: Cell, on canvas: inout Canvas, x: Int, y: Int, side: Int) {
    let frame = ImageGrid.frame, outer = side + 2 * frame
    let color: Color = cell.mark == .right ? .good : cell.mark == .wrong ? .bad : .axis
    canvas.fill(x: x, y: y, width: outer, height: outer, Color(0xf5f7fa))
    canvas.rectangle(x: x, y: y, width: outer, height: outer, color, thickness: cell.mark == .none ? 1 : frame - 1)
    let (w, h) = ImageGrid.fitted(cell.image.width, cell.image.height, side)
    canvas.draw(cell.image, x: x + frame + (side - w) / 2, y: y + frame + (side - h) / 2, width: w, height: h)
    for (row, line) in cell.lines.enumerated() {
      let size = ImageGrid.textSize
      let text = Canvas.fitted(line, width: Double(outer + 8), size: size)
      let first = row == 0
      canvas.text(
        text, x: Double(x + outer / 2), y: Double(y + outer + 8 + row * ImageGrid.lineHeight) + size, size: size,
        first ? (cell.mark == .none ? .ink : color) : .muted, anchor: .centre, bold: first && cell.mark == .wrong)
    }
  }

  /// The size at which a picture is shown in a square: enlarged by whole factors, so that its pixels stay square, or
  /// reduced to fit.
  package static func fitted(_ width: Int, _ height: Int, _ side: Int) -> (Int, Int) {
    let larger = max(width, height, 1)
    if larger <= side { return (width * (side / larger), height * (side / larger)) }
    return (max(width * side / larger, 1), max(height * side / larger, 1))
  }
}
