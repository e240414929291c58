import ArgumentParser
import Firefinch
import FirefinchVision
import Foundation

/// `firefinch finetune`.
struct Finetune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a pretrained vision model on your own pictures.",
    discussion: """
      --data names a folder with one folder of pictures for each class, or with such folders below train and val. Without \
      val, a part of every class is held out. Writes to --out: metrics.jsonl, curves.png, confusion.png, predictions.png, \
      TensorBoard events, model.safetensors (which 'firefinch classify --weights' takes without further options), model.pt for \
      Python, and checkpoint.pt, from which --resume goes on after an interruption to the same result.
      """)

  enum Freeze: String, CaseIterable, ExpressibleByArgument { case none, norms, backbone }
  enum OptimizerName: String, CaseIterable, ExpressibleByArgument { case sgd, adam, adamw }
  enum Schedule: String, CaseIterable, ExpressibleByArgument { case cosine, linear, constant }
  enum Augment: String, CaseIterable, ExpressibleByArgument { case none, standard, auto, rand, trivial, augmix }
  enum Mix: String, CaseIterable, ExpressibleByArgument { case none, mixup, cutmix, both }

  @Option(help: "A model of 'firefinch models'.") var model: String
  @Option(
    help:
      "Weights to start from: a file, an address, 'default', a name such as IMAGENET1K_V1, or 'none' for fresh ones.")
  var weights = "default"
  @Option(help: "Folder of pictures.") var data: String
  @Option(help: "Part of every class held out for testing, when there is no val folder.") var holdout = 0.2
  @Option(help: "What is not trained: nothing, the batch normalisations, or all but the head.") var freeze = Freeze.none
  @Option(help: "Passes over the training pictures.") var epochs = 5
  @Option(help: "Pictures per step.") var batchSize = 32
  @Option(help: "Highest learning rate. Default: 0.001, for sgd 0.01.") var lr: Double?
  @Option(help: "Factor on the learning rate of all layers but the head.") var backboneLr = 1.0
  @Option(help: "Optimizer.") var optimizer = OptimizerName.adamw
  @Option(help: "Weight decay.") var weightDecay = 0.01
  @Option(help: "How the learning rate falls.") var schedule = Schedule.cosine
  @Option(help: "Part of all steps in which the learning rate rises first.") var warmup = 0.05
  @Option(help: "Changes of the training pictures: none, crops and mirroring, or those with a policy.") var augment =
    Augment.standard
  @Option(help: "Least part of a picture's area that a crop takes.") var minArea = 0.35
  @Option(help: "Mixtures of training pictures.") var mix = Mix.none
  @Option(help: "Probability of erasing a rectangle.") var erase = 0.0
  @Option(help: "Label smoothing.") var labelSmoothing = 0.0
  @Option(help: "Seed of every random number.") var seed = 0
  @Option(help: "Threads for computing. Default: one per processor.") var threads: Int?
  @Option(help: "Threads that decode and change pictures.") var workers = 2
  @Option(help: "Folder for the results.") var out = "runs/finetune"
  @Option(help: "Seconds between checkpoints within an epoch.") var checkpointEvery = 30.0
  @Flag(help: "Go on from the checkpoint in --out, if there is one.") var resume = false
  @Flag(help: "Print nothing but errors.") var quiet = false

  func validate() throws {
    func within(_ value: Double, _ range: ClosedRange<Double>, _ name: String) throws {
      if !range.contains(value) {
        throw ValidationError("\(name) must lie in \(range.lowerBound)...\(range.upperBound), got \(value).")
      }
    }
    for (value, name) in [(epochs, "--epochs"), (batchSize, "--batch-size"), (threads ?? 1, "--threads")]
    where value < 1 {
      throw ValidationError("\(name) must be at least 1, got \(value).")
    }
    if workers < 0 { throw ValidationError("--workers must not be negative, got \(workers).") }
    try within(holdout, 0.01...0.9, "--holdout")
    try within(minArea, 0.01...1, "--min-area")
    try within(warmup, 0...0.9, "--warmup")
    try within(erase, 0...1, "--erase")
    try within(labelSmoothing, 0...0.9, "--label-smoothing")
    try within(backboneLr, 0...1, "--backbone-lr")
    try within(checkpointEvery, 0...3600, "--checkpoint-every")
    if let lr, !(lr > 0 && lr.isFinite) { throw ValidationError("--lr must be a positive number, got \(lr).") }
    if weightDecay < 0 { throw ValidationError("--weight-decay must not be negative, got \(weightDecay).") }
  }

  func run() throws {
    Interrupt.listen()
    if let threads { Parallel.threadCount = threads }
    let parts = try FinetuneData(data, holdout: holdout, seed: seed)
    manualSeed(seed)
    let loaded = try load(classes: parts.classes)
    let run = FinetuneRun(options: self, loaded: loaded, data: parts)
    let options = RunOptions([
      "model": .string(model), "epochs": .int(epochs), "batch-size": .int(batchSize), "lr": .double(rate),
      "backbone-lr": .double(backboneLr), "optimizer": .string(optimizer.rawValue),
      "weight-decay": .double(weightDecay),
      "schedule": .string(schedule.rawValue), "warmup": .double(warmup), "freeze": .string(freeze.rawValue),
      "augment": .string(augment.rawValue), "min-area": .double(minArea), "mix": .string(mix.rawValue),
      "erase": .double(erase), "label-smoothing": .double(labelSmoothing), "holdout": .double(holdout),
      "seed": .int(seed),
      "pictures": .int(parts.training.count + parts.test.count), "threads": .int(Parallel.threadCount),
    ])
    let trainer = try Trainer(
      try run.job(), options: options, out: out, checkpointEvery: checkpointEvery, progress: Progress(quiet: quiet))
    try trainer.run(resume: resume)
  }

  var rate: Double { lr ?? (optimizer == .sgd ? 0.01 : 0.001) }

  private func load(classes: [String]) throws -> LoadedModel {
    if let entry = VisionModels.entry(model), entry.task != .classification {
      throw CommandFailure("\(model) is a \(entry.task.rawValue) model; finetune needs one for classification")
    }
    guard weights == "none" else {
      return try VisionModels.load(
        model, weights: weights, numClasses: classes.count, newHead: true, report: DownloadProgress().report)
    }
    return try LoadedModel(fresh: model, categories: classes)
  }
}

