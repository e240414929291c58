import CFirefinch
import FirefinchCore

/// What the decompositions share: checks of their arguments, matrices in LAPACK's order, its errors.
enum Lapack {
  /// Whether a library with LAPACK was found.
  static var isAvailable: Bool { ff_lapack_available() != 0 }

  /// The floating types LAPACK knows; nil for others.
  static func type(_ dtype: DType) -> Int32? {
    switch dtype {
    case .float32: Int32(FF_LAPACK_F32)
    case .float64: Int32(FF_LAPACK_F64)
    case .complex64: Int32(FF_LAPACK_C64)
    case .complex128: Int32(FF_LAPACK_C128)
    default: nil
    }
  }

  /// Refuses dtypes LAPACK does not know.
  static func checkDType(_ x: Tensor, _ op: String) throws {
    guard type(x.dtype) == nil else { return }
    throw TensorError.dtype("\(op): expected float32, float64, complex64 or complex128, got \(x.dtype.name)")
  }

  /// Refuses what is no matrix or batch of matrices.
  static func checkMatrix(_ x: Tensor, _ op: String, _ name: String = "A") throws {
    if x.rank < 2 { throw TensorError.shape("\(op): \(name) must have at least 2 dims, got shape \(x.shape)") }
    if x.size(-1) > Int32.max || x.size(-2) > Int32.max {
      throw TensorError.shape("\(op): \(name) has more rows or columns than LAPACK can count, shape \(x.shape)")
    }
  }

  /// Refuses what is no square matrix of a floating dtype or batch of them.
  static func checkSquare(_ x: Tensor, _ op: String, _ name: String = "A") throws {
    try checkDType(x, op)
    try checkMatrix(x, op, name)
    if x.size(-1) != x.size(-2) {
      throw TensorError.shape("\(op): \(name) must be batches of square matrices, got shape \(x.shape)")
    }
  }

  /// Refuses tensors of different dtypes.
  static func checkSameDType(_ a: Tensor, _ b: Tensor, _ op: String) throws {
    if a.dtype != b.dtype {
      throw TensorError.dtype("\(op): expected tensors of one dtype, got \(a.dtype.name) and \(b.dtype.name)")
    }
  }

  /// Refuses infinities and NaN, with which LAPACK's iterations may not end.
  static func checkFinite(_ x: Tensor, _ op: String) throws {
    let finite = x.dtype.isComplex ? x.detach().viewAsReal().isFinite() : x.detach().isFinite()
    if finite.all().item().doubleValue == 0 {
      throw TensorError.value("\(op): the input contains infinities or NaN, for which there is no decomposition")
    }
  }

  /// A triangle's name as LAPACK wants it.
  static func checkTriangle(_ name: String, _ op: String) throws {
    if name.uppercased() != "L" && name.uppercased() != "U" {
      throw TensorError.value("\(op): UPLO must be 'L' or 'U', got '\(name)'")
    }
  }

  /// Runs a routine for each of `count` matrices; its info goes into `info`, an int32 tensor, where there is one.
  static func each(
    _ count: Int, _ op: String, info: Tensor? = nil, _ routine: (_ index: Int) -> Int32
  ) throws {
    if count > 0 && !isAvailable {
      throw TensorError.value(
        "\(op): needs LAPACK, but OpenBLAS was not found; install it (Debian: libopenblas0-pthread) or unset "
          + "FIREFINCH_NO_LIBRARIES")
    }
    let infos = info?.pointer(Int32.self)
    for i in 0..<count {
      let code = routine(i)
      if code == FF_LAPACK_MISSING { throw TensorError.value("\(op): OpenBLAS was built without this routine") }
      if code == FF_LAPACK_MEMORY { throw TensorError(.memory, "\(op): there is no memory for LAPACK's workspace") }
      infos?[i] = code
    }
  }

