import FirefinchCore

extension Scalar {
  /// The number in the category of `dtype`; throws when it is out of the dtype's range, as PyTorch does for fills. Negative
  /// numbers wrap in unsigned dtypes; infinities and NaN stay in floating point.
  func fitted(to dtype: DType, op: String) throws -> Scalar {
    func misfit(_ why: String) -> TensorError {
      .value("\(op): the number \(self) does not fit into \(dtype.name): \(why)")
    }
    if dtype.isComplex { return self }
    if imaginaryValue != 0 { throw misfit("it is complex; take its real part or convert the tensor") }
    if dtype == .bool { return .bool(doubleValue != 0) }
    if dtype.isFloatingPoint {
      let largest: Double =
        switch dtype {
        case .float16: 65504
        case .bfloat16: 0x1.FEp127
        case .float64: .greatestFiniteMagnitude
        default: Double(Float.greatestFiniteMagnitude)
        }
      if doubleValue.isFinite && abs(doubleValue) > largest { throw misfit("the largest number is \(largest)") }
      if case .complex(let re, _) = self { return .double(re) }
      return self
    }
    if doubleValue.isNaN { throw misfit("it is not a number") }
    let bits = dtype.size * 8
    let isUnsigned = dtype == .uint8
    let top = isUnsigned ? 0x1p8 : bits == 64 ? 0x1p63 : Double(1 << (bits - 1))
    if case .int(let value) = self, bits == 64 { return .int(value) }
    if doubleValue.rounded(.towardZero) >= top || doubleValue.rounded(.towardZero) < (isUnsigned ? 1 - top : -top) {
      throw misfit("it is out of range")
    }
    return .int(intValue)
  }
}
