import FirefinchCore

private func sample() -> Tensor { Tensor([0.5, -1.25, 2.0, 3.5, -0.75, 1.5], shape: [2, 3], dtype: .float64) }

extension Op {
  /// The memory format of a copy, given as its name in argument `index`, and the shape and dtype.
  private static func copySpec(_ call: OpCall, _ index: Int, _ dtype: DType, _ format: MemoryFormat) throws -> [TensorSpec] {
    let x = call.tensor(0)
    let chosen = call.optionalString(index).flatMap(MemoryFormat.init(rawValue:)) ?? format
    return [TensorSpec(layout: try x.layout.dense(in: chosen, op: call.name), dtype: dtype)]
  }

  static let clone = Op.structured(
    "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", saves: .nothing, complex: .native,
    plan: { try copySpec($0, 1, $0.tensor(0).dtype, .preserve) },
    forward: { $1[0].copyData(from: $0.tensor(0)) }, derivative: { [$0.grad()] },
    samples: { [Sample(.tensor(sample())), Sample(.tensor(sample().t()))] })

  static let contiguous = Op.structured(
    "contiguous(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", saves: .nothing, complex: .native,
    plan: { try copySpec($0, 1, $0.tensor(0).dtype, .contiguous) },
    forward: { $1[0].copyData(from: $0.tensor(0)) }, derivative: { [$0.grad()] },
    samples: {
      [
        Sample(.tensor(sample().t())),
        Sample(error: "channels_last", "4 dims", "[2, 3]", arguments: [.tensor(sample()), .string("channels_last")]),
      ]
    })

  static let toCopy = Op.structured(
    "_to_copy(Tensor self, *, ScalarType? dtype=None, MemoryFormat? memory_format=None) -> Tensor", saves: .nothing,
    complex: .native, plan: { try copySpec($0, 2, $0.optionalDType(1) ?? $0.tensor(0).dtype, .preserve) },
    forward: { $1[0].copyData(from: $0.tensor(0)) }, derivative: { [$0.grad()] },
    samples: { [Sample(.tensor(sample()), .dtype(.float32), gradient: false)] })

  /// The tape's view of `copy_`: the old value is forgotten, the gradient goes to the source.
  static let copy = Op.structured(
    "copy(Tensor self, Tensor src) -> Tensor", saves: .nothing, complex: .native,
    plan: { [TensorSpec($0.tensor(0).shape, $0.tensor(0).dtype)] },
    forward: { $1[0].copyData(from: $0.tensor(1)) }, derivative: { [nil, $0.grad()] },
    samples: { [Sample(.tensor(sample()), .tensor(sample() * 2)), Sample(.tensor(sample()), .tensor(sample().select(dim: 0, 1)))] })

  /// The tape's view of `fill_` and `zero_`.
  static let fill = Op.structured(
    "fill.Scalar(Tensor self, Scalar value) -> Tensor", saves: .nothing, complex: .native,
    plan: { [TensorSpec(layout: $0.tensor(0).layout.preserved(), dtype: $0.tensor(0).dtype)] },
    forward: { $1[0].fillData($0.scalar(1)) }, derivative: { [$0.grad() * 0] },
    samples: { [Sample(.tensor(sample()), .double(2.5))] })
}

extension Tensor {
  /// A copy with its own memory, in this tensor's memory order or in another format. Same as `torch.clone`.
  public func clone(memoryFormat: MemoryFormat? = nil) -> Tensor { Op.clone(.tensor(self), Value(memoryFormat)) }

  /// The tensor itself if dense row-major, else a dense copy. Same as `Tensor.contiguous()`.
  public func contiguous() -> Tensor { isContiguous ? self : Op.contiguous(.tensor(self)) }
  /// The tensor itself if dense in the format, else a dense copy. Same as `Tensor.contiguous(memory_format)`.
  public func contiguous(memoryFormat: MemoryFormat) -> Tensor {
    if isPoisoned { return self }
    if memoryFormat == .preserve {
      return Mistake.report(.value("contiguous: preserve_format says nothing about the order; use clone()"))
    }
    return layout.isContiguous(in: memoryFormat) ? self : Op.contiguous(.tensor(self), Value(memoryFormat))
  }
  /// Whether the elements lie dense in the format. Same as `Tensor.is_contiguous(memory_format)`.
  public func isContiguous(in format: MemoryFormat) -> Bool { layout.isContiguous(in: format) }

