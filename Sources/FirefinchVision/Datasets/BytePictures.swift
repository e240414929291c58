import Firefinch
import Foundation

/// Small pictures that a data set keeps in memory as bytes: CIFAR, SVHN, STL10.
public struct BytePictures: Dataset {
  /// uint8, (N, 3, H, W).
  public let images: Tensor
  /// int64, (N).
  public let labels: Tensor
  /// The classes' names by label.
  public let classes: [String]

  public var count: Int { images.size(0) }
  public func element(at index: Int) throws -> Labeled<Int> {
    Labeled(images.select(dim: 0, index), labels[index].intValue)
  }

  init(_ images: Tensor, _ labels: [Int], _ classes: [String], _ path: String, allowsUnlabeled: Bool = false) throws {
    if images.size(0) != labels.count {
      throw DatasetError("\(path): expected one label for each of \(images.size(0)) pictures, got \(labels.count)")
    }
    let lowest = allowsUnlabeled ? -1 : 0
    if let wrong = labels.first(where: { $0 < lowest || $0 >= classes.count }) {
      throw DatasetError("\(path): label \(wrong) is out of range, expected \(lowest) to \(classes.count - 1)")
    }
    (self.images, self.labels, self.classes) = (images, Tensor(labels, shape: [labels.count]), classes)
  }
}

extension BytePictures {
  /// CIFAR-10 (Krizhevsky 2009) in its Python version, from `root/cifar-10-batches-py` or `root` itself. Same as
  /// `torchvision.datasets.CIFAR10`.
  public static func cifar10(_ root: String, train: Bool) throws -> BytePictures {
    let files = train ? (1...5).map { "data_batch_\($0)" } : ["test_batch"]
    return try cifar(root, "cifar-10-batches-py", files, labels: "labels", meta: "batches.meta", names: "label_names")
  }

  /// CIFAR-100 (Krizhevsky 2009), from `root/cifar-100-python` or `root` itself; `coarse` takes the 20 groups as labels. Same as
  /// `torchvision.datasets.CIFAR100`.
  public static func cifar100(_ root: String, train: Bool, coarse: Bool = false) throws -> BytePictures {
    let kind = coarse ? "coarse" : "fine"
    return try cifar(
      root, "cifar-100-python", [train ? "train" : "test"], labels: "\(kind)_labels", meta: "meta",
      names: "\(kind)_label_names")
  }

  private static func cifar(
    _ root: String, _ folder: String, _ files: [String], labels key: String, meta: String, names: String
  ) throws -> BytePictures {
    let inner = "\(root)/\(folder)"
    let base = DatasetFiles.isFolder(inner) ? inner : root
    try DatasetFiles.require((files + [meta]).map { "\(base)/\($0)" }, "expected the Python version of the data set")
    func field(_ value: StateValue, _ name: String, _ path: String) throws -> StateValue {
      guard let found = value[.string(name)] else { throw DatasetError("\(path): there is no '\(name)' in it") }
      return found
    }
    let metaPath = "\(base)/\(meta)"
    let classes = try (field(try PickleFile.load(metaPath), names, metaPath).elements ?? []).compactMap {
      if case .string(let text) = $0 { text } else { nil }
    }
    if classes.isEmpty { throw DatasetError("\(metaPath): \(names) is not a list of names") }
    var images: [Tensor] = []
    var labels: [Int] = []
    for file in files {
      let path = "\(base)/\(file)"
      let batch = try PickleFile.load(path)
      guard let data = try field(batch, "data", path).tensor, data.dtype == .uint8, data.rank == 2, data.size(1) == 3072
      else {
        throw DatasetError("\(path): data is not an array of bytes of shape (N, 3072)")
      }
      images.append(data.reshape([data.size(0), 3, 32, 32]))
      guard let own = try field(batch, key, path).elements?.map(\.integer), !own.contains(where: { $0 == nil }) else {
        throw DatasetError("\(path): \(key) is not a list of whole numbers")
      }
      labels += own.map { $0! }
    }
    return try BytePictures(Tensor.cat(images, dim: 0), labels, classes, base)
  }

  /// Street View House Numbers, cropped digits (Netzer et al. 2011): `root/train_32x32.mat` and the like; split `train`, `test` or
  /// `extra`. Same as `torchvision.datasets.SVHN`.
  public static func svhn(_ root: String, split: String) throws -> BytePictures {
    guard ["train", "test", "extra"].contains(split) else {
      throw DatasetError("SVHN: the split must be train, test or extra, got '\(split)'")
    }
    let path = "\(root)/\(split)_32x32.mat"
    try DatasetFiles.require([path], "it is one of the cropped digits' files")
    let file = try MatFile(path)
    guard let x = file["X"], x.rank == 4, x.size(2) == 3, let y = file["y"] else {
      throw DatasetError(
        "\(path): expected X of shape (32, 32, 3, N) and y in it, found \(file.names.joined(separator: ", "))")
    }
    // The digit 0 is written as 10.
    let labels = y.flatten().array(Int.self).map { $0 == 10 ? 0 : $0 }
    return try BytePictures(x.to(.uint8).permute(3, 2, 0, 1).contiguous(), labels, (0..<10).map(String.init), path)
  }

  /// STL-10 (Coates et al. 2011) in its binary version, from `root/stl10_binary` or `root` itself; split `train`, `test` or
  /// `unlabeled` (whose labels are -1). Same as `torchvision.datasets.STL10`.
  public static func stl10(_ root: String, split: String) throws -> BytePictures {
    guard ["train", "test", "unlabeled"].contains(split) else {
      throw DatasetError("STL10: the split must be train, test or unlabeled, got '\(split)'")
    }
    let inner = "\(root)/stl10_binary"
    let base = DatasetFiles.isFolder(inner) ? inner : root
    let path = "\(base)/\(split)_X.bin"
    try DatasetFiles.require([path, "\(base)/class_names.txt"], "expected STL-10's binary version")
    let size = 3 * 96 * 96
    let images = try MappedFile.read(path) { bytes in
      if bytes.count % size != 0 {
        throw FileError(path: path, message: "\(bytes.count) bytes are no whole number of pictures of \(size)")
      }
      // Columns come first in these files.
      return Tensor(Array(bytes), shape: [bytes.count / size, 3, 96, 96]).transpose(2, 3).contiguous()
    }
    var labels = [Int](repeating: -1, count: images.size(0))
    if split != "unlabeled" {
      labels = try MappedFile.read("\(base)/\(split)_y.bin") { bytes in bytes.map { Int($0) - 1 } }
    }
    let classes = try DatasetFiles.lines("\(base)/class_names.txt")
    return try BytePictures(images, labels, classes, path, allowsUnlabeled: split == "unlabeled")
  }
}
