import Firefinch
import Foundation

/// What a training run works on: made by each command for its data.
struct TrainingJob {
  /// What is trained, for messages.
  var name: String
  var model: any Module & Layer
  var optimizer: Optimizer
  var scheduler: LRScheduler
  /// Pictures (N, C, H, W) and labels (N), or probabilities of the classes (N, classes).
  var loader: DataLoader<[Tensor]>
  /// Training pictures.
  var pictures: Int
  var epochs: Int
  var labelSmoothing = 0.0
  /// Puts the model into training mode; frozen parts stay as in evaluation.
  var train: () -> Void
  /// Mean loss and accuracy over the test pictures.
  var evaluate: () throws -> (loss: Double, accuracy: Double)
  /// Writes the results of a finished run.
  var finish: (RunReport) throws -> Void
}

/// One training run: steps, evaluation, checkpoints, reports.
final class Trainer {
  private let options: RunOptions
  private let job: TrainingJob
  private let out: String
  private var model: any Module & Layer { job.model }
  private var optimizer: Optimizer { job.optimizer }
  private var scheduler: LRScheduler { job.scheduler }
  private var loader: DataLoader<[Tensor]> { job.loader }
  private let progress: Progress
  private let report: RunReport
  private let checkpoints: CheckpointStore
  /// Seconds.
  private let checkpointEvery: Double
  private var lastSave = ContinuousClock.now
  /// Where the trace of the profiled steps goes; nil when they are done or not wanted.
  private var profile: String?

  /// What a checkpoint needs beside weights, optimizer and generators.
  struct Position {
    var epoch = 0
    var step = 0
    var lossSum = 0.0
    var correct = 0
    var seen = 0
    /// Seconds spent in this epoch before an interruption.
    var seconds = 0.0
    var isFinished = false
  }
  private var position = Position()

  init(
    _ job: TrainingJob, options: RunOptions, out: String, checkpointEvery: Double, profile: String? = nil,
    progress: Progress
  ) throws {
    (self.job, self.options, self.out) = (job, options, out)
    (self.checkpointEvery, self.profile, self.progress) = (checkpointEvery, profile, progress)
    try RunFolder.prepare(out)
    report = RunReport(folder: out)
    checkpoints = CheckpointStore(folder: out)
  }

  func run(resume: Bool) throws {
    if resume, let saved = try checkpoints.load() {
      if let difference = options.difference(from: saved["config"] ?? .none) {
        throw CommandFailure("--resume: \(difference); use the same options or another --out", code: 2)
      }
      try restore(saved)
      if position.isFinished {
        progress.note("The run in \(out) is finished; nothing to do.")
        return
      }
      progress.note("Going on in epoch \(position.epoch + 1) after step \(position.step).")
    } else {
      if resume { progress.note("No checkpoint in \(out); starting from the beginning.") }
      try report.start()
    }
    progress.note(
      "Training \(job.name) (\(model.parameterCount(trainableOnly: true)) parameters) on \(job.pictures) pictures, "
        + "\(Parallel.threadCount) threads, \(SystemInfo.instructionSet).")
    try report.open()
    while position.epoch < job.epochs { try runEpoch() }
    try finish()
    position.isFinished = true
    try save()
  }

  private var globalStep: Int { position.epoch * loader.count + position.step }

  private func runEpoch() throws {
    let begin = ContinuousClock.now
    let before = position.seconds
    job.train()
    let batches = loader.makeIterator()
    progress.begin(
      epoch: position.epoch + 1, of: job.epochs, done: position.step, total: loader.count, pictures: position.seen)
    /// One step, or nothing (and false) at the epoch's end.
    func advance() throws -> Bool {
      guard let batch = try recordFunction("next batch", { try batches.next() }) else { return false }
      try step(batch)
      position.seconds = before + seconds(since: begin)
      progress.update(
        step: position.step, loss: position.lossSum / Double(position.seen),
        accuracy: Double(position.correct) / Double(position.seen), pictures: position.seen)
      if Interrupt.wasRequested {
        try save()
        progress.end()
        throw CommandFailure("interrupted; go on with the same command and --resume", code: 130)
      }
      if seconds(since: lastSave) > checkpointEvery { try save() }
      return true
    }
    if let file = profile {
      for _ in 0..<3 { _ = try advance() }
      let recorded = try withProfiler { for _ in 0..<10 where try !advance() { break } }
      progress.end()
      if recorded.events.contains(where: { $0.category == .optimizer }) {
        try recorded.report(trace: file)
      } else {
        progress.note("--profile: the epoch has no steps after the three that warm up; no trace was written.")
      }
      profile = nil
    }
    while try advance() {}
    let (testLoss, testAccuracy) = try job.evaluate()
    position.seconds = before + seconds(since: begin)
    let entry = RunReport.Epoch(
      epoch: position.epoch + 1, trainLoss: position.lossSum / Double(max(position.seen, 1)), testLoss: testLoss,
      testAccuracy: testAccuracy, trainAccuracy: Double(position.correct) / Double(max(position.seen, 1)),
      seconds: position.seconds)
    progress.end()
    try report.add(entry, step: (position.epoch + 1) * loader.count)
    progress.note(
      "epoch \(entry.epoch)/\(job.epochs): train loss \(format(entry.trainLoss)), test loss \(format(testLoss)), "
        + "test accuracy \(format(testAccuracy * 100, 2)) %, \(format(position.seconds, 1)) s")
    position = Position(epoch: position.epoch + 1)
    try save()
  }

