// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Benchmarks",
    dependencies: [.package(name: "swift-mtls", path: "..")],
    targets: [
        .executableTarget(
            name: "TokenRate",
            dependencies: [
                .product(name: "MTLSClient", package: "swift-mtls"),
                .product(name: "MTLSTestKit", package: "swift-mtls"),
                .product(name: "CountingModule", package: "swift-mtls"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)])
    ]
)
