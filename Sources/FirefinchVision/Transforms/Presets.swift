import Firefinch

extension VisionPreprocessing {
  /// A picture as the model takes it: the shorter side resized with antialias, the middle cut out, scaled to 0...1, normalised.
  ///
  /// - Parameter picture: uint8 of shape (3, H, W) or (N, 3, H, W); one channel is repeated.
  /// - Returns: float32 of shape (3, crop, crop), or with N in front; without a crop size the whole resized picture.
  /// Same as `torchvision.transforms._presets.ImageClassification`.
  public func callAsFunction(_ picture: Tensor) -> Tensor {
    withNoGrad {
      var x = picture
      if x.size(-3) == 1 { x = x.expand(Shape(Array(x.shape.dropLast(3)) + [3, x.size(-2), x.size(-1)])) }
      x = VisionFunctional.resize(x, shorterSide: resizeSize, interpolation: interpolation)
      if let cropSize { x = VisionFunctional.centerCrop(x, cropSize, cropSize) }
      return VisionFunctional.normalize(VisionFunctional.toFloat(x), mean: mean, std: std)
    }
  }
}
