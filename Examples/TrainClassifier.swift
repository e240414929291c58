import Firefinch
import FirefinchVision

/// A small convolutional network. Property names become PyTorch's state-dict keys: `conv1.weight`, `out.bias`.
final class Net: Module, Layer {
  let conv1 = Conv2d(1, 16, kernelSize: 3, padding: 1)
  let conv2 = Conv2d(16, 32, kernelSize: 3, padding: 1)
  let out = Linear(32 * 7 * 7, 10)

  func forward(_ x: Tensor) -> Tensor {
    let a = conv1(x).relu().maxPool2d([2])
    let b = conv2(a).relu().maxPool2d([2])
    return out(b.flatten(startDim: 1))
  }
}

@main struct TrainClassifier {
  static func main() throws {
    manualSeed(0)  // the same initial weights and batches as in PyTorch
    let data = try FashionMNIST(train: true).prefix(4000)
    let net = Net()
    let optimizer = AdamW(net.parameters(), lr: 2e-3)
    let loader = try DataLoader(TensorDataset(data.images, data.labels), batchSize: 64, shuffle: true, workers: 1)
    let batches = loader.makeIterator()
    var step = 0
    while let batch = try batches.next() {
      let loss = F.crossEntropy(net(FashionMNIST.normalise(batch[0])), batch[1])
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      step += 1
      if step % 20 == 0 { print("step \(step): loss \(loss.floatValue)") }
    }
    _ = net.eval()
    let test = try FashionMNIST(train: false).prefix(1000)
    let guesses = withNoGrad { net(FashionMNIST.normalise(test.images)).argmax(dim: 1) }
    print("accuracy", (guesses .== test.labels).to(.float32).mean().floatValue)
    // Python opens it with torch.load("net.pt", weights_only=True).
    try net.stateDict().save(to: "net.pt")
  }
}
