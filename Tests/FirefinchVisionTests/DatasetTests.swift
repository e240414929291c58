import Firefinch
import FirefinchTestSupport
import FirefinchVision
import Foundation
import Testing

/// Data sets in their published formats (a few pictures each, by goldens/make_datasets.py) against what torchvision reads.
@Suite struct DatasetTests {
  static let root = Golden.url("datasets").path

  private func golden(_ name: String) throws -> Golden { try Golden.load("datasets.json")[name] }

  /// Sums of the pictures' bytes; JPEG decoders may round single values differently.
  private func expect<D: Dataset, T>(
    _ data: D, _ want: Golden, _ name: String, slack: Int = 0, _ same: (T, Golden) -> Bool
  ) throws
  where D.Element == Labeled<T> {
    #expect(data.count == want.list.count, "\(name)")
    for (index, item) in want.list.enumerated() {
      let got = try data.element(at: index)
      let sum = got.image.to(.int64).sum().intValue
      #expect(abs(sum - item["sum"].int) <= slack, "\(name) \(index): sum \(sum), expected \(item["sum"].int)")
      #expect(same(got.target, item["target"]), "\(name) \(index): target \(got.target)")
    }
  }

  private func expectLabels<D: Dataset>(_ data: D, _ want: Golden, _ name: String) throws
  where D.Element == Labeled<Int> {
    try expect(data, want, name) { label, golden in label == golden.int }
  }

  @Test func imageFolder() throws {
    let want = try golden("folder")
    let data = try ImageFolder(DatasetTests.root + "/folder")
    #expect(data.classes == want["classes"].list.map(\.string) && data.classToIndex == ["cat": 0, "dog": 1])
    #expect(data.pictures.paths == want["files"].list.map { DatasetTests.root + "/folder/" + $0.string })
    try expectLabels(data, want["items"], "ImageFolder")
    // Nothing but pictures with one letter in their names.
    let chosen = try ImageFolder(
      DatasetTests.root + "/folder", isValid: { $0.hasSuffix("1.jpg") || $0.hasSuffix("b.jpg") })
    #expect(chosen.pictures.targets == [0, 1])
  }

  @Test func smallPicturesInMemory() throws {
    let root = DatasetTests.root
    try expectLabels(MNIST(.kmnist, root: root, train: true), golden("kmnist"), "KMNIST")
    try expectLabels(MNIST(.emnist(.letters), root: root, train: false), golden("emnist"), "EMNIST")
    try expectLabels(BytePictures.cifar10(root, train: true), golden("cifar10"), "CIFAR-10")
    try expectLabels(BytePictures.cifar100(root, train: false), golden("cifar100"), "CIFAR-100")
    try expectLabels(BytePictures.svhn(root, split: "train"), golden("svhn"), "SVHN")
    try expectLabels(BytePictures.stl10(root, split: "train"), golden("stl10"), "STL10")
    #expect(try BytePictures.cifar10(root, train: true).classes.count == 10)
    #expect(try BytePictures.cifar100(root, train: true, coarse: true).classes.count == 20)
  }

  @Test func fineGrainedClasses() throws {
    let root = DatasetTests.root
    let pets = try ClassifiedPictures.oxfordPets(root)
    #expect(try pets.classes == golden("pets")["classes"].list.map(\.string))
    try expectLabels(pets, golden("pets")["items"], "Oxford pets")
    #expect(try ClassifiedPictures.oxfordPets(root, binary: true).pictures.targets == [0, 1, 0])
    let trimap = try ClassifiedPictures.oxfordPetTrimaps(root).element(at: 1).target
    let values = try Image.read(trimap, mode: .grey).pixels
    #expect(Set(values) == [1, 2, 3])
    try expectLabels(ClassifiedPictures.flowers102(root), golden("flowers"), "Flowers102")
    let food = try ClassifiedPictures.food101(root)
    #expect(try food.classes == golden("food")["classes"].list.map(\.string))
    try expectLabels(food, golden("food")["items"], "Food101")
    #expect(try ClassifiedPictures.food101(root, split: "test").count == 0)
  }

  @Test func faces() throws {
    let want = try golden("celeba")
    let data = try CelebA(DatasetTests.root)
    #expect(data.attributeNames == want["names"].list.map(\.string))
    try expect(data, want["items"], "CelebA") { face, golden in
      [face.attributes, [face.identity], face.box, face.landmarks] == golden.list.map(\.ints)
    }
    #expect(try CelebA(DatasetTests.root, split: "valid").count == 1)
    #expect(try CelebA(DatasetTests.root, split: "all").count == 3)
  }

  @Test func pascalVOC() throws {
    let want = try golden("voc")
    let data = try VOC.detection(DatasetTests.root)
    let first = try data.element(at: 0)
    #expect(first.image.to(.int64).sum().intValue == want["sum"].int)
    #expect(first.target.width == 16 && first.target.height == 12 && first.target.objects.count == 2)
    for (object, golden) in zip(first.target.objects, want["objects"].list) {
      let box = golden["bndbox"]
      #expect(object.name == golden["name"].string)
      #expect(object.box == ["xmin", "ymin", "xmax", "ymax"].map { Double(box[$0].string) })
      #expect(object.isTruncated == (golden["truncated"].string == "1") && !object.isDifficult)
    }
    let map = try VOC.classMap(VOC.segmentation(DatasetTests.root).element(at: 0).target)
    #expect(map.flatten().array(Int.self) == want["mask"].ints)
  }

