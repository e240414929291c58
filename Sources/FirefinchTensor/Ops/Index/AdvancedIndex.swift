import FirefinchCore
import FirefinchCPU

/// Tensors of indices for the dims of a tensor, checked and brought to int64: what `x[a, :, b]` means.
private struct AdvancedIndex {
  /// The dims that are indexed, ascending, with their indices.
  private(set) var picks: [(dim: Int, index: Tensor)] = []
  /// Sizes of the broadcast indices.
  private(set) var batch: Shape = []
  /// Dims in front of the broadcast indices in the result, and behind them.
  private let before: [Int], after: [Int]
  private let source: Layout
  /// Whether all indices come from one mask, so that no element is named twice.
  private(set) var isDistinct = false
  let op: String

  /// The result's sizes.
  var shape: Shape { Shape(before.map { source.shape[$0] } + batch.array + after.map { source.shape[$0] }) }

  init(_ x: Tensor, _ indices: [Tensor?], op: String) throws {
    self.op = op
    source = x.layout
    var dim = 0
    var masks = 0
    for index in indices {
      guard let index else {
        dim += 1
        continue
      }
      if index.dtype == .bool || index.dtype == .uint8 {
        let covered = Shape(x.shape.dropFirst(dim).prefix(index.rank))
        if index.shape != covered {
          throw TensorError.index(
            "\(op): the mask of shape \(index.shape) does not match the sizes \(covered) of shape \(x.shape) at dim \(dim)")
        }
        for place in try Nonzero.vectors(index, op: op) {
          picks.append((dim, place))
          dim += 1
        }
        masks += 1
      } else if index.dtype != .int64 && index.dtype != .int32 {
        throw TensorError.dtype("\(op): indices must be int64, int32 or a mask of bools, got \(index.dtype.name)")
      } else {
        picks.append((dim, index))
        dim += 1
        masks += 2
      }
    }
    if dim > x.rank {
      throw TensorError.index("\(op): indices for \(dim) dims, the tensor of shape \(x.shape) has \(x.rank)")
    }
    isDistinct = masks == 1
    for pick in picks {
      do { batch = try Layout.broadcast(batch, pick.index.shape, op: op) } catch {
        let shapes = picks.map { "\($0.index.shape)" }.joined(separator: ", ")
        throw TensorError.shape("\(op): indices of shapes \(shapes) do not broadcast together; make them equal or 1")
      }
    }
    let dims = picks.map(\.dim)
    let rest = (0..<x.rank).filter { !dims.contains($0) }
    let isAdjacent = dims.isEmpty || dims[dims.count - 1] - dims[0] == dims.count - 1
    // Indices side by side stay where they are; others go in front.
    before = isAdjacent ? rest.filter { $0 < dims.first ?? 0 } : []
    after = isAdjacent ? rest.filter { $0 >= dims.first ?? 0 } : rest
  }

  /// Where the picked elements are; throws for an index out of range.
  func places() throws -> PickedElements {
    let dense = withNoGrad {
      picks.map { Indexing.dense($0.index.shape == batch ? $0.index : $0.index.detach().expand(batch)) }
    }
    let kernelPicks = zip(picks, dense).map { pick, index in
      AdvancedIndexKernel.Pick(
        index: index.pointer(Int64.self), size: source.shape[pick.dim], stride: source.strides[pick.dim])
    }
    // An empty result names nothing, whatever the indices are.
    if shape.elementCount == 0 && batch.elementCount != 0 && picks.allSatisfy({ source.shape[$0.dim] > 0 }) {
      return PickedElements(outer: Layout(contiguous: [0]), picked: [], inner: Layout(contiguous: []))
    }
    do {
      let offsets = try withExtendedLifetime(dense) {
        try AdvancedIndexKernel.offsets(kernelPicks, count: batch.elementCount)
      }
      return PickedElements(outer: source.permuted(before), picked: offsets, inner: source.permuted(after))
    } catch let error as AdvancedIndexKernel.OutOfRange {
      let dim = picks[error.pick].dim
      throw TensorError.index("\(op): index \(error.value) is out of range for dim \(dim) of size \(source.shape[dim])")
    }
  }

