import Firefinch
import FirefinchTestSupport
import Testing

/// What PyTorch promises of views, in-place changes, zero-size tensors, indices and memory formats.
@Suite struct ViewSemanticsTests {
  private static func leaf() -> Tensor { Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3], dtype: .float64).requiresGrad_() }

  // MARK: Views alias

  @Test func viewsAliasTheirBase() {
    let views: [(String, (Tensor) -> Tensor)] = [
      ("view", { $0.view(3, 2) }), ("reshape", { $0.reshape(6) }), ("reshape to itself", { $0.reshape(2, 3) }),
      ("transpose", { $0.transpose(0, 1) }), ("t", { $0.t() }), ("T", { $0.T }), ("mT", { $0.mT }), ("permute", { $0.permute(1, 0) }),
      ("expand", { $0.unsqueeze(dim: 0).expand(4, 2, 3) }), ("expand to itself", { $0.expand(2, 3) }),
      ("squeeze", { $0.squeeze() }), ("unsqueeze", { $0.unsqueeze(dim: 1) }), ("select", { $0.select(dim: 0, 0) }),
      ("slice", { $0.slice(dim: 1, end: 2) }), ("narrow", { $0.narrow(dim: 1, start: 0, length: 2) }),
      ("diagonal", { $0.diagonal() }), ("unfold", { $0.unfold(dim: 1, size: 2, step: 1) }), ("flatten", { $0.flatten() }),
      ("unflatten", { $0.unflatten(dim: 1, [3, 1]) }), ("movedim", { $0.movedim(0, 1) }), ("unbind", { $0.unbind()[0] }),
      ("split", { $0.split(1)[0] }), ("chunk", { $0.chunk(2, dim: 1)[0] }), ("tensorSplit", { $0.tensorSplit(2)[0] }),
      ("hsplit", { $0.hsplit(3)[0] }), ("vsplit", { $0.vsplit([1])[0] }), ("unsafeSplit", { $0.unsafeSplit(1)[0] }),
      ("asStrided", { $0.asStrided([2], strides: [1]) }), ("broadcastTo", { $0.broadcastTo([2, 2, 3]) }),
      ("view dtype", { $0.view(dtype: .int64).view(dtype: .float64) }), ("alias", { $0.aliasView() }),
      ("detach", { $0.detach() }), ("atLeast3d", { $0.atLeast3d() }), ("swapaxes", { $0.swapaxes(0, 1) }),
      ("meshgrid", { Tensor.meshgrid([$0.select(dim: 0, 0), Tensor([1.0], dtype: .float64)])[0] }),
    ]
    for (name, view) in views {
      let x = Self.leaf().detach()
      let y = view(x)
      y.asStrided([1], strides: [1], offset: 0).fill_(9)
      #expect(x.array(Double.self)[0] == 9, "\(name): writing the view does not reach the base")
      x.fill_(7)
      #expect(y.array(Double.self).allSatisfy { $0 == 7 }, "\(name): writing the base does not reach the view")
      #expect(x.version == y.version, "\(name): the version counter is not shared")
    }
  }

  @Test func copiesDoNotAlias() {
    let copies: [(String, (Tensor) -> Tensor)] = [
      ("clone", { $0.clone() }), ("roll by nothing", { $0.roll(0) }), ("flip of nothing", { $0.flip([]) }),
      ("repeat once", { $0.repeat(1, 1) }), ("tile", { $0.tile([]) }), ("rot90 by nothing", { $0.rot90(4) }),
      ("repeatInterleave once", { $0.repeatInterleave(1, dim: 0) }), ("cat of one", { Tensor.cat([$0]) }),
      ("stack of one", { Tensor.stack([$0]) }), ("tril of all", { $0.tril(9) }), ("pad by nothing", { $0.pad([0, 0]) }),
      ("to copy", { $0.to(.float64, copy: true) }), ("contiguous of t", { $0.t().contiguous() }), ("diag", { $0.diag() }),
      ("index", { $0[[0, 1]] }), ("combinations", { $0.select(dim: 0, 0).combinations(1) }),
    ]
    for (name, copy) in copies {
      let x = Self.leaf().detach()
      let y = copy(x)
      x.fill_(100)
      #expect(!y.array(Double.self).contains(100), "\(name) is not a copy")
    }
  }

  @Test func viewsOfItselfAreTensorsOfTheirOwn() {
    let x = Tensor.ones([3])
    for view in [x.view(3), x.reshape(3), x.expand(3), x.t(), x.flatten(), x.aliasView()] {
      view.requiresGrad_()
      #expect(!x.requiresGrad)
      view.unsqueeze_(dim: 0)
      #expect(x.shape == [3] && view.shape == [1, 3])
    }
  }

  // MARK: In-place changes of views

  @Test func inPlaceOnViewsReachesGradients() throws {
    let changes: [(String, (Tensor) -> Void, [Double])] = [
      ("slice", { $0.slice(dim: 1, end: 2).mul_(10) }, [10, 10, 1, 10, 10, 1]),
      ("select of t", { $0.t().select(dim: 0, 1).zero_() }, [1, 0, 1, 1, 0, 1]),
      ("diagonal", { $0.diagonal().mul_(2) }, [2, 1, 1, 1, 2, 1]),
      ("view of view", { $0.view(6).narrow(dim: 0, start: 1, length: 3).mul_(-1) }, [1, -1, -1, -1, 1, 1]),
      ("unsafeSplit", { $0.unsafeSplit(2, dim: 1)[1].mul_(5) }, [1, 1, 5, 1, 1, 5]),
      ("tensorSplit", { $0.tensorSplit(2, dim: 0)[1].fill_(3) }, [1, 1, 1, 0, 0, 0]),
      ("as_strided", { $0.asStrided([2], strides: [3], offset: 1).mul_(4) }, [1, 4, 1, 1, 4, 1]),
      ("index", { $0[0] = Tensor([0.0, 0, 0], dtype: .float64) }, [0, 0, 0, 1, 1, 1]),
    ]
    for (name, change, want) in changes {
      let x = Self.leaf()
      let y = x * 1
      change(y)
      y.sum().backward()
      #expect(try #require(x.grad).array(Double.self) == want, "\(name)")
    }
  }

  @Test func partsMadeTogetherAreNotChangedInPlace() {
    for parts in [{ (x: Tensor) in x.unbind() }, { $0.split(1) }, { $0.chunk(2) }, { $0.split([1, 1]) }] {
      let y = Self.leaf() * 1
      expectMistake("several views made together") { parts(y)[0].mul_(2) }
      // Without a gradient to follow there is nothing to refuse.
      let z = Tensor.ones([2, 3])
      parts(z)[0].mul_(2)
      #expect(z.array(Float.self) == [2, 2, 2, 1, 1, 1])
    }
  }

  @Test func writingIntoExpandedMemoryIsRefused() {
    let x = Tensor.ones([3, 1])
    expectMistake("share memory") { x.expand(3, 4).add_(1) }
    expectMistake("share memory") { x.expand(3, 4).copy_(Tensor.ones([3, 4])) }
    // Each element of the overlapping windows is several elements of the view.
    expectMistake("share memory") { Tensor.ones([4]).unfold(dim: 0, size: 2, step: 1).mul_(2) }
    expectMistake("leaf") { Self.leaf().select(dim: 0, 0).zero_() }
  }

  @Test func overlappingSourceAndTargetAreReadFirst() {
    let x = Tensor([1.0, 2, 3, 4, 5])
    x.slice(dim: 0, start: 1).copy_(x.slice(dim: 0, end: 4))
    #expect(x.array(Float.self) == [1, 1, 2, 3, 4])
    let square = Tensor([1.0, 2, 3, 4], shape: [2, 2])
    square.copy_(square.t())
    #expect(square.array(Float.self) == [1, 3, 2, 4])
  }

  // MARK: In-place forms of views

  @Test func inPlaceViewsChangeTheTensorItself() throws {
    let x = Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3])
    #expect(x.t_() === x && x.shape == [3, 2] && x.strides == [1, 3] && x.array(Float.self) == [1, 4, 2, 5, 3, 6])
    x.unsqueeze_(dim: 0).transpose_(0, -1)
    #expect(x.shape == [2, 3, 1])
    x.squeeze_(dim: -1)
    x.squeeze_(dim: 0)
    #expect(x.shape == [2, 3] && x.array(Float.self) == [1, 2, 3, 4, 5, 6])
    x.unsqueeze_(dim: 0).unsqueeze_(dim: -1).squeeze_()
    x.swapaxes_(0, 1).swapdims_(0, 1)
    x.asStrided_([2], strides: [2], offset: 1)
    #expect(x.array(Float.self) == [2, 4])
    expectMistake("t_", "[1, 1, 1]") { Tensor.ones([1, 1, 1]).t_() }
    expectMistake("unsqueeze", "out of range") { Tensor.ones([2]).unsqueeze_(dim: 3) }
    expectMistake("transpose", "out of range") { Tensor.ones([2, 2]).transpose_(0, 2) }
    expectMistake("t_", "leaf") { Self.leaf().t_() }
    expectMistake("squeeze_", "leaf") { Self.leaf().squeeze_() }
  }

  @Test func inPlaceViewsKeepHistory() throws {
    let weights = Tensor([1.0, 2, 3, 4, 5, 6], shape: [3, 2], dtype: .float64)
    let x = Self.leaf()
    let y = (x * 2).t_()
    #expect(y.gradFnName == "TransposeBackward0")
    (y * weights).sum().backward()
    #expect(try #require(x.grad).array(Double.self) == [2, 6, 10, 4, 8, 12])

    // Of a view: the base is followed, too.
    let z = Self.leaf()
    let base = z * 1
    let row = base.select(dim: 0, 1)
    row.unsqueeze_(dim: 0)
    row.mul_(3)
    (base.sum() + row.sum()).backward()
    #expect(try #require(z.grad).array(Double.self) == [1, 1, 1, 6, 6, 6])

    // Views made before their base changed its shape.
    let w = Self.leaf()
    let whole = w * 1
    let early = whole.select(dim: 0, 0)
    whole.t_().unsqueeze_(dim: 0)
    early.mul_(5)
    #expect(whole.shape == [1, 3, 2] && whole.array(Double.self) == [5, 4, 10, 5, 15, 6])
    (whole.select(dim: 0, 0) * weights).sum().backward()
    #expect(try #require(w.grad).array(Double.self) == [5, 15, 25, 2, 4, 6])

    // What backward needs must not change its layout behind it.
    let v = Self.leaf()
    let factor = v * 2
    let product = factor * factor
    factor.t_()
    expectMistake("in-place") { product.sum().backward() }
  }

  @Test func resizeKeepsElementsAndSharesMemory() {
    let x = Tensor([1.0, 2, 3, 4])
    let view = x.slice(dim: 0, start: 1)
    x.resize_([2, 3])
    #expect(x.shape == [2, 3] && Array(x.array(Float.self)[..<4]) == [1, 2, 3, 4])
    x.fill_(8)
    #expect(view.array(Float.self) == [8, 8, 8])
    x.resize_([2])
    #expect(x.array(Float.self) == [8, 8])
    x.resizeAs_(Tensor.ones([0, 5]))
    #expect(x.shape == [0, 5])
    #expect(Tensor.ones([1]).resize_([2, 3, 4, 5], memoryFormat: .channelsLast).strides == [60, 1, 15, 3])
    expectMistake("resize_", "requires grad") { Tensor.ones([2]).requiresGrad_().resize_([3]) }
    expectMistake("resize_", "negative") { Tensor.ones([2]).resize_([-1]) }
    expectMistake("resize_", "too many") { Tensor.ones([2]).resize_([1 << 40, 1 << 40]) }
  }

  // MARK: Zero sizes, zero dims, extreme arguments

  @Test func zeroSizesBroadcast() throws {
    let empty = Tensor.ones([0, 3])
    #expect((empty + Tensor.ones([3])).shape == [0, 3])
    #expect((empty + Tensor.ones([1, 1])).shape == [0, 3])
    #expect((Tensor.ones([0]) + 1).shape == [0])
    #expect((Tensor.ones([2, 1, 3]) * Tensor.ones([2, 0, 1])).shape == [2, 0, 3])
    #expect(Tensor.ones([1]).expand(0).shape == [0] && Tensor.ones([1]).expand(0, 1).shape == [0, 1])
    expectMistake("broadcast", "[2]", "[0]") { _ = Tensor.ones([2]) + Tensor.ones([0]) }
    expectMistake("expand") { _ = Tensor.ones([2]).expand(0) }
    expectMistake("copy_") { Tensor.ones([1]).copy_(Tensor.ones([0])) }
    Tensor.ones([0]).copy_(Tensor.ones([1]))
    let x = Tensor.ones([1, 3]).requiresGrad_()
    (x * Tensor.ones([0, 1])).sum().backward()
    #expect(try #require(x.grad).array(Float.self) == [0, 0, 0])
    #expect(try Tensor.broadcastShapes([[1, 0], [3, 1]]) == [3, 0])
    #expect(Tensor.ones([0, 2]).chunk(3).map(\.shape) == [[0, 2], [0, 2], [0, 2]])
    #expect(Tensor.ones([0]).split(0).map(\.shape) == [[0]] && Tensor.ones([0, 2]).unbind().isEmpty)
    #expect(Tensor.ones([2, 0]).unbind().map(\.shape) == [[0], [0]])
    #expect(Tensor.cat([Tensor.ones([0]), Tensor.ones([2, 2])]).shape == [2, 2])
    #expect(Tensor.cat([Tensor.ones([0], dtype: .float64), Tensor.ones([2])]).dtype == .float64)
    #expect(Tensor.ones([0, 4]).reshape(2, 0).shape == [2, 0])
    expectMistake("reshape") { _ = Tensor.ones([0, 4]).reshape(-1, 0) }
    for y in [
      Tensor.ones([0, 3]).roll(1), Tensor.ones([0, 3]).flip(0, 1), Tensor.ones([0, 3]).tril(), Tensor.ones([0, 3]).rot90(2),
      Tensor.ones([0, 3]).repeat(1, 1), Tensor.ones([0, 3]).repeatInterleave(2, dim: 0), Tensor.ones([0, 3]).clone(),
    ] { #expect(y.shape == [0, 3]) }
  }

  @Test func zeroDimTensors() {
    let x = Tensor(2.5)
    for y in [
      x.view([]), x.reshape([]), x.t(), x.T, x.squeeze(), x.squeeze(dim: 0), x.squeeze(dim: -1), x.permute([]), x.flip(0),
      x.flip([]), x.roll(3), x.transpose(0, -1), x.expand([]), x.clone(), x.movedim(0, 0), x.contiguous(),
      x.repeat([]), x.tile([]), x.diagonalFree,
    ] { #expect(y.shape == [] && y.doubleValue == 2.5) }
    // As PyTorch: a shift names no dim of a number.
    #expect(throws: TensorError.self) { try withErrors { _ = x.roll(1, dim: 0) } }
    #expect(x.flatten().shape == [1] && x.ravel().shape == [1] && x.unsqueeze(dim: -1).shape == [1])
    #expect(x.unfold(dim: 0, size: 1, step: 1).shape == [1] && x.repeat(2).shape == [2] && x.expand(3).shape == [3])
    let refused: [(String, (Tensor) -> Void)] = [
      ("select", { _ = $0.select(dim: 0, 0) }), ("slice", { _ = $0.slice(dim: 0) }), ("unbind", { _ = $0.unbind() }),
      ("narrow", { _ = $0.narrow(dim: 0, start: 0, length: 1) }), ("split", { _ = $0.split(1) }), ("chunk", { _ = $0.chunk(1) }),
      ("tensorSplit", { _ = $0.tensorSplit(1) }), ("hsplit", { _ = $0.hsplit(1) }), ("cat", { _ = Tensor.cat([$0]) }),
      ("diagonal", { _ = $0.diagonal() }), ("tril", { _ = $0.tril() }), ("fliplr", { _ = $0.fliplr() }),
      ("flipud", { _ = $0.flipud() }), ("rot90", { _ = $0.rot90() }), ("unflatten", { _ = $0.unflatten(dim: 0, [1]) }),
      ("diag", { _ = $0.diag() }), ("permute", { _ = $0.permute(0) }), ("unsqueeze", { _ = $0.unsqueeze(dim: 1) }),
    ]
    for (name, body) in refused { expectMistake(name) { body(x) } }
  }

  @Test func extremeArgumentsGiveSentences() {
    let x = Tensor.ones([2, 3])
    let huge = Int.max, tiny = Int.min
    #expect(x.slice(dim: 1, start: tiny, end: huge, step: huge).shape == [2, 1])
    #expect(x.slice(dim: 0, start: huge).shape == [0, 3] && x.slice(dim: 0, end: tiny).shape == [0, 3])
    #expect(x.roll(huge, dim: 1).shape == [2, 3] && x.roll([tiny, huge], dims: [0, 0]).shape == [2, 3])
    #expect(x.tril(huge).sum().doubleValue == 6 && x.triu(huge).sum().doubleValue == 0)
    #expect(x.diagonal(offset: huge).shape == [0] && x.diagonal(offset: tiny).shape == [0])
    #expect(x.rot90(tiny).shape == [2, 3] && x.chunk(huge).count == 2)
    for body: (Tensor) -> Void in [
      { _ = $0.repeat(huge, huge) }, { _ = $0.repeatInterleave(huge) }, { _ = $0.pad([huge, huge]) }, { _ = $0.pad([tiny, 0]) },
      { _ = $0.narrow(dim: 0, start: huge, length: huge) }, { _ = $0.narrow(dim: 0, start: tiny, length: 1) },
      { _ = $0.select(dim: huge, 0) }, { _ = $0.select(dim: 0, tiny) }, { _ = $0.unfold(dim: 0, size: huge, step: 1) },
      { _ = $0.split([huge, huge, 4]) }, { _ = $0.chunk(0) }, { _ = $0.slice(dim: 0, end: 0).chunk(huge) }, { _ = $0.tensorSplit(huge) },
      { _ = $0.diagEmbed(offset: huge) }, { _ = $0.view(huge, huge) }, { _ = $0.unflatten(dim: 0, [huge, huge]) },
      { _ = $0.transpose(tiny, 0) }, { _ = $0.movedim(huge, 0) }, { _ = $0.flatten(startDim: 1, endDim: 0) },
      { _ = $0.expand(huge, huge, 2, 3) }, { _ = $0.reshape(1).combinations(huge, withReplacement: true) },
      { _ = Tensor.chunkCat([$0], dim: 0, chunks: huge) }, { _ = $0.hsplit(huge) }, { _ = $0.resize_([huge, 2]) },
      { _ = $0.repeatInterleave(Tensor([huge, huge]), dim: 0) }, { _ = $0.split(tiny) },
    ] { expectMistake { body(x) } }
  }

  @Test func negativeStridesAndStepsAreRefused() {
    let x = Tensor([1.0, 2, 3])
    expectMistake("asStrided", "negative") { _ = x.asStrided([3], strides: [-1], offset: 2) }
    expectMistake("asStrided", "negative") { x.clone().asStrided_([3], strides: [-1], offset: 2) }
    expectMistake("slice", "step must be positive", "flip") { _ = x.slice(dim: 0, step: -1) }
    expectMistake("slice", "step must be positive") { _ = x.slice(dim: 0, step: 0) }
    expectMistake("emptyStrided", "stride of 0 or more") { _ = Tensor.emptyStrided([2], strides: [-1]) }
    expectMistake("unfold", "at least 1") { _ = x.unfold(dim: 0, size: 2, step: -1) }
  }

  @Test func indicesOutOfBoundsAreNamed() {
    let x = Tensor.ones([2, 3])
    expectMistake("index 2", "dim 0", "size 2") { _ = x.select(dim: 0, 2) }
    expectMistake("index -3", "dim 0", "size 2") { _ = x.select(dim: 0, -3) }
    expectMistake("index 3", "size 3") { _ = x[0, 3] }
    expectMistake("index 5", "size 2") { _ = x.indexSelect(dim: 0, Tensor([0, 5])) }
    expectMistake("index 3", "size 3") { _ = x.gather(dim: 1, index: Tensor([[3]])) }
    expectMistake("index 4") { _ = x[Tensor([4])] }
    expectMistake("dim 2", "out of range") { _ = x.sum(dim: 2) }
    expectMistake("dim -3", "out of range") { _ = x.transpose(-3, 0) }
    expectMistake("appears twice") { _ = x.permute(0, 0) }
    #expect(x.select(dim: -1, -3).shape == [2])
  }

  // MARK: Memory

  @Test func memoryFormats() {
    let x = Tensor.arange(120, dtype: .float32).reshape(2, 3, 4, 5)
    let last = x.contiguous(memoryFormat: .channelsLast)
    #expect(last.strides == [60, 1, 15, 3] && last.isContiguous(in: .channelsLast) && !last.isContiguous)
    #expect(last.array(Float.self) == x.array(Float.self))
    #expect(last.contiguous(memoryFormat: .channelsLast) === last && x.contiguous(memoryFormat: .contiguous) === x)
    #expect(x.to(memoryFormat: .channelsLast).strides == last.strides && last.to(memoryFormat: .contiguous).isContiguous)
    for (name, y) in [
      ("clone", last.clone()), ("to", last.to(.float64)), ("cat", Tensor.cat([last, last], dim: 2).slice(dim: 2, end: 4).clone()),
      ("flip", last.flip(1, 3)), ("add", last + 1), ("pad", last.pad([0, 0])), ("zerosLike", last.zerosLike()),
    ] { #expect(y.isContiguous(in: .channelsLast), "\(name): strides \(y.strides)") }
    #expect(last.flip(1, 3).array(Float.self) == x.flip(1, 3).array(Float.self))
    #expect(last.pad([1, 0, 2, 1]).array(Float.self) == x.pad([1, 0, 2, 1]).array(Float.self))
    #expect(Tensor.cat([last, last], dim: 1).array(Float.self) == Tensor.cat([x, x], dim: 1).array(Float.self))
    #expect(Tensor.cat([last, x], dim: 1).isContiguous && last.clone(memoryFormat: .contiguous).isContiguous)
    #expect(x.to(.int64, memoryFormat: .channelsLast).strides == last.strides)
    // Dense copies of layouts with gaps keep the order of the dims.
    #expect(Tensor.ones([4, 6]).t().slice(dim: 1, step: 2).clone().strides == [1, 6])
    #expect(Tensor.ones([3, 1, 5]).expand(3, 4, 5).clone().strides == [20, 5, 1])
    let volume = Tensor.ones([2, 3, 4, 5, 6]).contiguous(memoryFormat: .channelsLast3d)
    #expect(volume.strides == [360, 1, 90, 18, 3])
    expectMistake("channels_last", "4 dims", "[2, 3]") { _ = Tensor.ones([2, 3]).contiguous(memoryFormat: .channelsLast) }
    expectMistake("clone()") { _ = x.contiguous(memoryFormat: .preserve) }
  }

  @Test func bigRollsAndJoinsAreRightInParallel() {
    let n = 3 << 20
    let x = Tensor.arange(n, dtype: .float32)
    let rolled = x.roll(12345)
    #expect(rolled.select(dim: 0, 12345).doubleValue == 0 && rolled.select(dim: 0, 0).doubleValue == Double(n - 12345))
    #expect((rolled.roll(-12345) .== x).all().item() == .bool(true))
    let square = x.reshape(1536, 2048)
    #expect((square.roll([5, -7], dims: [0, 1]).roll([-5, 7], dims: [0, 1]) .== square).all().item() == .bool(true))
    let both = Tensor.cat([square, square.flip(1)], dim: 1)
    #expect((both.slice(dim: 1, start: 2048).flip(1) .== square).all().item() == .bool(true))
    let sum = square.tril(-3) + square.triu(-2)
    #expect((sum .== square).all().item() == .bool(true))
  }
}

extension Tensor {
  /// A 0-dim tensor through a matrix and back.
  fileprivate var diagonalFree: Tensor { reshape([1, 1]).diagonal().reshape([]) }
}
