import Firefinch

/// Inception v3 (Szegedy et al. 2015). Same as `torchvision.models.Inception3`. Pictures of at least 75 x 75.
public final class InceptionV3: Module, Layer {
  /// Branches of convolutions side by side; keys are torchvision's, `branch7x7dbl_2` and the like.
  class Mixed: ModuleDict<BasicConv2d>, Layer {
    /// A convolution of a branch: torchvision's key, channels and kernel.
    typealias Part = (key: String, channels: Int, out: Int, kernel: [Int], stride: Int, padding: [Int])

    init(_ list: [Part]) {
      super.init()
      for part in list {
        self[part.key] = BasicConv2d(
          part.channels, part.out, kernel: part.kernel, stride: part.stride, padding: part.padding)
      }
    }

    /// The convolutions of these keys one after another.
    func chain(_ x: Tensor, _ keys: String...) -> Tensor { keys.reduce(x) { self[$1]!($0) } }

    func averaged(_ x: Tensor) -> Tensor {
      chain(x.avgPool2d([3, 3], stride: [1, 1], padding: [1, 1]), "branch_pool")
    }

    func forward(_ x: Tensor) -> Tensor { fatalError("InceptionV3.Mixed is abstract") }

    static func part(
      _ key: String, _ channels: Int, _ out: Int, _ kernel: (Int, Int) = (1, 1), stride: Int = 1, same: Bool = true
    ) -> Part {
      let padding = same ? [kernel.0 / 2, kernel.1 / 2] : [0, 0]
      return (key, channels, out, [kernel.0, kernel.1], stride, padding)
    }
  }

  /// 35 x 35.
  final class A: Mixed {
    init(_ channels: Int, pool: Int) {
      super.init([
        Mixed.part("branch1x1", channels, 64),
        Mixed.part("branch5x5_1", channels, 48), Mixed.part("branch5x5_2", 48, 64, (5, 5)),
        Mixed.part("branch3x3dbl_1", channels, 64), Mixed.part("branch3x3dbl_2", 64, 96, (3, 3)),
        Mixed.part("branch3x3dbl_3", 96, 96, (3, 3)), Mixed.part("branch_pool", channels, pool),
      ])
    }

    override func forward(_ x: Tensor) -> Tensor {
      Tensor.cat(
        [
          chain(x, "branch1x1"), chain(x, "branch5x5_1", "branch5x5_2"),
          chain(x, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"), averaged(x),
        ], dim: 1)
    }
  }

  /// 35 x 35 to 17 x 17.
  final class B: Mixed {
    init(_ channels: Int) {
      super.init([
        Mixed.part("branch3x3", channels, 384, (3, 3), stride: 2, same: false),
        Mixed.part("branch3x3dbl_1", channels, 64), Mixed.part("branch3x3dbl_2", 64, 96, (3, 3)),
        Mixed.part("branch3x3dbl_3", 96, 96, (3, 3), stride: 2, same: false),
      ])
    }

    override func forward(_ x: Tensor) -> Tensor {
      let double = chain(x, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
      return Tensor.cat([chain(x, "branch3x3"), double, x.maxPool2d([3, 3], stride: [2, 2])], dim: 1)
    }
  }

  /// 17 x 17, with 7x7 convolutions in two steps.
  final class C: Mixed {
    init(_ channels: Int, width: Int) {
      super.init([
        Mixed.part("branch1x1", channels, 192),
        Mixed.part("branch7x7_1", channels, width), Mixed.part("branch7x7_2", width, width, (1, 7)),
        Mixed.part("branch7x7_3", width, 192, (7, 1)),
        Mixed.part("branch7x7dbl_1", channels, width), Mixed.part("branch7x7dbl_2", width, width, (7, 1)),
        Mixed.part("branch7x7dbl_3", width, width, (1, 7)), Mixed.part("branch7x7dbl_4", width, width, (7, 1)),
        Mixed.part("branch7x7dbl_5", width, 192, (1, 7)), Mixed.part("branch_pool", channels, 192),
      ])
    }

    override func forward(_ x: Tensor) -> Tensor {
      let double = chain(
        x, "branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5")
      let single = chain(x, "branch7x7_1", "branch7x7_2", "branch7x7_3")
      return Tensor.cat([chain(x, "branch1x1"), single, double, averaged(x)], dim: 1)
    }
  }

  /// 17 x 17 to 8 x 8.
  final class D: Mixed {
    init(_ channels: Int) {
      super.init([
        Mixed.part("branch3x3_1", channels, 192),
        Mixed.part("branch3x3_2", 192, 320, (3, 3), stride: 2, same: false),
        Mixed.part("branch7x7x3_1", channels, 192), Mixed.part("branch7x7x3_2", 192, 192, (1, 7)),
        Mixed.part("branch7x7x3_3", 192, 192, (7, 1)),
        Mixed.part("branch7x7x3_4", 192, 192, (3, 3), stride: 2, same: false),
      ])
    }

    override func forward(_ x: Tensor) -> Tensor {
      let long = chain(x, "branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4")
      let short = chain(x, "branch3x3_1", "branch3x3_2")
      return Tensor.cat([short, long, x.maxPool2d([3, 3], stride: [2, 2])], dim: 1)
    }
  }