  private func step(_ batch: [Tensor]) throws {
    optimizer.zeroGrad()
    let logits = model(batch[0])
    let loss = logits.crossEntropy(batch[1], labelSmoothing: job.labelSmoothing)
    let value = loss.doubleValue
    if !value.isFinite { throw CommandFailure(explainNonFinite(value, batch)) }
    loss.backward()
    optimizer.step()
    scheduler.step()
    let count = batch[1].size(0)
    position.step += 1
    position.seen += count
    position.lossSum += value * Double(count)
    position.correct += correctCount(logits, batch[1])
    report.scalar("train/loss", value, step: globalStep)
    report.scalar("train/lr", scheduler.rates[0], step: globalStep)
  }

  private func explainNonFinite(_ value: Double, _ batch: [Tensor]) -> String {
    let cause = model.firstNonFinite(input: batch[0])
    let place = cause.map { ", first seen in \($0)" } ?? ""
    return
      "the loss is \(value.isNaN ? "NaN" : "\(value)") at step \(globalStep + 1) (epoch \(position.epoch + 1))\(place); "
      + "lower --lr. The last checkpoint in \(out) is kept"
  }

  private func save() throws {
    lastSave = .now
    let loaderState = loader.state
    try checkpoints.save(
      .record([
        ("config", options.stateValue),
        ("model", .record(model.stateDict().pairs.map { ($0.0, .tensor($0.1)) })),
        ("optimizer", optimizer.stateDict()), ("scheduler", scheduler.stateDict()),
        ("generator", .tensor(Tensor(Generator.default.state))),
        (
          "loader",
          .record([
            ("pass", .int(loaderState.pass)), ("served", .int(position.step)),
            ("generator", .tensor(Tensor(loaderState.generatorState))),
          ])
        ),
        (
          "position",
          .record([
            ("epoch", .int(position.epoch)), ("step", .int(position.step)), ("loss_sum", .double(position.lossSum)),
            ("correct", .int(position.correct)), ("seen", .int(position.seen)), ("seconds", .double(position.seconds)),
            ("finished", .bool(position.isFinished)),
          ])
        ),
        ("metrics", report.stateValue),
      ]))
  }

  private func restore(_ saved: StateValue) throws {
    func need(_ value: StateValue?, _ what: String) throws -> StateValue {
      guard let value else { throw CommandFailure("\(checkpoints.path): \(what) is missing from the checkpoint") }
      return value
    }
    let weights = try need(saved["model"], "model").entries ?? []
    try model.loadStateDict(StateDict(weights.compactMap { entry in entry.value.tensor.map { ("\(entry.key)", $0) } }))
    try optimizer.loadStateDict(try need(saved["optimizer"], "optimizer"))
    try scheduler.loadStateDict(try need(saved["scheduler"], "scheduler"))
    let place = try need(saved["position"], "position")
    func number(_ key: StateKey) throws -> Double { try need(place[key]?.number.map { .double($0) }, "\(key)").number! }
    func integer(_ key: StateKey) throws -> Int { try need(place[key]?.integer.map { .int($0) }, "\(key)").integer! }
    position = Position(
      epoch: try integer("epoch"), step: try integer("step"), lossSum: try number("loss_sum"),
      correct: try integer("correct"), seen: try integer("seen"), seconds: try number("seconds"),
      isFinished: place["finished"]?.flag ?? false)
    func generatorState(_ value: StateValue?, _ what: String) throws -> [UInt8] {
      guard let tensor = value?.tensor, tensor.dtype == .uint8 else {
        throw CommandFailure("\(checkpoints.path): \(what) is missing from the checkpoint")
      }
      return tensor.array(UInt8.self)
    }
    let order = try need(saved["loader"], "loader")
    if position.step > 0 {
      try loader.restore(
        .init(
          pass: order["pass"]?.integer ?? 0, batchesServed: position.step,
          generatorState: try generatorState(order["generator"], "the sampler's generator")))
    }
    try Generator.default.setState(try generatorState(saved["generator"], "the generator"))
    try report.restore(try need(saved["metrics"], "metrics"))
  }

  private func finish() throws {
    _ = model.eval()
    try job.finish(report)
    progress.note("Results are in \(out).")
  }

  private func seconds(since start: ContinuousClock.Instant) -> Double {
    let elapsed = ContinuousClock.now - start
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
  }
}

/// How many rows of logits have their largest value at the label (or at the likeliest class).
func correctCount(_ logits: Tensor, _ labels: Tensor) -> Int {
  withNoGrad { (logits.argmax(dim: 1) .== (labels.rank == 2 ? labels.argmax(dim: 1) : labels)).sum().intValue }
}

/// A number with a fixed count of decimals.
func format(_ value: Double, _ decimals: Int = 4) -> String { String(format: "%.\(decimals)f", value) }
