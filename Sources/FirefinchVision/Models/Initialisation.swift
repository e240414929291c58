import Firefinch

/// How a family draws the weights of its convolutions after the layers' own initialisation.
enum ConvolutionInit {
  /// He's normal over the fan out: ReLU networks.
  case kaimingFanOut
  /// Left as `Conv2d` draws them.
  case layerDefault
}

extension Module {
  /// Draws weights as most of torchvision's CNNs do, in the order of `modules()`: convolutions by He's normal over the fan out,
  /// their biases 0; normalisation 1 and 0; linear layers normal with `linearDeviation` (nil: as `Linear` draws them), biases 0.
  func initialise(convolutions: ConvolutionInit, linearDeviation: Double?) {
    withNoGrad {
      for module in modules() {
        switch module {
        case let conv as Conv2d:
          guard convolutions == .kaimingFanOut else { continue }
          Init.kaimingNormal_(conv.weight, mode: .fanOut, nonlinearity: .relu)
          if let bias = conv.bias { Init.zeros_(bias) }
        case let linear as Linear:
          guard let linearDeviation else { continue }
          Init.normal_(linear.weight, std: linearDeviation)
          if let bias = linear.bias { Init.zeros_(bias) }
        // BatchNorm2d and GroupNorm are made with weight 1 and bias 0, which is what torchvision sets again.
        default: continue
        }
      }
    }
  }
}
