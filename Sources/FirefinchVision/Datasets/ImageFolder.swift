import Firefinch
import Foundation

/// Pictures sorted into one folder for each class. Same as `torchvision.datasets.ImageFolder`, with its order.
///
/// ```
/// root/cat/001.jpg
/// root/dog/xyz/002.png
/// ```
public struct ImageFolder: Dataset {
  /// Suffixes of the files that are taken, in lower case.
  public static let suffixes = [".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"]

  /// The class folders' names in order; a label is an index into them.
  public let classes: [String]
  public let pictures: PictureList<Int>

  /// - Parameters:
  ///   - allowEmpty: whether a class may have no pictures.
  ///   - isValid: which files are pictures; by default those with one of `suffixes`.
  /// - Throws: `DatasetError` when there are no class folders, or one is empty.
  public init(
    _ root: String, transform: (@Sendable (Tensor) throws -> Tensor)? = nil, allowEmpty: Bool = false,
    mode: Image.Mode = .rgb,
    isValid: ((String) -> Bool)? = nil
  ) throws {
    let isPicture =
      isValid ?? { path in
        let name = path.lowercased()
        return ImageFolder.suffixes.contains { name.hasSuffix($0) }
      }
    classes = try DatasetFiles.names(root).filter { DatasetFiles.isFolder("\(root)/\($0)") }
    if classes.isEmpty { throw DatasetError("\(root): there are no folders in it; expected one for each class") }
    var items: [(path: String, target: Int)] = []
    var empty: [String] = []
    for (label, name) in classes.enumerated() {
      let before = items.count
      try ImageFolder.walk("\(root)/\(name)") { path in
        if isPicture(path) { items.append((path, label)) }
      }
      if items.count == before { empty.append(name) }
    }
    if !empty.isEmpty && !allowEmpty {
      throw DatasetError(
        "\(root): no pictures are in the folders \(empty.joined(separator: ", ")); expected files that end with "
          + ImageFolder.suffixes.joined(separator: ", "))
    }
    pictures = PictureList(items, mode: mode, transform: transform)
  }

  /// A folder and all folders in it, every one once however links run, in the order of their paths, with their files.
  private static func walk(_ folder: String, _ body: (String) -> Void) throws {
    var seen: Set<String> = []
    var files: [String: [String]] = [:]
    func visit(_ folder: String) throws {
      let real = realpath(folder, nil).map { pointer in
        defer { free(pointer) }
        return String(cString: pointer)
      }
      if !seen.insert(real ?? folder).inserted { return }
      files[folder] = []
      for name in try DatasetFiles.names(folder) {
        let path = "\(folder)/\(name)"
        if DatasetFiles.isFolder(path) { try visit(path) } else { files[folder]!.append(path) }
      }
    }
    try visit(folder)
    for folder in DatasetFiles.sorted(Array(files.keys)) { files[folder]!.forEach(body) }
  }

  /// Label of each class.
  public var classToIndex: [String: Int] { Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) }) }
  public var count: Int { pictures.count }
  public func element(at index: Int) throws -> Labeled<Int> { try pictures.element(at: index) }
}
