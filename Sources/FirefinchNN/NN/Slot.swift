import FirefinchCore
import FirefinchTensor

/// What `@Parameter`, `@Buffer` and `@TransientBuffer` may hold: `Tensor` or `Tensor?`.
public protocol SlotValue {
  /// The tensor, or nil.
  var slotTensor: Tensor? { get }
  /// The value that holds the tensor; nil where a tensor is required.
  static func slotValue(_ tensor: Tensor?) -> Self?
}

extension Tensor: SlotValue {
  public var slotTensor: Tensor? { self }
  public static func slotValue(_ tensor: Tensor?) -> Tensor? { tensor }
}

extension Optional: SlotValue where Wrapped == Tensor {
  public var slotTensor: Tensor? { self }
  public static func slotValue(_ tensor: Tensor?) -> Tensor?? { .some(tensor) }
}

/// A wrapped property that `Mirror` finds. Wrappers are classes: a reflected copy of a struct could not be written back.
protocol Slot: AnyObject {
  /// The tensor as it is, without what assignment adds.
  var raw: Tensor? { get set }
  var kind: SlotKind { get }
}

enum SlotKind {
  case parameter, buffer, transientBuffer
}

/// A tensor that training changes: `@Parameter var weight: Tensor`. Same as `nn.Parameter`.
///
/// An assigned floating-point tensor becomes a leaf that requires grad.
@propertyWrapper
public final class Parameter<Value: SlotValue>: Slot {
  private var value: Value

  public init(wrappedValue: Value) { value = Parameter.prepared(wrappedValue) }

  public var wrappedValue: Value {
    get { value }
    set { value = Parameter.prepared(newValue) }
  }

  var raw: Tensor? {
    get { value.slotTensor }
    set { if let next = Value.slotValue(newValue) { value = next } }
  }

  var kind: SlotKind { .parameter }

  private static func prepared(_ value: Value) -> Value {
    guard let tensor = value.slotTensor, tensor.dtype.isFloatingPoint else { return value }
    let leaf = tensor.isLeaf ? tensor : tensor.detach()
    if !leaf.requiresGrad { leaf.requiresGrad = true }
    return Value.slotValue(leaf) ?? value
  }
}

/// A tensor that is saved with the module but not trained: `@Buffer var runningMean: Tensor`. Same as `register_buffer`.
@propertyWrapper
public final class Buffer<Value: SlotValue>: Slot {
  public var wrappedValue: Value
  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

  var raw: Tensor? {
    get { wrappedValue.slotTensor }
    set { if let next = Value.slotValue(newValue) { wrappedValue = next } }
  }
  var kind: SlotKind { .buffer }
}

/// A tensor that moves with the module and is not saved. Same as `register_buffer(persistent=False)`.
@propertyWrapper
public final class TransientBuffer<Value: SlotValue>: Slot {
  public var wrappedValue: Value
  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

  var raw: Tensor? {
    get { wrappedValue.slotTensor }
    set { if let next = Value.slotValue(newValue) { wrappedValue = next } }
  }
  var kind: SlotKind { .transientBuffer }
}

protocol AnyChildSlot: AnyObject {
  var child: Module? { get }
}

/// A child module that may be replaced later: `@Child var head: Linear`. Other children are plain `let` properties.
@propertyWrapper
public final class Child<Value>: AnyChildSlot {
  public var wrappedValue: Value
  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
  var child: Module? { wrappedValue as? Module }
}

/// Members of one module, found once.
package final class Members {
  struct Entry {
    let key: String
    let slot: any Slot
  }

  /// Where a child comes from: `@Child` is read each time because it may be replaced.
  enum Source {
    case fixed(Module)
    case slot(any AnyChildSlot)

    var module: Module? {
      switch self {
      case .fixed(let module): module
      case .slot(let slot): slot.child
      }
    }
  }

  var parameters: [Entry] = []
  var buffers: [Entry] = []
  var children: [(key: String, source: Source)] = []
  /// What is wrong with the declarations.
  var problems: [String] = []

  /// Reads the properties of `module`, superclasses first, then what it registered by name.
  init(of module: Module) {
    var chain: [Mirror] = []
    var next: Mirror? = Mirror(reflecting: module)
    while let mirror = next, mirror.subjectType != Module.self {
      chain.append(mirror)
      next = mirror.superclassMirror
    }
    for mirror in chain.reversed() {
      let names = (mirror.subjectType as? Module.Type)?.stateKeys ?? [:]
      for child in mirror.children {
        guard let label = child.label else { continue }
        add(child.value, label: label, names: names, owner: module)
      }
    }
    for (key, slot) in module.registeredSlots { insert(key, slot) }
    for (key, child) in module.registeredChildren { children.append((key, .fixed(child))) }
    var seen: Set<String> = []
    for key in parameters.map(\.key) + buffers.map(\.key) + children.map(\.key) where !seen.insert(key).inserted {
      problems.append(
        "\(type(of: module)) has two members with the key '\(key)'; rename one or give it a key in stateKeys")
    }
  }

  private func add(_ value: Any, label: String, names: [String: String], owner: Module) {
    if let slot = value as? any Slot {
      let name = label.hasPrefix("_") ? String(label.dropFirst()) : label
      insert(names[name] ?? Members.key(name), slot)
    } else if let slot = value as? any AnyChildSlot {
      let name = label.hasPrefix("_") ? String(label.dropFirst()) : label
      children.append((names[name] ?? Members.key(name), .slot(slot)))
    } else if let child = value as? Module {
      children.append((names[label] ?? Members.key(label), .fixed(child)))
    } else if let list = value as? [Module] {
      let key = names[label] ?? Members.key(label)
      for (i, child) in list.enumerated() { children.append(("\(key).\(i)", .fixed(child))) }
    } else if value is Tensor {
      problems.append(
        "\(type(of: owner)).\(label) is a plain Tensor, which is neither saved nor moved; "
          + "mark it @Parameter, @Buffer or @TransientBuffer")
    } else if let dictionary = value as? [String: Module], !dictionary.isEmpty {
      problems.append(
        "\(type(of: owner)).\(label) is a dictionary of modules, whose order is not defined; use ModuleDict")
    }
  }

  private func insert(_ key: String, _ slot: any Slot) {
    if slot.kind == .parameter {
      parameters.append(Entry(key: key, slot: slot))
    } else {
      buffers.append(Entry(key: key, slot: slot))
    }
  }

  /// `runningMean` to `running_mean`; names without capitals stay as they are.
  package static func key(_ name: String) -> String {
    var result = ""
    var previous: Character?
    for character in name {
      if character.isUppercase {
        if let previous, previous != "_", !previous.isUppercase { result.append("_") }
        result += character.lowercased()
      } else {
        result.append(character)
      }
      previous = character
    }
    return result
  }
}
