import Firefinch
import FirefinchTestSupport
import Testing

/// Tensors print as in PyTorch.
@Suite struct DescriptionTests {
  @Test func textsEqualPyTorch() throws {
    let cases = try Golden.cases("printing.json")
    #expect(cases.count > 60)
    for golden in cases {
      let tensor =
        golden["meta"].bool
        ? Tensor.empty(Shape(golden["tensor"]["shape"].ints), device: .meta) : golden["tensor"].tensor
      #expect(tensor.description == golden["text"].string)
    }
  }

  @Test func historyIsNamed() {
    let x = Tensor.ones([2]).requiresGrad_()
    #expect("\(x)" == "tensor([1., 1.], requires_grad=True)")
    #expect("\(x * 2)" == "tensor([2., 2.], grad_fn=<MulBackward0>)")
    #expect("\((x * 2).sum())" == "tensor(4., grad_fn=<SumBackward0>)")
  }
}