  @Test func coco() throws {
    let want = try golden("coco")
    let folder = DatasetTests.root + "/coco"
    let data = try COCO(root: folder, annotations: folder + "/instances.json")
    #expect(data.categories == [1: "person", 18: "dog"])
    // By picture number, not by their place in the file.
    let items = try (0..<data.count).map { try data.element(at: $0) }
    #expect(items.map { $0.image.to(.int64).sum().intValue } == want["sums"].ints)
    #expect(items[0].target.map(\.id) == [2, 3] && items[1].target[0].box == [1, 2, 5, 6.5])
    for annotation in items[0].target {
      #expect(annotation.isCrowd)
      #expect(annotation.segmentation.mask(height: 12, width: 16).flatten().array(Int.self) == want["runs"].ints)
    }
    // The rectangle from (2, 2) to (10, 8).
    let mask = items[1].target[0].segmentation.mask(height: 12, width: 16)
    #expect(
      mask.to(.int64).sum().intValue == 48 && mask[2, 2].intValue == 1 && mask[7, 9].intValue == 1
        && mask[8, 9].intValue == 0)
  }

  /// Workers decode in their own threads; the batches are the same as without them.
  @Test func loadersDecodeInThreads() throws {
    func batches(_ workers: Int) throws -> [[Tensor]] {
      let preset = VisionPreprocessing(crop: 8, resize: 10)
      let data = try ImageFolder(DatasetTests.root + "/folder", transform: { preset($0) })
      manualSeed(3)
      let loader = DataLoader(data.pictures, batchSize: 4, shuffle: true, workers: workers, collate: collatePictures)
      let iterator = loader.makeIterator()
      var result: [[Tensor]] = []
      while let batch = try iterator.next() { result.append(batch) }
      return result
    }
    let alone = try batches(0)
    #expect(alone.map { Array($0[0].shape) } == [[4, 3, 8, 8], [2, 3, 8, 8]])
    for workers in [1, 3] {
      for (a, b) in zip(alone, try batches(workers)) {
        #expect(a[0].array(Float.self) == b[0].array(Float.self) && a[1].array(Int.self) == b[1].array(Int.self))
      }
    }
  }

  // MARK: Mistakes and damage

  @Test func whatIsMissingIsNamed() {
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return ""
    }
    let root = DatasetTests.root
    #expect(message { _ = try ImageFolder(root + "/nowhere") }.contains("nowhere"))
    #expect(message { _ = try ImageFolder(root + "/coco") }.contains("there are no folders in it"))
    #expect(
      message { _ = try ImageFolder(root + "/cifar-100-python/..", isValid: { $0.hasSuffix(".tiff") }) }.contains(
        "no pictures"))
    #expect(message { _ = try MNIST(.mnist, root: root, train: true) }.contains("train-images-idx3-ubyte"))
    #expect(message { _ = try BytePictures.cifar10(root + "/coco", train: true) }.contains("data_batch_1 is not there"))
    #expect(message { _ = try BytePictures.svhn(root, split: "validation") }.contains("'validation'"))
    #expect(message { _ = try BytePictures.stl10(root, split: "test") }.contains("test_X.bin is not there"))
    #expect(message { _ = try ClassifiedPictures.flowers102(root, split: "all") }.contains("'all'"))
    #expect(message { _ = try VOC.detection(root, year: "2007") }.contains("VOC2007"))
    #expect(message { _ = try VOC.detection(root, imageSet: "val") }.contains("val.txt"))
    #expect(message { _ = try COCO(root: root, annotations: root + "/coco/none.json") }.contains("none.json"))
  }

  /// Thousands of damaged index files: each reads or throws.
  @Test func damagedFilesThrowOrLoad() throws {
    let readers: [(file: String, read: (String) throws -> Void)] = [
      ("KMNIST/raw/train-labels-idx1-ubyte", { _ = try MNIST(.kmnist, root: $0, train: true) }),
      ("cifar-100-python/test", { _ = try BytePictures.cifar100($0, train: false) }),
      ("cifar-100-python/meta", { _ = try BytePictures.cifar100($0, train: false) }),
      ("train_32x32.mat", { _ = try BytePictures.svhn($0, split: "train") }),
      ("flowers-102/setid.mat", { _ = try ClassifiedPictures.flowers102($0) }),
      ("oxford-iiit-pet/annotations/trainval.txt", { _ = try ClassifiedPictures.oxfordPets($0) }),
      ("food-101/meta/train.json", { _ = try ClassifiedPictures.food101($0) }),
      ("celeba/list_attr_celeba.txt", { _ = try CelebA($0) }),
      ("VOCdevkit/VOC2012/Annotations/2007_000027.xml", { _ = try VOC.detection($0) }),
      (
        "coco/instances.json",
        { root in
          let data = try COCO(root: root + "/coco", annotations: root + "/coco/instances.json")
          for target in data.pictures.targets.joined() { _ = target.segmentation.mask(height: 12, width: 16) }
        }
      ),
    ]
    let folder = try TemporaryFolder()
    let copy = folder.file("datasets")
    try FileManager.default.copyItem(atPath: DatasetTests.root, toPath: copy)
    var random = Damage.Random(5)
    for (file, read) in readers {
      let path = URL(fileURLWithPath: copy + "/" + file)
      let whole = [UInt8](try Data(contentsOf: path))
      var loaded = 0
      for _ in 0..<250 * Damage.effort {
        try Data(Damage.damaged(whole, &random)).write(to: path)
        do {
          try read(copy)
          loaded += 1
        } catch { #expect("\(error)".contains(copy), "\(file): \(error)") }
      }
      #expect(loaded < 250 * Damage.effort, "\(file)")
      try Data(whole).write(to: path)
      try read(copy)
    }
  }
}
