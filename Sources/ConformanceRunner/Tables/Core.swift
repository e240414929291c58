import Firefinch

extension Table {
  /// Names that stand for records whose schema's name is another, and operators of Python.
  mutating func addCore() {
    op("matmul(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).matmul(c.tensor(1)) }
  }
}
