import Firefinch

/// `torch.nn.functional` but for the losses, and the native forms of norms.
extension Table {
  mutating func addNeural() {
    addActivations()
    addConvolutions()
    addPooling()
    addNorms()
    addPictures()
    addEmbeddings()
  }

  private mutating func addActivations() {
    op("nn.functional.glu(Tensor input, int dim=-1) -> Tensor") { c in try c.tensor(0).glu(dim: c.int(1)) }
    op("nn.functional.gelu(Tensor input, *, str approximate='none') -> Tensor") { c in
      try c.tensor(0).gelu(approximate: c.string(1))
    }
    op("nn.functional.softshrink(Tensor input, float lambd=0.5) -> Tensor") { c in
      try c.tensor(0).softshrink(lambda: c.double(1))
    }
    op("nn.functional.hardtanh(Tensor input, Scalar min_val=-1.0, Scalar max_val=1.0, bool inplace=False) -> Tensor") { c in
      try c.tensor(0).hardtanh(min: c.double(1), max: c.double(2))
    }
    op("nn.functional.logsigmoid(Tensor input) -> Tensor") { c in try c.tensor(0).logSigmoid() }
    op("nn.functional.prelu(Tensor input, Tensor weight) -> Tensor") { c in try c.tensor(0).prelu(c.tensor(1)) }
    op("nn.functional.rrelu(Tensor input, float lower=0.125, float upper=0.3333333333333333, bool training=False, bool inplace=False) -> Tensor") { c in
      try c.tensor(0).rrelu(lower: c.double(1), upper: c.double(2), training: c.bool(3))
    }
    op("nn.functional.softmin(Tensor input, int? dim=None, int _stacklevel=3, ScalarType? dtype=None) -> Tensor") { c in
      let x = try c.tensor(0)
      let dim = try c.optionalInt(1) ?? (x.rank == 0 || x.rank == 1 || x.rank == 3 ? 0 : 1)
      return try (-x).softmax(dim: dim, dtype: c.optionalDType(3))
    }
    op("torch.ops.aten._safe_softmax.default(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).safeSoftmax(dim: c.int(1), dtype: c.optionalDType(2))
    }
    op("_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).safeSoftmax(dim: c.int(1), dtype: c.optionalDType(2))
    }
    op("nn.functional.scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, float? scale=None, bool enable_gqa=False) -> Tensor") { c in
      try c.tensor(0).scaledDotProductAttention(
        c.tensor(1), c.tensor(2), mask: c.optionalTensor(3), dropoutP: c.double(4), isCausal: c.bool(5),
        scale: c.optionalDouble(6), enableGQA: c.bool(7))
    }
    op("nn.functional.multi_head_attention_forward(Tensor query, Tensor key, Tensor value, int embed_dim_to_check, int num_heads, Tensor? in_proj_weight, Tensor? in_proj_bias, Tensor? bias_k, Tensor? bias_v, bool add_zero_attn, float dropout_p, Tensor out_proj_weight, Tensor? out_proj_bias, bool training=True, Tensor? key_padding_mask=None, bool need_weights=True, Tensor? attn_mask=None, bool use_separate_proj_weight=False, Tensor? q_proj_weight=None, Tensor? k_proj_weight=None, Tensor? v_proj_weight=None, Tensor? static_k=None, Tensor? static_v=None, bool average_attn_weights=True, bool is_causal=False) -> Tensor[]") { c in
      let inputs: MultiHeadAttention.InputWeights
      if try c.bool(17) {
        inputs = .separate(try c.tensor(18), try c.tensor(19), try c.tensor(20))
      } else {
        inputs = .packed(try c.tensor(5))
      }
      if try c.optionalTensor(21) != nil || c.optionalTensor(22) != nil { throw Unsupported("static keys and values") }
      let heads = MultiHeadAttention(
        embedDim: try c.int(3), headCount: try c.int(4), inputs: inputs, inputBias: try c.optionalTensor(6),
        keyBias: try c.optionalTensor(7), valueBias: try c.optionalTensor(8), addsZero: try c.bool(9),
        dropout: try c.double(10), training: try c.bool(13))
      let (weight, bias) = (try c.tensor(11), try c.optionalTensor(12))
      return try heads.attend(
        c.tensor(0), c.tensor(1), c.tensor(2), keyPaddingMask: c.optionalTensor(14), attnMask: c.optionalTensor(16),
        needsWeights: c.bool(15), averages: c.bool(23), isCausal: c.bool(24), project: { $0.linear(weight, bias) })
    }
    op("nn.functional.bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor") { c in
      try c.tensor(0).bilinear(c.tensor(1), c.tensor(2), c.optionalTensor(3))
    }
    op("nn.functional.cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-8) -> Tensor") { c in
      try c.tensor(0).cosineSimilarity(c.tensor(1), dim: c.int(2), eps: c.double(3))
    }
    op("nn.functional.pairwise_distance(Tensor x1, Tensor x2, float p=2.0, float eps=1e-6, bool keepdim=False) -> Tensor") { c in
      try c.tensor(0).pairwiseDistance(c.tensor(1), p: c.double(2), eps: c.double(3), keepDim: c.bool(4))
    }
    op("nn.functional.pdist(Tensor input, float p=2.0) -> Tensor") { c in try c.tensor(0).pdist(p: c.double(1)) }
    op("nn.functional.normalize(Tensor input, float p=2.0, int[] dim=1, float eps=1e-12) -> Tensor") { c in
      try c.tensor(0).normalize(p: c.double(1), dim: c.ints(2), eps: c.double(3))
    }
    op("native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor") { c in
      try c.tensor(0).dropoutBackward(c.tensor(1), scale: c.double(2))
    }
    op("_segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None, int axis=0, bool unsafe=False, Scalar? initial=None) -> Tensor") { c in
      guard let how = Tensor.SegmentReduction(rawValue: try c.string(1)) else {
        throw TensorError.value("segment_reduce: '\(try c.string(1))' is no reduction")
      }
      var lengths = try c.optionalTensor(2)
      if let offsets = try c.optionalTensor(4) { lengths = offsets.diff() }
      guard let lengths else { throw TensorError.value("segment_reduce: give lengths or offsets") }
      return try c.tensor(0).segmentReduce(
        how, lengths: lengths, axis: c.int(5), initial: c.optionalDouble(7), checked: !c.bool(6))
    }
  }

