import FirefinchCore

/// Einstein's summation: dims with one label are multiplied together, labels that the result does not name are summed.
///
/// A label is a number: 0 to 51 for A–Z and a–z, 52 and more for the dims an ellipsis stands for, counted from the
/// right so that they broadcast.
private struct Einsum {
  static let ellipsisLabels = 52

  var inputs: [[Int]] = []
  var output: [Int] = []
  /// Size of each label.
  var sizes: [Int: Int] = [:]

  /// One subscript: labels, and where an ellipsis stands.
  private static func parse(_ text: Substring, _ equation: String) throws -> (labels: [Int], ellipsis: Int?) {
    var labels: [Int] = []
    var ellipsis: Int?
    var dots = 0
    for character in text where character != " " {
      if character == "." {
        if dots == 0 {
          if ellipsis != nil {
            throw TensorError.value("einsum: '\(text)' in '\(equation)' has more than one ellipsis")
          }
          ellipsis = labels.count
        }
        dots += 1
        continue
      }
      if dots % 3 != 0 { break }
      guard let code = character.asciiValue, character.isLetter else {
        throw TensorError.value(
          "einsum: '\(character)' in '\(equation)' is not a label, expected letters, '...', ',' and '->'")
      }
      labels.append(code >= 97 ? Int(code) - 97 + 26 : Int(code) - 65)
    }
    if dots != 0 && dots != 3 {
      throw TensorError.value("einsum: '\(text)' in '\(equation)': an ellipsis is three dots")
    }
    return (labels, ellipsis)
  }

  private static func name(_ label: Int) -> String {
    if label >= ellipsisLabels { return "..." }
    return String(UnicodeScalar(UInt8(label >= 26 ? label - 26 + 97 : label + 65)))
  }

  init(_ equation: String, _ shapes: [Shape]) throws {
    var left = Substring(equation)
    var right: Substring?
    if let dash = equation.firstIndex(of: "-") {
      let next = equation.index(after: dash)
      guard next < equation.endIndex, equation[next] == ">" else {
        throw TensorError.value("einsum: '-' in '\(equation)' must be part of '->'")
      }
      left = equation[..<dash]
      right = equation[equation.index(after: next)...]
    }
    let terms = left.split(separator: ",", omittingEmptySubsequences: false)
    if terms.count != shapes.count {
      throw TensorError.value("einsum: '\(equation)' names \(terms.count) operands, got \(shapes.count) tensors")
    }
    var most = 0
    for (i, (term, shape)) in zip(terms, shapes).enumerated() {
      var (labels, ellipsis) = try Einsum.parse(term, equation)
      let extra = shape.count - labels.count
      if extra < 0 || (extra > 0 && ellipsis == nil) {
        throw TensorError.shape(
          "einsum: '\(term)' in '\(equation)' names \(labels.count) dims, but operand \(i) has shape \(shape)")
      }
      if let ellipsis {
        labels.insert(contentsOf: (0..<extra).map { Einsum.ellipsisLabels + extra - 1 - $0 }, at: ellipsis)
        most = Swift.max(most, extra)
      }
      for (dim, label) in labels.enumerated() {
        let (size, known) = (shape[dim], sizes[label] ?? 1)
        if known != 1 && size != 1 && known != size {
          throw TensorError.shape(
            "einsum: label '\(Einsum.name(label))' of '\(equation)' has size \(known) and, in operand \(i) of "
              + "shape \(shape), "
              + "\(size); sizes must be equal or 1")
        }
        sizes[label] = known == 1 ? size : known
      }
      inputs.append(labels)
    }
    let dots = (0..<most).map { Einsum.ellipsisLabels + most - 1 - $0 }
    guard let right else {
      // Without '->': the ellipsis, then all labels that appear once, in alphabetical order.
      let all = inputs.flatMap { $0 }
      output = dots + (0..<Einsum.ellipsisLabels).filter { label in all.count { $0 == label } == 1 }
      return
    }
    let (labels, ellipsis) = try Einsum.parse(right, equation)
    output = labels
    if let ellipsis { output.insert(contentsOf: dots, at: ellipsis) }
    for (i, label) in labels.enumerated() {
      if sizes[label] == nil {
        throw TensorError.value("einsum: label '\(Einsum.name(label))' of the result of '\(equation)' is in no operand")
      }
      if labels[..<i].contains(label) {
        throw TensorError.value("einsum: label '\(Einsum.name(label))' appears twice in the result of '\(equation)'")
      }
    }
  }

  /// An operand whose dims have different labels.
  struct Term {
    var tensor: Tensor
    var labels: [Int]

    /// Sums the labels of `gone` out.
    func without(_ gone: Set<Int>) -> Term {
      let dims = labels.indices.filter { gone.contains(labels[$0]) }
      if dims.isEmpty { return self }
      // Sums of integers are int64, as everywhere.
      return Term(tensor: tensor.sum(dim: dims), labels: labels.filter { !gone.contains($0) })
    }

