import Firefinch
import Foundation

/// Pascal VOC (Everingham et al. 2010) in `root/VOCdevkit/VOC<year>`. Same as `torchvision.datasets.VOCDetection` and
/// `VOCSegmentation`.
public enum VOC {
  /// An object on a picture.
  public struct Object: Sendable, Equatable {
    public var name: String
    public var pose: String
    public var isTruncated: Bool
    public var isDifficult: Bool
    /// Left, top, right, bottom in pixels, counted from 1 as in the files.
    public var box: [Double]
  }

  /// A picture's annotation file.
  public struct Annotation: Sendable, Equatable {
    public var filename: String
    public var width: Int, height: Int, depth: Int
    public var objects: [Object]

    /// Reads an XML file. Throws `FileError` or `DatasetError`.
    public init(file path: String) throws {
      let root = try XML.load(path)
      func problem(_ what: String) -> DatasetError { DatasetError("\(path): \(what)") }
      guard root.name == "annotation" else { throw problem("the root element is \(root.name), expected annotation") }
      func number(_ element: XMLElement?, _ name: String) throws -> Double {
        guard let value = element?[name].flatMap({ Double($0.text) }), value.isFinite else {
          throw problem("a number \(name) is missing")
        }
        return value
      }
      filename = root["filename"]?.text ?? ""
      let size = root["size"]
      let sides = try ["width", "height", "depth"].map { try number(size, $0) }
      guard sides.allSatisfy({ $0 >= 0 && $0 < 1e6 }) else { throw problem("the size \(sides) is out of range") }
      (width, height, depth) = (Int(sides[0]), Int(sides[1]), Int(sides[2]))
      objects = try root.all("object").map { object in
        guard let name = object["name"]?.text, !name.isEmpty else { throw problem("an object without a name") }
        let box = object["bndbox"]
        return Object(
          name: name, pose: object["pose"]?.text ?? "", isTruncated: object["truncated"]?.text == "1",
          isDifficult: object["difficult"]?.text == "1",
          box: try ["xmin", "ymin", "xmax", "ymax"].map { try number(box, $0) })
      }
    }
  }

  private static func base(_ root: String, _ year: String) throws -> String {
    guard (2007...2012).contains(Int(year.prefix(4)) ?? 0) else {
      throw DatasetError("VOC: the year must be 2007 to 2012, got '\(year)'")
    }
    // 2011's archive has a folder more.
    let path = year == "2011" ? "\(root)/TrainVal/VOCdevkit/VOC2011" : "\(root)/VOCdevkit/VOC\(year.prefix(4))"
    if !DatasetFiles.isFolder(path) { throw DatasetError("\(path): the folder is not there; is the root right?") }
    return path
  }

  private static func names(_ base: String, _ kind: String, _ imageSet: String) throws -> [String] {
    guard ["train", "val", "trainval", "test"].contains(imageSet) else {
      throw DatasetError("VOC: the image set must be train, val, trainval or test, got '\(imageSet)'")
    }
    return try DatasetFiles.lines("\(base)/ImageSets/\(kind)/\(imageSet).txt").map { line in
      line.split(separator: " ").first.map(String.init) ?? ""
    }.filter { !$0.isEmpty }
  }

  /// Pictures with their annotations. Throws when a file is missing or damaged.
  public static func detection(
    _ root: String, year: String = "2012", imageSet: String = "train",
    transform: (@Sendable (Tensor) throws -> Tensor)? = nil
  ) throws -> PictureList<Annotation> {
    let base = try base(root, year)
    return PictureList(
      try names(base, "Main", imageSet).map { name in
        ("\(base)/JPEGImages/\(name).jpg", try Annotation(file: "\(base)/Annotations/\(name).xml"))
      }, transform: transform)
  }

  /// Pictures with the paths of their class maps, PNG files whose palette indices are the classes (255: not counted); read them
  /// with `classMap`.
  public static func segmentation(
    _ root: String, year: String = "2012", imageSet: String = "train",
    transform: (@Sendable (Tensor) throws -> Tensor)? = nil
  ) throws -> PictureList<String> {
    let base = try base(root, year)
    return PictureList(
      try names(base, "Segmentation", imageSet).map { name in
        ("\(base)/JPEGImages/\(name).jpg", "\(base)/SegmentationClass/\(name).png")
      }, transform: transform)
  }

  /// The color of class `index` in VOC's palette: bits of the index spread over red, green and blue.
  public static func color(_ index: Int) -> [UInt8] {
    var (color, rest) = ([UInt8](repeating: 0, count: 3), index)
    for bit in 0..<8 {
      for channel in 0..<3 where rest >> channel & 1 == 1 { color[channel] |= UInt8(1 << (7 - bit)) }
      rest >>= 3
    }
    return color
  }

  /// A class map (H, W) uint8 from a picture in VOC's palette. Throws for colors that are not in it.
  public static func classMap(_ path: String) throws -> Tensor {
    let image = try Image.read(path, mode: .rgb)
    var classes: [Int: UInt8] = [:]
    for index in 0..<256 {
      let c = VOC.color(index)
      classes[Int(c[0]) << 16 | Int(c[1]) << 8 | Int(c[2])] = UInt8(index)
    }
    let map = try (0..<image.width * image.height).map { i -> UInt8 in
      let key = Int(image.pixels[3 * i]) << 16 | Int(image.pixels[3 * i + 1]) << 8 | Int(image.pixels[3 * i + 2])
      guard let index = classes[key] else {
        throw DatasetError("\(path): a pixel's color \(String(key, radix: 16)) is not in VOC's palette")
      }
      return index
    }
    return Tensor(map, shape: [image.height, image.width])
  }
}
