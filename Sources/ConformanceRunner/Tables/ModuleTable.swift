import Firefinch

extension ModuleTable {
  mutating func addLayers() {
    module("nn.ReLU(bool inplace=False)") { c in .layer(ReLU()) }
    module("nn.ReLU6(bool inplace=False)") { c in .layer(ReLU6()) }
    module("nn.SiLU(bool inplace=False)") { c in .layer(SiLU()) }
    module("nn.Mish(bool inplace=False)") { c in .layer(Mish()) }
    module("nn.SELU(bool inplace=False)") { c in .layer(SELU()) }
    module("nn.Hardswish(bool inplace=False)") { c in .layer(Hardswish()) }
    module("nn.Hardsigmoid(bool inplace=False)") { c in .layer(Hardsigmoid()) }
    module("nn.Sigmoid()") { c in .layer(Sigmoid()) }
    module("nn.Tanh()") { c in .layer(Tanh()) }
    module("nn.LogSigmoid()") { c in .layer(LogSigmoid()) }
    module("nn.Softsign()") { c in .layer(Softsign()) }
    module("nn.Tanhshrink()") { c in .layer(Tanhshrink()) }
    module("nn.Softmax2d()") { c in .layer(Softmax2d()) }
    module("nn.GELU(str approximate='none')") { c in .layer(GELU(approximate: try c.string(0))) }
    module("nn.LeakyReLU(float negative_slope=0.01, bool inplace=False)") { c in .layer(LeakyReLU(try c.double(0))) }
    module("nn.ELU(float alpha=1.0, bool inplace=False)") { c in .layer(ELU(alpha: try c.double(0))) }
    module("nn.CELU(float alpha=1.0, bool inplace=False)") { c in .layer(CELU(alpha: try c.double(0))) }
    module("nn.PReLU(int num_parameters=1, float init=0.25)") { c in .layer(PReLU(try c.int(0), initial: try c.double(1))) }
    module("nn.Softplus(float beta=1.0, float threshold=20.0)") { c in
      .layer(Softplus(beta: try c.double(0), threshold: try c.double(1)))
    }
    module("nn.Hardtanh(float min_val=-1.0, float max_val=1.0, bool inplace=False)") { c in
      .layer(Hardtanh(min: try c.double(0), max: try c.double(1)))
    }
    module("nn.Hardshrink(float lambd=0.5)") { c in .layer(Hardshrink(try c.double(0))) }
    module("nn.Softshrink(float lambd=0.5)") { c in .layer(Softshrink(try c.double(0))) }
    module("nn.Threshold(float threshold, float value, bool inplace=False)") { c in
      .layer(Threshold(try c.double(0), try c.double(1)))
    }
    module("nn.GLU(int dim=-1)") { c in .layer(GLU(dim: try c.int(0))) }
    module("nn.Softmax(int dim)") { c in .layer(Softmax(dim: try c.int(0))) }
    module("nn.Softmin(int dim)") { c in .layer(Softmin(dim: try c.int(0))) }
    module("nn.LogSoftmax(int dim)") { c in .layer(LogSoftmax(dim: try c.int(0))) }
    module("nn.Linear(int in_features, int out_features, bool bias=True)") { c in
      .layer(Linear(try c.int(0), try c.int(1), bias: try c.bool(2)))
    }
    module("nn.Bilinear(int in1_features, int in2_features, int out_features, bool bias=True)") { c in
      let m = Bilinear(try c.int(0), try c.int(1), try c.int(2), bias: try c.bool(3))
      return BuiltModule(m, "Tensor input1, Tensor input2") { c in m(try c.tensor(0), try c.tensor(1)) }
    }
    module("nn.Embedding(int num_embeddings, int embedding_dim, int? padding_idx=None, float? max_norm=None, float norm_type=2.0, bool scale_grad_by_freq=False, bool sparse=False)") { c in
      .layer(
        Embedding(
          try c.int(0), try c.int(1), paddingIdx: try c.optionalInt(2), maxNorm: try c.optionalDouble(3),
          normType: try c.double(4), scaleGradByFrequency: try c.bool(5), sparse: try c.bool(6)))
    }
    let pads: [(String, ([Int]) -> any Layer)] = [
      ("ReflectionPad1d", { ReflectionPad1d($0) }), ("ReflectionPad2d", { ReflectionPad2d($0) }),
      ("ReflectionPad3d", { ReflectionPad3d($0) }), ("ReplicationPad1d", { ReplicationPad1d($0) }),
      ("ReplicationPad2d", { ReplicationPad2d($0) }), ("ReplicationPad3d", { ReplicationPad3d($0) }),
      ("CircularPad1d", { CircularPad1d($0) }), ("CircularPad2d", { CircularPad2d($0) }),
      ("CircularPad3d", { CircularPad3d($0) }), ("ZeroPad1d", { ZeroPad1d($0) }), ("ZeroPad2d", { ZeroPad2d($0) }),
      ("ZeroPad3d", { ZeroPad3d($0) }),
    ]
    for (name, make) in pads { module("nn.\(name)(int[] padding)") { c in .layer(make(try c.ints(0))) } }
    let constants: [(String, ([Int], Double) -> any Layer)] = [
      ("ConstantPad1d", { ConstantPad1d($0, $1) }), ("ConstantPad2d", { ConstantPad2d($0, $1) }),
      ("ConstantPad3d", { ConstantPad3d($0, $1) }),
    ]
    for (name, make) in constants {
      module("nn.\(name)(int[] padding, float value)") { c in .layer(make(try c.ints(0), try c.double(1))) }
    }
  }

