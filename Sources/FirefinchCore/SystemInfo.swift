import CFirefinch
import Glibc

/// What the machine offers.
public enum SystemInfo {
  /// A library that Firefinch opens at run time.
  public struct Library: Sendable {
    public let name: String
    public let file: String
    public let version: String
    public let isLoaded: Bool
    /// Why it is not in use; "" when it is.
    public let reason: String
  }

  /// The kernels' instruction set: `avx512`, `avx2` or `sse2`.
  public static var instructionSet: String { String(cString: ff_isa_name()) }

  /// The processor's name as the system gives it.
  public static var processor: String {
    guard let file = fopen("/proc/cpuinfo", "r") else { return "unknown" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    while fgets(&line, 512, file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("model name"), let colon = text.firstIndex(of: ":") {
        return String(text[text.index(after: colon)...].filter { $0 != "\n" }.drop { $0 == " " })
      }
    }
    return "unknown"
  }

  /// The largest memory the process has occupied so far, in bytes.
  public static var peakMemory: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  /// The libraries, in the order they matter.
  public static var libraries: [Library] {
    [FF_LIB_ONEDNN, FF_LIB_OPENBLAS, FF_LIB_GOMP, FF_LIB_CUDA, FF_LIB_CURL].map { which in
      let info = ff_library(Int32(which))
      return Library(
        name: String(cString: info.name), file: String(cString: info.file), version: version(which),
        isLoaded: info.loaded != 0, reason: String(cString: info.reason))
    }
  }

  private static func version(_ which: Int) -> String {
    if which == FF_LIB_ONEDNN, let symbol = ff_library_symbol(Int32(which), "dnnl_version") {
      // struct { int major, minor, patch; … }
      typealias Version = @convention(c) () -> UnsafePointer<Int32>
      let numbers = unsafeBitCast(symbol, to: Version.self)()
      return "\(numbers[0]).\(numbers[1]).\(numbers[2])"
    }
    if which == FF_LIB_OPENBLAS, let symbol = ff_library_symbol(Int32(which), "openblas_get_config") {
      typealias Config = @convention(c) () -> UnsafePointer<CChar>
      return String(cString: unsafeBitCast(symbol, to: Config.self)())
    }
    return ""
  }
}
