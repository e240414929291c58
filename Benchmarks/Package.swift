// swift-tools-version:6.1
import PackageDescription

let package = Package(
  name: "firefinch-benchmarks",
  dependencies: [.package(name: "firefinch", path: "..")],
  targets: [
    .executableTarget(
      name: "bench",
      dependencies: [
        .product(name: "Firefinch", package: "firefinch"), .product(name: "FirefinchVision", package: "firefinch"),
      ])
  ],
  swiftLanguageModes: [.v6])
