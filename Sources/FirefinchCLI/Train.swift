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
    let config = TrainConfig(
      model: model.rawValue, epochs: epochs, batchSize: batchSize, lr: lr ?? (optimizer == .sgd ? 0.05 : 0.001),
      optimizer: optimizer.rawValue, seed: seed, limit: limit ?? 0, threads: Parallel.threadCount)
    var training = try FashionMNIST(directory: data, train: true)
    var test = try FashionMNIST(directory: data, train: false)
    if let limit { (training, test) = (training.prefix(limit), test.prefix(limit)) }
    let trainer = try Trainer(
      config: config, training: training, test: test, out: out, workers: workers, checkpointEvery: checkpointEvery,
      profile: profile, progress: Progress(quiet: quiet))
    try trainer.run(resume: resume)
  }
}
