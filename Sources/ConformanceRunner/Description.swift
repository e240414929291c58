import Firefinch

/// `--describe`: what the table answers to, as JSON, from which `scripts/operators` writes docs/OPERATORS.md.
struct Description {
  let table: Table

  var json: JSONValue {
    let names = table.names.sorted()
    return .record([
      ("operators", .array(names.map(describe))),
      ("records", .array(OpCatalog.all.map { .string($0.schema.description) })),
    ])
  }

  private func describe(_ name: String) -> JSONValue {
    let records = table.record(name) ?? []
    var members: [(String, JSONValue)] = [("name", .string(name)), ("kind", .string(kind(records)))]
    if !records.isEmpty {
      members.append(("schemas", .array(records.map { .string($0.schema.description) })))
      members.append(("derivative", .bool(records.contains(where: \.isDifferentiable))))
      let dtypes = DType.allCases.filter { dtype in records.contains { accepts(dtype, $0) } }
      members.append(("dtypes", .array(dtypes.map { .string($0.name) })))
    }
    return .record(members)
  }

  private func kind(_ records: [Op]) -> String {
    guard let first = records.first else { return "composite" }
    return first.isPointwise ? "expression" : first.isView ? "view" : "kernel"
  }

  /// Whether a sample call of the record runs with its floating-point tensors in another dtype.
  private func accepts(_ dtype: DType, _ op: Op) -> Bool {
    for sample in op.samples() where sample.error == nil {
      var isConverted = false
      let arguments = sample.arguments.map { argument -> Value in
        func convert(_ tensor: Tensor) -> Tensor {
          if !tensor.dtype.isDifferentiable { return tensor }
          isConverted = true
          return withNoGrad { tensor.detach().to(dtype) }
        }
        switch argument {
        case .tensor(let tensor): return .tensor(convert(tensor))
        case .tensors(let tensors): return .tensors(tensors.map(convert))
        case .optionalTensors(let tensors): return .optionalTensors(tensors.map { $0.map(convert) })
        default: return argument
        }
      }
      if isConverted && (try? withErrors { try withNoGrad { try op.call(arguments) } }) != nil { return true }
    }
    return false
  }
}
