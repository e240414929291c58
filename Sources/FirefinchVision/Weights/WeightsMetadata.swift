import Firefinch

/// What a safetensors file of fine-tuned weights says of itself, so that it can be used without further options.
public struct WeightsMetadata: Sendable, Equatable {
  /// A name of `VisionModels.array()`.
  public var model: String?
  /// The classes' names in the order of the logits.
  public var categories: [String]?
  public var preprocessing: VisionPreprocessing?

  public init(model: String? = nil, categories: [String]? = nil, preprocessing: VisionPreprocessing? = nil) {
    (self.model, self.categories, self.preprocessing) = (model, categories, preprocessing)
  }

  /// Reads what `dictionary` wrote; other files give nothing. Throws `FileError` for damaged ones.
  public init(file path: String) throws {
    let found = try Safetensors.isSafetensors(path) ? Safetensors.metadata(path) : [:]
    model = found["firefinch.model"]
    func value(_ key: String) throws -> JSONValue? {
      guard let text = found["firefinch.\(key)"] else { return nil }
      do { return try JSONValue.parse(text) } catch {
        throw FileError(path: path, message: "the metadata firefinch.\(key) cannot be read: \(error)")
      }
    }
    categories = try value("categories")?.elements?.compactMap(\.text)
    if categories?.isEmpty == true { categories = nil }
    if let preset = try value("preprocessing") {
      func numbers(_ key: String) -> [Double]? { preset[key]?.elements?.compactMap(\.number) }
      guard let resize = preset["resize"]?.integer, let mean = numbers("mean"), let std = numbers("std"),
        let interpolation = preset["interpolation"]?.text.flatMap(VisionPreprocessing.Interpolation.init),
        resize > 0, mean.count == 3, std.count == 3
      else {
        throw FileError(
          path: path,
          message:
            "the metadata firefinch.preprocessing is not whole; expected resize, crop, interpolation, mean and std")
      }
      preprocessing = VisionPreprocessing(
        crop: preset["crop"]?.integer, resize: resize, interpolation: interpolation, mean: mean, std: std)
    }
  }

  /// For a safetensors header.
  public var dictionary: [String: String] {
    var result = ["format": "pt"]
    result["firefinch.model"] = model
    if let categories { result["firefinch.categories"] = JSONValue.array(categories.map { .string($0) }).serialized }
    if let preset = preprocessing {
      result["firefinch.preprocessing"] =
        JSONValue.record([
          ("resize", .int(preset.resizeSize)), ("crop", preset.cropSize.map { .int($0) } ?? .null),
          ("interpolation", .string(preset.interpolation.rawValue)), ("mean", .array(preset.mean.map { .double($0) })),
          ("std", .array(preset.std.map { .double($0) })),
        ]).serialized
    }
    return result
  }
}
