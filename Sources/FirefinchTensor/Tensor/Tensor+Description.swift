import FirefinchCore
import Glibc
import Synchronization

/// How tensors are printed. Same as `torch.set_printoptions`.
public struct PrintOptions: Sendable, Equatable {
  /// Digits after the point.
  public var precision = 4
  /// Tensors of more elements are cut in the middle of their dims.
  public var threshold = 1000
  /// Elements shown at either end of a dim that is cut.
  public var edgeItems = 3
  /// Characters in a line before it is broken.
  public var lineWidth = 80
  /// Whether numbers are written with exponents; nil decides by their range.
  public var scientific: Bool?

  public init() {}

  /// What `description` uses.
  public static var current: PrintOptions {
    get { shared.withLock { $0 } }
    set { shared.withLock { $0 = newValue } }
  }
  private static let shared = Mutex(PrintOptions())
}

extension Tensor: CustomStringConvertible, CustomDebugStringConvertible {
  /// The elements, and what is not usual: dtype, device, history. Same text as `print(tensor)` in PyTorch.
  public var description: String {
    if isPoisoned { return "tensor(poisoned)" }
    return TensorText(options: .current).describe(self)
  }
  public var debugDescription: String { description }
}

/// Writes tensors as `torch/_tensor_str.py` does.
private struct TensorText {
  let options: PrintOptions

  func describe(_ x: Tensor) -> String {
    var suffixes: [String] = []
    let size = "size=(" + x.shape.map(String.init).joined(separator: ", ") + (x.rank == 1 ? ",)" : ")")
    let isUsual = x.dtype == .defaultFloat || x.dtype == .defaultFloat.complexType || x.dtype == .int64 || x.dtype == .bool
    if x.device != .cpu { suffixes.append("device='\(x.device)'") }
    let body: String
    if x.device != .cpu {
      suffixes.append(size)
      if x.dtype != .defaultFloat { suffixes.append("dtype=\(x.dtype)") }
      body = "..."
    } else if x.elementCount == 0 {
      if x.rank != 1 { suffixes.append(size) }
      if x.dtype != .defaultFloat { suffixes.append("dtype=\(x.dtype)") }
      body = "[]"
    } else {
      if !isUsual { suffixes.append("dtype=\(x.dtype)") }
      body = elements(x.detach())
    }
    if let name = x.gradFnName {
      suffixes.append("grad_fn=<\(name)>")
    } else if x.requiresGrad {
      suffixes.append("requires_grad=True")
    }
    return joined("tensor(" + body, suffixes)
  }

  private func joined(_ text: String, _ suffixes: [String]) -> String {
    var result = text
    var column = (text.split(separator: "\n", omittingEmptySubsequences: false).last?.count ?? 0) + 2
    for suffix in suffixes {
      if column + suffix.count + 2 > options.lineWidth {
        result += ",\n       " + suffix
        column = 7 + suffix.count
      } else {
        result += ", " + suffix
        column += suffix.count + 2
      }
    }
    return result + ")"
  }

  private func elements(_ x: Tensor) -> String {
    let cuts = x.elementCount > options.threshold
    let shown = cuts ? ends(x) : x
    return withNoGrad {
      let format = ElementFormat(shown, options)
      return nested(x, indent: 7, cuts: cuts, format)
    }
  }

  /// The elements that a cut tensor shows.
  private func ends(_ x: Tensor) -> Tensor {
    withNoGrad {
      var result = x
      for dim in 0..<x.rank where x.shape[dim] > 2 * options.edgeItems {
        let edge = options.edgeItems
        let head = result.slice(dim: dim, end: edge), tail = result.slice(dim: dim, start: x.shape[dim] - edge)
        result = Tensor.cat([head, tail], dim: dim)
      }
      return result
    }
  }

