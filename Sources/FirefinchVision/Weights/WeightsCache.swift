import Firefinch
import Foundation

/// Where downloaded weights are kept: the folder that PyTorch uses, so that files fetched by either serve both.
public enum WeightsCache {
  /// `$TORCH_HOME/hub/checkpoints`, where TORCH_HOME is by default `$XDG_CACHE_HOME/torch` or `~/.cache/torch`. Same as
  /// `torch.hub.get_dir() + "/checkpoints"`.
  public static var folder: String {
    let environment = ProcessInfo.processInfo.environment
    let home = environment["HOME"] ?? NSHomeDirectory()
    func set(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let torch = set("TORCH_HOME") ?? (set("XDG_CACHE_HOME") ?? home + "/.cache") + "/torch"
    return (torch.hasPrefix("~/") ? home + torch.dropFirst() : torch) + "/hub/checkpoints"
  }

  /// The path of a file from `url` in the cache; fetched first when it is not there. The hash that torchvision's file names end
  /// with (`resnet50-0676ba61.pth`) is checked after downloading. Throws `FileError`.
  /// Like `torch.hub.load_state_dict_from_url`.
  public static func file(for url: String, report: Download.Report? = nil) throws -> String {
    let name = fileName(of: url)
    if name.isEmpty || name == "." || name == ".." {
      throw FileError(
        path: url, message: "the address names no file; expected one such as https://host/model-0123abcd.pth")
    }
    let path = folder + "/" + name
    if access(path, F_OK) == 0 { return path }
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw FileError(
        path: folder, message: "the cache folder cannot be made; set TORCH_HOME to a folder that can be written")
    }
    try Download.fetch(url, to: path, hashPrefix: hashPrefix(ofFile: name), report: report)
    return path
  }

  /// The last part of the address, without query and fragment.
  static func fileName(of url: String) -> String {
    let bare = url.prefix { $0 != "?" && $0 != "#" }
    return bare.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
  }

  /// The hexadecimal digits between a file name's last hyphen and its suffix, such as `0676ba61`; "" when there are none.
  static func hashPrefix(ofFile name: String) -> String {
    guard let hyphen = name.lastIndex(of: "-"), let dot = name[hyphen...].firstIndex(of: ".") else { return "" }
    let digits = name[name.index(after: hyphen)..<dot]
    return digits.count >= 6 && digits.allSatisfy { $0.isHexDigit && !$0.isUppercase } ? String(digits) : ""
  }
}

extension VisionWeights {
  /// The file in the cache, fetched first when it is not there.
  public func cachedFile(report: Download.Report? = nil) throws -> String {
    try WeightsCache.file(for: url, report: report)
  }
}
