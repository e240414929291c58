import FirefinchCore
import FirefinchTensor

/// Tensors over bytes of files.
enum FileTensor {
  /// A storage over `bytes`, which `owner` keeps alive. The memory is borrowed when every element type may lie there,
  /// else copied.
  static func storage(_ bytes: UnsafeRawBufferPointer, owner: AnyObject) -> Storage {
    if let start = bytes.baseAddress, Int(bitPattern: start) % 16 == 0 {
      return Storage(borrowing: UnsafeMutableRawPointer(mutating: start), byteCount: bytes.count, owner: owner)
    }
    let copy = Storage(byteCount: bytes.count)
    if let start = bytes.baseAddress, bytes.count > 0 { copy.data.copyMemory(from: start, byteCount: bytes.count) }
    return copy
  }

  /// A tensor over `bytes`; `name` is for messages. Throws `FileError` when the layout leaves the bytes or a bool is
  /// neither 0 nor 1.
  static func make(
    _ bytes: UnsafeRawBufferPointer, owner: AnyObject, layout: Layout, dtype: DType, path: String, name: String
  ) throws -> Tensor {
    let isAligned = Int(bitPattern: bytes.baseAddress) % dtype.size == 0 && bytes.baseAddress != nil
    let storage =
      isAligned
      ? Storage(borrowing: UnsafeMutableRawPointer(mutating: bytes.baseAddress!), byteCount: bytes.count, owner: owner)
      : FileTensor.storage(bytes, owner: owner)
    return try make(storage, layout: layout, dtype: dtype, path: path, name: name)
  }

  /// A tensor over a storage, with the same checks.
  static func make(_ storage: Storage, layout: Layout, dtype: DType, path: String, name: String) throws -> Tensor {
    do {
      let tensor = try Tensor(storage: storage, checked: layout, dtype: dtype)
      if dtype == .bool { try checkBools(tensor) }
      return tensor
    } catch let error as TensorError {
      throw FileError(path: path, message: "tensor \(name): \(error.message)")
    } catch let error as FormatError {
      throw FileError(path: path, message: "tensor \(name): \(error.message)")
    }
  }

  /// Throws when a bool is neither 0 nor 1, as memory of a Swift Bool must be.
  static func checkBools(_ tensor: Tensor) throws(FormatError) {
    let bytes = UnsafeRawBufferPointer(start: tensor.data, count: tensor.layout.span)
    if let bad = bytes.first(where: { $0 > 1 }) { throw FormatError("a bool is stored as \(bad), expected 0 or 1") }
  }
}

/// Memory that is freed with this object.
final class HeapBlock: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer

  /// Uninitialised memory, with room for a register read at the end.
  init(count: Int) {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: count + 64, alignment: 64)
    bytes = UnsafeMutableRawBufferPointer(start: block.baseAddress, count: count)
  }

  deinit { bytes.baseAddress?.deallocate() }
}
