import Firefinch
import Foundation

/// A data set that is missing or does not hold together.
public struct DatasetError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A picture and what is known of it.
public struct Labeled<Target: Sendable>: Sendable {
  /// What the data set's transform made of the picture: uint8 (C, H, W) without one.
  public var image: Tensor
  public var target: Target
  public init(_ image: Tensor, _ target: Target) { (self.image, self.target) = (image, target) }
}

/// Picture files with their targets, read and decoded when asked for: by a loader's workers in several threads.
public struct PictureList<Target: Sendable>: Dataset {
  public let paths: [String]
  public let targets: [Target]
  public let mode: Image.Mode
  private let transform: (@Sendable (Tensor) throws -> Tensor)?

  /// - Parameters:
  ///   - mode: the channels that pictures are read with.
  ///   - transform: makes of uint8 (C, H, W) what the model takes; may run in several threads.
  public init(
    _ items: [(path: String, target: Target)], mode: Image.Mode = .rgb,
    transform: (@Sendable (Tensor) throws -> Tensor)? = nil
  ) {
    (paths, targets) = (items.map(\.path), items.map(\.target))
    (self.mode, self.transform) = (mode, transform)
  }

  public var count: Int { paths.count }

  /// Throws `FileError` with the path for a picture that is missing or damaged.
  public func element(at index: Int) throws -> Labeled<Target> {
    let image = try Image.read(paths[index], mode: mode).tensor
    return Labeled(try transform?(image) ?? image, targets[index])
  }
}

/// Classified pictures as a batch: images (N, C, H, W) and labels (N) int64. Throws when the pictures' sizes differ.
@Sendable public func collatePictures(_ samples: [Labeled<Int>]) throws -> [Tensor] {
  let shapes = Set(samples.map { Array($0.image.shape) })
  if shapes.count > 1 {
    throw DatasetError(
      "pictures of one batch must have one size, got \(shapes.sorted { $0.lexicographicallyPrecedes($1) }); resize or crop them"
    )
  }
  return [Tensor.stack(samples.map(\.image)), Tensor(samples.map(\.target), shape: [samples.count])]
}

/// Folders and text files as the readers need them.
enum DatasetFiles {
  /// Names in a folder in the order of their code points, as Python sorts. Throws `DatasetError`.
  static func names(_ folder: String) throws -> [String] {
    do { return sorted(try FileManager.default.contentsOfDirectory(atPath: folder)) } catch {
      throw DatasetError("\(folder): the folder cannot be read; is the path right?")
    }
  }

  static func sorted(_ names: [String]) -> [String] { names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

  static func isFolder(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
  }

  /// The lines of a text file without their ends; empty ones are left out. Throws `FileError` when it is not UTF-8.
  static func lines(_ path: String) throws -> [String] {
    try MappedFile.read(path) { bytes in
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw FileError(path: path, message: "this is no UTF-8 text")
      }
      return text.split(whereSeparator: \.isNewline).map(String.init)
    }
  }

  /// A JSON file. Throws `FileError`.
  static func json(_ path: String) throws -> JSONValue {
    try MappedFile.read(path) { bytes in
      do { return try JSONValue.parse(bytes) } catch { throw FileError(path: path, message: "\(error)") }
    }
  }

  /// Throws `DatasetError` when one of the files is not there.
  static func require(_ paths: [String], _ hint: String) throws {
    for path in paths where access(path, F_OK) != 0 { throw DatasetError("\(path) is not there; \(hint)") }
  }
}
