import Firefinch

/// How families draw their layers' weights.
enum Draw {
  /// He's normal over the fan out, bias 0: ReLU networks.
  static func kaimingFanOut(_ conv: Conv2d) {
    Init.kaimingNormal_(conv.weight, mode: .fanOut, nonlinearity: .relu)
    if let bias = conv.bias { Init.zeros_(bias) }
  }

  /// Normal with a deviation, bias 0.
  static func normal(_ deviation: Double) -> (Linear) -> Void {
    { linear in
      Init.normal_(linear.weight, std: deviation)
      if let bias = linear.bias { Init.zeros_(bias) }
    }
  }

  /// Normal with a deviation, cut at -2 and 2, bias 0.
  static func truncated(_ deviation: Double) -> (Linear) -> Void {
    { linear in
      Init.truncNormal_(linear.weight, std: deviation)
      if let bias = linear.bias { Init.zeros_(bias) }
    }
  }
}

extension Module {
  /// Draws the weights of convolutions and linear layers again, in the order of `modules()`, as torchvision's constructors do;
  /// nil leaves those layers as they draw themselves. Normalisation layers are made with weight 1 and bias 0, which torchvision
  /// sets once more.
  func initialise(convolutions: ((Conv2d) -> Void)? = Draw.kaimingFanOut, linear: ((Linear) -> Void)? = nil) {
    for module in modules() {
      if let layer = module as? Conv2d { convolutions?(layer) }
      if let layer = module as? Linear { linear?(layer) }
    }
  }
}