/// The pictures of a fine-tuning run.
struct FinetuneData {
  let classes: [String]
  var training: [(path: String, target: Int)] = []
  var test: [(path: String, target: Int)] = []

  init(_ root: String, holdout: Double, seed: Int) throws {
    func items(_ folder: ImageFolder) -> [(path: String, target: Int)] {
      zip(folder.pictures.paths, folder.pictures.targets).map { ($0, $1) }
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    guard names.contains("train") else {
      let folder = try ImageFolder(root)
      classes = folder.classes
      let generator = Generator().manualSeed(seed)
      for label in classes.indices {
        let own = items(folder).filter { $0.target == label }
        let order = generator.permutation(own.count)
        let held = own.count < 2 ? 0 : max(1, Int((Double(own.count) * holdout).rounded()))
        test += order[..<held].sorted().map { own[$0] }
        training += order[held...].sorted().map { own[$0] }
      }
      if test.isEmpty {
        throw CommandFailure("\(root): too few pictures to hold some out; there must be two of a class")
      }
      return
    }
    let folder = try ImageFolder(root + "/train")
    guard let other = ["val", "test"].first(where: names.contains) else {
      throw CommandFailure("\(root): there is a folder train, but neither val nor test beside it")
    }
    let held = try ImageFolder(root + "/" + other, allowEmpty: true)
    if held.classes != folder.classes {
      throw CommandFailure(
        "\(root): train and \(other) must have the same class folders, got \(folder.classes) and \(held.classes)")
    }
    (classes, training, test) = (folder.classes, items(folder), items(held))
    if test.isEmpty { throw CommandFailure("\(root)/\(other): there are no pictures in it") }
  }
}