  /// Reports the first matrix whose info is not 0 through `explain`.
  static func checkInfo(_ info: Tensor, _ op: String, _ explain: (Int) -> String) throws {
    if info.isPoisoned { return }
    let codes = info.array(Int.self)
    guard let bad = codes.firstIndex(where: { $0 != 0 }) else { return }
    let place = info.rank == 0 ? "" : "(batch element \(bad)): "
    throw TensorError.value("\(op): \(place)\(explain(codes[bad]))")
  }

  /// One letter as C takes it.
  static func letter(_ name: Unicode.Scalar) -> CChar { CChar(truncatingIfNeeded: name.value) }
}

/// A batch of matrices in memory of its own, each column after column as LAPACK wants it.
struct ColumnMajor {
  let rows: Int
  let columns: Int
  /// How many matrices.
  let count: Int
  /// LAPACK's code of the dtype.
  let type: Int32
  /// (…, columns, rows), contiguous.
  private let storage: Tensor
  private let stride: Int

  /// Room for matrices of `rows` x `columns`, 0 everywhere.
  init(_ batch: [Int], _ rows: Int, _ columns: Int, _ dtype: DType) {
    self.rows = rows
    self.columns = columns
    storage = Tensor.zeros(Shape(batch + [columns, rows]), dtype: dtype)
    count = batch.reduce(1, *)
    type = Lapack.type(dtype)!
    stride = rows * columns * dtype.size
  }

  /// A copy of `x`, set into the top left corner of matrices of `rows` x `columns` when these are larger.
  init(_ x: Tensor, rows: Int? = nil, columns: Int? = nil) {
    let (m, n) = (x.size(-2), x.size(-1))
    self.init(x.batch, rows ?? m, columns ?? n, x.dtype)
    if x.elementCount == 0 { return }
    withNoGrad {
      let corner = storage.narrow(dim: -2, start: 0, length: n).narrow(dim: -1, start: 0, length: m)
      corner.copyData(from: x.detach().transpose(-2, -1))
    }
  }

  /// Where matrix `index` begins.
  subscript(index: Int) -> UnsafeMutableRawPointer { storage.data + index * stride }

  /// The matrices, (…, rows, columns).
  var tensor: Tensor { withNoGrad { storage.transpose(-2, -1) } }

  /// The first rows and columns.
  func corner(_ rows: Int, _ columns: Int) -> Tensor {
    withNoGrad { tensor.narrow(dim: -2, start: 0, length: rows).narrow(dim: -1, start: 0, length: columns) }
  }
}

/// A vector for each matrix of a batch, in memory of its own.
struct LapackVector {
  let tensor: Tensor
  private let stride: Int

  init(_ batch: [Int], _ length: Int, _ dtype: DType) {
    tensor = Tensor.zeros(Shape(batch + [length]), dtype: dtype)
    stride = length * dtype.size
  }

  /// A copy of `x`.
  init(_ x: Tensor, dtype: DType? = nil) {
    self.init(Array(x.shape.dropLast()), x.size(-1), dtype ?? x.dtype)
    withNoGrad { tensor.copyData(from: x.detach()) }
  }

  subscript(index: Int) -> UnsafeMutableRawPointer { tensor.data + index * stride }
  func integers(_ index: Int) -> UnsafeMutablePointer<Int32> { self[index].assumingMemoryBound(to: Int32.self) }
}

extension Tensor {
  /// The sizes before the last two.
  var batch: [Int] { Array(shape.array.dropLast(2)) }
  /// Expanded to other leading sizes, the last two dims kept.
  func batchExpanded(_ batch: [Int]) -> Tensor { batch == self.batch ? self : expand(Shape(batch + shape.array.suffix(2))) }
  /// Whether this call would be recorded.
  var isRecorded: Bool { requiresGrad && GradMode.isEnabled }
  /// Identity matrices with the shape of this tensor.
  var identities: Tensor { Tensor.eye(size(-2), size(-1), dtype: dtype).expand(shape) }
  /// The diagonal of each matrix.
  var diagonals: Tensor { diagonal(dim1: -2, dim2: -1) }
  /// A number's distance from the next, as the dtype has it at 1.
  var epsilon: Double { dtype.realType == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne) }
}
