import FirefinchTensor

/// Plain pickle files of Python, as some data sets use them: containers, numbers, text and NumPy arrays. Nothing in them is
/// executed.
public enum PickleFile {
  /// Reads a file. Bytes become uint8 tensors. Throws `FileError` for damage, for other objects, and for what follows the pickle.
  public static func load(_ path: String) throws -> StateValue {
    try MappedFile.read(path) { bytes in
      do {
        let (graph, root, end) = try Unpickler.read(bytes)
        if end != bytes.count { throw FormatError("\(bytes.count - end) bytes follow the pickle") }
        return try graph.value(root) { _ in throw FormatError("a storage of PyTorch") }
      } catch let error as FormatError {
        throw FileError(path: path, message: "pickle: \(error)")
      }
    }
  }
}
