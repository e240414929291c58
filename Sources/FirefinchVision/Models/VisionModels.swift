import Firefinch

/// A network from pictures (N, 3, H, W) to logits (N, classes), or to a map of them (N, classes, H, W).
public typealias VisionNetwork = Module & Layer

/// What a model is trained for.
public enum VisionTask: String, Sendable, CaseIterable { case classification, segmentation }

/// How pictures are prepared for a model: resized (shorter side), cropped in the middle, scaled to 0...1 and normalised. Same as
/// torchvision's `ImageClassification` and `SemanticSegmentation` presets.
public struct VisionPreprocessing: Sendable, Equatable {
  public var resizeSize: Int
  /// nil leaves the picture uncropped.
  public var cropSize: Int?
  public var interpolation: Interpolation
  public var mean: [Double]
  public var std: [Double]

  public enum Interpolation: String, Sendable { case nearest, nearestExact = "nearest-exact", bilinear, bicubic }

  public init(
    crop: Int?, resize: Int = 256, interpolation: Interpolation = .bilinear, mean: [Double] = [0.485, 0.456, 0.406],
    std: [Double] = [0.229, 0.224, 0.225]
  ) {
    (cropSize, resizeSize, self.interpolation, self.mean, self.std) = (crop, resize, interpolation, mean, std)
  }
}

/// Published weights of a model: where they are, what they were trained on and how good they are.
public struct VisionWeights: Sendable {
  /// Such as `IMAGENET1K_V1`.
  public let name: String
  /// The file in PyTorch's cache and on its server, such as `resnet50-0676ba61.pth`; the part before the suffix ends with the first
  /// digits of the file's SHA-256.
  public let file: String
  /// In the order of the logits; empty where no classes were published.
  public let categories: [String]
  public let preprocessing: VisionPreprocessing
  /// The number of the model's parameters, as torchvision counts them (GoogLeNet's without the inner classifiers).
  public let numParams: Int
  /// The smallest pictures' side.
  public let minSize: Int
  /// Published figures by name, such as `acc@1` (per cent, on ImageNet-1K's validation part) or `miou`.
  public let metrics: [String: Double]

  /// Where torchvision publishes it.
  public var url: String { "https://download.pytorch.org/models/\(file)" }
  /// The first digits of the SHA-256.
  public var hashPrefix: String { WeightsCache.hashPrefix(ofFile: file) }

  public init(
    _ name: String, _ file: String, preprocessing: VisionPreprocessing, categories: [String], metrics: [String: Double],
    numParams: Int, minSize: Int = 1
  ) {
    (self.name, self.file, self.preprocessing) = (name, file, preprocessing)
    (self.categories, self.metrics) = (categories, metrics)
    (self.numParams, self.minSize) = (numParams, minSize)
  }
}

/// A model by name: how it is made, and its published weights, those to be taken by default last.
public struct VisionModel: Sendable {
  /// What a model is made with.
  struct Arguments {
    var numClasses: Int
    /// Side of the pictures; only models with position embeddings care.
    var imageSize: Int
    /// Whether inner classifiers are made: GoogLeNet's, Inception's and the segmentation models'.
    var auxiliary: Bool
    /// Whether torchvision's published weights will be loaded; ports from TensorFlow then rescale their input.
    var isPublished = false
  }

  public let name: String
  public let task: VisionTask
  public let weights: [VisionWeights]
  let make: @Sendable (Arguments) -> any VisionNetwork
  /// Brings old checkpoints' keys up to date.
  let adaptState: @Sendable (StateDict) -> StateDict
  /// The picture size that a checkpoint is for, where it tells.
  let imageSize: @Sendable (StateDict) -> Int?

  init(
    _ name: String, task: VisionTask = .classification,
    adaptState: @escaping @Sendable (StateDict) -> StateDict = { $0 },
    imageSize: @escaping @Sendable (StateDict) -> Int? = { _ in nil },
    make: @escaping @Sendable (Arguments) -> any VisionNetwork
  ) {
    (self.name, self.task, self.make) = (name, task, make)
    (self.adaptState, self.imageSize) = (adaptState, imageSize)
    weights = PublishedWeights.of(name)
  }
}

/// torchvision's models by name. Same as `torchvision.models.list_models` and `get_model`.
public enum VisionModels {
  /// Every family's models; each family's file has its list.
  static let all: [VisionModel] = [
    alexNets, convNeXts, denseNets, efficientNets, googLeNets, inceptions, maxViTs, mnasNets, mobileNetV2s,
    mobileNetV3s, regNets,
    resNets, segmentationModels, shuffleNets, squeezeNets, swinTransformers, vggs, visionTransformers,
  ].flatMap { $0 }

  /// The names, sorted; those of one task when given.
  public static func list(task: VisionTask? = nil) -> [String] {
    all.filter { task == nil || $0.task == task }.map(\.name).sorted()
  }

  /// The model's entry; nil for an unknown name.
  public static func entry(_ name: String) -> VisionModel? { all.first { $0.name == name } }

  /// A model with fresh weights, drawn as torchvision draws them, for `numClasses` classes (by default the published weights'
  /// number) and pictures of `imageSize` (by default 224; only models with position embeddings care). `auxiliary` is torchvision's
  /// `aux_logits` and `aux_loss`: the inner classifiers of GoogLeNet and Inception (by default there) and of the segmentation models
  /// (by default not), whose logits their `outputs` gives. Throws for an unknown name.
  ///
  /// Every other argument of torchvision's builders is one of the model's own initialiser, such as `ResNet.init`.
  public static func make(
    _ name: String, numClasses: Int? = nil, imageSize: Int? = nil, auxiliary: Bool? = nil
  ) throws -> any VisionNetwork {
    try make(name, numClasses: numClasses, imageSize: imageSize, auxiliary: auxiliary, isPublished: false)
  }

  static func make(
    _ name: String, numClasses: Int?, imageSize: Int?, auxiliary: Bool?, isPublished: Bool
  ) throws -> any VisionNetwork {
    guard let entry = entry(name) else { throw unknown(name) }
    if let numClasses, numClasses < 1 {
      throw VisionError("\(name): the number of classes must be at least 1, got \(numClasses)")
    }
    if let imageSize, !(1...8192).contains(imageSize) {
      throw VisionError("\(name): the pictures' size must lie in 1...8192, got \(imageSize)")
    }
    let classes = numClasses ?? (entry.task == .classification ? 1000 : 21)
    return entry.make(
      .init(
        numClasses: classes, imageSize: imageSize ?? 224, auxiliary: auxiliary ?? (entry.task == .classification),
        isPublished: isPublished))
  }
}