  /// A padding argument: sizes or a word.
  private static func padding(_ c: Call, _ index: Int) throws -> any ConvolutionPadding {
    if case .string(let word) = c.argument(index) { return word }
    return try c.ints(index)
  }

  private static func mode(_ c: Call, _ index: Int) throws -> PaddingMode {
    guard let mode = PaddingMode(rawValue: try c.string(index)) else { throw TensorError.value("padding_mode '\(try c.string(index))'") }
    return mode
  }

  mutating func addConvolutions() {
    func convolution(_ dims: Int, _ c: Call, isLazy: Bool, _ padding: some ConvolutionPadding) throws -> any Layer {
      let at = isLazy ? 0 : 1
      let (inputs, out) = (isLazy ? 0 : try c.int(0), try c.int(at))
      let (k, s, d) = (try c.ints(at + 1), try c.ints(at + 2), try c.ints(at + 4))
      let (g, b, m) = (try c.int(at + 5), try c.bool(at + 6), try ModuleTable.mode(c, at + 7))
      switch (dims, isLazy) {
      case (1, false): return Conv1d(inputs, out, kernelSize: k, stride: s, padding: padding, dilation: d, groups: g, bias: b, paddingMode: m)
      case (2, false): return Conv2d(inputs, out, kernelSize: k, stride: s, padding: padding, dilation: d, groups: g, bias: b, paddingMode: m)
      case (3, false): return Conv3d(inputs, out, kernelSize: k, stride: s, padding: padding, dilation: d, groups: g, bias: b, paddingMode: m)
      case (1, true): return LazyConv1d(out, kernelSize: k, stride: s, padding: padding, dilation: d, groups: g, bias: b, paddingMode: m)
      case (2, true): return LazyConv2d(out, kernelSize: k, stride: s, padding: padding, dilation: d, groups: g, bias: b, paddingMode: m)
      default: return LazyConv3d(out, kernelSize: k, stride: s, padding: padding, dilation: d, groups: g, bias: b, paddingMode: m)
      }
    }
    func transposed(_ dims: Int, _ c: Call, isLazy: Bool) throws -> any Layer {
      let at = isLazy ? 0 : 1
      let (inputs, out) = (isLazy ? 0 : try c.int(0), try c.int(at))
      let (k, s, p, o) = (try c.ints(at + 1), try c.ints(at + 2), try c.ints(at + 3), try c.ints(at + 4))
      let (g, b, d) = (try c.int(at + 5), try c.bool(at + 6), try c.ints(at + 7))
      switch (dims, isLazy) {
      case (1, false): return ConvTranspose1d(inputs, out, kernelSize: k, stride: s, padding: p, outputPadding: o, groups: g, bias: b, dilation: d)
      case (2, false): return ConvTranspose2d(inputs, out, kernelSize: k, stride: s, padding: p, outputPadding: o, groups: g, bias: b, dilation: d)
      case (3, false): return ConvTranspose3d(inputs, out, kernelSize: k, stride: s, padding: p, outputPadding: o, groups: g, bias: b, dilation: d)
      case (1, true): return LazyConvTranspose1d(out, kernelSize: k, stride: s, padding: p, outputPadding: o, groups: g, bias: b, dilation: d)
      case (2, true): return LazyConvTranspose2d(out, kernelSize: k, stride: s, padding: p, outputPadding: o, groups: g, bias: b, dilation: d)
      default: return LazyConvTranspose3d(out, kernelSize: k, stride: s, padding: p, outputPadding: o, groups: g, bias: b, dilation: d)
      }
    }
    for dims in 1...3 {
      for isLazy in [false, true] {
        let name = isLazy ? "Lazy" : ""
        let inputs = isLazy ? "" : "int in_channels, "
        let rest = "int out_channels, int[] kernel_size, int[] stride=1"
        module("nn.\(name)Conv\(dims)d(\(inputs)\(rest), Any padding=0, int[] dilation=1, int groups=1, bool bias=True, str padding_mode='zeros')") { c in
          let padding = try ModuleTable.padding(c, isLazy ? 3 : 4)
          return .layer(try convolution(dims, c, isLazy: isLazy, padding))
        }
        module("nn.\(name)ConvTranspose\(dims)d(\(inputs)\(rest), int[] padding=0, int[] output_padding=0, int groups=1, bool bias=True, int[] dilation=1, str padding_mode='zeros')") { c in
          .layer(try transposed(dims, c, isLazy: isLazy))
        }
      }
    }
  }

