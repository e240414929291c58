import ArgumentParser
import Firefinch
import FirefinchVision

/// `firefinch models`.
struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the vision models and their published weights.",
    discussion: "Weights are named by their file; --weights default takes a model's last.")

  @Option(help: "Only models for classification or segmentation.") var task: VisionTask?
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let models = VisionModels.list(task: task).compactMap(VisionModels.entry)
    if json { return print(JSONValue.array(models.map(Models.describe)).serialized) }
    for model in models {
      print(model.weights.isEmpty ? "\(model.name) (\(model.task.rawValue))" : model.name)
      for weights in model.weights {
        let figures = weights.metrics.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        print("  \(weights.name)  \(weights.file)  \(figures)")
      }
    }
  }

  private static func describe(_ model: VisionModel) -> JSONValue {
    .record([
      ("name", .string(model.name)), ("task", .string(model.task.rawValue)),
      ("weights", .array(model.weights.map(describe))),
    ])
  }

  private static func describe(_ weights: VisionWeights) -> JSONValue {
    let preset = weights.preprocessing
    return .record([
      ("name", .string(weights.name)), ("file", .string(weights.file)), ("url", .string(weights.url)),
      ("sha256_prefix", .string(weights.hashPrefix)), ("num_classes", .int(weights.categories.count)),
      ("num_params", .int(weights.numParams)), ("min_size", .int(weights.minSize)),
      ("metrics", .record(weights.metrics.sorted { $0.key < $1.key }.map { ($0.key, .double($0.value)) })),
      (
        "preprocessing",
        .record([
          ("resize", .int(preset.resizeSize)), ("crop", preset.cropSize.map { .int($0) } ?? .null),
          ("interpolation", .string(preset.interpolation.rawValue)), ("mean", .array(preset.mean.map { .double($0) })),
          ("std", .array(preset.std.map { .double($0) })),
        ])
      ),
    ])
  }
}

extension VisionTask: ExpressibleByArgument {}
