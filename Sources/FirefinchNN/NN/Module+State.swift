import FirefinchCore
import FirefinchTensor

/// Saving and loading, as on `torch.nn.Module`.
extension Module {
  /// Parameters and saved buffers under PyTorch's keys and in its order. The tensors share memory with the module.
  /// Same as `Module.state_dict()`.
  public func stateDict() -> StateDict {
    var result = StateDict()
    visitSlots { path, slot, _ in
      guard slot.kind != .transientBuffer, let tensor = slot.raw else { return }
      result[path] = tensor.detach()
    }
    return result
  }

  /// What `loadStateDict` skipped when it was not strict.
  public struct LoadReport: Sendable, Equatable {
    public var missing: [String]
    public var unexpected: [String]
  }

  /// Copies tensors into the parameters and buffers, converting dtypes. Nothing is changed when an error is thrown.
  ///
  /// - Parameters:
  ///   - strict: whether missing and unexpected keys are errors; wrong shapes always are.
  ///   - assign: put the given tensors themselves in place of the module's, keeping their dtype and device. Make the
  ///     optimizer afterwards.
  /// - Throws: one `StateDictError` that lists everything that does not fit.
  /// Same as `Module.load_state_dict`.
  @discardableResult
  public func loadStateDict(_ state: StateDict, strict: Bool = true, assign: Bool = false) throws -> LoadReport {
    if isFrozen { throw TensorError.value("loadStateDict: the model is frozen for serving; load before freezing it") }
    var error = StateDictError(module: "\(type(of: self))", missing: [], unexpected: [], misshaped: [])
    var targets: [(slot: any Slot, current: Tensor, source: Tensor)] = []
    var known: Set<String> = []
    visitSlots { path, slot, owner in
      guard slot.kind != .transientBuffer, let current = slot.raw else { return }
      known.insert(path)
      guard let source = state[path] else {
        let key = path.split(separator: ".").last.map(String.init) ?? path
        if !type(of: owner).optionalStateKeys.contains(key) { error.missing.append(path) }
        return
      }
      // Checkpoints from before PyTorch 0.4 hold 0-dim values as one element.
      let fits = source.shape == current.shape || (current.rank == 0 && source.shape == [1])
      if fits {
        targets.append((slot, current, source))
      } else {
        error.misshaped.append((path, current.shape, source.shape))
      }
    }
    error.unexpected = state.keys.filter { !known.contains($0) }
    let strictFailure = strict && (!error.missing.isEmpty || !error.unexpected.isEmpty)
    if strictFailure || !error.misshaped.isEmpty {
      if !strict { (error.missing, error.unexpected) = ([], []) }
      throw error
    }
    withNoGrad {
      for (slot, current, source) in targets {
        let value = source.shape == current.shape ? source : source.reshape(current.shape)
        if assign {
          let own = value.detach()
          if current.requiresGrad && own.dtype.isFloatingPoint { own.requiresGrad = true }
          slot.raw = own
        } else {
          current.copy_(value)
        }
      }
    }
    return LoadReport(missing: error.missing, unexpected: error.unexpected)
  }

  /// Copies parameters and buffers of another module of the same structure.
  public func loadState(from other: Module) throws { try loadStateDict(other.stateDict()) }
}
