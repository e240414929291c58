import FirefinchIO
import Foundation
import Testing

import FirefinchPlot

@Suite("ImageGrid")
struct ImageGridTests {
  private func cell(_ mark: ImageGrid.Mark, _ lines: [String] = ["Coat"]) -> ImageGrid.Cell {
    .init(
      image: Image(width: 28, height: 28, channels: 1, pixels: [UInt8](repeating: 90, count: 784)), lines: lines,
      mark: mark)
  }

  @Test("the canvas fits its cells; frames and enlarged pixels are where they belong")
  func layout() {
    let marks: [ImageGrid.Mark] = [.right, .wrong, .none]
    let grid = ImageGrid(title: "", columns: 2, cells: marks.map { cell($0, ["Coat", "is: Bag"]) })
    let canvas = grid.render()
    // 24 + (112 + 8) + 22 + (112 + 8) + 24; two rows of 112 + 8 + 2 * 18 with 22 between.
    #expect((canvas.width, canvas.height) == (310, 24 + 2 * 156 + 22 + 24))
    #expect(canvas[25, 25] == .good)
    #expect(canvas[24 + 142 + 1, 25] == .bad)
    let grey = Color(0x5a5a5a)
    var count = 0
    for y in 0..<canvas.height { for x in 0..<canvas.width where canvas[x, y] == grey { count += 1 } }
    #expect(count == 3 * 112 * 112)
    #expect(ImageGrid(cells: []).render().width > 0)
    #expect(ImageGrid(title: "only a title", columns: 0, cells: [cell(.none)]).render().height > 100)
  }

  @Test("pictures of other shapes and kinds are fitted")
  func pictures() {
    #expect(ImageGrid.fitted(28, 28, 112) == (112, 112))
    #expect(ImageGrid.fitted(60, 20, 112) == (60, 20))
    #expect(ImageGrid.fitted(300, 200, 112) == (112, 74))
    #expect(ImageGrid.fitted(100_000, 1, 112) == (112, 1))
    var canvas = Canvas(width: 8, height: 8)
    let redBlue = Image(width: 2, height: 1, channels: 3, pixels: [255, 0, 0, 0, 0, 255])
    canvas.draw(redBlue, x: 0, y: 0, width: 4, height: 2)
    #expect(canvas[1, 1] == Color(0xff0000) && canvas[2, 0] == Color(0x0000ff) && canvas[4, 0] == .white)
    // Half transparent black over white.
    canvas.draw(Image(width: 1, height: 1, channels: 2, pixels: [0, 128]), x: 5, y: 5, width: 2, height: 2)
    #expect(canvas[6, 6] == Color(0x7f7f7f))
    // Reduced: the mean.
    canvas.draw(Image(width: 2, height: 2, channels: 1, pixels: [0, 100, 200, 100]), x: 0, y: 7, width: 1, height: 1)
    #expect(canvas[0, 7] == Color(0x646464))
    // 16 bits show their upper half; an empty picture draws nothing.
    canvas.draw(Image(width: 1, height: 1, channels: 1, pixels16: [0x1234]), x: 1, y: 7, width: 1, height: 1)
    #expect(canvas[1, 7] == Color(0x121212))
    let before = canvas.pixels
    canvas.draw(Image(width: 0, height: 5, channels: 3, pixels: []), x: 0, y: 0, width: 8, height: 8)
    #expect(canvas.pixels == before)
  }

  @Test("a canvas written as PNG reads back the same")
  func file() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("plot-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let canvas = ImageGrid(title: "Grid", cells: [cell(.right)]).render()
    let path = folder.appendingPathComponent("grid.png").path
    try canvas.writePNG(to: path)
    let image = try PNG.read(path)
    #expect((image.width, image.height, image.channels) == (canvas.width, canvas.height, 3))
    #expect(image.pixels == canvas.pixels)
  }
}
