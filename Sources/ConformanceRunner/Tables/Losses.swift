import Firefinch

/// The losses of `torch.nn.functional`.
extension Table {
  /// `mean`, `sum` or `none`; the legacy flags of PyTorch decide where they are given.
  static func reduction(_ c: Call, _ index: Int, sizeAverage: Int? = nil, reduce: Int? = nil) throws -> Reduction {
    if let sizeAverage, let reduce {
      let (average, does) = (try c.optionalBool(sizeAverage), try c.optionalBool(reduce))
      if average != nil || does != nil { return does == false ? .none : average == false ? .sum : .mean }
    }
    let word = try c.string(index)
    guard let known = Reduction(rawValue: word) else {
      throw TensorError.value("\(c.name): '\(word)' is no reduction; expected mean, sum or none")
    }
    return known
  }

  /// A loss of input and target with the parameters `rest` between and the usual ones behind.
  private mutating func loss(
    _ name: String, _ rest: String = "", legacyFirst: Bool = true, legacy: Bool = true,
    _ body: @escaping (Call, Tensor, Tensor, Reduction) throws -> any Answer
  ) {
    let flags = "bool? size_average=None, bool? reduce=None, str reduction='mean'"
    let between = rest.isEmpty ? "" : ", " + rest
    let schema = legacy
      ? "nn.functional.\(name)(Tensor input, Tensor target\(between), \(flags)) -> Tensor"
      : "nn.functional.\(name)(Tensor input, Tensor target\(between), str reduction='mean') -> Tensor"
    let parsed = Schema(schema, hasOverload: false)
    let at = { (name: String) in parsed.parameters.firstIndex { $0.name == name } }
    op(schema) { c in
      let how = try Table.reduction(c, at("reduction")!, sizeAverage: at("size_average"), reduce: at("reduce"))
      return try body(c, c.tensor(0), c.tensor(1), how)
    }
  }

