import Foundation

/// A file mapped into memory, read-only as far as the disk is concerned: pages are copied when written (a tensor that borrows
/// them may be changed in place), and the file stays as it is.
public final class MappedFile: @unchecked Sendable {
  /// The file's bytes; valid as long as this object lives.
  public let bytes: UnsafeRawBufferPointer
  /// Where the file is.
  public let path: String

  /// Maps a file. Throws `FileError` when it is missing, a folder or not readable.
  public init(_ path: String) throws {
    self.path = path
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { throw FileError(path: path, message: "the file cannot be opened: \(systemMessage())") }
    defer { close(descriptor) }
    var info = stat()
    if fstat(descriptor, &info) != 0 { throw FileError(path: path, message: "the file cannot be examined: \(systemMessage())") }
    guard info.st_mode & S_IFMT == S_IFREG else {
      let kind = info.st_mode & S_IFMT == S_IFDIR ? "a folder" : "not a plain file"
      throw FileError(path: path, message: "this is \(kind), expected a file")
    }
    let size = Int(info.st_size)
    if size == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    // Kernels may read a whole register at a tensor's end: one readable page lies behind the file's last one.
    let room = MappedFile.room(size)
    guard let start = mmap(nil, room, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), start != MAP_FAILED else {
      throw FileError(path: path, message: "the file cannot be mapped: \(systemMessage())")
    }
    guard mmap(start, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, descriptor, 0) != MAP_FAILED else {
      let why = systemMessage()
      munmap(start, room)
      throw FileError(path: path, message: "the file cannot be mapped: \(why)")
    }
    bytes = UnsafeRawBufferPointer(start: start, count: size)
  }

  /// Maps a file for as long as `body` runs.
  public static func read<Result>(_ path: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    let file = try MappedFile(path)
    return try withExtendedLifetime(file) { try body(file.bytes) }
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), MappedFile.room(bytes.count)) }
  }

  /// The file's pages and one more.
  private static func room(_ size: Int) -> Int {
    let page = Int(getpagesize())
    return (size + page - 1) / page * page + page
  }
}

/// What the last failed system call says.
func systemMessage() -> String { String(cString: strerror(errno)) }
