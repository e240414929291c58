import Firefinch
import FirefinchVision

/// Fine-tunes a pretrained network on folders of pictures, one for each class, and classifies a picture:
/// `FinetuneClassifier WEIGHTS FOLDER PICTURE`.
@main struct FinetuneClassifier {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4 else { return print("usage: FinetuneClassifier WEIGHTS FOLDER PICTURE") }
    manualSeed(0)
    let changes = Compose(
      RandomResizedCrop(224), RandomHorizontalFlip(), TrivialAugmentWide(), ToDType(.float32),
      Normalize(mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]))
    let data = try ImageFolder(arguments[2], transform: { changes($0) })
    // torchvision's file; only the last layer is drawn anew.
    let loaded = try VisionModels.load(
      "mobilenet_v2", weights: arguments[1], numClasses: data.classes.count, newHead: true)
    let model = loaded.network
    let optimizer = AdamW(model.parameters(), lr: 1e-3)
    let loader = DataLoader(data, batchSize: 16, shuffle: true, workers: 2, collate: collatePictures)
    for epoch in 1...3 {
      let batches = loader.makeIterator()
      while let batch = try batches.next() {
        let loss = F.crossEntropy(model(batch[0]), batch[1], labelSmoothing: 0.1)
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        print("epoch \(epoch): loss \(loss.floatValue)")
      }
    }
    model.eval()
    let picture = loaded.preprocessing(try Image.read(arguments[3], mode: .rgb).tensor)
    let probabilities = withNoGrad { model(picture.unsqueeze(dim: 0)).softmax(dim: 1)[0] }
    print(data.classes[probabilities.argmax().intValue], probabilities.max().floatValue)
  }
}