  private func nested(_ x: Tensor, indent: Int, cuts: Bool, _ format: ElementFormat) -> String {
    if x.rank == 0 { return format.text(x)[0] }
    let count = x.shape[0], edge = options.edgeItems
    let isCut = cuts && count > 2 * edge
    if x.rank == 1 {
      var parts: [String]
      if isCut {
        parts = format.text(x.slice(dim: 0, end: edge)) + [" ..."] + format.text(x.slice(dim: 0, start: count - edge))
      } else {
        parts = format.text(x)
      }
      let perLine = max((options.lineWidth - indent) / (format.width + 2), 1)
      var lines: [String] = []
      while !parts.isEmpty {
        lines.append(parts.prefix(perLine).joined(separator: ", "))
        parts.removeFirst(min(perLine, parts.count))
      }
      return "[" + lines.joined(separator: ",\n" + String(repeating: " ", count: indent + 1)) + "]"
    }
    func part(_ index: Int) -> String { nested(x.select(dim: 0, index), indent: indent + 1, cuts: cuts, format) }
    let parts =
      isCut ? (0..<edge).map(part) + ["..."] + (count - edge..<count).map(part) : (0..<count).map(part)
    let gap = "," + String(repeating: "\n", count: x.rank - 1) + String(repeating: " ", count: indent + 1)
    return "[" + parts.joined(separator: gap) + "]"
  }
}

/// How elements are written: numbers, or real and imaginary parts each in a format of their own.
private struct ElementFormat {
  private let first: NumberFormat
  private let second: NumberFormat?

  init(_ x: Tensor, _ options: PrintOptions) {
    first = NumberFormat(x.real, options)
    second = x.dtype.isComplex ? NumberFormat(x.imag, options) : nil
  }

  /// Characters of an element.
  var width: Int { second.map { first.width + $0.width + 1 } ?? first.width }

  /// The elements of a tensor of at most one dim.
  func text(_ x: Tensor) -> [String] {
    guard let second else { return first.text(x) }
    return zip(first.text(x.real), second.text(x.imag)).map { re, im in
      let part = im.drop { $0 == " " }
      return re + (part.hasPrefix("-") ? "" : "+") + part + "j"
    }
  }
}

/// One format for all elements of a tensor, so that they stand in columns.
private struct NumberFormat {
  private enum Style { case bool, integer, whole, fixed, scientific }
  private var style = Style.whole
  private let precision: Int
  /// Characters of the widest element.
  private(set) var width = 1

  init(_ x: Tensor, _ options: PrintOptions) {
    precision = options.precision
    if !x.dtype.isFloatingPoint {
      style = x.dtype == .bool ? .bool : .integer
    } else {
      let values = x.array(Double.self).filter { $0.isFinite && $0 != 0 }
      if let first = values.first {
        var (low, high) = (abs(first), abs(first))
        for value in values { (low, high) = (min(low, abs(value)), max(high, abs(value))) }
        let isWhole = values.allSatisfy { $0 == $0.rounded(.up) }
        let isWide = high / low > 1000 || high > 1e8 || !isWhole && low < 1e-4
        style = isWide ? .scientific : isWhole ? .whole : .fixed
        width = max(width, values.map { written($0).count }.max()!)
        if let scientific = options.scientific { style = scientific ? .scientific : isWhole ? .whole : .fixed }
      }
      return
    }
    width = max(width, text(x).map(\.count).max() ?? 1)
  }

  /// The elements of a tensor of at most one dim, padded to the width.
  func text(_ x: Tensor) -> [String] {
    let raw: [String] =
      switch style {
      case .bool: x.array(Bool.self).map { $0 ? "True" : "False" }
      case .integer: x.array(Int.self).map(String.init)
      default: x.array(Double.self).map(written)
      }
    return raw.map { String(repeating: " ", count: max(width - $0.count, 0)) + $0 }
  }

  private func written(_ value: Double) -> String {
    if !value.isFinite { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    switch style {
    case .scientific: return printed("%.\(precision)e", value)
    case .fixed: return printed("%.\(precision)f", value)
    default: return printed("%.0f", value) + "."
    }
  }

  private func printed(_ format: String, _ value: Double) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
      withVaList([value]) { _ = vsnprintf(buffer.baseAddress!, buffer.count, format, $0) }
      return String(cString: buffer.baseAddress!)
    }
  }
}
