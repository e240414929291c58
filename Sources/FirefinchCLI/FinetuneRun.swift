import Firefinch
import FirefinchVision
import Foundation

/// What a fine-tuning run trains, and how it is tested and reported.
struct FinetuneRun {
  let options: Finetune
  let loaded: LoadedModel
  let data: FinetuneData

  private var network: any VisionNetwork { loaded.network }

  func job() throws -> TrainingJob {
    let head = headKeys()
    let (frozenBackbone, factor) = (options.freeze == .backbone, options.backboneLr)
    var (own, rest): ([Tensor], [Tensor]) = ([], [])
    for (key, parameter) in network.namedParameters() {
      let isHead = head.contains(key)
      if frozenBackbone && !isHead {
        parameter.requiresGrad = false
      } else if isHead {
        own.append(parameter)
      } else {
        rest.append(parameter)
      }
    }
    if options.freeze == .norms {
      for case let norm as BatchNorm2d in network.modules() { norm.requiresGrad_(false) }
      rest = rest.filter(\.requiresGrad)
    }
    var groups = [ParameterGroup(own, ["lr": .double(options.rate)])]
    if !rest.isEmpty { groups.append(ParameterGroup(rest, ["lr": .double(options.rate * factor)])) }
    let optimizer = makeOptimizer(groups)
    let loader = trainingLoader()
    let total = max(options.epochs * loader.count, 1)
    let rising = Int(Double(total) * options.warmup)
    let schedule = options.schedule
    let scheduler = LambdaLR(optimizer) { step in
      if step < rising { return Double(step + 1) / Double(rising + 1) }
      let part = min(Double(step - rising) / Double(max(total - rising, 1)), 1)
      switch schedule {
      case .cosine: return 0.5 * (1 + cos(.pi * part))
      case .linear: return 1 - part
      case .constant: return 1
      }
    }
    let network = network, keepsNorms = options.freeze != .none
    return TrainingJob(
      name: loaded.name, model: network, optimizer: optimizer, scheduler: scheduler, loader: loader,
      pictures: data.training.count, epochs: options.epochs, labelSmoothing: options.labelSmoothing,
      train: {
        network.train()
        if keepsNorms { for case let norm as BatchNorm2d in network.modules() { norm.eval() } }
      },
      evaluate: {
        let result = try test()
        return (result.loss, result.accuracy)
      }, finish: finish)
  }

  /// Keys of the head: what was drawn anew, or the last layer.
  private func headKeys() -> Set<String> {
    if !loaded.fresh.isEmpty && options.weights != "none" { return Set(loaded.fresh) }
    let keys = network.namedParameters().map(\.0)
    guard let last = keys.last else { return [] }
    let parent = last.split(separator: ".").dropLast().joined(separator: ".")
    return Set(keys.filter { $0.split(separator: ".").dropLast().joined(separator: ".") == parent })
  }

  private func makeOptimizer(_ groups: [ParameterGroup]) -> Optimizer {
    switch options.optimizer {
    case .sgd: SGD(groups: groups, lr: options.rate, momentum: 0.9, weightDecay: options.weightDecay, nesterov: true)
    case .adam: Adam(groups: groups, lr: options.rate, weightDecay: options.weightDecay)
    case .adamw: AdamW(groups: groups, lr: options.rate, weightDecay: options.weightDecay)
    }
  }

  private func trainingLoader() -> DataLoader<[Tensor]> {
    let preset = loaded.preprocessing
    let changes = trainingTransform()
    let pictures = PictureList(data.training, transform: { x in changes.map { $0(x) } ?? preset(x) })
    let mixed = options.mix
    let classes = data.classes.count
    return DataLoader(
      pictures, batchSize: options.batchSize, shuffle: true, workers: options.workers,
      collate: { samples in
        let batch = try collatePictures(samples)
        let usesCutMix =
          mixed == .cutmix || (mixed == .both && Tensor.rand([1], generator: LoaderRandom.generator).doubleValue < 0.5)
        if mixed == .none { return batch }
        let result =
          usesCutMix
          ? CutMix(numClasses: classes)(batch[0], batch[1]) : MixUp(alpha: 0.2, numClasses: classes)(batch[0], batch[1])
        return [result.images, result.labels]
      })
  }

  /// nil prepares training pictures like test pictures.
  private func trainingTransform() -> Compose? {
    let preset = loaded.preprocessing
    var list: [any Transform] = [
      RandomResizedCrop(preset.cropSize ?? 224, scale: (options.minArea, 1), interpolation: preset.interpolation),
      RandomHorizontalFlip(),
    ]
    switch options.augment {
    case .none: return nil
    case .standard: break
    case .auto: list.append(AutoAugment())
    case .rand: list.append(RandAugment())
    case .trivial: list.append(TrivialAugmentWide())
    case .augmix: list.append(AugMix())
    }
    list += [ToDType(.float32), Normalize(mean: preset.mean, std: preset.std)]
    if options.erase > 0 { list.append(RandomErasing(p: options.erase)) }
    return Compose(list)
  }

  /// Loss, accuracy and every test picture's class.
  private func test() throws -> (loss: Double, accuracy: Double, guesses: [Int]) {
    network.eval()
    let preset = loaded.preprocessing
    let pictures = PictureList(data.test, transform: { preset($0) })
    let loader = DataLoader(
      pictures, batchSize: options.batchSize, workers: options.workers, generator: Generator(), collate: collatePictures
    )
    let batches = loader.makeIterator()
    var loss = 0.0
    var guesses: [Int] = []
    while let batch = try batches.next() {
      withNoGrad {
        let logits = network(batch[0])
        loss += logits.crossEntropy(batch[1]).doubleValue * Double(batch[1].size(0))
        guesses += logits.argmax(dim: 1).array(Int.self)
      }
    }
    let right = zip(guesses, data.test).filter { $0 == $1.target }.count
    return (loss / Double(data.test.count), Double(right) / Double(data.test.count), guesses)
  }

  private func finish(_ report: RunReport) throws {
    let metadata = WeightsMetadata(model: loaded.name, categories: data.classes, preprocessing: loaded.preprocessing)
    try ModelFiles.write(network, to: options.out, metadata: metadata.dictionary)
    let guesses = try test().guesses
    let none = [Int](repeating: 0, count: data.classes.count)
    var counts = [[Int]](repeating: none, count: data.classes.count)
    for (guess, item) in zip(guesses, data.test) { counts[item.target][guess] += 1 }
    let matrix = ConfusionMatrix(
      title: "\(loaded.name) on \(data.test.count) test pictures", classes: data.classes, counts: counts)
    try matrix.render().writePNG(to: options.out + "/confusion.png")
    // Wrong ones first: they are what people look at.
    let order = data.test.indices.sorted {
      (guesses[$0] == data.test[$0].target ? 1 : 0, $0) < (guesses[$1] == data.test[$1].target ? 1 : 0, $1)
    }
    let cells = try order.prefix(32).map { index in
      let item = data.test[index]
      return RunReport.cell(
        try Image.read(item.path, mode: .rgb), guess: data.classes[guesses[index]], truth: data.classes[item.target])
    }
    try report.finish(cells, pictureSide: 128)
  }
}
