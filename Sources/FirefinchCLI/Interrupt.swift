import Foundation
import Synchronization

/// Ctrl-C and a polite kill ask the run to save and stop; a second one stops at once.
///
/// A thread of its own waits for the signals, which are blocked everywhere else: oneDNN's generated matrix kernels let the
/// stack pointer walk through heap memory, where the frame of an ordinary signal handler destroys what lies below.
enum Interrupt {
  private static let requested = Atomic<Bool>(false)

  static var wasRequested: Bool { requested.load(ordering: .relaxed) }

  /// Begins to listen. To be called before threads are started, which inherit the blocking.
  static func listen() {
    var signals = Interrupt.signals
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    Thread.detachNewThread {
      var awaited = Interrupt.signals
      var received: Int32 = 0
      while sigwait(&awaited, &received) == 0 {
        if requested.exchange(true, ordering: .relaxed) { _exit(128 + received) }
      }
    }
  }

  private static var signals: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    return set
  }
}
