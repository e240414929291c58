// swift-tools-version:6.1
import PackageDescription

let package = Package(
  name: "firefinch",
  products: [
    .library(name: "Firefinch", targets: ["Firefinch"]),
    .library(name: "FirefinchVision", targets: ["FirefinchVision"]),
    .executable(name: "firefinch", targets: ["FirefinchCLI"]),
    .executable(name: "conformance-runner", targets: ["ConformanceRunner"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(
      name: "CFirefinch",
      linkerSettings: [.linkedLibrary("m"), .linkedLibrary("dl"), .linkedLibrary("pthread"), .linkedLibrary("z")]),
    // Static libraries, so that the program runs where they are not installed.
    .target(
      name: "CFirefinchCodecs",
      linkerSettings: [
        .linkedLibrary(":libjpeg.a"), .linkedLibrary(":libpng16.a"), .linkedLibrary(":libwebpdemux.a"),
        .linkedLibrary(":libwebp.a"), .linkedLibrary(":libgif.a"), .linkedLibrary("z"), .linkedLibrary("m"),
      ]),
    .target(name: "FirefinchCore", dependencies: ["CFirefinch"]),
    .target(name: "FirefinchCPU", dependencies: ["FirefinchCore"]),
    .target(name: "FirefinchTensor", dependencies: ["FirefinchCPU"]),
    .target(name: "FirefinchNN", dependencies: ["FirefinchTensor"]),
    .target(name: "FirefinchData", dependencies: ["FirefinchTensor"]),
    .target(name: "FirefinchIO", dependencies: ["FirefinchTensor", "CFirefinchCodecs"]),
    .target(name: "FirefinchPlot", dependencies: ["FirefinchIO"]),
    .target(name: "Firefinch", dependencies: ["FirefinchNN", "FirefinchData", "FirefinchIO", "FirefinchPlot"]),
    .target(name: "FirefinchVision", dependencies: ["Firefinch"]),
    .executableTarget(
      name: "FirefinchCLI",
      dependencies: ["Firefinch", "FirefinchVision", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(name: "ConformanceRunner", dependencies: ["Firefinch"]),
    .executableTarget(
      name: "TrainClassifier", dependencies: ["Firefinch", "FirefinchVision"], path: "Examples",
      exclude: ["FinetuneClassifier.swift"], sources: ["TrainClassifier.swift"]),
    .executableTarget(
      name: "FinetuneClassifier", dependencies: ["Firefinch", "FirefinchVision"], path: "Examples",
      exclude: ["TrainClassifier.swift"], sources: ["FinetuneClassifier.swift"]),
    .target(name: "FirefinchTestSupport", dependencies: ["Firefinch"]),
    .testTarget(name: "FirefinchCoreTests", dependencies: ["Firefinch", "FirefinchTestSupport"], exclude: ["goldens"]),
    .testTarget(name: "FirefinchTensorTests", dependencies: ["Firefinch", "FirefinchTestSupport"], exclude: ["goldens"]),
    .testTarget(name: "FirefinchNNTests", dependencies: ["Firefinch", "FirefinchTestSupport"], exclude: ["goldens"]),
    .testTarget(name: "FirefinchIOTests", dependencies: ["Firefinch", "FirefinchTestSupport"], exclude: ["goldens"]),
    .testTarget(name: "FirefinchDataTests", dependencies: ["Firefinch", "FirefinchTestSupport"], exclude: ["goldens"]),
    .testTarget(
      name: "FirefinchConformanceTests", dependencies: ["Firefinch", "ConformanceRunner"], exclude: ["goldens"]),
    .testTarget(
      name: "FirefinchVisionTests", dependencies: ["Firefinch", "FirefinchVision", "FirefinchTestSupport"],
      exclude: ["goldens"]),
    .testTarget(
      name: "FirefinchCLITests", dependencies: ["Firefinch", "FirefinchVision", "FirefinchTestSupport"],
      exclude: ["goldens"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11,
  cxxLanguageStandard: .cxx17
)