  mutating func addLosses() {
    for name in ["l1_loss", "mse_loss"] {
      op("nn.functional.\(name)(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? weight=None) -> Tensor") { c in
        let (x, y) = (try c.tensor(0), try c.tensor(1))
        let how = try Table.reduction(c, 4, sizeAverage: 2, reduce: 3)
        let weight = try c.optionalTensor(5)
        return name == "l1_loss" ? x.l1Loss(y, weight: weight, reduction: how) : x.mseLoss(y, weight: weight, reduction: how)
      }
    }
    op("nn.functional.smooth_l1_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', float beta=1.0) -> Tensor") { c in
      try c.tensor(0).smoothL1Loss(
        c.tensor(1), reduction: Table.reduction(c, 4, sizeAverage: 2, reduce: 3), beta: c.double(5))
    }
    op("nn.functional.huber_loss(Tensor input, Tensor target, str reduction='mean', float delta=1.0, Tensor? weight=None) -> Tensor") { c in
      try c.tensor(0).huberLoss(c.tensor(1), weight: c.optionalTensor(4), reduction: Table.reduction(c, 2), delta: c.double(3))
    }
    loss("soft_margin_loss") { c, x, y, how in x.softMarginLoss(y, reduction: how) }
    loss("multilabel_margin_loss") { c, x, y, how in x.multiLabelMarginLoss(y, reduction: how) }
    loss("multilabel_soft_margin_loss", "Tensor? weight=None") { c, x, y, how in
      try x.multiLabelSoftMarginLoss(y, weight: c.optionalTensor(2), reduction: how)
    }
    loss("hinge_embedding_loss", "float margin=1.0") { c, x, y, how in
      try x.hingeEmbeddingLoss(y, margin: c.double(2), reduction: how)
    }
    op("nn.functional.multi_margin_loss(Tensor input, Tensor target, int p=1, float margin=1.0, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).multiMarginLoss(
        c.tensor(1), p: c.int(2), margin: c.double(3), weight: c.optionalTensor(4),
        reduction: Table.reduction(c, 7, sizeAverage: 5, reduce: 6))
    }
    op("nn.functional.kl_div(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', bool log_target=False) -> Tensor") { c in
      if try c.string(4) == "batchmean" {
        return try c.tensor(0).klDiv(c.tensor(1), logTarget: c.bool(5), batchMean: true)
      }
      return try c.tensor(0).klDiv(
        c.tensor(1), reduction: Table.reduction(c, 4, sizeAverage: 2, reduce: 3), logTarget: c.bool(5))
    }
    op("nn.functional.poisson_nll_loss(Tensor input, Tensor target, bool log_input=True, bool full=False, bool? size_average=None, float eps=1e-8, bool? reduce=None, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).poissonNLLLoss(
        c.tensor(1), logInput: c.bool(2), full: c.bool(3), eps: c.double(5),
        reduction: Table.reduction(c, 7, sizeAverage: 4, reduce: 6))
    }
    op("nn.functional.gaussian_nll_loss(Tensor input, Tensor target, TensorOrScalar var, bool full=False, float eps=1e-6, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).gaussianNLLLoss(
        c.tensor(1), variance: c.tensor(2), full: c.bool(3), eps: c.double(4), reduction: Table.reduction(c, 5))
    }
    op("nn.functional.binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).binaryCrossEntropy(
        c.tensor(1), weight: c.optionalTensor(2), reduction: Table.reduction(c, 5, sizeAverage: 3, reduce: 4))
    }
    op("nn.functional.binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? pos_weight=None) -> Tensor") { c in
      try c.tensor(0).binaryCrossEntropyWithLogits(
        c.tensor(1), weight: c.optionalTensor(2), posWeight: c.optionalTensor(6),
        reduction: Table.reduction(c, 5, sizeAverage: 3, reduce: 4))
    }
    op("nn.functional.cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? reduce=None, str reduction='mean', float label_smoothing=0.0) -> Tensor") { c in
      try c.tensor(0).crossEntropy(
        c.tensor(1), weight: c.optionalTensor(2), ignoreIndex: c.int(4),
        reduction: Table.reduction(c, 6, sizeAverage: 3, reduce: 5), labelSmoothing: c.double(7))
    }
    op("nn.functional.nll_loss(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? reduce=None, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).nllLoss(
        c.tensor(1), weight: c.optionalTensor(2), ignoreIndex: c.int(4),
        reduction: Table.reduction(c, 6, sizeAverage: 3, reduce: 5))
    }
    op("nn.functional.margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).marginRankingLoss(
        c.tensor(1), c.tensor(2), margin: c.double(3), reduction: Table.reduction(c, 6, sizeAverage: 4, reduce: 5))
    }
    op("nn.functional.cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).cosineEmbeddingLoss(
        c.tensor(1), c.tensor(2), margin: c.double(3), reduction: Table.reduction(c, 6, sizeAverage: 4, reduce: 5))
    }
    op("nn.functional.triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2.0, float eps=1e-6, bool swap=False, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).tripletMarginLoss(
        positive: c.tensor(1), negative: c.tensor(2), margin: c.double(3), p: c.double(4), eps: c.double(5),
        swap: c.bool(6), reduction: Table.reduction(c, 9, sizeAverage: 7, reduce: 8))
    }
    op("nn.functional.triplet_margin_with_distance_loss(Tensor anchor, Tensor positive, Tensor negative, *, Any distance_function=None, float margin=1.0, bool swap=False, str reduction='mean') -> Tensor") { c in
      try c.tensor(0).tripletMarginLoss(
        positive: c.tensor(1), negative: c.tensor(2), distance: Table.distance(c.argument(3)), margin: c.double(4),
        swap: c.bool(5), reduction: Table.reduction(c, 6))
    }
    op("nn.functional.ctc_loss(Tensor log_probs, Tensor targets, Any input_lengths, Any target_lengths, int blank=0, str reduction='mean', bool zero_infinity=False) -> Tensor") { c in
      func lengths(_ index: Int) throws -> [Int] {
        if case .tensor(let x) = c.argument(index) { return x.array(Int.self) }
        return try c.ints(index)
      }
      return try c.tensor(0).ctcLoss(
        c.tensor(1), inputLengths: lengths(2), targetLengths: lengths(3), blank: c.int(4), reduction: Table.reduction(c, 5),
        zeroInfinity: c.bool(6))
    }
    op("nn.functional.linear_cross_entropy(Tensor input, Tensor linear_weight, Tensor target, *, Tensor? linear_bias=None, str reduction='mean', int ignore_index=-100, float label_smoothing=0.0, Tensor? weight=None, Any options=None) -> Tensor") { c in
      try c.tensor(0).linearCrossEntropy(
        c.tensor(1), c.tensor(2), bias: c.optionalTensor(3), classWeight: c.optionalTensor(7), ignoreIndex: c.int(5), reduction: Table.reduction(c, 4),
        labelSmoothing: c.double(6))
    }
  }

  /// A distance of two tensors by its public name.
  private static func distance(_ argument: Argument) throws -> ((Tensor, Tensor) -> Tensor)? {
    guard case .callable(let name) = argument else { return nil }
    if name.contains("cosine_similarity") || name.contains("CosineSimilarity") { return { $0.cosineSimilarity($1) } }
    if name.contains("PairwiseDistance") || name.contains("pairwise_distance") { return { $0.pairwiseDistance($1) } }
    throw Unsupported("distance function \(name)")
  }
}
