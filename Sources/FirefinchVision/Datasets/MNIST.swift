import Firefinch
import Foundation

/// MNIST and its relatives: grey pictures of 28x28 in IDX files, plain or gzipped. Same as `torchvision.datasets.MNIST`,
/// `FashionMNIST`, `KMNIST` and `EMNIST`, whose folders (`root/MNIST/raw`) are found as well as files in `root` itself.
public struct MNIST: Dataset {
  public enum Kind: Sendable, Equatable {
    /// Handwritten digits (LeCun et al. 1998).
    case mnist
    /// Clothes (Xiao et al. 2017).
    case fashion
    /// Cursive Japanese characters (Clanuwat et al. 2018).
    case kmnist
    /// Letters and digits (Cohen et al. 2017). Pictures are transposed in these files, as torchvision gives them.
    case emnist(Split)

    /// How EMNIST's characters are counted as classes.
    public enum Split: String, Sendable, CaseIterable { case byclass, bymerge, balanced, letters, digits, mnist }

    /// The classes' names by label.
    public var classes: [String] {
      func characters(_ text: String) -> [String] { text.map(String.init) }
      let digits = characters("0123456789")
      let capitals = characters("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), small = characters("abcdefghijklmnopqrstuvwxyz")
      switch self {
      case .mnist:
        return zip(digits, ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]).map {
          "\($0) - \($1)"
        }
      case .fashion:
        return [
          "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ]
      case .kmnist: return ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
      case .emnist(let split):
        switch split {
        case .byclass: return digits + capitals + small
        // Small letters that look like their capitals are counted with them.
        case .bymerge, .balanced: return digits + capitals + characters("abdefghnqrt")
        case .letters: return ["N/A"] + small
        case .digits, .mnist: return digits
        }
      }
    }

    fileprivate var folder: String {
      switch self {
      case .mnist: "MNIST"
      case .fashion: "FashionMNIST"
      case .kmnist: "KMNIST"
      case .emnist: "EMNIST"
      }
    }

    fileprivate func file(train: Bool, _ part: String) -> String {
      if case .emnist(let split) = self { return "emnist-\(split.rawValue)-\(train ? "train" : "test")-\(part)" }
      return "\(train ? "train" : "t10k")-\(part)"
    }
  }

  public let kind: Kind
  /// uint8, shape (N, 28, 28).
  public let images: Tensor
  /// int64, shape (N).
  public let labels: Tensor
  public var classes: [String] { kind.classes }

  /// Reads the training or the test part. Throws `DatasetError` or `FileError` when a file is missing, truncated or not IDX, and
  /// when pictures and labels do not belong together.
  public init(_ kind: Kind, root: String, train: Bool) throws {
    self.kind = kind
    let (pictures, picturesPath) = try MNIST.read(root, kind, kind.file(train: train, "images-idx3-ubyte"))
    let (read, labelsPath) = try MNIST.read(root, kind, kind.file(train: train, "labels-idx1-ubyte"))
    guard pictures.rank == 3, pictures.size(1) == 28, pictures.size(2) == 28, pictures.dtype == .uint8 else {
      throw DatasetError(
        "\(picturesPath): expected pictures of 28 x 28 bytes, got \(pictures.dtype) of shape \(pictures.shape)")
    }
    guard read.rank == 1, read.size(0) == pictures.size(0) else {
      throw DatasetError("\(labelsPath): expected \(pictures.size(0)) labels, one a picture, got shape \(read.shape)")
    }
    (images, labels) = (pictures, read.to(.int64))
    let numbers = labels.array(Int.self)
    let limit = kind.classes.count
    if let wrong = numbers.first(where: { !(0..<limit).contains($0) }) {
      throw DatasetError("\(labelsPath): label \(wrong) is out of range, expected 0 to \(limit - 1)")
    }
  }

  private init(_ kind: Kind, _ images: Tensor, _ labels: Tensor) {
    (self.kind, self.images, self.labels) = (kind, images, labels)
  }

  public var count: Int { images.size(0) }
  /// The picture as uint8 (1, 28, 28).
  public func element(at index: Int) throws -> Labeled<Int> {
    Labeled(images.select(dim: 0, index).unsqueeze(dim: 0), labels[index].intValue)
  }

  /// The first `count` pictures, or all if there are fewer.
  public func prefix(_ count: Int) -> MNIST {
    let kept = min(count, self.count)
    return MNIST(kind, images.slice(dim: 0, end: kept).contiguous(), labels.slice(dim: 0, end: kept).contiguous())
  }

  private static func read(_ root: String, _ kind: Kind, _ name: String) throws -> (Tensor, String) {
    for folder in [root, "\(root)/\(kind.folder)/raw"] {
      for suffix in [".gz", ""] where access("\(folder)/\(name)\(suffix)", F_OK) == 0 {
        return (try IDX.read("\(folder)/\(name)\(suffix)"), "\(folder)/\(name)\(suffix)")
      }
    }
    let hint =
      kind == .fashion
      ? "install Debian's dataset-fashion-mnist or name the folder with --data" : "is the folder right?"
    throw DatasetError("\(root): \(name)(.gz) is not there; \(hint)")
  }
}
