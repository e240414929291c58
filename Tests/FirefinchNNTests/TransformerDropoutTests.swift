import Firefinch
import FirefinchTestSupport
import Testing

/// Transformer layers in training from the same seed as in PyTorch: dropout must draw in PyTorch's order.
@Suite struct TransformerDropoutTests {
  private func expect(_ y: Tensor, _ want: [Double]) {
    let difference = Compare.difference(y.flatten().array(Double.self), want, rtol: 1e-4, atol: 2e-5)
    #expect(difference == nil, "\(difference ?? "")")
  }

  /// torch.manual_seed(3); TransformerEncoderLayer(8, 2, 16, 0.3, batch_first=True)(torch.randn(2, 3, 8))
  @Test func encoderLayer() {
    manualSeed(3)
    let layer = TransformerEncoderLayer(8, 2, dimFeedforward: 16, dropout: 0.3, batchFirst: true)
    expect(
      layer(Tensor.randn([2, 3, 8])),
      [
        0.61102, 2.2197, -0.4444, -0.16062, 0.06659, -1.21327, -0.99647, -0.08256,
        1.91237, -0.94371, 0.55946, -1.18596, 0.37, 0.60317, -1.08598, -0.22935,
        -0.04688, -0.99419, 1.20383, 1.27033, -1.21719, -1.34269, 0.67999, 0.44679,
        -0.01087, 0.97483, 1.2334, 0.3454, 0.0217, -0.91566, -2.09143, 0.44262,
        0.30951, -0.301, -0.14399, 0.20042, 0.01818, -2.29028, 0.91501, 1.29216,
        0.9114, -0.26702, -0.97965, 1.05687, 0.87943, -2.03774, 0.20872, 0.22798,
      ])
  }

  /// torch.manual_seed(3); TransformerDecoderLayer(8, 2, 16, 0.3, batch_first=True)(torch.randn(2, 3, 8), torch.randn(2, 4, 8))
  @Test func decoderLayer() {
    manualSeed(3)
    let layer = TransformerDecoderLayer(8, 2, dimFeedforward: 16, dropout: 0.3, batchFirst: true)
    let x = Tensor.randn([2, 3, 8])
    expect(
      layer(x, Tensor.randn([2, 4, 8])),
      [
        -0.09924, 0.32545, -1.02415, 1.86896, 0.43328, 0.74966, -0.96519, -1.28878,
        -1.46611, -0.42622, 1.07609, 0.89228, -1.05744, -0.50262, -0.04626, 1.53027,
        -0.71102, 0.60216, -1.51043, 2.12042, -0.17772, -0.54429, 0.14224, 0.07863,
        -0.26302, -0.26179, -1.12359, 2.49848, 0.07286, -0.22771, -0.51871, -0.17652,
        -0.16124, 0.34997, 1.35686, -0.62663, -0.53941, -1.87474, 0.1584, 1.33678,
        0.65118, 0.54932, -1.73239, 0.44463, 0.22148, -1.60268, 1.16982, 0.29863,
      ])
  }
}