  mutating func addPooling() {
    for dims in 1...3 {
      module("nn.MaxPool\(dims)d(int[] kernel_size, int[]? stride=None, int[] padding=0, int[] dilation=1, bool return_indices=False, bool ceil_mode=False)") { c in
        let (k, s, p, d, ceil) = (try c.ints(0), try c.optionalInts(1), try c.ints(2), try c.ints(3), try c.bool(5))
        let m: MaxPool =
          dims == 1
          ? MaxPool1d(kernelSize: k, stride: s, padding: p, dilation: d, ceilMode: ceil)
          : dims == 2
            ? MaxPool2d(kernelSize: k, stride: s, padding: p, dilation: d, ceilMode: ceil)
            : MaxPool3d(kernelSize: k, stride: s, padding: p, dilation: d, ceilMode: ceil)
        let withIndices = try c.bool(4)
        return BuiltModule(m, "Tensor input") { c in
          if !withIndices { return m(try c.tensor(0)) }
          let r = m.withIndices(try c.tensor(0))
          return [r.values, r.indices]
        }
      }
      module("nn.AvgPool\(dims)d(int[] kernel_size, int[]? stride=None, int[] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None)") { c in
        let (k, s, p, ceil) = (try c.ints(0), try c.optionalInts(1), try c.ints(2), try c.bool(3))
        let (counts, divisor) = (try c.bool(4), try c.optionalInt(5))
        switch dims {
        case 1: return .layer(AvgPool1d(kernelSize: k, stride: s, padding: p, ceilMode: ceil, countIncludePad: counts))
        case 2: return .layer(AvgPool2d(kernelSize: k, stride: s, padding: p, ceilMode: ceil, countIncludePad: counts, divisorOverride: divisor))
        default: return .layer(AvgPool3d(kernelSize: k, stride: s, padding: p, ceilMode: ceil, countIncludePad: counts, divisorOverride: divisor))
        }
      }
      module("nn.LPPool\(dims)d(float norm_type, int[] kernel_size, int[]? stride=None, bool ceil_mode=False)") { c in
        let (p, k, s, ceil) = (try c.double(0), try c.ints(1), try c.optionalInts(2), try c.bool(3))
        switch dims {
        case 1: return .layer(LPPool1d(p, kernelSize: k, stride: s, ceilMode: ceil))
        case 2: return .layer(LPPool2d(p, kernelSize: k, stride: s, ceilMode: ceil))
        default: return .layer(LPPool3d(p, kernelSize: k, stride: s, ceilMode: ceil))
        }
      }
      module("nn.AdaptiveAvgPool\(dims)d(Any output_size)") { c in
        let size = (c.argument(0).elements ?? [c.argument(0)]).map(\.integer)
        return .layer(dims == 1 ? AdaptiveAvgPool1d(outputSize: size) : dims == 2 ? AdaptiveAvgPool2d(outputSize: size) : AdaptiveAvgPool3d(outputSize: size))
      }
      module("nn.AdaptiveMaxPool\(dims)d(Any output_size, bool return_indices=False)") { c in
        let size = (c.argument(0).elements ?? [c.argument(0)]).map(\.integer)
        return .layer(dims == 1 ? AdaptiveMaxPool1d(outputSize: size) : dims == 2 ? AdaptiveMaxPool2d(outputSize: size) : AdaptiveMaxPool3d(outputSize: size))
      }
      if dims == 1 { continue }
      module("nn.FractionalMaxPool\(dims)d(int[] kernel_size, int[]? output_size=None, float[]? output_ratio=None, bool return_indices=False, Tensor? _random_samples=None)") { c in
        let (k, s, r) = (try c.ints(0), try c.optionalInts(1), try c.optionalDoubles(2))
        let samples = try c.optionalTensor(4)
        let m: FractionalMaxPool =
          dims == 2
          ? FractionalMaxPool2d(kernelSize: k, outputSize: s, outputRatio: r, samples: samples)
          : FractionalMaxPool3d(kernelSize: k, outputSize: s, outputRatio: r, samples: samples)
        let withIndices = try c.bool(3)
        return BuiltModule(m, "Tensor input") { c in
          let x = try c.tensor(0)
          if !withIndices { return m(x) }
          let r = m.withIndices(x)
          return [r.values, r.indices]
        }
      }
    }
  }

