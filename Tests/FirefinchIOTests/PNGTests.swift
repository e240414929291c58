import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

@Suite("PNG")
struct PNGTests {
  @Test("every colour type, depth and interlacing decodes", arguments: Goldens.names(".png"))
  func goldens(name: String) throws {
    let want = try #require(Goldens.expected[name])
    let image = try PNG.read(Goldens.path(name))
    #expect(image.width == want["width"]?.integer && image.height == want["height"]?.integer)
    #expect(image.channels == want["channels"]?.integer && image.bitDepth == want["bits"]?.integer)
    let pixels = image.bitDepth == 16 ? image.pixels16.map { Int($0) } : image.pixels.map { Int($0) }
    #expect(pixels == want["pixels"]?.elements?.compactMap(\.integer))
  }

  @Test("what is written reads back", arguments: 1...4)
  func roundTrip(channels: Int) throws {
    let folder = try TemporaryFolder()
    let pixels = (0..<31 * 17 * channels).map { UInt8(truncatingIfNeeded: $0 * $0 / 7 + $0 * 13) }
    let image = Image(width: 31, height: 17, channels: channels, pixels: pixels)
    try PNG.write(image, to: folder.file("x.png"))
    #expect(try PNG.read(folder.file("x.png")) == image)
  }

  @Test("damage is an error")
  func damage() throws {
    let folder = try TemporaryFolder()
    let whole = try bytes(of: Goldens.path("color2-8.png"))
    #expect(Goldens.names(".png").count >= 41)
    for count in [0, 7, 8, 20, 40, whole.count - 1] {
      let path = try folder.write("short.png", Array(whole.prefix(count)))
      #expect(!fileError { _ = try PNG.read(path) }.isEmpty)
    }
    var raw = whole
    raw[60] ^= 4
    let path = try folder.write("damaged.png", raw)
    #expect(fileError { _ = try PNG.read(path) }.contains("CRC"))
  }
}
