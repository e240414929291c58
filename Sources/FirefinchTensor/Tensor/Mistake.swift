import FirefinchCore

/// How layers above the tensors report the user's mistakes: as every operation does, by stopping the program with one
/// sentence, or inside `withErrors` by keeping the first one.
public enum Mistake {
  /// Reports a mistake; returns the poisoned tensor that stands for a missing result.
  @discardableResult
  public static func report(_ error: TensorError) -> Tensor {
    ErrorScope.report(error)
    return ErrorScope.poison()
  }

  /// Runs `body`; an error thrown in it is reported and gives a poisoned tensor.
  public static func guarding(_ body: () throws -> Tensor) -> Tensor { ErrorScope.guarding(body) }
}
