import ArgumentParser
import Firefinch
import FirefinchVision

/// `firefinch classify`.
struct Classify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is on pictures, with a pretrained or fine-tuned model.",
    discussion: """
      Weights of 'firefinch finetune' name their model and classes themselves; for others give --model. A picture that cannot \
      be read is reported and left out; the exit code is then 1.
      """)

  @Argument(help: "Pictures: JPEG, PNG, WebP, BMP or GIF.") var image: [String]
  @Option(help: "A model of 'firefinch models'.") var model: String?
  @Option(help: "Weights: a file, an address, 'default', or a name such as IMAGENET1K_V1.") var weights = "default"
  @Option(help: "How many classes to print.") var top = 5
  @Option(help: "Pictures per step.") var batchSize = 16
  @Option(help: "Draw the pictures with their classes into this PNG or JPEG file.") var draw: String?
  @Flag(help: "Print JSON: a line per picture.") var json = false

  func validate() throws {
    if top < 1 { throw ValidationError("--top must be at least 1, got \(top).") }
    if batchSize < 1 { throw ValidationError("--batch-size must be at least 1, got \(batchSize).") }
    if model == nil && weights == "default" { throw ValidationError("Name a --model, or --weights that name theirs.") }
  }

  /// A picture's classes, likeliest first.
  private struct Guess {
    var path: String
    var image: Image
    var classes: [(index: Int, name: String, probability: Double)]
  }

  func run() throws {
    let loaded = try VisionModels.load(model, weights: weights, report: DownloadProgress().report)
    guard loaded.task == .classification else {
      throw CommandFailure("\(loaded.name) is a \(loaded.task.rawValue) model; classify needs one for classification")
    }
    loaded.network.eval()
    var failed = 0
    var guesses: [Guess] = []
    var start = 0
    while start < image.count {
      let paths = image[start..<min(start + batchSize, image.count)]
      start += batchSize
      var read: [(path: String, image: Image)] = []
      for path in paths {
        do { read.append((path, try Image.read(path, mode: .rgb))) } catch {
          FirefinchMain.complain("\(error)")
          failed += 1
        }
      }
      if read.isEmpty { continue }
      let found = try classify(read, loaded)
      for guess in found { show(guess) }
      // Only what will be drawn is kept.
      if draw != nil { guesses += found }
    }
    if let draw, !guesses.isEmpty { try picture(guesses, loaded.name).write(to: draw) }
    if failed > 0 { throw CommandFailure("\(failed) of \(image.count) pictures could not be read") }
  }

  private func classify(_ read: [(path: String, image: Image)], _ loaded: LoadedModel) throws -> [Guess] {
    let probabilities = try withErrors {
      withNoGrad {
        let batch = Tensor.stack(read.map { loaded.preprocessing($0.image.tensor) })
        return loaded.network(batch).softmax(dim: 1)
      }
    }
    let (values, indices) = probabilities.topk(min(top, probabilities.size(1)))
    let (p, c) = (values.array(Double.self), indices.array(Int.self))
    let width = values.size(1)
    return read.enumerated().map { row, picture in
      let classes = (row * width..<(row + 1) * width).map {
        (
          index: c[$0], name: loaded.categories.isEmpty ? "class \(c[$0])" : loaded.categories[c[$0]],
          probability: p[$0]
        )
      }
      return Guess(path: picture.path, image: picture.image, classes: classes)
    }
  }

  private func show(_ guess: Guess) {
    if json {
      let classes = guess.classes.map {
        JSONValue.record([
          ("class", .string($0.name)), ("index", .int($0.index)), ("probability", .double($0.probability)),
        ])
      }
      print(JSONValue.record([("file", .string(guess.path)), ("classes", .array(classes))]).serialized)
      return
    }
    print("\(guess.path):")
    let width = guess.classes.map(\.name.count).max() ?? 0
    for (_, name, probability) in guess.classes {
      print("  \(name)\(String(repeating: " ", count: width - name.count)) \(format(probability, 3))")
    }
  }

  private func picture(_ guesses: [Guess], _ name: String) -> Image {
    let cells = guesses.map { guess in
      ImageGrid.Cell(
        image: guess.image, lines: guess.classes.prefix(3).map { "\($0.name) \(format($0.probability, 3))" })
    }
    return ImageGrid(title: "What \(name) sees", columns: 4, cells: cells, pictureSide: 256).render().image
  }
}
