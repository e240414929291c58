import CFirefinch
import FirefinchCore
import FirefinchTensor

/// Says what a file holds, whatever it is called.
public enum FileInspector {
  /// Lines that list a file's content: name, shape and dtype of every tensor of a PyTorch, safetensors, NumPy or IDX
  /// file, plain values of a checkpoint too; size, channels and depth of a picture. The whole file is read and all its
  /// checksums are verified. Throws `FileError` for damage and for unknown kinds.
  public static func describe(_ path: String) throws -> [String] {
    let file = try MappedFile(path)
    return try withExtendedLifetime(file) { try describe(file) }
  }

  private static func describe(_ file: MappedFile) throws -> [String] {
    let (path, bytes) = (file.path, file.bytes)
    if let format = Image.Format(bytes) { return [try picture(bytes, format, path)] }
    if Npy.isNpy(bytes) { return listing("NumPy array", [("array", .tensor(try Npy.decode(bytes, path: path)))]) }
    if ZipReader.isZip(bytes) {
      let archive = try ZipReader(file)
      if archive.entries.contains(where: { $0.name.hasSuffix("/data.pkl") }) {
        return listing("PyTorch file", try StateValue.load(from: path).leaves)
      }
      if archive.entries.allSatisfy({ $0.name.hasSuffix(".npy") }) {
        return listing("NumPy archive", try Npz.load(archive).map { ($0.0, .tensor($0.1)) })
      }
      throw FileError(path: path, message: "a zip archive with neither PyTorch's data.pkl nor NumPy's arrays in it")
    }
    if LegacyTorchFile.isLegacy(bytes) {
      return listing("PyTorch file (format before 1.6)", try StateValue.load(from: path).leaves)
    }
    if isIDX(bytes) { return listing("IDX array", [("array", .tensor(try IDX.read(path)))]) }
    if Safetensors.isSafetensors(bytes) {
      let metadata = try Safetensors.metadata(path).sorted { $0.key < $1.key }
      let tensors = try Safetensors.load(path).map { ($0.0, StateValue.tensor($0.1)) }
      return listing("safetensors file", tensors)
        + metadata.map { "metadata \(printable($0.key)): \(printable($0.value))" }
    }
    let known = "PyTorch (.pt, .pth), safetensors, .npz, .npy, IDX, PNG, JPEG, WebP, GIF and BMP"
    let problem = bytes.count == 0 ? "the file is empty" : "the kind of this file is not known; known are \(known)"
    throw FileError(path: path, message: problem)
  }

  private static func picture(_ bytes: UnsafeRawBufferPointer, _ format: Image.Format, _ path: String) throws -> String {
    let image = try format.decode(bytes, path: path, pixelLimit: Image.pixelLimit)
    let channels = ["", "grey", "grey and alpha", "RGB", "RGBA"][image.channels]
    let size = "\(image.width) x \(image.height)"
    let count = "\(image.channels) channel\(image.channels == 1 ? "" : "s")"
    return "\(format.rawValue) picture, \(size), \(count) (\(channels)), \(image.bitDepth) bits"
  }

  /// A gzip stream, or zeros, a type and a number of dims.
  private static func isIDX(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 4 else { return false }
    if bytes[0] == 0x1F && bytes[1] == 0x8B { return true }
    return bytes[0] == 0 && bytes[1] == 0 && (8...14).contains(bytes[2]) && bytes[3] > 0
  }

  private static func listing(_ kind: String, _ values: [(String, StateValue)]) -> [String] {
    let tensors = values.compactMap(\.1.tensor)
    let count = tensors.reduce(0) { $0 &+ $1.elementCount }
    let head = "\(kind), \(tensors.count) tensor\(tensors.count == 1 ? "" : "s"), \(count) elements"
    let width = min(values.map(\.0.count).max() ?? 0, 60)
    return [head]
      + values.map { name, value in
        let name = printable(name)
        return name + String(repeating: " ", count: max(width - name.count, 0)) + "  " + summary(value)
      }
  }

  private static func summary(_ value: StateValue) -> String {
    switch value {
    case .tensor(let tensor): "\(tensor.shape)  \(tensor.dtype.name)"
    case .none: "none"
    case .bool(let value): "\(value)  bool"
    case .int(let value): "\(value)  int"
    case .double(let value): "\(value)  float"
    case .string(let text): "'\(printable(text))'  string"
    case .list, .tuple: "empty list"
    case .dict: "empty dictionary"
    }
  }

  /// Names come from files: control characters must not reach a terminal.
  private static func printable(_ text: String) -> String {
    let safe = String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(300).map {
          $0.properties.generalCategory == .control || $0.properties.generalCategory == .format ? "\u{FFFD}" : $0
        }))
    return safe.unicodeScalars.count < text.unicodeScalars.count ? safe + "…" : safe
  }
}