    /// Dims in the order of `order`, all of which it has.
    func permuted(_ order: [Int]) -> Tensor {
      let dims = order.map { label in labels.firstIndex(of: label) ?? 0 }
      return dims == Array(dims.indices) ? tensor : tensor.permute(dims)
    }
  }

  /// The operand with repeated labels reduced to their diagonal, and without the dims of size 1 that only broadcast.
  func term(_ tensor: Tensor, _ labels: [Int]) -> Term {
    var (x, names) = (tensor, labels)
    var i = 0
    while i < names.count {
      if let other = names[(i + 1)...].firstIndex(of: names[i]) {
        let (a, b) = (x.size(i), x.size(other))
        if a == b {
          x = x.diagonal(dim1: i, dim2: other)
          let label = names[i]
          names.remove(at: other)
          names.remove(at: i)
          names.append(label)
        } else {
          // One of them has size 1 and broadcasts.
          let gone = a == 1 ? i : other
          x = x.squeeze(dim: gone)
          names.remove(at: gone)
        }
        continue
      }
      if x.size(i) == 1 && sizes[names[i]] != 1 {
        x = x.squeeze(dim: i)
        names.remove(at: i)
        continue
      }
      i += 1
    }
    return Term(tensor: x, labels: names)
  }

  /// The product of two terms, summed over the labels that are in neither `kept` nor missing in one of them.
  func product(_ a: Term, _ b: Term, keeping kept: Set<Int>) -> Term {
    let (inA, inB) = (Set(a.labels), Set(b.labels))
    // What only one side has and nobody wants is summed before, which is cheaper.
    var left = a.without(inA.subtracting(inB).subtracting(kept))
    var right = b.without(inB.subtracting(inA).subtracting(kept))
    if left.tensor.dtype != right.tensor.dtype {
      let common = DType.promote(left.tensor.dtype, right.tensor.dtype)
      (left.tensor, right.tensor) = (left.tensor.to(common), right.tensor.to(common))
    }
    let batch = left.labels.filter { inB.contains($0) && kept.contains($0) }
    let summed = left.labels.filter { inB.contains($0) && !kept.contains($0) }
    let rows = left.labels.filter { !inB.contains($0) }
    let columns = right.labels.filter { !inA.contains($0) }
    func count(_ labels: [Int]) -> Int { labels.reduce(1) { $0 * (sizes[$1] ?? 1) } }
    let all = batch + rows + columns
    if summed.isEmpty {
      // No sum: a broadcast product.
      let x = left.permuted(batch + rows).reshape(Shape((batch + rows).map { sizes[$0] ?? 1 } + columns.map { _ in 1 }))
      let y = right.permuted(batch + columns).reshape(
        Shape(batch.map { sizes[$0] ?? 1 } + rows.map { _ in 1 } + columns.map { sizes[$0] ?? 1 }))
      return Term(tensor: x * y, labels: all)
    }
    let x = left.permuted(batch + rows + summed)
    let y = right.permuted(batch + summed + columns)
    let product: Tensor
    if batch.isEmpty {
      product = x.reshape([count(rows), count(summed)]).mm(y.reshape([count(summed), count(columns)]))
    } else {
      product = x.reshape([count(batch), count(rows), count(summed)])
        .bmm(y.reshape([count(batch), count(summed), count(columns)]))
    }
    return Term(tensor: product.reshape(Shape(all.map { sizes[$0] ?? 1 })), labels: all)
  }

  func run(_ operands: [Tensor]) -> Tensor {
    var terms = zip(operands, inputs).map { term($0, $1) }
    var result = terms.removeFirst()
    let wanted = Set(output)
    while !terms.isEmpty {
      let next = terms.removeFirst()
      result = product(result, next, keeping: terms.reduce(wanted) { $0.union($1.labels) })
    }
    result = result.without(Set(result.labels).subtracting(wanted))
    // Labels of size 1 may have been dropped as broadcasting ones only where another operand kept them.
    let missing = output.filter { !result.labels.contains($0) }
    for label in missing {
      result = Term(tensor: result.tensor.unsqueeze(dim: -1), labels: result.labels + [label])
    }
    return result.permuted(output)
  }
}

extension Tensor {
  /// Sums of products named by an equation such as `"bij,bjk->bik"`: dims with one label go together, labels missing in
  /// the result are summed, a label twice in one operand is its diagonal, `...` stands for any broadcast dims. Operands
  /// are joined from left to right. Same as `torch.einsum`.
  public static func einsum(_ equation: String, _ operands: [Tensor]) -> Tensor {
    ErrorScope.guarding {
      if operands.contains(where: \.isPoisoned) { return ErrorScope.poison() }
      guard let first = operands.first else { throw TensorError.value("einsum: expected at least one tensor") }
      if let bad = operands.first(where: { $0.dtype != first.dtype }) {
        throw TensorError.dtype("einsum: expected tensors of one dtype, got \(first.dtype.name) and \(bad.dtype.name)")
      }
      return try Einsum(equation, operands.map(\.shape)).run(operands)
    }
  }
  /// Sums of products named by an equation. Same as `torch.einsum`.
  public static func einsum(_ equation: String, _ operands: Tensor...) -> Tensor { einsum(equation, operands) }
}
