/// Every op record, by name. A test scans `Ops/` for records that are missing here.
public enum OpCatalog {
  /// All records.
  public static let all: [Op] = pointwise + reductions + views

  static let pointwise: [Op] = [
    .add, .sub, .rsub, .mul, .div, .divMode, .remainder, .fmod, .pow, .neg,
  ]
  static let reductions: [Op] = [.sum, .mean]
  static let views: [Op] = [
    .view, .expand, .permute, .transpose, .unsqueeze, .squeeze, .select, .slice, .clone, .contiguous, .toCopy, .copy,
    .fill,
  ]
}
