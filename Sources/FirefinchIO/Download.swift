import CFirefinch
import Foundation

/// Files from the network: whole or not at all, checked, and resumed where an earlier attempt stopped. Uses libcurl where it is
/// installed.
public enum Download {
  /// Called now and then with the bytes that are there and the size of the whole, where the server tells it.
  public typealias Report = (_ done: Int, _ total: Int?) -> Void

  /// Larger files are refused: nothing that is fetched here comes near.
  public static let sizeLimit = 1 << 36

  /// Fetches `url` (http, https or file) to `path`. Until it is complete, and its SHA-256 begins with `hashPrefix`, it stands in
  /// `path.download`, where a later call goes on. Throws `FileError`. Like `torch.hub.download_url_to_file`.
  public static func fetch(_ url: String, to path: String, hashPrefix: String? = nil, report: Report? = nil) throws {
    let partial = path + ".download"
    let descriptor = open(partial, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw FileError(path: partial, message: "the file cannot be written: \(systemMessage())") }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      throw FileError(path: partial, message: "another process is downloading this file; wait for it")
    }
    var start = Int(lseek(descriptor, 0, SEEK_END))
    var result = transfer(url, descriptor, from: start, report)
    // 33 and 36: the server cannot resume; 416: nothing is left to send, or the file has changed there.
    if start > 0, result.code == 33 || result.code == 36 || result.status == 416 {
      if ftruncate(descriptor, 0) != 0 || lseek(descriptor, 0, SEEK_SET) != 0 {
        throw FileError(path: partial, message: "the file cannot be begun anew: \(systemMessage())")
      }
      start = 0
      result = transfer(url, descriptor, from: 0, report)
    }
    if result.code != 0 {
      let done = Int(lseek(descriptor, 0, SEEK_END))
      if done <= 0 { unlink(partial) }
      throw failure(url, result, done)
    }
    if let hashPrefix, !hashPrefix.isEmpty {
      let hash = try SHA256.hash(file: partial)
      if !hash.hasPrefix(hashPrefix) {
        unlink(partial)
        throw FileError(
          path: url, message: "the file's SHA-256 begins with \(hash.prefix(max(hashPrefix.count, 8))), expected "
            + "\(hashPrefix); it was not kept. Try again, or check the address")
      }
    }
    if fsync(descriptor) != 0 || rename(partial, path) != 0 {
      throw FileError(path: path, message: "the file cannot be put in place: \(systemMessage())")
    }
  }

  private final class Sink {
    let descriptor: Int32
    let report: Report?
    var done: Int
    var problem: String?
    init(_ descriptor: Int32, _ done: Int, _ report: Report?) {
      (self.descriptor, self.done, self.report) = (descriptor, done, report)
    }

    /// Whether the bytes were written.
    func write(_ bytes: UnsafeRawPointer, _ count: Int, _ total: Int64) -> Bool {
      if done + count > Download.sizeLimit || total > Download.sizeLimit {
        problem = "the file is larger than \(Download.sizeLimit) bytes"
        return false
      }
      var written = 0
      while written < count {
        let step = Foundation.write(descriptor, bytes + written, count - written)
        if step < 0 && errno == EINTR { continue }
        if step < 0 {
          problem = "writing failed after \(done + written) bytes: \(systemMessage())"
          return false
        }
        written += step
      }
      done += count
      report?(done, total < 0 ? nil : Int(total))
      return true
    }
  }

  private static func transfer(
    _ url: String, _ descriptor: Int32, from: Int, _ report: Report?
  ) -> (code: Int32, status: Int, message: String) {
    let sink = Sink(descriptor, from, report)
    var result = withExtendedLifetime(sink) {
      ff_download(
        url, Int64(from),
        { context, bytes, count, total in
          Unmanaged<Sink>.fromOpaque(context!).takeUnretainedValue().write(bytes, count, total) ? 0 : 1
        }, Unmanaged.passUnretained(sink).toOpaque())
    }
    let message = withUnsafeBytes(of: &result.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return (result.code, result.status, sink.problem ?? message)
  }

  private static func failure(_ url: String, _ result: (code: Int32, status: Int, message: String), _ done: Int) -> FileError {
    if result.code == -1 {
      return FileError(
        path: url, message: "downloading needs libcurl (\(result.message)); install it, or fetch the file by other means")
    }
    let kept = done > 0 ? "; \(done) bytes are kept, the next attempt goes on there" : ""
    let status = result.status >= 400 ? "HTTP status \(result.status)" : result.message
    return FileError(path: url, message: "the download failed: \(status)\(kept)")
  }
}