  private mutating func addConvolutions() {
    for dims in 1...3 {
      let rest = "Tensor? bias=None, int[] stride=1, Any padding=0, int[] dilation=1, int groups=1"
      op("nn.functional.conv\(dims)d(Tensor input, Tensor weight, \(rest)) -> Tensor") { c in
        var padding = ConvPadding.valid
        if case .string(let word) = c.argument(4) {
          guard word == "same" || word == "valid" else { throw TensorError.value("conv: padding '\(word)' is neither same nor valid") }
          padding = word == "same" ? .same : .valid
        } else {
          padding = .sizes(try c.ints(4))
        }
        let (x, w, b) = (try c.tensor(0), try c.tensor(1), try c.optionalTensor(2))
        let (s, d, g) = (try c.ints(3), try c.ints(5), try c.int(6))
        switch dims {
        case 1: return x.conv1d(w, b, stride: s, padding: padding, dilation: d, groups: g)
        case 2: return x.conv2d(w, b, stride: s, padding: padding, dilation: d, groups: g)
        default: return x.conv3d(w, b, stride: s, padding: padding, dilation: d, groups: g)
        }
      }
      let more = "Tensor? bias=None, int[] stride=1, int[] padding=0, int[] output_padding=0, int groups=1, int[] dilation=1"
      op("nn.functional.conv_transpose\(dims)d(Tensor input, Tensor weight, \(more)) -> Tensor") { c in
        let (x, w, b) = (try c.tensor(0), try c.tensor(1), try c.optionalTensor(2))
        let (s, p, o, g, d) = (try c.ints(3), try c.ints(4), try c.ints(5), try c.int(6), try c.ints(7))
        switch dims {
        case 1: return x.convTranspose1d(w, b, stride: s, padding: p, outputPadding: o, groups: g, dilation: d)
        case 2: return x.convTranspose2d(w, b, stride: s, padding: p, outputPadding: o, groups: g, dilation: d)
        default: return x.convTranspose3d(w, b, stride: s, padding: p, outputPadding: o, groups: g, dilation: d)
        }
      }
    }
  }

