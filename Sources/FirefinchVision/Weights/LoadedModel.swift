import Firefinch
import Foundation

/// A model with weights from a file, and what belongs to it: class names and how pictures are prepared.
public struct LoadedModel {
  public let name: String
  public let network: any VisionNetwork
  public let task: VisionTask
  /// The classes' names in the order of the logits; empty when the file does not tell.
  public var categories: [String]
  public var preprocessing: VisionPreprocessing
  /// The file the weights came from.
  public let path: String
  /// Keys that were left as drawn: a replaced head's, and in non-strict loading those that the file lacks.
  public let fresh: [String]
  /// Keys of the file that the model does not have (non-strict loading).
  public let unused: [String]
}

extension LoadedModel {
  /// A model with fresh weights for the given classes. Throws `VisionError` for an unknown name.
  public init(fresh name: String, categories: [String]) throws {
    let network = try VisionModels.make(name, numClasses: categories.count)
    let entry = VisionModels.entry(name)!
    self.init(
      name: name, network: network, task: entry.task, categories: categories,
      preprocessing: entry.weights.last?.preprocessing ?? VisionPreprocessing(crop: 224), path: "",
      fresh: network.stateDict().keys, unused: [])
  }
}

extension VisionModels {
  /// A model with weights.
  ///
  /// - Parameters:
  ///   - name: a model of `list()`; nil takes the one that the file names (safetensors files of `firefinch finetune` do).
  ///   - weights: a path (.pth or .pt of either format, .safetensors), an address (http, https, file), `default` for the best
  ///     published weights or their name such as `IMAGENET1K_V1`, found in PyTorch's cache folder or fetched into it.
  ///   - numClasses: the classes of the model; by default those of the file. Another number than the file's needs `newHead`.
  ///   - strict: whether keys that are missing or not known are errors; wrong shapes always are.
  ///   - newHead: draw the layers whose size depends on the number of classes anew, when it differs: for fine-tuning.
  /// - Throws: `VisionError`, `FileError` or `StateDictError`, one sentence each.
  public static func load(
    _ name: String? = nil, weights: String, numClasses: Int? = nil, strict: Bool = true, newHead: Bool = false,
    report: Download.Report? = nil
  ) throws -> LoadedModel {
    if let name, entry(name) == nil { throw unknown(name) }
    let (path, published) = try locate(weights, of: name, report: report)
    let metadata = try WeightsMetadata(file: path)
    guard let name = name ?? metadata.model else {
      throw VisionError("\(path): the file does not say which model it is for; name one of 'firefinch models'")
    }
    guard let entry = entry(name) else { throw unknown(name) }
    let state = entry.adaptState(try StateDict.load(from: path))
    let publishedCount = published.flatMap { $0.categories.isEmpty ? nil : $0.categories.count }
    let head = headSize(of: state)
    if let named = metadata.categories?.count, let head, named != head {
      throw VisionError("\(path): it names \(named) classes, but its head has \(head)")
    }
    let classes = numClasses ?? metadata.categories?.count ?? publishedCount ?? head
    let drawn = !strict || newHead
    func fresh() throws -> any VisionNetwork {
      try make(
        name, numClasses: classes, imageSize: entry.imageSize(state),
        auxiliary: state.keys.contains { $0.hasPrefix("aux") || $0.hasPrefix("AuxLogits") },
        isPublished: published != nil)
    }
    let network = try drawn ? fresh() : Init.skipped(fresh)
    let replaced = newHead ? headKeys(of: state, in: network.stateDict()) : []
    let kept = StateDict(state.pairs.filter { !replaced.contains($0.0) })
    let loaded: Module.LoadReport
    do { loaded = try network.loadStateDict(kept, strict: strict && replaced.isEmpty) } catch let error
      as StateDictError
    {
      throw VisionError("\(path): \(error)")
    }
    if strict, !replaced.isEmpty, Set(loaded.missing) != Set(replaced) || !loaded.unexpected.isEmpty {
      throw VisionError("\(path): does not fit \(name) beyond its head: \(difference(loaded, replaced))")
    }
    // What preset the file was trained with cannot be told from weights alone; the published weights' first is the best guess.
    let known = published ?? entry.weights.first
    let outputs = classes ?? (entry.task == .classification ? 1000 : 21)
    let names = metadata.categories ?? known?.categories ?? []
    return LoadedModel(
      name: name, network: network, task: entry.task, categories: names.count == outputs ? names : [],
      preprocessing: metadata.preprocessing ?? known?.preprocessing ?? VisionPreprocessing(crop: 224), path: path,
      fresh: loaded.missing, unused: loaded.unexpected)
  }

  static func unknown(_ name: String) -> VisionError {
    let near = list().filter { $0.hasPrefix(name.prefix(4)) }.prefix(8)
    return VisionError(
      "no vision model is called '\(name)'"
        + (near.isEmpty ? "; 'firefinch models' lists them" : "; near it are \(near.joined(separator: ", "))"))
  }

  /// The weights' file, and its entry when it is a published one.
  private static func locate(
    _ weights: String, of name: String?, report: Download.Report?
  ) throws -> (path: String, published: VisionWeights?) {
    let all = name.flatMap(entry)?.weights ?? []
    if let published = weights == "default" ? all.last : all.first(where: { $0.name == weights }) {
      do { return (try published.cachedFile(report: report), published) } catch let error as FileError {
        let present = all.filter { access("\(WeightsCache.folder)/\($0.file)", F_OK) == 0 }.map(\.name)
        if present.isEmpty { throw error }
        throw VisionError("\(error); the cache has \(present.joined(separator: ", ")), which can be named instead")
      }
    }
    if weights == "default" {
      throw VisionError("\(name ?? "no model named"): there are no published weights; name a file")
    }
    if weights.contains("://") {
      let file = WeightsCache.fileName(of: weights)
      return (try WeightsCache.file(for: weights, report: report), all.first { $0.file == file })
    }
    let file = weights.split(separator: "/").last.map(String.init) ?? weights
    return (weights, all.first { $0.file == file })
  }

  /// The number of classes of a file that does not name them: every model's last tensor is its head's bias, or the head itself.
  private static func headSize(of state: StateDict) -> Int? {
    guard let tensor = state.pairs.last?.1, tensor.rank > 0, tensor.size(0) > 0 else { return nil }
    return tensor.size(0)
  }

  /// Keys of layers whose size is the number of classes: same rank, other first dim, which is the same number in all of them.
  static func headKeys(of source: StateDict, in target: StateDict) -> [String] {
    let differing = source.pairs.filter { key, tensor in
      guard let own = target[key], own.rank == tensor.rank, own.rank > 0 else { return false }
      return own.shape != tensor.shape && Array(own.shape.dropFirst()) == Array(tensor.shape.dropFirst())
    }
    let sizes = Set(differing.map { [$0.1.size(0), target[$0.0]!.size(0)] })
    return sizes.count == 1 ? differing.map(\.0) : []
  }

  private static func difference(_ loaded: Module.LoadReport, _ replaced: [String]) -> String {
    let missing = loaded.missing.filter { !replaced.contains($0) }
    func some(_ keys: [String]) -> String { keys.prefix(4).joined(separator: ", ") + (keys.count > 4 ? ", …" : "") }
    var parts: [String] = []
    if !missing.isEmpty { parts.append("\(missing.count) keys are missing (\(some(missing)))") }
    if !loaded.unexpected.isEmpty {
      parts.append("\(loaded.unexpected.count) are not known (\(some(loaded.unexpected)))")
    }
    return parts.joined(separator: ", ")
  }
}
