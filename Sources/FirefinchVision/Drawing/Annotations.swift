import Firefinch

extension VisionUtils {
  /// Boxes with labels on a picture.
  ///
  /// - Parameters:
  ///   - image: (3, H, W) or (1, H, W), uint8 or floating point in 0...1.
  ///   - boxes: in any format; drawn by whole pixels, right and bottom included.
  ///   - labels: a line of text for each box, drawn in its upper left corner; empty for none.
  ///   - colors: one for all boxes or one for each; nil takes a palette.
  ///   - fill: tint the inside.
  ///   - width: of the outline, in pixels, inside the box.
  ///   - textSize: height of capitals in pixels.
  ///   - labelColors: of the texts; nil takes the boxes' (or black with `fillLabels`).
  ///   - fillLabels, labelBackgrounds: paint behind the texts; nil takes the boxes' colors.
  /// - Returns: (3, H, W) of the picture's dtype.
  /// Same as `torchvision.utils.draw_bounding_boxes`.
  public static func drawBoundingBoxes(
    _ image: Tensor, _ boxes: BoundingBoxes, labels: [String]? = nil, colors: [Color]? = nil, fill: Bool = false,
    width: Int = 1, textSize: Double = 8, labelColors: [Color]? = nil, fillLabels: Bool = false,
    labelBackgrounds: [Color]? = nil
  ) -> Tensor {
    let corners = boxes.converted(to: .xyxy).tensor.to(.float64).array(Double.self)
    let count = corners.count / 4
    if count == 0 { return image }
    if let labels, labels.count != count {
      return Mistake.report(
        .value("drawBoundingBoxes: there must be a label for each of \(count) boxes, got \(labels.count)"))
    }
    if width < 0 { return Mistake.report(.value("drawBoundingBoxes: width must not be negative, got \(width)")) }
    guard let own = palette(colors, count),
      let texts = palette(labelColors ?? (fillLabels ? [.black] : own), count),
      let grounds = palette(labelBackgrounds ?? own, count)
    else { return Mistake.report(.value(tooFewColors("drawBoundingBoxes", count))) }
    let limit = Double(Canvas.sideLimit)
    let pixels = corners.map { $0.isFinite ? Int(min(max($0, -limit), limit)) : 0 }
    for box in 0..<count where pixels[4 * box] > pixels[4 * box + 2] || pixels[4 * box + 1] > pixels[4 * box + 3] {
      return Mistake.report(
        .value(
          "drawBoundingBoxes: box \(box) is \(Array(pixels[4 * box..<4 * box + 4])); expected left <= right, top <= bottom"
        ))
    }
    return draw(on: image, "drawBoundingBoxes") { canvas in
      for box in 0..<count {
        let (left, top) = (pixels[4 * box], pixels[4 * box + 1])
        let (w, h) = (pixels[4 * box + 2] - left + 1, pixels[4 * box + 3] - top + 1)
        if fill { canvas.fill(x: left, y: top, width: w, height: h, own[box], opacity: 100) }
        canvas.rectangle(x: left, y: top, width: w, height: h, own[box], thickness: width)
        guard let text = labels?[box], !text.isEmpty else { continue }
        let (x, y) = (left + width + 2, top + width + 2)
        if fillLabels {
          let ends = Int(Canvas.textWidth(text, size: textSize).rounded(.up))
          canvas.fill(x: x - 2, y: y - 2, width: ends + 5, height: Int(textSize) + 6, grounds[box])
        }
        canvas.text(text, x: Double(x), y: Double(y) + textSize, size: textSize, texts[box])
      }
    }
  }

  /// Colored masks over a picture; where several overlap, the picture is darkened.
  ///
  /// - Parameters:
  ///   - image: (3, H, W), uint8 or floating point in 0...1.
  ///   - masks: bool (N, H, W) or (H, W).
  ///   - alpha: 0 leaves the picture, 1 hides it.
  ///   - colors: one for all masks or one for each; nil takes a palette.
  /// - Returns: (3, H, W) of the picture's dtype.
  /// Same as `torchvision.utils.draw_segmentation_masks`.
  public static func drawSegmentationMasks(
    _ image: Tensor, _ masks: Tensor, alpha: Double = 0.8, colors: [Color]? = nil
  ) -> Tensor {
    if let problem = wrong(image, channels: [3]) { return Mistake.report(.value("drawSegmentationMasks: \(problem)")) }
    let all = masks.rank == 2 ? masks.unsqueeze(dim: 0) : masks
    guard all.rank == 3, all.dtype == .bool, all.size(1) == image.size(1), all.size(2) == image.size(2) else {
      return Mistake.report(
        .value(
          "drawSegmentationMasks: expected bool masks of shape (N, \(image.size(1)), \(image.size(2))), "
            + "got \(masks.dtype.name) of \(masks.shape)"))
    }
    let count = all.size(0)
    if count == 0 { return image }
    guard let own = palette(colors, count) else {
      return Mistake.report(.value(tooFewColors("drawSegmentationMasks", count)))
    }
    return withNoGrad {
      let scale = image.dtype.isFloatingPoint ? 255.0 : 1
      var painted = image.detach()
      for (mask, color) in zip(all.unbind(dim: 0), own) {
        let value = Tensor(color.channels.map { $0 / scale }, shape: [3, 1, 1]).to(image.dtype)
        painted = Tensor.where(mask, value, painted)
      }
      let overlapping = all.to(.int64).sum(dim: 0) .> 1
      painted = painted.maskedFill(overlapping, 0)
      return (image.detach() * (1 - alpha) + painted * alpha).to(image.dtype)
    }
  }