  /// Throws when values of `shape` and `dtype` cannot be written.
  func check(_ values: Tensor, for x: Tensor) throws {
    if values.dtype != x.dtype {
      throw TensorError.dtype("\(op): self is \(x.dtype.name) and the values are \(values.dtype.name); convert one")
    }
    let wide = try? Layout.broadcast(shape, values.shape, op: op)
    if wide != shape {
      throw TensorError.shape("\(op): values of shape \(values.shape) do not broadcast to the indexed shape \(shape)")
    }
  }

  /// Writes values into `target`, whose layout is the one the indices were checked for.
  func put(_ values: Tensor, into target: Tensor, accumulate: Bool) throws {
    let places = try places()
    if places.count == 0 { return }
    let wide: DType? =
      switch target.dtype {
      case .float16, .bfloat16: .float32
      case .complex32: .complex64
      default: nil
      }
    let isNumber = values.elementCount == 1
    let type = accumulate ? wide ?? target.dtype : target.dtype
    let dense = withNoGrad {
      let given = values.detach().to(type)
      return isNumber ? given.contiguous() : given.expand(shape).contiguous()
    }
    if !accumulate {
      AdvancedIndexKernel.assign(
        target.dtype.size, places, values: dense.data, isNumber: isNumber, isDistinct: isDistinct, out: target.data)
    } else if wide == nil {
      AdvancedIndexKernel.accumulate(target.dtype, places, values: dense.data, isNumber: isNumber, out: target.data)
    } else {
      // The sums are formed in the wider dtype, in memory that lies as the target's does.
      var layout = target.layout
      layout.offset = 0
      let sums = Tensor(uninitialised: TensorSpec(layout: layout, dtype: type), device: .cpu)
      sums.copyData(from: target)
      AdvancedIndexKernel.accumulate(type, places, values: dense.data, isNumber: isNumber, out: sums.data)
      target.copyData(from: sums)
    }
    withExtendedLifetime(dense) {}
  }
}

private func sample() -> Tensor {
  Tensor([0.5, -1.25, 2, 1.5, -0.75, 0.3, 0.25, -2, 1, 0.75, 2.25, -0.5], shape: [2, 3, 2], dtype: .float64)
}
private func values(_ shape: Shape) -> Tensor {
  Tensor((0..<shape.elementCount).map { 0.25 * Double($0) - 0.6 }, shape: shape, dtype: .float64)
}

extension Op {
  static let index: Op = Op.structured(
    "index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", saves: .inputs(1),
    complex: .native,
    plan: { call in
      let x = call.tensor(0)
      return [TensorSpec(try AdvancedIndex(x, call.optionalTensors(1), op: "index").shape, x.dtype)]
    },
    forward: { call, results in
      let x = call.tensor(0)
      let places = try AdvancedIndex(x, call.optionalTensors(1), op: "index").places()
      AdvancedIndexKernel.gather(x.dtype.size, places, x: x.data, out: results[0].data)
    },
    derivative: { c in
      let indices = c.call.optionalTensors(1)
      let zeros = Tensor.zeros(c.shape(0), dtype: c.grad().dtype, device: c.grad().device)
      return [zeros.indexPut_(indices, c.grad(), accumulate: true)] + indices.compactMap { $0 }.map { _ in nil }
    },
    samples: {
      [
        Sample(.tensor(sample()), .optionalTensors([Tensor([1, 0, 1])])),
        Sample(.tensor(sample()), .optionalTensors([nil, Tensor([2, -1, 0, 0], shape: [2, 2])])),
        Sample(.tensor(sample()), .optionalTensors([Tensor([1, 0]), nil, Tensor([[0], [1]])])),
        Sample(.tensor(sample()), .optionalTensors([nil, Tensor([0, -1], dtype: .int32), Tensor([1, 0])])),
        Sample(.tensor(sample()), .optionalTensors([Tensor([Int]())])),
        Sample(error: "index 3", "dim 1 of size 3", arguments: [.tensor(sample()), .optionalTensors([nil, Tensor([0, 3])])]),
        Sample(error: "broadcast", arguments: [.tensor(sample()), .optionalTensors([Tensor([0, 1]), Tensor([0, 1, 2])])]),
        Sample(error: "float64", arguments: [.tensor(sample()), .optionalTensors([Tensor([0.5], dtype: .float64)])]),
        Sample(error: "mask of shape [3]", arguments: [.tensor(sample()), .optionalTensors([Tensor([true, false, true])])]),
      ]
    })

