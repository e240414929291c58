import Firefinch
import Foundation

/// The folder a run writes to.
enum RunFolder {
  /// Makes the folder and checks that it can be written, before hours of work depend on it.
  static func prepare(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CommandFailure("--out \(path): the folder cannot be made: \(reason(error))")
    }
    if access(path, W_OK) != 0 {
      throw CommandFailure("--out \(path): the folder cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  private static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    if let underlying, underlying.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(underlying.code))) }
    return error.localizedDescription
  }
}
