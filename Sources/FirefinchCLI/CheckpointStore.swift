import Firefinch
import Foundation

/// The resumable checkpoint of a run: the latest and the one before it, each written whole or not at all.
struct CheckpointStore {
  let folder: String
  var path: String { folder + "/checkpoint.pt" }
  private var previous: String { folder + "/checkpoint.previous.pt" }

  init(folder: String) { self.folder = folder }

  /// Writes a checkpoint. The latest one becomes the previous one first, so that at every moment one whole file exists.
  func save(_ state: StateValue) throws {
    if access(path, F_OK) == 0 {
      // A hard link and a rename, both atomic: a kill in between leaves both names on whole files.
      let stand = previous + ".new"
      unlink(stand)
      if link(path, stand) == 0 { rename(stand, previous) }
    }
    try state.save(to: path)
  }

  /// The latest checkpoint that reads well, or nil when there is none. A damaged one is reported and the one before it
  /// used; when no file is whole, throws.
  func load() throws -> StateValue? {
    var problem: (any Error)?
    for candidate in [path, previous] where access(candidate, F_OK) == 0 {
      do { return try StateValue.load(from: candidate) } catch {
        FirefinchMain.complain("\(error)")
        problem = error
      }
    }
    if let problem { throw problem }
    return nil
  }
}
