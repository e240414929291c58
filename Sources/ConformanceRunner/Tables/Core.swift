import Firefinch

extension Table {
  /// Names that stand for records whose schema's name is another, and operators of Python.
  mutating func addCore() {
    op("to(Tensor self, ScalarType dtype, bool non_blocking=False, bool copy=False, *, Any memory_format=None) -> Tensor") { c in
      let x = try c.tensor(0)
      return try c.bool(3) ? x.to(c.dtype(1)).clone() : x.to(c.dtype(1))
    }
    op("matmul(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).matmul(c.tensor(1)) }
  }
}
