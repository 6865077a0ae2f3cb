// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing else depends on AsyncHTTPClient.
let package = Package(
    name: "AHCDriver",
    dependencies: [.package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0")],
    targets: [
        .executableTarget(
            name: "AHCDriver",
            dependencies: [.product(name: "AsyncHTTPClient", package: "async-http-client")],
            swiftSettings: [.swiftLanguageMode(.v6)])
    ]
)
