import CFirefinch
import Glibc

/// Makes batches on worker threads, a bounded number ahead, and hands them out in order.
///
/// The batches do not depend on the number of workers: batch k is made from its own indices, with random numbers from its
/// own generator.
final class Prefetcher<Batch: Sendable>: @unchecked Sendable {
  private let total: Int
  private let window: Int
  private let make: @Sendable (Int) throws -> Batch
  private var mutex = pthread_mutex_t()
  private var changed = pthread_cond_t()
  // Guarded by `mutex`.
  private var next: Int
  private var served: Int
  private var ready: [Int: Result<Batch, any Error>] = [:]
  private var stopped = false
  private var threads: [pthread_t] = []

  /// Batches `first..<total`, at most `window` ahead of the reader.
  init(first: Int, total: Int, workers: Int, window: Int, make: @escaping @Sendable (Int) throws -> Batch) {
    self.total = total
    self.window = max(window, workers)
    self.make = make
    next = first
    served = first
    pthread_mutex_init(&mutex, nil)
    pthread_cond_init(&changed, nil)
    for _ in 0..<workers {
      var thread = pthread_t()
      // The thread holds the state object, never the iterator, so that dropping the iterator stops it.
      let context = Unmanaged.passRetained(self).toOpaque()
      let code = pthread_create(&thread, nil, { raw in
        let prefetcher = Unmanaged<AnyObject>.fromOpaque(raw!).takeRetainedValue() as! any PrefetchWorker
        prefetcher.work()
        return nil
      }, context)
      if code == 0 { threads.append(thread) } else { Unmanaged<Prefetcher<Batch>>.fromOpaque(context).release() }
    }
    if threads.isEmpty { fatalError("DataLoader: no worker thread could be started; use workers: 0") }
  }

  /// The next batch in order, or nil at the end. Throws what the worker met.
  func take() throws -> Batch? {
    pthread_mutex_lock(&mutex)
    defer { pthread_mutex_unlock(&mutex) }
    if served >= total { return nil }
    while ready[served] == nil { pthread_cond_wait(&changed, &mutex) }
    let result = ready.removeValue(forKey: served)!
    served += 1
    pthread_cond_broadcast(&changed)
    return try result.get()
  }

  /// Tells the workers to end and waits for them.
  func stop() {
    pthread_mutex_lock(&mutex)
    stopped = true
    pthread_cond_broadcast(&changed)
    pthread_mutex_unlock(&mutex)
    for thread in threads { pthread_join(thread, nil) }
    threads = []
  }

  deinit {
    pthread_mutex_destroy(&mutex)
    pthread_cond_destroy(&changed)
  }
}

/// What a worker thread needs to know of its prefetcher, whatever the batch type.
private protocol PrefetchWorker: AnyObject {
  func work()
}

extension Prefetcher: PrefetchWorker {
  fileprivate func work() {
    // Kernels on this thread stay on it: the pool belongs to the training loop.
    ff_set_thread_max(1)
    while true {
      pthread_mutex_lock(&mutex)
      while !stopped && (next >= total || next - served >= window) {
        if next >= total { break }
        pthread_cond_wait(&changed, &mutex)
      }
      if stopped || next >= total {
        pthread_mutex_unlock(&mutex)
        return
      }
      let batch = next
      next += 1
      pthread_mutex_unlock(&mutex)
      let result = Result { try make(batch) }
      pthread_mutex_lock(&mutex)
      ready[batch] = result
      pthread_cond_broadcast(&changed)
      pthread_mutex_unlock(&mutex)
    }
  }
}
