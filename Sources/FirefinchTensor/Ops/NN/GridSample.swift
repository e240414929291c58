import FirefinchCore

/// How `gridSample` finds values between pixels. Same words as `F.grid_sample`; bilinear stands for trilinear in three dims.
public enum GridMode: String, Sendable, CaseIterable { case bilinear, nearest, bicubic }
/// What lies outside the picture. Same words as `F.grid_sample`.
public enum GridPadding: String, Sendable, CaseIterable { case zeros, border, reflection }

/// Sampling positions along the spatial dims of one input.
private struct GridSampler {
  let sizes: [Int]
  let padding: GridPadding
  let alignCorners: Bool
  /// The input as rows of channels: (N · pixels, C).
  let rows: Tensor
  /// The number of each sample's first row: (N, 1).
  let base: Tensor

  init(_ x: Tensor, _ padding: GridPadding, _ alignCorners: Bool) {
    sizes = Array(x.shape.dropFirst(2))
    self.padding = padding
    self.alignCorners = alignCorners
    let pixels = sizes.reduce(1, *)
    rows = x.permute([0] + Array(2..<x.rank) + [1]).reshape([x.size(0) * pixels, x.size(1)])
    base = (Tensor.arange(x.size(0)) * pixels).unsqueeze(dim: 1)
  }

  /// From -1...1 to pixels.
  func unnormalised(_ x: Tensor, _ size: Int) -> Tensor {
    alignCorners ? (x + 1) * (Double(size - 1) / 2) : ((x + 1) * Double(size) - 1) * 0.5
  }

  /// A position brought inside the picture as the padding says.
  func inside(_ x: Tensor, _ size: Int) -> Tensor {
    switch padding {
    case .zeros: return x
    case .border: return x.clamp(min: 0, max: size - 1)
    case .reflection:
      let low = alignCorners ? 0 : -0.5
      let span = Double(alignCorners ? size - 1 : size)
      if span == 0 { return (x * 0).clamp(min: 0, max: size - 1) }
      // Distance from the lower edge, folded at every multiple of the span.
      let distance = (x - low).abs()
      let flips = (distance.detach() / span).floor()
      let rest = distance - flips * span
      let isOdd = flips.remainder(2) .== 1
      return (Tensor.where(isOdd, span - rest, rest) + low).clamp(min: 0, max: size - 1)
    }
  }

  /// Pixel values (N, P, C) at whole-number positions, one tensor (N, P) for each dim; 0 outside.
  func pixels(_ positions: [Tensor]) -> Tensor {
    var place = base
    var isInside: Tensor?
    var strides = [Int](repeating: 1, count: sizes.count)
    for d in stride(from: sizes.count - 2, through: 0, by: -1) { strides[d] = strides[d + 1] * sizes[d + 1] }
    for (d, position) in positions.enumerated() {
      let p = position.detach()
      let here = (p .>= 0).logicalAnd(p .<= sizes[d] - 1)
      isInside = isInside.map { $0.logicalAnd(here) } ?? here
      // NaN and what lies outside reads pixel 0 and is taken out below.
      place = place + Tensor.where(here, p, 0).to(.int64) * strides[d]
    }
    let values = rows.index([place])
    return padding == .zeros ? values * isInside!.unsqueeze(dim: -1).to(rows.dtype) : values
  }

  /// Multilinear interpolation: every corner with its weight.
  func linear(_ positions: [Tensor]) -> Tensor {
    let lower = positions.map { $0.detach().floor() }
    var sum: Tensor?
    for corner in 0..<(1 << sizes.count) {
      var weight: Tensor?
      var at: [Tensor] = []
      for (d, position) in positions.enumerated() {
        let isUpper = corner >> d & 1 == 1
        let share = isUpper ? position - lower[d] : (lower[d] + 1) - position
        weight = weight.map { $0 * share } ?? share
        at.append(isUpper ? lower[d] + 1 : lower[d])
      }
      // Beyond the border the clamped position has weight 0 for its upper corner.
      let safe = padding == .zeros ? at : zip(at, sizes).map { $0.clamp(min: 0, max: $1 - 1) }
      let term = pixels(safe) * weight!.unsqueeze(dim: -1)
      sum = sum.map { $0 + term } ?? term
    }
    return sum!
  }

