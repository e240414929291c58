import FirefinchCore
import FirefinchTensor

/// A table of a model's layers with output shapes and parameter counts.
public struct ModelSummary: Sendable, CustomStringConvertible {
  public struct Row: Sendable {
    /// Path of the module; "" for the model itself.
    public let path: String
    /// Class of the module.
    public let module: String
    /// Shapes of its outputs.
    public let outputs: [Shape]
    /// Elements of the parameters that are the module's own.
    public let parameters: Int
    /// Elements of them that are trained.
    public let trainable: Int
  }

  /// Modules in the order they were called.
  public let rows: [Row]
  /// Elements of all parameters, each tensor once.
  public let total: Int
  public let trainable: Int

  public var description: String {
    let lines = rows.map { row in
      (
        row.path.isEmpty ? row.module : "\(row.path) (\(row.module))",
        row.outputs.map(\.description).joined(separator: ", "), ModelSummary.grouped(row.parameters)
      )
    }
    let header = ("Layer (type)", "Output shape", "Parameters")
    let all = [header] + lines
    let widths = (all.map(\.0.count).max() ?? 0, all.map(\.1.count).max() ?? 0, all.map(\.2.count).max() ?? 0)
    func line(_ row: (String, String, String)) -> String {
      row.0 + String(repeating: " ", count: widths.0 - row.0.count + 2) + row.1
        + String(repeating: " ", count: widths.1 - row.1.count + 2)
        + String(repeating: " ", count: widths.2 - row.2.count) + row.2
    }
    let rule = String(repeating: "-", count: widths.0 + widths.1 + widths.2 + 4)
    var text = [line(header), rule]
    text += lines.map(line)
    text.append(rule)
    text.append("Total parameters: \(ModelSummary.grouped(total))")
    text.append("Trainable: \(ModelSummary.grouped(trainable)), frozen: \(ModelSummary.grouped(total - trainable))")
    return text.joined(separator: "\n")
  }

  /// Digits in groups of three.
  package static func grouped(_ number: Int) -> String {
    var result = ""
    for (i, digit) in String(number).enumerated() {
      if i > 0 && (String(number).count - i) % 3 == 0 { result.append(",") }
      result.append(digit)
    }
    return result
  }
}

extension Module {
  /// Runs `body`, which calls the model, without data (on the meta device) and tabulates the modules it calls.
  /// The model itself is left as it was.
  public func summary(_ body: () -> Void) -> ModelSummary {
    var saved: [(any Slot, Tensor)] = []
    visitSlots { _, slot, _ in if let tensor = slot.raw { saved.append((slot, tensor)) } }
    let modes = modules().map { ($0, $0.isTraining) }
    let total = parameterCount()
    let trainable = parameterCount(trainableOnly: true)
    var rows: [ModelSummary.Row] = []
    var handles: [ModuleHookHandle] = []
    for (path, module) in namedModules() {
      let own = module.members.parameters.compactMap(\.slot.raw)
      let count = own.reduce(0) { $0 + $1.elementCount }
      let trained = own.reduce(0) { $0 + ($1.requiresGrad ? $1.elementCount : 0) }
      handles.append(
        module.registerForwardHook { module, _, outputs in
          rows.append(
            ModelSummary.Row(
              path: path, module: "\(type(of: module))", outputs: outputs.map(\.shape), parameters: count,
              trainable: trained))
          return nil
        })
    }
    for (module, _) in modes { module.isTraining = false }
    replaceTensors { $0.detach().to(.meta) }
    withNoGrad { body() }
    for handle in handles { handle.remove() }
    for (slot, tensor) in saved { slot.raw = tensor }
    for (module, mode) in modes { module.isTraining = mode }
    return ModelSummary(rows: rows, total: total, trainable: trainable)
  }
}

extension Layer {
  /// The layers with output shapes and parameter counts for an input of `inputShape`, the batch dim included. Nothing is
  /// computed. Like `torchsummary.summary`.
  public func summary(inputShape: Shape, dtype: DType = .float32) -> ModelSummary {
    summary { _ = self(Tensor.empty(inputShape, dtype: dtype, device: .meta)) }
  }
}
