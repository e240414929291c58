import ArgumentParser
import Firefinch
import FirefinchVision

/// `firefinch train`.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model on a data set.", subcommands: [TrainFashionMNIST.self])
}

/// `firefinch train fashion-mnist`.
struct TrainFashionMNIST: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fashion-mnist", abstract: "Train a picture classifier on Fashion-MNIST.",
    discussion: """
      Writes to the folder given by --out: metrics.jsonl (a line per epoch), curves.png, predictions.png, TensorBoard \
      event files, model.safetensors, model.pt (for Python's torch.load) and checkpoint.pt, from which --resume goes on \
      after an interruption to exactly the same result.
      """)

  enum ModelName: String, CaseIterable, ExpressibleByArgument { case cnn, mlp, resnet }
  enum OptimizerName: String, CaseIterable, ExpressibleByArgument { case sgd, adam, adamw }

  @Option(help: "Folder with the four IDX files (.gz or not).") var data = FashionMNIST.systemDirectory
  @Option(help: "Model to train.") var model = ModelName.cnn
  @Option(help: "Passes over the training pictures.") var epochs = 3
  @Option(help: "Pictures per step.") var batchSize = 128
  @Option(help: "Highest learning rate; it falls to 0 along a cosine. Default: 0.001, for sgd 0.05.") var lr: Double?
  @Option(help: "Optimizer.") var optimizer = OptimizerName.adam
  @Option(help: "Seed of every random number.") var seed = 0
  @Option(help: "Use only the first N training and test pictures.") var limit: Int?
  @Option(help: "Threads for computing. Default: one per processor.") var threads: Int?
  @Option(help: "Threads that prepare batches.") var workers = 0
  @Option(help: "Folder for the results.") var out = "runs/fashion-mnist"
  @Option(help: "Seconds between checkpoints within an epoch, at most 10.") var checkpointEvery = 5.0
  @Option(help: "Profile ten steps, after three that warm up: print tables and write a Chrome trace to this file.")
  var profile: String?
  @Flag(help: "Go on from the checkpoint in --out, if there is one.") var resume = false
  @Flag(help: "Print nothing but errors.") var quiet = false

  func validate() throws {
    func positive(_ value: Int?, _ name: String) throws {
      if let value, value < 1 { throw ValidationError("\(name) must be at least 1, got \(value).") }
    }
    try positive(epochs, "--epochs")
    try positive(batchSize, "--batch-size")
    try positive(limit, "--limit")
    try positive(threads, "--threads")
    if workers < 0 { throw ValidationError("--workers must not be negative, got \(workers).") }
    if !(0...10).contains(checkpointEvery) {
      throw ValidationError("--checkpoint-every must be 0 to 10 seconds, got \(checkpointEvery).")
    }
    if let lr, !(lr > 0 && lr.isFinite) { throw ValidationError("--lr must be a positive number, got \(lr).") }
  }

  func run() throws {
    Interrupt.listen()
    if let threads { Parallel.threadCount = threads }
    let lr = lr ?? (optimizer == .sgd ? 0.05 : 0.001)
    var training = try FashionMNIST(directory: data, train: true)
    var test = try FashionMNIST(directory: data, train: false)
    if let limit { (training, test) = (training.prefix(limit), test.prefix(limit)) }
    let options = RunOptions([
      "model": .string(model.rawValue), "epochs": .int(epochs), "batch-size": .int(batchSize), "lr": .double(lr),
      "optimizer": .string(optimizer.rawValue), "seed": .int(seed), "limit": .int(limit ?? 0),
      "threads": .int(Parallel.threadCount),
    ])
    let trainer = try Trainer(
      try job(training, test, lr), options: options, out: out, checkpointEvery: checkpointEvery, profile: profile,
      progress: Progress(quiet: quiet))
    try trainer.run(resume: resume)
  }

  private func job(_ training: FashionMNIST, _ test: FashionMNIST, _ lr: Double) throws -> TrainingJob {
    manualSeed(seed)
    let network = SmallModels.make(model.rawValue)!
    let optimizer: Optimizer =
      switch optimizer {
      case .sgd: SGD(network.parameters(), lr: lr, momentum: 0.9, weightDecay: 5e-4, nesterov: true)
      case .adamw: AdamW(network.parameters(), lr: lr)
      case .adam: Adam(network.parameters(), lr: lr)
      }
    let dataset = try TensorDataset(training.images, training.labels)
    let loader = DataLoader(
      batchSampler: BatchSampler(RandomSampler(population: dataset.count), batchSize: batchSize), workers: workers,
      fetch: { indices in
        let rows = dataset.batch(at: indices)
        return [FashionMNIST.normalise(rows[0]), rows[1]]
      })
    return TrainingJob(
      name: model.rawValue, model: network, optimizer: optimizer,
      scheduler: CosineAnnealingLR(optimizer, tMax: max(epochs * loader.count, 1)), loader: loader,
      pictures: training.count,
      epochs: epochs, train: { network.train() }, evaluate: { evaluate(network, test) },
      finish: { report in try finish(network, test, report) })
  }

  private func evaluate(_ network: Sequential, _ test: FashionMNIST) -> (loss: Double, accuracy: Double) {
    network.eval()
    return withNoGrad {
      var loss = 0.0
      var correct = 0
      var start = 0
      while start < test.count {
        let end = min(start + 512, test.count)
        let images = FashionMNIST.normalise(test.images.slice(dim: 0, start: start, end: end))
        let labels = test.labels.slice(dim: 0, start: start, end: end)
        let logits = network(images)
        loss += F.crossEntropy(logits, labels).doubleValue * Double(end - start)
        correct += correctCount(logits, labels)
        start = end
      }
      return (loss / Double(max(test.count, 1)), Double(correct) / Double(max(test.count, 1)))
    }
  }

  private func finish(_ network: Sequential, _ test: FashionMNIST, _ report: RunReport) throws {
    let metadata = ["format": "pt", "firefinch.model": model.rawValue, "firefinch.dataset": "fashion-mnist"]
    try ModelFiles.write(network, to: out, metadata: metadata)
    let count = min(40, test.count)
    let logits = withNoGrad { network(FashionMNIST.normalise(test.images.slice(dim: 0, end: count))) }
    let guesses = logits.argmax(dim: 1).array(Int.self)
    let labels = test.labels.array(Int.self)
    let pixels = test.images.array(UInt8.self)
    try report.finish(
      (0..<count).map { i in
        RunReport.cell(
          Image(width: 28, height: 28, channels: 1, pixels: Array(pixels[i * 784..<(i + 1) * 784])),
          guess: FashionMNIST.classes[guesses[i]], truth: FashionMNIST.classes[labels[i]])
      })
  }
}
