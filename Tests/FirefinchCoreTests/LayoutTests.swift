import Firefinch
import Testing

/// Views by strides against views by hand, on random chains.
@Suite struct LayoutTests {
  /// A layout and, in row-major order, the memory places that its elements must have.
  private struct Model {
    var layout: Layout
    var places: [Int]
  }

  private func places(_ layout: Layout) -> [Int] {
    (0..<layout.elementCount).map { number in
      var rest = number, place = layout.offset
      for dim in stride(from: layout.rank - 1, through: 0, by: -1) {
        place += rest % layout.shape[dim] * layout.strides[dim]
        rest /= layout.shape[dim]
      }
      return place
    }
  }

  @Test func randomChainsOfViews() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let shape = Shape((0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 1...4, using: &random) })
      var model = Model(layout: Layout(contiguous: shape), places: Array(0..<shape.elementCount))
      for _ in 0..<4 where model.layout.rank > 0 { step(&model, &random) }
      #expect(places(model.layout) == model.places, "\(model.layout)")
      if model.layout.isContiguous { #expect(model.places == Array(model.layout.offset..<model.layout.offset + model.places.count)) }
    }
  }

  private func step(_ model: inout Model, _ random: inout SystemRandomNumberGenerator) {
    let layout = model.layout, shape = layout.shape
    let dim = Int.random(in: 0..<layout.rank, using: &random)
    let tensor = Tensor(model.places, shape: shape)
    switch Int.random(in: 0..<5, using: &random) {
    case 0:
      let other = Int.random(in: 0..<layout.rank, using: &random)
      model.layout = layout.transposed(dim, other)
      model.places = tensor.transpose(dim, other).array()
    case 1 where shape[dim] > 0:
      let index = Int.random(in: 0..<shape[dim], using: &random)
      model.layout = layout.selected(dim: dim, index: index)
      let size = shape[dim], inner = shape.dropFirst(dim + 1).reduce(1, *)
      model.places = model.places.enumerated().filter { $0.offset / inner % size == index }.map(\.element)
    case 2:
      model.layout = layout.unsqueezed(dim: dim)
    case 3 where shape[dim] > 1:
      model.layout = layout.sliced(dim: dim, start: 1, end: shape[dim], step: 2)
      let size = shape[dim], inner = shape.dropFirst(dim + 1).reduce(1, *)
      model.places = model.places.enumerated().filter { $0.offset / inner % size % 2 == 1 }.map(\.element)
    default:
      // A flat view exists exactly where strides allow it.
      if let flat = layout.viewed(as: [layout.elementCount]) { model.layout = flat }
    }
  }

  @Test func broadcasting() throws {
    #expect(try Layout.broadcast([2, 1, 3], [4, 1], op: "add") == [2, 4, 3])
    #expect(try Layout.broadcast([], [0, 2], op: "add") == [0, 2])
    #expect(throws: TensorError.self) { try Layout.broadcast([2, 3], [2], op: "add") }
    let wide = try Layout(contiguous: [3, 1]).expanded(to: [2, 3, 4], op: "expand")
    #expect(wide.strides == [0, 1, 0] && wide.overlaps)
    #expect(throws: TensorError.self) { try Layout(contiguous: [3]).expanded(to: [2], op: "expand") }
  }

  @Test func shapesBeyondSixDims() {
    let shape = Shape(1...9)
    #expect(shape.count == 9 && shape.array == Array(1...9) && shape.elementCount == 362_880)
    #expect(Layout(contiguous: shape).strides[8] == 1 && Layout(contiguous: shape).strides[0] == 362_880)
  }

  @Test func promotionIsSymmetricAndKeepsItsOrder() {
    let types = DType.allCases.filter { !$0.isComplex }
    for a in types {
      for b in types {
        let joined = DType.promote(a, b)
        #expect(joined == DType.promote(b, a))
        #expect(DType.promote(joined, a) == joined && DType.promote(a, a) == a)
      }
    }
    #expect(DType.promote(.uint8, .int8) == .int16 && DType.promote(.float16, .bfloat16) == .float32)
    #expect(DType.promote(.int64, .float16) == .float16 && DType.promote(.bool, .uint8) == .uint8)
  }
}
