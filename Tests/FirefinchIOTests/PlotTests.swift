import Testing

import FirefinchPlot

@Suite("Plot")
struct PlotTests {
  @Test("ticks are round numbers that cover the data")
  func ticks() {
    #expect(Axis([0.316, 0.65], count: 6).ticks.map { Axis.fixed($0, 1) } == ["0.3", "0.4", "0.5", "0.6", "0.7"])
    #expect(Axis([80, 90.7], count: 6).ticks == [80, 82, 84, 86, 88, 90, 92])
    #expect(Axis([0, 0.7], count: 6).low == 0)
    #expect(Axis([1, 2, 3], count: 7, whole: true).ticks == [1, 2, 3])
    #expect(Axis([1], count: 7, whole: true).ticks == [1])
    #expect(Axis([0, 73_963], count: 7, whole: true).ticks == [0, 20_000, 40_000, 60_000])
    #expect(Axis([-3e-6, 4e-6], count: 6).ticks.count == 5)
    for (raw, want) in [(0.3, 0.5), (1.0, 1.0), (1.5, 2.0), (7.0, 10.0), (0.02, 0.02), (3000.0, 5000.0)] {
      #expect(abs(Axis.niceStep(raw) - want) < 1e-12 * want)
    }
  }

  @Test("any numbers give an axis with low < high, finite and not too many ticks")
  func hostileRanges() {
    let values: [Double] = [
      0, -0.0, 1, -1, 5e-324, 1e-300, 1e-12, 1e15, 1e20, 1e299, 1e308, .nan, .infinity, -.infinity, .pi, 1 + 1e-15,
    ]
    for a in values {
      for b in values {
        for whole in [false, true] {
          let axis = Axis([a, b], count: 6, whole: whole)
          #expect(axis.low < axis.high && axis.low.isFinite && axis.high.isFinite, "\(a) \(b) \(whole)")
          #expect(axis.ticks.count <= 14)
          #expect(axis.ticks.allSatisfy { (-0.1...1.1).contains(axis.place($0)) && !axis.label($0).isEmpty })
        }
      }
    }
    for (a, b) in zip(values, values.dropFirst() + [0]) {
      let plot = LinePlot(title: "t", series: [.init(name: "s", x: [a, b], y: [b, a])])
      #expect(plot.render(width: 240, height: 180).width == 240)
    }
  }

  @Test("labels have the decimals that the step needs")
  func labels() {
    let small = Axis([0.55, 0.65], count: 6)
    #expect(small.ticks.map(small.label) == ["0.54", "0.56", "0.58", "0.60", "0.62", "0.64", "0.66"])
    let large = Axis([0, 3e6], count: 4)
    #expect(large.label(2e6) == "2e6")
    #expect(large.label(0) == "0")
    #expect(Axis.fixed(-0.001, 2) == "0.00")
    #expect(Axis.fixed(-1.5, 1) == "-1.5")
    #expect(Axis.fixed(2.05, 2) == "2.05")
  }

  @Test("a plot has the size asked for, and each series leaves its colour on it")
  func plotSize() {
    let x = [1.0, 2, 3]
    let plot = LinePlot(
      title: "Loss", xLabel: "epoch", yLabel: "nats",
      series: [.init(name: "train", x: x, y: [3, 2, 1]), .init(name: "test", x: x, y: [3, 2.5, .nan])])
    let one = plot.render(width: 500, height: 300)
    #expect((one.width, one.height) == (500, 300))
    #expect(one.pixels.count == 500 * 300 * 3)
    let two = LinePlot.panels([plot, plot], width: 400, height: 250)
    #expect((two.width, two.height) == (800, 250))
    for canvas in [one, two] {
      for color in Color.palette.prefix(2) { #expect(count(color, canvas) > 50) }
    }
    // The halves are the same picture, and nothing touches the border.
    for y in 0..<250 {
      for x in 0..<400 where two[x, y] != two[x + 400, y] { Issue.record("panels differ at \(x), \(y)") }
      #expect(two[0, y] == .white && two[799, y] == .white)
    }
    #expect(LinePlot(title: "", series: []).render().width == 640)
  }

  private func count(_ color: Color, _ canvas: Canvas) -> Int {
    var n = 0
    for y in 0..<canvas.height {
      for x in 0..<canvas.width where canvas[x, y] == color { n += 1 }
    }
    return n
  }

  @Test("shapes: exact fills, smooth lines of the right weight, clipping")
  func shapes() {
    var canvas = Canvas(width: 20, height: 10)
    canvas.fill(x: 2, y: 3, width: 4, height: 2, .black)
    #expect(count(.black, canvas) == 8)
    canvas.fill(x: -5, y: -5, width: 6, height: 6, .black)
    #expect(canvas[0, 0] == .black && canvas[1, 1] == .white)
    canvas.fill(x: 100, y: 0, width: 5, height: 5, .black)
    canvas.rectangle(x: 10, y: 2, width: 6, height: 5, Color(0xff0000))
    #expect(count(Color(0xff0000), canvas) == 18)

    var lines = Canvas(width: 60, height: 60)
    lines.line(.init(10.5, 30.5), .init(50.5, 30.5), .black, width: 1)
    #expect(lines[30, 30] == .black && lines[30, 28] == .white)
    // Darkness of a slanted line: length times width.
    var slanted = Canvas(width: 60, height: 60)
    slanted.line(.init(10, 10), .init(50, 40), .black, width: 3)
    let dark = slanted.pixels.reduce(0.0) { $0 + (255 - Double($1)) / 765 }
    #expect(abs(dark - (50 * 3 + .pi * 2.25)) < 6)
    // Not finite or far away: no trap.
    slanted.line(.init(-1e300, 5), .init(1e300, 5), .black)
    slanted.polyline([.init(.nan, 1), .init(2, .infinity), .init(3, 3)], .black, width: 2)
    slanted.polyline([], .black)
  }

  @Test("every printable character has a glyph of its own; text is as wide as it says")
  func font() {
    var seen: [[UInt8]: Character] = [:]
    for code in UInt8(33)...126 {
      let character = Character(UnicodeScalar(code))
      var canvas = Canvas(width: 60, height: 60)
      canvas.text(String(character), x: 20, y: 40, size: 24)
      #expect(canvas.pixels.contains { $0 < 128 }, "\(character) draws nothing")
      let twin = seen.updateValue(character, forKey: canvas.pixels)
      #expect(twin == nil, "\(character) looks like another")
    }
    #expect(StrokeFont.glyph("é").strokes == StrokeFont.glyph("?").strokes)
    #expect(StrokeFont.width("") == 0)
    #expect(StrokeFont.width("1111") == StrokeFont.width("0000"))
    let text = "Ankle boot 0.93"
    let width = Canvas.textWidth(text, size: 12)
    for (anchor, x) in [(Canvas.Anchor.left, 40.0), (.centre, 150), (.right, 260)] {
      var canvas = Canvas(width: 300, height: 40)
      canvas.text(text, x: x, y: 25, size: 12, anchor: anchor)
      let inked = (0..<300).filter { column in (0..<40).contains { canvas[column, $0] != .white } }
      let start = anchor == .left ? x : anchor == .right ? x - width : x - width / 2
      #expect(abs(Double(inked.first ?? 0) - start) <= 2.5)
      #expect(abs(Double(inked.last ?? 0) - (start + width)) <= 3.5)
    }
    #expect(Canvas.fitted("short", width: 500, size: 9) == "short")
    let cut = Canvas.fitted("a caption that is much too long", width: 80, size: 9)
    #expect(cut.hasSuffix("..") && Canvas.textWidth(cut, size: 9) <= 80)
  }
}
