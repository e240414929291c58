/// A typeface of strokes for printable ASCII, drawn for this project: lines and curves that stay smooth at any size.
///
/// Units: capitals are 18 high; y counts down from the top of capitals (0) over the top of small letters (6) and the
/// baseline (18) to the tails (24); x counts from the left edge.
package enum StrokeFont {
  static let capHeight = 18.0
  /// Space between two letters.
  static let spacing = 5.5

  package struct Glyph: Sendable {
    package var width: Double
    /// Points as (x, y).
    package var strokes: [[SIMD2<Double>]]
  }

  /// The glyph of a character; a question mark for what is not printable ASCII.
  package static func glyph(_ character: Character) -> Glyph { glyphs[character] ?? glyphs["?"]! }

  /// Width of a line of text in units, without the space after the last letter.
  package static func width(_ text: some StringProtocol) -> Double {
    text.isEmpty ? 0 : text.reduce(-spacing) { $0 + glyph($1).width + spacing }
  }

  /// Strokes of a glyph, separated by spaces. The first letter says how points are joined: `-` by straight lines, `~` by a
  /// curve through them, `o` by a closed curve. A point is two digits of base 36: x, then y.
  private static let outlines: [Character: String] = [
    "0": "o50a5ad5i0d05", "1": "-23606i", "2": "~0450a5790i -0iai", "3": "~03509458 -3858 ~58ad5i0f",
    "4": "-8i800cac", "5": "-901008 ~0856ac5i0f", "6": "~9250070c5iac570c", "7": "-00a03i",
    "8": "o50945814 o58ad5i0d", "9": "~a65b0650a6ab5i1g", "A": "-0i60ci -2cac",
    "B": "-0i0060 ~60a468 -0868 ~68bd6i -6i0i", "C": "~c460050d6ice", "D": "-4i0i0040 ~40c6cc4i",
    "E": "-a0000iai -0888", "F": "-a0000i -0888", "G": "~c460050d6ice -ceca7a", "H": "-000i -c0ci -08c8",
    "I": "-000i", "J": "-707d ~7d3i0e", "K": "-000i -b00b -47ci", "L": "-000iai", "M": "-0i007ce0ei",
    "N": "-0i00cic0", "O": "o70e5ed7i0d05", "P": "-0i0060 ~60b56a -6a0a", "Q": "o70e5ed7i0d05 -9dei",
    "R": "-0i0060 ~60b56a -6a0a -6abi", "S": "~b4601469bd6i0e", "T": "-00c0 -606i", "U": "-000c ~0c6icc -ccc0",
    "V": "-006ic0", "W": "-004i84cig0", "X": "-00ci -c00i", "Y": "-0069c0 -696i", "Z": "-00c00ici",
    "a": "o56ac5i0c -a6ai", "b": "-000i o56ac5i0c", "c": "~a8560c5iag", "d": "-a0ai o56ac5i0c",
    "e": "-0cac ~ac560c5i9g", "f": "~703124 -242i -0656", "g": "o56ac5i0c -a6ak ~ak5o0m", "h": "-000i ~0b56ab -abai",
    "i": "-060i -0101", "j": "-363k ~3k2n0o -3131", "k": "-000i -860d -3a9i", "l": "-000e ~0e1h4i",
    "m": "-060i ~0a468a -8a8i ~8ac6ga -gagi", "n": "-060i ~0b56ab -abai", "o": "o56ac5i0c", "p": "-060o o56ac5i0c",
    "q": "-a6ao o56ac5i0c", "r": "-060i ~0b3776", "s": "~8846094c8f4i0g", "t": "-212e ~2e4i7h -0666",
    "u": "-060d ~0d5iad -a6ai", "v": "-065ia6", "w": "-063i78bie6", "x": "-069i -960i", "y": "-065i -a62o",
    "z": "-06960i9i", "!": "-000c -0i0i", "\"": "-0005 -4045", "#": "-402i -a08i -06c6 -0ccc",
    "$": "~b4601469bd6i0e -606i", "%": "-c00i o30633603 o9ccf9i6f", "&": "~ci47336084480d4i9gcb", "'": "-0005",
    "(": "~40060d4j", ")": "~00464d0j", "*": "-404a -0387 -8307", "+": "-555f -0aaa", ",": "-1h0l", "-": "-0b6b",
    ".": "-0i0i", "/": "-800k", ":": "-0808 -0i0i", ";": "-1818 -1h0l", "<": "-940a9g", "=": "-07a7 -0dad",
    ">": "-049a0g", "?": "~0450955a -5a5d -5i5i", "@": "o75a97d49 ~a5adebe670060d7jcg", "[": "-40000k4k",
    "\\": "-008k", "]": "-00404k0k", "^": "-064086", "_": "-0lcl", "`": "-0034", "{": "~5031380a ~0a3c3i5k",
    "|": "-000l", "}": "~0021285a ~5a2c2i0k", "~": "~0c397ca9",
  ]

  private static let glyphs: [Character: Glyph] = {
    var result: [Character: Glyph] = [" ": Glyph(width: 3, strokes: [])]
    for (character, outline) in outlines {
      let strokes = outline.split(separator: " ").map(decode)
      let right = strokes.joined().map(\.x).max() ?? 0
      // All digits are as wide, so that numbers stand under one another.
      result[character] = Glyph(width: character.isNumber ? 10 : right.rounded(.up), strokes: strokes)
    }
    return result
  }()

  private static func decode(_ stroke: Substring) -> [SIMD2<Double>] {
    let numbers = stroke.dropFirst().map { Double($0.hexDigitValue ?? 10 + Int($0.asciiValue! - 97)) }
    let points = stride(from: 0, to: numbers.count - 1, by: 2).map { SIMD2(numbers[$0], numbers[$0 + 1]) }
    switch stroke.first {
    case "~": return smooth(points, closed: false)
    case "o": return smooth(points, closed: true)
    default: return points
    }
  }

  /// A Catmull-Rom curve through the points, as short lines.
  private static func smooth(_ points: [SIMD2<Double>], closed: Bool) -> [SIMD2<Double>] {
    let n = points.count, steps = 8
    func at(_ i: Int) -> SIMD2<Double> { closed ? points[(i + n) % n] : points[min(max(i, 0), n - 1)] }
    var result = [points[0]]
    for i in 0..<(closed ? n : n - 1) {
      let (a, b, c, d) = (at(i - 1), at(i), at(i + 1), at(i + 2))
      for step in 1...steps {
        let t = Double(step) / Double(steps)
        let linear = (c - a) * t
        let square = (2 * a - 5 * b + 4 * c - d) * (t * t)
        let cube = (3 * b - a - 3 * c + d) * (t * t * t)
        result.append(b + 0.5 * (linear + square + cube))
      }
    }
    return result
  }
}