  /// Window sizes of a pooling; None and an empty list mean the default.
  private static func sizes(_ c: Call, _ index: Int) throws -> [Int]? {
    let given = try c.optionalInts(index)
    return given?.isEmpty ?? true ? nil : given
  }

  /// Output sizes with None for the input's.
  private static func targets(_ c: Call, _ index: Int) -> [Int?] {
    (c.argument(index).elements ?? [c.argument(index)]).map(\.integer)
  }

  private mutating func addPooling() {
    for dims in 1...3 {
      let window = "int[] kernel_size, int[]? stride=None, int[] padding=0, int[] dilation=1, bool ceil_mode=False, bool return_indices=False"
      op("nn.functional.max_pool\(dims)d(Tensor input, \(window)) -> Tensor[]") { c in
        let r = try c.tensor(0).maxPoolWithIndices(
          c.ints(1), spatialDims: dims, stride: Table.sizes(c, 2), padding: c.ints(3), dilation: c.ints(4), ceilMode: c.bool(5))
        return try c.bool(6) ? [r.values, r.indices] : [r.values]
      }
      op("nn.functional.avg_pool\(dims)d(Tensor input, int[] kernel_size, int[]? stride=None, int[] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor") { c in
        let (x, k, s, p) = (try c.tensor(0), try c.ints(1), try Table.sizes(c, 2), try c.ints(3))
        let (ceil, counts, divisor) = (try c.bool(4), try c.bool(5), try c.optionalInt(6))
        switch dims {
        case 1: return x.avgPool1d(k, stride: s, padding: p, ceilMode: ceil, countIncludePad: counts)
        case 2: return x.avgPool2d(k, stride: s, padding: p, ceilMode: ceil, countIncludePad: counts, divisorOverride: divisor)
        default: return x.avgPool3d(k, stride: s, padding: p, ceilMode: ceil, countIncludePad: counts, divisorOverride: divisor)
        }
      }
      op("nn.functional.adaptive_avg_pool\(dims)d(Tensor input, Any output_size) -> Tensor") { c in
        let (x, size) = (try c.tensor(0), Table.targets(c, 1))
        return dims == 1 ? x.adaptiveAvgPool1d(size) : dims == 2 ? x.adaptiveAvgPool2d(size) : x.adaptiveAvgPool3d(size)
      }
      op("nn.functional.adaptive_max_pool\(dims)d(Tensor input, Any output_size, bool return_indices=False) -> Tensor[]") { c in
        let r = try c.tensor(0).adaptiveMaxPool(Table.targets(c, 1), spatialDims: dims)
        return try c.bool(2) ? [r.values, r.indices] : [r.values]
      }
      op("nn.functional.max_unpool\(dims)d(Tensor input, Tensor indices, int[] kernel_size, int[]? stride=None, int[] padding=0, int[]? output_size=None) -> Tensor") { c in
        try c.tensor(0).maxUnpool(
          c.tensor(1), kernelSize: c.ints(2), spatialDims: dims, stride: Table.sizes(c, 3), padding: c.ints(4),
          outputSize: c.optionalInts(5))
      }
      op("nn.functional.lp_pool\(dims)d(Tensor input, float norm_type, int[] kernel_size, int[]? stride=None, bool ceil_mode=False) -> Tensor") { c in
        try c.tensor(0).lpPool(c.double(1), c.ints(2), spatialDims: dims, stride: Table.sizes(c, 3), ceilMode: c.bool(4))
      }
      if dims == 1 { continue }
      op("nn.functional.fractional_max_pool\(dims)d(Tensor input, int[] kernel_size, int[]? output_size=None, float[]? output_ratio=None, bool return_indices=False, Tensor? _random_samples=None) -> Tensor[]") { c in
        let r = try c.tensor(0).fractionalMaxPool(
          c.ints(1), spatialDims: dims, outputSize: c.optionalInts(2), outputRatio: c.optionalDoubles(3),
          samples: c.optionalTensor(5))
        return try c.bool(4) ? [r.values, r.indices] : [r.values]
      }
    }
    // The cases pool first and pass ones back.
    op("max_pool2d_with_indices_backward(Tensor input, *, int[] kernel_size, int[]? stride=None, int[] padding=0, int[] dilation=1, bool ceil_mode=False, bool return_indices=False) -> Tensor") { c in
      let x = try c.tensor(0)
      let r = try x.maxPoolWithIndices(
        c.ints(1), spatialDims: 2, stride: Table.sizes(c, 2), padding: c.ints(3), dilation: c.ints(4), ceilMode: c.bool(5))
      return r.values.detach().onesLike().maxPoolBackward(r.indices, input: x)
    }
  }

