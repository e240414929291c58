import Firefinch
import FirefinchTestSupport
import FirefinchVision
import Testing

/// Transforms against torchvision's from the same seeds, on bytes and floats, with boxes and masks.
@Suite struct TransformTests {
  private static let transforms: [String: any Transform] = [
    "resize": Resize(20), "resizeMax": Resize(30, maxSize: 32), "resizeUp": Resize(height: 50, width: 47),
    "resizeBicubic": Resize(height: 20, width: 25, interpolation: .bicubic),
    "resizeNearest": Resize(height: 20, width: 25, interpolation: .nearest),
    "resizePlain": Resize(height: 20, width: 25, antialias: false),
    "centerCrop": CenterCrop(height: 20, width: 30), "centerCropPadded": CenterCrop(height: 40, width: 30),
    "randomCrop": RandomCrop(20),
    "randomCropPadded": RandomCrop(height: 40, width: 40, padding: [4, 2], padIfNeeded: true),
    "randomResizedCrop": RandomResizedCrop(24), "horizontalFlip": RandomHorizontalFlip(),
    "verticalFlip": RandomVerticalFlip(),
    "pad": Pad(1, 2, 3, 4, fill: [7]), "padReflect": Pad(3, kind: .reflect), "padEdge": Pad(3, kind: .edge),
    "padSymmetric": Pad(3, kind: .symmetric),
    "rotation": RandomRotation(degrees: (-40, 40)),
    "rotationExpand": RandomRotation(degrees: (-40, 40), interpolation: .bilinear, expand: true),
    "affine": RandomAffine(
      degrees: (-30, 30), translate: (0.2, 0.1), scale: (0.7, 1.3), shear: [-10, 10, -5, 5], interpolation: .bilinear),
    "perspective": RandomPerspective(distortionScale: 0.5, p: 0.8), "elastic": ElasticTransform(alpha: 30, sigma: 3),
    "zoomOut": RandomZoomOut(fill: [3]), "iouCrop": RandomIoUCrop(),
    "shortestSize": RandomShortestSize([20, 24, 28], maxSize: 30),
    "scaleJitter": ScaleJitter(height: 40, width: 50), "randomResize": RandomResize(20..<30),
    "colorJitter": ColorJitter(brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1),
    "photometric": RandomPhotometricDistort(), "grayscale": RandomChange.grayscale(p: 0.5),
    "invert": RandomChange.invert(),
    "sharpness": RandomChange.sharpness(2), "sharpnessLess": RandomChange.sharpness(0.3),
    "autocontrast": RandomChange.autocontrast(), "equalize": RandomChange.equalize(),
    "posterize": RandomChange.posterize(bits: 3),
    "channels": RandomChannelPermutation(), "gray": Grayscale(),
    "blur": GaussianBlur(kernel: [5, 3], sigma: (0.5, 1.5)),
    "noise": GaussianNoise(), "erasing": RandomErasing(p: 0.8),
    "gamma": LambdaTransform { VisionFunctional.adjustGamma($0, 0.7, gain: 1.2) }, "toFloat": ToDType(.float32),
    "toBytes": ToDType(.uint8),
    "solarize": LambdaTransform { VisionFunctional.solarize($0, threshold: $0.dtype == .uint8 ? 128 : 0.5) },
    "autoAugment": AutoAugment(), "autoAugmentCifar": AutoAugment(.cifar10), "autoAugmentSvhn": AutoAugment(.svhn),
    "randAugment": RandAugment(), "trivialAugment": TrivialAugmentWide(), "augMix": AugMix(),
    "compose": Compose(
      RandomResizedCrop(16), RandomHorizontalFlip(), RandomApply([GaussianBlur(kernel: [3, 3])], p: 0.5)),
    "randomOrder": RandomOrder([RandomChange.invert(), RandomVerticalFlip()]),
  ]

