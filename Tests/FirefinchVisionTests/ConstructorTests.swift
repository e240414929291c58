import Firefinch
import FirefinchTestSupport
import FirefinchVision
import Testing

/// Models with other arguments than the registry's, compared with torchvision (goldens/make_constructors.py): keys, initial weights
/// bit for bit, outputs in evaluation and in training (auxiliary ones, dropout and stochastic depth included), running statistics,
/// gradients.
@Suite struct ConstructorTests {
  /// The same cases as in goldens/make_constructors.py.
  private static let cases: [String: @Sendable () -> any VisionNetwork] = [
    "resnet dilated": {
      ResNet(
        .bottleneck, layers: [1, 1, 2, 1], numClasses: 10, zeroInitResidual: true, groups: 2, widthPerGroup: 32,
        replaceStrideWithDilation: [false, true, true])
    },
    "resnet group norm": {
      ResNet(.basic, layers: [1, 1, 1, 1], numClasses: 10, zeroInitResidual: true, norm: { GroupNorm(4, $0) })
    },
    "squeezenet": { SqueezeNet(.v1_1, numClasses: 7, dropout: 0.3) },
    "densenet": {
      DenseNet(
        growthRate: 8, blocks: [2, 3], initFeatures: 16, bnSize: 2, dropRate: 0.3, numClasses: 10, memoryEfficient: true
      )
    },
    "googlenet": { GoogLeNet(numClasses: 10) },
    "googlenet plain": {
      GoogLeNet(numClasses: 10, auxLogits: false, transformInput: true, initWeights: false, dropout: 0.4)
    },
    "inception": { InceptionV3(numClasses: 10, transformInput: true, initWeights: false, dropout: 0.3) },
    "mobilenet_v2": {
      MobileNetV2(
        numClasses: 10, widthMult: 0.35, settings: [(1, 16, 1, 1), (4, 24, 2, 2), (3, 40, 1, 2)], roundNearest: 4,
        norm: { GroupNorm(4, $0) }, dropout: 0.3)
    },
    "mobilenet_v3": { MobileNetV3(.small, numClasses: 10, widthMult: 0.5, reducedTail: true, dilated: true) },
    "mnasnet": { MNASNet(alpha: 0.35, numClasses: 10, dropout: 0.3) },
    "shufflenet": { ShuffleNetV2(repeats: [1, 2, 1], widths: [24, 32, 64, 96, 128], numClasses: 10) },
    "efficientnet": {
      EfficientNet(
        [
          .init(1, 3, 1, 12, 12, 1, fused: true), .init(4, 3, 2, 12, 24, 2, fused: true),
          .init(4, 5, 2, 24, 36, 2, widthMult: 1, depthMult: 1.3),
        ], dropout: 0.3, stochasticDepth: 0.4, numClasses: 10, norm: { BatchNorm2d($0, eps: 1e-3, momentum: 0.03) },
        lastChannel: 100)
    },
    "regnet": {
      let stages: [RegNet.Design.Stage] = [
        .init(depth: 1, width: 32, groupWidth: 8),
        .init(depth: 2, width: 64, groupWidth: 16, bottleneckMultiplier: 0.5, stride: 1),
      ]
      return RegNet(.init(stages, squeezeRatio: 0.25), numClasses: 10, stemWidth: 16, activation: { SiLU() })
    },
    "regnet design": {
      RegNet(.init(6, 24, 24.5, 2.5, groupWidth: 16, bottleneckMultiplier: 0.5), numClasses: 10, stemWidth: 24)
    },
    "convnext": {
      ConvNeXt(
        [.init(16, 32, 1), .init(32, nil, 2)], stochasticDepth: 0.5, layerScale: 0.1, numClasses: 10,
        norm: { GroupNorm(4, $0) })
    },
    "vit representation": {
      VisionTransformer(
        imageSize: 32, patchSize: 8, layers: 2, heads: 4, width: 32, hidden: 64, dropout: 0.2, attentionDropout: 0.1,
        numClasses: 10, representationSize: 24, norm: { LayerNorm($0, eps: 1e-3) })
    },
    "vit stem": {
      VisionTransformer(
        imageSize: 32, patchSize: 8, layers: 1, heads: 4, width: 32, hidden: 64, numClasses: 10,
        stem: [
          .init(outChannels: 8, kernel: 3, stride: 2),
          .init(outChannels: 16, kernel: 3, stride: 2, activation: { SiLU() }),
          .init(outChannels: 24, kernel: 3, stride: 2),
        ])
    },
    "swin": {
      SwinTransformer(
        .v1, patchSize: [4, 2], width: 24, depths: [2, 2], heads: [2, 4], window: [5, 4], mlpRatio: 3, dropout: 0.1,
        attentionDropout: 0.2, stochasticDepth: 0.3, numClasses: 10, norm: { LayerNorm($0, eps: 1e-3) })
    },
    "swin v2": {
      SwinTransformer(
        .v2, width: 24, depths: [2, 2], heads: [2, 4], window: [3, 4], mlpRatio: 2, dropout: 0.1, attentionDropout: 0.1,
        stochasticDepth: 0.3, numClasses: 10)
    },
    "maxvit": {
      MaxViT(
        imageSize: 64, stemChannels: 16, partition: 4, channels: [16, 32], layers: [1, 2], headWidth: 8,
        stochasticDepth: 0.3,
        activation: { SiLU() }, squeezeRatio: 0.5, expansionRatio: 2, mlpRatio: 2, mlpDropout: 0.1,
        attentionDropout: 0.2,
        numClasses: 10)
    },
    "fcn": { SegmentationModel.fcn(overResNet(), numClasses: 5, auxLoss: true) },
    "fcn plain": { SegmentationModel.fcn(overResNet(), numClasses: 5) },
    "deeplabv3": { SegmentationModel.deepLabV3(overResNet(), numClasses: 5, auxLoss: true, rates: [2, 3]) },
    "lraspp": {
      SegmentationModel.lraspp(
        .mobileNetV3(MobileNetV3(.large, widthMult: 0.25, dilated: true)), numClasses: 3, interChannels: 24)
    },
    "aspp": { ASPP(16, rates: [1, 2], out: 8) },
  ]

