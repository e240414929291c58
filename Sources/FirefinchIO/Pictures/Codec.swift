import CFirefinchCodecs

/// A picture library behind `CFirefinchCodecs`: its name for messages and its two steps.
struct Codec {
  typealias Probe =
    @convention(c) (
      UnsafeRawPointer?, Int, UnsafeMutablePointer<ff_picture>?, UnsafeMutablePointer<CChar>?
    ) -> Int32
  typealias Decode =
    @convention(c) (
      UnsafeRawPointer?, Int, UnsafePointer<ff_picture>?, UnsafeMutableRawPointer?, UnsafeMutablePointer<CChar>?
    ) -> Int32

  let name: String
  let probe: Probe
  let decode: Decode

  /// Reads the header alone; throws when the picture is larger than `pixelLimit`.
  func header(_ bytes: UnsafeRawBufferPointer, path: String, pixelLimit: Int) throws -> ff_picture {
    var picture = ff_picture()
    try Codec.call(name, path) { probe(bytes.baseAddress, bytes.count, &picture, $0) }
    let (width, height) = (Int(picture.width), Int(picture.height))
    try Codec.check(width: width, height: height, pixelLimit: pixelLimit, name: name, path: path)
    return picture
  }

  /// Decodes a picture after its header has been checked.
  func picture(_ bytes: UnsafeRawBufferPointer, path: String, pixelLimit: Int) throws -> Image {
    var header = try header(bytes, path: path, pixelLimit: pixelLimit)
    let (width, height, channels) = (Int(header.width), Int(header.height), Int(header.channels))
    let count = width * height * channels
    func fill(_ target: UnsafeMutableRawPointer?) throws {
      try Codec.call(name, path) { decode(bytes.baseAddress, bytes.count, &header, target, $0) }
    }
    if header.depth == 16 {
      let samples = try [UInt16](unsafeUninitializedCapacity: count) { buffer, filled in
        try fill(buffer.baseAddress)
        filled = count
      }
      return Image(width: width, height: height, channels: channels, pixels16: samples)
    }
    let samples = try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      try fill(buffer.baseAddress)
      filled = count
    }
    return Image(width: width, height: height, channels: channels, pixels: samples)
  }

  /// Throws when a picture has no pixels or more than `pixelLimit`.
  static func check(width: Int, height: Int, pixelLimit: Int, name: String, path: String) throws {
    guard width > 0, height > 0, !width.multipliedReportingOverflow(by: height).overflow, width * height <= pixelLimit
    else {
      throw FileError(path: path, message: "\(name): \(width) x \(height) pixels are not between 1 and \(pixelLimit)")
    }
  }

  /// Calls a library; 0 throws what it says.
  static func call(_ name: String, _ path: String, _ body: (UnsafeMutablePointer<CChar>?) -> Int32) throws {
    var message = [CChar](repeating: 0, count: Int(FF_CODEC_MESSAGE))
    if body(&message) == 1 { return }
    let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    throw FileError(path: path, message: "\(name): \(text)")
  }

  /// Calls an encoder with an image's samples; the file's bytes.
  static func encode(
    _ image: Image, name: String,
    _ body: (
      UnsafePointer<ff_picture>?, UnsafeRawPointer?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?,
      UnsafeMutablePointer<Int>?, UnsafeMutablePointer<CChar>?
    ) -> Int32
  ) throws -> [UInt8] {
    guard let width = UInt32(exactly: image.width), let height = UInt32(exactly: image.height), width > 0, height > 0
    else {
      throw FileError(path: name, message: "\(image.width) x \(image.height) pixels cannot be written")
    }
    var header = ff_picture(width: width, height: height, channels: Int32(image.channels), depth: Int32(image.bitDepth))
    var out: UnsafeMutablePointer<UInt8>?
    var count = 0
    func run(_ samples: UnsafeRawBufferPointer) throws {
      try call(name, name) { body(&header, samples.baseAddress, &out, &count, $0) }
    }
    if image.bitDepth == 16 { try image.pixels16.withUnsafeBytes(run) } else { try image.pixels.withUnsafeBytes(run) }
    defer { ff_codec_free(out) }
    return Array(UnsafeBufferPointer(start: out, count: count))
  }
}