  @Test func equalTorchvisionFromTheSameSeed() throws {
    let golden = try Golden.load("transforms.json")
    let bytes = Tensor(golden["picture"].ints.map { UInt8($0) }, shape: [3, 33, 41])
    let floats = bytes.to(.float32) / 255
    let boxes = Tensor([2, 3, 20, 30, 10, 1, 40, 12, 30, 20, 39, 31].map(Float.init), shape: [3, 4])
    let mask = (Tensor.arange(33).unsqueeze(dim: 1) * 7 + Tensor.arange(41) * 3).floorDivide(50)
    var names: Set<String> = []
    for item in golden["cases"].list {
      let name = item["name"].string
      let what = "\(name), seed \(item["seed"].int), \(item["kind"].string)"
      names.insert(name)
      manualSeed(item["seed"].int)
      if item["kind"].string == "batch" {
        let batch = Tensor.stack([floats, floats.flip([-1]), floats.flip([-2])])
        let labels = Tensor([0, 2, 1])
        let mixed =
          name == "mixUp" ? MixUp(alpha: 0.4, numClasses: 3)(batch, labels) : CutMix(numClasses: 3)(batch, labels)
        expect(mixed.images, item["image"], what)
        let difference = Compare.difference(
          mixed.labels.flatten().array(Double.self), item["labels"].doubles, rtol: 1e-5)
        #expect(difference == nil, "\(what): labels: \(difference ?? "")")
        continue
      }
      guard let transform = TransformTests.transforms[name] else {
        Issue.record("there is no transform for \(name)")
        continue
      }
      let image = item["kind"].string == "bytes" ? bytes : floats
      if item["boxes"].isNull {
        expect(transform(image), item["image"], what)
        continue
      }
      let sample = VisionSample(
        image: image, boxes: BoundingBoxes(boxes, format: .xyxy, canvas: (33, 41)), masks: mask)
      let result = transform(sample)
      expect(result.image, item["image"], what)
      expect(result.masks!, item["mask"], what + ", mask")
      let difference = Compare.difference(
        result.boxes!.tensor.flatten().array(Double.self), item["boxes"].list.flatMap(\.doubles), rtol: 1e-4, atol: 2e-3
      )
      #expect(difference == nil, "\(what): boxes: \(difference ?? "")")
    }
    #expect(names.count == TransformTests.transforms.count + 2)
  }

  private func expect(_ got: Tensor, _ want: Golden, _ what: String) {
    #expect(Array(got.shape) == want["shape"].ints, "\(what): shape")
    let x = got.to(.float64).flatten()
    let length = (x * x).sum().doubleValue.squareRoot()
    let product = (x * Tensor.arange(x.elementCount, dtype: .float64).cos()).sum().doubleValue
    let marks = want["marks"].doubles
    let tolerance = 3e-4 * marks[0] + 1e-6
    #expect(abs(length - marks[0]) <= tolerance, "\(what): length \(length), expected \(marks[0])")
    #expect(abs(product - marks[1]) <= tolerance, "\(what): product \(product), expected \(marks[1])")
  }

  @Test func badArgumentsAreExplained() throws {
    let picture = Tensor.zeros([3, 8, 8], dtype: .uint8)
    #expect(throws: TensorError.self) { try withErrors { VisionFunctional.adjustBrightness(picture, -1) } }
    #expect(throws: TensorError.self) { try withErrors { VisionFunctional.normalize(picture, mean: [0], std: [1]) } }
    #expect(throws: TensorError.self) { try withErrors { VisionFunctional.posterize(picture, bits: 9) } }
    #expect(throws: TensorError.self) { try withErrors { VisionFunctional.gaussianBlur(picture, kernel: [2, 3]) } }
    #expect(throws: TensorError.self) { try withErrors { RandomCrop(9)(picture) } }
    #expect(throws: TensorError.self) {
      try withErrors { MixUp(numClasses: 2)(Tensor.zeros([2, 3, 4, 4]), Tensor([0, 1, 1])).images }
    }
  }

  @Test func sanitizingRemovesSmallAndOutsideBoxesWithTheirLabels() {
    let boxes = Tensor([0, 0, 4, 4, 1, 1, 1, 5, 3, 3, 9, 9].map(Float.init), shape: [3, 4])
    let sample = VisionSample(
      image: Tensor.zeros([3, 8, 8]), boxes: BoundingBoxes(boxes, format: .xyxy, canvas: (8, 8)),
      labels: Tensor([5, 6, 7]))
    let result = SanitizeBoundingBoxes()(sample)
    #expect(result.boxes!.tensor.shape == [1, 4])
    #expect(result.labels!.array(Int.self) == [5])
  }

  @Test func boxFormatsConvertBothWays() {
    let boxes = BoundingBoxes(Tensor([1, 2, 7, 10].map(Float.init), shape: [1, 4]), format: .xyxy, canvas: (20, 20))
    #expect(boxes.converted(to: .xywh).tensor.array(Float.self) == [1, 2, 6, 8])
    #expect(boxes.converted(to: .cxcywh).tensor.array(Float.self) == [4, 6, 6, 8])
    for format in BoundingBoxes.Format.allCases {
      #expect(boxes.converted(to: format).converted(to: .xyxy).tensor.array(Float.self) == [1, 2, 7, 10])
    }
  }
}
