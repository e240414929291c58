import Foundation

/// Files that appear whole or not at all: written beside their place, flushed to the disk, then renamed.
public enum AtomicFile {
  /// Writes a file at once. Throws `FileError`; a file that was there before is then untouched.
  public static func write(_ path: String, bytes: [UInt8]) throws {
    try write(path) { out in try bytes.withUnsafeBytes { try out.append($0) } }
  }

  /// Writes a file piece by piece. Throws `FileError`, or what `body` throws; a file that was there before is then untouched.
  public static func write<Result>(_ path: String, _ body: (Output) throws -> Result) throws -> Result {
    let temporary = "\(path).\(getpid()).partial"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw FileError(path: path, message: "the file cannot be written: \(systemMessage())") }
    var isOpen = true
    do {
      let output = Output(descriptor, path)
      let result = try body(output)
      if fsync(descriptor) != 0 { throw output.failure() }
      isOpen = false
      // Some file systems report a full disk only here.
      if close(descriptor) != 0 { throw output.failure() }
      if rename(temporary, path) != 0 { throw output.failure() }
      flushFolder(of: path)
      return result
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
  }

  /// Makes the new name itself last; a file system that cannot is no reason to fail.
  private static func flushFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }

  /// The file being written.
  public final class Output {
    private let descriptor: Int32
    private let path: String
    /// Bytes written so far.
    public private(set) var count = 0

    init(_ descriptor: Int32, _ path: String) {
      self.descriptor = descriptor
      self.path = path
    }

    func failure() -> FileError {
      FileError(path: path, message: "writing failed after \(count) bytes: \(systemMessage())")
    }

    /// Appends bytes. Throws `FileError`, for example when the disk is full.
    public func append(_ bytes: UnsafeRawBufferPointer) throws {
      var rest = bytes
      while let start = rest.baseAddress, rest.count > 0 {
        let written = Foundation.write(descriptor, start, rest.count)
        if written < 0 {
          if errno == EINTR { continue }
          throw failure()
        }
        count += written
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }

    /// Appends bytes. Throws `FileError`, for example when the disk is full.
    public func append(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try append($0) } }
  }
}