  @Sendable private static func overResNet() -> SegmentationBackbone {
    .resnet(ResNet(.bottleneck, layers: [1, 1, 1, 1], replaceStrideWithDilation: [false, true, true]))
  }

  /// torchvision's outputs in training, the main one first.
  private static func outputs(_ model: any VisionNetwork, _ x: Tensor) -> [Tensor] {
    let all: [Tensor?] =
      switch model {
      case let model as GoogLeNet: { [$0.main, $0.aux2, $0.aux1] }(model.outputs(x))
      case let model as InceptionV3: { [$0.main, $0.aux] }(model.outputs(x))
      case let model as SegmentationModel: { [$0.out, $0.aux] }(model.outputs(x))
      default: [model(x)]
      }
    return all.compactMap { $0 }
  }

  @Test func everyCaseIsMade() throws {
    let names = try Golden.cases("constructors.json").map(\.["name"].string)
    #expect(names.sorted() == ConstructorTests.cases.keys.sorted())
  }

  @Test(arguments: cases.keys.sorted()) func equalsTorchvision(_ name: String) throws {
    let golden = try #require(try Golden.cases("constructors.json").first { $0["name"].string == name })
    manualSeed(0)
    let model = ConstructorTests.cases[name]!()
    ModelMarks.expectState(model, golden, name)
    ModelMarks.fillZeros(model)
    manualSeed(golden["seed"].int)
    let x = Tensor.randn(Shape(golden["shape"].ints))
    model.eval()
    ModelMarks.expect(withNoGrad { model(x) }, golden["eval"].list[0].doubles, "\(name): output")

    let wanted = golden["train"].list
    let wantsGradient = !golden["gradient"].isNull
    model.train()
    manualSeed(golden["seed"].int)
    let made = wantsGradient ? ConstructorTests.outputs(model, x) : withNoGrad { ConstructorTests.outputs(model, x) }
    #expect(made.count == wanted.count, "\(name): number of outputs in training")
    for (index, (y, want)) in zip(made, wanted).enumerated() {
      ModelMarks.expect(y, want.doubles, "\(name): output \(index) in training")
    }
    if wantsGradient {
      made.map { ($0 * $0).sum() }.reduce(Tensor(0), +).backward()
      let gradients = model.parameters().map { ($0.grad ?? Tensor.zeros($0.shape)).flatten() }
      ModelMarks.expect(Tensor.cat(gradients, dim: 0), golden["gradient"].list[0].doubles, "\(name): gradients")
    }
    let statistics = model.buffers().filter(\.dtype.isFloatingPoint).map { $0.flatten() }
    if !statistics.isEmpty {
      ModelMarks.expect(
        Tensor.cat(statistics, dim: 0), golden["statistics"].list[0].doubles, "\(name): running statistics")
    }
  }

  @Test(arguments: ["googlenet", "inception_v3", "fcn_resnet50", "deeplabv3_mobilenet_v3_large"])
  func theRegistryLeavesInnerClassifiersOut(_ name: String) throws {
    func inner(_ auxiliary: Bool) throws -> [String] {
      let model = try Init.skipped { try VisionModels.make(name, numClasses: 3, auxiliary: auxiliary) }
      return model.stateDict().keys.filter { $0.lowercased().hasPrefix("aux") }
    }
    #expect(try !inner(true).isEmpty)
    #expect(try inner(false).isEmpty)
  }

  @Test func categoriesAreTorchvisions() throws {
    let wanted = try Golden.load("constructors.json")["categories"].ints.map { UInt32($0) }
    #expect([Categories.imageNet, Categories.voc].map { ModelMarks.crc($0.map { $0 + "\n" }.joined()) } == wanted)
  }
}
