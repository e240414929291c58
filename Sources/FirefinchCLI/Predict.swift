import ArgumentParser
import Firefinch
import FirefinchVision

/// `firefinch predict`.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Classify pictures (PNG) with a trained Fashion-MNIST model.",
    discussion:
      "Prints the five likeliest classes of each picture. Pictures of other sizes are shrunk to 28 x 28; as in the "
      + "training set, the subject should be light on black.")

  @Option(help: "model.safetensors, model.pt or checkpoint.pt of a run.") var checkpoint: String
  @Argument(help: "PNG pictures.") var image: [String]

  func run() throws {
    let model = try ModelFiles.load(checkpoint)
    _ = model.eval()
    for path in image {
      let picture = try Pictures.grey28(path)
      let probabilities = withNoGrad { model(FashionMNIST.normalise(picture)).softmax(dim: 1) }
      let (values, indices) = probabilities.select(dim: 0, 0).topk(5)
      print("\(path):")
      for (value, index) in zip(values.array(Double.self), indices.array(Int.self)) {
        let name = FashionMNIST.classes[index]
        print("  \(name)\(String(repeating: " ", count: 12 - name.count)) \(format(value))")
      }
    }
  }
}

/// Pictures for the small models.
enum Pictures {
  /// A PNG as uint8 of shape (1, 28, 28): colour becomes brightness, 16 bit becomes 8, other sizes are averaged.
  static func grey28(_ path: String) throws -> Tensor {
    let image = try PNG.read(path)
    let grey = image.luminance
    let (width, height) = (image.width, image.height)
    var result = [UInt8](repeating: 0, count: 784)
    for y in 0..<28 {
      for x in 0..<28 {
        let rows = y * height / 28..<max((y + 1) * height / 28, y * height / 28 + 1)
        let columns = x * width / 28..<max((x + 1) * width / 28, x * width / 28 + 1)
        var sum = 0
        for row in rows { for column in columns { sum += Int(grey[row * width + column]) } }
        result[y * 28 + x] = UInt8(sum / (rows.count * columns.count))
      }
    }
    return Tensor(result, shape: [1, 28, 28])
  }
}
