import FirefinchCore

/// What a derivative sees: the gradients of the results, the saved arguments and results, and which gradients are wanted.
public struct Gradient {
  let call: OpCall
  let node: StructuredNode
  let gradients: [Tensor?]

  /// Gradient of result `index`; zeros when nothing flowed back to it.
  func grad(_ index: Int = 0) -> Tensor {
    if let grad = gradients[index] { return grad }
    let spec = node.results[index]
    return Tensor.zeros(spec.shape, dtype: spec.dtype, device: spec.device)
  }

  /// Gradient of result `index`, or nil when nothing flowed back to it.
  func optionalGrad(_ index: Int) -> Tensor? { gradients[index] }

  /// Argument `index` as a tensor, with its history.
  func input(_ index: Int) -> Tensor { call.tensor(index) }
  /// Argument `index` as a tensor, or nil for None.
  func optionalInput(_ index: Int) -> Tensor? { call.optionalTensor(index) }
  /// The shape that argument `index` had; available without saving the argument.
  func shape(_ index: Int) -> Shape { node.argumentShape(index) }
  /// The dtype that argument `index` had; available without saving the argument.
  func dtype(_ index: Int) -> DType { node.argumentDType(index) }
  /// Result `index` with its history. It must be named in `saves`.
  func output(_ index: Int = 0) -> Tensor { node.output(index) }
  /// Whether the gradient of the `index`-th tensor (lists flattened) is wanted.
  func needs(_ index: Int) -> Bool { index < node.edges.count && node.edges[index].isWanted }

  func int(_ index: Int) -> Int { call.int(index) }
  func ints(_ index: Int) -> [Int] { call.ints(index) }
  func bool(_ index: Int) -> Bool { call.bool(index) }
  func double(_ index: Int) -> Double { call.double(index) }
}