  mutating func addNorms() {
    for dims in 1...3 {
      let stats = "float eps=1e-5, float? momentum=0.1, bool affine=True, bool track_running_stats=True, bool bias=True"
      module("nn.BatchNorm\(dims)d(int num_features, \(stats))") { c in
        let (n, eps, m) = (try c.int(0), try c.double(1), try c.optionalDouble(2))
        let (affine, tracks, bias) = (try c.bool(3), try c.bool(4), try c.bool(5))
        switch dims {
        case 1: return .layer(BatchNorm1d(n, eps: eps, momentum: m, affine: affine, trackRunningStats: tracks, bias: bias))
        case 2: return .layer(BatchNorm2d(n, eps: eps, momentum: m, affine: affine, trackRunningStats: tracks, bias: bias))
        default: return .layer(BatchNorm3d(n, eps: eps, momentum: m, affine: affine, trackRunningStats: tracks, bias: bias))
        }
      }
      let own = "float eps=1e-5, float momentum=0.1, bool affine=False, bool track_running_stats=False, bool bias=True"
      module("nn.InstanceNorm\(dims)d(int num_features, \(own))") { c in
        let (n, eps, m) = (try c.int(0), try c.double(1), try c.double(2))
        let (affine, tracks, bias) = (try c.bool(3), try c.bool(4), try c.bool(5))
        switch dims {
        case 1: return .layer(InstanceNorm1d(n, eps: eps, momentum: m, affine: affine, trackRunningStats: tracks, bias: bias))
        case 2: return .layer(InstanceNorm2d(n, eps: eps, momentum: m, affine: affine, trackRunningStats: tracks, bias: bias))
        default: return .layer(InstanceNorm3d(n, eps: eps, momentum: m, affine: affine, trackRunningStats: tracks, bias: bias))
        }
      }
    }
    module("nn.LayerNorm(int[] normalized_shape, float eps=1e-5, bool elementwise_affine=True, bool bias=True)") { c in
      .layer(LayerNorm(try c.ints(0), eps: try c.double(1), elementwiseAffine: try c.bool(2), bias: try c.bool(3)))
    }
    module("nn.RMSNorm(int[] normalized_shape, float? eps=None, bool elementwise_affine=True)") { c in
      .layer(RMSNorm(try c.ints(0), eps: try c.optionalDouble(1), elementwiseAffine: try c.bool(2)))
    }
    module("nn.GroupNorm(int num_groups, int num_channels, float eps=1e-5, bool affine=True, bool bias=True)") { c in
      .layer(GroupNorm(try c.int(0), try c.int(1), eps: try c.double(2), affine: try c.bool(3), bias: try c.bool(4)))
    }
    module("nn.LocalResponseNorm(int size, float alpha=0.0001, float beta=0.75, float k=1.0)") { c in
      .layer(LocalResponseNorm(try c.int(0), alpha: try c.double(1), beta: try c.double(2), k: try c.double(3)))
    }
  }

