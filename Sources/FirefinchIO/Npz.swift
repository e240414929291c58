import FirefinchTensor

/// NumPy's .npz archives of .npy arrays.
public enum Npz {
  /// The arrays in the archive's order, under their names without `.npy`. Throws `FileError` for anything damaged and
  /// for entries that are not arrays. Same as `np.load` without pickles.
  public static func load(_ path: String) throws -> [(String, Tensor)] { try load(try ZipReader(try MappedFile(path))) }

  static func load(_ archive: ZipReader) throws -> [(String, Tensor)] {
    try archive.entries.map { entry in
      guard entry.name.hasSuffix(".npy") else {
        throw FileError(path: archive.file.path, message: "npz: entry '\(entry.name)' is not an array (.npy)")
      }
      let payload = try archive.read(entry)
      let tensor = try withExtendedLifetime(payload.owner) {
        try Npy.decode(payload.bytes, path: "\(archive.file.path): \(entry.name)")
      }
      return (String(entry.name.dropLast(4)), tensor)
    }
  }

  /// Writes arrays, whole or not at all. Throws `FileError`; repeated names and dtypes that NumPy lacks are refused.
  /// Same as `np.savez`, with `compressed` as `np.savez_compressed`.
  public static func save(_ pairs: [(String, Tensor)], to path: String, compressed: Bool = false) throws {
    if pairs.contains(where: { $0.1.isPoisoned }) { return }
    var seen: Set<String> = []
    for (name, _) in pairs where !seen.insert(name).inserted {
      throw FileError(path: path, message: "npz: the name '\(name)' is there twice")
    }
    try AtomicFile.write(path) { out in
      var archive = ZipWriter(out, path: path)
      for (name, tensor) in pairs {
        try archive.add(name + ".npy", try Npy.encode(tensor, path), compressed: compressed)
      }
      try archive.finish()
    }
  }
}
