import FirefinchCore

/// Samples shared by the two-operand arithmetic ops: same shape, broadcasting both ways, a number.
private let binarySamples: @Sendable () -> [Sample] = {
  let a = Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5], shape: [2, 3], dtype: .float64)
  let b = Tensor([1.5, 0.75, -2.5, 1.0, 2.25, -0.5], shape: [2, 3], dtype: .float64)
  let row = Tensor([0.75, -1.5, 2.5], dtype: .float64)
  let column = Tensor([1.5, -0.5], shape: [2, 1], dtype: .float64)
  return [
    Sample(.tensor(a), .tensor(b)), Sample(.tensor(a), .tensor(row)), Sample(.tensor(column), .tensor(row)),
    Sample(.tensor(a), .double(2.5)), Sample(.tensor(Tensor(1.5, dtype: .float64)), .tensor(a)),
    Sample(error: "broadcast", "[2, 3]", "[2]", arguments: [.tensor(a), .tensor(Tensor([1.0, 2], dtype: .float64))]),
  ]
}

/// Quotients well away from integers, where the remainder jumps.
private let remainderSamples: @Sendable () -> [Sample] = {
  let a = Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.6], shape: [2, 3], dtype: .float64)
  let b = Tensor([1.5, 0.7, -2.3], dtype: .float64)
  return [Sample(.tensor(a), .tensor(b)), Sample(.tensor(a), .double(2.3))]
}

extension Op {
  static let add = Op.pointwise("add.Tensor(TensorOrNumber self, TensorOrNumber other, *, Scalar alpha=1) -> Tensor", samples: binarySamples) {
    e in e[0] + e[1] * e[2]
  }

  static let sub = Op.pointwise(
    "sub.Tensor(TensorOrNumber self, TensorOrNumber other, *, Scalar alpha=1) -> Tensor", dtypes: .notBool, samples: binarySamples
  ) { e in e[0] - e[1] * e[2] }

  static let rsub = Op.pointwise(
    "rsub.Tensor(Tensor self, TensorOrScalar other, *, Scalar alpha=1) -> Tensor", dtypes: .notBool, samples: binarySamples
  ) { e in e[1] - e[0] * e[2] }

  static let mul = Op.pointwise("mul.Tensor(TensorOrNumber self, TensorOrNumber other) -> Tensor", samples: binarySamples) { e in
    e[0] * e[1]
  }

  static let div = Op.pointwise(
    "div.Tensor(TensorOrNumber self, TensorOrNumber other) -> Tensor", dtypes: .promoteToFloat, samples: binarySamples
  ) { e in e[0] / e[1] }

  static let divMode = Op.pointwise(
    "div.Tensor_mode(TensorOrNumber self, TensorOrNumber other, *, str? rounding_mode) -> Tensor",
    samples: {
      let a = Tensor([7.5, -7.25, 2.0], dtype: .float64)
      let b = Tensor([2.0, 2.5, -0.75], dtype: .float64)
      return [
        Sample(.tensor(a), .tensor(b), .string("floor"), gradient: false),
        Sample(.tensor(a), .tensor(b), .string("trunc"), gradient: false),
      ]
    }
  ) { e in e.word(2) == "floor" ? .floorDivide(e[0], e[1]) : .truncDivide(e[0], e[1]) }

  static let remainder = Op.pointwise(
    "remainder.Tensor(TensorOrScalar self, TensorOrScalar other) -> Tensor", samples: remainderSamples
  ) { e in .remainder(e[0], e[1]) }

  static let fmod = Op.pointwise("fmod.Tensor(Tensor self, TensorOrScalar other) -> Tensor", samples: remainderSamples) { e in
    .fmod(e[0], e[1])
  }

  static let pow = Op.pointwise(
    "pow.Tensor_Tensor(TensorOrScalar self, TensorOrScalar exponent) -> Tensor",
    samples: {
      let a = Tensor([0.5, 1.25, 2.0], dtype: .float64)
      let b = Tensor([1.5, -0.75, 2.5], dtype: .float64)
      return [
        Sample(.tensor(a), .tensor(b)), Sample(.tensor(a), .double(3)), Sample(.double(2), .tensor(b)),
        Sample(.tensor(a), .double(2)), Sample(.tensor(a), .double(0.5)),
      ]
    }
  ) { e in .pow(e[0], e[1]) }

  static let neg = Op.pointwise(
    "neg(Tensor self) -> Tensor", dtypes: .notBool,
    samples: { [Sample(.tensor(Tensor([0.5, -1.25, 2.0], dtype: .float64)))] }
  ) { e in -e[0] }
}

