import Firefinch
import Glibc

/// Zalando's 60,000 + 10,000 pictures of clothes, 28x28 grey, ten classes, in MNIST's IDX files. Same as
/// `torchvision.datasets.FashionMNIST`, read from a folder; Debian's package `dataset-fashion-mnist` installs one.
public struct FashionMNIST: Sendable {
  /// The pictures' classes by label.
  public static let classes = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  ]
  /// Where Debian's package puts the files.
  public static let systemDirectory = "/usr/share/datasets/fashion-mnist"
  /// Mean and standard deviation of the training pictures, pixels in 0...1.
  public static let mean = 0.2860, std = 0.3530

  /// uint8, shape (N, 28, 28).
  public let images: Tensor
  /// int64, shape (N).
  public let labels: Tensor

  /// Reads the training or the test part from `directory`. Throws when a file is missing, truncated or not IDX, and when
  /// pictures and labels do not belong together.
  public init(directory: String = FashionMNIST.systemDirectory, train: Bool) throws {
    let part = train ? "train" : "t10k"
    images = try FashionMNIST.read(directory, "\(part)-images-idx3-ubyte")
    let read = try FashionMNIST.read(directory, "\(part)-labels-idx1-ubyte")
    guard images.rank == 3, images.size(1) == 28, images.size(2) == 28 else {
      throw DatasetError("\(directory)/\(part)-images: expected pictures of 28 x 28, got shape \(images.shape)")
    }
    guard read.rank == 1, read.size(0) == images.size(0) else {
      throw DatasetError(
        "\(directory)/\(part)-labels: expected \(images.size(0)) labels, one a picture, got shape \(read.shape)")
    }
    labels = read.to(.int64)
    let largest = labels.elementCount > 0 ? labels.array(Int.self).max()! : 0
    if largest > 9 { throw DatasetError("\(directory)/\(part)-labels: label \(largest) is out of range, expected 0 to 9") }
  }

  private init(images: Tensor, labels: Tensor) {
    self.images = images
    self.labels = labels
  }

  public var count: Int { images.size(0) }

  /// The first `count` pictures, or all if there are fewer.
  public func prefix(_ count: Int) -> FashionMNIST {
    let kept = min(count, self.count)
    return FashionMNIST(
      images: images.slice(dim: 0, end: kept).contiguous(), labels: labels.slice(dim: 0, end: kept).contiguous())
  }

  /// Pictures as the models want them: float32 (N, 1, 28, 28), mean 0 and deviation 1.
  public static func normalise(_ images: Tensor) -> Tensor {
    let x = images.to(.float32).unsqueeze(dim: 1)
    return (x * (1 / (255 * std))).sub_(mean / std)
  }

  private static func read(_ directory: String, _ name: String) throws -> Tensor {
    for suffix in [".gz", ""] where access("\(directory)/\(name)\(suffix)", F_OK) == 0 {
      return try IDX.read("\(directory)/\(name)\(suffix)")
    }
    throw DatasetError(
      "\(directory): \(name)(.gz) is not there; install Debian's dataset-fashion-mnist or name the folder with --data")
  }
}
