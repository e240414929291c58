import FirefinchCore

/// Named tensors in order: a module's parameters and buffers under PyTorch's keys. Same as `Module.state_dict()`.
public struct StateDict: Sendable, ExpressibleByDictionaryLiteral {
  /// Keys in order.
  public private(set) var keys: [String] = []
  private var values: [String: Tensor] = [:]

  public init() {}

  /// From pairs in order; a later value replaces an earlier one of the same key.
  public init(_ pairs: some Sequence<(String, Tensor)>) {
    for (key, tensor) in pairs { self[key] = tensor }
  }

  public init(dictionaryLiteral elements: (String, Tensor)...) { self.init(elements) }

  public var count: Int { keys.count }
  public var isEmpty: Bool { keys.isEmpty }
  /// The pairs in order.
  public var pairs: [(String, Tensor)] { keys.map { ($0, values[$0]!) } }
  /// The pairs without order.
  public var dictionary: [String: Tensor] { values }

  /// The tensor under a key. Setting nil removes the key; a new key goes to the end.
  public subscript(_ key: String) -> Tensor? {
    get { values[key] }
    set {
      if let newValue {
        if values.updateValue(newValue, forKey: key) == nil { keys.append(key) }
      } else if values.removeValue(forKey: key) != nil {
        keys.removeAll { $0 == key }
      }
    }
  }

  /// The entries whose keys begin with `prefix`, without it.
  public func scoped(_ prefix: String) -> StateDict {
    StateDict(pairs.lazy.filter { $0.0.hasPrefix(prefix) }.map { (String($0.0.dropFirst(prefix.count)), $0.1) })
  }

  /// With every key changed; nil drops the entry. For checkpoints whose keys have a prefix such as `module.`.
  public func mapKeys(_ transform: (String) -> String?) -> StateDict {
    StateDict(pairs.compactMap { key, tensor in transform(key).map { ($0, tensor) } })
  }

  /// Copies that later training steps do not change.
  public func cloned() -> StateDict {
    StateDict(pairs.map { key, tensor in (key, withNoGrad { tensor.clone() }) })
  }
}

extension StateDict: Sequence {
  public func makeIterator() -> IndexingIterator<[(String, Tensor)]> { pairs.makeIterator() }
}
