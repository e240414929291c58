import Foundation
import Synchronization

/// Ctrl-C and a polite kill ask the run to save and stop; a second one stops at once.
enum Interrupt {
  private static let requested = Atomic<Bool>(false)

  static var wasRequested: Bool { requested.load(ordering: .relaxed) }

  static func listen() {
    // A parent may have blocked the signals, and children inherit that.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    for number in [SIGINT, SIGTERM] {
      signal(number) { received in
        if Interrupt.requested.exchange(true, ordering: .relaxed) { _exit(128 + received) }
      }
    }
  }
}