  /// 8 x 8.
  final class E: Mixed {
    init(_ channels: Int) {
      super.init([
        Mixed.part("branch1x1", channels, 320),
        Mixed.part("branch3x3_1", channels, 384), Mixed.part("branch3x3_2a", 384, 384, (1, 3)),
        Mixed.part("branch3x3_2b", 384, 384, (3, 1)),
        Mixed.part("branch3x3dbl_1", channels, 448), Mixed.part("branch3x3dbl_2", 448, 384, (3, 3)),
        Mixed.part("branch3x3dbl_3a", 384, 384, (1, 3)), Mixed.part("branch3x3dbl_3b", 384, 384, (3, 1)),
        Mixed.part("branch_pool", channels, 192),
      ])
    }

    override func forward(_ x: Tensor) -> Tensor {
      let single = chain(x, "branch3x3_1")
      let double = chain(x, "branch3x3dbl_1", "branch3x3dbl_2")
      return Tensor.cat(
        [
          chain(x, "branch1x1"), chain(single, "branch3x3_2a"), chain(single, "branch3x3_2b"),
          chain(double, "branch3x3dbl_3a"), chain(double, "branch3x3dbl_3b"), averaged(x),
        ], dim: 1)
    }
  }

  /// A classifier on an inner layer, which helps training.
  final class Auxiliary: Module, Layer {
    let conv0: BasicConv2d
    let conv1: BasicConv2d
    let fc: Linear

    override class var stateKeys: [String: String] { ["conv0": "conv0", "conv1": "conv1"] }

    init(_ channels: Int, _ numClasses: Int) {
      conv0 = BasicConv2d(channels, 128, kernel: 1)
      conv1 = BasicConv2d(128, 768, kernel: 5)
      fc = Linear(768, numClasses)
      super.init()
    }

    func forward(_ x: Tensor) -> Tensor {
      let y = conv1(conv0(x.avgPool2d([5, 5], stride: [3, 3])))
      return fc(y.adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
    }
  }

  let conv1a = BasicConv2d(3, 32, kernel: 3, stride: 2)
  let conv2a = BasicConv2d(32, 32, kernel: 3)
  let conv2b = BasicConv2d(32, 64, kernel: 3, padding: [1, 1])
  let conv3b = BasicConv2d(64, 80, kernel: 1)
  let conv4a = BasicConv2d(80, 192, kernel: 3)
  let mixed5b = A(192, pool: 32)
  let mixed5c = A(256, pool: 64)
  let mixed5d = A(288, pool: 64)
  let mixed6a = B(288)
  let mixed6b = C(768, width: 128)
  let mixed6c = C(768, width: 160)
  let mixed6d = C(768, width: 160)
  let mixed6e = C(768, width: 192)
  let auxLogits: Auxiliary?
  let mixed7a: D
  let mixed7b: E
  let mixed7c: E
  let dropout: Dropout
  let fc: Linear
  /// Whether pictures normalised with ImageNet's statistics are rescaled first, as torchvision does for its weights.
  public let transformInput: Bool

  public override class var stateKeys: [String: String] {
    var keys = ["auxLogits": "AuxLogits", "conv3b": "Conv2d_3b_1x1"]
    for name in ["1a", "2a", "2b", "4a"] { keys["conv\(name)"] = "Conv2d_\(name)_3x3" }
    for name in ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"] {
      keys["mixed\(name)"] = "Mixed_\(name)"
    }
    return keys
  }

  /// - Parameters:
  ///   - auxLogits: whether there is an inner classifier; see `outputs`.
  ///   - transformInput: rescale pictures normalised with ImageNet's statistics to -1...1.
  ///   - initWeights: draw from torchvision's truncated normals; otherwise layers keep what they draw themselves.
  public init(
    numClasses: Int = 1000, auxLogits hasAuxiliary: Bool = true, transformInput: Bool = false, initWeights: Bool = true,
    dropout p: Double = 0.5
  ) {
    // In the order in which torchvision draws them.
    auxLogits = hasAuxiliary ? Auxiliary(768, numClasses) : nil
    mixed7a = D(768)
    mixed7b = E(1280)
    mixed7c = E(2048)
    dropout = Dropout(p: p)
    fc = Linear(2048, numClasses)
    self.transformInput = transformInput
    super.init()
    let auxiliary = auxLogits?.fc
    if initWeights {
      initialise(
        convolutions: { Init.truncNormal_($0.weight, std: 0.1) },
        linear: { Init.truncNormal_($0.weight, std: $0 === auxiliary ? 0.001 : 0.1) })
    }
  }

  /// (N, 3, H, W) to logits (N, numClasses). Training with the inner classifier takes `outputs`.
  public func forward(_ x: Tensor) -> Tensor { outputs(x, auxiliary: false).main }

  /// The logits and, with `auxiliary`, those of the inner classifier (nil without it). torchvision's training output.
  public func outputs(_ x: Tensor, auxiliary: Bool = true) -> (main: Tensor, aux: Tensor?) {
    var y = conv2b(conv2a(conv1a(transformInput ? rescaledForTensorFlow(x) : x))).maxPool2d([3, 3], stride: [2, 2])
    y = conv4a(conv3b(y)).maxPool2d([3, 3], stride: [2, 2])
    y = mixed6a(mixed5d(mixed5c(mixed5b(y))))
    y = mixed6e(mixed6d(mixed6c(mixed6b(y))))
    let aux = auxiliary ? auxLogits?(y) : nil
    y = mixed7c(mixed7b(mixed7a(y)))
    return (fc(dropout(y.adaptiveAvgPool2d([1, 1])).flatten(startDim: 1)), aux)
  }
}

extension VisionModels {
  static let inceptions = [
    VisionModel("inception_v3") {
      InceptionV3(numClasses: $0.numClasses, auxLogits: $0.auxiliary, transformInput: $0.isPublished)
    }
  ]
}
