import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

/// Damaged and hostile pictures: a picture or a `FileError`, whatever the damage; a crash would end the test run.
@Suite struct PictureDamageTests {
  /// Decodes; true when it went well.
  private func decodes(_ raw: [UInt8], _ name: String, pixelLimit: Int = 1 << 22) -> Bool {
    do {
      let image = try Image.decode(raw, pixelLimit: pixelLimit)
      #expect(image.width * image.height <= pixelLimit)
      return true
    } catch let error as FileError {
      #expect(!error.message.isEmpty)
    } catch { Issue.record("\(name): \(error)") }
    return false
  }

  @Test func damagedPicturesThrowOrDecode() throws {
    var random = Damage.Random(11)
    var (tried, decoded) = (0, 0)
    for name in PictureGoldens.names {
      let whole = try bytes(of: PictureGoldens.path(name))
      for round in 0..<120 * Damage.effort {
        var raw = Damage.damaged(whole, &random)
        if round % 3 == 0 { raw = Damage.damaged(raw, &random) }
        // Headers are short, and most of what can go wrong is in them.
        if round % 4 == 1 { raw = Damage.damaged(Array(whole.prefix(64)), &random) + whole.dropFirst(64) }
        if name.hasSuffix(".png"), round % 2 == 0 { Damage.fixChecksums(&raw) }
        tried += 1
        if decodes(raw, name) { decoded += 1 }
      }
    }
    #expect(tried >= 7000 && decoded > 500 && decoded < tried - 2000)
  }

  @Test func shortPicturesThrow() throws {
    for name in PictureGoldens.names {
      let whole = try bytes(of: PictureGoldens.path(name))
      // The last bytes of WebP and GIF may lie behind the first frame.
      let isStrict = [".jpg", ".png", ".bmp"].contains { name.hasSuffix($0) }
      let step = max(whole.count / 150, 1)
      for count in Array(stride(from: 0, to: whole.count, by: step)) + [whole.count - 1] {
        let went = decodes(Array(whole[..<count]), name)
        #expect(!went || !isStrict && count > whole.count / 2, "\(name) of \(count) bytes")
      }
    }
  }

  @Test func everyChangedByteOfAPNGIsNoticed() throws {
    for name in ["exif-6.png", "grey-alpha.png"] {
      let whole = try bytes(of: PictureGoldens.path(name))
      for at in whole.indices {
        var raw = whole
        raw[at] ^= 1 << UInt8(at % 8)
        #expect(!decodes(raw, name), "byte \(at) of \(name)")
      }
    }
  }

  @Test func messagesSayWhatIsWrong() throws {
    func message(_ name: String, _ change: (inout [UInt8]) -> Void) throws -> String {
      var raw = try bytes(of: PictureGoldens.path(name))
      change(&raw)
      return fileError { _ = try Image.decode(raw) }
    }
    #expect(try message("rgb-420.jpg") { $0.removeLast(100) } == "JPEG: Premature end of JPEG file")
    #expect(try message("grey-alpha.png") { $0.removeLast(30) } == "PNG: the file ends too early")
    #expect(try message("grey-alpha.png") { $0[29] ^= 1 } == "PNG: IHDR: CRC error")
    #expect(try message("lossy.webp") { $0.removeLast($0.count / 2) } == "WebP: the file ends too early")
    #expect(try message("plain.gif") { $0.removeLast($0.count / 2) }.hasPrefix("GIF: "))
    #expect(try message("rgb-24.bmp") { $0.removeLast() } == "BMP: 20 x 17 pixels take 1020 bytes, the file has 1019")
    #expect(try message("rgb-24.bmp") { $0[28] = 25 }.contains("25 bits with compression 0"))
    #expect(try message("palette-4-os2.bmp") { $0[14] = 13 } == "BMP: a header of 13 bytes is not known")
    #expect(try message("rgb-24.bmp") { $0[0] = 0 }.contains("expected PNG, JPEG, WebP, GIF, BMP"))
    #expect(try message("rgb-24.bmp") { $0 = [] }.contains("the file is empty"))
  }

