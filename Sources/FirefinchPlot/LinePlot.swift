/// Curves over a common axis: title, legend, grid, ticks at round numbers.
public struct LinePlot: Sendable {
  /// One curve.
  public struct Series: Sendable {
    /// In the legend; empty for no entry.
    public var name: String
    /// Where, in the data's units.
    public var x: [Double]
    /// How much, in the data's units.
    public var y: [Double]
    /// nil takes the next colour of the palette.
    public var color: Color?

    /// Points (x[i], y[i]); where the counts differ the rest is left out. Numbers that are not finite make gaps.
    public init(name: String, x: [Double], y: [Double], color: Color? = nil) {
      self.name = name
      self.x = x
      self.y = y
      self.color = color
    }

    var points: [Canvas.Point] { zip(x, y).map { Canvas.Point($0, $1) } }
  }

  /// Above the plot.
  public var title: String
  /// Below the axis; may be empty.
  public var xLabel: String
  /// Below the title; may be empty.
  public var yLabel: String
  /// The curves; later ones are drawn over earlier ones.
  public var series: [Series]

  /// A plot; `render` or `panels` draws it.
  public init(title: String, xLabel: String = "", yLabel: String = "", series: [Series]) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
  }

  /// The plot alone, width x height pixels (at least 240 x 180).
  public func render(width: Int = 640, height: Int = 440) -> Canvas {
    var canvas = Canvas(width: max(width, 240), height: max(height, 180))
    draw(on: &canvas)
    return canvas
  }

  /// Several plots side by side, each width x height pixels.
  public static func panels(_ plots: [LinePlot], width: Int = 600, height: Int = 420) -> Canvas {
    let parts = plots.map { $0.render(width: width, height: height) }
    var canvas = Canvas(width: parts.reduce(0) { $0 + $1.width }, height: parts.map(\.height).max() ?? height)
    var x = 0
    for part in parts {
      canvas.draw(part, x: x, y: 0)
      x += part.width
    }
    return canvas
  }

  /// Axes for the data: the x axis has whole ticks when all x are whole.
  var axes: (x: Axis, y: Axis) {
    let all = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
    let whole = all.allSatisfy { $0.x == $0.x.rounded() }
    return (Axis(all.map(\.x), count: 7, whole: whole), Axis(all.map(\.y), count: 6))
  }

  private func color(_ index: Int) -> Color { series[index].color ?? Color.palette[index % Color.palette.count] }

  private func draw(on canvas: inout Canvas) {
    let (xAxis, yAxis) = axes
    let small = 9.5, margin = 24
    let yTicks = yAxis.ticks.map { ($0, yAxis.label($0)) }
    let labelWidth = yTicks.map { Canvas.textWidth($0.1, size: small) }.max() ?? 0
    let left = margin + Int(labelWidth.rounded(.up)) + 10, right = canvas.width - margin
    let top = 76, bottom = canvas.height - (xLabel.isEmpty ? 44 : 62)
    let plotWidth = right - left, plotHeight = bottom - top

    let legend = drawLegend(on: &canvas, right: Double(right), baseline: 36, size: small, leftLimit: Double(margin))
    let titleWidth = Double(legend) - Double(margin) - 16
    canvas.text(
      Canvas.fitted(title, width: titleWidth, size: 13), x: Double(margin), y: 36, size: 13, .ink, bold: true)
    canvas.text(yLabel, x: Double(margin), y: 59, size: small, .muted)

    func column(_ value: Double) -> Double { Double(left) + xAxis.place(value) * Double(plotWidth) }
    func row(_ value: Double) -> Double { Double(bottom) - yAxis.place(value) * Double(plotHeight) }
    for (value, label) in yTicks {
      let y = Int(row(value).rounded())
      canvas.fill(x: left, y: y, width: plotWidth, height: 1, .grid)
      canvas.text(label, x: Double(left - 10), y: Double(y) + small / 2, size: small, .muted, anchor: .right)
    }
    var free = -Double.infinity
    for value in xAxis.ticks {
      let x = Int(column(value).rounded())
      canvas.fill(x: x, y: top, width: 1, height: plotHeight, .grid)
      canvas.fill(x: x, y: bottom, width: 1, height: 5, .axis)
      let label = xAxis.label(value)
      let half = Canvas.textWidth(label, size: small) / 2
      // Long numbers may not fit side by side.
      if Double(x) - half < free { continue }
      free = Double(x) + half + 8
      canvas.text(label, x: Double(x), y: Double(bottom) + 12 + small, size: small, .muted, anchor: .centre)
    }
    canvas.fill(x: left, y: bottom, width: plotWidth, height: 1, .axis)
    canvas.fill(x: left, y: top, width: 1, height: plotHeight + 1, .axis)
    canvas.text(
      xLabel, x: Double(left + plotWidth / 2), y: Double(canvas.height - 20), size: small, .muted, anchor: .centre)

    for (index, one) in series.enumerated() {
      let points = one.points.map { Canvas.Point(column($0.x) + 0.5, row($0.y) + 0.5) }
      canvas.polyline(points, color(index), width: 2.4)
      let shown = points.filter { $0.x.isFinite && $0.y.isFinite }
      guard shown.count * 9 < plotWidth else { continue }
      for point in shown {
        canvas.circle(point, radius: 4.2, .white)
        canvas.circle(point, radius: 3.2, color(index))
      }
    }
    if !series.contains(where: { $0.points.contains { $0.x.isFinite && $0.y.isFinite } }) {
      let middle = Canvas.Point(Double(left + plotWidth / 2), Double(top + plotHeight / 2))
      canvas.text("no data", x: middle.x, y: middle.y, size: small, .muted, anchor: .centre)
    }
  }

  /// Names with their colours in the title's row, ending at `right`. Returns where they begin.
  private func drawLegend(
    on canvas: inout Canvas, right: Double, baseline: Double, size: Double, leftLimit: Double
  ) -> Int {
    var x = right
    for index in series.indices.reversed() where !series[index].name.isEmpty {
      let name = Canvas.fitted(series[index].name, width: 140, size: size)
      let wide = Canvas.textWidth(name, size: size)
      // What no longer fits is left out rather than drawn over the title.
      if x - wide - 30 < leftLimit + 60 { break }
      canvas.text(name, x: x - wide, y: baseline, size: size, .ink)
      let middle = (baseline - size / 2).rounded() + 0.5
      canvas.line(Canvas.Point(x - wide - 28, middle), Canvas.Point(x - wide - 10, middle), color(index), width: 2.4)
      canvas.circle(Canvas.Point(x - wide - 19, middle), radius: 3.2, color(index))
      x -= wide + 48
    }
    return Int(x)
  }
}