  static let indexPut: Op = Op.structured(
    "index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor", saves: .inputs(1),
    complex: .native,
    plan: { call in
      let x = call.tensor(0)
      try AdvancedIndex(x, call.optionalTensors(1), op: "indexPut").check(call.tensor(2), for: x)
      return [TensorSpec(x.shape, x.dtype)]
    },
    forward: { call, results in
      results[0].copyData(from: call.tensor(0))
      try AdvancedIndex(results[0], call.optionalTensors(1), op: "indexPut").put(
        call.tensor(2), into: results[0], accumulate: call.bool(3))
    },
    derivative: { c in
      let indices = c.call.optionalTensors(1)
      let none = indices.compactMap { $0 }.map { _ -> Tensor? in nil }
      let g = c.grad()
      // What was overwritten has no gradient.
      let own = c.call.bool(3) ? g : g.indexPut(indices, Tensor.zeros([], dtype: g.dtype, device: g.device))
      return [own] + none + [c.needs(1 + none.count) ? g.index(indices) : nil]
    },
    samples: {
      [
        Sample(.tensor(sample()), .optionalTensors([nil, Tensor([2, 0])]), .tensor(values([2, 2, 2]))),
        Sample(.tensor(sample()), .optionalTensors([Tensor([1, 1, 0])]), .tensor(values([3, 1])), .bool(true)),
        Sample(.tensor(sample()), .optionalTensors([Tensor([0, 1]), nil, Tensor([1, 0])]), .tensor(values([])), .bool(true)),
        Sample(
          error: "do not broadcast",
          arguments: [.tensor(sample()), .optionalTensors([Tensor([0, 1])]), .tensor(values([5]))]),
        Sample(
          error: "index -3", "dim 0 of size 2",
          arguments: [.tensor(sample()), .optionalTensors([Tensor([-3])]), .tensor(values([]))]),
        Sample(
          error: "float32",
          arguments: [.tensor(sample()), .optionalTensors([Tensor([0])]), .tensor(values([]).to(.float32))]),
      ]
    })
}

extension Tensor {
  /// Indices as the records take them. Masks become vectors of indices. Where a tape will need the indices they are copied,
  /// so that a later change of them does no harm.
  private func settled(_ indices: [Tensor?], recorded: Bool, op: String) throws -> [Tensor?] {
    var result: [Tensor?] = []
    for index in indices {
      guard let index else {
        result.append(nil)
        continue
      }
      if index.isPoisoned || index.device != device && index.device != .cpu {
        result.append(index)
      } else if recorded && index.dtype.isInteger && index.dtype != .uint8 {
        result.append(withNoGrad { index.detach().clone() }.to(device))
      } else {
        result.append(index.to(device))
      }
    }
    let isMask = { (index: Tensor?) in index?.dtype == .bool || index?.dtype == .uint8 }
    guard recorded, result.contains(where: isMask), !result.contains(where: { $0?.isPoisoned ?? false }) else { return result }
    let checked = try AdvancedIndex(self, result, op: op)
    var perDim = [Tensor?](repeating: nil, count: (checked.picks.last?.dim ?? -1) + 1)
    for pick in checked.picks { perDim[pick.dim] = pick.index }
    return perDim
  }

  /// Elements at whole-number indices or masks for the leading dims, nil for a whole dim. Indices broadcast together; their
  /// dims stand where the indexed dims stood if those are side by side, else in front. Same as `x[indices]` with tensors.
  public func index(_ indices: [Tensor?]) -> Tensor {
    ErrorScope.guarding {
      let given = try settled(indices, recorded: GradMode.isEnabled && requiresGrad, op: "index")
      return try Op.index.call([.tensor(self), .optionalTensors(given)])[0]
    }
  }

