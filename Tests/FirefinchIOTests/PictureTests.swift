import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

/// Pictures made by `goldens/make_pictures.py`, and what PIL decodes them to.
enum PictureGoldens {
  struct Expectation: Decodable {
    let width, height, channels, tolerance: Int
    let pixels: Data
  }

  static func path(_ name: String) -> String { Goldens.path("pictures/" + name) }

  static let expected: [String: Expectation] = {
    do {
      return try JSONDecoder().decode(
        [String: Expectation].self, from: Data(contentsOf: URL(fileURLWithPath: path("expected.json"))))
    } catch { fatalError("goldens/pictures/expected.json: \(error)") }
  }()

  static let names = expected.keys.sorted()
}

@Suite struct PictureTests {
  /// A picture with every value and some structure.
  static func sample(_ width: Int, _ height: Int, channels: Int) -> Image {
    let pixels = (0..<width * height * channels).map { UInt8(truncatingIfNeeded: $0 * $0 / 7 + $0 * 13) }
    return Image(width: width, height: height, channels: channels, pixels: pixels)
  }

  /// Slow gradients, which survive lossy compression.
  static func smooth(_ width: Int, _ height: Int, channels: Int) -> Image {
    let pixels = (0..<width * height * channels).map {
      let (x, y, c) = ($0 / channels % width, $0 / channels / width, $0 % channels)
      return UInt8((x * 3 + y * 2 + c * 20) % 256)
    }
    return Image(width: width, height: height, channels: channels, pixels: pixels)
  }

  static func largestDifference(_ a: [UInt8], _ b: [UInt8]) -> Int {
    a.count == b.count ? zip(a, b).map { abs(Int($0) - Int($1)) }.max() ?? 0 : .max
  }

  @Test(arguments: PictureGoldens.names) func decodedPixelsAreThoseOfPIL(_ name: String) throws {
    let want = try #require(PictureGoldens.expected[name])
    let image = try Image.read(PictureGoldens.path(name))
    #expect(image.width == want.width && image.height == want.height && image.channels == want.channels)
    let difference = PictureTests.largestDifference(image.pixels, Array(want.pixels))
    #expect(difference <= want.tolerance, "\(name): differs by \(difference)")
  }
}

@Suite struct PictureFileTests {
  @Test(arguments: ["jpg", "jpeg", "png"], [1, 3]) func whatIsWrittenReadsBack(_ suffix: String, _ channels: Int) throws {
    let folder = try TemporaryFolder()
    let image = PictureTests.smooth(31, 18, channels: channels)
    try image.write(to: folder.file("x." + suffix))
    let back = try Image.read(folder.file("x." + suffix))
    #expect(back.width == 31 && back.height == 18 && back.channels == channels)
    let difference = PictureTests.largestDifference(back.pixels, image.pixels)
    #expect(difference <= (suffix == "png" ? 0 : 30))
  }

  @Test func quality100IsNearTheOriginalAndLowQualityIsSmall() throws {
    let image = PictureTests.smooth(64, 48, channels: 1)
    let (fine, coarse) = (try JPEG.encode(image, quality: 100), try JPEG.encode(image, quality: 5))
    #expect(PictureTests.largestDifference(try JPEG.decode(fine).pixels, image.pixels) <= 2)
    #expect(coarse.count * 3 < fine.count)
    #expect(try JPEG.encode(image) == JPEG.encode(image, quality: 75))
  }

  @Test(arguments: 1...4) func pngKeepsSixteenBits(_ channels: Int) throws {
    let samples = (0..<13 * 9 * channels).map { UInt16(truncatingIfNeeded: $0 * 5501) }
    let image = Image(width: 13, height: 9, channels: channels, pixels16: samples)
    #expect(try PNG.decode(PNG.encode(image)) == image)
    #expect(PNG.encode(image, compressionLevel: 0).count > PNG.encode(image, compressionLevel: 9).count)
  }

