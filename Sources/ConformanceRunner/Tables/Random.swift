import Firefinch

extension Table {
  /// Random tensors, dropout and initialisation.
  mutating func addRandom() {
    let made =
      "*, Any generator=None, Tensor? out=None, ScalarType? dtype=None, Any layout=None, Any device=None, Any pin_memory=None, bool requires_grad=False, Any memory_format=None"
    op("rand(int[] size, \(made)) -> Tensor") { c in try c.written(2, Tensor.rand(c.shape(0), dtype: c.optionalDType(3))) }
    op("randn(int[] size, \(made)) -> Tensor") { c in try c.written(2, Tensor.randn(c.shape(0), dtype: c.optionalDType(3))) }
    op("rand_like(Tensor self, \(made)) -> Tensor") { c in try c.tensor(0).randLike(dtype: c.optionalDType(3)) }
    op("randn_like(Tensor self, \(made)) -> Tensor") { c in try c.tensor(0).randnLike(dtype: c.optionalDType(3)) }
    op("randint(int low, int high, int[] size, \(made)) -> Tensor") { c in
      try c.written(4, Tensor.randint(c.int(0), c.int(1), c.shape(2), dtype: c.optionalDType(5) ?? .int64))
    }
    op("randint(int high, int[] size, \(made)) -> Tensor") { c in
      try c.written(3, Tensor.randint(0, c.int(0), c.shape(1), dtype: c.optionalDType(4) ?? .int64))
    }
    op("randint_like(Tensor self, int high, \(made)) -> Tensor") { c in
      try c.tensor(0).randintLike(0, c.int(1), dtype: c.optionalDType(4))
    }
    op("randint_like(Tensor self, int low, int high, \(made)) -> Tensor") { c in
      try c.tensor(0).randintLike(c.int(1), c.int(2), dtype: c.optionalDType(5))
    }
    op("randperm(int n, \(made)) -> Tensor") { c in
      try c.written(2, Tensor.randperm(c.int(0), dtype: c.optionalDType(3) ?? .int64))
    }
    op("normal(Tensor mean, Tensor std, *, Any generator=None, Tensor? out=None) -> Tensor") { c in
      try c.written(3, Tensor.normal(mean: c.tensor(0), std: c.tensor(1)))
    }
    op("normal(Tensor mean, float std=1, *, Any generator=None, Tensor? out=None) -> Tensor") { c in
      try c.written(3, Tensor.normal(mean: c.tensor(0), std: c.double(1)))
    }
    op("normal(float mean, Tensor std, *, Any generator=None, Tensor? out=None) -> Tensor") { c in
      try c.written(3, Tensor.normal(mean: c.double(0), std: c.tensor(1)))
    }
    op("normal(float mean, float std, int[] size, \(made)) -> Tensor") { c in
      try c.written(4, Tensor.normal(mean: c.double(0), std: c.double(1), c.shape(2), dtype: c.optionalDType(5)))
    }
    op("normal(Tensor self, float mean, float std, *, Any generator=None) -> Tensor") { c in
      try c.tensor(0).normal_(mean: c.double(1), std: c.double(2))
    }
    op("bernoulli(Tensor self, *, Any generator=None, Tensor? out=None) -> Tensor") { c in
      try c.written(2, c.tensor(0).bernoulli())
    }
    op("bernoulli(Tensor self, float p, *, Any generator=None) -> Tensor") { c in try c.tensor(0).bernoulli(c.double(1)) }
    op("multinomial(Tensor self, int num_samples, bool replacement=False, *, Any generator=None, Tensor? out=None) -> Tensor") { c in
      if let out = try c.optionalTensor(4), out.dtype != .int64 {
        throw TensorError.dtype("multinomial: out must be int64, got \(out.dtype.name)")
      }
      return try c.written(4, c.tensor(0).multinomial(c.int(1), replacement: c.bool(2)))
    }
    op("poisson(Tensor self, Any generator=None) -> Tensor") { c in try c.tensor(0).poisson() }
    addDraws()
    addDropout()
    addInit()
  }

  /// Methods that fill a tensor; as operators they are called on one made for the case.
  private mutating func addDraws() {
    func draw(_ name: String, _ parameters: String, _ body: @escaping (Call) throws -> Tensor) {
      for prefix in ["", "Tensor."] {
        let full = prefix + name + (prefix.isEmpty ? "" : "_")
        op("\(full)(Tensor self, \(parameters)*, Any generator=None) -> Tensor", body)
      }
    }
    draw("uniform", "float from=0, float to=1, ") { c in try c.tensor(0).uniform_(c.double(1), c.double(2)) }
    draw("cauchy", "float median=0, float sigma=1, ") { c in try c.tensor(0).cauchy_(median: c.double(1), sigma: c.double(2)) }
    draw("log_normal", "float mean=1, float std=2, ") { c in try c.tensor(0).logNormal_(mean: c.double(1), std: c.double(2)) }
    draw("exponential", "float lambd=1, ") { c in try c.tensor(0).exponential_(c.double(1)) }
    draw("geometric", "float p, ") { c in try c.tensor(0).geometric_(c.double(1)) }
    op("Tensor.normal_(Tensor self, float mean=0, float std=1, *, Any generator=None) -> Tensor") { c in
      try c.tensor(0).normal_(mean: c.double(1), std: c.double(2))
    }
    op("Tensor.bernoulli_(Tensor self, float p=0.5, *, Any generator=None) -> Tensor") { c in
      try c.tensor(0).bernoulli_(c.double(1))
    }
    op("Tensor.bernoulli_(Tensor self, Tensor p, *, Any generator=None) -> Tensor") { c in
      try c.tensor(0).bernoulli_(c.tensor(1))
    }
    op("Tensor.random_(Tensor self, *, Any generator=None) -> Tensor") { c in try c.tensor(0).random_() }
    op("Tensor.random_(Tensor self, int to, *, Any generator=None) -> Tensor") { c in
      try c.tensor(0).random_(from: 0, to: c.int(1))
    }
    op("Tensor.random_(Tensor self, int from, int? to, *, Any generator=None) -> Tensor") { c in
      try c.tensor(0).random_(from: c.int(1), to: c.optionalInt(2))
    }
  }

