import Firefinch
import Foundation

/// Classified pictures with the classes' names: Oxford pets, flowers, food, and the like.
public struct ClassifiedPictures: Dataset {
  public let classes: [String]
  public let pictures: PictureList<Int>
  public var count: Int { pictures.count }
  public func element(at index: Int) throws -> Labeled<Int> { try pictures.element(at: index) }

  init(_ classes: [String], _ items: [(path: String, target: Int)], _ transform: (@Sendable (Tensor) throws -> Tensor)?)
  {
    (self.classes, pictures) = (classes, PictureList(items, transform: transform))
  }

  /// Oxford-IIIT pets (Parkhi et al. 2012) in `root/oxford-iiit-pet`; split `trainval` or `test`. `binary` labels cats 0 and dogs 1.
  /// Same as `torchvision.datasets.OxfordIIITPet`.
  public static func oxfordPets(
    _ root: String, split: String = "trainval", binary: Bool = false,
    transform: (@Sendable (Tensor) throws -> Tensor)? = nil
  ) throws -> ClassifiedPictures {
    let entries = try petEntries(root, split)
    let base = root + "/oxford-iiit-pet"
    // A class's name is in its pictures' names: great_pyrenees_12 is a Great Pyrenees.
    var names: [Int: String] = [:]
    for entry in entries {
      let words = entry.name.split(separator: "_").dropLast()
      names[entry.label] = words.map { $0.prefix(1).uppercased() + $0.dropFirst().lowercased() }.joined(separator: " ")
    }
    let classes = (1...max(names.keys.max() ?? 1, 1)).map { names[$0] ?? "class \($0)" }
    return ClassifiedPictures(
      binary ? ["Cat", "Dog"] : classes,
      entries.map { ("\(base)/images/\($0.name).jpg", (binary ? $0.species : $0.label) - 1) }, transform)
  }

  /// Oxford pets with their trimaps: target is the path of a grey PNG whose pixels are 1 pet, 2 background, 3 border. Same as
  /// `OxfordIIITPet(target_types="segmentation")`.
  public static func oxfordPetTrimaps(
    _ root: String, split: String = "trainval", transform: (@Sendable (Tensor) throws -> Tensor)? = nil
  ) throws -> PictureList<String> {
    let base = root + "/oxford-iiit-pet"
    return PictureList(
      try petEntries(root, split).map {
        ("\(base)/images/\($0.name).jpg", "\(base)/annotations/trimaps/\($0.name).png")
      },
      transform: transform)
  }

  private static func petEntries(_ root: String, _ split: String) throws -> [(name: String, label: Int, species: Int)] {
    guard ["trainval", "test"].contains(split) else {
      throw DatasetError("Oxford pets: the split must be trainval or test, got '\(split)'")
    }
    let path = "\(root)/oxford-iiit-pet/annotations/\(split).txt"
    try DatasetFiles.require([path], "expected the folders images and annotations of the data set")
    return try DatasetFiles.lines(path).filter { !$0.hasPrefix("#") }.enumerated().map { number, line in
      let field = line.split(separator: " ")
      guard field.count >= 3, let label = Int(field[1]), let species = Int(field[2]), (1...1000).contains(label),
        (1...2).contains(species)
      else {
        throw DatasetError("\(path): line \(number + 1) is not a name, a class and a species: '\(line.prefix(60))'")
      }
      return (String(field[0]), label, species)
    }
  }

  /// Oxford 102 flowers (Nilsback and Zisserman 2008) in `root/flowers-102`; split `train`, `val` or `test`. The files give numbers,
  /// no names. Same as `torchvision.datasets.Flowers102`.
  public static func flowers102(
    _ root: String, split: String = "train", transform: (@Sendable (Tensor) throws -> Tensor)? = nil
  ) throws -> ClassifiedPictures {
    guard let key = ["train": "trnid", "val": "valid", "test": "tstid"][split] else {
      throw DatasetError("Flowers102: the split must be train, val or test, got '\(split)'")
    }
    let base = root + "/flowers-102"
    try DatasetFiles.require(["\(base)/setid.mat", "\(base)/imagelabels.mat"], "expected the data set's files")
    guard let ids = try MatFile("\(base)/setid.mat")[key], let labels = try MatFile("\(base)/imagelabels.mat")["labels"]
    else {
      throw DatasetError("\(base): setid.mat must have \(key) in it and imagelabels.mat labels")
    }
    let all = labels.flatten().array(Int.self)
    let items = try ids.flatten().array(Int.self).map { id -> (path: String, target: Int) in
      guard (1...all.count).contains(id), (1...102).contains(all[id - 1]) else {
        throw DatasetError("\(base)/setid.mat: picture \(id) has no label in imagelabels.mat")
      }
      let digits = String(id)
      return (
        "\(base)/jpg/image_\(String(repeating: "0", count: max(5 - digits.count, 0)))\(digits).jpg", all[id - 1] - 1
      )
    }
    return ClassifiedPictures((1...102).map { "flower \($0)" }, items, transform)
  }