  mutating func addLosses() {
    let legacy = "bool? size_average=None, bool? reduce=None, str reduction='mean'"
    func how(_ c: Call, _ index: Int) throws -> Reduction { try Table.reduction(c, index, sizeAverage: index - 2, reduce: index - 1) }
    module("nn.L1Loss(\(legacy))") { c in .loss(L1Loss(reduction: try how(c, 2))) }
    module("nn.MSELoss(\(legacy))") { c in .loss(MSELoss(reduction: try how(c, 2))) }
    module("nn.SoftMarginLoss(\(legacy))") { c in .loss(SoftMarginLoss(reduction: try how(c, 2))) }
    module("nn.MultiLabelMarginLoss(\(legacy))") { c in .loss(MultiLabelMarginLoss(reduction: try how(c, 2))) }
    module("nn.SmoothL1Loss(\(legacy), float beta=1.0)") { c in .loss(SmoothL1Loss(reduction: try how(c, 2), beta: try c.double(3))) }
    module("nn.HuberLoss(str reduction='mean', float delta=1.0)") { c in
      .loss(HuberLoss(reduction: try Table.reduction(c, 0), delta: try c.double(1)))
    }
    module("nn.BCELoss(Tensor? weight=None, \(legacy))") { c in
      .loss(BCELoss(weight: try c.optionalTensor(0), reduction: try how(c, 3)))
    }
    module("nn.BCEWithLogitsLoss(Tensor? weight=None, \(legacy), Tensor? pos_weight=None)") { c in
      .loss(BCEWithLogitsLoss(weight: try c.optionalTensor(0), reduction: try how(c, 3), posWeight: try c.optionalTensor(4)))
    }
    module("nn.KLDivLoss(\(legacy), bool log_target=False)") { c in
      if try c.string(2) == "batchmean" { return .loss(KLDivLoss(logTarget: try c.bool(3), batchMean: true)) }
      return .loss(KLDivLoss(reduction: try how(c, 2), logTarget: try c.bool(3)))
    }
    module("nn.HingeEmbeddingLoss(float margin=1.0, \(legacy))") { c in
      .loss(HingeEmbeddingLoss(margin: try c.double(0), reduction: try how(c, 3)))
    }
    module("nn.MultiLabelSoftMarginLoss(Tensor? weight=None, \(legacy))") { c in
      .loss(MultiLabelSoftMarginLoss(weight: try c.optionalTensor(0), reduction: try how(c, 3)))
    }
    module("nn.MultiMarginLoss(int p=1, float margin=1.0, Tensor? weight=None, \(legacy))") { c in
      .loss(MultiMarginLoss(p: try c.int(0), margin: try c.double(1), weight: try c.optionalTensor(2), reduction: try how(c, 5)))
    }
    module("nn.NLLLoss(Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? reduce=None, str reduction='mean')") { c in
      .loss(NLLLoss(weight: try c.optionalTensor(0), ignoreIndex: try c.int(2), reduction: try Table.reduction(c, 4)))
    }
    module("nn.CrossEntropyLoss(Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? reduce=None, str reduction='mean', float label_smoothing=0.0)") { c in
      .loss(
        CrossEntropyLoss(
          weight: try c.optionalTensor(0), ignoreIndex: try c.int(2), reduction: try Table.reduction(c, 4),
          labelSmoothing: try c.double(5)))
    }
    module("nn.PoissonNLLLoss(bool log_input=True, bool full=False, bool? size_average=None, float eps=1e-8, bool? reduce=None, str reduction='mean')") { c in
      .loss(
        PoissonNLLLoss(
          logInput: try c.bool(0), full: try c.bool(1), eps: try c.double(3), reduction: try Table.reduction(c, 5)))
    }
    module("nn.GaussianNLLLoss(*, bool full=False, float eps=1e-6, str reduction='mean')") { c in
      let m = GaussianNLLLoss(full: try c.bool(0), eps: try c.double(1), reduction: try Table.reduction(c, 2))
      return BuiltModule(m, "Tensor input, Tensor target, Tensor var") { c in m(try c.tensor(0), try c.tensor(1), try c.tensor(2)) }
    }
    module("nn.MarginRankingLoss(float margin=0.0, \(legacy))") { c in
      let m = MarginRankingLoss(margin: try c.double(0), reduction: try how(c, 3))
      return BuiltModule(m, "Tensor input1, Tensor input2, Tensor target") { c in m(try c.tensor(0), try c.tensor(1), try c.tensor(2)) }
    }
    module("nn.CosineEmbeddingLoss(float margin=0.0, \(legacy))") { c in
      let m = CosineEmbeddingLoss(margin: try c.double(0), reduction: try how(c, 3))
      return BuiltModule(m, "Tensor input1, Tensor input2, Tensor target") { c in m(try c.tensor(0), try c.tensor(1), try c.tensor(2)) }
    }
    module("nn.TripletMarginLoss(float margin=1.0, float p=2.0, float eps=1e-6, bool swap=False, \(legacy))") { c in
      let m = TripletMarginLoss(margin: try c.double(0), p: try c.double(1), eps: try c.double(2), swap: try c.bool(3), reduction: try how(c, 6))
      return BuiltModule(m, "Tensor anchor, Tensor positive, Tensor negative") { c in m(try c.tensor(0), try c.tensor(1), try c.tensor(2)) }
    }
    module("nn.CTCLoss(int blank=0, str reduction='mean', bool zero_infinity=False)") { c in
      let m = CTCLoss(blank: try c.int(0), reduction: try Table.reduction(c, 1), zeroInfinity: try c.bool(2))
      return BuiltModule(m, "Tensor log_probs, Tensor targets, Any input_lengths, Any target_lengths") { c in
        func lengths(_ index: Int) throws -> [Int] {
          if case .tensor(let x) = c.argument(index) { return x.array(Int.self) }
          return try c.ints(index)
        }
        return m(try c.tensor(0), try c.tensor(1), inputLengths: try lengths(2), targetLengths: try lengths(3))
      }
    }
    module("nn.LinearCrossEntropyLoss(int in_features, int num_classes, *, int[] out_features=[], bool bias=False, str reduction='mean', Tensor? weight=None, int? ignore_index=None, float label_smoothing=0.0, Any options=None)") { c in
      let m = LinearCrossEntropyLoss(
        try c.int(0), try c.int(1), outFeatures: try c.ints(2), bias: try c.bool(3), weight: try c.optionalTensor(5),
        ignoreIndex: try c.optionalInt(6) ?? -100, reduction: try Table.reduction(c, 4), labelSmoothing: try c.double(7))
      return BuiltModule(m, "Tensor input, Tensor target") { c in m(try c.tensor(0), try c.tensor(1)) }
    }
  }

