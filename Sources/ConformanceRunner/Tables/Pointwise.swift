import Firefinch

/// Functions of single elements that are no records, and Python's reflected operators.
extension Table {
  mutating func addPointwise() {
    addReflected()
    addFunctions()
    addSpecial()
  }

  private mutating func addReflected() {
    for (name, plain) in [
      ("__radd__", "add"), ("__rmul__", "mul"), ("__rand__", "bitwise_and"), ("__ror__", "bitwise_or"),
      ("__rxor__", "bitwise_xor"),
    ] { reflect(name, plain) }
    for (name, plain) in [("__rsub__", "sub"), ("__rdiv__", "div"), ("__rmod__", "remainder"), ("__rpow__", "pow")] {
      reflect(name, plain)
    }
    alias("true_divide", "div")
    let divide = self
    raw("floor_divide") { args, kwargs in try divide.call("div", args, kwargs + [("rounding_mode", .string("floor"))]) }
    for name in ["jiterator_binary", "jiterator_binary_return_by_ref"] {
      raw(name) { _, _ in throw TensorError.device("\(name): kernels from source text need a CUDA device") }
    }
  }

  /// `x.__rop__(y)` is `y op x`.
  private mutating func reflect(_ name: String, _ plain: String) {
    let table = self
    // Python's own integers have these two.
    let needsTensor = name != "__rmod__" && name != "__rpow__"
    raw(name) { args, kwargs in
      guard args.count == 2, !needsTensor || !args[0].tensors.isEmpty else { throw TensorError.value("\(name): expected a tensor and an operand") }
      return try table.call(plain, [args[1], args[0]], kwargs)
    }
  }

  private mutating func addFunctions() {
    op("conj_physical(Tensor self) -> Tensor") { c in try c.tensor(0).conj() }
    for name in ["conj", "resolve_conj", "resolve_neg", "positive"] {
      op("\(name)(Tensor self) -> Tensor") { c in
        let x = try c.tensor(0)
        if name == "positive" && x.dtype == .bool { throw TensorError.dtype("positive: bool tensors are not supported") }
        return name == "conj" ? x.conj() : x
      }
    }
    op("real(Tensor self) -> Tensor") { c in try c.tensor(0).real }
    op("imag(Tensor self) -> Tensor") { c in try c.tensor(0).imag }
    op("polar(Tensor abs, Tensor angle) -> Tensor") { c in try Tensor.polar(c.tensor(0), c.tensor(1)) }
    op("round(Tensor self, *, int decimals) -> Tensor") { c in try c.tensor(0).round(decimals: c.int(1)) }
    for (name, f) in [("round", 0), ("floor", 1), ("ceil", 2), ("trunc", 3)] {
      op("\(name)(Tensor self) -> Tensor") { c in
        let x = try c.tensor(0)
        if x.dtype == .bool { throw TensorError.dtype("\(name): bool tensors are not supported") }
        return f == 0 ? x.round() : f == 1 ? x.floor() : f == 2 ? x.ceil() : x.trunc()
      }
    }
    op("nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor") { c in
      try c.tensor(0).nanToNum(nan: c.optionalDouble(1) ?? 0, posInf: c.optionalDouble(2), negInf: c.optionalDouble(3))
    }
    op("logit(Tensor self, float? eps=None) -> Tensor") { c in try c.tensor(0).logit(eps: c.optionalDouble(1)) }
    op("logaddexp(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).logaddexp(c.tensor(1)) }
    op("heaviside(Tensor self, Tensor values) -> Tensor") { c in try c.tensor(0).heaviside(c.tensor(1)) }
    op("clamp_min(Tensor self, TensorOrScalar min) -> Tensor") { c in try c.tensor(0).clamp(min: c.tensor(1), max: nil) }
    op("clamp_max(Tensor self, TensorOrScalar max) -> Tensor") { c in try c.tensor(0).clamp(min: nil, max: c.tensor(1)) }
    op("ldexp(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).ldexp(c.tensor(1)) }
    op("float_power(TensorOrScalar self, TensorOrScalar exponent) -> Tensor") { c in
      if case .tensor(let x) = c.argument(0), let number = c.argument(1).scalar, c.argument(1).tensors.isEmpty {
        return x.floatPower(number)
      }
      return try c.tensor(0).floatPower(c.tensor(1))
    }
    op("frexp(Tensor self) -> (Tensor, Tensor)") { c in
      let r = try c.tensor(0).frexp()
      return [r.mantissa, r.exponent]
    }
    op("isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor") { c in
      try c.tensor(0).isclose(c.tensor(1), rtol: c.double(2), atol: c.double(3), equalNaN: c.bool(4))
    }
    op("square(Tensor self) -> Tensor") { c in try c.tensor(0).square() }
    op("zero_(Tensor self) -> Tensor") { c in try c.tensor(0).zero_() }
  }

  private mutating func addSpecial() {
    op("mvlgamma(Tensor self, int p) -> Tensor") { c in try c.tensor(0).mvlgamma(c.int(1)) }
    for name in ["polygamma", "special.polygamma"] {
      op("\(name)(int n, Tensor self) -> Tensor") { c in try c.tensor(1).polygamma(c.int(0)) }
      // The cases call polygamma(n, x) through a wrapper with x first.
      op("\(name)(Tensor self, int n) -> Tensor") { c in try c.tensor(0).polygamma(c.int(1)) }
    }
  }
}
