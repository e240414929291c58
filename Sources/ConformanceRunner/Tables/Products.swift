import Firefinch

extension Table {
  /// Products of matrices and vectors, and what is computed with them.
  mutating func addProducts() {
    addMatrixProducts()
    addVectorProducts()
    addSamples()
  }

  private mutating func addMatrixProducts() {
    op("__rmatmul__(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(1).matmul(c.tensor(0)) }
    op("addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") { c in
      try c.tensor(0).addbmm(c.tensor(1), c.tensor(2), beta: c.scalar(3), alpha: c.scalar(4))
    }
    op("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") { c in
      try c.tensor(0).baddbmm(c.tensor(1), c.tensor(2), beta: c.scalar(3), alpha: c.scalar(4))
    }
    op("addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor") { c in
      try c.tensor(0).addmv(c.tensor(1), c.tensor(2), beta: c.scalar(3), alpha: c.scalar(4))
    }
    op("addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") { c in
      try c.tensor(0).addr(c.tensor(1), c.tensor(2), beta: c.scalar(3), alpha: c.scalar(4))
    }
    op("linalg.multi_dot(Tensor[] tensors) -> Tensor") { c in Tensor.multiDot(try c.tensors(0)) }
    op("chain_matmul(Tensor[] matrices) -> Tensor") { c in Tensor.multiDot(try c.tensors(0)) }
    // The variant takes the tensors first.
    op("einsum(Tensor[] operands, str equation) -> Tensor") { c in Tensor.einsum(try c.string(1), try c.tensors(0)) }
    op("einsum(str equation, Tensor[] operands) -> Tensor") { c in Tensor.einsum(try c.string(0), try c.tensors(1)) }
    op("cdist(Tensor x1, Tensor x2, float p=2.0, str? compute_mode='use_mm_for_euclid_dist_if_necessary') -> Tensor") { c in
      try c.tensor(0).cdist(c.tensor(1), p: c.double(2))
    }
    op("kron(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).kron(c.tensor(1)) }
    op("linalg.diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor") { c in
      try c.tensor(0).diagonal(offset: c.int(1), dim1: c.int(2), dim2: c.int(3))
    }
    op("trace(Tensor self) -> Tensor") { c in try c.tensor(0).trace() }
  }

  private mutating func addVectorProducts() {
    op("mv(Tensor self, Tensor vec) -> Tensor") { c in try c.tensor(0).mv(c.tensor(1)) }
    op("dot(Tensor self, Tensor tensor) -> Tensor") { c in try c.tensor(0).dot(c.tensor(1)) }
    op("vdot(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).vdot(c.tensor(1)) }
    op("inner(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).inner(c.tensor(1)) }
    for name in ["outer", "ger"] {
      op("\(name)(Tensor self, Tensor vec2) -> Tensor") { c in try c.tensor(0).outer(c.tensor(1)) }
    }
    op("linalg.vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor") { c in
      try c.tensor(0).vecdot(c.tensor(1), dim: c.int(2))
    }
    op("cross(Tensor self, Tensor other, int? dim=None) -> Tensor") { c in
      let (a, b) = (try c.tensor(0), try c.tensor(1))
      // Without a dim: the first of size 3.
      let dim = try c.optionalInt(2) ?? a.shape.firstIndex(of: 3)
      guard let dim else { throw TensorError.shape("cross: no dim of shape \(a.shape) has size 3") }
      return a.cross(b, dim: dim)
    }
    op("linalg.cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor") { c in
      try c.tensor(0).cross(c.tensor(1), dim: c.int(2))
    }
    op("linalg.vander(Tensor x, *, int? N=None) -> Tensor") { c in Linalg.vander(try c.tensor(0), try c.optionalInt(1)) }
    op("vander(Tensor x, int? N=None, bool increasing=False) -> Tensor") { c in
      try c.tensor(0).vander(c.optionalInt(1), increasing: c.bool(2))
    }
    op("linalg.vector_norm(Tensor x, Scalar ord=2, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).vectorNorm(c.scalar(1), dim: c.optionalInts(2), keepDim: c.bool(3), dtype: c.optionalDType(4))
    }
    op("norm(Tensor input, Scalar? p, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      try c.tensor(0).norm(
        c.optionalScalar(1) ?? .double(2), dim: c.optionalInts(2), keepDim: c.bool(3), dtype: c.optionalDType(4))
    }
    op("norm(Tensor input, str p='fro', int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { c in
      let (x, dim, keepDim, dtype) = (try c.tensor(0), try c.optionalInts(2), try c.bool(3), try c.optionalDType(4))
      switch try c.string(1) {
      case "fro": return x.norm(2, dim: dim, keepDim: keepDim, dtype: dtype)
      case "nuc":
        let dims = dim ?? [0, 1]
        if dims.count != 2 { throw TensorError.value("norm: the nuclear norm takes two dims, got \(dims)") }
        return Linalg.matrixNorm(x, .nuc, dim: (dims[0], dims[1]), keepDim: keepDim, dtype: dtype)
      default: throw TensorError.value("norm: unknown order '\(try c.string(1))', expected a number, 'fro' or 'nuc'")
      }
    }
    op("renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor") { c in
      try c.tensor(0).renorm(c.scalar(1), dim: c.int(2), maxNorm: c.double(3))
    }
    op("dist(Tensor self, Tensor other, Scalar p=2) -> Tensor") { c in try c.tensor(0).dist(c.tensor(1), p: c.scalar(2)) }
  }

  private mutating func addSamples() {
    op("cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor") { c in
      try c.tensor(0).cov(correction: c.int(1), frequencies: c.optionalTensor(2), weights: c.optionalTensor(3))
    }
    op("corrcoef(Tensor self) -> Tensor") { c in try c.tensor(0).corrcoef() }
    for name in ["trapezoid", "trapz"] {
      op("\(name)(Tensor y, Tensor x, *, int dim=-1) -> Tensor") { c in
        try c.tensor(0).trapezoid(.coordinates(c.tensor(1)), dim: c.int(2))
      }
      op("\(name)(Tensor y, *, float dx=1, int dim=-1) -> Tensor") { c in
        try c.tensor(0).trapezoid(.distance(c.double(1)), dim: c.int(2))
      }
    }
    op("cumulative_trapezoid(Tensor y, Tensor x, *, int dim=-1) -> Tensor") { c in
      try c.tensor(0).cumulativeTrapezoid(.coordinates(c.tensor(1)), dim: c.int(2))
    }
    op("cumulative_trapezoid(Tensor y, *, float dx=1, int dim=-1) -> Tensor") { c in
      try c.tensor(0).cumulativeTrapezoid(.distance(c.double(1)), dim: c.int(2))
    }
    op("gradient(Tensor input, *, Any spacing=None, int[]? dim=None, int edge_order=1) -> Tensor[]") { c in
      func one(_ argument: Argument) throws -> Tensor.Spacing {
        switch argument {
        case .tensor(let x): return .coordinates(x)
        case .int(let h): return .distance(Double(h))
        case .double(let h): return .distance(h)
        default: throw TensorError.value("gradient: the spacing must be a number, a tensor or a list of these")
        }
      }
      let (x, dims, order) = (try c.tensor(0), try c.optionalInts(2), try c.int(3))
      switch c.argument(1) {
      case .none: return x.gradient(dims: dims, edgeOrder: order)
      case .list(let list), .tuple(let list): return x.gradient(spacing: try list.map(one), dims: dims, edgeOrder: order)
      case let single: return x.gradient(try one(single), dims: dims, edgeOrder: order)
      }
    }
  }
}
