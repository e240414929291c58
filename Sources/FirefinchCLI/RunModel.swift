import ArgumentParser
import Firefinch
import FirefinchVision

/// `firefinch run-model`.
struct RunModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run-model", abstract: "Run a vision model on an array, for comparisons with PyTorch.",
    discussion: """
      Loads the weights strictly, runs in evaluation mode and writes the output as float32. With --train-grad it also writes \
      the gradients of sum(output * output) by state-dict names; parameters without a gradient are left out. GoogLeNet and \
      Inception give their main output, segmentation models the map called out.
      """)

  @Argument(help: "A model of 'firefinch models'.") var name: String
  @Option(help: "Weights: .pth, .pt or .safetensors, an address, 'default' or a name such as IMAGENET1K_V1.")
  var weights: String
  @Option(help: "Pictures as .npy: float32, shape (N, 3, height, width), prepared as the model wants them.") var input:
    String
  @Option(help: "Where the output goes, as .npy.") var output: String
  @Option(help: "Classes of the model. Default: those of the weights.") var numClasses: Int?
  @Option(help: "Where gradients go, as .npz.") var trainGrad: String?

  func validate() throws {
    if let numClasses, numClasses < 1 { throw ValidationError("--num-classes must be at least 1, got \(numClasses).") }
  }

  func run() throws {
    let loaded = try VisionModels.load(
      name, weights: weights, numClasses: numClasses, report: DownloadProgress().report)
    let model = loaded.network
    model.eval()
    let x = try Npy.load(input)
    guard x.rank == 4, x.size(1) == 3, x.elementCount > 0, x.dtype.isFloatingPoint else {
      throw CommandFailure(
        "\(input): expected floating-point pictures of shape (N, 3, height, width), got \(x.dtype.name) of shape \(x.shape)"
      )
    }
    let pictures = x.to(.float32)
    do {
      guard let trainGrad else {
        try Npy.save(try withErrors { withNoGrad { model(pictures).contiguous() } }, to: output)
        return
      }
      let y = try withErrors {
        let y = model(pictures)
        (y * y).sum().backward()
        return y.detach().contiguous()
      }
      try Npy.save(y, to: output)
      try Npz.save(
        model.namedParameters().compactMap { key, parameter in parameter.grad.map { (key, $0) } }, to: trainGrad)
    } catch let error as TensorError {
      throw CommandFailure("\(name) cannot take pictures of shape \(x.shape): \(error)")
    }
  }
}
