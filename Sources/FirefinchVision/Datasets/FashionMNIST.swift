import Firefinch

/// Zalando's 60,000 + 10,000 pictures of clothes, 28x28 grey, ten classes, as the commands train on them. Same as
/// `torchvision.datasets.FashionMNIST`; Debian's package `dataset-fashion-mnist` installs the files.
public struct FashionMNIST: Sendable {
  /// The pictures' classes by label.
  public static let classes = MNIST.Kind.fashion.classes
  /// Where Debian's package puts the files.
  public static let systemDirectory = "/usr/share/datasets/fashion-mnist"
  /// Mean and standard deviation of the training pictures, pixels in 0...1.
  public static let mean = 0.2860, std = 0.3530

  private let pictures: MNIST
  /// uint8, shape (N, 28, 28).
  public var images: Tensor { pictures.images }
  /// int64, shape (N).
  public var labels: Tensor { pictures.labels }
  public var count: Int { pictures.count }

  /// Reads the training or the test part from `directory`; errors are `MNIST`'s.
  public init(directory: String = FashionMNIST.systemDirectory, train: Bool) throws {
    pictures = try MNIST(.fashion, root: directory, train: train)
  }

  private init(_ pictures: MNIST) { self.pictures = pictures }

  /// The first `count` pictures, or all if there are fewer.
  public func prefix(_ count: Int) -> FashionMNIST { FashionMNIST(pictures.prefix(count)) }

  /// Pictures as the models want them: float32 (N, 1, 28, 28), mean 0 and deviation 1.
  public static func normalise(_ images: Tensor) -> Tensor {
    let x = images.to(.float32).unsqueeze(dim: 1)
    return (x * (1 / (255 * std))).sub_(mean / std)
  }
}