  /// Keys' cubic with -0.75 over four by four pixels, each brought inside on its own.
  func cubic(_ positions: [Tensor]) -> Tensor {
    let lower = positions.map { $0.detach().floor() }
    func weights(_ t: Tensor) -> [Tensor] {
      let a = -0.75
      func near(_ x: Tensor) -> Tensor { ((a + 2) * x - (a + 3)) * x * x + 1 }
      func far(_ x: Tensor) -> Tensor { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
      return [far(t + 1), near(t), near(1 - t), far(2 - t)]
    }
    let w = zip(positions, lower).map { weights($0 - $1) }
    var sum: Tensor?
    for i in 0..<4 {
      for j in 0..<4 {
        let at = [lower[0] + (i - 1), lower[1] + (j - 1)]
        let term = pixels(zip(at, sizes).map { inside($0, $1) }) * (w[0][i] * w[1][j]).unsqueeze(dim: -1)
        sum = sum.map { $0 + term } ?? term
      }
    }
    return sum!
  }
}

extension Tensor {
  /// Values of the pictures (N, C, H, W) or (N, C, D, H, W) at the positions of `grid` (N, …, 2 or 3), whose last dim is x,
  /// y (, z) from -1 to 1. Differentiable in both. Same as `F.grid_sample`.
  public func gridSample(
    _ grid: Tensor, mode: GridMode = .bilinear, padding: GridPadding = .zeros, alignCorners: Bool = false
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned || grid.isPoisoned { return ErrorScope.poison() }
      let spatial = rank - 2
      if spatial != 2 && spatial != 3 || grid.rank != rank || grid.size(-1) != spatial || grid.size(0) != size(0) {
        throw TensorError.shape(
          "gridSample: input \(shape) and grid \(grid.shape) do not fit; expected (N, C, H, W) with (N, …, 2) or three dims with 3")
      }
      if dtype != grid.dtype || !dtype.isFloatingPoint {
        throw TensorError.dtype("gridSample: expected floating-point tensors of one dtype, got \(dtype.name) and \(grid.dtype.name)")
      }
      if mode == .bicubic && spatial != 2 { throw TensorError.value("gridSample: bicubic takes two spatial dims") }
      if shape.dropFirst(2).contains(0) { throw TensorError.shape("gridSample: the pictures are empty, shape \(shape)") }
      let outer = Array(grid.shape.dropFirst().dropLast())
      let result = Shape([size(0), size(1)] + outer)
      if result.elementCount == 0 { return Tensor.zeros(result, dtype: dtype) }
      // Positions in half precision would miss their pixels.
      if dtype.size == 2 {
        return to(.float32).gridSample(grid.to(.float32), mode: mode, padding: padding, alignCorners: alignCorners).to(dtype)
      }
      let sampler = GridSampler(self, padding, alignCorners)
      let flat = grid.reshape([size(0), outer.reduce(1, *), spatial])
      // The grid names the last dim first.
      let raw = (0..<spatial).map { d in sampler.unnormalised(flat.select(dim: -1, spatial - 1 - d), sampler.sizes[d]) }
      let values: Tensor
      switch mode {
      case .bicubic: values = sampler.cubic(raw)
      case .bilinear: values = sampler.linear(zip(raw, sampler.sizes).map { sampler.inside($0, $1) })
      case .nearest:
        let at = zip(raw, sampler.sizes).map { sampler.inside($0, $1).detach().round() }
        values = sampler.pixels(at) + (flat.sum(dim: -1, keepDim: true) * 0)
      }
      return values.transpose(1, 2).reshape(result)
    }
  }

  /// The sampling grid (N, H, W, 2) or (N, D, H, W, 3) of the affine maps `self` (N, 2, 3) or (N, 3, 4) for pictures of
  /// `size` (N, C, …). Same as `F.affine_grid`.
  public func affineGrid(_ size: [Int], alignCorners: Bool = false) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if !dtype.isFloatingPoint { throw TensorError.dtype("affineGrid: expected floating-point maps, got \(dtype.name)") }
      let spatial = size.count - 2
      if spatial != 2 && spatial != 3 || shape != [size[0], spatial, spatial + 1] {
        throw TensorError.shape("affineGrid: maps of shape \(shape) do not fit pictures of size \(size)")
      }
      let axes = size.dropFirst(2).map { count -> Tensor in
        if count <= 1 { return Tensor.zeros([count], dtype: dtype) }
        let line = Tensor.linspace(-1, 1, count, dtype: dtype)
        return alignCorners ? line : line * (Double(count - 1) / Double(count))
      }
      let grids = Tensor.meshgrid(axes)
      let points = Tensor.stack(grids.reversed() + [grids[0].onesLike()], dim: -1).reshape([-1, spatial + 1])
      return points.matmul(mT).reshape(Shape([size[0]] + size.dropFirst(2) + [spatial]))
    }
  }
}
