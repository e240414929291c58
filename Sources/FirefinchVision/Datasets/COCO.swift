import Firefinch
import Foundation

/// COCO's annotation files (Lin et al. 2014): detection, segmentation and captions. Same as `torchvision.datasets.CocoDetection` and
/// `CocoCaptions`, without pycocotools.
public struct COCO: Dataset {
  /// An object, or a caption, on a picture.
  public struct Annotation: Sendable {
    public var id: Int
    /// 0 for captions.
    public var categoryID: Int
    /// Left, top, width, height in pixels; empty for captions.
    public var box: [Double]
    public var area: Double
    public var isCrowd: Bool
    public var caption: String
    public var segmentation: Segmentation
  }

  /// An object's outline.
  public enum Segmentation: Sendable, Equatable {
    case none
    /// x and y of each corner in turn.
    case polygons([[Double]])
    /// Runs of background and object in turn, down the columns.
    case runs([Int], height: Int, width: Int)
  }

  /// Names by category number.
  public let categories: [Int: String]
  public let pictures: PictureList<[Annotation]>
  public var count: Int { pictures.count }
  public func element(at index: Int) throws -> Labeled<[Annotation]> { try pictures.element(at: index) }

  /// - Parameters:
  ///   - root: the folder of the pictures.
  ///   - annotations: a file such as `instances_val2017.json` or `captions_val2017.json`.
  /// - Throws: `FileError` for damaged JSON, `DatasetError` for annotations that do not hold together.
  public init(root: String, annotations path: String, transform: (@Sendable (Tensor) throws -> Tensor)? = nil) throws {
    let file = try DatasetFiles.json(path)
    func problem(_ what: String) -> DatasetError { DatasetError("\(path): \(what)") }
    guard let images = file["images"]?.elements, let list = file["annotations"]?.elements else {
      throw problem("expected lists 'images' and 'annotations'")
    }
    var names: [Int: String] = [:]
    for category in file["categories"]?.elements ?? [] {
      if let id = category["id"]?.integer, let name = category["name"]?.text { names[id] = name }
    }
    categories = names
    var byImage: [Int: [Annotation]] = [:]
    for (index, value) in list.enumerated() {
      guard let id = value["id"]?.integer, let image = value["image_id"]?.integer else {
        throw problem("annotation \(index) has no id or image_id")
      }
      let box = value["bbox"]?.elements?.compactMap(\.number) ?? []
      if !box.isEmpty && box.count != 4 { throw problem("annotation \(id): bbox has \(box.count) numbers, expected 4") }
      byImage[image, default: []].append(
        Annotation(
          id: id, categoryID: value["category_id"]?.integer ?? 0, box: box, area: value["area"]?.number ?? 0,
          isCrowd: value["iscrowd"]?.integer == 1, caption: value["caption"]?.text ?? "",
          segmentation: try COCO.segmentation(value["segmentation"], "\(path): annotation \(id)")))
    }
    var items: [(id: Int, path: String)] = []
    for (index, image) in images.enumerated() {
      guard let id = image["id"]?.integer, let name = image["file_name"]?.text else {
        throw problem("image \(index) has no id or file_name")
      }
      items.append((id, "\(root)/\(name)"))
    }
    // torchvision goes through the pictures by their numbers.
    items.sort { $0.id < $1.id }
    pictures = PictureList(items.map { ($0.path, byImage[$0.id] ?? []) }, transform: transform)
  }

  private static func segmentation(_ value: JSONValue?, _ place: String) throws -> Segmentation {
    guard let value else { return .none }
    if let polygons = value.elements {
      return .polygons(
        try polygons.map { polygon in
          let numbers = polygon.elements?.compactMap(\.number) ?? []
          guard numbers.count >= 6, numbers.count % 2 == 0 else {
            throw DatasetError("\(place): a polygon has \(numbers.count) numbers, expected an even count of at least 6")
          }
          return numbers
        })
    }
    guard let size = value["size"]?.elements?.compactMap(\.integer), size.count == 2,
      size.allSatisfy({ (0...1 << 16).contains($0) })
    else { throw DatasetError("\(place): the segmentation is neither polygons nor runs with a size") }
    let runs = try value["counts"].flatMap { counts -> [Int]? in
      if let text = counts.text { return try COCO.decompressed(text, place) }
      return counts.elements?.compactMap(\.integer)
    }
    guard let runs, runs.allSatisfy({ $0 >= 0 }), COCO.sum(runs) == size[0] * size[1] else {
      throw DatasetError("\(place): the runs do not fill the mask of \(size[0]) x \(size[1])")
    }
    return .runs(runs, height: size[0], width: size[1])
  }

  /// nil when the sum does not fit.
  private static func sum(_ runs: [Int]) -> Int? {
    runs.reduce(0 as Int?) { total, run in
      guard let total else { return nil }
      let (value, overflow) = total.addingReportingOverflow(run)
      return overflow ? nil : value
    }
  }

  /// Runs written as text: five bits a character, from the third on as differences to the one before the last.
  static func decompressed(_ text: String, _ place: String) throws -> [Int] {
    var runs: [Int] = []
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      var (value, shift, more) = (0, 0, true)
      while more {
        guard at < bytes.count, shift < 60, (48...111).contains(bytes[at]) else {
          throw DatasetError("\(place): the compressed runs are damaged at character \(at)")
        }
        let code = Int(bytes[at]) - 48
        value |= (code & 0x1F) << shift
        more = code & 0x20 != 0
        at += 1
        shift += 5
        if !more && code & 0x10 != 0 { value |= -1 << shift }
      }
      let (sum, overflow) = value.addingReportingOverflow(runs.count > 2 ? runs[runs.count - 2] : 0)
      if overflow { throw DatasetError("\(place): the compressed runs are out of range") }
      runs.append(sum)
    }
    return runs
  }
}

extension COCO.Segmentation {
  /// The object's pixels, bool (height, width); a polygon has those whose middle lies inside it. pycocotools rounds polygons'
  /// borders in its own way, so border pixels may differ.
  public func mask(height: Int, width: Int) -> Tensor {
    var pixels = [Bool](repeating: false, count: height * width)
    switch self {
    case .none: break
    case .runs(let runs, let h, let w):
      var place = 0
      for (index, run) in runs.enumerated() {
        if index % 2 == 1 {
          for p in place..<place + run where p % h < height && p / h < width && w > 0 {
            pixels[p % h * width + p / h] = true
          }
        }
        place += run
      }
    case .polygons(let polygons):
      for polygon in polygons { COCO.Segmentation.fill(polygon, height, width, &pixels) }
    }
    return Tensor(pixels, shape: [height, width])
  }

  /// Pixels between pairs of crossings of each row's middle.
  private static func fill(_ polygon: [Double], _ height: Int, _ width: Int, _ pixels: inout [Bool]) {
    let count = polygon.count / 2
    for row in 0..<height {
      let y = Double(row) + 0.5
      var crossings: [Double] = []
      for i in 0..<count {
        let j = (i + 1) % count
        let (x1, y1, x2, y2) = (polygon[2 * i], polygon[2 * i + 1], polygon[2 * j], polygon[2 * j + 1])
        if (y1 <= y) != (y2 <= y) { crossings.append(x1 + (y - y1) / (y2 - y1) * (x2 - x1)) }
      }
      crossings.sort()
      for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
        let from = max((crossings[pair] - 0.5).rounded(.up), 0),
          to = min((crossings[pair + 1] - 0.5).rounded(.up), Double(width))
        if from < to { for column in Int(from)..<Int(to) { pixels[row * width + column] = true } }
      }
    }
  }
}