  @Test func whatCannotBeWrittenSaysSo() throws {
    let folder = try TemporaryFolder()
    let image = PictureTests.sample(4, 4, channels: 4)
    #expect(fileError { try image.write(to: folder.file("x.jpg")) }.contains("4 channels has alpha"))
    #expect(fileError { try image.write(to: folder.file("x.tif")) }.contains("expected .png, .jpg or .jpeg"))
    let empty = Image(width: 0, height: 3, channels: 1, pixels: [])
    #expect(fileError { try empty.write(to: folder.file("x.png")) }.contains("0 x 3 pixels"))
    let wide = Image(width: 65501, height: 1, channels: 1, pixels: [UInt8](repeating: 0, count: 65501))
    #expect(fileError { try wide.write(to: folder.file("x.jpg")) }.contains("65500"))
    #expect(fileError { try image.write(to: folder.file("no/x.png")) }.contains("cannot be written"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  /// Expectations by PIL: `Image.fromarray(x).convert(mode)`.
  @Test func conversionsAreThoseOfPIL() {
    let rgba = Image(width: 3, height: 1, channels: 4, pixels: [10, 200, 30, 40, 255, 0, 0, 255, 1, 2, 3, 0])
    #expect(rgba.converted(to: .grey).pixels == [124, 76, 2])
    #expect(rgba.converted(to: .greyAlpha).pixels == [124, 40, 76, 255, 2, 0])
    #expect(rgba.converted(to: .rgb).pixels == [10, 200, 30, 255, 0, 0, 1, 2, 3])
    let grey = Image(width: 2, height: 1, channels: 1, pixels: [7, 250])
    #expect(grey.converted(to: .rgba).pixels == [7, 7, 7, 255, 250, 250, 250, 255])
    #expect(grey.converted(to: .greyAlpha).pixels == [7, 255, 250, 255])
    #expect(grey.converted(to: .rgb).converted(to: .grey) == grey)
    #expect(rgba.converted(to: .unchanged) == rgba && rgba.luminance == [124, 76, 2])
  }

  @Test func tensorsBecomePicturesAndBack() {
    let image = PictureTests.sample(5, 4, channels: 3)
    #expect(Array(image.tensor.shape) == [3, 4, 5])
    #expect(Image(image.tensor) == image)
    let grey = Image(Tensor([UInt8(1), 2, 3, 4, 5, 6], shape: [2, 3]))
    #expect(grey == Image(width: 3, height: 2, channels: 1, pixels: [1, 2, 3, 4, 5, 6]))
    // A view in another order of memory.
    #expect(Image(grey.tensor.transpose(1, 2)).pixels == [1, 4, 2, 5, 3, 6])
  }

  @Test func orientationIsAppliedUnlessUnwanted() throws {
    let stored = try Image.read(PictureGoldens.path("exif-1.jpg"))
    for orientation in 1...8 {
      let path = PictureGoldens.path("exif-\(orientation).jpg")
      #expect(try Image.read(path, applyExifOrientation: false) == stored)
      #expect(try Image.read(path) == stored.upright(orientation: orientation))
      #expect(try bytes(of: path).withUnsafeBytes { EXIF.orientation($0) } == orientation)
    }
    let deep = Image(width: 2, height: 1, channels: 1, pixels16: [1, 60000])
    #expect(deep.upright(orientation: 6) == Image(width: 1, height: 2, channels: 1, pixels16: [1, 60000]))
    #expect(deep.upright(orientation: 8) == Image(width: 1, height: 2, channels: 1, pixels16: [60000, 1]))
  }

  @Test func inspectorDescribesEveryFormat() throws {
    let heads = [
      "rgb-420.jpg": "JPEG picture, 20 x 17, 3 channels (RGB), 8 bits",
      "grey.jpg": "JPEG picture, 20 x 17, 1 channel (grey), 8 bits",
      "lossy-alpha.webp": "WebP picture, 20 x 17, 4 channels (RGBA), 8 bits",
      "offset.gif": "GIF picture, 25 x 21, 3 channels (RGB), 8 bits", "runs-4.bmp": "BMP picture, 20 x 17, 3 channels (RGB), 8 bits",
    ]
    for (name, head) in heads { #expect(try FileInspector.describe(PictureGoldens.path(name)) == [head]) }
  }

  @Test func sizesOverTheLimitAreRefusedByTheHeader() throws {
    for name in PictureGoldens.names {
      let path = PictureGoldens.path(name)
      let area = try #require(PictureGoldens.expected[name].map { $0.width * $0.height })
      let message = fileError { _ = try Image.read(path, pixelLimit: area - 1) }
      #expect(message.contains("pixels are not between 1 and \(area - 1)"), "\(name): \(message)")
      _ = try Image.read(path, pixelLimit: area)
    }
  }
}