  /// A file of a few hundred bytes that claims 60000 x 60000 pixels, whose 10 GB would be taken before the first is read.
  @Test(arguments: [
    "rgb-420.jpg", "rgb-420-progressive.jpg", "grey-alpha.png", "animated.webp", "plain.gif", "rgb-24.bmp", "runs-8.bmp",
  ])
  func claimsOfAbsurdSizeAreRefusedByTheHeader(_ name: String) throws {
    var raw = try bytes(of: PictureGoldens.path(name))
    func store(_ at: Int, _ count: Int, bigEndian: Bool, minus: Int = 0) {
      for i in 0..<count { raw[at + i] = UInt8(truncatingIfNeeded: (60000 - minus) >> (8 * (bigEndian ? count - 1 - i : i))) }
    }
    switch name.suffix(4) {
    case ".jpg":
      let frame = try #require(raw.indices.first { raw[$0] == 0xFF && (raw[$0 + 1] == 0xC0 || raw[$0 + 1] == 0xC2) })
      for at in [5, 7] { store(frame + at, 2, bigEndian: true) }
    case ".png":
      for at in [16, 20] { store(at, 4, bigEndian: true) }
      Damage.fixChecksums(&raw)
    case "webp":
      // The canvas of the extended header, less one.
      for at in [24, 27] { store(at, 3, bigEndian: false, minus: 1) }
    case ".gif":
      for at in [6, 8] { store(at, 2, bigEndian: false) }
    default:
      for at in [18, 22] { store(at, 4, bigEndian: false) }
    }
    let message = fileError { _ = try Image.decode(raw) }
    // JPEG's claim is also weighed against the file's size.
    let reason = name.hasSuffix("jpg") ? "bytes cannot hold a picture of 60000 x 60000" : "60000 x 60000 pixels are not between"
    #expect(message.contains(reason), "\(name): \(message)")
  }

  @Test func fewBytesCannotHoldManyPixels() throws {
    var png = try bytes(of: PictureGoldens.path("grey-alpha.png"))
    for at in [18, 22] { png.replaceSubrange(at..<at + 2, with: [0x20, 0]) }
    Damage.fixChecksums(&png)
    #expect(fileError { _ = try Image.decode(png) }.contains("bytes cannot hold a picture of 8192 x 8192"))
    var jpeg = try bytes(of: PictureGoldens.path("rgb-420.jpg"))
    let frame = try #require(jpeg.indices.first { jpeg[$0] == 0xFF && jpeg[$0 + 1] == 0xC0 })
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0x20, 0, 0x20, 0])
    #expect(fileError { _ = try Image.decode(jpeg) }.contains("bytes cannot hold a picture of 8192 x 8192"))
  }

  /// Three components in scans of their own, and then the same scan again and again.
  @Test func endlessScansAreRefused() throws {
    let grey = try bytes(of: PictureGoldens.path("grey.jpg"))
    let frame = try #require(grey.indices.first { grey[$0] == 0xFF && grey[$0 + 1] == 0xC0 })
    let scan = try #require(grey.indices.first { grey[$0] == 0xFF && grey[$0 + 1] == 0xDA })
    let sides = grey[frame + 5..<frame + 9]
    let components: [UInt8] = [1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]
    let head = grey[..<frame] + [0xFF, 0xC0, 0, 17, 8] + sides + [3] + components + grey[(frame + 13)..<scan]
    func file(_ count: Int) -> [UInt8] {
      var raw = Array(head)
      for i in 0..<count {
        var piece = Array(grey[scan..<grey.count - 2])
        piece[5] = UInt8(i % 3 + 1)
        raw += piece
      }
      return raw + [0xFF, 0xD9]
    }
    let want = try JPEG.decode(grey)
    let image = try JPEG.decode(file(3))
    #expect(image.channels == 3 && image.width == want.width)
    #expect(fileError { _ = try JPEG.decode(file(400)) } == "JPEG: more than 256 scans")
  }

  @Test func damagedOrientationBlocksAreHarmless() {
    var random = Damage.Random(12)
    func block(_ big: Bool) -> [UInt8] {
      big
        ? [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
        : [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]
    }
    var right = 0
    for round in 0..<4000 * Damage.effort {
      let whole = block(round % 2 == 0)
      #expect(whole.withUnsafeBytes { EXIF.orientation(inBlock: $0) } == 6)
      let found = Damage.damaged(whole, &random).withUnsafeBytes { EXIF.orientation(inBlock: $0) }
      #expect(found.map { (1...8).contains($0) } ?? true)
      if found == 6 { right += 1 }
    }
    #expect(right > 100 && right < 3900 * Damage.effort)
  }
}
