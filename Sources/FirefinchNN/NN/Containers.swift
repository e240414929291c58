import FirefinchCore
import FirefinchTensor

/// Holds a container's modules out of sight of the members' discovery: they are registered by key instead.
/// A value that `Mirror` does not take for a child of the module.
final class Hidden<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}

/// Layers called one after another. Same as `nn.Sequential`.
///
/// ```swift
/// let model = Sequential(Linear(784, 128), ReLU(), Linear(128, 10))
/// ```
open class Sequential: Module, Layer {
  private let hidden = Hidden<[any Layer]>([])
  private var layers: [any Layer] {
    get { hidden.value }
    set { hidden.value = newValue }
  }

  /// Layers with the keys 0, 1, ….
  public init(_ layers: [any Layer]) {
    super.init()
    for layer in layers { append(layer) }
  }

  /// Layers with the keys 0, 1, ….
  public convenience init(_ layers: any Layer...) { self.init(layers) }

  /// Layers with names, in order: `Sequential(["conv": conv, "act": ReLU()])`.
  public init(_ named: KeyValuePairs<String, any Layer>) {
    super.init()
    for (key, layer) in named { append(layer, key: key) }
  }

  /// Adds a layer at the end; its key is its position unless given.
  public func append(_ layer: any Layer, key: String? = nil) {
    registerModule(key ?? String(layers.count), layer)
    layers.append(layer)
  }

  /// Number of layers.
  public var count: Int { layers.count }
  /// The layer at a position; counted from the end when negative.
  public subscript(_ index: Int) -> any Layer { layers[index < 0 ? index + layers.count : index] }

  open func forward(_ x: Tensor) -> Tensor {
    var x = x
    for layer in layers { x = layer(x) }
    return x
  }
}

extension Sequential: Sequence {
  public func makeIterator() -> IndexingIterator<[any Layer]> { layers.makeIterator() }
}

/// A list of modules with the keys 0, 1, …, which the owner calls itself. Same as `nn.ModuleList`.
///
/// `ModuleList<Linear>` keeps the elements' type; an array property of modules works too, this one can grow.
open class ModuleList<Element: Module>: Module {
  private let hidden = Hidden<[Element]>([])
  private var elements: [Element] {
    get { hidden.value }
    set { hidden.value = newValue }
  }

  public init(_ modules: [Element] = []) {
    super.init()
    for module in modules { append(module) }
  }

  /// Adds a module at the end.
  public func append(_ module: Element) {
    registerModule(String(elements.count), module)
    elements.append(module)
  }

  /// Adds modules at the end.
  public func extend(_ modules: some Sequence<Element>) {
    for module in modules { append(module) }
  }

  /// Number of modules.
  public var count: Int { elements.count }
  /// The module at a position, counted from the end when negative; it can be replaced.
  public subscript(_ index: Int) -> Element {
    get { elements[index < 0 ? index + elements.count : index] }
    set {
      let at = index < 0 ? index + elements.count : index
      elements[at] = newValue
      registerModule(String(at), newValue)
    }
  }
}

extension ModuleList: Sequence {
  public func makeIterator() -> IndexingIterator<[Element]> { elements.makeIterator() }
}

/// Modules under names, in the order they were added. Same as `nn.ModuleDict`.
open class ModuleDict<Element: Module>: Module {
  /// Names in order.
  public private(set) var keys: [String] = []
  private let hidden = Hidden<[String: Element]>([:])
  private var elements: [String: Element] {
    get { hidden.value }
    set { hidden.value = newValue }
  }

  public init(_ modules: KeyValuePairs<String, Element> = [:]) {
    super.init()
    for (key, module) in modules { self[key] = module }
  }

  /// The module under a name; a new name goes to the end, nil removes one.
  public subscript(_ key: String) -> Element? {
    get { elements[key] }
    set {
      if let newValue {
        if elements.updateValue(newValue, forKey: key) == nil { keys.append(key) }
        registerModule(key, newValue)
      } else if elements.removeValue(forKey: key) != nil {
        keys.removeAll { $0 == key }
        removeRegisteredChildren()
        for key in keys { registerModule(key, elements[key]!) }
      }
    }
  }

  /// Number of modules.
  public var count: Int { keys.count }
  /// The modules in order.
  public var values: [Element] { keys.map { elements[$0]! } }
}

/// Gives its input back. Same as `nn.Identity`.
public final class Identity: Module, Layer {
  public func forward(_ x: Tensor) -> Tensor { x }
}

/// Joins dims into one, by default all but the first. Same as `nn.Flatten`.
public final class Flatten: Module, Layer {
  private let startDim: Int
  private let endDim: Int

  public init(startDim: Int = 1, endDim: Int = -1) {
    self.startDim = startDim
    self.endDim = endDim
  }
  public func forward(_ x: Tensor) -> Tensor { x.flatten(startDim: startDim, endDim: endDim) }
  public override var extraDescription: String { "start_dim=\(startDim), end_dim=\(endDim)" }
}

/// Splits one dim into several. Same as `nn.Unflatten`.
public final class Unflatten: Module, Layer {
  private let dim: Int
  private let sizes: Shape

  public init(dim: Int, _ sizes: Shape) {
    self.dim = dim
    self.sizes = sizes
  }
  public func forward(_ x: Tensor) -> Tensor {
    Mistake.guarding {
      let at = try Layout.wrap(dim: dim, rank: x.rank, op: "Unflatten")
      let parts = try Layout.resolve(sizes, elementCount: x.shape[at], op: "Unflatten")
      return x.reshape(Shape(x.shape.array[..<at] + parts.array + x.shape.array[(at + 1)...]))
    }
  }
  public override var extraDescription: String { "dim=\(dim), unflattened_size=\(sizes)" }
}
