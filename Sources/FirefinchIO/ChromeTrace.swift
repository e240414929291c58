import FirefinchTensor

extension Profile {
  /// Writes the events as a Chrome trace file, which chrome://tracing and Perfetto open. Throws `FileError`. Same as
  /// `export_chrome_trace`.
  public func writeChromeTrace(to path: String) throws {
    try AtomicFile.write(path, bytes: Array(chromeTrace().utf8))
  }
}