  private mutating func addNorms() {
    op("nn.functional.batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, bool training=False, float momentum=0.1, float eps=1e-5) -> Tensor") { c in
      try c.tensor(0).batchNorm(
        runningMean: c.optionalTensor(1), runningVar: c.optionalTensor(2), weight: c.optionalTensor(3),
        bias: c.optionalTensor(4), training: c.bool(5), momentum: c.double(6), eps: c.double(7))
    }
    for name in ["native_batch_norm", "_native_batch_norm_legit"] {
      op("\(name)(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)") { c in
        let r = try c.tensor(0).nativeBatchNorm(
          weight: c.optionalTensor(1), bias: c.optionalTensor(2), runningMean: c.optionalTensor(3),
          runningVar: c.optionalTensor(4), training: c.bool(5), momentum: c.double(6), eps: c.double(7))
        return [r.output, r.mean, r.invstd]
      }
    }
    op("_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)") { c in
      let r = try c.tensor(0).nativeBatchNorm(
        weight: c.optionalTensor(1), bias: c.optionalTensor(2), training: c.bool(3), momentum: c.double(4), eps: c.double(5))
      return [r.output, r.mean, r.invstd]
    }
    op("_batch_norm_with_update(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor)") { c in
      let r = try c.tensor(0).nativeBatchNorm(
        weight: c.optionalTensor(1), bias: c.optionalTensor(2), runningMean: c.optionalTensor(3),
        runningVar: c.optionalTensor(4), training: true, momentum: c.double(5), eps: c.double(6))
      return [r.output, r.mean, r.invstd, Tensor.empty([0], dtype: .uint8)]
    }
    op("nn.functional.instance_norm(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, Tensor? weight=None, Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, float eps=1e-5) -> Tensor") { c in
      try c.tensor(0).instanceNorm(
        runningMean: c.optionalTensor(1), runningVar: c.optionalTensor(2), weight: c.optionalTensor(3),
        bias: c.optionalTensor(4), useInputStats: c.bool(5), momentum: c.double(6), eps: c.double(7))
    }
    op("nn.functional.layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-5) -> Tensor") { c in
      try c.tensor(0).layerNorm(c.ints(1), weight: c.optionalTensor(2), bias: c.optionalTensor(3), eps: c.double(4))
    }
    op("native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)") { c in
      let r = try c.tensor(0).nativeLayerNorm(c.ints(1), weight: c.optionalTensor(2), bias: c.optionalTensor(3), eps: c.double(4))
      return [r.output, r.mean, r.invstd]
    }
    op("nn.functional.rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor") { c in
      try c.tensor(0).rmsNorm(c.ints(1), weight: c.optionalTensor(2), eps: c.optionalDouble(3))
    }
    op("nn.functional.group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-5) -> Tensor") { c in
      try c.tensor(0).groupNorm(c.int(1), weight: c.optionalTensor(2), bias: c.optionalTensor(3), eps: c.double(4))
    }
    op("native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps) -> (Tensor, Tensor, Tensor)") { c in
      let r = try c.tensor(0).nativeGroupNorm(
        weight: c.optionalTensor(1), bias: c.optionalTensor(2), batch: c.int(3), channels: c.int(4), groups: c.int(6),
        eps: c.double(7))
      return [r.output, r.mean, r.invstd]
    }
    op("nn.functional.local_response_norm(Tensor input, int size, float alpha=1e-4, float beta=0.75, float k=1.0) -> Tensor") { c in
      try c.tensor(0).localResponseNorm(c.int(1), alpha: c.double(2), beta: c.double(3), k: c.double(4))
    }
  }