  /// Food-101 (Bossard et al. 2014) in `root/food-101`; split `train` or `test`. Same as `torchvision.datasets.Food101`.
  public static func food101(
    _ root: String, split: String = "train", transform: (@Sendable (Tensor) throws -> Tensor)? = nil
  ) throws -> ClassifiedPictures {
    guard ["train", "test"].contains(split) else {
      throw DatasetError("Food101: the split must be train or test, got '\(split)'")
    }
    let base = root + "/food-101"
    let path = "\(base)/meta/\(split).json"
    try DatasetFiles.require([path], "expected the folders images and meta of the data set")
    guard let members = try DatasetFiles.json(path).members else {
      throw DatasetError("\(path): expected an object of classes")
    }
    let classes = DatasetFiles.sorted(members.map(\.name))
    let labels = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    var items: [(path: String, target: Int)] = []
    for member in members {
      guard let names = member.value.elements?.map(\.text), !names.contains(where: { $0 == nil }) else {
        throw DatasetError("\(path): '\(member.name)' is not a list of names")
      }
      items += names.map { ("\(base)/images/\($0!).jpg", labels[member.name]!) }
    }
    return ClassifiedPictures(classes, items, transform)
  }
}

/// Faces with forty attributes (Liu et al. 2015) in `root/celeba`. Same as `torchvision.datasets.CelebA`.
public struct CelebA: Dataset {
  /// What is known of a face.
  public struct Face: Sendable {
    /// 0 or 1 for each of `attributeNames`.
    public var attributes: [Int]
    public var identity: Int
    /// Left, top, width, height.
    public var box: [Int]
    /// x and y of the eyes, the nose and the mouth's corners.
    public var landmarks: [Int]
  }

  public let attributeNames: [String]
  public let pictures: PictureList<Face>
  public var count: Int { pictures.count }
  public func element(at index: Int) throws -> Labeled<Face> { try pictures.element(at: index) }

  /// - Parameter split: `train`, `valid`, `test` or `all`.
  /// - Throws: `DatasetError` when a text file is missing or the files do not belong together.
  public init(_ root: String, split: String = "train", transform: (@Sendable (Tensor) throws -> Tensor)? = nil) throws {
    guard let part = ["train": 0, "valid": 1, "test": 2, "all": -1][split] else {
      throw DatasetError("CelebA: the split must be train, valid, test or all, got '\(split)'")
    }
    let base = root + "/celeba"
    let files = [
      "list_eval_partition", "identity_CelebA", "list_bbox_celeba", "list_landmarks_align_celeba", "list_attr_celeba",
    ]
    try DatasetFiles.require(files.map { "\(base)/\($0).txt" }, "expected the data set's text files")
    let partition = try CelebA.table(base, files[0], header: false)
    let identity = try CelebA.table(base, files[1], header: false)
    let boxes = try CelebA.table(base, files[2], header: true)
    let landmarks = try CelebA.table(base, files[3], header: true)
    let attributes = try CelebA.table(base, files[4], header: true)
    attributeNames = attributes.columns
    var items: [(path: String, target: Face)] = []
    for (row, name) in partition.names.enumerated() where part < 0 || partition.rows[row].first == part {
      func values(_ table: Table, _ file: String, _ count: Int) throws -> [Int] {
        guard row < table.names.count, table.names[row] == name, table.rows[row].count == count else {
          throw DatasetError(
            "\(base)/\(file).txt: row \(row + 1) does not belong to \(name) or has not \(count) numbers")
        }
        return table.rows[row]
      }
      let face = Face(
        attributes: try values(attributes, files[4], attributeNames.count).map { $0 > 0 ? 1 : 0 },
        identity: try values(identity, files[1], 1)[0], box: try values(boxes, files[2], 4),
        landmarks: try values(landmarks, files[3], 10))
      items.append(("\(base)/img_align_celeba/\(name)", face))
    }
    pictures = PictureList(items, transform: transform)
  }

  private typealias Table = (columns: [String], names: [String], rows: [[Int]])

  /// Rows of a name and whole numbers; with `header`, below a line with their count and one with the columns' names.
  private static func table(_ base: String, _ file: String, header: Bool) throws -> Table {
    let path = "\(base)/\(file).txt"
    var lines = try DatasetFiles.lines(path)[...]
    var columns: [String] = []
    if header {
      guard lines.count >= 2 else { throw DatasetError("\(path): the header is missing") }
      columns = lines[lines.startIndex + 1].split(separator: " ").map(String.init)
      lines = lines.dropFirst(2)
    }
    var (names, rows): ([String], [[Int]]) = ([], [])
    for (number, line) in lines.enumerated() {
      let field = line.split(separator: " ")
      let values = field.dropFirst().map { Int($0) }
      guard !field.isEmpty, !values.contains(where: { $0 == nil }) else {
        throw DatasetError("\(path): row \(number + 1) is not a name and whole numbers: '\(line.prefix(60))'")
      }
      names.append(String(field[0]))
      rows.append(values.map { $0! })
    }
    return (columns, names, rows)
  }
}
