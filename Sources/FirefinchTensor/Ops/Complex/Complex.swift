import FirefinchCore

private func complexSample() -> Tensor {
  Tensor.complex(
    Tensor([0.5, -1.25, 2.0, 0.75], shape: [2, 2], dtype: .float64),
    Tensor([-0.5, 1.5, 0.25, -2.0], shape: [2, 2], dtype: .float64))
}

extension Op {
  static let complex = Op.structured(
    "complex(Tensor real, Tensor imag) -> Tensor", saves: .nothing, complex: .refused,
    plan: { call in
      let (re, im) = (call.tensor(0), call.tensor(1))
      if re.dtype != im.dtype || !re.dtype.isFloatingPoint || re.dtype == .bfloat16 {
        throw TensorError.dtype(
          "complex: expected two float32, float64 or float16 tensors, got \(re.dtype.name) and \(im.dtype.name)")
      }
      let shape = try Layout.broadcast(re.shape, im.shape, op: "complex")
      let layout = re.shape == shape ? re.layout.preserved() : Layout(contiguous: shape)
      return [TensorSpec(layout: layout, dtype: re.dtype.complexType)]
    },
    forward: { call, results in
      let type = results[0].dtype.realType
      let parts = results[0].layout.asReal
      for i in 0..<2 {
        let last = parts.rank - 1
        results[0].alias(layout: parts.selected(dim: last, index: i), dtype: type).copyData(from: call.tensor(i))
      }
    },
    derivative: { c in [c.needs(0) ? c.grad().real : nil, c.needs(1) ? c.grad().imag : nil] },
    samples: {
      let a = Tensor([0.5, -1.25, 2.0], dtype: .float32)
      return [
        Sample(.tensor(a), .tensor(a * 2), gradient: false),
        Sample(error: "complex", "int64", arguments: [.tensor(Tensor([1, 2])), .tensor(Tensor([1, 2]))]),
      ]
    })

  static let viewAsReal = Op.view(
    "view_as_real(Tensor(a) self) -> Tensor(a)", dtype: { $0.tensor(0).dtype.realType },
    derivative: { c in [c.grad().contiguous().viewAsComplex()] },
    samples: { [Sample(.tensor(complexSample()), gradient: false)] }
  ) { call in
    let x = call.tensor(0)
    if !x.dtype.isComplex { throw TensorError.dtype("view_as_real: expected a complex tensor, got \(x.dtype.name)") }
    return [x.layout.asReal]
  }

  static let viewAsComplex = Op.view(
    "view_as_complex(Tensor(a) self) -> Tensor(a)", dtype: { $0.tensor(0).dtype.complexType },
    derivative: { c in [c.grad().viewAsReal()] },
    samples: { [Sample(.tensor(Tensor([0.5, 1.5, -1, 2], shape: [2, 2], dtype: .float32)), gradient: false)] }
  ) { call in
    let x = call.tensor(0)
    if !x.dtype.isFloatingPoint || x.dtype == .bfloat16 {
      throw TensorError.dtype("view_as_complex: expected a float32, float64 or float16 tensor, got \(x.dtype.name)")
    }
    return [try x.layout.asComplex()]
  }

  static let conj = Op.pointwise(
    "conj(Tensor self) -> Tensor", samples: { [Sample(.tensor(Tensor([0.5, -1.5], dtype: .float64)))] }
  ) { $0[0].conj() }

  static let angle = Op.pointwise(
    "angle(Tensor self) -> Tensor", dtypes: .promoteToFloat,
    samples: { [Sample(.tensor(Tensor([0.5, -1.5], dtype: .float64)), gradient: false)] },
    derivative: { g, e, y in [g * 0] }
  ) { $0[0].argument() }
}

/// Complex numbers: dtypes complex64, complex128 and complex32, pairs of reals in memory.
///
/// Gradients follow PyTorch's convention: the gradient of a real loss is that with respect to the conjugate, so that stepping
/// against it goes downhill.
extension Tensor {
  /// A complex tensor from real and imaginary parts, float32, float64 or float16, broadcast. Same as `torch.complex`.
  public static func complex(_ real: Tensor, _ imag: Tensor) -> Tensor { Op.complex(.tensor(real), .tensor(imag)) }

  /// A complex tensor from absolute values and angles in radians. Same as `torch.polar`.
  public static func polar(_ abs: Tensor, _ angle: Tensor) -> Tensor {
    ErrorScope.guarding {
      if abs.dtype != angle.dtype || (abs.dtype != .float32 && abs.dtype != .float64) {
        throw TensorError.dtype(
          "polar: expected two float32 or two float64 tensors, got \(abs.dtype.name) and \(angle.dtype.name)")
      }
      // Of a negative absolute value the gradient is that of the value with its sign taken off, as PyTorch's.
      let size = GradMode.isEnabled && abs.requiresGrad ? abs.abs() + withNoGrad { abs.detach() - abs.detach().abs() } : abs
      return complex(size * angle.cos(), size * angle.sin())
    }
  }

  /// The elements as reals, with a last dim of 2: a view. Same as `torch.view_as_real`.
  public func viewAsReal() -> Tensor { Op.viewAsReal(.tensor(self)) }
  /// Pairs of reals along the last dim, which has size 2, as complex elements: a view. Same as `torch.view_as_complex`.
  public func viewAsComplex() -> Tensor { Op.viewAsComplex(.tensor(self)) }

  /// The real parts, a view; a real tensor itself. Same as `torch.real`.
  public var real: Tensor { dtype.isComplex ? viewAsReal().select(dim: -1, 0) : self }
  /// The imaginary parts, a view; a real tensor has none. Same as `torch.imag`.
  public var imag: Tensor {
    ErrorScope.guarding {
      if !dtype.isComplex { throw TensorError.dtype("imag: a complex tensor is expected, got \(dtype.name)") }
      return viewAsReal().select(dim: -1, 1)
    }
  }

  /// Complex conjugates; a real tensor itself. Same as `torch.conj`, but always computed, never a lazy bit.
  public func conj() -> Tensor { dtype.isComplex ? Op.conj(.tensor(self)) : self }
  /// Angles in radians; pi for negative real numbers. Same as `torch.angle`.
  public func angle() -> Tensor { Op.angle(.tensor(self)) }
  /// The last two dims swapped, elements conjugated. Same as `Tensor.mH`.
  public var mH: Tensor {
    ErrorScope.guarding {
      if rank == 0 { return conj() }
      if rank < 2 { throw TensorError.shape("mH: a matrix or a batch of matrices is expected, got shape \(shape)") }
      return transpose(-2, -1).conj()
    }
  }

  /// A matrix with its dims swapped and elements conjugated. Same as `Tensor.H`.
  public var H: Tensor {
    ErrorScope.guarding {
      if rank != 0 && rank != 2 { throw TensorError.shape("H: a matrix is expected, got shape \(shape); use mH for batches") }
      return rank == 2 ? mH : conj()
    }
  }

  /// A complex tensor from pairs of real and imaginary part; complex64 unless `dtype` is given.
  public convenience init(complex elements: [(Double, Double)], shape: Shape? = nil, dtype: DType = .complex64) {
    let shape = shape ?? [elements.count]
    if shape.elementCount != elements.count || !dtype.isComplex {
      ErrorScope.stop(.shape("Tensor: \(elements.count) complex elements cannot make a \(dtype.name) tensor of shape \(shape)"))
    }
    let pairs = Tensor(elements.flatMap { [$0.0, $0.1] }, shape: Shape(shape + [2]), dtype: .float64)
    self.init(empty: shape, dtype: dtype)
    copyData(from: pairs.viewAsComplex())
  }
}