  mutating func addRecurrent() {
    let common = "int num_layers=1, bool bias=True, bool batch_first=False, float dropout=0.0, bool bidirectional=False, int proj_size=0"
    module("nn.RNN(int input_size, int hidden_size, \(common), str nonlinearity='tanh')") { c in
      let m = RNN(
        try c.int(0), try c.int(1), layers: try c.int(2), nonlinearity: try c.string(8) == "relu" ? .relu : .tanh,
        bias: try c.bool(3), batchFirst: try c.bool(4), dropout: try c.double(5), bidirectional: try c.bool(6))
      return BuiltModule(m, "Tensor input, Tensor? hx=None") { c in
        let r = m(try c.tensor(0), try c.optionalTensor(1))
        return [r.output, r.hidden]
      }
    }
    module("nn.GRU(int input_size, int hidden_size, \(common))") { c in
      let m = GRU(
        try c.int(0), try c.int(1), layers: try c.int(2), bias: try c.bool(3), batchFirst: try c.bool(4),
        dropout: try c.double(5), bidirectional: try c.bool(6))
      return BuiltModule(m, "Tensor input, Tensor? hx=None") { c in
        let r = m(try c.tensor(0), try c.optionalTensor(1))
        return [r.output, r.hidden]
      }
    }
    module("nn.LSTM(int input_size, int hidden_size, \(common))") { c in
      let m = LSTM(
        try c.int(0), try c.int(1), layers: try c.int(2), bias: try c.bool(3), batchFirst: try c.bool(4),
        dropout: try c.double(5), bidirectional: try c.bool(6), projectionSize: try c.int(7))
      return BuiltModule(m, "Tensor input, Tensor[]? hx=None") { c in
        let state = c.argument(1).elements == nil ? nil : try c.tensors(1)
        let r = m(try c.tensor(0), state.map { ($0[0], $0[1]) })
        return [r.output, r.hidden, r.cell]
      }
    }
    module("nn.RNNCell(int input_size, int hidden_size, bool bias=True, str nonlinearity='tanh')") { c in
      let m = RNNCell(try c.int(0), try c.int(1), bias: try c.bool(2), nonlinearity: try c.string(3) == "relu" ? .relu : .tanh)
      return BuiltModule(m, "Tensor input, Tensor? hx=None") { c in m(try c.tensor(0), try c.optionalTensor(1)) }
    }
    module("nn.GRUCell(int input_size, int hidden_size, bool bias=True)") { c in
      let m = GRUCell(try c.int(0), try c.int(1), bias: try c.bool(2))
      return BuiltModule(m, "Tensor input, Tensor? hx=None") { c in m(try c.tensor(0), try c.optionalTensor(1)) }
    }
    module("nn.LSTMCell(int input_size, int hidden_size, bool bias=True)") { c in
      let m = LSTMCell(try c.int(0), try c.int(1), bias: try c.bool(2))
      return BuiltModule(m, "Tensor input, Tensor[]? hx=None") { c in
        let state = c.argument(1).elements == nil ? nil : try c.tensors(1)
        let r = m(try c.tensor(0), state.map { ($0[0], $0[1]) })
        return [r.hidden, r.cell]
      }
    }
  }

