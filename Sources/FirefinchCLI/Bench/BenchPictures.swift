import ArgumentParser
import Firefinch
import FirefinchVision
import Foundation

/// Reading pictures for a classifier: decoding, decoding and preparing, and a whole pass of a loader with two workers.
enum BenchPictures {
  static func make(_ name: String, folder: String?, batch: Int) throws -> BenchWork? {
    guard let folder else { throw ValidationError("\(name) needs --pictures FOLDER, with JPEG pictures in it") }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let paths = names.filter { $0.hasSuffix(".jpg") }.sorted().map { "\(folder)/\($0)" }
    if paths.isEmpty { throw CommandFailure("\(folder): no files that end with .jpg are in it") }
    let preset = VisionPreprocessing(crop: 224)
    func read(_ path: String) throws -> Tensor { try Image.read(path, mode: .rgb).tensor }
    switch name {
    case "pictures-decode": return BenchWork(trains: false) { try paths.map(read).last! }
    case "pictures-prepare": return BenchWork(trains: false) { try paths.map { preset(try read($0)) }.last! }
    case "pictures-load":
      let list = PictureList(paths.map { ($0, 0) }, transform: { preset($0) })
      let loader = DataLoader(list, batchSize: batch, workers: 2, collate: collatePictures)
      return BenchWork(trains: false) {
        let batches = loader.makeIterator()
        var last = Tensor.zeros([1])
        while let batch = try batches.next() { last = batch[0] }
        return last
      }
    default: return nil
    }
  }
}
