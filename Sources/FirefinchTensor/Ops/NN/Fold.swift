import FirefinchCore

/// Sliding blocks of pictures: which rows and columns each block takes.
private struct Blocks {
  let kernel: [Int], output: [Int], padded: [Int], padding: [Int]
  /// For each of two dims the padded positions, by kernel element and block.
  let places: [Tensor]

  init(
    _ size: [Int], _ kernel: [Int], _ dilation: [Int], _ padding: [Int], _ stride: [Int], op: String
  ) throws {
    func two(_ values: [Int], _ what: String, _ least: Int) throws -> [Int] {
      let pair = values.count == 1 ? [values[0], values[0]] : values
      if pair.count != 2 || pair.contains(where: { $0 < least }) {
        throw TensorError.value("\(op): \(what) needs 1 or 2 numbers of at least \(least), got \(values)")
      }
      return pair
    }
    let (k, d) = (try two(kernel, "kernelSize", 1), try two(dilation, "dilation", 1))
    let (p, s) = (try two(padding, "padding", 0), try two(stride, "stride", 1))
    let full = (0..<2).map { size[$0] + 2 * p[$0] }
    let counts = (0..<2).map { (i: Int) -> Int in
      let room = full[i] - d[i] * (k[i] - 1) - 1
      return room >= 0 ? room / s[i] + 1 : 0
    }
    if counts.contains(where: { $0 < 1 }) {
      throw TensorError.shape("\(op): blocks of \(k) (dilation \(d)) do not fit pictures of \(size) with padding \(p)")
    }
    (self.kernel, output, padded, self.padding) = (k, counts, full, p)
    places = (0..<2).map { (i: Int) -> Tensor in
      var rows: [Int] = []
      for tap in 0..<k[i] {
        for block in 0..<counts[i] { rows.append(tap * d[i] + block * s[i]) }
      }
      return Tensor(rows)
    }
  }
  var count: Int { output[0] * output[1] }
  var size: Int { kernel[0] * kernel[1] }
}

extension Tensor {
  /// Sliding blocks of (N, C, H, W) as columns: (N, C · kernel elements, blocks). Same as `F.unfold`.
  public func unfold(
    kernelSize: [Int], dilation: [Int] = [1], padding: [Int] = [0], stride: [Int] = [1]
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank == 3 {
        return unsqueeze(dim: 0).unfold(kernelSize: kernelSize, dilation: dilation, padding: padding, stride: stride).squeeze(dim: 0)
      }
      if rank != 4 || size(1) == 0 || size(2) == 0 || size(3) == 0 {
        throw TensorError.shape("unfold: expected input (N, C, H, W) or (C, H, W), got shape \(shape)")
      }
      let b = try Blocks([size(2), size(3)], kernelSize, dilation, padding, stride, op: "unfold")
      let x = b.padding == [0, 0] ? self : pad([b.padding[1], b.padding[1], b.padding[0], b.padding[0]])
      let taken = x.indexSelect(dim: 2, b.places[0]).indexSelect(dim: 3, b.places[1])
      let split = taken.reshape([size(0), size(1), b.kernel[0], b.output[0], b.kernel[1], b.output[1]])
      return split.permute(0, 1, 2, 4, 3, 5).reshape([size(0), size(1) * b.size, b.count])
    }
  }

  /// Columns as `unfold` makes them, (N, C · kernel elements, blocks), added up to pictures (N, C, H, W) of `outputSize`.
  /// Same as `F.fold`.
  public func fold(
    _ outputSize: [Int], kernelSize: [Int], dilation: [Int] = [1], padding: [Int] = [0], stride: [Int] = [1]
  ) -> Tensor {
    ErrorScope.guarding {
      if isPoisoned { return self }
      if rank == 2 {
        return unsqueeze(dim: 0).fold(outputSize, kernelSize: kernelSize, dilation: dilation, padding: padding, stride: stride)
          .squeeze(dim: 0)
      }
      let size = outputSize.count == 1 ? [outputSize[0], outputSize[0]] : outputSize
      if size.count != 2 { throw TensorError.value("fold: outputSize needs 1 or 2 numbers, got \(outputSize)") }
      let b = try Blocks(size, kernelSize, dilation, padding, stride, op: "fold")
      if rank != 3 || self.size(1) % b.size != 0 || self.size(2) != b.count {
        throw TensorError.shape(
          "fold: expected (N, C · \(b.size), \(b.count)) for pictures of \(size) and blocks of \(b.kernel), got shape \(shape)")
      }
      let (n, channels) = (self.size(0), self.size(1) / b.size)
      let split = reshape([n, channels, b.kernel[0], b.kernel[1], b.output[0], b.output[1]]).permute(0, 1, 2, 4, 3, 5)
      let rows = split.reshape([n, channels, b.kernel[0] * b.output[0], b.kernel[1] * b.output[1]])
      let wide = Tensor.zeros([n, channels, rows.size(2), b.padded[1]], dtype: dtype)
        .indexAdd(dim: 3, index: b.places[1], rows)
      let whole = Tensor.zeros([n, channels, b.padded[0], b.padded[1]], dtype: dtype)
        .indexAdd(dim: 2, index: b.places[0], wide)
      return whole.narrow(dim: 2, start: b.padding[0], length: size[0]).narrow(dim: 3, start: b.padding[1], length: size[1])
        .contiguous()
    }
  }
}
