import CFirefinch
import Firefinch
import FirefinchTestSupport
import FirefinchVision
import Testing

/// Compares models with what goldens/make_models.py and make_constructors.py keep of torchvision's.
enum ModelMarks {
  /// The keys in their order with their shapes, and every weight and buffer bit for bit.
  static func expectState(_ model: Module, _ golden: Golden, _ name: String) {
    let state = model.stateDict()
    #expect(state.count == golden["key_count"].int, "\(name): number of keys")
    #expect(keysCRC(state) == UInt32(golden["keys"].int), "\(name): keys, their order or shapes")
    var checksum: UInt32 = 0
    for key in state.keys { checksum = crc(state[key]!, checksum) }
    #expect(checksum == UInt32(golden["state"].int), "\(name): initial weights")
  }

  /// ViT's head and class token begin with zeros, which would prove nothing.
  static func fillZeros(_ model: Module) {
    manualSeed(7)
    for parameter in model.parameters() where parameter.rank > 1 && parameter.abs().max().doubleValue == 0 {
      withNoGrad { _ = parameter.normal_(mean: 0, std: 0.02) }
    }
  }

  /// Length and scalar product with cosines, both within 1e-4 of the length and `slack`.
  static func expect(_ tensor: Tensor, _ want: [Double], _ what: String, slack: Double = 0) {
    let x = tensor.detach().to(.float64).flatten()
    let wave = Tensor.arange(x.elementCount, dtype: .float64).cos()
    let length = (x * x).sum().item().doubleValue.squareRoot()
    let product = (x * wave).sum().item().doubleValue
    guard want.count == 2 else {
      Issue.record("\(what): PyTorch has none")
      return
    }
    let tolerance = 1e-4 * want[0] + slack
    #expect(abs(length - want[0]) <= tolerance, "\(what): length \(length), expected \(want[0])")
    #expect(abs(product - want[1]) <= tolerance, "\(what): product \(product), expected \(want[1])")
  }

  /// Of the keys with their shapes, in order.
  static func keysCRC(_ state: StateDict) -> UInt32 {
    crc(state.keys.map { "\($0) \(Array(state[$0]!.shape))\n" }.joined())
  }

  static func crc(_ text: String) -> UInt32 { ff_crc32(0, text, text.utf8.count) }

  private static func crc(_ tensor: Tensor, _ start: UInt32) -> UInt32 {
    tensor.dtype == .int64
      ? tensor.array(Int.self).withUnsafeBytes { ff_crc32(start, $0.baseAddress, $0.count) }
      : tensor.array(Float.self).withUnsafeBytes { ff_crc32(start, $0.baseAddress, $0.count) }
  }
}
