import FirefinchCore

/// PyTorch's type promotion: tensors with dims rank above 0-dim tensors, which rank above plain numbers; a lower rank only
/// matters when its category (bool < integer < floating < complex) is higher. Same as `torch.result_type`.
struct TypePromotion {
  private var dimensioned: DType?
  private var zeroDim: DType?
  private var wrapped: DType?

  mutating func add(_ tensor: Tensor) {
    let dtype = tensor.dtype
    if tensor.flags.contains(.wrapped) {
      wrapped = wrapped.map { DType.promote($0, dtype) } ?? dtype
    } else if tensor.layout.rank == 0 {
      zeroDim = zeroDim.map { DType.promote($0, dtype) } ?? dtype
    } else {
      dimensioned = dimensioned.map { DType.promote($0, dtype) } ?? dtype
    }
  }

  mutating func add(_ scalar: Scalar) {
    let dtype = scalar.dtype(defaultFloat: DType.defaultFloat)
    wrapped = wrapped.map { DType.promote($0, dtype) } ?? dtype
  }

  /// The common dtype.
  var result: DType {
    func join(_ high: DType?, _ low: DType?) -> DType? {
      guard let high else { return low }
      guard let low else { return high }
      // A floating dtype keeps its precision when it becomes complex.
      if high.isFloatingPoint && low.isComplex { return high.complexType }
      return low.category > high.category ? DType.promote(high, low) : high
    }
    return join(dimensioned, join(zeroDim, wrapped)) ?? DType.defaultFloat
  }
}

extension DType {
  /// The dtype of tensors made from floating-point numbers. Same as `torch.get_default_dtype()`.
  public static nonisolated(unsafe) var defaultFloat: DType = .float32
}

extension Tensor {
  /// The dtype of an arithmetic result of two tensors. Same as `torch.result_type`.
  public static func resultType(_ a: Tensor, _ b: Tensor) -> DType {
    var promotion = TypePromotion()
    promotion.add(a)
    promotion.add(b)
    return promotion.result
  }

  /// The dtype of an arithmetic result of a tensor and a number. Same as `torch.result_type`.
  public static func resultType(_ a: Tensor, _ b: Scalar) -> DType {
    var promotion = TypePromotion()
    promotion.add(a)
    promotion.add(b)
    return promotion.result
  }
}