  private mutating func addPictures() {
    op("nn.functional.pad(Tensor input, int[] pad, str mode='constant', Scalar? value=None) -> Tensor") { c in
      let (x, amounts, word) = (try c.tensor(0), try c.ints(1), try c.string(2))
      if word == "constant" { return x.pad(amounts, value: try c.optionalScalar(3) ?? .int(0)) }
      if let value = try c.optionalScalar(3), value.doubleValue != 0 {
        throw TensorError.value("pad: mode '\(word)' takes no value, got \(value)")
      }
      guard let mode = PaddingMode(rawValue: word), mode != .zeros else { throw TensorError.value("pad: '\(word)' is no mode") }
      return x.pad(amounts, mode: mode)
    }
    op("nn.functional.unfold(Tensor input, int[] kernel_size, int[] dilation=1, int[] padding=0, int[] stride=1) -> Tensor") { c in
      try c.tensor(0).unfold(kernelSize: c.ints(1), dilation: c.ints(2), padding: c.ints(3), stride: c.ints(4))
    }
    op("nn.functional.fold(Tensor input, int[] output_size, int[] kernel_size, int[] dilation=1, int[] padding=0, int[] stride=1) -> Tensor") { c in
      try c.tensor(0).fold(c.ints(1), kernelSize: c.ints(2), dilation: c.ints(3), padding: c.ints(4), stride: c.ints(5))
    }
    op("nn.functional.pixel_shuffle(Tensor self, int upscale_factor) -> Tensor") { c in try c.tensor(0).pixelShuffle(c.int(1)) }
    op("nn.functional.pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor") { c in try c.tensor(0).pixelUnshuffle(c.int(1)) }
    op("nn.functional.channel_shuffle(Tensor self, int groups) -> Tensor") { c in try c.tensor(0).channelShuffle(c.int(1)) }
    op("nn.functional.interpolate(Tensor input, int[]? size=None, float[]? scale_factor=None, str mode='nearest', bool? align_corners=None, bool? recompute_scale_factor=None, bool antialias=False) -> Tensor") { c in
      guard let mode = InterpolationMode(rawValue: try c.string(3)) else { throw TensorError.value("interpolate: '\(try c.string(3))' is no mode") }
      return try c.tensor(0).interpolate(
        size: c.optionalInts(1), scaleFactor: c.optionalDoubles(2), mode: mode, alignCorners: c.optionalBool(4),
        recomputeScaleFactor: c.optionalBool(5) ?? false, antialias: c.bool(6))
    }
    op("nn.functional.upsample_bilinear(Tensor input, int[]? size=None, float[]? scale_factor=None) -> Tensor") { c in
      try c.tensor(0).interpolate(size: c.optionalInts(1), scaleFactor: c.optionalDoubles(2), mode: .bilinear, alignCorners: true)
    }
    op("nn.functional.upsample_nearest(Tensor input, int[]? size=None, float[]? scale_factor=None) -> Tensor") { c in
      try c.tensor(0).interpolate(size: c.optionalInts(1), scaleFactor: c.optionalDoubles(2), mode: .nearest)
    }
    op("_upsample_bilinear2d_aa(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor") { c in
      try c.tensor(0).interpolate(
        size: c.optionalInts(1), scaleFactor: c.optionalInts(1) == nil ? c.optionalDoubles(3) : nil, mode: .bilinear,
        alignCorners: c.bool(2), antialias: true)
    }
    op("_upsample_bilinear2d_aa(Tensor self, int[] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor") { c in
      let scales = [try c.optionalDouble(3), try c.optionalDouble(4)]
      return try c.tensor(0).interpolate(
        size: c.ints(1), mode: .bilinear, alignCorners: c.bool(2), antialias: true, scales: scales)
    }
    op("nn.functional.affine_grid(Tensor theta, int[] size, bool? align_corners=None) -> Tensor") { c in
      try c.tensor(0).affineGrid(c.ints(1), alignCorners: c.optionalBool(2) ?? false)
    }
    op("nn.functional.grid_sample(Tensor input, Tensor grid, str mode='bilinear', str padding_mode='zeros', bool? align_corners=None) -> Tensor") { c in
      guard let mode = GridMode(rawValue: try c.string(2)), let padding = GridPadding(rawValue: try c.string(3)) else {
        throw TensorError.value("grid_sample: '\(try c.string(2))' and '\(try c.string(3))' are no mode and padding")
      }
      return try c.tensor(0).gridSample(c.tensor(1), mode: mode, padding: padding, alignCorners: c.optionalBool(4) ?? false)
    }
    for dims in 2...3 {
      op("grid_sampler_\(dims)d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor") { c in
        let (mode, padding) = (try c.int(2), try c.int(3))
        guard GridMode.allCases.indices.contains(mode), GridPadding.allCases.indices.contains(padding) else {
          throw TensorError.value("grid_sampler: \(mode) and \(padding) are no mode and padding")
        }
        return try c.tensor(0).gridSample(
          c.tensor(1), mode: GridMode.allCases[mode], padding: GridPadding.allCases[padding], alignCorners: c.bool(4))
      }
    }
  }