  /// Points, and lines between them, on a picture.
  ///
  /// - Parameters:
  ///   - image: (3, H, W), uint8 or floating point in 0...1.
  ///   - points: (instances, K, 2): x and y.
  ///   - connectivity: pairs of points that are joined.
  ///   - visibility: (instances, K); points that are 0 are left out with their lines.
  /// - Returns: (3, H, W) of the picture's dtype.
  /// Same as `torchvision.utils.draw_keypoints`.
  public static func drawKeypoints(
    _ image: Tensor, _ points: Tensor, connectivity: [(Int, Int)] = [], color: Color = .white,
    lineColor: Color = .white,
    radius: Int = 2, width: Int = 3, visibility: Tensor? = nil
  ) -> Tensor {
    guard points.rank == 3, points.size(2) == 2 else {
      return Mistake.report(.shape("drawKeypoints: expected points of shape (instances, K, 2), got \(points.shape)"))
    }
    let (instances, count) = (points.size(0), points.size(1))
    if let visibility, Array(visibility.shape) != [instances, count] {
      return Mistake.report(
        .shape("drawKeypoints: expected a visibility of shape (\(instances), \(count)), got \(visibility.shape)"))
    }
    for (a, b) in connectivity where !(0..<count).contains(a) || !(0..<count).contains(b) {
      return Mistake.report(.index("drawKeypoints: points \(a) and \(b) are to be joined, there are \(count)"))
    }
    let places = points.to(.int64).array(Int.self)
    let seen = visibility.map { ($0 .!= 0).array(Bool.self) } ?? [Bool](repeating: true, count: instances * count)
    return draw(on: image, "drawKeypoints", channels: [3]) { canvas in
      func point(_ index: Int) -> Canvas.Point {
        Canvas.Point(Double(places[2 * index]) + 0.5, Double(places[2 * index + 1]) + 0.5)
      }
      for instance in 0..<instances {
        let first = instance * count
        for (a, b) in connectivity where seen[first + a] && seen[first + b] {
          canvas.line(point(first + a), point(first + b), lineColor, width: Double(width))
        }
        for index in first..<first + count where seen[index] {
          canvas.circle(point(index), radius: Double(radius) + 0.5, color)
        }
      }
    }
  }

  /// Lines of text in a strip below a picture.
  ///
  /// - Parameters:
  ///   - image: (3, H, W) or (1, H, W), uint8 or floating point in 0...1.
  ///   - textSize: height of capitals in pixels. Lines that are too long are cut.
  /// - Returns: (3, H + strip, W) of the picture's dtype.
  public static func drawCaption(
    _ image: Tensor, _ lines: [String], textSize: Double = 8, color: Color = .black, background: Color = .white
  ) -> Tensor {
    if let problem = wrong(image, channels: [1, 3]) { return Mistake.report(.value("drawCaption: \(problem)")) }
    if lines.isEmpty { return image }
    let line = Int(textSize * 1.6) + 2
    let strip = line * lines.count + Int(textSize * 0.6)
    let height = image.size(1)
    let space = [0, 0, 0, strip]
    return draw(on: image.detach().pad(space), "drawCaption") { canvas in
      canvas.fill(x: 0, y: height, width: canvas.width, height: strip, background)
      for (row, text) in lines.enumerated() {
        let fitted = Canvas.fitted(text, width: Double(canvas.width - 6), size: textSize)
        canvas.text(fitted, x: 3, y: Double(height + row * line) + textSize * 1.5, size: textSize, color)
      }
    }
  }

  // MARK: Shared

  private static func wrong(_ image: Tensor, channels: [Int]) -> String? {
    let fits = image.rank == 3 && channels.contains(image.size(0)) && image.elementCount > 0
    if fits && (image.dtype == .uint8 || image.dtype.isFloatingPoint) { return nil }
    let wanted = channels.map(String.init).joined(separator: " or ")
    return
      "expected a picture of shape (\(wanted), H, W), uint8 or floating point, got \(image.dtype.name) of \(image.shape)"
  }

  /// The picture with what `body` draws on it.
  private static func draw(
    on image: Tensor, _ name: String, channels: [Int] = [1, 3], _ body: (inout Canvas) -> Void
  ) -> Tensor {
    if let problem = wrong(image, channels: channels) { return Mistake.report(.value("\(name): \(problem)")) }
    if image.size(1) > Canvas.sideLimit || image.size(2) > Canvas.sideLimit {
      return Mistake.report(
        .value("\(name): the picture's sides must not exceed \(Canvas.sideLimit), got \(image.shape)"))
    }
    return withNoGrad {
      let bytes = VisionFunctional.toDType(image.detach(), .uint8)
      var canvas = Canvas(Image(bytes))
      body(&canvas)
      return VisionFunctional.toDType(canvas.image.tensor, image.dtype)
    }
  }

  /// A color for each of `count` things; nil when there are too few.
  private static func palette(_ colors: [Color]?, _ count: Int) -> [Color]? {
    guard let colors else {
      // torchvision's `_generate_color_palette`: multiples of large numbers, so that neighbours differ.
      func channel(_ index: Int, _ bits: Int) -> UInt8 { UInt8(index * ((1 << bits) - 1) % 255) }
      return (0..<count).map { Color(red: channel($0, 25), green: channel($0, 15), blue: channel($0, 21)) }
    }
    if colors.count == 1 { return [Color](repeating: colors[0], count: count) }
    return colors.count < count ? nil : colors
  }

  private static func tooFewColors(_ name: String, _ count: Int) -> String {
    "\(name): expected one color, or at least one for each of \(count)"
  }
}

extension Color {
  fileprivate var channels: [Double] { [Double(red), Double(green), Double(blue)] }
}