extension Tensor {
  /// `self + alpha * other`, broadcasting. Same as `torch.add`.
  public func add(_ other: Tensor, alpha: some ScalarConvertible = 1) -> Tensor {
    Op.add(.tensor(self), .tensor(other), .scalar(alpha.scalar))
  }
  /// `self - alpha * other`, broadcasting. Same as `torch.sub`.
  public func sub(_ other: Tensor, alpha: some ScalarConvertible = 1) -> Tensor {
    Op.sub(.tensor(self), .tensor(other), .scalar(alpha.scalar))
  }
  /// Elementwise product. Same as `torch.mul`.
  public func mul(_ other: Tensor) -> Tensor { Op.mul.binary(self, other) }
  /// Elementwise quotient; integers give floating point. Same as `torch.div`.
  public func div(_ other: Tensor) -> Tensor { Op.div.binary(self, other) }
  /// Quotient rounded down. Same as `torch.floor_divide`.
  public func floorDivide(_ other: Tensor) -> Tensor { Op.divMode(.tensor(self), .tensor(other), .string("floor")) }
  /// Quotient rounded down. Same as `torch.floor_divide`.
  public func floorDivide(_ other: some ScalarConvertible) -> Tensor {
    Op.divMode(.tensor(self), .scalar(other.scalar), .string("floor"))
  }
  /// Quotient rounded toward zero. Same as `torch.div(rounding_mode='trunc')`.
  public func truncDivide(_ other: Tensor) -> Tensor { Op.divMode(.tensor(self), .tensor(other), .string("trunc")) }
  /// Remainder with the divisor's sign. Same as `torch.remainder`.
  public func remainder(_ other: Tensor) -> Tensor { Op.remainder.binary(self, other) }
  /// Remainder with the divisor's sign. Same as `torch.remainder`.
  public func remainder(_ other: some ScalarConvertible) -> Tensor { Op.remainder.binary(self, other.scalar) }
  /// Remainder with the dividend's sign. Same as `torch.fmod`.
  public func fmod(_ other: Tensor) -> Tensor { Op.fmod.binary(self, other) }
  /// Power, elementwise. Same as `torch.pow`.
  public func pow(_ exponent: Tensor) -> Tensor { Op.pow.binary(self, exponent) }
  /// Power, elementwise. Same as `torch.pow`.
  public func pow(_ exponent: some ScalarConvertible) -> Tensor { Op.pow.binary(self, exponent.scalar) }
  /// Elementwise negation. Same as `torch.neg`.
  public func neg() -> Tensor { Op.neg(.tensor(self)) }

  /// Adds in place. Same as `Tensor.add_`.
  @discardableResult
  public func add_(_ other: Tensor, alpha: some ScalarConvertible = 1) -> Tensor {
    Op.add.inPlace([.tensor(self), .tensor(other), .scalar(alpha.scalar)])
  }
  /// Adds a number in place. Same as `Tensor.add_`.
  @discardableResult public func add_(_ other: some ScalarConvertible) -> Tensor {
    Op.add.inPlace([.tensor(self), .scalar(other.scalar)])
  }
  /// Subtracts in place. Same as `Tensor.sub_`.
  @discardableResult
  public func sub_(_ other: Tensor, alpha: some ScalarConvertible = 1) -> Tensor {
    Op.sub.inPlace([.tensor(self), .tensor(other), .scalar(alpha.scalar)])
  }
  /// Subtracts a number in place. Same as `Tensor.sub_`.
  @discardableResult public func sub_(_ other: some ScalarConvertible) -> Tensor {
    Op.sub.inPlace([.tensor(self), .scalar(other.scalar)])
  }
  /// Multiplies in place. Same as `Tensor.mul_`.
  @discardableResult public func mul_(_ other: Tensor) -> Tensor { Op.mul.inPlace([.tensor(self), .tensor(other)]) }
  /// Multiplies by a number in place. Same as `Tensor.mul_`.
  @discardableResult public func mul_(_ other: some ScalarConvertible) -> Tensor {
    Op.mul.inPlace([.tensor(self), .scalar(other.scalar)])
  }
  /// Divides in place. Same as `Tensor.div_`.
  @discardableResult public func div_(_ other: Tensor) -> Tensor { Op.div.inPlace([.tensor(self), .tensor(other)]) }
  /// Divides by a number in place. Same as `Tensor.div_`.
  @discardableResult public func div_(_ other: some ScalarConvertible) -> Tensor {
    Op.div.inPlace([.tensor(self), .scalar(other.scalar)])
  }
  /// Raises to a power in place. Same as `Tensor.pow_`.
  @discardableResult public func pow_(_ exponent: some ScalarConvertible) -> Tensor {
    Op.pow.inPlace([.tensor(self), .scalar(exponent.scalar)])
  }
  /// Negates in place. Same as `Tensor.neg_`.
  @discardableResult public func neg_() -> Tensor { Op.neg.inPlace([.tensor(self)]) }
}