  private mutating func addEmbeddings() {
    op("nn.functional.one_hot(Tensor self, int num_classes=-1) -> Tensor") { c in 
      if try c.tensor(0).dtype != .int64 { throw TensorError.dtype("one_hot: expected int64 classes, got \(try c.tensor(0).dtype.name)") }
      return try c.tensor(0).oneHot(c.int(1))
    }
    // The cases pass the table first.
    op("nn.functional.embedding(Tensor weight, Tensor input, int? padding_idx=None, float? max_norm=None, float norm_type=2.0, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor") { c in
      try c.tensor(0).embedding(
        c.tensor(1), paddingIndex: c.optionalInt(2), maxNorm: c.optionalDouble(3), normType: c.double(4),
        scaleGradByFrequency: c.bool(5), sparse: c.bool(6))
    }
    op("nn.functional.embedding_bag(Tensor weight, Tensor input, Tensor? offsets=None, float? max_norm=None, float norm_type=2.0, bool scale_grad_by_freq=False, str mode='mean', bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int? padding_idx=None) -> Tensor") { c in
      guard let mode = BagMode(rawValue: try c.string(6)) else { throw TensorError.value("embedding_bag: '\(try c.string(6))' is no mode") }
      return try c.tensor(0).embeddingBag(
        c.tensor(1), offsets: c.optionalTensor(2), mode: mode, weights: c.optionalTensor(8), includesLastOffset: c.bool(9),
        paddingIndex: c.optionalInt(10), maxNorm: c.optionalDouble(3), normType: c.double(4),
        sparse: c.bool(7))
    }
  }
}