  /// A copy with `values`, which broadcast, written at the indices, or added when `accumulate`. Of several values for one
  /// element the last is kept. Same as `torch.index_put`.
  public func indexPut(_ indices: [Tensor?], _ values: Tensor, accumulate: Bool = false) -> Tensor {
    ErrorScope.guarding {
      let recorded = GradMode.isEnabled && (requiresGrad || values.requiresGrad)
      let given = try settled(indices, recorded: recorded, op: "indexPut")
      return try Op.indexPut.call([.tensor(self), .optionalTensors(given), .tensor(values), .bool(accumulate)])[0]
    }
  }

  /// Writes `values` at the indices, or adds them. Only the elements named are touched. Same as `Tensor.index_put_`.
  @discardableResult public func indexPut_(_ indices: [Tensor?], _ values: Tensor, accumulate: Bool = false) -> Tensor {
    if isPoisoned || values.isPoisoned || indices.contains(where: { $0?.isPoisoned ?? false }) { return self }
    return ErrorScope.guarding {
      let recorded = GradMode.isEnabled && (requiresGrad || values.requiresGrad)
      let given = try settled(indices, recorded: recorded, op: "indexPut_")
      // A 0-dim number may come from the CPU.
      let source = values.rank == 0 && values.device == .cpu ? values.to(device) : values
      let call = OpCall(op: Op.indexPut, arguments: [.tensor(self), .optionalTensors(given), .tensor(source), .bool(accumulate)])
      _ = try Op.commonDevice(call.tensorArguments, call)
      let checked = try AdvancedIndex(self, given, op: "indexPut_")
      try checked.check(source, for: self)
      try InPlace.check(self, spec: TensorSpec(shape, dtype), op: "indexPut_")
      let node = Op.indexPut.node(call, call.tensorArguments, [self])
      if device == .cpu {
        let apart = source.storage === storage ? withNoGrad { source.detach().clone() } : source
        try checked.put(apart, into: self, accumulate: accumulate)
      }
      InPlace.commit(self, node)
      return self
    }
  }

  private func slices(_ dim: Int, _ index: Tensor, _ op: String) throws -> [Tensor?] {
    let wrapped = try Layout.wrap(dim: dim, rank: rank, op: op)
    if index.rank > 1 { throw TensorError.shape("\(op): expected a vector of indices, got shape \(index.shape)") }
    if index.dtype != .int64 && index.dtype != .int32 {
      throw TensorError.dtype("\(op): expected int64 or int32 indices, got \(index.dtype.name)")
    }
    return [Tensor?](repeating: nil, count: wrapped) + [index.rank == 0 ? index.unsqueeze(dim: 0) : index]
  }

  private func checkSlices(_ dim: Int, _ index: Tensor, _ source: Tensor) throws {
    var expected = shape
    if rank > 0 { expected[try Layout.wrap(dim: dim, rank: rank, op: "indexCopy")] = index.elementCount }
    try Indexing.checkSingle(index, for: self, "indexCopy")
    if source.shape != expected {
      throw TensorError.shape("indexCopy: source has shape \(source.shape), expected \(expected)")
    }
  }

  /// A copy with the slices of `dim` named by the indices replaced. Same as `torch.index_copy`.
  public func indexCopy(dim: Int, index: Tensor, _ source: Tensor) -> Tensor {
    if isPoisoned || index.isPoisoned || source.isPoisoned { return ErrorScope.poison() }
    return clone().indexCopy_(dim: dim, index: index, source)
  }

  /// Replaces the slices of `dim` named by the indices. Same as `Tensor.index_copy_`.
  @discardableResult public func indexCopy_(dim: Int, index: Tensor, _ source: Tensor) -> Tensor {
    if isPoisoned || index.isPoisoned || source.isPoisoned { return self }
    return ErrorScope.guarding {
      try checkSlices(dim, index, source)
      if rank == 0 { return copy_(source) }
      return indexPut_(try slices(dim, index, "indexCopy"), source)
    }
  }