  /// The tensor in another dtype, itself if it has it unless `copy`, in its own memory order or in a format. Same as
  /// `Tensor.to(dtype)`.
  ///
  /// Numbers outside the range of an integer dtype, infinities and NaN are converted as the processor does on x86-64: through
  /// int64, whose smallest number stands for what does not fit, cut to the dtype's low bits. Bool is "not 0" (NaN is true);
  /// of complex numbers real dtypes keep the real part.
  public func to(_ dtype: DType, copy: Bool = false, memoryFormat: MemoryFormat? = nil) -> Tensor {
    let isThere = dtype == self.dtype && !copy
    if isThere && (memoryFormat == nil || memoryFormat == .preserve || isContiguous(in: memoryFormat!)) { return self }
    return Op.toCopy(.tensor(self), .dtype(dtype), Value(memoryFormat))
  }
  /// The tensor in a memory format; itself if it lies so. Same as `Tensor.to(memory_format=…)`.
  public func to(memoryFormat: MemoryFormat) -> Tensor { to(dtype, memoryFormat: memoryFormat) }

  /// The tensor on another device; itself if it is there. From `meta` there is nothing to copy. Same as `Tensor.to(device)`.
  public func to(_ device: Device) -> Tensor {
    if device == self.device { return self }
    return ErrorScope.guarding {
      switch device {
      case .meta: return Tensor(uninitialised: TensorSpec(layout: layout.preserved(), dtype: dtype), device: .meta)
      case .cpu: throw TensorError.device("to: a tensor on \(self.device) has no data to copy to the CPU")
      case .cuda: throw TensorError.device("to: \(device) is not available: \(CUDADriver.whyUnavailable)")
      }
    }
  }
  /// The tensor in float32.
  public func float() -> Tensor { to(.float32) }
  /// The tensor in float64.
  public func double() -> Tensor { to(.float64) }
  /// The tensor in float16.
  public func half() -> Tensor { to(.float16) }
  /// The tensor in bfloat16.
  public func bfloat16() -> Tensor { to(.bfloat16) }
  /// The tensor in int64.
  public func long() -> Tensor { to(.int64) }
  /// The tensor in int32.
  public func int() -> Tensor { to(.int32) }
  /// The tensor in int16.
  public func short() -> Tensor { to(.int16) }
  /// The tensor in int8.
  public func char() -> Tensor { to(.int8) }
  /// The tensor in uint8.
  public func byte() -> Tensor { to(.uint8) }
  /// Which elements are not 0.
  public func bool() -> Tensor { to(.bool) }
  /// The tensor in complex32.
  public func chalf() -> Tensor { to(.complex32) }
  /// The tensor in complex64.
  public func cfloat() -> Tensor { to(.complex64) }
  /// The tensor in complex128.
  public func cdouble() -> Tensor { to(.complex128) }
  /// The tensor in the dtype of another. Same as `Tensor.type_as`.
  public func type(as other: Tensor) -> Tensor { to(other.dtype) }

  /// Overwrites the elements with those of `source`, broadcast and converted. Same as `Tensor.copy_`.
  @discardableResult public func copy_(_ source: Tensor) -> Tensor {
    if isPoisoned || source.isPoisoned { return self }
    return ErrorScope.guarding {
      let wide = try Layout.broadcast(shape, source.shape, op: "copy_")
      if wide != shape {
        throw TensorError.shape("copy_: source of shape \(source.shape) does not broadcast to \(shape)")
      }
      if layout.overlaps {
        throw TensorError.value("copy_: several elements of the tensor written share memory (it is expanded); clone it first")
      }
      try InPlace.checkHistory(self, op: "copy_")
      let call = OpCall(op: Op.copy, arguments: [.tensor(self), .tensor(source)])
      let node = Op.copy.node(call, [self, source], [self])
      if source.storage === storage && source.layout != layout {
        copyData(from: withNoGrad { source.clone() })
      } else {
        copyData(from: source)
      }
      InPlace.commit(self, node)
      return self
    }
  }

  /// Takes over the values of `result`, which an operation `op` made of this tensor: the in-place form of operations without
  /// one of their own. The shapes must be equal and the dtype must hold the result's kind of number.
  @discardableResult package func assign_(_ result: Tensor, op: String) -> Tensor {
    if isPoisoned || result.isPoisoned { return self }
    return ErrorScope.guarding {
      try InPlace.check(self, spec: TensorSpec(result.shape, result.dtype), op: op)
      return copy_(result)
    }
  }

  /// Sets every element. Same as `Tensor.fill_`.
  @discardableResult public func fill_(_ value: some ScalarConvertible) -> Tensor {
    if isPoisoned { return self }
    return ErrorScope.guarding {
      try InPlace.checkHistory(self, op: "fill_")
      let call = OpCall(op: Op.fill, arguments: [.tensor(self), .scalar(value.scalar)])
      let node = Op.fill.node(call, [self], [self])
      fillData(value.scalar)
      InPlace.commit(self, node)
      return self
    }
  }
  /// Sets every element to 0. Same as `Tensor.zero_`.
  @discardableResult public func zero_() -> Tensor { fill_(0) }
}

extension Value {
  /// An optional memory format as an argument.
  init(_ format: MemoryFormat?) { self = format.map { .string($0.rawValue) } ?? .none }
}