  private mutating func addDropout() {
    func dropout(_ name: String, training: String, _ body: @escaping (Tensor, Double, Bool) -> Tensor) {
      op("nn.functional.\(name)(Tensor self, float p=0.5, bool training=\(training), bool inplace=False) -> Tensor") { c in
        let x = try c.tensor(0)
        let result = body(x, try c.double(1), try c.bool(2))
        return try c.bool(3) && result !== x ? x.assign_(result, op: name) : result
      }
    }
    dropout("dropout", training: "True") { $0.dropout($1, training: $2) }
    dropout("dropout1d", training: "True") { $0.dropout1d($1, training: $2) }
    dropout("dropout2d", training: "True") { $0.dropout2d($1, training: $2) }
    dropout("dropout3d", training: "True") { $0.dropout3d($1, training: $2) }
    dropout("alpha_dropout", training: "False") { $0.alphaDropout($1, training: $2) }
    dropout("feature_alpha_dropout", training: "False") { $0.featureAlphaDropout($1, training: $2) }
    op("nn.functional.gumbel_softmax(Tensor logits, float tau=1, bool hard=False, float eps=1e-10, int dim=-1) -> Tensor") { c in
      try c.tensor(0).gumbelSoftmax(tau: c.double(1), hard: c.bool(2), dim: c.int(4))
    }
  }

  private mutating func addInit() {
    op("nn.init.uniform_(Tensor tensor, float a=0, float b=1, Any generator=None) -> Tensor") { c in
      Init.uniform_(try c.tensor(0), try c.double(1), try c.double(2))
    }
    op("nn.init.normal_(Tensor tensor, float mean=0, float std=1, Any generator=None) -> Tensor") { c in
      Init.normal_(try c.tensor(0), mean: try c.double(1), std: try c.double(2))
    }
    op("nn.init.trunc_normal_(Tensor tensor, float mean=0, float std=1, float a=-2, float b=2, Any generator=None) -> Tensor") { c in
      Init.truncNormal_(
        try c.tensor(0), mean: try c.double(1), std: try c.double(2), a: try c.double(3), b: try c.double(4))
    }
    op("nn.init.constant_(Tensor tensor, float val) -> Tensor") { c in Init.constant_(try c.tensor(0), try c.double(1)) }
    op("nn.init.ones_(Tensor tensor) -> Tensor") { c in Init.ones_(try c.tensor(0)) }
    op("nn.init.zeros_(Tensor tensor) -> Tensor") { c in Init.zeros_(try c.tensor(0)) }
    op("nn.init.eye_(Tensor tensor) -> Tensor") { c in Init.eye_(try c.tensor(0)) }
    op("nn.init.dirac_(Tensor tensor, int groups=1) -> Tensor") { c in Init.dirac_(try c.tensor(0), groups: try c.int(1)) }
    op("nn.init.xavier_uniform_(Tensor tensor, float gain=1, Any generator=None) -> Tensor") { c in
      Init.xavierUniform_(try c.tensor(0), gain: try c.double(1))
    }
    op("nn.init.xavier_normal_(Tensor tensor, float gain=1, Any generator=None) -> Tensor") { c in
      Init.xavierNormal_(try c.tensor(0), gain: try c.double(1))
    }
    let he = "(Tensor tensor, float a=0, str mode='fan_in', str nonlinearity='leaky_relu', Any generator=None) -> Tensor"
    op("nn.init.kaiming_uniform_" + he) { c in
      Init.kaimingUniform_(
        try c.tensor(0), a: try c.double(1), mode: try c.fan(2), nonlinearity: try c.nonlinearity(3, slope: c.double(1)))
    }
    op("nn.init.kaiming_normal_" + he) { c in
      Init.kaimingNormal_(
        try c.tensor(0), a: try c.double(1), mode: try c.fan(2), nonlinearity: try c.nonlinearity(3, slope: c.double(1)))
    }
    op("nn.init.orthogonal_(Tensor tensor, float gain=1, Any generator=None) -> Tensor") { c in
      Init.orthogonal_(try c.tensor(0), gain: try c.double(1))
    }
    op("nn.init.sparse_(Tensor tensor, float sparsity, float std=0.01, Any generator=None) -> Tensor") { c in
      Init.sparse_(try c.tensor(0), sparsity: try c.double(1), std: try c.double(2))
    }
  }
}

extension Call {
  fileprivate func fan(_ index: Int) throws -> Init.Fan {
    switch try string(index) {
    case "fan_in": return .fanIn
    case "fan_out": return .fanOut
    case let other: throw TensorError.value("\(name): mode must be fan_in or fan_out, got '\(other)'")
    }
  }

  fileprivate func nonlinearity(_ index: Int, slope: Double) throws -> Init.Nonlinearity {
    switch try string(index) {
    case "leaky_relu": return .leakyRelu(slope)
    case "relu": return .relu
    case "tanh": return .tanh
    case "selu": return .selu
    case "sigmoid": return .sigmoid
    case let other where other == "linear" || other.hasPrefix("conv"): return .linear
    case let other: throw TensorError.value("\(name): unknown nonlinearity '\(other)'")
    }
  }
}
