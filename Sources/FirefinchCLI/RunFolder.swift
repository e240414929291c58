import Firefinch
import Foundation

/// The folder a run writes to.
enum RunFolder {
  /// Makes the folder and checks that it can be written, before hours of work depend on it.
  static func prepare(_ path: String) throws {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made.hasSuffix("/") ? "\(part)" : "/\(part)"
      if mkdir(made, 0o777) != 0 && errno != EEXIST {
        throw CommandFailure("--out \(path): the folder \(made) cannot be made: \(String(cString: strerror(errno)))")
      }
    }
    var isDirectory: ObjCBool = false
    if !FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) || !isDirectory.boolValue {
      throw CommandFailure("--out \(path): a file of that name is in the way; name a folder")
    }
    if access(path, W_OK) != 0 {
      throw CommandFailure("--out \(path): the folder cannot be written: \(String(cString: strerror(errno)))")
    }
  }
}