  /// A copy with the slices of `dim` named by the indices set to a number. Same as `torch.index_fill`.
  public func indexFill(dim: Int, index: Tensor, _ value: some ScalarConvertible) -> Tensor {
    if isPoisoned || index.isPoisoned { return ErrorScope.poison() }
    return clone().indexFill_(dim: dim, index: index, value)
  }

  /// Sets the slices of `dim` named by the indices to a number. Same as `Tensor.index_fill_`.
  @discardableResult public func indexFill_(dim: Int, index: Tensor, _ value: some ScalarConvertible) -> Tensor {
    if isPoisoned || index.isPoisoned { return self }
    return ErrorScope.guarding {
      let target = rank == 0 ? unsqueeze(dim: 0) : self
      let fill = try value.scalar.fitted(to: dtype, op: "indexFill")
      target.indexPut_(try target.slices(dim, index, "indexFill"), Tensor(fill, dtype: dtype).to(device))
      return self
    }
  }

  /// A copy with the slices of `dim` named by the indices set to a 0-dim tensor's number. Same as `torch.index_fill`.
  public func indexFill(dim: Int, index: Tensor, _ value: Tensor) -> Tensor {
    if isPoisoned || index.isPoisoned || value.isPoisoned { return ErrorScope.poison() }
    return ErrorScope.guarding {
      if value.rank != 0 { throw TensorError.shape("indexFill: the value must be a 0-dim tensor, got shape \(value.shape)") }
      if value.device == .cpu { _ = try value.item().fitted(to: dtype, op: "indexFill") }
      if rank == 0 { return unsqueeze(dim: 0).indexFill(dim: 0, index: index, value).squeeze(dim: 0) }
      // Through a mask: a slice that is named twice counts once in the value's gradient.
      let d = try Layout.wrap(dim: dim, rank: rank, op: "indexFill")
      let named = Tensor.zeros([shape[d]], dtype: .bool, device: device).indexFill_(dim: 0, index: index, true)
      let mask = named.reshape(Shape((0..<rank).map { $0 == d ? shape[d] : 1 }))
      return Tensor.where(mask, value.to(dtype), self)
    }
  }

  /// Elements by their number in row-major order; the result has the index's shape. Same as `torch.take`.
  public func take(_ index: Tensor) -> Tensor {
    ErrorScope.guarding {
      try checkNumbers(index, "take")
      return reshape([elementCount]).index([index])
    }
  }

  private func checkNumbers(_ index: Tensor, _ op: String) throws {
    if index.isPoisoned { return }
    if index.dtype != .int64 && index.dtype != .int32 {
      throw TensorError.dtype("\(op): expected int64 or int32 indices, got \(index.dtype.name)")
    }
  }

  /// A copy with elements written, or added, by their number in row-major order. Same as `torch.put`.
  public func put(_ index: Tensor, _ source: Tensor, accumulate: Bool = false) -> Tensor {
    if isPoisoned || index.isPoisoned || source.isPoisoned { return ErrorScope.poison() }
    return clone().put_(index, source, accumulate: accumulate)
  }

  /// Writes or adds elements by their number in row-major order. Same as `Tensor.put_`.
  @discardableResult public func put_(_ index: Tensor, _ source: Tensor, accumulate: Bool = false) -> Tensor {
    if isPoisoned || index.isPoisoned || source.isPoisoned { return self }
    return ErrorScope.guarding {
      try checkNumbers(index, "put_")
      if source.elementCount != index.elementCount {
        throw TensorError.shape("put_: \(index.elementCount) indices, but \(source.elementCount) values; give one each")
      }
      let values = source.reshape(index.shape)
      // Through a view where the strides allow, so that only the elements named are touched.
      if layout.viewed(as: [elementCount]) != nil {
        view([elementCount]).indexPut_([index], values, accumulate: accumulate)
        return self
      }
      return copy_(reshape([elementCount]).indexPut([index], values, accumulate: accumulate).reshape(shape))
    }
  }
}
