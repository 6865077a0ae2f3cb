// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "swift-mtls", path: ".."),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        .executableTarget(
            name: "TokenRate",
            dependencies: [
                .product(name: "MTLSClient", package: "swift-mtls"),
                .product(name: "MTLSTestKit", package: "swift-mtls"),
                .product(name: "CountingModule", package: "swift-mtls"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(
            name: "LoopGap",
            dependencies: [
                .product(name: "MTLSClient", package: "swift-mtls"),
                .product(name: "MTLSTestKit", package: "swift-mtls"),
                .product(name: "CountingModule", package: "swift-mtls"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)
