import Firefinch
import FirefinchTestSupport
import FirefinchVision
import Foundation
import Testing

/// Drawing against torchvision.utils (goldens/make_drawing.py); texts, lines and circles, which differ by font and smoothing, by
/// what they must leave alone and must change.
@Suite struct DrawingTests {
  private let golden: Golden
  private let picture: Tensor
  private let boxes: BoundingBoxes
  private var floats: Tensor { picture.to(.float32) / 255 }
  private var masks: Tensor {
    let masks = Tensor.zeros([2, 14, 16], dtype: .bool)
    masks[0, 2..<8, 3..<11].fill_(true)
    masks[1, 5..<13, 7..<14].fill_(true)
    return masks
  }

  init() throws {
    golden = try Golden.load("drawing.json")
    picture = Tensor(golden["picture"].ints.map { UInt8($0) }, shape: [3, 14, 16])
    boxes = BoundingBoxes(
      Tensor([2, 3, 10, 12, 6, 1, 15, 7, 0, 9, 5, 13], shape: [3, 4]), format: .xyxy, canvas: (14, 16))
  }

  private func expect(_ got: Tensor, _ name: String, tolerance: Double = 0) {
    let difference = Compare.difference(
      got.flatten().array(Double.self), golden[name].doubles, rtol: 0, atol: tolerance)
    #expect(difference == nil, "\(name): \(difference ?? "")")
  }

  @Test func boxesEqualTorchvision() {
    let colors = [Color(0xff0000), Color(0x00c81e), Color(0x090807)]
    expect(VisionUtils.drawBoundingBoxes(picture, boxes, colors: colors, width: 2), "boxes")
    expect(VisionUtils.drawBoundingBoxes(picture, boxes.converted(to: .xywh)), "palette")
    // Half-way cases of the blending may be rounded otherwise.
    expect(VisionUtils.drawBoundingBoxes(picture, boxes, colors: [Color(0x0ac85a)], fill: true), "filled", tolerance: 1)
    let drawn = VisionUtils.drawBoundingBoxes(floats, boxes)
    #expect(drawn.dtype == .float32)
    expect(drawn * 255, "palette", tolerance: 1e-3)
  }

  @Test func masksEqualTorchvision() {
    expect(
      VisionUtils.drawSegmentationMasks(picture, masks, alpha: 0.6, colors: [Color(0xff0000), Color(0x0000ff)]), "masks"
    )
    expect(VisionUtils.drawSegmentationMasks(floats, masks), "floatMasks", tolerance: 2e-5)
    #expect(VisionUtils.drawSegmentationMasks(picture, masks[0]).shape == picture.shape)
  }

  @Test func gridsEqualTorchvision() throws {
    let part = floats[0..<3, 0..<5, 0..<6]
    let batch = Tensor.stack([0.2, 0.5, 0.9, 1.0, 0.7].map { part * $0 })
    expect(VisionUtils.makeGrid(batch, columns: 3, padding: 1, padValue: 0.25), "grid", tolerance: 2e-5)
    expect(VisionUtils.makeGrid(batch, columns: 2, normalize: true), "normalized", tolerance: 2e-5)
    let grey = VisionUtils.makeGrid(batch.slice(dim: 1, end: 1), normalize: true, range: (0.1, 0.6), scaleEach: true)
    expect(grey, "scaled", tolerance: 2e-5)
    let folder = try TemporaryFolder()
    let path = folder.file("grid.png")
    try VisionUtils.saveImage(floats, to: path)
    #expect(try Image.read(path).tensor.array(UInt8.self) == picture.array(UInt8.self))
  }

  @Test func flowEqualsTorchvision() {
    let flow = Tensor(golden["flow"].doubles, shape: [2, 2, 4, 5], dtype: .float32)
    // Values are cut off to whole numbers, so that the last bit may decide.
    expect(VisionUtils.flowToImage(flow), "flowImage", tolerance: 1)
    #expect(VisionUtils.flowToImage(flow[0]).shape == [3, 4, 5])
  }

  @Test func labelsPointsAndCaptionsAreDrawnWhereTheyBelong() {
    let blank = Tensor.zeros([3, 40, 60], dtype: .uint8)
    let box = BoundingBoxes(Tensor([5, 5, 50, 30], shape: [1, 4]), format: .xyxy, canvas: (40, 60))
    let plain = VisionUtils.drawBoundingBoxes(blank, box, colors: [Color(0xff0000)])
    let labeled = VisionUtils.drawBoundingBoxes(
      blank, box, labels: ["cat"], colors: [Color(0xff0000)], labelColors: [Color(0x00ff00)])
    #expect(labeled[1].max().intValue > 200 && plain[1].max().intValue == 0, "the text is green")
    let changed = (labeled .!= plain).any(dim: 0).to(.int64)
    #expect(changed.sum().intValue == changed[6..<20, 6..<40].sum().intValue, "the text is in the corner")
    let filled = VisionUtils.drawBoundingBoxes(blank, box, labels: ["cat"], colors: [Color(0xff0000)], fillLabels: true)
    #expect(filled[0, 6, 6].intValue == 255)

    let points = Tensor([10, 10, 30, 20, 50, 30], shape: [1, 3, 2])
    let seen = Tensor([1, 1, 0], shape: [1, 3])
    let drawn = VisionUtils.drawKeypoints(
      blank, points, connectivity: [(0, 1), (1, 2)], color: Color(0xff0000), lineColor: Color(0x0000ff),
      visibility: seen)
    #expect(drawn[0, 10, 10].intValue == 255 && drawn[0, 20, 30].intValue == 255 && drawn[0, 30, 50].intValue == 0)
    #expect(drawn[2, 15, 20].intValue > 200 && drawn[2, 25, 40].intValue == 0)

    let captioned = VisionUtils.drawCaption(blank + 7, ["a cat", "0.717"])
    #expect(captioned.size(1) > 60 && captioned.size(2) == 60)
    #expect(captioned.slice(dim: 1, end: 40).array(UInt8.self) == (blank + 7).array(UInt8.self))
    #expect(
      captioned.slice(dim: 1, start: 40).min().intValue == 0 && captioned.slice(dim: 1, start: 40).max().intValue == 255
    )
  }

  @Test func mistakesAreExplained() {
    func message(_ body: () -> Tensor) -> String {
      do { _ = try withErrors(body) } catch { return "\(error)" }
      return ""
    }
    let wrong = BoundingBoxes(Tensor([9, 3, 2, 5], shape: [1, 4]), format: .xyxy, canvas: (14, 16))
    #expect(message { VisionUtils.drawBoundingBoxes(picture, wrong) }.contains("left <= right"))
    #expect(message { VisionUtils.drawBoundingBoxes(picture, boxes, labels: ["a"]) }.contains("3 boxes, got 1"))
    #expect(message { VisionUtils.drawBoundingBoxes(picture.unsqueeze(dim: 0), boxes) }.contains("(1 or 3, H, W)"))
    #expect(message { VisionUtils.drawSegmentationMasks(picture, masks, colors: [.black, .black]) } == "")
    #expect(message { VisionUtils.drawSegmentationMasks(picture, masks.to(.uint8)) }.contains("bool masks"))
    #expect(message { VisionUtils.drawKeypoints(picture, Tensor([1, 2])) }.contains("(instances, K, 2)"))
    #expect(message { VisionUtils.makeGrid(Tensor.zeros([3])) }.contains("makeGrid"))
    #expect(message { VisionUtils.flowToImage(Tensor.zeros([3, 4, 4])) }.contains("flowToImage"))
  }
}