  /// relu or gelu, by name or as a callable.
  private static func activation(_ c: Call, _ index: Int) throws -> TransformerEncoderLayer.Activation {
    switch c.argument(index) {
    case .string(let word), .callable(let word): return word.contains("gelu") || word.contains("GELU") ? .gelu : .relu
    default: return .relu
    }
  }

  private static func encoderLayer(_ c: Call) throws -> TransformerEncoderLayer {
    TransformerEncoderLayer(
      try c.int(0), try c.int(1), dimFeedforward: try c.int(2), dropout: try c.double(3), activation: try activation(c, 4),
      layerNormEps: try c.double(5), batchFirst: try c.bool(6), normFirst: try c.bool(7), bias: try c.bool(8))
  }

  mutating func addTransformers() {
    module("nn.MultiheadAttention(int embed_dim, int num_heads, float dropout=0.0, bool bias=True, bool add_bias_kv=False, bool add_zero_attn=False, int? kdim=None, int? vdim=None, bool batch_first=False)") { c in
      let m = MultiheadAttention(
        try c.int(0), try c.int(1), dropout: try c.double(2), bias: try c.bool(3), addBiasKV: try c.bool(4),
        addZeroAttn: try c.bool(5), kdim: try c.optionalInt(6), vdim: try c.optionalInt(7), batchFirst: try c.bool(8))
      return BuiltModule(
        m, "Tensor query, Tensor key, Tensor value, Tensor? key_padding_mask=None, bool need_weights=True, Tensor? attn_mask=None, bool average_attn_weights=True, bool is_causal=False"
      ) { c in
        let r = m(
          try c.tensor(0), try c.tensor(1), try c.tensor(2), keyPaddingMask: try c.optionalTensor(3),
          needWeights: try c.bool(4), attnMask: try c.optionalTensor(5), averageAttnWeights: try c.bool(6),
          isCausal: try c.bool(7))
        return [r.output, r.weights]
      }
    }
    let options = "int d_model, int nhead, int dim_feedforward=2048, float dropout=0.1, Any activation=None, float layer_norm_eps=1e-5, bool batch_first=False, bool norm_first=False, bool bias=True"
    module("nn.TransformerEncoderLayer(\(options))") { c in
      let m = try ModuleTable.encoderLayer(c)
      return BuiltModule(m, "Tensor src, Tensor? src_mask=None, Tensor? src_key_padding_mask=None, bool is_causal=False") { c in
        m(try c.tensor(0), srcMask: try c.optionalTensor(1), srcKeyPaddingMask: try c.optionalTensor(2), isCausal: try c.bool(3))
      }
    }
    let layers = self
    module("nn.TransformerEncoder(Any encoder_layer, int num_layers, Any norm=None, bool enable_nested_tensor=True, bool mask_check=True)") { c in
      guard case .module(let json) = c.argument(0), let name = json["module"]?.text else { throw Unsupported("encoder layer") }
      let kwargs = try (json["kwargs"]?.members ?? []).map { ($0.name, try Decoder(file: [:]).decode($0.value)) }
      guard let layer = try layers.make(name, [], kwargs).module as? TransformerEncoderLayer else { throw Unsupported("encoder layer") }
      let m = TransformerEncoder(layer, try c.int(1))
      return BuiltModule(m, "Tensor src, Tensor? mask=None, Tensor? src_key_padding_mask=None, bool? is_causal=None") { c in
        m(try c.tensor(0), mask: try c.optionalTensor(1), srcKeyPaddingMask: try c.optionalTensor(2), isCausal: try c.optionalBool(3) ?? false)
      }
    }
    module("nn.TransformerDecoderLayer(\(options))") { c in
      let m = TransformerDecoderLayer(
        try c.int(0), try c.int(1), dimFeedforward: try c.int(2), dropout: try c.double(3),
        activation: try ModuleTable.activation(c, 4), layerNormEps: try c.double(5), batchFirst: try c.bool(6),
        normFirst: try c.bool(7), bias: try c.bool(8))
      return BuiltModule(
        m, "Tensor tgt, Tensor memory, Tensor? tgt_mask=None, Tensor? memory_mask=None, Tensor? tgt_key_padding_mask=None, Tensor? memory_key_padding_mask=None, bool tgt_is_causal=False, bool memory_is_causal=False"
      ) { c in
        m(
          try c.tensor(0), try c.tensor(1), tgtMask: try c.optionalTensor(2), memoryMask: try c.optionalTensor(3),
          tgtKeyPaddingMask: try c.optionalTensor(4), memoryKeyPaddingMask: try c.optionalTensor(5),
          tgtIsCausal: try c.bool(6), memoryIsCausal: try c.bool(7))
      }
    }
    module("nn.Transformer(int d_model=512, int nhead=8, int num_encoder_layers=6, int num_decoder_layers=6, int dim_feedforward=2048, float dropout=0.1, Any activation=None, Any custom_encoder=None, Any custom_decoder=None, float layer_norm_eps=1e-5, bool batch_first=False, bool norm_first=False, bool bias=True)") { c in
      let m = Transformer(
        dModel: try c.int(0), headCount: try c.int(1), encoderLayers: try c.int(2), decoderLayers: try c.int(3),
        dimFeedforward: try c.int(4), dropout: try c.double(5), activation: try ModuleTable.activation(c, 6),
        layerNormEps: try c.double(9), batchFirst: try c.bool(10), normFirst: try c.bool(11), bias: try c.bool(12))
      return BuiltModule(
        m, "Tensor src, Tensor tgt, Tensor? src_mask=None, Tensor? tgt_mask=None, Tensor? memory_mask=None, Tensor? src_key_padding_mask=None, Tensor? tgt_key_padding_mask=None, Tensor? memory_key_padding_mask=None, bool? src_is_causal=None, bool? tgt_is_causal=None, bool memory_is_causal=False"
      ) { c in
        m(
          try c.tensor(0), try c.tensor(1), srcMask: try c.optionalTensor(2), tgtMask: try c.optionalTensor(3),
          memoryMask: try c.optionalTensor(4), srcKeyPaddingMask: try c.optionalTensor(5),
          tgtKeyPaddingMask: try c.optionalTensor(6), memoryKeyPaddingMask: try c.optionalTensor(7))
      }
    }
  }
}
