import CFirefinch
import Foundation

/// Damage for files: the same in every run.
public enum Damage {
  /// More rounds with other damage, for long runs by hand.
  public static let effort = ProcessInfo.processInfo.environment["FIREFINCH_FUZZ"].flatMap { Int($0) } ?? 1

  /// SplitMix64: the same damage in every run.
  public struct Random: RandomNumberGenerator {
    private var state: UInt64

    public init(_ seed: UInt64) { state = seed + 100 * UInt64(Damage.effort) }

    public mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z >> 31
    }
  }

  /// Bytes lost, added, changed or overwritten.
  public static func damaged(_ whole: [UInt8], _ random: inout Random) -> [UInt8] {
    var raw = whole
    if raw.isEmpty { return raw }
    switch Int.random(in: 0..<8, using: &random) {
    case 0: raw.removeLast(Int.random(in: 1...raw.count, using: &random))
    case 1:
      let start = Int.random(in: 0..<raw.count, using: &random)
      raw.removeSubrange(start..<min(raw.count, start + Int.random(in: 1...8, using: &random)))
    case 2: raw.insert(UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...raw.count, using: &random))
    case 3, 4:
      let at = Int.random(in: 0..<raw.count, using: &random)
      let value: UInt8 = [0, 0xFF, 0x7F, 0x80].randomElement(using: &random)!
      for i in at..<min(raw.count, at + [1, 2, 4, 8].randomElement(using: &random)!) { raw[i] = value }
    case 5:
      for _ in 0..<Int.random(in: 2...6, using: &random) {
        raw[Int.random(in: 0..<raw.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
    default: raw[Int.random(in: 0..<raw.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
    }
    return raw
  }

  /// Gives the chunks of a PNG the checksums of what they hold.
  public static func fixChecksums(_ raw: inout [UInt8]) {
    var at = 8
    while at + 12 <= raw.count {
      let length = (0..<4).reduce(0) { $0 << 8 | Int(raw[at + $1]) }
      if length > raw.count - at - 12 { return }
      let crc = raw.withUnsafeBytes { ff_crc32(0, $0.baseAddress! + at + 4, length + 4) }
      for i in 0..<4 { raw[at + 8 + length + i] = UInt8(truncatingIfNeeded: crc >> (24 - 8 * UInt32(i))) }
      at += 12 + length
    }
  }
}
