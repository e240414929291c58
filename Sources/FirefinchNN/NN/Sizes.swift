import FirefinchCore
import FirefinchTensor

/// Sizes along the spatial dims of a layer: one number for all of them (`3`) or one each (`[3, 5]`).
public protocol SpatialSizes {
  /// One number, or one for each spatial dim.
  var sizes: [Int] { get }
}

extension Int: SpatialSizes {
  public var sizes: [Int] { [self] }
}

extension Array: SpatialSizes where Element == Int {
  public var sizes: [Int] { self }
}

/// Padding of a convolution: sizes, or "same" or "valid".
public protocol ConvolutionPadding {
  /// Sizes, or nil for a named padding.
  var paddingSizes: [Int]? { get }
  /// "same", "valid", or nil for sizes.
  var paddingName: String? { get }
}

extension Int: ConvolutionPadding {
  public var paddingSizes: [Int]? { [self] }
  public var paddingName: String? { nil }
}

extension Array: ConvolutionPadding where Element == Int {
  public var paddingSizes: [Int]? { self }
  public var paddingName: String? { nil }
}

extension String: ConvolutionPadding {
  public var paddingSizes: [Int]? { nil }
  public var paddingName: String? { self }
}

/// A padding that follows from the kernel: `.same` or `.valid`.
public struct NamedPadding: ConvolutionPadding {
  public let paddingName: String?
  public var paddingSizes: [Int]? { nil }
}

extension ConvolutionPadding where Self == NamedPadding {
  /// So much that a stride of 1 keeps the size.
  public static var same: NamedPadding { NamedPadding(paddingName: "same") }
  /// None.
  public static var valid: NamedPadding { NamedPadding(paddingName: "valid") }
}

/// `sizes` for each of `count` dims.
func spread(_ sizes: [Int], _ count: Int, _ what: String) -> [Int] {
  if sizes.count == 1 { return [Int](repeating: sizes[0], count: count) }
  if sizes.count != count {
    Mistake.report(.value("\(what): \(sizes.count) sizes given for \(count) spatial dims; give 1 or \(count)"))
    return [Int](repeating: sizes.first ?? 1, count: count)
  }
  return sizes
}
